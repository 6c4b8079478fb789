//! Copying what the provider made into our bucket: its addresses do not last. The same source always goes to the
//! same key, so a copy that is repeated overwrites itself.

use blobs::Blobs;
use domain::generations::{Generation, Media, Output};
use provider::media::{DownloadError, Downloaded};

use crate::{App, Error};

/// What became of a copy.
pub(crate) enum Copied {
    /// All of it is ours.
    All(Vec<Output>),
    /// Some of it can never be fetched.
    Never(String),
    /// Some of it could not be fetched now.
    NotYet(String),
}

/// Copies every source of `job`, one after the other: a function's memory holds one file at a time.
pub(crate) async fn copy(app: &App, job: &Generation) -> Result<Copied, Error> {
    let fal = app.fal().await?;
    let mut outputs = Vec::with_capacity(job.sources.len());
    for (n, source) in job.sources.iter().enumerate() {
        match fal.download(&source.url).await {
            Ok(file) => outputs.push(keep(app, job, n, source, file).await?),
            Err(DownloadError::Permanent(why)) => return Ok(Copied::Never(why)),
            Err(DownloadError::Passing(why)) => return Ok(Copied::NotYet(why)),
        }
    }
    Ok(Copied::All(outputs))
}

async fn keep(
    app: &App,
    job: &Generation,
    n: usize,
    source: &Media,
    file: Downloaded,
) -> Result<Output, Error> {
    let key = Blobs::media_key(&job.tenant, &job.id, n, file.kind.extension());
    let output = Output {
        key,
        content_type: file.kind.content_type().to_owned(),
        size_bytes: file.bytes.len() as u64,
        sha256: file.sha256,
        width: source.width,
        height: source.height,
    };
    app.blobs()
        .put_media(&output.key, &output.content_type, file.bytes.into())
        .await?;
    Ok(output)
}

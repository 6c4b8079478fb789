//! Copying what the provider made into our bucket: its addresses do not last. The same source always goes to the
//! same key, so a copy that is repeated overwrites itself.

use std::time::Duration;

use blobs::Blobs;
use domain::generations::{FailureCode, Generation, Media, Output, Source};
use provider::media::{DownloadError, Downloaded};

use crate::{App, Error, clock};

/// When media that could not be fetched are tried again.
const COPY_RETRY: Duration = Duration::from_secs(20);
/// How long media that cannot be fetched are tried again: the provider keeps a result for an hour at most.
const COPY_PATIENCE: Duration = Duration::from_secs(3_600);

/// Copies what the provider made into our bucket; only then is the job delivered.
pub(super) async fn store_media(app: &App, job: &Generation) -> Result<Option<Generation>, Error> {
    let made_at = job.made_at.or(job.started_at).unwrap_or(job.created_at);
    let is_given_up = clock::now().since(made_at) >= COPY_PATIENCE;
    let mut sources = Vec::with_capacity(job.sources.len());
    for (n, source) in job.sources.iter().enumerate() {
        sources.push(match source {
            Source::Pending { .. } if is_given_up => {
                Source::Withheld(FailureCode::MediaUnavailable)
            }
            Source::Pending { media, .. } => copy(app, job, n, media).await?,
            Source::Copied(_) | Source::Withheld(_) => source.clone(),
        });
    }
    let now = clock::now();
    let copied = job.copying(sources, now.plus(COPY_RETRY));
    Ok(copied.map(|copied| match copied.stored(now) {
        Some(stored) => Generation {
            version: copied.version,
            ..stored
        },
        None => copied,
    }))
}

async fn copy(app: &App, job: &Generation, n: usize, media: &Media) -> Result<Source, Error> {
    match app.fal().await?.download(&media.url).await {
        Ok(file) => Ok(Source::Copied(keep(app, job, n, media, file).await?)),
        Err(DownloadError::Permanent(why)) => {
            tracing::warn!(generation = %job.id, why, "a file can never be fetched");
            Ok(Source::Withheld(FailureCode::MediaUnavailable))
        }
        Err(DownloadError::Passing(why)) => {
            tracing::warn!(generation = %job.id, why, "a file cannot be fetched yet");
            Ok(Source::Pending {
                media: media.clone(),
                progress: None,
            })
        }
    }
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

//! Copying what the provider made into our bucket: its addresses do not last. The same source always goes to the
//! same key, so a copy that is repeated overwrites itself.

use std::time::Duration;

use blobs::Blobs;
use domain::generations::{Generation, Output};

use super::copy_file::{Copier, FileCopied, give_up};
use crate::{App, Error, clock};

/// How long copying may take in one run: it leaves half a minute of the worker's two for what comes before and after.
const RUN_TIME: Duration = Duration::from_secs(90);

/// What became of a copy.
pub(crate) enum Copied {
    /// All of it is ours.
    All(Vec<Output>),
    /// Some of it can never be fetched.
    Never(String),
    /// Some of it could not be fetched now.
    NotYet(String),
}

/// Copies every source of `job`, one after the other: a function's memory holds one part of one file at a time.
pub(crate) async fn copy(app: &App, job: &Generation) -> Result<Copied, Error> {
    let (fal, blobs) = (app.fal().await?, app.blobs());
    let stop_at = clock::now().plus(RUN_TIME);
    let mut outputs = Vec::with_capacity(job.sources.len());
    for (n, source) in job.sources.iter().enumerate() {
        let copier = Copier {
            fal,
            blobs,
            source,
            stop_at,
        };
        let key_of = |extension: &str| Blobs::media_key(&job.tenant, &job.id, n, extension);
        match copier.copy(key_of, None, &mut async |_| Ok(())).await? {
            FileCopied::Done(output) => outputs.push(output),
            FileCopied::Never(why) => return Ok(Copied::Never(why.to_owned())),
            FileCopied::NotYet { progress, why } => {
                // Nobody keeps how far it is, so nobody would go on with it.
                if let Some(progress) = &progress {
                    give_up(blobs, progress).await;
                }
                return Ok(Copied::NotYet(why));
            }
        }
    }
    Ok(Copied::All(outputs))
}

//! Copying the provider's files into our bucket, since their addresses do not last. The same source always
//! goes to the same key, so a repeated copy overwrites itself.
//!
//! Owns the order of the files, the state of each in the job's record, and the time at which files that
//! cannot be fetched are given up. `copy_file` copies one file.

use std::time::Duration;

use aws::Fault;
use domain::Timestamp;
use domain::generations::{CopyProgress, FailureCode, Generation, Media, ProviderFile};

use super::copy_file::{Copier, FileCopied, give_up};
use super::copy_record::CopyRecord;
use crate::{App, Error, clock};

/// The time until media that could not be fetched are tried again.
const COPY_RETRY: Duration = Duration::from_secs(20);

/// The outcome of a run of copying.
pub(super) enum Stored {
    /// The job as it was last written, and the next form to write.
    Next(Box<(Generation, Generation)>),
    /// The record was changed by another worker: read it again.
    RecordMoved,
}

/// Copies the provider's files into our bucket, until `stop_at` at the latest. Only when all are copied is
/// the job delivered. They are copied one after the other, so that a function's memory holds one part of
/// one file.
pub(super) async fn store_media(
    app: &App,
    job: &Generation,
    stop_at: Timestamp,
) -> Result<Stored, Error> {
    let made_at = job.made_at.or(job.started_at).unwrap_or(job.created_at);
    let is_given_up = clock::now().since(made_at) >= app.config.jobs.media_patience;
    let mut record = CopyRecord {
        app,
        job: job.clone(),
    };
    for (place, source) in job.sources.iter().enumerate() {
        let ProviderFile::Pending { media, progress } = source else {
            continue;
        };
        let became = match is_given_up {
            true => give_up_on(app, job, place, progress.as_ref()).await,
            false => copy(&mut record, place, media, progress.clone(), stop_at).await?,
        };
        let is_last = !job
            .sources
            .iter()
            .skip(place + 1)
            .any(ProviderFile::is_pending);
        let kept = match became {
            // The next record is written at once, and includes this file, too.
            Some(source) if is_last => record.note(place, source),
            Some(source) => record.keep(place, source).await?,
            None => false,
        };
        if !kept {
            return Ok(Stored::RecordMoved);
        }
    }
    let (job, now) = (record.job, clock::now());
    let next = job
        .stored(now)
        .unwrap_or_else(|| job.due(Some(now.plus(COPY_RETRY))));
    Ok(Stored::Next(Box::new((job, next))))
}

/// Continues the copy of one file and returns its state, or `None` if another worker changed the record.
async fn copy(
    record: &mut CopyRecord<'_>,
    place: usize,
    media: &Media,
    progress: Option<CopyProgress>,
    stop_at: Timestamp,
) -> Result<Option<ProviderFile>, Fault> {
    let (app, id) = (record.app, record.job.id.clone());
    let copier = Copier {
        fal: app.fal().await?,
        blobs: app.blobs(),
        source: media,
        place,
        stop_at,
    };
    Ok(match copier.copy(progress, record).await? {
        FileCopied::Done(output) => Some(ProviderFile::Copied(output)),
        FileCopied::Never(why) => {
            tracing::warn!(generation = %id, place, why, "a file is withheld");
            Some(ProviderFile::Withheld(FailureCode::MediaUnavailable))
        }
        FileCopied::NotYet { progress, why } => {
            tracing::warn!(generation = %id, place, why, "a file is not copied yet");
            Some(ProviderFile::Pending {
                media: media.clone(),
                progress,
            })
        }
        FileCopied::RecordMoved => None,
    })
}

/// Withholds a file that could not be fetched in time, so that its owner does not pay for it.
async fn give_up_on(
    app: &App,
    job: &Generation,
    place: usize,
    progress: Option<&CopyProgress>,
) -> Option<ProviderFile> {
    if let Some(progress) = progress {
        give_up(app.blobs(), progress).await;
    }
    tracing::warn!(generation = %job.id, place, "a file could not be fetched in time");
    Some(ProviderFile::Withheld(FailureCode::MediaUnavailable))
}

//! Copying what the provider made into our bucket: its addresses do not last. The same source always goes to
//! the same key, so a copy that is repeated overwrites itself.
//!
//! Owns the order of files, what is kept of each in the job's record, and when those that cannot be fetched
//! are given up. How one file is copied, `copy_file` says.

use std::time::Duration;

use aws::Fault;
use blobs::Blobs;
use domain::Timestamp;
use domain::generations::{CopyProgress, FailureCode, Generation, Media, Source};
use store::Written;

use super::copy_file::{Copier, FileCopied, give_up};
use super::settle::STORING_LEASE;
use crate::{App, Error, clock};

/// How long copying may take in one run: it leaves half a minute of the worker's two
/// for what comes before and after.
pub(super) const RUN_TIME: Duration = Duration::from_secs(90);
/// When media that could not be fetched are tried again.
const COPY_RETRY: Duration = Duration::from_secs(20);

/// What a run of copying came to.
pub(super) enum Stored {
    /// The job as it was written last, and as it is to be written next.
    Next(Box<(Generation, Generation)>),
    /// Its record is another by now: read it again.
    RecordMoved,
}

/// The record of a job whose files are being copied: it is written as they come.
pub(super) struct Record<'a> {
    app: &'a App,
    job: Generation,
}

/// Copies what the provider made into our bucket, until `stop_at` at the latest; only then is the job
/// delivered. Files are copied one after the other, so that a function's memory holds one part of one file.
pub(super) async fn store_media(
    app: &App,
    job: &Generation,
    stop_at: Timestamp,
) -> Result<Stored, Error> {
    let made_at = job.made_at.or(job.started_at).unwrap_or(job.created_at);
    let is_given_up = clock::now().since(made_at) >= app.config.jobs.media_patience;
    let mut record = Record {
        app,
        job: job.clone(),
    };
    for (place, source) in job.sources.iter().enumerate() {
        let Source::Pending { media, progress } = source else {
            continue;
        };
        let became = match is_given_up {
            true => give_up_on(app, job, place, progress.as_ref()).await,
            false => copy(&mut record, place, media, progress.clone(), stop_at).await?,
        };
        let is_last = !job.sources.iter().skip(place + 1).any(Source::is_pending);
        let kept = match became {
            // What comes next is written at once, and says this, too.
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

/// Takes the copy of one file on, and answers what became of it; nothing if the record is another by now.
async fn copy(
    record: &mut Record<'_>,
    place: usize,
    media: &Media,
    progress: Option<CopyProgress>,
    stop_at: Timestamp,
) -> Result<Option<Source>, Fault> {
    let (app, id) = (record.app, record.job.id.clone());
    let copier = Copier {
        fal: app.fal().await?,
        blobs: app.blobs(),
        source: media,
        place,
        stop_at,
    };
    Ok(match copier.copy(progress, record).await? {
        FileCopied::Done(output) => Some(Source::Copied(output)),
        FileCopied::Never(why) => {
            tracing::warn!(generation = %id, place, why, "a file is withheld");
            Some(Source::Withheld(FailureCode::MediaUnavailable))
        }
        FileCopied::NotYet { progress, why } => {
            tracing::warn!(generation = %id, place, why, "a file is not copied yet");
            Some(Source::Pending {
                media: media.clone(),
                progress,
            })
        }
        FileCopied::RecordMoved => None,
    })
}

/// Nobody could fetch a file in time: its owner does not pay for it.
async fn give_up_on(
    app: &App,
    job: &Generation,
    place: usize,
    progress: Option<&CopyProgress>,
) -> Option<Source> {
    if let Some(progress) = progress {
        give_up(app.blobs(), progress).await;
    }
    tracing::warn!(generation = %job.id, place, "a file could not be fetched in time");
    Some(Source::Withheld(FailureCode::MediaUnavailable))
}

impl Record<'_> {
    /// The key of a file in the media bucket.
    pub(super) fn key(&self, place: usize, extension: &str) -> String {
        Blobs::media_key(&self.job.id, place, extension)
    }

    /// Notes what became of a file, without writing it.
    fn note(&mut self, place: usize, source: Source) -> bool {
        match self.job.sources.get_mut(place) {
            Some(noted) => *noted = source,
            None => return false,
        }
        true
    }

    /// Keeps how far a file is, if that is news; says whether the record is still the one that is copied for.
    pub(super) async fn keep(&mut self, place: usize, source: Source) -> Result<bool, Fault> {
        let mut sources = self.job.sources.clone();
        match sources.get_mut(place) {
            Some(kept) if *kept != source => *kept = source,
            Some(_) | None => return Ok(true),
        }
        let Some(next) = self.job.copying(sources, clock::now().plus(STORING_LEASE)) else {
            return Ok(false);
        };
        let written = self.app.store().replace(&next).await?;
        if written == Written::Done {
            self.job = next;
        }
        Ok(written == Written::Done)
    }
}

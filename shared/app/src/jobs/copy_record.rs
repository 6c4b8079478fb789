//! The record of a job while its files are copied. Owns how far each file is, as it is written, and how long
//! a worker has the job for itself; refuses to know how a file is copied.

use std::time::Duration;

use aws::Fault;
use blobs::Blobs;
use domain::generations::{Generation, ProviderFile};
use store::WriteOutcome;

use crate::{App, clock};

/// The time that copying may take in one run. It leaves half a minute of the worker's two for the steps
/// before and after.
pub(super) const RUN_TIME: Duration = Duration::from_secs(90);
/// The time for which a worker that begins to copy media has the job for itself: longer than its function
/// may run.
pub(super) const STORING_LEASE: Duration = Duration::from_secs(150);

/// The record of a job whose files are being copied: it is written as they come.
pub(super) struct CopyRecord<'a> {
    pub(super) app: &'a App,
    pub(super) job: Generation,
}

impl CopyRecord<'_> {
    /// Returns the key of a file in the media bucket.
    pub(super) fn key(&self, place: usize, extension: &str) -> String {
        Blobs::media_key(&self.job.id, place, extension)
    }

    /// Notes what became of a file, without writing it.
    pub(super) fn note(&mut self, place: usize, source: ProviderFile) -> bool {
        match self.job.sources.get_mut(place) {
            Some(noted) => *noted = source,
            None => return false,
        }
        true
    }

    /// Keeps how far a file is, if that is news; says whether the record is still the one that is copied for.
    pub(super) async fn keep(&mut self, place: usize, source: ProviderFile) -> Result<bool, Fault> {
        let mut sources = self.job.sources.clone();
        match sources.get_mut(place) {
            Some(kept) if *kept != source => *kept = source,
            Some(_) | None => return Ok(true),
        }
        let Some(next) = self.job.copying(sources, clock::now().plus(STORING_LEASE)) else {
            return Ok(false);
        };
        let written = self.app.store().replace(&next).await?;
        if written == WriteOutcome::Done {
            self.job = next;
        }
        Ok(written == WriteOutcome::Done)
    }
}

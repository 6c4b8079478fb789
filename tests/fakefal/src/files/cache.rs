//! The files that were drawn last.
//!
//! A client that fetches a file in parts asks for it many times, and a video takes half a second to draw.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::store::Kept;
use crate::{Error, media};

/// The most files that are kept; the largest that can be drawn has a few megabytes.
const KEPT_MAX: usize = 16;

/// A job's id, and the number of a file of it.
type Name = (String, u64);

/// Draws files, and keeps the last ones.
#[derive(Default)]
pub(crate) struct FileCache(Mutex<VecDeque<(Name, media::File)>>);

impl FileCache {
    /// Returns the file `number` of `job`, drawing it if it is not kept.
    pub(super) async fn file(&self, job: Kept, number: u64) -> Result<media::File, Error> {
        let name = (job.request_id.clone(), number);
        let known = self
            .lock()
            .iter()
            .find(|(known, _)| *known == name)
            .cloned();
        if let Some((_, file)) = known {
            return Ok(file);
        }
        let drawing = tokio::task::spawn_blocking(move || media::draw(&job, number));
        let file = drawing
            .await
            .map_err(|problem| Error(problem.to_string()))??;
        let mut files = self.lock();
        files.push_back((name, file.clone()));
        if files.len() > KEPT_MAX {
            files.pop_front();
        }
        Ok(file)
    }

    /// A panic elsewhere left only whole files behind, at most too many of them.
    fn lock(&self) -> MutexGuard<'_, VecDeque<(Name, media::File)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

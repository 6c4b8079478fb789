//! The directory of everything that is kept, which only one process uses at a time.
//!
//! Owns its lock and its layout: `dynamodb.sqlite`, `aws.sqlite`, `objects/`. When nothing is kept,
//! objects go to a temporary directory that is deleted at the end.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::Error;

/// The directory, kept or temporary.
pub(crate) enum Data {
    Kept { directory: PathBuf, _lock: File },
    Temporary(TempDir),
}

impl Data {
    /// Takes a directory for this process, or makes a temporary one.
    pub(crate) fn open(directory: Option<&Path>) -> Result<Self, Error> {
        let Some(directory) = directory else {
            let directory = TempDir::with_prefix("fakeaws-");
            let directory =
                directory.map_err(|cause| Error::doing("make a temporary directory", cause))?;
            return Ok(Self::Temporary(directory));
        };
        let failed = |cause| Error::doing(&format!("use {}", directory.display()), cause);
        std::fs::create_dir_all(directory).map_err(failed)?;
        let lock = File::create(directory.join("lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self::Kept {
                directory: directory.to_owned(),
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => Err(Error::new(format!(
                "the data in {} is in use by another process",
                directory.display()
            ))),
            Err(TryLockError::Error(cause)) => Err(failed(cause)),
        }
    }

    /// A file in the directory; `None` when nothing is kept.
    pub(crate) fn file(&self, name: &str) -> Option<PathBuf> {
        match self {
            Self::Kept { directory, .. } => Some(directory.join(name)),
            Self::Temporary(_) => None,
        }
    }

    /// The directory of objects, which exists even when nothing is kept.
    pub(crate) fn objects(&self) -> PathBuf {
        match self {
            Self::Kept { directory, .. } => directory.join("objects"),
            Self::Temporary(directory) => directory.path().join("objects"),
        }
    }
}

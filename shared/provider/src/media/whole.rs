//! Fetching a file whole.

use std::time::Duration;

use reqwest::StatusCode;
use sha2::{Digest as _, Sha256};

use super::FileKind;
use crate::{Fal, describe};

const FILE_BYTES_MAX: usize = 256 * 1024 * 1024;
/// How long one file may take.
const DOWNLOAD_TIMEOUT: Duration = Duration::from_secs(90);

/// A file, fetched.
#[derive(Debug)]
pub struct Downloaded {
    /// What it is.
    pub kind: FileKind,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// SHA-256 of them, hexadecimal.
    pub sha256: String,
}

/// Why a file could not be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DownloadError {
    /// It never will be.
    Permanent(String),
    /// It may be later.
    Passing(String),
}

impl Fal {
    /// Fetches a file that fal made. Our key is not sent: its media are public.
    ///
    /// # Errors
    /// [`DownloadError`].
    pub async fn download(&self, url: &str) -> Result<Downloaded, DownloadError> {
        let permanent = |what: &str| DownloadError::Permanent(what.to_owned());
        let url =
            reqwest::Url::parse(url).map_err(|_| permanent("the provider named no address"))?;
        // Plain HTTP only from a provider that is itself on plain HTTP: the local one.
        if url.scheme() != "https" && url.scheme() != self.origin.scheme() {
            return Err(permanent(
                "the provider named an address that is not safe to fetch",
            ));
        }
        let sent = self.http.get(url).timeout(DOWNLOAD_TIMEOUT).send().await;
        let mut response = sent.map_err(|error| DownloadError::Passing(describe(&error)))?;
        match response.status() {
            StatusCode::OK => {}
            code if code.is_server_error() || code == StatusCode::TOO_MANY_REQUESTS => {
                return Err(DownloadError::Passing(format!(
                    "the provider's file answered {code}"
                )));
            }
            _ => return Err(permanent("what the provider made could not be fetched")),
        }
        let mut hash = Sha256::new();
        let mut bytes = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| DownloadError::Passing(describe(&error)))?
        {
            if bytes.len() + chunk.len() > FILE_BYTES_MAX {
                return Err(permanent("what the provider made is too large"));
            }
            hash.update(&chunk);
            bytes.extend_from_slice(&chunk);
        }
        let kind = FileKind::of(&bytes)
            .ok_or_else(|| permanent("what the provider made is no known media type"))?;
        Ok(Downloaded {
            kind,
            bytes,
            sha256: hex::encode(hash.finalize()),
        })
    }
}

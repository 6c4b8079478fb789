//! Fetching what fal made, before its address stops working. The bytes say what they are, not the sender.

pub mod digest;

use std::time::Duration;

use reqwest::StatusCode;
use sha2::{Digest as _, Sha256};

use crate::{Fal, describe};

/// The largest file that is fetched: it is held in a function's memory.
const FILE_BYTES_MAX: usize = 256 * 1024 * 1024;
/// How long one file may take.
const DOWNLOAD_TIMEOUT: Duration = Duration::from_secs(90);

/// What a file is, by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// image/png
    Png,
    /// image/jpeg
    Jpeg,
    /// image/webp
    Webp,
    /// image/gif
    Gif,
    /// video/mp4
    Mp4,
    /// video/webm
    Webm,
    /// audio/wav
    Wav,
    /// audio/mpeg
    Mp3,
    /// audio/flac
    Flac,
    /// audio/ogg
    Ogg,
}

impl FileKind {
    /// What a file that starts with `first` is.
    #[must_use]
    pub fn of(first: &[u8]) -> Option<Self> {
        let at = |from: usize, to: usize| first.get(from..to).unwrap_or_default();
        let kind = if first.starts_with(b"\x89PNG\r\n\x1a\n") {
            Self::Png
        } else if first.starts_with(&[0xFF, 0xD8, 0xFF]) {
            Self::Jpeg
        } else if first.starts_with(b"RIFF") && at(8, 12) == b"WEBP" {
            Self::Webp
        } else if first.starts_with(b"RIFF") && at(8, 12) == b"WAVE" {
            Self::Wav
        } else if first.starts_with(b"GIF8") {
            Self::Gif
        } else if at(4, 8) == b"ftyp" {
            Self::Mp4
        } else if first.starts_with(&[0x1A, 0x45, 0xDF, 0xA3]) {
            Self::Webm
        } else if first.starts_with(b"ID3")
            || matches!(first, [0xFF, second, ..] if second & 0xE0 == 0xE0)
        {
            Self::Mp3
        } else if first.starts_with(b"fLaC") {
            Self::Flac
        } else if first.starts_with(b"OggS") {
            Self::Ogg
        } else {
            return None;
        };
        Some(kind)
    }

    /// The media type.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
            Self::Gif => "image/gif",
            Self::Mp4 => "video/mp4",
            Self::Webm => "video/webm",
            Self::Wav => "audio/wav",
            Self::Mp3 => "audio/mpeg",
            Self::Flac => "audio/flac",
            Self::Ogg => "audio/ogg",
        }
    }

    /// The usual end of a file's name.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::Webp => "webp",
            Self::Gif => "gif",
            Self::Mp4 => "mp4",
            Self::Webm => "webm",
            Self::Wav => "wav",
            Self::Mp3 => "mp3",
            Self::Flac => "flac",
            Self::Ogg => "ogg",
        }
    }
}

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

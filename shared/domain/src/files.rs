//! Uploaded files: their types, their sizes, and the checks of their content. Owns the limits and the
//! checks; refuses to know where files are kept.

mod inspection;

use std::time::Duration;

pub use inspection::{FileDefect, Picture, SIDE_PX_MAX, inspect};

use crate::ids::{FileId, Tenant};
use crate::time::Timestamp;

/// The size of the largest file that may be uploaded.
pub const SIZE_BYTES_MAX: u64 = 20 * 1024 * 1024;
/// The most files of one tenant.
pub const FILES_MAX: u32 = 5_000;
/// The age at which a file is deleted whose upload was not completed, counted from its announcement: hours
/// after its URL expired.
pub const UNFINISHED_AFTER: Duration = Duration::from_secs(6 * 60 * 60);
/// The age from which no bytes of a file can arrive any more, counted from its announcement: its URL has
/// expired, and a transfer that had begun is over.
pub const QUIET_AFTER: Duration = Duration::from_secs(30 * 60);
/// The most files that one request may delete.
pub const DELETIONS_MAX: usize = 100;

/// The amount of a tenant's uploads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StorageUsage {
    /// The number of files, including deleted ones until their bytes are gone.
    pub files: u32,
    /// The bytes of those files.
    pub size_bytes: u64,
}

/// The type of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentType {
    /// image/jpeg
    Jpeg,
    /// image/png
    Png,
    /// image/webp
    Webp,
    /// image/gif
    Gif,
    /// video/mp4
    Mp4,
    /// video/webm
    Webm,
}

impl ContentType {
    /// Every type that may be uploaded.
    pub const ALL: [Self; 6] = [
        Self::Jpeg,
        Self::Png,
        Self::Webp,
        Self::Gif,
        Self::Mp4,
        Self::Webm,
    ];

    /// The media type's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Webp => "image/webp",
            Self::Gif => "image/gif",
            Self::Mp4 => "video/mp4",
            Self::Webm => "video/webm",
        }
    }

    /// Returns the type named `text`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// The file name extension of this type.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::Webp => "webp",
            Self::Gif => "gif",
            Self::Mp4 => "mp4",
            Self::Webm => "webm",
        }
    }

    /// Whether it is a picture, still or animated, which a model may take as its reference.
    #[must_use]
    pub const fn is_image(self) -> bool {
        match self {
            Self::Jpeg | Self::Png | Self::Webp | Self::Gif => true,
            Self::Mp4 | Self::Webm => false,
        }
    }

    /// Whether a file that starts with `first` can be of this type.
    #[must_use]
    pub fn matches(self, first: &[u8]) -> bool {
        match self {
            Self::Jpeg => first.starts_with(&[0xFF, 0xD8, 0xFF]),
            Self::Png => first.starts_with(b"\x89PNG\r\n\x1a\n"),
            Self::Webp => first.starts_with(b"RIFF") && first.get(8..12) == Some(b"WEBP"),
            Self::Gif => first.starts_with(b"GIF87a") || first.starts_with(b"GIF89a"),
            Self::Mp4 => first.get(4..8) == Some(b"ftyp"),
            Self::Webm => first.starts_with(&[0x1A, 0x45, 0xDF, 0xA3]),
        }
    }
}

/// The purpose of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilePurpose {
    /// A picture that a generation starts from.
    Reference,
}

impl FilePurpose {
    /// The name in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reference => "reference",
        }
    }

    /// Returns the purpose named `text`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        (text == Self::Reference.as_str()).then_some(Self::Reference)
    }
}

/// Whether the bytes have arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileState {
    /// The upload has not arrived.
    Pending,
    /// The bytes are there and have been checked.
    Ready,
}

impl FileState {
    /// The name in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Ready => "ready",
        }
    }

    /// Returns the state named `text`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Pending, Self::Ready]
            .into_iter()
            .find(|state| state.as_str() == text)
    }
}

/// The SHA-256 of a file's bytes, as 64 lower-case hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sha256Hex(String);

impl Sha256Hex {
    /// Reads `text` as a digest.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (text.len() == 64 && text.bytes().all(hex)).then(|| Self(text.to_owned()))
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An announcement of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announced {
    /// Its purpose.
    pub purpose: FilePurpose,
    /// Its type.
    pub content_type: ContentType,
    /// Its size.
    pub size_bytes: u64,
    /// Its digest.
    pub sha256: Sha256Hex,
}

/// An uploaded file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its id.
    pub id: FileId,
    /// The owner.
    pub tenant: Tenant,
    /// Its purpose.
    pub purpose: FilePurpose,
    /// Its type.
    pub content_type: ContentType,
    /// Its size.
    pub size_bytes: u64,
    /// Its digest.
    pub sha256: Sha256Hex,
    /// Whether the bytes have arrived.
    pub state: FileState,
    /// The size of its picture, once the bytes were inspected; `None` for a video.
    pub picture: Option<Picture>,
    /// When it was announced.
    pub created_at: Timestamp,
}

impl File {
    /// The name under which it is saved; the uploader's own name for it is not known.
    #[must_use]
    pub fn saved_as(&self) -> String {
        format!("{}.{}", self.id, self.content_type.extension())
    }
}

/// A note that a file must be deleted at `due_at`: because its upload was not completed by then, or because
/// its owner deleted it. The note stays until the bytes are gone, too, and the file counts until then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileNote {
    /// The file.
    pub file: FileId,
    /// The owner.
    pub tenant: Tenant,
    /// Its size.
    pub size_bytes: u64,
    /// When it becomes due.
    pub due_at: Timestamp,
}

impl FileNote {
    /// Makes the note that is left with an announcement.
    #[must_use]
    pub fn unfinished(file: &File) -> Self {
        Self {
            file: file.id.clone(),
            tenant: file.tenant.clone(),
            size_bytes: file.size_bytes,
            due_at: file.created_at.plus(UNFINISHED_AFTER),
        }
    }

    /// Makes the note that is left when a file is deleted. While its upload's URL can be used, its bytes
    /// may arrive again.
    #[must_use]
    pub fn deleted(file: &File, now: Timestamp) -> Self {
        Self {
            due_at: now.max(file.created_at.plus(QUIET_AFTER)),
            ..Self::unfinished(file)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_knows_its_own_first_bytes_and_no_other() {
        let samples: [(ContentType, &[u8]); 6] = [
            (ContentType::Jpeg, &[0xFF, 0xD8, 0xFF, 0xE0]),
            (ContentType::Png, b"\x89PNG\r\n\x1a\n...."),
            (ContentType::Webp, b"RIFF\0\0\0\0WEBPVP8 "),
            (ContentType::Gif, b"GIF89a"),
            (ContentType::Mp4, b"\0\0\0\x20ftypisom"),
            (ContentType::Webm, &[0x1A, 0x45, 0xDF, 0xA3, 1]),
        ];
        for (of, bytes) in samples {
            for kind in ContentType::ALL {
                assert_eq!(kind.matches(bytes), kind == of, "{kind:?} against {of:?}");
            }
            assert!(!of.matches(b""), "nothing is not a file");
        }
    }
}

//! The files of a job while they are copied from the provider. Owns the state of each copy; refuses to know
//! how bytes are moved.

use super::{FailureCode, Media, Output, Piece};

/// A file of a job: the provider made or withheld it, and this is its state here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProviderFile {
    /// It must be copied.
    Pending {
        /// The file at the provider.
        media: Media,
        /// The progress of an earlier run, if there is enough to go on from.
        progress: Option<CopyProgress>,
    },
    /// It was copied to our bucket.
    Copied(Output),
    /// It is not delivered, for this reason.
    Withheld(FailureCode),
}

impl ProviderFile {
    /// Whether it must still be copied.
    #[must_use]
    pub const fn is_pending(&self) -> bool {
        match self {
            Self::Pending { .. } => true,
            Self::Copied(_) | Self::Withheld(_) => false,
        }
    }
}

/// The progress of the copy of a large file: everything that the next run needs to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyProgress {
    /// The key of the file in the media bucket.
    pub key: String,
    /// Its media type, by its first bytes.
    pub content_type: String,
    /// S3's id of the unfinished multipart upload.
    pub upload_id: String,
    /// The entity tags of the uploaded parts, in order.
    pub etags: Vec<String>,
    /// The size of these parts together.
    pub copied_bytes: u64,
    /// The state of the digest over these parts.
    pub digest: String,
    /// The entity tag of the source, if its server sends one: the same tag means the same bytes.
    pub source_etag: Option<String>,
    /// The size of the source, if its server reports it.
    pub source_bytes: Option<u64>,
    /// Whether every byte is uploaded, so that the upload only has to be completed.
    pub is_whole: bool,
}

/// A withheld file of a generation that was delivered otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Withheld {
    /// Its place among the files of the generation, from 0.
    pub index: u32,
    /// The reason.
    pub code: FailureCode,
}

impl From<Piece> for ProviderFile {
    fn from(piece: Piece) -> Self {
        match piece {
            Piece::Made(media) => Self::Pending {
                media,
                progress: None,
            },
            Piece::Withheld(code) => Self::Withheld(code),
        }
    }
}

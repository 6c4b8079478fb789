//! The files of a job on their way from the provider to us. Owns how far each one is; refuses to know how bytes are
//! moved.

use super::{FailureCode, Media, Output, Piece};

/// One file that the provider made or withheld, and what became of it here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// It is to be copied.
    Pending {
        /// Where it is at the provider.
        media: Media,
        /// How far an earlier run came, if one came far enough to go on from.
        progress: Option<CopyProgress>,
    },
    /// It is ours.
    Copied(Output),
    /// It is not delivered, for this reason.
    Withheld(FailureCode),
}

/// How far the copy of a large file is: everything that another run needs in order to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyProgress {
    /// The file's key in the media bucket.
    pub key: String,
    /// The file's media type, by its first bytes.
    pub content_type: String,
    /// S3's name of the unfinished upload.
    pub upload_id: String,
    /// S3's tag of each part that is there, in order.
    pub part_etags: Vec<String>,
    /// The size of those parts together.
    pub size_bytes: u64,
    /// The state of the digest over those parts, as the one who computes it writes it down.
    pub digest_state: String,
    /// The provider's tag of the file: the same tag, the same bytes.
    pub source_etag: Option<String>,
}

/// A file of a delivered generation that was not delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Withheld {
    /// Its place among the files of the generation, from 0.
    pub index: u32,
    /// Why.
    pub code: FailureCode,
}

impl From<Piece> for Source {
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

//! The files of a job on their way from the provider to us. Owns how far each one is;
//! refuses to know how bytes are moved.

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

impl Source {
    /// Whether it is still to be copied, or given up.
    #[must_use]
    pub const fn is_pending(&self) -> bool {
        match self {
            Self::Pending { .. } => true,
            Self::Copied(_) | Self::Withheld(_) => false,
        }
    }
}

/// How far the copy of a large file is: everything that another run needs in order to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyProgress {
    /// Where the file goes in the media bucket.
    pub key: String,
    /// Its media type, by its first bytes.
    pub content_type: String,
    /// S3's name of the unfinished upload that its parts are in.
    pub upload_id: String,
    /// The entity tags of the parts that are there, in their order.
    pub etags: Vec<String>,
    /// The size of these parts together.
    pub copied_bytes: u64,
    /// The state of the digest over these parts, to go on from.
    pub digest: String,
    /// The source's entity tag, if its server gives one: the same tag, the same bytes.
    pub source_etag: Option<String>,
    /// The source's size, if its server says so.
    pub source_bytes: Option<u64>,
    /// Whether every byte is there, so that only completing is left.
    pub is_whole: bool,
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

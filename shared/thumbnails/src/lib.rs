//! Scaled-down pictures of what was delivered: a still's thumbnails, a video's poster and its thumbnails.
//!
//! Owns: which formats are read, how large a thumbnail is, and how much memory a picture may take. Every
//! bound is kept before anything is decoded: a file is somebody else's word.
//! Refuses to know where files come from and where thumbnails go: bytes in, bytes out, no clock and no I/O.

use std::panic::catch_unwind;

use thiserror::Error;

mod boxes;
mod costs;
mod frame;
mod h264;
mod shrink;
mod stills;
mod track;
mod video;

pub use frame::{Frame, Thumbnail};
pub use video::{Step, VideoSearch};

/// The longest sides of thumbnails, in pixels.
pub const SIDES: [u32; 3] = [256, 512, 1024];
/// The longest side that a poster may have, in pixels.
pub const POSTER_SIDE: u32 = 1024;
/// How large the file of a still may be.
pub const STILL_BYTES_MAX: usize = 32 * 1024 * 1024;
/// How many pixels a still may have: 24 megapixels.
pub const PIXELS_MAX: u64 = 24_000_000;
/// How much memory a still may take while it is decoded, beside the bytes of its file. It holds 24 megapixels
/// of RGBA, and 4096 × 4096 of lossless WebP, the dearest that is likely.
pub const STILL_MEMORY_BYTES_MAX: u64 = 112 * 1024 * 1024;
/// How much memory a video's first frame may take while it is decoded. It is more than a still's, since no
/// whole file is held beside it.
pub const VIDEO_MEMORY_BYTES_MAX: u64 = 136 * 1024 * 1024;
/// The longest side that a video may have, in pixels.
pub const VIDEO_SIDE_MAX: u32 = 4096;
/// How large a video's index (`moov`) may be.
pub const INDEX_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// How large a video's first frame may be, encoded.
pub const SAMPLE_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// How often a search may ask for bytes. Four times do for a file that any encoder would write.
pub const READS_MAX: u32 = 16;

/// Why there is no picture of a file.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Unsuitable {
    /// Neither a JPEG, a PNG nor a WebP; or neither an MP4 nor a MOV.
    #[error("the file is of no format that is read here")]
    UnknownFormat,
    /// A video that is not H.264 with 8 bits and 4:2:0, frame by frame.
    #[error("the video is of no codec that is read here")]
    UnknownCodec,
    /// More bytes, pixels or memory than are allowed.
    #[error("the file or its picture is too large")]
    TooLarge,
    /// A video that names no frame, or whose frames are not where its index is.
    #[error("the video has no frame that can be found")]
    NoFrame,
    /// A file that is cut, or that contradicts itself or its format.
    #[error("the file is damaged")]
    Damaged,
}

/// The picture in a JPEG, a PNG or a WebP: the first one, if it is animated. A profile of colours is
/// ignored, and 16 bits become 8.
///
/// # Errors
/// `UnknownFormat` of anything else; `TooLarge` above [`STILL_BYTES_MAX`], [`PIXELS_MAX`] or
/// [`STILL_MEMORY_BYTES_MAX`], which is told from the headers; `Damaged` if it cannot be decoded.
pub fn decode(bytes: &[u8]) -> Result<Frame, Unsuitable> {
    // The decoders are somebody else's code: if one panics over a file, then it is the file that is wrong.
    catch_unwind(|| stills::decode(bytes)).unwrap_or(Err(Unsuitable::Damaged))
}

#[cfg(test)]
mod tests;

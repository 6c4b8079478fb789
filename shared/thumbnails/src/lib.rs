//! Thumbnails of delivered files: of still pictures and of videos, and the posters of videos.
//!
//! Owns: the formats that are read, the sizes of thumbnails, and the memory that a picture may take. Files
//! come from somebody else, so every bound is checked before anything is decoded. Refuses to know where
//! files come from and where thumbnails go: bytes in, bytes out, no clock and no I/O.

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

pub use frame::{Frame, ThumbnailFile};
pub use video::{SearchStep, VideoSearch};

/// The longest sides of thumbnails, in pixels.
pub const SIDES: [u32; 3] = [256, 512, 1024];
/// The longest side of a poster, in pixels.
pub const POSTER_SIDE: u32 = 1024;
/// The largest file of a still picture.
pub const STILL_BYTES_MAX: usize = 32 * 1024 * 1024;
/// The most pixels of a still picture: 24 megapixels.
pub const PIXELS_MAX: u64 = 24_000_000;
/// The most memory that decoding a still picture may take, beside the bytes of its file. It is enough for
/// 24 megapixels of RGBA, and for 4096 × 4096 of lossless WebP, the most expensive picture that is likely.
pub const STILL_MEMORY_BYTES_MAX: u64 = 112 * 1024 * 1024;
/// The most memory that decoding a video's first frame may take. It is more than for a still picture,
/// because the whole file is not in memory beside it.
pub const VIDEO_MEMORY_BYTES_MAX: u64 = 136 * 1024 * 1024;
/// The longest side of a video, in pixels.
pub const VIDEO_SIDE_MAX: u32 = 4096;
/// The largest index (`moov`) of a video.
pub const INDEX_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// The largest first frame of a video, encoded.
pub const SAMPLE_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// The most reads of one search. Four are enough for a file from a usual encoder.
pub const READS_MAX: u32 = 16;

/// The reason why no picture can be made of a file.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Unsuitable {
    /// The file is neither a JPEG, a PNG nor a WebP; or neither an MP4 nor a MOV.
    #[error("the file is of no format that is read here")]
    UnknownFormat,
    /// The video is not H.264 with 8 bits and 4:2:0, progressive.
    #[error("the video is of no codec that is read here")]
    UnknownCodec,
    /// The file has more bytes or pixels, or takes more memory, than is allowed.
    #[error("the file or its picture is too large")]
    TooLarge,
    /// The video's index names no frame, or names frames that are elsewhere.
    #[error("the video has no frame that can be found")]
    NoFrame,
    /// The file is truncated, or contradicts itself or its format.
    #[error("the file is damaged")]
    Damaged,
}

/// Decodes a JPEG, a PNG or a WebP; of an animation, the first picture. A colour profile is ignored, and 16
/// bits become 8.
///
/// # Errors
/// `UnknownFormat` for other formats; `TooLarge` above [`STILL_BYTES_MAX`], [`PIXELS_MAX`] or
/// [`STILL_MEMORY_BYTES_MAX`], which is checked by the headers; `Damaged` if it cannot be decoded.
pub fn decode(bytes: &[u8]) -> Result<Frame, Unsuitable> {
    // The decoders are foreign code. If one panics, the file is reported as damaged.
    catch_unwind(|| stills::decode(bytes)).unwrap_or(Err(Unsuitable::Damaged))
}

#[cfg(test)]
mod tests;

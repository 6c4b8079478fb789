//! Looking into an uploaded file: whether it is whole, is one file and no more, and how large its picture is.
//!
//! Owns the frames of the formats that may be uploaded, and no more of them than that takes: nothing is
//! decoded. Refuses to know where the bytes come from.

mod gif;
mod jpeg;
mod png;
mod reader;
mod video;
mod webp;

use reader::Reader;
use thiserror::Error;

use super::ContentType;

/// The longest side of a picture: WebP's own bound, and far beyond what a model takes.
pub const SIDE_PX_MAX: u32 = 16_384;

/// How large a picture is, as it is to be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Pixels from left to right.
    pub width: u32,
    /// Pixels from top to bottom.
    pub height: u32,
}

/// Why a file is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Trouble {
    /// Its first bytes are those of something else.
    #[error("it is not of the type that was announced; announce it with its own")]
    AnotherType,
    /// It ends before its end.
    #[error("it is cut off, a part of it is missing; announce the whole file")]
    Cut,
    /// It goes on after its end.
    #[error(
        "there is something else in it after its end; save it as a plain file, and announce that"
    )]
    Trailing,
    /// It contradicts itself.
    #[error("it is damaged; save it anew, and announce that")]
    Damaged,
    /// There is nothing to be seen.
    #[error("there is nothing in it to be seen; announce another file")]
    Empty,
    /// It is larger than any model takes.
    #[error("its picture is larger than {SIDE_PX_MAX} pixels; scale it down, and announce that")]
    TooLarge,
    /// It has more than one picture.
    #[error("it moves; save one picture of it, and announce that")]
    Moving,
    /// Its colours are inks.
    #[error("its colours are made for print (CMYK); save it in RGB, and announce that")]
    Inks,
}

/// What a decoder would begin with.
struct Header {
    width: u32,
    height: u32,
    frames: u32,
}

/// Looks into a file of this type. A picture answers its size; a video, none.
///
/// # Errors
/// The [`Trouble`] with it.
pub fn inspect(content_type: ContentType, bytes: &[u8]) -> Result<Option<Picture>, Trouble> {
    if !content_type.matches(bytes) {
        return Err(Trouble::AnotherType);
    }
    let mut reader = Reader::new(bytes);
    let header = match content_type {
        ContentType::Jpeg => jpeg::read(&mut reader)?,
        ContentType::Png => png::read(&mut reader)?,
        ContentType::Gif => gif::read(&mut reader)?,
        ContentType::Webp => webp::read(&mut reader)?,
        ContentType::Mp4 => return video::read_mp4(&mut reader).map(|()| None),
        ContentType::Webm => return video::read_webm(&mut reader).map(|()| None),
    };
    if !reader.is_at_end() {
        return Err(Trouble::Trailing);
    }
    let (width, height) = (header.width, header.height);
    match header.frames {
        0 => Err(Trouble::Empty),
        _ if width == 0 || height == 0 => Err(Trouble::Empty),
        _ if width.max(height) > SIDE_PX_MAX => Err(Trouble::TooLarge),
        1 => Ok(Some(Picture { width, height })),
        _ => Err(Trouble::Moving),
    }
}

#[cfg(test)]
mod tests;

//! The inspection of an uploaded file: whether it is complete, is one file and no more, and the size of its
//! picture.
//!
//! Owns the structure of the formats that may be uploaded, only as far as that needs: nothing is decoded.
//! Refuses to know where the bytes come from.

mod gif;
mod jpeg;
mod png;
mod reader;
mod video;
mod webp;

use reader::Reader;
use thiserror::Error;

use super::ContentType;

/// The longest side of a picture: WebP's own limit, and far above that of any model.
pub const SIDE_PX_MAX: u32 = 16_384;

/// The size of a picture, as it is displayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Its width in pixels.
    pub width: u32,
    /// Its height in pixels.
    pub height: u32,
}

/// The reason why a file is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FileDefect {
    /// Its first bytes belong to another type.
    #[error("it is not of the type that was announced; announce it with its own")]
    AnotherType,
    /// Its end is missing.
    #[error("it is cut off, a part of it is missing; announce the whole file")]
    Cut,
    /// There are more bytes after its end.
    #[error(
        "there is something else in it after its end; save it as a plain file, and announce that"
    )]
    Trailing,
    /// Its structure is contradictory.
    #[error("it is damaged; save it anew, and announce that")]
    Damaged,
    /// It has no picture.
    #[error("there is nothing in it to be seen; announce another file")]
    Empty,
    /// It is larger than any model takes.
    #[error("its picture is larger than {SIDE_PX_MAX} pixels; scale it down, and announce that")]
    TooLarge,
    /// It has more than one frame.
    #[error("it moves; save one picture of it, and announce that")]
    Moving,
    /// Its colours are for print (CMYK).
    #[error("its colours are made for print (CMYK); save it in RGB, and announce that")]
    Inks,
}

/// The header of a picture.
struct PictureHeader {
    width: u32,
    height: u32,
    frames: u32,
}

/// Inspects a file of this type. Returns the size of a picture, `None` for a video.
///
/// # Errors
/// The [`FileDefect`] with it.
pub fn inspect(content_type: ContentType, bytes: &[u8]) -> Result<Option<Picture>, FileDefect> {
    if !content_type.matches(bytes) {
        return Err(FileDefect::AnotherType);
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
        return Err(FileDefect::Trailing);
    }
    let (width, height) = (header.width, header.height);
    match header.frames {
        0 => Err(FileDefect::Empty),
        _ if width == 0 || height == 0 => Err(FileDefect::Empty),
        _ if width.max(height) > SIDE_PX_MAX => Err(FileDefect::TooLarge),
        1 => Ok(Some(Picture { width, height })),
        _ => Err(FileDefect::Moving),
    }
}

#[cfg(test)]
mod tests;

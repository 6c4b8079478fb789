//! WebP (RFC 9649): chunks in a RIFF container, which states its length.

use super::reader::Reader;
use super::{FileDefect, PictureHeader};

/// The flag of an animation, in an extended file.
const MOVES: u8 = 0x02;

pub(super) fn read(reader: &mut Reader<'_>) -> Result<PictureHeader, FileDefect> {
    reader.take(4)?;
    let count = reader.u32_little()?;
    let mut riff = Reader::new(reader.take_u32(count)?);
    riff.take(4)?;
    let (mut canvas, mut picture, mut moves, mut frames) = (None, None, false, 0);
    while !riff.is_at_end() {
        let name: [u8; 4] = riff.array()?;
        let count = riff.u32_little()?;
        let mut chunk = Reader::new(riff.take_u32(count)?);
        // Chunks begin at even places.
        if count % 2 == 1 && !riff.is_at_end() {
            riff.take(1)?;
        }
        match &name {
            b"VP8X" => {
                moves = chunk.u8()? & MOVES != 0;
                chunk.take(3)?;
                canvas = Some((chunk.u24_little()? + 1, chunk.u24_little()? + 1));
            }
            b"ANMF" => frames += 1,
            b"VP8 " => picture = Some(lossy(&mut chunk)?),
            b"VP8L" => picture = Some(lossless(&mut chunk)?),
            _ => {}
        }
    }
    let frames = if moves {
        frames
    } else {
        u32::from(picture.is_some())
    };
    let (width, height) = canvas.or(picture).ok_or(FileDefect::Empty)?;
    Ok(PictureHeader {
        width,
        height,
        frames,
    })
}

/// Reads the size from a key frame of VP8 (RFC 6386, section 9.1): fourteen bits for each side, after a tag
/// and a start code.
fn lossy(chunk: &mut Reader<'_>) -> Result<(u32, u32), FileDefect> {
    chunk.take(3)?;
    if chunk.take(3)? != [0x9D, 0x01, 0x2A] {
        return Err(FileDefect::Damaged);
    }
    let side = |number: u16| u32::from(number & 0x3FFF);
    Ok((side(chunk.u16_little()?), side(chunk.u16_little()?)))
}

/// Reads the size from the header of lossless WebP: fourteen bits for each side, less one.
fn lossless(chunk: &mut Reader<'_>) -> Result<(u32, u32), FileDefect> {
    if chunk.u8()? != 0x2F {
        return Err(FileDefect::Damaged);
    }
    let bits = chunk.u32_little()?;
    Ok(((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1))
}

//! GIF (CompuServe, version 89a): a screen, and blocks until the trailer.

use super::reader::Reader;
use super::{FileDefect, PictureHeader};

const SIGNATURE_BYTES: usize = 6;

pub(super) fn read(reader: &mut Reader<'_>) -> Result<PictureHeader, FileDefect> {
    reader.take(SIGNATURE_BYTES)?;
    let (width, height) = (reader.u16_little()?, reader.u16_little()?);
    let flags = reader.u8()?;
    reader.take(2)?;
    skip_colors(reader, flags)?;
    let mut frames = 0;
    loop {
        match reader.u8()? {
            // An image: its position, its colour table, the size of its codes.
            0x2C => {
                frames += 1;
                reader.take(8)?;
                let flags = reader.u8()?;
                skip_colors(reader, flags)?;
                reader.u8()?;
                skip_blocks(reader)?;
            }
            // An extension.
            0x21 => {
                reader.u8()?;
                skip_blocks(reader)?;
            }
            0x3B => break,
            _ => return Err(FileDefect::Damaged),
        }
    }
    Ok(PictureHeader {
        width: width.into(),
        height: height.into(),
        frames,
    })
}

/// Skips a colour table. It exists if the highest bit is set; the lowest three bits give its length.
fn skip_colors(reader: &mut Reader<'_>, flags: u8) -> Result<(), FileDefect> {
    if flags & 0x80 != 0 {
        reader.take(3 * (2 << (flags & 7)))?;
    }
    Ok(())
}

fn skip_blocks(reader: &mut Reader<'_>) -> Result<(), FileDefect> {
    loop {
        match reader.u8()? {
            0 => return Ok(()),
            count => drop(reader.take(count.into())?),
        }
    }
}

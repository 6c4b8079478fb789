//! PNG (W3C PNG Specification, third edition): a signature, and chunks until `IEND`.

use super::reader::Reader;
use super::{FileDefect, PictureHeader};

const SIGNATURE_BYTES: usize = 8;
const CHECKSUM_BYTES: usize = 4;

pub(super) fn read(reader: &mut Reader<'_>) -> Result<PictureHeader, FileDefect> {
    reader.take(SIGNATURE_BYTES)?;
    let (name, mut first) = chunk(reader)?;
    if &name != b"IHDR" {
        return Err(FileDefect::Damaged);
    }
    let (width, height) = (first.u32()?, first.u32()?);
    // An animated picture states its number of frames before the first of them.
    let (mut frames, mut has_data) = (1, false);
    loop {
        let (name, mut body) = chunk(reader)?;
        match &name {
            b"acTL" => frames = body.u32()?,
            b"IDAT" => has_data = true,
            b"IEND" if has_data => {
                return Ok(PictureHeader {
                    width,
                    height,
                    frames,
                });
            }
            b"IEND" => return Err(FileDefect::Empty),
            _ => {}
        }
    }
}

fn chunk<'a>(reader: &mut Reader<'a>) -> Result<([u8; 4], Reader<'a>), FileDefect> {
    let count = reader.u32()?;
    let name = reader.array()?;
    let body = Reader::new(reader.take_u32(count)?);
    reader.take(CHECKSUM_BYTES)?;
    Ok((name, body))
}

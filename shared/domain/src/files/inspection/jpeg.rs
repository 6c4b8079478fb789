//! JPEG (ITU-T T.81): segments, each with its marker, and scans, until the end marker; and the orientation,
//! which cameras write in Exif (CIPA DC-008).

use super::reader::Reader;
use super::{FileDefect, PictureHeader};

const MARK: u8 = 0xFF;
const EXIF: &[u8] = b"Exif\0\0";
const ORIENTATION: u16 = 0x0112;
/// The number of components of a CMYK picture.
const INKS: u8 = 4;

pub(super) fn read(reader: &mut Reader<'_>) -> Result<PictureHeader, FileDefect> {
    reader.u16()?;
    let (mut frame, mut is_turned, mut has_scan) = (None, false, false);
    loop {
        let marker = marker(reader)?;
        match marker {
            // End of image.
            0xD9 => break,
            // These markers have no segment.
            0x01 | 0xD0..=0xD8 => continue,
            _ => {}
        }
        let count = reader.u16()?.checked_sub(2).ok_or(FileDefect::Damaged)?;
        let mut segment = Reader::new(reader.take(count.into())?);
        match marker {
            // These are tables, and an extension, in the number range of frames.
            0xC4 | 0xC8 | 0xCC => {}
            0xC0..=0xCF => frame = Some(read_frame(&mut segment)?),
            0xE1 => is_turned |= read_exif(&mut segment).unwrap_or(false),
            0xDA => {
                has_scan = true;
                skip_scan(reader)?;
            }
            _ => {}
        }
    }
    let (width, height) = frame.filter(|_| has_scan).ok_or(FileDefect::Empty)?;
    let (width, height) = match is_turned {
        true => (height, width),
        false => (width, height),
    };
    Ok(PictureHeader {
        width,
        height,
        frames: 1,
    })
}

/// Reads a marker. Any number of fill bytes may stand before its number.
fn marker(reader: &mut Reader<'_>) -> Result<u8, FileDefect> {
    if reader.u8()? != MARK {
        return Err(FileDefect::Damaged);
    }
    loop {
        match reader.u8()? {
            MARK => {}
            marker => return Ok(marker),
        }
    }
}

fn read_frame(segment: &mut Reader<'_>) -> Result<(u32, u32), FileDefect> {
    let _bits = segment.u8()?;
    let (height, width) = (segment.u16()?, segment.u16()?);
    match segment.u8()? {
        INKS => Err(FileDefect::Inks),
        _ => Ok((width.into(), height.into())),
    }
}

/// Skips a scan up to the next marker. In a scan, a mark before a zero is data, and a mark before a number
/// from D0 to D7 is a restart.
fn skip_scan(reader: &mut Reader<'_>) -> Result<(), FileDefect> {
    loop {
        match (reader.peek(0), reader.peek(1)) {
            (Some(MARK), Some(0 | 0xD0..=0xD7)) => drop(reader.take(2)?),
            (Some(MARK), Some(_)) => return Ok(()),
            (Some(_), _) => drop(reader.take(1)?),
            (None, _) => return Err(FileDefect::Cut),
        }
    }
}

/// Whether the picture is turned by a quarter; `None` if it does not say.
fn read_exif(segment: &mut Reader<'_>) -> Option<bool> {
    if segment.take(EXIF.len()).ok()? != EXIF {
        return None;
    }
    let all = segment.take(segment.left()).ok()?;
    let is_little = all.starts_with(b"II");
    let number = |at: usize| {
        let two: [u8; 2] = all.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(match is_little {
            true => u16::from_le_bytes(two),
            false => u16::from_be_bytes(two),
        })
    };
    // The header has the offset of the directory, as two halves of one number.
    let (first, second) = (number(4)?, number(6)?);
    let (high, low) = if is_little {
        (second, first)
    } else {
        (first, second)
    };
    let directory = usize::from(high) << 16 | usize::from(low);
    for entry in 0..number(directory)? {
        let at = directory + 2 + usize::from(entry) * 12;
        if number(at)? == ORIENTATION {
            // Orientations five to eight are turned by a quarter.
            return Some((5..=8).contains(&number(at + 8)?));
        }
    }
    None
}

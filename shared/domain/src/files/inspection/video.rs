//! Videos: whether their outermost parts fill the file.

use super::FileDefect;
use super::reader::Reader;

const SEGMENT: u32 = 0x1853_8067;

/// MP4 (ISO/IEC 14496-12): boxes that state their length; the last one may extend to the end.
pub(super) fn read_mp4(reader: &mut Reader<'_>) -> Result<(), FileDefect> {
    let (mut has_tracks, mut has_media) = (false, false);
    while !reader.is_at_end() {
        let size = reader.u32()?;
        let name: [u8; 4] = reader.array()?;
        let body = match size {
            0 => reader.left().try_into().map_err(|_| FileDefect::Cut)?,
            1 => reader.u64()?.checked_sub(16).ok_or(FileDefect::Damaged)?,
            size => u64::from(size).checked_sub(8).ok_or(FileDefect::Damaged)?,
        };
        reader.take(usize::try_from(body).map_err(|_| FileDefect::Cut)?)?;
        has_tracks |= &name == b"moov";
        has_media |= [b"mdat", b"moof"].contains(&&name);
    }
    match has_tracks && has_media {
        true => Ok(()),
        false => Err(FileDefect::Empty),
    }
}

/// WebM (RFC 8794): a header and one segment, whose length may be unknown.
pub(super) fn read_webm(reader: &mut Reader<'_>) -> Result<(), FileDefect> {
    reader.u32()?;
    let head = length(reader)?.ok_or(FileDefect::Damaged)?;
    reader.take(head)?;
    if reader.u32()? != SEGMENT {
        return Err(FileDefect::Damaged);
    }
    if let Some(segment) = length(reader)? {
        reader.take(segment)?;
        if !reader.is_at_end() {
            return Err(FileDefect::Trailing);
        }
    }
    Ok(())
}

/// Reads a length. It has one byte more than its first byte has leading zeros; all ones mean that it is
/// unknown.
fn length(reader: &mut Reader<'_>) -> Result<Option<usize>, FileDefect> {
    let first = reader.u8()?;
    let more = first.leading_zeros();
    if more > 7 {
        return Err(FileDefect::Damaged);
    }
    let mask = 0x7F_u8.checked_shr(more).unwrap_or(0);
    let mut value = u64::from(first & mask);
    let mut is_unknown = first & mask == mask;
    for _ in 0..more {
        let byte = reader.u8()?;
        value = value << 8 | u64::from(byte);
        is_unknown &= byte == 0xFF;
    }
    match is_unknown {
        true => Ok(None),
        false => usize::try_from(value)
            .map(Some)
            .map_err(|_| FileDefect::Cut),
    }
}

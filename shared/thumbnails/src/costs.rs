//! The memory that a decoder takes beside the picture that it returns. Owns its estimation from the headers
//! of a file; refuses to decode. The numbers follow the sources of zune-jpeg 0.5 and image-webp 0.2, and
//! the memory test measures them.

use crate::Unsuitable;

/// The first two bytes of a JPEG.
const START_BYTES: usize = 2;
/// The place where the chunks of a WebP begin: after `RIFF`, a length and `WEBP`.
const CHUNKS_AT: usize = 12;
/// The place in an animation's frame chunk where the frame's own chunks begin.
const FRAME_CHUNKS_AT: usize = 16;

/// Returns the bytes that decoding a JPEG takes beside its picture: a copy of the file, and for a picture
/// in more than one scan all its coefficients, 16 bits each. `None` if the headers make no sense.
pub(crate) fn jpeg(bytes: &[u8]) -> Option<u64> {
    let copy = u64::try_from(bytes.len()).ok()?;
    let mut rest = bytes.get(START_BYTES..)?;
    let mut header: Option<FrameHeader> = None;
    loop {
        let (marker, body, after) = segment(rest)?;
        rest = after;
        match marker {
            // Start of a scan (ITU-T T.81, B.2.3).
            0xDA => {
                let header = header?;
                let parts = *body.first()?;
                let comes_in_scans = header.is_progressive || parts < header.parts;
                let aside = if comes_in_scans {
                    header.coefficients.checked_mul(2)?
                } else {
                    0
                };
                return copy.checked_add(aside);
            }
            // Tables and a reserved marker in the number range of frames.
            0xC4 | 0xC8 | 0xCC => {}
            0xC0..=0xCF => {
                let read = FrameHeader::read(marker, body)?;
                header = Some(match header {
                    Some(known) => known.dearer(read),
                    None => read,
                });
            }
            _ => {}
        }
    }
}

/// Returns the next segment of a JPEG: its marker, its body, and the bytes after it.
fn segment(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let start = bytes.iter().position(|byte| *byte == 0xFF)?;
    let bytes = bytes.get(start..)?;
    let skipped = bytes.iter().position(|byte| *byte != 0xFF)?;
    let (marker, rest) = bytes.get(skipped..)?.split_first()?;
    match marker {
        // These markers stand alone; the others have a length.
        0x00 | 0x01 | 0xD0..=0xD8 => Some((*marker, &[], rest)),
        0xD9 => None,
        _ => {
            let (length, _) = rest.split_first_chunk()?;
            let length = usize::from(u16::from_be_bytes(*length));
            let (body, after) = rest.split_at_checked(length)?;
            Some((*marker, body.get(2..)?, after))
        }
    }
}

/// The header of a frame (ITU-T T.81, B.2.2).
struct FrameHeader {
    is_progressive: bool,
    parts: u8,
    coefficients: u64,
}

impl FrameHeader {
    fn read(marker: u8, body: &[u8]) -> Option<Self> {
        let (&[_, high, low, wide, narrow, parts], factors) = body.split_first_chunk()?;
        let height = u64::from(u16::from_be_bytes([high, low]));
        let width = u64::from(u16::from_be_bytes([wide, narrow]));
        let factors = factors.as_chunks::<3>().0.iter().take(usize::from(parts));
        let factors = factors.map(|[_, both, _]| (u64::from(both >> 4), u64::from(both & 0xF)));
        let across = factors.clone().map(|(across, _)| across).max()?;
        let down = factors.clone().map(|(_, down)| down).max()?;
        let blocks: u64 = factors.map(|(across, down)| across * down).sum();
        // A unit has as many blocks of 8 × 8 of each component as its sampling factors say.
        let units_across = width.div_ceil(across.checked_mul(8).filter(|side| *side > 0)?);
        let units_down = height.div_ceil(down.checked_mul(8).filter(|side| *side > 0)?);
        Some(Self {
            is_progressive: marker != 0xC0 && marker != 0xC1,
            parts,
            coefficients: units_across * units_down * blocks * 64,
        })
    }

    /// Combines the more expensive fields of both.
    fn dearer(self, other: Self) -> Self {
        Self {
            is_progressive: self.is_progressive || other.is_progressive,
            parts: self.parts.max(other.parts),
            coefficients: self.coefficients.max(other.coefficients),
        }
    }
}

/// Returns the bytes that decoding a WebP takes beside its picture, which has `pixels` pixels, with
/// transparency or without.
///
/// # Errors
/// `Damaged` if a lossy picture in it is larger than the whole: the decoder would only notice that after
/// decoding.
pub(crate) fn webp(bytes: &[u8], pixels: u64, has_alpha: bool) -> Result<u64, Unsuitable> {
    let mut half_bytes = 0;
    for (name, body) in Chunks(bytes.get(CHUNKS_AT..).unwrap_or_default()) {
        half_bytes = half_bytes.max(match name {
            // An animation takes its canvas, its frame, and the memory for decoding that.
            b"ANMF" => {
                let inner = body.get(FRAME_CHUNKS_AT..).unwrap_or_default();
                for (name, body) in Chunks(inner) {
                    if name == b"VP8 " {
                        lossy(body, pixels)?;
                    }
                }
                17
            }
            // Transparency takes five bytes a pixel besides the lossy picture: four, and one that is kept.
            b"ALPH" => 13,
            // A lossy picture takes a byte of luma and half a byte of chroma for each pixel.
            b"VP8 " => {
                lossy(body, pixels)?;
                3
            }
            // A lossless picture is decoded with transparency, and copied without it if it has none.
            b"VP8L" if !has_alpha => 8,
            _ => 0,
        });
    }
    Ok(pixels * half_bytes / 2)
}

/// Checks the size in the header of a lossy picture (RFC 6386, 9.1).
fn lossy(body: &[u8], pixels_max: u64) -> Result<(), Unsuitable> {
    let sides = body.get(6..10).and_then(|sides| sides.first_chunk());
    let [width, wide, height, high] = *sides.ok_or(Unsuitable::Damaged)?;
    let side = |low, high| u64::from(u16::from_le_bytes([low, high]) & 0x3FFF);
    if side(width, wide) * side(height, high) > pixels_max {
        return Err(Unsuitable::Damaged);
    }
    Ok(())
}

/// The chunks of a RIFF file: their names and bodies. The last body may be truncated.
struct Chunks<'a>(&'a [u8]);

impl<'a> Iterator for Chunks<'a> {
    type Item = (&'a [u8; 4], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, rest) = self.0.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let body = rest.get(..length).unwrap_or(rest);
        self.0 = rest
            .get(length.saturating_add(length % 2)..)
            .unwrap_or_default();
        Some((name, body))
    }
}

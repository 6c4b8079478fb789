//! The index of a video. Owns finding the video track in it, with its encoding, its orientation and the
//! place of its first frame; refuses to read the frame. Section numbers are those of ISO/IEC 14496-12.

use std::ops::Range;

use image::metadata::Orientation;

use crate::boxes::{Boxes, child, rows, u16_at, u32_at};
use crate::{SAMPLE_BYTES_MAX, Unsuitable, VIDEO_SIDE_MAX};

/// The place in a visual sample entry where its boxes begin (12.1.3.2).
const ENTRY_BOXES_AT: usize = 78;
/// The number one in a matrix (8.3.2).
const ONE: i32 = 0x1_0000;

/// The video track of a file, as its index describes it.
pub(crate) struct Track {
    /// The body of `avcC` (ISO/IEC 14496-15, 5.3.3).
    pub(crate) avc: Vec<u8>,
    pub(crate) orientation: Orientation,
    /// The place of the first frame that can be decoded alone.
    pub(crate) sample: Range<u64>,
}

impl Track {
    /// Reads the body of `moov`.
    ///
    /// # Errors
    /// `NoFrame` without a video track that has frames, `UnknownCodec` if it is not H.264, `TooLarge` if it
    /// or its frame is too large.
    pub(crate) fn read(index: &[u8]) -> Result<Self, Unsuitable> {
        let tracks = Boxes(index).filter(|(name, _)| name == b"trak");
        let video = tracks.map(|(_, track)| track).find(|track| is_video(track));
        let video = video.ok_or(Unsuitable::NoFrame)?;
        let tables = child(video, b"mdia")
            .and_then(|media| child(media, b"minf"))
            .and_then(|information| child(information, b"stbl"))
            .ok_or(Unsuitable::NoFrame)?;
        let avc = configuration(tables)?.to_vec();
        let sample = first_frame(tables).ok_or(Unsuitable::NoFrame)?;
        if sample.end - sample.start > SAMPLE_BYTES_MAX {
            return Err(Unsuitable::TooLarge);
        }
        Ok(Self {
            avc,
            orientation: orientation(video),
            sample,
        })
    }
}

/// Whether a track's handler is that of videos (8.4.3).
fn is_video(track: &[u8]) -> bool {
    let handler = child(track, b"mdia").and_then(|media| child(media, b"hdlr"));
    handler.and_then(|handler| handler.get(8..12)) == Some(b"vide")
}

/// Returns the rotation of a video by quarters (8.3.2); other parts of its matrix are ignored.
fn orientation(track: &[u8]) -> Orientation {
    let turned = child(track, b"tkhd").and_then(|header| {
        let at = if *header.first()? == 1 { 52 } else { 40 };
        let part = |index: usize| Some(u32_at(header, at + 4 * index)?.cast_signed());
        Some((part(0)?, part(1)?, part(3)?, part(4)?))
    });
    const MINUS: i32 = -ONE;
    match turned {
        Some((0, ONE, MINUS, 0)) => Orientation::Rotate90,
        Some((MINUS, 0, 0, MINUS)) => Orientation::Rotate180,
        Some((0, MINUS, ONE, 0)) => Orientation::Rotate270,
        _ => Orientation::NoTransforms,
    }
}

/// Returns the configuration of H.264 in the first sample description (8.5.2).
fn configuration(tables: &[u8]) -> Result<&[u8], Unsuitable> {
    let descriptions = child(tables, b"stsd").and_then(|body| body.get(8..));
    let entry = descriptions.and_then(|entries| Boxes(entries).next());
    let (codec, entry) = entry.ok_or(Unsuitable::NoFrame)?;
    if codec != *b"avc1" && codec != *b"avc3" {
        return Err(Unsuitable::UnknownCodec);
    }
    let side = |at| u16_at(entry, at).ok_or(Unsuitable::Damaged);
    if u32::from(side(24)?.max(side(26)?)) > VIDEO_SIDE_MAX {
        return Err(Unsuitable::TooLarge);
    }
    let parts = entry.get(ENTRY_BOXES_AT..).ok_or(Unsuitable::Damaged)?;
    child(parts, b"avcC").ok_or(Unsuitable::Damaged)
}

/// Returns the place of the first frame that can be decoded alone. Samples are counted from one, as in the
/// tables.
fn first_frame(tables: &[u8]) -> Option<Range<u64>> {
    // Without a table of such samples, each can be decoded alone (8.6.2).
    let sample = match child(tables, b"stss") {
        Some(body) => u32::from_be_bytes(*rows::<4>(body, 8, u32_at(body, 4)?)?.first()?),
        None => 1,
    };
    let (chunk, first) = place(tables, sample)?;
    let sizes = Sizes::read(tables)?;
    let start = chunk_start(tables, chunk)?.checked_add(sizes.sum(first, sample)?)?;
    let bytes = sizes.sum(sample, sample.checked_add(1)?)?;
    (bytes > 0).then_some(start..start.checked_add(bytes)?)
}

/// Returns the chunk that a sample is in, and the first sample of that chunk (8.7.4).
fn place(tables: &[u8], sample: u32) -> Option<(u32, u32)> {
    let body = child(tables, b"stsc")?;
    let runs = rows::<12>(body, 8, u32_at(body, 4)?)?;
    let mut left = sample.checked_sub(1)?;
    for (place, run) in runs.iter().enumerate() {
        let (first_chunk, samples) = (u32_at(run, 0)?, u32_at(run, 4)?);
        let chunks = match runs.get(place + 1) {
            Some(next) => u32_at(next, 0)?.checked_sub(first_chunk)?,
            None => u32::MAX,
        };
        let further = left.checked_div(samples)?;
        if further < chunks {
            let before = sample.checked_sub(left % samples)?;
            return Some((first_chunk.checked_add(further)?, before));
        }
        left = left.checked_sub(chunks.checked_mul(samples)?)?;
    }
    None
}

/// Returns the start of a chunk (8.7.5).
fn chunk_start(tables: &[u8], chunk: u32) -> Option<u64> {
    let place = usize::try_from(chunk.checked_sub(1)?).ok()?;
    if let Some(body) = child(tables, b"stco") {
        let starts = rows::<4>(body, 8, u32_at(body, 4)?)?;
        return Some(u32::from_be_bytes(*starts.get(place)?).into());
    }
    let body = child(tables, b"co64")?;
    let starts = rows::<8>(body, 8, u32_at(body, 4)?)?;
    Some(u64::from_be_bytes(*starts.get(place)?))
}

/// The sizes of samples (8.7.3.2).
enum Sizes<'a> {
    /// All `count` samples have the same size.
    Same { bytes: u32, count: u32 },
    /// Each has its own size.
    Each(&'a [[u8; 4]]),
}

impl<'a> Sizes<'a> {
    fn read(tables: &'a [u8]) -> Option<Self> {
        let body = child(tables, b"stsz")?;
        let (bytes, count) = (u32_at(body, 4)?, u32_at(body, 8)?);
        if bytes != 0 {
            return Some(Self::Same { bytes, count });
        }
        Some(Self::Each(rows(body, 12, count)?))
    }

    /// Returns the size of the samples from one, counted from one, up to another, which is not included.
    fn sum(&self, from: u32, to: u32) -> Option<u64> {
        let (from, to) = (from.checked_sub(1)?, to.checked_sub(1)?);
        match self {
            Self::Same { bytes, count } => {
                let samples = to.checked_sub(from).filter(|_| to <= *count)?;
                u64::from(samples).checked_mul((*bytes).into())
            }
            Self::Each(sizes) => {
                let samples = usize::try_from(from).ok()?..usize::try_from(to).ok()?;
                let sizes = sizes.get(samples)?.iter();
                Some(
                    sizes
                        .map(|bytes| u64::from(u32::from_be_bytes(*bytes)))
                        .sum(),
                )
            }
        }
    }
}

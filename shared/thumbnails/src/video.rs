//! The search for the first frame in a video's file. Owns which bytes are asked for, and in which order;
//! refuses to fetch them. It never holds more of a file than the bytes that it was given last.

use std::mem;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::boxes::BoxHeader;
use crate::frame::Frame;
use crate::track::Track;
use crate::{INDEX_BYTES_MAX, READS_MAX, Unsuitable, h264};

/// The number of bytes that are read at a time to find boxes. It covers the index of a short video, and
/// often everything before it.
const LOOK_BYTES: u64 = 64 * 1024;

/// A search for the first frame of the video in an MP4 or MOV. It does not read by itself:
///
/// ```
/// # use thumbnails::{Frame, SearchStep, Unsuitable, VideoSearch};
/// # fn first_frame(file: &[u8]) -> Result<Frame, Unsuitable> {
/// let mut search = VideoSearch::new(file.len() as u64);
/// let mut step = search.next(&[])?;
/// loop {
///     match step {
///         SearchStep::Read(range) => {
///             step = search.next(&file[range.start as usize..range.end as usize])?;
///         }
///         SearchStep::Found(frame) => return Ok(frame),
///     }
/// }
/// # }
/// ```
pub struct VideoSearch {
    size_bytes: u64,
    reads: u32,
    /// The range that was asked for last.
    asked: Range<u64>,
    stage: Stage,
}

/// The state of a search.
enum Stage {
    /// The search has not begun.
    New,
    /// It waits for boxes.
    Looking,
    /// It waits for the whole body of `moov`.
    Index,
    /// It waits for the frame.
    Sample(Track),
    /// It has ended.
    Over,
}

/// The next step of a search.
pub enum SearchStep {
    /// These bytes of the file are needed. The range is never empty, has at most [`INDEX_BYTES_MAX`] or
    /// [`SAMPLE_BYTES_MAX`](crate::SAMPLE_BYTES_MAX), and is always in the file.
    Read(Range<u64>),
    /// The first frame.
    Found(Frame),
}

impl VideoSearch {
    /// Begins a search of a file of that size.
    #[must_use]
    pub fn new(size_bytes: u64) -> Self {
        Self {
            size_bytes,
            reads: 0,
            asked: 0..0,
            stage: Stage::New,
        }
    }

    /// Takes the bytes that the last step asked for (at first, none), and returns the next step.
    ///
    /// # Errors
    /// `UnknownFormat` if it is neither an MP4 nor a MOV; `NoFrame` if it names no frame; `UnknownCodec` if
    /// it is not H.264 with 8 bits and 4:2:0; `TooLarge` if its index, its frame or the memory for it is
    /// too large; `Damaged` if it cannot be read, if `bytes` are not those asked for, and after the search
    /// has ended.
    pub fn next(&mut self, bytes: &[u8]) -> Result<SearchStep, Unsuitable> {
        let given = u64::try_from(bytes.len()).map_err(|_| Unsuitable::TooLarge)?;
        let stage = mem::replace(&mut self.stage, Stage::Over);
        if given != self.asked.end - self.asked.start {
            return Err(Unsuitable::Damaged);
        }
        match stage {
            Stage::New => self.look(0),
            Stage::Looking => self.walk(bytes),
            Stage::Index => self.index(bytes),
            Stage::Sample(track) => {
                // As in `decode`: if the decoder panics, the file is reported as damaged.
                let frame = catch_unwind(AssertUnwindSafe(|| h264::decode(&track, bytes)));
                let frame = frame.unwrap_or(Err(Unsuitable::Damaged))?;
                Ok(SearchStep::Found(frame))
            }
            Stage::Over => Err(Unsuitable::Damaged),
        }
    }

    /// Asks for a part of the file.
    fn read(&mut self, range: Range<u64>, stage: Stage) -> Result<SearchStep, Unsuitable> {
        if range.is_empty() || range.end > self.size_bytes {
            return Err(Unsuitable::Damaged);
        }
        self.reads += 1;
        if self.reads > READS_MAX {
            return Err(Unsuitable::NoFrame);
        }
        self.asked = range.clone();
        self.stage = stage;
        Ok(SearchStep::Read(range))
    }

    /// Asks for the boxes from `at` on.
    fn look(&mut self, at: u64) -> Result<SearchStep, Unsuitable> {
        if at >= self.size_bytes {
            return Err(Unsuitable::NoFrame);
        }
        let end = at.saturating_add(LOOK_BYTES).min(self.size_bytes);
        self.read(at..end, Stage::Looking)
    }

    /// Goes from box to box until one is the index, or lies beyond the bytes that were read.
    fn walk(&mut self, bytes: &[u8]) -> Result<SearchStep, Unsuitable> {
        let start = self.asked.start;
        let mut rest = bytes;
        let mut at = start;
        loop {
            let Some(header) = BoxHeader::read(rest) else {
                // The header is truncated, or is not a box at all. A header at the end of the file is
                // truncated by that.
                let is_cut = at > start && rest.len() < 16;
                return if is_cut {
                    self.look(at)
                } else {
                    Err(wrong(at))
                };
            };
            if at == 0 && !BEGINNINGS.contains(&&header.name) {
                return Err(Unsuitable::UnknownFormat);
            }
            let end = match header.bytes {
                Some(length) => at.checked_add(length).ok_or(Unsuitable::Damaged)?,
                None => self.size_bytes,
            };
            if end > self.size_bytes {
                return Err(Unsuitable::Damaged);
            }
            if header.name == *b"moov" {
                return self.found(rest, at + header.own_bytes..end, at);
            }
            let length = usize::try_from(end - at).ok();
            match length.and_then(|length| rest.get(length..)) {
                Some(further) if !further.is_empty() => rest = further,
                _ => return self.look(end),
            }
            at = end;
        }
    }

    /// Takes the body of the index from the bytes that were read, if it is complete there; otherwise asks
    /// for it.
    fn found(&mut self, rest: &[u8], body: Range<u64>, at: u64) -> Result<SearchStep, Unsuitable> {
        if body.end - body.start > INDEX_BYTES_MAX {
            return Err(Unsuitable::TooLarge);
        }
        let place = |end: u64| usize::try_from(end - at).ok();
        let read = place(body.start)
            .zip(place(body.end))
            .and_then(|(start, end)| rest.get(start..end));
        match read {
            Some(index) => self.index(index),
            None => self.read(body, Stage::Index),
        }
    }

    /// Reads the index, and asks for the frame that it names.
    fn index(&mut self, index: &[u8]) -> Result<SearchStep, Unsuitable> {
        let track = Track::read(index)?;
        self.read(track.sample.clone(), Stage::Sample(track))
    }
}

/// The boxes that a file may begin with. All but the first occur only in old MOVs.
const BEGINNINGS: [&[u8; 4]; 6] = [b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"];

/// Returns the error for a missing box at `at`.
fn wrong(at: u64) -> Unsuitable {
    if at == 0 {
        Unsuitable::UnknownFormat
    } else {
        Unsuitable::Damaged
    }
}

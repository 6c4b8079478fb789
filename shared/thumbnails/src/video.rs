//! The search of a video's file for its first frame. Owns which bytes are asked for, and in which order;
//! refuses to fetch them. At no time does it hold more of a file than it was given last.

use std::mem;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::boxes::Header;
use crate::frame::Frame;
use crate::track::Track;
use crate::{INDEX_BYTES_MAX, READS_MAX, Unsuitable, h264};

/// How much is read to see which boxes there are: the index of a short video, and often all before it.
const LOOK_BYTES: u64 = 64 * 1024;

/// A search of an MP4 or MOV for the first frame of its video, without any reading of its own:
///
/// ```
/// # use thumbnails::{Frame, Step, Unsuitable, VideoSearch};
/// # fn first_frame(file: &[u8]) -> Result<Frame, Unsuitable> {
/// let mut search = VideoSearch::new(file.len() as u64);
/// let mut step = search.next(&[])?;
/// loop {
///     match step {
///         Step::Read(range) => step = search.next(&file[range.start as usize..range.end as usize])?,
///         Step::Found(frame) => return Ok(frame),
///     }
/// }
/// # }
/// ```
pub struct VideoSearch {
    size_bytes: u64,
    reads: u32,
    /// What was asked for last.
    asked: Range<u64>,
    stage: Stage,
}

/// What a search is waiting for.
enum Stage {
    /// For nothing: it has not begun.
    New,
    /// For boxes.
    Looking,
    /// For the whole of `moov`'s body.
    Index,
    /// For the frame.
    Sample(Track),
    /// For nothing any more.
    Over,
}

/// What a search needs or has found.
pub enum Step {
    /// These bytes of the file are needed: they are never none, never more than [`INDEX_BYTES_MAX`] and
    /// [`SAMPLE_BYTES_MAX`](crate::SAMPLE_BYTES_MAX), and always in the file.
    Read(Range<u64>),
    /// The first frame.
    Found(Frame),
}

impl VideoSearch {
    /// A search of a file of that size.
    #[must_use]
    pub fn new(size_bytes: u64) -> Self {
        Self {
            size_bytes,
            reads: 0,
            asked: 0..0,
            stage: Stage::New,
        }
    }

    /// Takes the bytes that the last step asked for, at first none, and says what comes next.
    ///
    /// # Errors
    /// `UnknownFormat` if it is neither an MP4 nor a MOV; `NoFrame` if it names no frame; `UnknownCodec` if
    /// it is not H.264 with 8 bits and 4:2:0; `TooLarge` if its index, its frame or the memory for it is;
    /// `Damaged` if it cannot be read, if bytes are not those asked for, and after the search has ended.
    pub fn next(&mut self, bytes: &[u8]) -> Result<Step, Unsuitable> {
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
                // As in `decode`: what panics over a file is the file's fault.
                let frame = catch_unwind(AssertUnwindSafe(|| h264::decode(&track, bytes)));
                let frame = frame.unwrap_or(Err(Unsuitable::Damaged))?;
                Ok(Step::Found(frame))
            }
            Stage::Over => Err(Unsuitable::Damaged),
        }
    }

    /// Asks for a part of the file.
    fn read(&mut self, range: Range<u64>, stage: Stage) -> Result<Step, Unsuitable> {
        if range.is_empty() || range.end > self.size_bytes {
            return Err(Unsuitable::Damaged);
        }
        self.reads += 1;
        if self.reads > READS_MAX {
            return Err(Unsuitable::NoFrame);
        }
        self.asked = range.clone();
        self.stage = stage;
        Ok(Step::Read(range))
    }

    /// Asks for the boxes from a place on.
    fn look(&mut self, at: u64) -> Result<Step, Unsuitable> {
        if at >= self.size_bytes {
            return Err(Unsuitable::NoFrame);
        }
        let end = at.saturating_add(LOOK_BYTES).min(self.size_bytes);
        self.read(at..end, Stage::Looking)
    }

    /// Goes from box to box until one is the index, or lies beyond what was read.
    fn walk(&mut self, bytes: &[u8]) -> Result<Step, Unsuitable> {
        let start = self.asked.start;
        let mut rest = bytes;
        let mut at = start;
        loop {
            let Some(header) = Header::read(rest) else {
                // Cut, or no box at all. The last cut is that of the file.
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

    /// Takes the body of the index from what was read, if it is all there.
    fn found(&mut self, rest: &[u8], body: Range<u64>, at: u64) -> Result<Step, Unsuitable> {
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
    fn index(&mut self, index: &[u8]) -> Result<Step, Unsuitable> {
        let track = Track::read(index)?;
        self.read(track.sample.clone(), Stage::Sample(track))
    }
}

/// The boxes that a file may begin with; those but the first are of old MOVs, and of nothing else.
const BEGINNINGS: [&[u8; 4]; 6] = [b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"];

/// What it means that there is no box where one should be.
fn wrong(at: u64) -> Unsuitable {
    if at == 0 {
        Unsuitable::UnknownFormat
    } else {
        Unsuitable::Damaged
    }
}

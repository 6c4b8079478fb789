//! A part of a file on its way: padded, slow, or cut off.
//!
//! Only the drawn part of a file is in memory; its padding is made while it is sent.

use std::ops::Range;
use std::time::Duration;

use futures::stream;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Bytes, Frame};
use tokio::time::Instant;

use crate::replies::{Broken, Content};
use crate::wire::Flushes;

/// The most bytes that are sent at a time.
const CHUNK_BYTES: u64 = 64 * 1024;
/// The number of chunks a second of a slow file.
const CHUNKS_PER_SECOND: u64 = 20;
/// The padding consists of marks of this size, each of which names its own place in the file, so that parts
/// in a wrong order are noticed.
const MARK_BYTES: u64 = 8;

/// A part of a file.
pub(super) struct Part {
    /// The beginning of the file; the rest of it is padding.
    pub(super) drawn: Bytes,
    /// The range that is sent.
    pub(super) span: Range<u64>,
    /// The number of bytes after which the connection ends, if that is before the part's end.
    pub(super) cut: Option<u64>,
    pub(super) bytes_per_second: Option<u64>,
}

struct Sending {
    part: Part,
    /// The place of the next byte in the file.
    at: u64,
    /// The place at which sending ends.
    stop: u64,
    begun: Instant,
    flushes: Flushes,
}

impl Part {
    /// Sends it.
    pub(super) fn send(self, flushes: Flushes) -> Content {
        let stop = match self.cut {
            Some(cut) => self.span.start.saturating_add(cut).min(self.span.end),
            None => self.span.end,
        };
        let sending = Sending {
            at: self.span.start,
            stop,
            begun: Instant::now(),
            flushes,
            part: self,
        };
        StreamBody::new(stream::unfold(sending, Sending::next)).boxed_unsync()
    }

    /// Makes at most a chunk of the file from `at` on, which ends at `stop` at the latest.
    fn chunk(&self, at: u64, stop: u64) -> Bytes {
        let pace = self.bytes_per_second.map(|rate| rate / CHUNKS_PER_SECOND);
        let size_max = pace.map_or(CHUNK_BYTES, |pace| pace.clamp(1, CHUNK_BYTES));
        let drawn = self.drawn.len() as u64;
        let end = stop.min(at + size_max);
        if at < drawn {
            // Both lie within what is in memory.
            return self.drawn.slice(at as usize..end.min(drawn) as usize);
        }
        padding(at..end)
    }
}

impl Sending {
    async fn next(mut self) -> Option<(Result<Frame<Bytes>, Broken>, Self)> {
        if self.at == self.stop {
            if self.stop == self.part.span.end {
                return None;
            }
            self.flushes.next().await;
            return Some((Err(Broken), self));
        }
        let chunk = self.part.chunk(self.at, self.stop);
        self.at += chunk.len() as u64;
        if let Some(rate) = self.part.bytes_per_second {
            let sent = self.at - self.part.span.start;
            let due = Duration::from_micros(sent.saturating_mul(1_000_000) / rate);
            tokio::time::sleep_until(self.begun + due).await;
        }
        Some((Ok(Frame::data(chunk)), self))
    }
}

/// Makes the padding of this range.
fn padding(span: Range<u64>) -> Bytes {
    let skipped = span.start % MARK_BYTES;
    let marks = (span.start - skipped..span.end).step_by(MARK_BYTES as usize);
    let bytes: Vec<u8> = marks.flat_map(u64::to_be_bytes).collect();
    let (from, length) = (skipped as usize, (span.end - span.start) as usize);
    Bytes::from(bytes).slice(from..from + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_is_the_same_however_it_is_cut_up() {
        let whole = padding(0..100);
        assert_eq!(whole[..8], [0; 8]);
        assert_eq!(whole[8..16], [0, 0, 0, 0, 0, 0, 0, 8]);
        for start in 0..100 {
            for end in start..=100 {
                let part = padding(start..end);
                assert_eq!(part, whole[start as usize..end as usize], "{start}..{end}");
            }
        }
    }
}

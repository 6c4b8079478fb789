//! The part of a file that a request asks for.

use std::ops::Range;

use hyper::HeaderMap;
use hyper::header::{IF_RANGE, RANGE};

/// One part of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ByteRange {
    /// `bytes=N-`
    From(u64),
    /// `bytes=N-M`: from N to M, both included.
    Between(u64, u64),
    /// `bytes=-N`
    Last(u64),
}

impl ByteRange {
    /// Reads the part that `headers` ask for. Returns `None`, which is answered with the whole file, if they
    /// ask for all of it or for several parts, if they cannot be understood, or if they name another version
    /// of the file than `tag`.
    pub(super) fn read(headers: &HeaderMap, tag: &str) -> Option<Self> {
        if headers.get(IF_RANGE).is_some_and(|known| known != tag) {
            return None;
        }
        let range = headers.get(RANGE)?.to_str().ok()?;
        let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
        match (first, last) {
            ("", last) => Some(Self::Last(last.parse().ok()?)),
            (first, "") => Some(Self::From(first.parse().ok()?)),
            (first, last) => {
                let (first, last) = (first.parse().ok()?, last.parse().ok()?);
                (first <= last).then_some(Self::Between(first, last))
            }
        }
    }

    /// The range in a file of `size` bytes; `None` if the file has no byte of it.
    pub(super) fn within(self, size: u64) -> Option<Range<u64>> {
        let span = match self {
            Self::From(first) => first..size,
            Self::Between(first, last) => first..last.saturating_add(1).min(size),
            Self::Last(length) => size.saturating_sub(length)..size,
        };
        (!span.is_empty()).then_some(span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(range: &str, if_range: Option<&str>) -> Option<ByteRange> {
        let mut headers = HeaderMap::new();
        headers.insert(RANGE, range.parse().unwrap());
        if let Some(tag) = if_range {
            headers.insert(IF_RANGE, tag.parse().unwrap());
        }
        ByteRange::read(&headers, "\"a\"")
    }

    #[test]
    fn a_part_is_read_if_there_is_one_and_it_is_of_this_file() {
        for (range, expected) in [
            ("bytes=5-", Some(ByteRange::From(5))),
            ("bytes=5-9", Some(ByteRange::Between(5, 9))),
            ("bytes=-5", Some(ByteRange::Last(5))),
            ("bytes=9-5", None),
            ("bytes=0-1,4-5", None),
            ("bytes=-", None),
            ("lines=5-", None),
            ("5-", None),
        ] {
            assert_eq!(asked(range, None), expected, "{range}");
        }
        assert_eq!(asked("bytes=5-", Some("\"a\"")), Some(ByteRange::From(5)));
        assert_eq!(asked("bytes=5-", Some("\"b\"")), None);
        assert_eq!(ByteRange::read(&HeaderMap::new(), "\"a\""), None);
    }

    #[test]
    fn a_part_ends_with_the_file_and_is_never_empty() {
        for (part, expected) in [
            (ByteRange::From(0), Some(0..10)),
            (ByteRange::From(9), Some(9..10)),
            (ByteRange::From(10), None),
            (ByteRange::Between(2, 4), Some(2..5)),
            (ByteRange::Between(2, u64::MAX), Some(2..10)),
            (ByteRange::Between(10, 12), None),
            (ByteRange::Last(3), Some(7..10)),
            (ByteRange::Last(30), Some(0..10)),
            (ByteRange::Last(0), None),
        ] {
            assert_eq!(part.within(10), expected, "{part:?}");
        }
    }
}

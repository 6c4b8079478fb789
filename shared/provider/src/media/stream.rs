//! A file that is being read. Owns where it begins, how long it is, and when it ends; refuses to know how
//! it was asked for.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{CONTENT_RANGE, ETAG, HeaderMap, TRANSFER_ENCODING};
use reqwest::{Response, StatusCode, Version};

use super::{FILE_BYTES_MAX, HEADLESS, NotFetched, Resume, not_yet};
use crate::describe;

/// The longest time without any byte. There is no limit for a whole file: the caller has one, and drops the
/// stream.
const STALL_TIMEOUT: Duration = Duration::from_secs(60);
const TOO_LARGE: NotFetched = NotFetched::Never("what the provider made is too large");

/// A file, read part by part.
#[derive(Debug)]
pub struct MediaStream {
    response: Response,
    offset_bytes: u64,
    size_bytes: Option<u64>,
    etag: Option<String>,
    continues: bool,
    /// The position up to which the file was received, counted from the beginning of the file.
    received_bytes: u64,
    /// The bytes that were received after the last part.
    rest: Bytes,
    /// The part that is being filled. It is kept here, so a caller that gave up waiting may ask again.
    part: BytesMut,
}

impl MediaStream {
    /// Creates the stream from a server's answer, if the answer is a file; `resume` is what is known of the
    /// file.
    pub(super) fn of(response: Response, resume: Option<&Resume>) -> Result<Self, NotFetched> {
        let headers = response.headers();
        let (offset_bytes, size_bytes) = match response.status() {
            StatusCode::OK => (0, response.content_length()),
            StatusCode::PARTIAL_CONTENT => content_range(headers).ok_or_else(|| {
                not_yet("the provider's file came in part, without saying which part")
            })?,
            code => return Err(not_yet(&format!("the provider's file answered {code}"))),
        };
        if offset_bytes > resume.map_or(0, |resume| resume.offset_bytes) {
            return Err(not_yet(HEADLESS));
        }
        if size_bytes.is_some_and(|size| size > FILE_BYTES_MAX) {
            return Err(TOO_LARGE);
        }
        // Such a body ends with its connection, so a whole one could not be told from one that broke off.
        let is_framed = response.version() > Version::HTTP_11
            || headers.contains_key(TRANSFER_ENCODING)
            || response.content_length().is_some();
        if !is_framed {
            return Err(not_yet("the provider's file did not say how long it is"));
        }
        let etag = headers.get(ETAG).and_then(|tag| tag.to_str().ok());
        let etag = etag.map(str::to_owned);
        Ok(Self {
            offset_bytes,
            size_bytes,
            continues: resume.is_some_and(|resume| {
                agree(resume.etag.as_ref(), etag.as_ref())
                    && agree(resume.size_bytes.as_ref(), size_bytes.as_ref())
            }),
            etag,
            received_bytes: offset_bytes,
            response,
            rest: Bytes::new(),
            part: BytesMut::new(),
        })
    }

    /// Returns the size of the whole file, if the server says so.
    #[must_use]
    pub fn size_bytes(&self) -> Option<u64> {
        self.size_bytes
    }

    /// Returns the file's entity tag, if the server gives one.
    #[must_use]
    pub fn etag(&self) -> Option<&str> {
        self.etag.as_deref()
    }

    /// Returns the position in the file at which the stream began. It is 0 if a server does not support
    /// ranges, or if the file is another one.
    #[must_use]
    pub fn offset_bytes(&self) -> u64 {
        self.offset_bytes
    }

    /// Returns whether this is the file that was to be continued, as far as the server says.
    #[must_use]
    pub fn continues(&self) -> bool {
        self.continues
    }

    /// Skips the bytes before `offset_bytes` of the file.
    ///
    /// # Errors
    /// [`NotFetched`]; also if the file ends before that.
    pub async fn skip_to(&mut self, offset_bytes: u64) -> Result<(), NotFetched> {
        let mut at = self.received_bytes;
        while at < offset_bytes {
            let Some(chunk) = self.read().await? else {
                return Err(not_yet("the provider's file is shorter than it was"));
            };
            at = self.received_bytes;
            let past = usize::try_from(at.saturating_sub(offset_bytes)).unwrap_or(usize::MAX);
            self.rest = chunk.slice(chunk.len().saturating_sub(past)..);
        }
        Ok(())
    }

    /// Reads the next `part_bytes` of the file. Only the last part may be shorter; after it, the result is
    /// `None`.
    ///
    /// # Errors
    /// [`NotFetched`].
    pub async fn next_part(&mut self, part_bytes: usize) -> Result<Option<Bytes>, NotFetched> {
        if self.part.capacity() == 0 {
            let left = self.size_bytes.map(|size| size - self.received_bytes);
            let left = left.and_then(|left| usize::try_from(left).ok());
            let known = left.map(|left| left + self.rest.len());
            self.part
                .reserve(known.map_or(part_bytes, |n| n.min(part_bytes)));
        }
        while self.part.len() < part_bytes {
            if self.rest.is_empty() {
                match self.read().await? {
                    Some(chunk) => self.rest = chunk,
                    None => break,
                }
            }
            let length = self.rest.len().min(part_bytes - self.part.len());
            self.part.extend_from_slice(&self.rest.split_to(length));
        }
        let part = std::mem::take(&mut self.part).freeze();
        Ok(Some(part).filter(|part| !part.is_empty()))
    }

    /// Reads the next bytes that arrive; `None` once the file is complete.
    async fn read(&mut self) -> Result<Option<Bytes>, NotFetched> {
        let chunk = tokio::time::timeout(STALL_TIMEOUT, self.response.chunk()).await;
        let chunk = chunk.map_err(|_| not_yet("the provider's file stalled"))?;
        let chunk = chunk.map_err(|error| NotFetched::NotYet(describe(&error)))?;
        let length = chunk.as_ref().map_or(0, Bytes::len);
        self.received_bytes += u64::try_from(length).unwrap_or(u64::MAX);
        if self.received_bytes > FILE_BYTES_MAX {
            return Err(TOO_LARGE);
        }
        match (&chunk, self.size_bytes) {
            (None, Some(size)) if self.received_bytes < size => {
                Err(not_yet("the provider's file broke off"))
            }
            (Some(_), Some(size)) if self.received_bytes > size => {
                Err(not_yet("the provider's file is longer than it said"))
            }
            (Some(_) | None, Some(_) | None) => Ok(chunk),
        }
    }
}

/// Returns whether two values are equal, or one of them is unknown.
fn agree<T: PartialEq>(one: Option<&T>, other: Option<&T>) -> bool {
    one.zip(other).is_none_or(|(one, other)| one == other)
}

/// Returns where a part of a file begins, and the size of the whole file if it is known: `bytes
/// 100-199/200`.
fn content_range(headers: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let text = headers.get(CONTENT_RANGE)?.to_str().ok()?;
    let (range, size) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
    let size: Option<u64> = match size {
        "*" => None,
        size => Some(size.parse().ok()?),
    };
    let is_possible = first <= last && size.is_none_or(|size| last < size);
    is_possible.then_some((first, size))
}

//! The files of a job over HTTP.
//!
//! Owns the answer to a request for a file, whole or in part. Refuses to know how files are drawn.

mod cache;
mod parts;
mod ranges;

use std::time::Duration;

use hyper::Method;
use hyper::header::{
    ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderValue,
};
use hyper::http::request::Parts as Head;

use crate::answers::Stage;
use crate::directives::Media;
use crate::replies::{self, NoReply, Reply, content, detail, set_text};
use crate::requests::next_answer;
use crate::store::Kept;
use crate::wire::Flushes;
use crate::{Error, Inner, clock};
pub(crate) use cache::FileCache;
use parts::Part;
use ranges::ByteRange;

/// A request for a file.
pub(crate) struct Wanted<'a> {
    pub(crate) request_id: &'a str,
    /// Such as `0.png`.
    pub(crate) name: &'a str,
    /// Whether the address leads to nothing.
    pub(crate) is_missing: bool,
    pub(crate) head: &'a Head,
    pub(crate) origin: &'a str,
    pub(crate) flushes: Flushes,
}

/// Answers it.
pub(crate) async fn serve(inner: &Inner, wanted: Wanted<'_>) -> Result<Reply, NoReply> {
    let job = inner.job(wanted.request_id);
    match next_answer(inner, Stage::Media, job.as_ref())? {
        None => real(inner, job, &wanted, true).await,
        Some(answer) => {
            let whole = real(inner, job, &wanted, false);
            replies::scripted(&answer, wanted.origin, whole).await
        }
    }
}

async fn real(
    inner: &Inner,
    job: Option<Kept>,
    wanted: &Wanted<'_>,
    may_be_part: bool,
) -> Result<Reply, NoReply> {
    let number = wanted.name.split('.').next();
    let number = number.and_then(|number| number.parse().ok());
    let (Some(job), Some(number), false) = (job, number, wanted.is_missing) else {
        return Ok(detail(404, "not found"));
    };
    if job.state(clock::now_ms()) != "COMPLETED" || job.failure.is_some() {
        return Ok(detail(404, "not found"));
    }
    let script = job.directives().media;
    let request_id = job.request_id.clone();
    let file = inner.file_cache.file(job, number).await?;
    let size = script.bytes.unwrap_or(0).max(file.bytes.len() as u64);
    // A job's file never changes, so its name identifies its content.
    let tag = format!("\"{request_id}-{number}-{size}\"");
    let is_head = wanted.head.method == Method::HEAD;
    let asked = ByteRange::read(&wanted.head.headers, &tag);
    let asked = asked.filter(|_| may_be_part && !is_head && !script.no_range);
    let span = match &asked {
        None => 0..size,
        Some(asked) => match asked.within(size) {
            Some(span) => span,
            None => return Ok(outside(size)),
        },
    };
    let part = Part {
        span: span.clone(),
        cut: None,
        bytes_per_second: script.bytes_per_second,
        drawn: file.bytes,
    };
    let body = match is_head {
        true => content(""),
        false => late(inner, &request_id, &script, part)
            .await?
            .send(wanted.flushes.clone()),
    };
    let mut reply = replies::with_status(if asked.is_some() { 206 } else { 200 }, body);
    let length = HeaderValue::from(span.end - span.start);
    reply.headers_mut().insert(CONTENT_LENGTH, length);
    set_text(&mut reply, CONTENT_TYPE, file.content_type);
    set_text(&mut reply, ETAG, &tag);
    if asked.is_some() {
        let told = format!("bytes {}-{}/{size}", span.start, span.end - 1);
        set_text(&mut reply, CONTENT_RANGE, &told);
    }
    if !script.no_range {
        set_text(&mut reply, ACCEPT_RANGES, "bytes");
    }
    Ok(reply)
}

/// Waits for the scripted delay, then sends a part, up to the byte at which this request is cut off.
async fn late(
    inner: &Inner,
    request_id: &str,
    script: &Media,
    mut part: Part,
) -> Result<Part, Error> {
    if let Some(Ok(delay_ms)) = script.delay_ms.map(u64::try_from) {
        tokio::time::sleep(Duration::from_millis(delay_ms)).await;
    }
    if !script.cuts.is_empty() {
        let number = inner.store.count(request_id, "media-cut")?;
        part.cut = script.cuts.at(number).copied();
    }
    Ok(part)
}

/// The answer to a range that begins after the end of the file.
fn outside(size: u64) -> Reply {
    let mut reply = detail(416, "the range is outside of the file");
    set_text(&mut reply, CONTENT_RANGE, &format!("bytes */{size}"));
    reply
}

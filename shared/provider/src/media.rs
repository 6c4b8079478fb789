//! Fetching what fal made, before its address stops working.
//!
//! Owns: how a file is read part by part, going on where an earlier run ended; which addresses are safe to
//! read; and that a body which breaks off is never mistaken for a whole one. Refuses to know where the bytes
//! go, and to hold more of them than one part. Our key is not sent: fal's media are public.

pub mod digest;
mod kind;
mod stream;

use std::sync::OnceLock;
use std::time::Duration;

use reqwest::header::{ACCEPT_ENCODING, IF_RANGE, LOCATION, RANGE};
use reqwest::{Client, Response, StatusCode, Url};

pub use kind::FileKind;
pub use stream::MediaStream;

use crate::{CONNECT_TIMEOUT, Fal, describe};

/// The largest file that is fetched: many times what a model makes, and what two runs can copy.
pub const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// How long a server may take to begin its answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// How many times a file may be said to be elsewhere.
const REDIRECTS_MAX: usize = 3;
/// Why a file is not taken that begins further on than was asked.
const HEADLESS: &str = "the provider's file came without its beginning";
const UNSAFE: NotFetched =
    NotFetched::Never("the provider named an address that is not safe to fetch");

/// Where to go on reading a file, and what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resume {
    /// How many bytes are there already.
    pub offset_bytes: u64,
    /// Its entity tag, if the server gave one.
    pub etag: Option<String>,
    /// How large it is, if the server said so.
    pub size_bytes: Option<u64>,
}

/// Why a file could not be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotFetched {
    /// It may be later, and why it was not. Everything is of this kind that another answer could put right:
    /// how long it is tried again is the caller's to say.
    NotYet(String),
    /// It never will be.
    Never(&'static str),
}

/// Fetches from addresses that somebody else names. Built when it is first needed:
/// most functions never fetch a file.
#[derive(Default)]
pub(crate) struct Fetcher(OnceLock<Client>);

impl Fetcher {
    fn client(&self) -> Result<&Client, NotFetched> {
        if let Some(client) = self.0.get() {
            return Ok(client);
        }
        let client = web::public_client(CONNECT_TIMEOUT)
            .build()
            .map_err(|error| NotFetched::NotYet(describe(&error)))?;
        Ok(self.0.get_or_init(|| client))
    }
}

impl Fal {
    /// Begins to read a file that fal made, where `resume` says if the server
    /// can. It says itself where it begins.
    ///
    /// Redirects are followed, three at most. Each address must be `https` and lead to the public internet,
    /// but for those at the provider's own origin: the one that was configured is trusted as it is.
    ///
    /// # Errors
    /// [`NotFetched`].
    pub async fn open_media(
        &self,
        url: &str,
        resume: Option<&Resume>,
    ) -> Result<MediaStream, NotFetched> {
        // Without a byte there is nothing to go on from.
        let resume = resume.filter(|resume| resume.offset_bytes > 0);
        let response = self.fetch(url, resume).await?;
        let is_impossible = response.status() == StatusCode::RANGE_NOT_SATISFIABLE;
        if resume.is_none() || !is_impossible {
            let stream = MediaStream::of(response, resume)?;
            if stream.continues() || stream.offset_bytes() == 0 {
                return Ok(stream);
            }
        }
        // Another file is there by now, so its beginning is wanted, too.
        let stream = MediaStream::of(self.fetch(url, None).await?, resume)?;
        match stream.offset_bytes() {
            0 => Ok(stream),
            _ => Err(not_yet(HEADLESS)),
        }
    }

    /// The answer at an address, or where that one leads.
    async fn fetch(&self, url: &str, resume: Option<&Resume>) -> Result<Response, NotFetched> {
        let none = NotFetched::Never("the provider named no address");
        let mut url = Url::parse(url).map_err(|_| none)?;
        for _ in 0..=REDIRECTS_MAX {
            let client = self.client_for(&url)?;
            // A file that is packed on its way has no ranges of its own.
            let mut request = client.get(url.clone()).header(ACCEPT_ENCODING, "identity");
            if let Some(resume) = resume {
                request = request.header(RANGE, format!("bytes={}-", resume.offset_bytes));
                // A weak tag does not promise the same bytes, so a server would never go on by it.
                if let Some(etag) = resume.etag.as_deref().filter(|tag| tag.starts_with('"')) {
                    request = request.header(IF_RANGE, etag);
                }
            }
            let sent = tokio::time::timeout(ANSWER_TIMEOUT, request.send()).await;
            let sent = sent.map_err(|_| not_yet("the provider's file was not answered in time"))?;
            let response = sent.map_err(|error| not_sent(&error))?;
            match response.status().as_u16() {
                301 | 302 | 303 | 307 | 308 => url = next(&url, &response)?,
                _ => return Ok(response),
            }
        }
        Err(not_yet("the provider's file was redirected too often"))
    }

    /// What may ask for `url`, if anything may.
    fn client_for(&self, url: &Url) -> Result<&Client, NotFetched> {
        if url.origin() == self.origin.origin() {
            return Ok(&self.http);
        }
        if !web::may_be_tried(url) {
            return Err(UNSAFE);
        }
        self.fetcher.client()
    }
}

/// Where a redirect leads.
fn next(url: &Url, response: &Response) -> Result<Url, NotFetched> {
    let location = response.headers().get(LOCATION);
    let location = location.and_then(|location| location.to_str().ok());
    location
        .and_then(|location| url.join(location).ok())
        .ok_or_else(|| not_yet("the provider's file was redirected to no address"))
}

fn not_yet(why: &str) -> NotFetched {
    NotFetched::NotYet(why.to_owned())
}

/// What a request that could not be sent means for the file.
fn not_sent(error: &reqwest::Error) -> NotFetched {
    match web::is_not_public(error) {
        true => UNSAFE,
        false => NotFetched::NotYet(describe(error)),
    }
}

#[cfg(test)]
mod tests;

//! The download of fal's files, before their addresses stop working.
//!
//! Owns: how a file is read part by part, continuing where an earlier run ended; which addresses are safe
//! to read; and that a body that breaks off is never mistaken for a whole one. Refuses to know where the
//! bytes go, and to hold more of them than one part. Our key is not sent, because fal's media are public.

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

/// The largest file that is fetched: many times the size of a model's files, and as much as two runs can
/// copy.
pub const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// The time within which a server must begin its answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// The most redirects of one file.
const REDIRECTS_MAX: usize = 3;
/// The reason for refusing a file that begins after the requested position.
const HEADLESS: &str = "the provider's file came without its beginning";
const UNSAFE: NotFetched =
    NotFetched::Never("the provider named an address that is not safe to fetch");

/// The position at which to continue reading a file, and what is known of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resume {
    /// The number of bytes that were read before.
    pub offset_bytes: u64,
    /// Its entity tag, if the server gave one.
    pub etag: Option<String>,
    /// The size of the whole file, if the server gave one.
    pub size_bytes: Option<u64>,
}

/// The reason why a file could not be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotFetched {
    /// It may work later; the text says why it did not work now. Everything that another answer could put
    /// right is of this kind. The caller decides how long to try again.
    NotYet(String),
    /// It will never work.
    Never(&'static str),
}

/// The client for addresses that somebody else names. It is built at its first use, because most functions
/// never fetch a file.
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
    /// Begins to read one of fal's files, at the position in `resume` if the server can. The stream says
    /// where it begins.
    ///
    /// Follows at most three redirects. Each address must be `https` and lead to the public internet,
    /// except those at the provider's own origin, which is configured and therefore trusted.
    ///
    /// # Errors
    /// [`NotFetched`].
    pub async fn open_media(
        &self,
        url: &str,
        resume: Option<&Resume>,
    ) -> Result<MediaStream, NotFetched> {
        // Without any bytes there is nothing to continue.
        let resume = resume.filter(|resume| resume.offset_bytes > 0);
        let response = self.fetch(url, resume).await?;
        let is_impossible = response.status() == StatusCode::RANGE_NOT_SATISFIABLE;
        if resume.is_none() || !is_impossible {
            let stream = MediaStream::of(response, resume)?;
            if stream.continues() || stream.offset_bytes() == 0 {
                return Ok(stream);
            }
        }
        // The file is another one by now, so its beginning is needed, too.
        let stream = MediaStream::of(self.fetch(url, None).await?, resume)?;
        match stream.offset_bytes() {
            0 => Ok(stream),
            _ => Err(not_yet(HEADLESS)),
        }
    }

    /// Fetches the answer at an address, following redirects.
    async fn fetch(&self, url: &str, resume: Option<&Resume>) -> Result<Response, NotFetched> {
        let none = NotFetched::Never("the provider named no address");
        let mut url = Url::parse(url).map_err(|_| none)?;
        for _ in 0..=REDIRECTS_MAX {
            let client = self.client_for(&url)?;
            // A file that is compressed on its way has no ranges of its own.
            let mut request = client.get(url.clone()).header(ACCEPT_ENCODING, "identity");
            if let Some(resume) = resume {
                request = request.header(RANGE, format!("bytes={}-", resume.offset_bytes));
                // A weak tag does not promise the same bytes, so a server would never continue by it.
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

    /// Returns the client that may fetch `url`; an error if none may.
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

/// Returns the target of a redirect.
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

/// Returns what a request that could not be sent means for the file.
fn not_sent(error: &reqwest::Error) -> NotFetched {
    match web::is_not_public(error) {
        true => UNSAFE,
        false => NotFetched::NotYet(describe(error)),
    }
}

#[cfg(test)]
mod tests;

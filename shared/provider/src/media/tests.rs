//! Files from a server that sends exactly the bytes that a test wants.

use std::sync::{Arc, Mutex};

use auth::opaque::Secret;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::FalConfig;

const KEY: &str = "the-providers-key";

/// The bytes that a server sends, and whether the connection stays open afterwards.
struct Said {
    bytes: Vec<u8>,
    hangs: bool,
}

impl Said {
    fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            bytes: bytes.into(),
            hangs: false,
        }
    }

    /// An answer with a body, and its length.
    fn answer(status: u16, headers: &str, body: &str) -> Self {
        let length = body.len();
        Self::new(format!(
            "HTTP/1.1 {status} Said\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
        ))
    }

    fn redirect(to: &str) -> Self {
        Self::answer(302, &format!("location: {to}\r\n"), "")
    }

    fn hanging(mut self) -> Self {
        self.hangs = true;
        self
    }
}

/// A server on this machine, configured as the provider.
struct Server {
    origin: String,
    fal: Fal,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Starts a server that answers each request by its head, which is in lower case except for the first
    /// line.
    async fn start(answer: impl Fn(&str) -> Said + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hearing = Arc::clone(&heard);
        tokio::spawn(async move {
            let mut hanging = Vec::new();
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let head = head(&mut stream).await;
                let said = answer(&head);
                hearing.lock().unwrap().push(head);
                // A client that does not want the rest closes the connection.
                let _ = stream.write_all(&said.bytes).await;
                if said.hangs {
                    hanging.push(stream);
                }
            }
        });
        let fal = Fal::new(FalConfig {
            queue_url: origin.clone(),
            key: Secret::new(KEY.to_owned()),
        });
        Self {
            fal: fal.unwrap(),
            origin,
            heard,
        }
    }

    /// Starts a server that always sends the same.
    async fn saying(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        Self::start(move |_| Said::new(bytes.clone())).await
    }

    async fn open(&self, path: &str, resume: Option<&Resume>) -> Result<MediaStream, NotFetched> {
        let url = format!("{}{path}", self.origin);
        self.fal.open_media(&url, resume).await
    }

    /// Reads the whole file, in parts of four bytes.
    async fn read(&self) -> Result<Vec<String>, NotFetched> {
        let mut stream = self.open("/file", None).await?;
        let mut parts = Vec::new();
        while let Some(part) = stream.next_part(4).await? {
            parts.push(String::from_utf8(part.to_vec()).unwrap());
        }
        Ok(parts)
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

async fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    let (first, rest) = head.split_once("\r\n").unwrap();
    format!("{first}\n{}", rest.to_lowercase())
}

fn why<T: std::fmt::Debug>(outcome: Result<T, NotFetched>) -> String {
    match outcome.unwrap_err() {
        NotFetched::NotYet(why) => why,
        NotFetched::Never(why) => panic!("never: {why}"),
    }
}

fn never<T: std::fmt::Debug>(outcome: Result<T, NotFetched>) -> &'static str {
    match outcome.unwrap_err() {
        NotFetched::Never(why) => why,
        NotFetched::NotYet(why) => panic!("not yet: {why}"),
    }
}

fn resume(offset_bytes: u64, etag: &str) -> Resume {
    Resume {
        offset_bytes,
        etag: Some(etag.to_owned()),
        size_bytes: Some(10),
    }
}

#[tokio::test]
async fn a_file_is_read_part_by_part_to_its_end() {
    let server = Server::start(|_| Said::answer(200, "etag: \"a\"\r\n", "0123456789")).await;
    let mut stream = server.open("/file", None).await.unwrap();
    assert_eq!(stream.size_bytes(), Some(10));
    assert_eq!(stream.etag(), Some("\"a\""));
    assert_eq!(stream.offset_bytes(), 0);
    let mut next = async || stream.next_part(4).await.unwrap();
    assert_eq!(next().await.unwrap(), "0123");
    assert_eq!(next().await.unwrap(), "4567");
    assert_eq!(next().await.unwrap(), "89");
    assert_eq!(next().await, None);
    assert_eq!(next().await, None);
    let request = &server.heard()[0];
    assert!(request.starts_with("GET /file HTTP/1.1\n"), "{request}");
    assert!(!request.contains("authorization") && !request.contains(KEY));
}

#[tokio::test]
async fn a_file_whose_length_nobody_said_ends_with_its_last_chunk() {
    let chunked =
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n6\r\n012345\r\n4\r\n6789\r\n";
    let server = Server::saying(format!("{chunked}0\r\n\r\n")).await;
    assert_eq!(server.open("/file", None).await.unwrap().size_bytes(), None);
    assert_eq!(server.read().await.unwrap(), ["0123", "4567", "89"]);
    // The last chunk is missing.
    why(Server::saying(chunked).await.read().await);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_never_an_end() {
    for cut in [
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n0123",
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-le",
        // This one would end with its connection, complete or not.
        "HTTP/1.1 200 OK\r\n\r\n0123456789",
        "HTTP/1.0 200 OK\r\n\r\n0123456789",
        "",
    ] {
        why(Server::saying(cut).await.read().await);
    }
}

#[tokio::test]
async fn a_part_that_ends_before_the_file_does_is_no_end() {
    let part = "content-range: bytes 4-5/10\r\n";
    let server = Server::start(move |_| Said::answer(206, part, "45")).await;
    let stream = server.open("/file", Some(&resume(4, "\"a\""))).await;
    let mut stream = stream.unwrap();
    assert!(stream.continues());
    why(stream.next_part(4).await);
}

#[tokio::test]
async fn a_file_that_stalls_is_given_up_after_a_while() {
    let begun = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n0123";
    let server = Server::start(move |_| Said::new(begun).hanging()).await;
    let mut stream = server.open("/file", None).await.unwrap();
    assert_eq!(stream.next_part(4).await.unwrap().unwrap(), "0123");
    // From here on, time advances as soon as every task waits.
    tokio::time::pause();
    assert_eq!(
        why(stream.next_part(4).await),
        "the provider's file stalled"
    );
}

#[tokio::test]
async fn any_other_status_passes() {
    for status in [
        201, 204, 300, 304, 400, 403, 404, 410, 416, 429, 451, 500, 503, 599,
    ] {
        let server = Server::start(move |_| Said::answer(status, "", "")).await;
        let why = why(server.open("/file", None).await);
        assert!(why.contains(&status.to_string()), "{why}");
    }
}

#[tokio::test]
async fn what_does_not_answer_passes() {
    let server = Server::start(|_| Said::new("nothing that HTTP knows\r\n\r\n")).await;
    why(server.open("/file", None).await);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let fal = Fal::new(FalConfig {
        queue_url: origin.clone(),
        key: Secret::new(KEY.to_owned()),
    });
    why(fal.unwrap().open_media(&origin, None).await);
}

#[tokio::test]
async fn three_redirects_are_followed_and_not_a_fourth() {
    let answer = |head: &str| match head.split(' ').nth(1).unwrap() {
        "/file" => Said::redirect("elsewhere?a=b"),
        "/elsewhere?a=b" => Said::redirect("/2"),
        "/2" => Said::redirect("3#part"),
        "/3" => Said::answer(200, "", "0123"),
        "/fourth" => Said::redirect("/file"),
        other => panic!("{other}"),
    };
    let server = Server::start(answer).await;
    assert_eq!(server.read().await.unwrap(), ["0123"]);
    why(server.open("/fourth", None).await);
    for request in server.heard() {
        assert!(!request.contains("authorization") && !request.contains(KEY));
    }
    for nowhere in [
        "HTTP/1.1 302 Found\r\n\r\n",
        "HTTP/1.1 307 T\r\nlocation: http://[\r\n\r\n",
    ] {
        let server = Server::saying(nowhere).await;
        why(server.open("/file", None).await);
    }
}

#[tokio::test]
async fn a_redirect_never_leads_to_an_address_that_is_not_safe() {
    let other = Server::start(|_| Said::answer(200, "", "secret")).await;
    for target in [
        // On this machine, or on the public internet without TLS.
        other.origin.as_str(),
        "http://v3.fal.media/file",
        "http://127.0.0.1:1/",
        "https://127.0.0.1:1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[::ffff:10.0.0.1]/",
        "//10.0.0.1/",
        "file:///etc/passwd",
        // A name of this machine, which only the resolver recognises.
        "https://localhost:1/",
    ] {
        let redirect = format!("HTTP/1.1 301 Moved\r\nlocation: {target}\r\n\r\n");
        let server = Server::saying(redirect).await;
        let refused = never(server.open("/file", None).await);
        assert!(
            refused.ends_with("not safe to fetch"),
            "{target}: {refused}"
        );
        assert_eq!(server.heard().len(), 1);
    }
    assert!(other.heard().is_empty());
}

#[tokio::test]
async fn the_first_address_is_judged_like_any_other() {
    let server = Server::start(|_| Said::answer(200, "", "0123")).await;
    for url in [
        "http://v3.fal.media/file",
        "http://127.0.0.1:1/file",
        "https://localhost:1/file",
        "https://192.168.1.1/file",
        "",
        "no address",
    ] {
        never(server.fal.open_media(url, None).await);
    }
}

#[tokio::test]
async fn reading_goes_on_where_it_was() {
    let part = "etag: \"a\"\r\ncontent-range: bytes 4-9/10\r\n";
    let server = Server::start(move |_| Said::answer(206, part, "456789")).await;
    let stream = server.open("/file", Some(&resume(4, "\"a\""))).await;
    let mut stream = stream.unwrap();
    assert!(stream.continues());
    assert_eq!((stream.offset_bytes(), stream.size_bytes()), (4, Some(10)));
    assert_eq!(stream.next_part(99).await.unwrap().unwrap(), "456789");
    assert_eq!(stream.next_part(99).await.unwrap(), None);
    let request = &server.heard()[0];
    assert!(request.contains("\nrange: bytes=4-\r\n"), "{request}");
    assert!(request.contains("if-range: \"a\"\r\n"), "{request}");
}

#[tokio::test]
async fn a_server_that_knows_no_ranges_begins_at_the_beginning() {
    let server = Server::start(|_| Said::answer(200, "etag: \"a\"\r\n", "0123456789")).await;
    let stream = server.open("/file", Some(&resume(4, "\"a\""))).await;
    let mut stream = stream.unwrap();
    assert!(stream.continues());
    assert_eq!(stream.offset_bytes(), 0);
    stream.skip_to(4).await.unwrap();
    stream.skip_to(4).await.unwrap();
    assert_eq!(stream.next_part(4).await.unwrap().unwrap(), "4567");
    why(stream.skip_to(11).await);
}

#[tokio::test]
async fn a_file_that_changed_begins_at_the_beginning_and_says_so() {
    // The file changed: by its tag, although the server ignores If-Range; by its length; because it is too
    // short for the range.
    for changed in [
        Some("etag: \"b\"\r\ncontent-range: bytes 4-9/10\r\n"),
        Some("etag: \"a\"\r\ncontent-range: bytes 4-9/11\r\n"),
        None,
    ] {
        let answer = move |head: &str| match (head.contains("range: bytes=4-"), changed) {
            (true, Some(part)) => Said::answer(206, part, "456789"),
            (true, None) => Said::answer(416, "content-range: bytes */3\r\n", ""),
            (false, _) => Said::answer(200, "etag: \"b\"\r\n", "another"),
        };
        let server = Server::start(answer).await;
        let stream = server.open("/file", Some(&resume(4, "\"a\""))).await;
        let mut stream = stream.unwrap();
        assert!(!stream.continues());
        assert_eq!(stream.offset_bytes(), 0);
        assert_eq!(stream.etag(), Some("\"b\""));
        assert_eq!(stream.next_part(99).await.unwrap().unwrap(), "another");
    }
}

#[tokio::test]
async fn a_part_without_its_place_or_from_further_on_is_refused() {
    for range in [
        "",
        "content-range: bytes */10\r\n",
        "content-range: bytes 4-10/10\r\n",
        "content-range: bytes 5-4/10\r\n",
        "content-range: 4-9/10\r\n",
        "content-range: bytes 5-9/10\r\n",
    ] {
        let server = Server::start(move |_| Said::answer(206, range, "56789")).await;
        why(server.open("/file", Some(&resume(4, "\"a\""))).await);
        why(server.open("/file", None).await);
    }
}

#[tokio::test]
async fn a_file_that_changed_is_refused_without_its_beginning() {
    let part = "etag: \"b\"\r\ncontent-range: bytes 4-9/10\r\n";
    let server = Server::start(move |_| Said::answer(206, part, "456789")).await;
    why(server.open("/file", Some(&resume(4, "\"a\""))).await);
    assert_eq!(server.heard().len(), 2);
}

#[tokio::test]
async fn a_weak_tag_is_no_condition_of_a_range() {
    let part = "etag: W/\"a\"\r\ncontent-range: bytes 4-9/*\r\n";
    let server = Server::start(move |_| Said::answer(206, part, "456789")).await;
    let stream = server.open("/file", Some(&resume(4, "W/\"a\""))).await;
    assert!(stream.unwrap().continues());
    assert!(!server.heard()[0].contains("if-range"));
}

#[tokio::test]
async fn a_file_that_is_too_large_is_never_fetched() {
    let size = FILE_BYTES_MAX + 1;
    let server = Server::saying(format!("HTTP/1.1 200 OK\r\ncontent-length: {size}\r\n\r\n")).await;
    never(server.open("/file", None).await);
    let part = format!("content-range: bytes 4-9/{size}\r\n");
    let server = Server::start(move |_| Said::answer(206, &part, "456789")).await;
    never(server.open("/file", Some(&resume(4, "\"a\""))).await);
}

#[tokio::test]
async fn a_file_that_hides_its_length_is_bounded_too() {
    // A single chunk, longer than the limit.
    let length = FILE_BYTES_MAX + 1;
    let head = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{length:x}\r\n");
    let server = Server::start(move |_| {
        let mut bytes = head.clone().into_bytes();
        bytes.resize(bytes.len() + usize::try_from(length).unwrap(), 0);
        Said::new(bytes)
    })
    .await;
    let mut stream = server.open("/file", None).await.unwrap();
    never(stream.skip_to(length).await);
}

//! A small HTTP/1.1 server: accepts connections, and hands each request to one function.
//!
//! Owns sockets and their end. Refuses to know the answers.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::BytesMut;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, header};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::Serialize;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// An answer whose body is whole.
pub type Answer = Response<Full<Bytes>>;

/// The time in which a client must send a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// The bytes of a too large body that are read before the connection is given up.
const DISCARDED_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The pause when the system has no more file descriptors.
const ACCEPT_REST: Duration = Duration::from_millis(50);

/// Serves `listener` until `token` is cancelled.
pub async fn serve<H, F>(listener: TcpListener, token: CancellationToken, handler: H)
where
    H: Fn(SocketAddr, Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    loop {
        let accepted = tokio::select! {
            () = token.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let connection = serve_connection(stream, peer, handler.clone());
                let token = token.clone();
                tokio::spawn(async move { token.run_until_cancelled(connection).await });
            }
            Err(_) => tokio::time::sleep(ACCEPT_REST).await,
        }
    }
}

/// Serves one connection. If it breaks, that concerns the client alone.
async fn serve_connection<H, F>(stream: TcpStream, peer: SocketAddr, handler: H)
where
    H: Fn(SocketAddr, Request<Incoming>) -> F,
    F: Future<Output = Answer>,
{
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| {
        let answer = handler(peer, request);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    let mut server = http1::Builder::new();
    server
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT);
    let _ = server.serve_connection(TokioIo::new(stream), service).await;
}

/// A reason for which a body could not be read.
#[derive(Debug, PartialEq, Eq)]
pub enum BodyError {
    /// It is larger than allowed.
    TooLarge,
    /// The client went away.
    Broken,
}

/// Reads the whole body, if it is no larger than `size_bytes_max`.
///
/// A larger one is read on and thrown away for a while: a client that is still sending would otherwise see a
/// broken connection instead of the answer.
pub async fn body(mut request: Incoming, size_bytes_max: usize) -> Result<Bytes, BodyError> {
    let mut whole = BytesMut::new();
    let mut size_bytes = 0;
    while let Some(frame) = request.frame().await {
        let Ok(data) = frame.map_err(|_| BodyError::Broken)?.into_data() else {
            continue;
        };
        size_bytes += data.len();
        if size_bytes <= size_bytes_max {
            whole.extend_from_slice(&data);
        } else if size_bytes > size_bytes_max.max(DISCARDED_BYTES_MAX) {
            return Err(BodyError::TooLarge);
        }
    }
    if size_bytes > size_bytes_max {
        Err(BodyError::TooLarge)
    } else {
        Ok(whole.freeze())
    }
}

/// An answer with a JSON body.
pub fn json(status: StatusCode, body: &impl Serialize) -> Answer {
    // The bodies are our own plain structures, which always serialize.
    let body = serde_json::to_vec(body).unwrap_or_default();
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status;
    let json = header::HeaderValue::from_static("application/json");
    answer.headers_mut().insert(header::CONTENT_TYPE, json);
    answer
}

/// An answer without a body.
pub fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = status;
    answer
}

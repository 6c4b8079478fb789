//! The parts that every service shares at the wire: a request read whole, a reply, and AWS's JSON errors.
//!
//! Owns their shapes. Refuses to know any operation.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http_body_util::{Either, Full};
use hyper::body::{Body, Bytes, Frame, SizeHint};
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::{Method, Response, StatusCode, Uri};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::fs::File;
use tokio::io::{AsyncRead, ReadBuf};

use crate::Error;

/// The bytes of a file that are in memory at a time while it is sent.
const FILE_CHUNK_BYTES: u64 = 256 * 1_024;

/// A reply whose body is complete, or in a file.
pub(crate) type Reply = Response<Either<Full<Bytes>, FileBody>>;

/// The next bytes of a file, read as they are sent.
pub(crate) struct FileBody {
    file: File,
    left_bytes: u64,
}

impl FileBody {
    /// The next `length_bytes` of a file, which must have them.
    pub(crate) fn new(file: std::fs::File, length_bytes: u64) -> Self {
        Self {
            file: File::from_std(file),
            left_bytes: length_bytes,
        }
    }
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.left_bytes == 0 {
            return Poll::Ready(None);
        }
        let length = self.left_bytes.min(FILE_CHUNK_BYTES);
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
        let mut buffer = ReadBuf::new(&mut bytes);
        let read = Pin::new(&mut self.file).poll_read(context, &mut buffer);
        if let Err(cause) = ready!(read) {
            return Poll::Ready(Some(Err(cause)));
        }
        let length = buffer.filled().len();
        if length == 0 {
            let cause = std::io::ErrorKind::UnexpectedEof.into();
            return Poll::Ready(Some(Err(cause)));
        }
        self.left_bytes -= u64::try_from(length).unwrap_or(u64::MAX);
        bytes.truncate(length);
        Poll::Ready(Some(Ok(Frame::data(bytes.into()))))
    }

    fn is_end_stream(&self) -> bool {
        self.left_bytes == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left_bytes)
    }
}

/// A request whose body has been read.
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Request {
    /// A header's value, when it is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// A refusal in the AWS JSON protocols.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Refusal {
    /// A refusal that is the caller's fault.
    pub(crate) fn of(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            code,
            message: message.into(),
        }
    }

    /// A refusal with a status of its own.
    pub(crate) fn with(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
        }
    }

    /// A refusal of the caller, with status 403.
    pub(crate) fn denied(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::FORBIDDEN,
            code,
            message: message.into(),
        }
    }

    pub(crate) fn code(&self) -> &'static str {
        self.code
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// Whether AWS would blame the sender for it.
    pub(crate) fn is_senders(&self) -> bool {
        self.status.is_client_error()
    }

    /// The reply for it in the REST protocol with JSON bodies.
    pub(crate) fn rest_reply(&self) -> Reply {
        let body = json!({ "message": self.message }).to_string();
        let mut reply = text_reply(self.status, "application/json", body);
        let code = HeaderValue::from_static(self.code);
        reply.headers_mut().insert("x-amzn-errortype", code);
        reply
    }

    /// The reply for it.
    pub(crate) fn reply(&self) -> Reply {
        json_reply(
            self.status,
            &json!({ "__type": self.code, "message": self.message }),
        )
    }
}

impl From<Error> for Refusal {
    fn from(cause: Error) -> Self {
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            code: "InternalFailure",
            message: cause.to_string(),
        }
    }
}

impl From<rusqlite::Error> for Refusal {
    fn from(cause: rusqlite::Error) -> Self {
        Error::from(cause).into()
    }
}

/// Reads a JSON body into an operation's input.
pub(crate) fn input<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body)
        .map_err(|cause| Refusal::of("SerializationException", cause.to_string()))
}

/// A JSON reply of the AWS JSON protocols.
pub(crate) fn json_reply(status: StatusCode, body: &Value) -> Reply {
    text_reply(status, "application/x-amz-json-1.0", body.to_string())
}

/// A reply of text, with the request id that every AWS reply has.
pub(crate) fn text_reply(status: StatusCode, content_type: &'static str, body: String) -> Reply {
    let mut reply = Response::new(Either::Left(Full::new(Bytes::from(body))));
    *reply.status_mut() = status;
    reply
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    let request_id = uuid::Uuid::new_v4().to_string();
    if let Ok(request_id) = HeaderValue::from_str(&request_id) {
        reply.headers_mut().insert("x-amzn-requestid", request_id);
    }
    reply
}

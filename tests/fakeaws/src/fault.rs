//! S3's errors, as its XML says them.

use hyper::StatusCode;

use crate::Error;
use crate::wire::{Reply, text_reply};
use crate::xml;

/// A reason for which S3 refuses a request.
#[derive(Debug)]
pub(crate) struct Fault {
    status: StatusCode,
    code: &'static str,
    message: String,
    details: Vec<(&'static str, String)>,
}

impl Fault {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            details: Vec::new(),
        }
    }

    /// A request that cannot be understood.
    pub(crate) fn bad(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// A request that may not be made.
    pub(crate) fn denied(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, message)
    }

    /// Something that S3 offers and this stand-in does not.
    pub(crate) fn not_implemented(what: &str) -> Self {
        let message = format!("{what} is not supported here.");
        Self::new(StatusCode::NOT_IMPLEMENTED, "NotImplemented", message)
    }

    pub(crate) fn no_such_key(key: &str) -> Self {
        let message = "The specified key does not exist.";
        Self::new(StatusCode::NOT_FOUND, "NoSuchKey", message).with("Key", key)
    }

    pub(crate) fn is_no_such_key(&self) -> bool {
        self.code == "NoSuchKey"
    }

    pub(crate) fn no_such_bucket(bucket: &str) -> Self {
        let message = "The specified bucket does not exist";
        Self::new(StatusCode::NOT_FOUND, "NoSuchBucket", message).with("BucketName", bucket)
    }

    /// Adds a detail that AWS gives in an element of its own.
    pub(crate) fn with(mut self, element: &'static str, text: &str) -> Self {
        self.details.push((element, text.to_owned()));
        self
    }

    /// The reply that says so.
    pub(crate) fn reply(&self) -> Reply {
        let mut elements = vec![
            xml::element("Code", self.code),
            xml::element("Message", &self.message),
        ];
        elements.extend(
            self.details
                .iter()
                .map(|(name, text)| xml::element(name, text)),
        );
        elements.push(xml::element("RequestId", &uuid::Uuid::new_v4().to_string()));
        text_reply(
            self.status,
            "application/xml",
            xml::document("Error", &elements.concat()),
        )
    }
}

impl From<Error> for Fault {
    fn from(cause: Error) -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "InternalError",
            cause.to_string(),
        )
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(cause: rusqlite::Error) -> Self {
        Error::from(cause).into()
    }
}

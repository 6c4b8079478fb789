//! An answer of the API, and the shape that every error has.

use std::collections::BTreeSet;

use reqwest::header::HeaderMap;
use serde_json::Value;

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    /// The JSON; null without a body.
    pub body: Value,
}

impl Answer {
    /// A header's value; empty without the header.
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).map(|value| value.to_str().unwrap());
        value.unwrap_or_default()
    }

    /// Returns the body; the status must be this one.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{:?}", self.body);
        self.body
    }

    /// The text at this field.
    #[track_caller]
    pub fn text(&self, field: &str) -> String {
        let text = self.body[field].as_str();
        text.unwrap_or_else(|| panic!("no {field} in {:?}", self.body))
            .to_owned()
    }

    /// Asserts that this is a problem of the one shape that every error has;
    /// returns the fields that it names.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> BTreeSet<String> {
        assert_eq!(self.status, status, "{:?}", self.body);
        assert_eq!(self.body["code"], code, "{:?}", self.body);
        self.shape()
    }

    /// Asserts the shape alone.
    #[track_caller]
    pub fn shape(&self) -> BTreeSet<String> {
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.body["status"], self.status, "{:?}", self.body);
        for field in ["type", "title", "code", "detail", "request_id"] {
            let text = self.body[field].as_str().unwrap_or_default();
            assert!(!text.is_empty(), "{field} in {:?}", self.body);
        }
        assert_eq!(self.body["request_id"], self.header("x-request-id"));
        if matches!(self.status, 429 | 503) {
            assert!(!self.header("retry-after").is_empty(), "{:?}", self.body);
        }
        let errors = self.body["errors"].as_array().cloned().unwrap_or_default();
        for error in &errors {
            assert!(error["code"].is_string() && error["message"].is_string());
        }
        let field = |error: &Value| error["field"].as_str().unwrap().to_owned();
        errors.iter().map(field).collect()
    }
}

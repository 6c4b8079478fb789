//! The attributes that a sender puts beside a body: their rules, their digest, and the choice of a receiver.
//!
//! Owns what SQS counts and digests. Refuses to know where they are stored.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};

use crate::wire::Refusal;

const ATTRIBUTES_MAX: usize = 10;

/// One attribute, in AWS's JSON.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Attribute {
    data_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    string_value: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    binary_value: Option<String>,
}

/// A message's attributes by name, in the order that the digest needs.
pub(super) type Attributes = BTreeMap<String, Attribute>;

/// A value as the digest takes it: its marker and its bytes.
enum Value {
    Text(String),
    Binary(Vec<u8>),
}

impl Attribute {
    fn value(&self, name: &str) -> Result<Value, Refusal> {
        let kind = self.data_type.split('.').next().unwrap_or_default();
        match (kind, &self.string_value, &self.binary_value) {
            ("String" | "Number", Some(text), None) if !text.is_empty() => {
                Ok(Value::Text(text.clone()))
            }
            ("Binary", None, Some(base64)) if !base64.is_empty() => {
                let bytes = STANDARD.decode(base64).map_err(|cause| {
                    invalid(format!("The attribute {name} is not base64: {cause}"))
                })?;
                Ok(Value::Binary(bytes))
            }
            _ => Err(invalid(format!(
                "The message attribute '{name}' must contain a non-empty value of its type."
            ))),
        }
    }
}

/// Checks the attributes, and returns the number of bytes that they add to the message.
pub(super) fn size_bytes(attributes: &Attributes) -> Result<usize, Refusal> {
    if attributes.len() > ATTRIBUTES_MAX {
        return Err(invalid(
            "Number of message attributes exceeds the allowed maximum 10.".into(),
        ));
    }
    let mut size_bytes = 0;
    for (name, attribute) in attributes {
        let value_bytes = match attribute.value(name)? {
            Value::Text(text) => text.len(),
            Value::Binary(bytes) => bytes.len(),
        };
        size_bytes += name.len() + attribute.data_type.len() + value_bytes;
    }
    Ok(size_bytes)
}

/// The digest that SQS answers with; `None` without attributes.
pub(super) fn md5_of(attributes: &Attributes) -> Result<Option<String>, Refusal> {
    if attributes.is_empty() {
        return Ok(None);
    }
    let mut digest = Md5::new();
    for (name, attribute) in attributes {
        add(&mut digest, name.as_bytes());
        add(&mut digest, attribute.data_type.as_bytes());
        match attribute.value(name)? {
            Value::Text(text) => {
                digest.update([1]);
                add(&mut digest, text.as_bytes());
            }
            Value::Binary(bytes) => {
                digest.update([2]);
                add(&mut digest, &bytes);
            }
        }
    }
    Ok(Some(hex::encode(digest.finalize())))
}

/// The attributes whose names a receive asked for: by name, by prefix (`shop.*`), or all.
pub(super) fn chosen(attributes: Attributes, asked: &[String]) -> Attributes {
    let is_asked = |name: &str| {
        asked.iter().any(|wanted| match wanted.strip_suffix(".*") {
            Some(prefix) => name.starts_with(prefix),
            None => wanted == "All" || wanted == name,
        })
    };
    attributes
        .into_iter()
        .filter(|(name, _)| is_asked(name))
        .collect()
}

/// The MD5 of some bytes, in hex.
pub(super) fn md5_hex(bytes: &[u8]) -> String {
    hex::encode(Md5::digest(bytes))
}

fn add(digest: &mut Md5, bytes: &[u8]) {
    digest.update(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    digest.update(bytes);
}

fn invalid(message: String) -> Refusal {
    Refusal::of("InvalidParameterValue", message)
}

//! The two places where clients may send JSON of their own: a model's parameters, and metadata.

use domain::catalogue::Value;
use domain::labels::Metadata;
use domain::{FieldCode, FieldError};
use serde_json::{Map, Number};

/// Returns the JSON form of a value.
fn to_json(value: &Value) -> serde_json::Value {
    match value {
        Value::Null | Value::Nested => serde_json::Value::Null,
        Value::Bool(value) => serde_json::Value::Bool(*value),
        Value::Integer(value) => serde_json::Value::Number(Number::from(*value)),
        Value::Number(value) => {
            Number::from_f64(*value).map_or(serde_json::Value::Null, serde_json::Value::Number)
        }
        Value::Text(value) => serde_json::Value::String(value.clone()),
    }
}

/// Returns the value that JSON stands for.
fn from_json(value: serde_json::Value) -> Value {
    match value {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(value) => Value::Bool(value),
        serde_json::Value::Number(value) => match (value.as_i64(), value.as_f64()) {
            (Some(value), _) => Value::Integer(value),
            (None, Some(value)) => Value::Number(value),
            (None, None) => Value::Nested,
        },
        serde_json::Value::String(value) => Value::Text(value),
        serde_json::Value::Array(_) | serde_json::Value::Object(_) => Value::Nested,
    }
}

/// Returns parameters as a JSON object.
pub(crate) fn object(parameters: &[(String, Value)]) -> Map<String, serde_json::Value> {
    parameters
        .iter()
        .map(|(name, value)| (name.clone(), to_json(value)))
        .collect()
}

/// Returns the parameters in a JSON object.
pub(crate) fn parameters(object: Map<String, serde_json::Value>) -> Vec<(String, Value)> {
    object
        .into_iter()
        .map(|(name, value)| (name, from_json(value)))
        .collect()
}

/// Checks `object` and returns it as metadata.
///
/// # Errors
/// The problem with `metadata`.
pub(crate) fn metadata(object: &Map<String, serde_json::Value>) -> Result<Metadata, FieldError> {
    let json = serde_json::to_string(object)
        .map_err(|_| FieldError::new("metadata", FieldCode::Malformed, "must be a JSON object"))?;
    Metadata::new(json, object.len())
}

/// Returns metadata as a JSON object; an empty one for `None`.
pub(crate) fn metadata_object(metadata: Option<&Metadata>) -> Map<String, serde_json::Value> {
    metadata
        .and_then(|metadata| serde_json::from_str(metadata.as_json()).ok())
        .unwrap_or_default()
}

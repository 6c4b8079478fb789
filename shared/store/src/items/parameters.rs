//! A model's parameters as an attribute: a map of the values that the client gave.

use std::collections::BTreeMap;

use domain::catalogue::Value;
use serde::{Deserialize, Serialize};

/// Names and values.
pub(crate) type Parameters = BTreeMap<String, ParameterItem>;

/// One value.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum ParameterItem {
    Bool(bool),
    Integer(i64),
    Number(f64),
    Text(String),
}

/// Builds the attribute for `parameters`. Values that no parameter accepts have been refused before.
pub(crate) fn write(parameters: &[(String, Value)]) -> Parameters {
    let write = |(name, value): &(String, Value)| {
        let value = match value {
            Value::Bool(value) => ParameterItem::Bool(*value),
            Value::Integer(value) => ParameterItem::Integer(*value),
            Value::Number(value) => ParameterItem::Number(*value),
            Value::Text(value) => ParameterItem::Text(value.clone()),
            Value::Null | Value::Nested => return None,
        };
        Some((name.clone(), value))
    };
    parameters.iter().filter_map(write).collect()
}

/// Reads the parameters from the attribute.
pub(crate) fn read(parameters: Parameters) -> Vec<(String, Value)> {
    let read = |(name, value)| {
        let value = match value {
            ParameterItem::Bool(value) => Value::Bool(value),
            ParameterItem::Integer(value) => Value::Integer(value),
            ParameterItem::Number(value) => Value::Number(value),
            ParameterItem::Text(value) => Value::Text(value),
        };
        (name, value)
    };
    parameters.into_iter().map(read).collect()
}

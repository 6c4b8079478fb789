//! Turns the template's YAML into one tree of plain values, with short tags (`!Ref`) in their long form.
//!
//! Owns the reading of the text. Refuses to know the meaning of any name in it.

use serde_json::{Map, Value};
use serde_yaml_ng::Value as Yaml;

use crate::Error;

/// Reads the text of a template.
pub fn parse(text: &str) -> Result<Value, Error> {
    let yaml: Yaml = serde_yaml_ng::from_str(text)
        .map_err(|problem| Error::new(format!("the template is not valid YAML: {problem}")))?;
    plain(yaml, "")
}

/// Turns one node of YAML into a plain value; `at` is its place.
fn plain(yaml: Yaml, at: &str) -> Result<Value, Error> {
    match yaml {
        Yaml::Null => Ok(Value::Null),
        Yaml::Bool(bool) => Ok(Value::Bool(bool)),
        Yaml::Number(number) => plain_number(&number, at),
        Yaml::String(text) => Ok(Value::String(text)),
        Yaml::Sequence(items) => items
            .into_iter()
            .enumerate()
            .map(|(index, item)| plain(item, &format!("{at}[{index}]")))
            .collect::<Result<Vec<_>, _>>()
            .map(Value::Array),
        Yaml::Mapping(entries) => {
            let mut map = Map::new();
            for (key, value) in entries {
                let key = plain_key(&key, at)?;
                let value = plain(value, &below(at, &key))?;
                map.insert(key, value);
            }
            Ok(Value::Object(map))
        }
        Yaml::Tagged(tagged) => {
            let tag = tagged.tag.to_string();
            let name = match tag.trim_start_matches('!') {
                "Ref" => "Ref".to_owned(),
                "Condition" => "Condition".to_owned(),
                other => format!("Fn::{other}"),
            };
            let value = plain(tagged.value, at)?;
            Ok(Value::Object(Map::from_iter([(name, value)])))
        }
    }
}

fn plain_number(number: &serde_yaml_ng::Number, at: &str) -> Result<Value, Error> {
    if let Some(integer) = number.as_i64() {
        return Ok(integer.into());
    }
    if let Some(integer) = number.as_u64() {
        return Ok(integer.into());
    }
    number
        .as_f64()
        .and_then(serde_json::Number::from_f64)
        .map(Value::Number)
        .ok_or_else(|| Error::at(at, "is not a finite number"))
}

/// Turns a key into text. A number or a boolean is a key only by an accident of YAML, as in a map of status
/// codes.
fn plain_key(key: &Yaml, at: &str) -> Result<String, Error> {
    match key {
        Yaml::String(text) => Ok(text.clone()),
        Yaml::Number(number) => Ok(number.to_string()),
        Yaml::Bool(bool) => Ok(bool.to_string()),
        Yaml::Null | Yaml::Sequence(_) | Yaml::Mapping(_) | Yaml::Tagged(_) => {
            Err(Error::at(at, "has a key that is not text"))
        }
    }
}

/// The place of `key` below `at`.
pub fn below(at: &str, key: &str) -> String {
    if at.is_empty() {
        key.to_owned()
    } else {
        format!("{at}.{key}")
    }
}

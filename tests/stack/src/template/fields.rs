//! Reads the properties of one object of the template, and refuses the unread ones.
//!
//! Owns the rule that nothing is ignored silently. Refuses to know the use of the properties.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use super::yaml::below;
use crate::Error;

/// The properties that have not been read yet, and their place in the template.
pub struct Fields {
    at: String,
    left: Map<String, Value>,
}

impl Fields {
    /// The properties of `value`, which must be an object.
    pub fn of(value: Value, at: impl Into<String>) -> Result<Self, Error> {
        let at = at.into();
        match value {
            Value::Object(left) => Ok(Self { at, left }),
            Value::Null => Ok(Self {
                at,
                left: Map::new(),
            }),
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                Err(Error::at(&at, "must be a mapping"))
            }
        }
    }

    /// The place of these properties in the template.
    pub fn at(&self) -> &str {
        &self.at
    }

    /// Takes a property as it is.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        self.left.remove(name).filter(|value| !value.is_null())
    }

    /// Accepts properties that have no effect here.
    pub fn accept(&mut self, names: &[&str]) {
        for name in names {
            self.left.remove(*name);
        }
    }

    /// Takes a text; numbers and booleans become text, as in CloudFormation.
    pub fn text(&mut self, name: &str) -> Result<Option<String>, Error> {
        self.take(name)
            .map(|value| text_of(value, &below(&self.at, name)))
            .transpose()
    }

    /// Takes a text, which must be there.
    pub fn required_text(&mut self, name: &str) -> Result<String, Error> {
        self.text(name)?.ok_or_else(|| self.missing(name))
    }

    /// Takes a whole number within `range`.
    pub fn integer(
        &mut self,
        name: &str,
        range: RangeInclusive<i64>,
    ) -> Result<Option<i64>, Error> {
        let Some(value) = self.take(name) else {
            return Ok(None);
        };
        let number = match &value {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.parse().ok(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        };
        number
            .filter(|number| range.contains(number))
            .map(Some)
            .ok_or_else(|| {
                let reason = format!(
                    "must be a whole number from {} to {}",
                    range.start(),
                    range.end()
                );
                Error::at(&below(&self.at, name), &reason)
            })
    }

    /// Takes a number that is not negative.
    pub fn number(&mut self, name: &str) -> Result<Option<f64>, Error> {
        let Some(value) = self.take(name) else {
            return Ok(None);
        };
        let number = match &value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.parse().ok(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        };
        let number = number.filter(|number| number.is_finite() && *number >= 0.0);
        number
            .map(Some)
            .ok_or_else(|| Error::at(&below(&self.at, name), "must be a number, zero or more"))
    }

    /// Takes a boolean.
    pub fn boolean(&mut self, name: &str) -> Result<Option<bool>, Error> {
        let Some(value) = self.take(name) else {
            return Ok(None);
        };
        match value {
            Value::Bool(bool) => Ok(Some(bool)),
            Value::String(text) if text == "true" => Ok(Some(true)),
            Value::String(text) if text == "false" => Ok(Some(false)),
            Value::Null
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_)
            | Value::Object(_) => Err(Error::at(&below(&self.at, name), "must be true or false")),
        }
    }

    /// Takes a list; a missing property is an empty one.
    pub fn list(&mut self, name: &str) -> Result<Vec<Value>, Error> {
        match self.take(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => Ok(items),
            Some(_) => Err(Error::at(&below(&self.at, name), "must be a list")),
        }
    }

    /// Takes a list of texts.
    pub fn texts(&mut self, name: &str) -> Result<Vec<String>, Error> {
        let at = below(&self.at, name);
        self.list(name)?
            .into_iter()
            .map(|item| text_of(item, &at))
            .collect()
    }

    /// Takes an object; a missing property is an empty one.
    pub fn object(&mut self, name: &str) -> Result<Fields, Error> {
        let value = self.take(name).unwrap_or(Value::Null);
        Fields::of(value, below(&self.at, name))
    }

    /// The objects of a mapping, by name.
    pub fn into_objects(self) -> Result<Vec<(String, Fields)>, Error> {
        let at = self.at;
        self.left
            .into_iter()
            .map(|(name, value)| {
                let fields = Fields::of(value, below(&at, &name))?;
                Ok((name, fields))
            })
            .collect()
    }

    /// The texts of a mapping, by name.
    pub fn into_texts(self) -> Result<Vec<(String, String)>, Error> {
        let at = self.at;
        self.left
            .into_iter()
            .map(|(name, value)| {
                let text = text_of(value, &below(&at, &name))?;
                Ok((name, text))
            })
            .collect()
    }

    /// Refuses every property that was not taken.
    pub fn finish(self) -> Result<(), Error> {
        match self.left.keys().next() {
            None => Ok(()),
            Some(name) => Err(Error::at(
                &below(&self.at, name),
                "is not supported by the local cloud",
            )),
        }
    }

    /// An error about a missing property.
    pub fn missing(&self, name: &str) -> Error {
        Error::at(&below(&self.at, name), "is missing")
    }

    /// An error about one of these properties.
    pub fn wrong(&self, name: &str, reason: &str) -> Error {
        Error::at(&below(&self.at, name), reason)
    }
}

/// A value as text.
pub fn text_of(value: Value, at: &str) -> Result<String, Error> {
    match value {
        Value::String(text) => Ok(text),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(bool) => Ok(bool.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => Err(Error::at(at, "must be text")),
    }
}

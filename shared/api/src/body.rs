//! Reads a JSON body into a wire struct, so that each problem is reported under the name of its field.

use domain::{FieldCode, FieldError, Patch, Refusal};
use serde::de::DeserializeOwned;
use serde_json::error::Category;

/// The most field problems that one answer lists.
pub(crate) const ERRORS_MAX: usize = 20;

/// U+FEFF in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads `bytes` as `T`. Unknown fields are refused, each by its path.
///
/// # Errors
/// [`Refusal::MalformedJson`] if it is not JSON, [`Refusal::Invalid`] if a field
/// is unknown or has another type.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refusal> {
    // RFC 8259, 8.1 lets a parser ignore a byte order mark, and some editors write one.
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    if bytes.is_empty() {
        return Err(Refusal::MalformedJson(
            "it is empty; send a JSON object".to_owned(),
        ));
    }
    // serde would read a struct from an array as well, its fields in their order.
    if bytes.trim_ascii_start().starts_with(b"[") {
        let message = "must be a JSON object, and not an array";
        return Err(Refusal::field("body", FieldCode::WrongType, message));
    }
    let mut unknown = Vec::new();
    let mut track = serde_path_to_error::Track::new();
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let parsed = serde_ignored::deserialize(
        serde_path_to_error::Deserializer::new(&mut json, &mut track),
        |path| unknown.push(path.to_string()),
    );
    let value = match parsed {
        Ok(value) => value,
        Err(error) => return Err(refuse(&error, &track.path().to_string())),
    };
    json.end().map_err(|error| refuse(&error, "."))?;
    if unknown.is_empty() {
        return Ok(value);
    }
    unknown.truncate(ERRORS_MAX);
    let message = "there is no such field";
    Err(Refusal::Invalid(
        unknown
            .into_iter()
            .map(|field| FieldError::new(readable(&field), FieldCode::Unknown, message))
            .collect(),
    ))
}

fn refuse(error: &serde_json::Error, path: &str) -> Refusal {
    match error.classify() {
        Category::Syntax | Category::Eof | Category::Io => {
            let place = format!("line {}, column {}", error.line(), error.column());
            // serde_json's messages for an escape such as \ud800 without its other half.
            let said = error.to_string();
            if said.contains("surrogate") || said.contains("end of hex escape") {
                let half = "an escape there is half a surrogate pair; send both halves, or the character itself";
                return Refusal::MalformedJson(format!("{place}: {half}"));
            }
            Refusal::MalformedJson(place)
        }
        Category::Data => {
            let field = if path == "." { "body" } else { path };
            // serde's message without the position: "invalid type: integer `5`, expected a string".
            let text = error.to_string();
            let text = text
                .rsplit_once(" at line ")
                .map_or(text.as_str(), |(message, _)| message);
            Refusal::field(
                readable(field),
                FieldCode::WrongType,
                text.chars().take(200).collect::<String>(),
            )
        }
    }
}

/// Returns a path in readable form. A client may have put anything into it: it is cut to a bounded length,
/// and control characters are dropped.
fn readable(path: &str) -> String {
    path.replace(".?", "")
        .chars()
        .filter(|c| !c.is_control())
        .take(120)
        .collect()
}

/// Reads a field that may be null, which clears it. With `#[serde(default)]`, one that is not there stays.
pub(crate) fn patch<'de, T, D>(deserializer: D) -> Result<Patch<T>, D::Error>
where
    T: serde::Deserialize<'de>,
    D: serde::Deserializer<'de>,
{
    let value: Option<T> = serde::Deserialize::deserialize(deserializer)?;
    Ok(value.map_or(Patch::Clear, Patch::Set))
}

/// Collects the problems of one body's fields.
#[derive(Default)]
pub(crate) struct Problems(Vec<FieldError>);

impl Problems {
    /// Notes that `field` is wrong.
    pub(crate) fn add(
        &mut self,
        field: impl Into<String>,
        code: FieldCode,
        message: impl Into<String>,
    ) {
        self.push(FieldError::new(field, code, message));
    }

    pub(crate) fn push(&mut self, error: FieldError) {
        if self.0.len() < ERRORS_MAX {
            self.0.push(error);
        }
    }

    /// Returns the value of a required field, and notes a problem if it is missing.
    pub(crate) fn required<T>(&mut self, field: &str, value: Option<T>) -> Option<T> {
        if value.is_none() {
            self.add(field, FieldCode::Required, "must be given");
        }
        value
    }

    /// The new value of a field that cannot be cleared, if it was given one: null is a problem.
    pub(crate) fn given<T>(&mut self, field: &str, patch: Patch<T>) -> Option<T> {
        match patch {
            Patch::Keep => None,
            Patch::Clear => self.required(field, None),
            Patch::Set(value) => Some(value),
        }
    }

    /// The change of a field that can be cleared, and must be valid if it is set.
    pub(crate) fn patch<T, U>(
        &mut self,
        patch: Patch<T>,
        check: impl FnOnce(T) -> Result<U, FieldError>,
    ) -> Patch<U> {
        match patch {
            Patch::Keep => Patch::Keep,
            Patch::Clear => Patch::Clear,
            Patch::Set(value) => self.valid(check(value)).map_or(Patch::Keep, Patch::Set),
        }
    }

    /// Returns the value of a field that was checked, and notes its problem if it is not valid.
    pub(crate) fn valid<T>(&mut self, checked: Result<T, FieldError>) -> Option<T> {
        checked.map_err(|error| self.push(error)).ok()
    }

    /// Returns `value` if there were no problems. `value` may be `None` only if there were some.
    pub(crate) fn or<T>(self, value: Option<T>) -> Result<T, Refusal> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            Some(_) | None => Err(Refusal::Invalid(self.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    struct Sample {
        #[allow(dead_code)]
        name: Option<String>,
        #[allow(dead_code)]
        inner: Option<Inner>,
    }

    #[derive(Debug, Deserialize)]
    struct Inner {
        #[allow(dead_code)]
        count: Option<u32>,
    }

    fn fields(body: &str) -> Vec<(String, FieldCode)> {
        match parse::<Sample>(body.as_bytes()) {
            Err(Refusal::Invalid(errors)) => {
                errors.into_iter().map(|e| (e.field, e.code)).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_wrong_field_is_named_by_its_path() {
        assert_eq!(
            fields(r#"{"name":5}"#),
            [("name".to_owned(), FieldCode::WrongType)]
        );
        assert_eq!(
            fields(r#"{"inner":{"count":-1}}"#),
            [("inner.count".to_owned(), FieldCode::WrongType)]
        );
        assert_eq!(
            fields(r#"{"nam":1,"inner":{"c":2}}"#),
            [
                ("nam".to_owned(), FieldCode::Unknown),
                ("inner.c".to_owned(), FieldCode::Unknown)
            ]
        );
        assert_eq!(fields("[]").len(), 1);
        assert_eq!(fields(&"[".repeat(1_000)).len(), 1, "depth is no way in");
        assert_eq!(fields("null")[0].0, "body");
    }

    #[test]
    fn an_array_is_no_object_whatever_it_holds() {
        for body in ["[]", "[null,null]", " [\"name\",{\"count\":1}]"] {
            let expected = [("body".to_owned(), FieldCode::WrongType)];
            assert_eq!(fields(body), expected, "{body}");
        }
    }

    #[test]
    fn what_is_not_json_is_malformed() {
        for body in ["", "{", "{\"a\":1}x", "\u{7f}", "{\"name\":\"\\ud800\"}"] {
            assert!(
                matches!(
                    parse::<Sample>(body.as_bytes()),
                    Err(Refusal::MalformedJson(_))
                ),
                "{body:.20}"
            );
        }
        assert!(matches!(
            parse::<Sample>(&[0xFF, 0xFE]),
            Err(Refusal::MalformedJson(_))
        ));
    }
}

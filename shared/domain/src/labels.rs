//! Texts that people put on their things: titles, tags, descriptions, metadata. Owns what makes each valid;
//! refuses to know which things carry them.

use crate::refusal::{FieldCode, FieldError};
use crate::text::{is_blank, with_line_feeds};

/// The longest title.
pub const TITLE_CHARS_MAX: usize = 200;
/// The most tags of one thing.
pub const TAGS_MAX: usize = 10;
/// The longest tag.
pub const TAG_CHARS_MAX: usize = 50;
/// The longest description.
pub const DESCRIPTION_CHARS_MAX: usize = 500;
/// The most keys of one thing's metadata.
pub const METADATA_KEYS_MAX: usize = 50;
/// The largest size of metadata, as JSON.
pub const METADATA_BYTES_MAX: usize = 8 * 1024;

/// Returns `text` as one line, without space around it.
///
/// # Errors
/// The problem with `field`: empty, longer than `chars_max`, or with control characters.
pub fn line(field: &str, text: &str, chars_max: usize) -> Result<String, FieldError> {
    let text = text.trim();
    let problem = |code, message: String| Err(FieldError::new(field, code, message));
    match text.chars().count() {
        _ if is_blank(text) => problem(FieldCode::TooShort, "must not be empty".to_owned()),
        count if count > chars_max => problem(
            FieldCode::TooLong,
            format!("must have at most {chars_max} characters"),
        ),
        _ if text.chars().any(char::is_control) => problem(
            FieldCode::Malformed,
            "must not have control characters".to_owned(),
        ),
        _ => Ok(text.to_owned()),
    }
}

/// A title: 1 to 200 characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Title(String);

impl Title {
    /// Reads `text` as a title, without space around it.
    ///
    /// # Errors
    /// The problem with `title`.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        line("title", text, TITLE_CHARS_MAX).map(Self)
    }

    /// The title.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Returns `text`, which may have several lines, with each line break as a line feed.
///
/// # Errors
/// The problem with `field`: longer than `chars_max`, or with other control characters.
pub fn lines(field: &str, text: &str, chars_max: usize) -> Result<String, FieldError> {
    let problem = |code, message| Err(FieldError::new(field, code, message));
    let text = with_line_feeds(text);
    if text.chars().count() > chars_max {
        let message = format!("must have at most {chars_max} characters");
        problem(FieldCode::TooLong, message)
    } else if text.chars().any(|c| c.is_control() && c != '\n') {
        let message = "must not have control characters other than line feeds";
        problem(FieldCode::Malformed, message.to_owned())
    } else {
        Ok(text)
    }
}

/// Returns `texts`, each as one line without space around it, and without duplicates.
///
/// # Errors
/// The first problem: of `field` if there are more than `count_max`, or of one of them.
pub fn different_lines(
    field: &str,
    texts: &[String],
    count_max: usize,
    chars_max: usize,
) -> Result<Vec<String>, FieldError> {
    if texts.len() > count_max {
        let message = format!("must be at most {count_max}");
        return Err(FieldError::new(field, FieldCode::TooLong, message));
    }
    let mut lines: Vec<String> = Vec::with_capacity(texts.len());
    for (n, text) in texts.iter().enumerate() {
        let field = format!("{field}[{n}]");
        let one = line(&field, text, chars_max)?;
        if lines.contains(&one) {
            let message = "is there twice";
            return Err(FieldError::new(field, FieldCode::NotAllowed, message));
        }
        lines.push(one);
    }
    Ok(lines)
}

/// At most ten tags, without duplicates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags(Vec<String>);

impl Tags {
    /// Reads `texts` as tags, each without space around it.
    ///
    /// # Errors
    /// The first problem, of `tags` or one of them.
    pub fn parse(texts: &[String]) -> Result<Self, FieldError> {
        different_lines("tags", texts, TAGS_MAX, TAG_CHARS_MAX).map(Self)
    }

    /// The tags, in the order in which they were given.
    #[must_use]
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }
}

/// The description of a project or a team: at most 500 characters, on several lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description(String);

impl Description {
    /// Reads `text` as a description, with each line break as a line feed.
    ///
    /// # Errors
    /// The problem with `description`.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        lines("description", text, DESCRIPTION_CHARS_MAX).map(Self)
    }

    /// The description.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A JSON object that its owner chooses and Velro does not interpret. Everybody who sees the thing sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata(String);

impl Metadata {
    /// Makes metadata of the object `json`, which has this many `keys`.
    ///
    /// # Errors
    /// The problem with `metadata`.
    pub fn new(json: String, keys: usize) -> Result<Self, FieldError> {
        let problem = |message| Err(FieldError::new("metadata", FieldCode::TooLong, message));
        if keys > METADATA_KEYS_MAX {
            problem("must have at most 50 keys")
        } else if json.len() > METADATA_BYTES_MAX {
            problem("must be at most 8192 bytes of JSON")
        } else {
            Ok(Self(json))
        }
    }

    /// The object, as JSON.
    #[must_use]
    pub fn as_json(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_one_line_of_at_most_two_hundred_characters() {
        assert_eq!(Title::parse("  a fox ").expect("fine").as_str(), "a fox");
        assert!(Title::parse(&"\u{1F98A}".repeat(200)).is_ok());
        for (text, code) in [
            (" ".to_owned(), FieldCode::TooShort),
            ("\u{200b}\u{3164}".to_owned(), FieldCode::TooShort),
            ("x".repeat(201), FieldCode::TooLong),
            ("a\nb".to_owned(), FieldCode::Malformed),
        ] {
            assert_eq!(Title::parse(&text).expect_err("refused").code, code);
        }
    }

    #[test]
    fn tags_are_few_short_and_different() {
        let texts = |texts: &[&str]| -> Vec<String> { texts.iter().map(|t| (*t).into()).collect() };
        let tags = Tags::parse(&texts(&["a", " b "])).expect("fine");
        assert_eq!(tags.as_slice(), ["a", "b"]);
        let problem = Tags::parse(&texts(&["a", " a "])).expect_err("twice");
        assert_eq!(problem.field, "tags[1]");
        assert!(Tags::parse(&["x".repeat(51)]).is_err());
        let many: Vec<String> = (0..11).map(|n| n.to_string()).collect();
        assert_eq!(Tags::parse(&many).expect_err("eleven").field, "tags");
        assert!(Tags::parse(&many[..10]).is_ok());
    }

    #[test]
    fn metadata_is_bounded_in_keys_and_bytes() {
        assert!(Metadata::new("{}".to_owned(), 50).is_ok());
        assert!(Metadata::new("{}".to_owned(), 51).is_err());
        assert!(Metadata::new("x".repeat(METADATA_BYTES_MAX), 1).is_ok());
        assert!(Metadata::new("x".repeat(METADATA_BYTES_MAX + 1), 1).is_err());
    }
}

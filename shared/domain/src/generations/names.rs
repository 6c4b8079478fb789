//! The names of files among a generation's media: those of its outputs, and of what is beside them. Refuses
//! to know which address leads to a file.

use super::Output;

/// The longest name of a file among a generation's media.
const NAME_CHARS_MAX: usize = 40;

/// The name of a file among a generation's media, such as `0.jpg`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaName(String);

impl MediaName {
    /// Reads `text` as a name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_plain =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
        let is_name = (1..=NAME_CHARS_MAX).contains(&text.len()) && text.bytes().all(is_plain);
        is_name.then(|| Self(text.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of a small picture beside this file: `0-256.webp` beside `0.jpg`.
    pub(super) fn beside(&self, part: &str) -> Self {
        let stem = self.0.split('.').next().unwrap_or_default();
        Self(format!("{stem}-{part}.webp"))
    }
}

impl Output {
    /// Its name among the generation's media: the end of its key.
    #[must_use]
    pub fn name(&self) -> MediaName {
        MediaName(self.key.rsplit('/').next().unwrap_or_default().to_owned())
    }

    /// The key of the small picture with this name.
    #[must_use]
    pub fn key_beside(&self, name: &MediaName) -> String {
        let folder = self.key.rsplit_once('/').map_or("", |(folder, _)| folder);
        format!("{folder}/{}", name.as_str())
    }
}

//! Styles: named descriptions of the look of results, in blocks. Owns the rules of a valid style, the
//! styles that ship with Velro (`presets`), and the application of a style to a prompt (`adapt`). Refuses
//! to know who may do what with a style (the `access` module's) and where it is kept.

mod adapt;
mod presets;

use std::collections::BTreeMap;

pub use adapt::{adapt, takes_style};
pub use presets::{Preset, preset, presets};

use crate::ids::{StyleId, Tenant, UserId};
use crate::labels;
use crate::patch::Patch;
use crate::refusal::{FieldCode, FieldError};
use crate::text::is_blank;
use crate::time::Timestamp;

/// The most styles of one tenant.
pub const STYLES_MAX: u32 = 200;
/// The longest name.
pub const NAME_CHARS_MAX: usize = 100;
/// The longest description.
pub const DESCRIPTION_CHARS_MAX: usize = 1_000;
/// The longest text of a block.
pub const BLOCK_CHARS_MAX: usize = 2_000;
/// The most keywords of a style.
pub const KEYWORDS_MAX: usize = 50;
/// The longest keyword.
pub const KEYWORD_CHARS_MAX: usize = 100;
/// The most tags of a style.
pub const TAGS_MAX: usize = 20;

/// The name of a style: 1 to 100 characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StyleName(String);

impl StyleName {
    /// Reads `text` as a name, without space around it.
    ///
    /// # Errors
    /// The problem with `name`.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        labels::line("name", text, NAME_CHARS_MAX).map(Self)
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The description of a style: at most 1,000 characters, on several lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StyleDescription(String);

impl StyleDescription {
    /// Reads `text` as a description, with each line break as a line feed.
    ///
    /// # Errors
    /// The problem with `description`.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        labels::lines("description", text, DESCRIPTION_CHARS_MAX).map(Self)
    }

    /// The description.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// At most twenty tags, without duplicates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StyleTags(Vec<String>);

impl StyleTags {
    /// Reads `texts` as tags, each without space around it.
    ///
    /// # Errors
    /// The first problem, of `tags` or one of them.
    pub fn parse(texts: &[String]) -> Result<Self, FieldError> {
        labels::different_lines("tags", texts, TAGS_MAX, labels::TAG_CHARS_MAX).map(Self)
    }

    /// The tags, in the order in which they were given.
    #[must_use]
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }
}

/// The aspect that a text of a style describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Block {
    /// The subject, in addition to the prompt.
    Description,
    /// The artistic style.
    Style,
    /// The camera's position and angle.
    Camera,
    /// The light.
    Lighting,
    /// The setting.
    Setting,
    /// The motion.
    Motion,
    /// Text in the picture.
    Text,
}

impl Block {
    /// Every block.
    pub const ALL: [Self; 7] = [
        Self::Description,
        Self::Style,
        Self::Camera,
        Self::Lighting,
        Self::Setting,
        Self::Motion,
        Self::Text,
    ];

    /// The name in the API and in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Description => "description",
            Self::Style => "style",
            Self::Camera => "camera",
            Self::Lighting => "lighting",
            Self::Setting => "setting",
            Self::Motion => "motion",
            Self::Text => "text",
        }
    }

    /// Returns the block named `text`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|block| block.as_str() == text)
    }
}

/// The text of a block: 1 to 2,000 characters, on several lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockText(String);

impl BlockText {
    /// Reads `text` as the text of `block`: without space around it, with each line break as a line feed.
    ///
    /// # Errors
    /// The problem with that block.
    pub fn parse(block: Block, text: &str) -> Result<Self, FieldError> {
        let field = format!("blocks.{}", block.as_str());
        let text = text.trim();
        if is_blank(text) {
            let message = "must not be empty";
            return Err(FieldError::new(field, FieldCode::TooShort, message));
        }
        labels::lines(&field, text, BLOCK_CHARS_MAX).map(Self)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// At most fifty words or phrases, without duplicates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keywords(Vec<String>);

impl Keywords {
    /// Reads `texts` as keywords, each without space around it.
    ///
    /// # Errors
    /// The first problem, of `blocks.keywords` or one of them.
    pub fn parse(texts: &[String]) -> Result<Self, FieldError> {
        let field = "blocks.keywords";
        labels::different_lines(field, texts, KEYWORDS_MAX, KEYWORD_CHARS_MAX).map(Self)
    }

    /// The keywords, in the order in which they were given.
    #[must_use]
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }
}

/// The content of a style: at least one text, or one keyword.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocks {
    texts: BTreeMap<Block, BlockText>,
    keywords: Keywords,
}

impl Blocks {
    /// Makes the content of these texts and keywords.
    ///
    /// # Errors
    /// The problem with `blocks` if there is no text and no keyword.
    pub fn new(texts: BTreeMap<Block, BlockText>, keywords: Keywords) -> Result<Self, FieldError> {
        if texts.is_empty() && keywords.0.is_empty() {
            let message = "must have at least one text, or one keyword";
            return Err(FieldError::new("blocks", FieldCode::TooShort, message));
        }
        Ok(Self { texts, keywords })
    }

    /// Returns the text of a block, if it has one.
    #[must_use]
    pub fn text(&self, block: Block) -> Option<&str> {
        self.texts.get(&block).map(BlockText::as_str)
    }

    /// Its keywords.
    #[must_use]
    pub const fn keywords(&self) -> &Keywords {
        &self.keywords
    }
}

/// The properties of a style that its maker sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StyleDetails {
    /// Its name.
    pub name: StyleName,
    /// Its description.
    pub description: Option<StyleDescription>,
    /// Its content.
    pub blocks: Blocks,
    /// Its tags.
    pub tags: StyleTags,
}

/// A change of [`StyleDetails`]. A field that is `None` stays as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StyleChange {
    /// The new name.
    pub name: Option<StyleName>,
    /// The new description.
    pub description: Patch<StyleDescription>,
    /// The new content, all of it.
    pub blocks: Option<Blocks>,
    /// The new tags, all of them.
    pub tags: Option<StyleTags>,
}

/// A custom style.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Style {
    /// Its id.
    pub id: StyleId,
    /// The owner: the user who made it, or a team.
    pub tenant: Tenant,
    /// The user who made it.
    pub made_by: UserId,
    /// The properties that its maker sets.
    pub details: StyleDetails,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Incremented by each write, on condition of the previous value.
    pub version: u64,
}

impl Style {
    /// Returns the style after `change`. Generations that used it before stay as they are.
    #[must_use]
    pub fn changed(&self, change: StyleChange, now: Timestamp) -> Self {
        let details = self.details.clone();
        Self {
            details: StyleDetails {
                name: change.name.unwrap_or(details.name),
                description: change.description.apply(details.description),
                blocks: change.blocks.unwrap_or(details.blocks),
                tags: change.tags.unwrap_or(details.tags),
            },
            updated_at: now,
            version: self.version + 1,
            ..self.clone()
        }
    }
}

/// A style of either origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnyStyle {
    /// A custom style.
    Made(Style),
    /// A style that ships with Velro.
    Preset(Preset),
}

impl AnyStyle {
    /// Returns its properties.
    #[must_use]
    pub const fn details(&self) -> &StyleDetails {
        match self {
            Self::Made(style) => &style.details,
            Self::Preset(preset) => &preset.details,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn blocks(texts: &[(Block, &str)], keywords: &[&str]) -> Blocks {
        let text = |(block, text): &(Block, &str)| {
            let parsed = BlockText::parse(*block, text).expect("fine");
            (*block, parsed)
        };
        let keywords: Vec<String> = keywords.iter().map(|word| (*word).to_owned()).collect();
        let keywords = Keywords::parse(&keywords).expect("fine");
        Blocks::new(texts.iter().map(text).collect(), keywords).expect("something")
    }

    pub(crate) fn style(tenant: Tenant, made_by: &UserId) -> Style {
        let now = Timestamp::from_ms(1);
        Style {
            id: StyleId::new(now, 1),
            tenant,
            made_by: made_by.clone(),
            details: StyleDetails {
                name: StyleName::parse("a style").expect("fine"),
                description: StyleDescription::parse("for foxes").ok(),
                blocks: blocks(&[(Block::Style, "ink")], &[]),
                tags: StyleTags::default(),
            },
            created_at: now,
            updated_at: now,
            version: 1,
        }
    }

    #[test]
    fn a_style_that_says_nothing_is_none() {
        let nothing = Blocks::new(BTreeMap::new(), Keywords::default());
        assert_eq!(nothing.expect_err("empty").field, "blocks");
        let text = BlockText::parse(Block::Camera, "\n low \r\nangle ").expect("fine");
        assert_eq!(text.as_str(), "low \nangle");
        for (text, code) in [
            (" \u{200b}\n".to_owned(), FieldCode::TooShort),
            ("x".repeat(2_001), FieldCode::TooLong),
            ("a\tb".to_owned(), FieldCode::Malformed),
        ] {
            let problem = BlockText::parse(Block::Camera, &text).expect_err("refused");
            assert_eq!(
                (problem.field.as_str(), problem.code),
                ("blocks.camera", code)
            );
        }
        assert!(BlockText::parse(Block::Text, &"🦊".repeat(2_000)).is_ok());
    }

    #[test]
    fn keywords_and_tags_are_few_short_and_different() {
        let texts = |count: usize| -> Vec<String> { (0..count).map(|n| n.to_string()).collect() };
        assert!(Keywords::parse(&texts(50)).is_ok());
        let problem = Keywords::parse(&texts(51)).expect_err("51");
        assert_eq!(problem.field, "blocks.keywords");
        let twice = Keywords::parse(&["a".to_owned(), " a ".to_owned()]);
        assert_eq!(twice.expect_err("twice").field, "blocks.keywords[1]");
        assert!(Keywords::parse(&["x".repeat(101)]).is_err());
        assert!(StyleTags::parse(&texts(20)).is_ok());
        assert_eq!(StyleTags::parse(&texts(21)).expect_err("21").field, "tags");
    }

    #[test]
    fn a_change_leaves_what_it_does_not_name() {
        let now = Timestamp::from_ms(9);
        let user = UserId::new(now, 1);
        let before = style(Tenant::from(&user), &user);
        let change = StyleChange {
            name: None,
            description: Patch::Clear,
            blocks: Some(blocks(&[], &["grain"])),
            tags: None,
        };
        let after = before.changed(change, now);
        assert_eq!(after.details.name, before.details.name);
        assert_eq!(after.details.description, None);
        assert_eq!(after.details.blocks.text(Block::Style), None);
        assert_eq!((after.version, after.updated_at), (2, now));
        assert_eq!(after.created_at, before.created_at);
    }

    #[test]
    fn every_block_reads_back_by_its_name() {
        for block in Block::ALL {
            assert_eq!(Block::parse(block.as_str()), Some(block));
        }
        assert_eq!(Block::parse("keywords"), None);
    }
}

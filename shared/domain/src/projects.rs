//! Projects: what things are filed in, and who sees it.
//! Owns what makes one valid; refuses to know who may do what to it (the `access` module's) and where it is kept.

use crate::ids::{ProjectId, Tenant};
use crate::labels::{self, Tags};
use crate::refusal::{FieldCode, FieldError};
use crate::text::with_line_feeds;
use crate::time::Timestamp;

/// How many projects one tenant may have.
pub const PROJECTS_MAX: u32 = 1_000;
/// The longest name.
pub const NAME_CHARS_MAX: usize = 100;
/// The longest description.
pub const DESCRIPTION_CHARS_MAX: usize = 500;
/// How many keys metadata may have.
pub const METADATA_KEYS_MAX: usize = 50;
/// The largest metadata, as JSON.
pub const METADATA_BYTES_MAX: usize = 8 * 1024;

/// What somebody calls a project: 1 to 100 characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectName(String);

impl ProjectName {
    /// The name written as `text`, without space around it.
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

/// What a project is for: at most 500 characters, on several lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description(String);

impl Description {
    /// The description written as `text`, with each line break as a line feed.
    ///
    /// # Errors
    /// The problem with `description`.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let problem = |code, message| Err(FieldError::new("description", code, message));
        let text = with_line_feeds(text);
        if text.chars().count() > DESCRIPTION_CHARS_MAX {
            problem(FieldCode::TooLong, "must have at most 500 characters")
        } else if text.chars().any(|c| c.is_control() && c != '\n') {
            let message = "must not have control characters other than line feeds";
            problem(FieldCode::Malformed, message)
        } else {
            Ok(Self(text))
        }
    }

    /// The description.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A JSON object of the owner's own, which nobody here reads. Whoever sees the project sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata(String);

impl Metadata {
    /// The object written as `json`, which has so many keys.
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

/// Who sees a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// Its owner alone.
    Private,
    /// Everybody who is signed in.
    Public,
}

impl Visibility {
    /// The name in the API and in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Public => "public",
        }
    }

    /// The visibility named `text`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Private, Self::Public]
            .into_iter()
            .find(|visibility| visibility.as_str() == text)
    }
}

/// What an owner says of a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Details {
    /// What it is called.
    pub name: ProjectName,
    /// Its purpose.
    pub description: Option<Description>,
    /// Its visibility.
    pub visibility: Visibility,
    /// Its tags.
    pub tags: Tags,
    /// A JSON object of the owner's own.
    pub metadata: Option<Metadata>,
}

/// A change of [`Details`]; what is `None` stays as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectChange {
    /// What it is called from now on.
    pub name: Option<ProjectName>,
    /// What it is for, or no description any more.
    pub description: Option<Option<Description>>,
    /// Its visibility.
    pub visibility: Option<Visibility>,
    /// All of its tags.
    pub tags: Option<Tags>,
    /// All of its metadata, or none any more.
    pub metadata: Option<Option<Metadata>>,
}

/// A project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// Its id.
    pub id: ProjectId,
    /// The owner.
    pub tenant: Tenant,
    /// What its owner says of it.
    pub details: Details,
    /// The time at which it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Incremented by each write, whose condition is the value before.
    pub version: u64,
}

impl Project {
    /// The project after `change`.
    #[must_use]
    pub fn changed(&self, change: ProjectChange, now: Timestamp) -> Self {
        let details = self.details.clone();
        Self {
            details: Details {
                name: change.name.unwrap_or(details.name),
                description: change.description.unwrap_or(details.description),
                visibility: change.visibility.unwrap_or(details.visibility),
                tags: change.tags.unwrap_or(details.tags),
                metadata: change.metadata.unwrap_or(details.metadata),
            },
            updated_at: now,
            version: self.version + 1,
            ..self.clone()
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::ids::UserId;

    pub(crate) fn project(owner: &UserId, visibility: Visibility) -> Project {
        let now = Timestamp::from_ms(1);
        Project {
            id: ProjectId::new(now, 1),
            tenant: Tenant::User(owner.clone()),
            details: Details {
                name: ProjectName::parse("a project").expect("fine"),
                description: None,
                visibility,
                tags: Tags::default(),
                metadata: None,
            },
            created_at: now,
            updated_at: now,
            version: 1,
        }
    }

    #[test]
    fn a_change_leaves_what_it_does_not_name() {
        let now = Timestamp::from_ms(9);
        let before = project(&UserId::new(now, 1), Visibility::Private);
        let change = ProjectChange {
            name: None,
            description: Some(Description::parse("why\nnot").ok()),
            visibility: Some(Visibility::Public),
            tags: None,
            metadata: None,
        };
        let after = before.changed(change, now);
        assert_eq!(after.details.name, before.details.name);
        assert_eq!(after.details.visibility, Visibility::Public);
        assert_eq!((after.version, after.updated_at), (2, now));
    }

    #[test]
    fn metadata_is_bounded_in_keys_and_bytes() {
        assert!(Metadata::new("{}".to_owned(), 50).is_ok());
        assert!(Metadata::new("{}".to_owned(), 51).is_err());
        assert!(Metadata::new("x".repeat(METADATA_BYTES_MAX), 1).is_ok());
        assert!(Metadata::new("x".repeat(METADATA_BYTES_MAX + 1), 1).is_err());
    }
}

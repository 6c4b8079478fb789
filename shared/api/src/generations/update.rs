//! What an owner may write on a generation.

use domain::Refusal;
use domain::generations::LabelChange;
use domain::labels::{Tags, Title};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::body::{Problems, nullable};
use crate::schema;

/// `PATCH /generations/{id}`: what is not there stays as it is, and what is null is removed.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct UpdateGeneration {
    /// The name that its owner gave it.
    #[serde(default, deserialize_with = "nullable")]
    #[schemars(with = "Option<schema::Title>")]
    pub title: Option<Option<String>>,
    /// All of its tags.
    #[serde(default, deserialize_with = "nullable")]
    #[schemars(with = "Option<schema::Tags>")]
    pub tags: Option<Option<Vec<String>>>,
}

impl UpdateGeneration {
    /// From wire to domain.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] naming each field that is wrong.
    pub fn check(self) -> Result<LabelChange, Refusal> {
        let mut problems = Problems::default();
        let title = self
            .title
            .map(|title| title.and_then(|text| problems.valid(Title::parse(&text))));
        let tags = self
            .tags
            .and_then(|tags| problems.valid(Tags::parse(&tags.unwrap_or_default())));
        problems.or(Some(LabelChange {
            title,
            tags,
            favorite: None,
        }))
    }
}

//! What an owner may write on a generation.

use domain::generations::LabelChange;
use domain::labels::{Tags, Title};
use domain::{Patch, Refusal};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::body::{Problems, patch};
use crate::schema;

/// `PATCH /generations/{id}`: what is not there stays as it is, and what is null is removed.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct UpdateGeneration {
    /// The name that its owner gave it.
    #[serde(default, deserialize_with = "patch")]
    #[schemars(with = "Option<schema::Title>")]
    pub title: Patch<String>,
    /// All of its tags.
    #[serde(default, deserialize_with = "patch")]
    #[schemars(with = "Option<schema::Tags>")]
    pub tags: Patch<Vec<String>>,
}

impl UpdateGeneration {
    /// From wire to domain.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] naming each field that is wrong.
    pub fn check(self) -> Result<LabelChange, Refusal> {
        let mut problems = Problems::default();
        let title = problems.patch(self.title, |text| Title::parse(&text));
        let tags = self.tags.or_default();
        let tags = tags.and_then(|tags| problems.valid(Tags::parse(&tags)));
        problems.or(Some(LabelChange {
            title,
            tags,
            favorite: None,
        }))
    }
}

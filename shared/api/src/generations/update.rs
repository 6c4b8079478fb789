//! The labels that an owner may put on a generation.

use domain::generations::LabelChange;
use domain::labels::{Tags, Title};
use domain::{Patch, Refusal};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::body::{Problems, patch};
use crate::schema;

/// `PATCH /generations/{id}`: a field that is not there keeps its value, and null removes it.
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
    /// Checks the fields and returns them as domain types.
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

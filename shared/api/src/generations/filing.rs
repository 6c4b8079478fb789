//! Moving a generation to another project.

use domain::ids::ProjectId;
use domain::{Patch, Refusal};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::body::{Problems, patch};
use crate::schema;

/// `POST /generations/{id}/move`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct MoveGeneration {
    /// The project to file it in; null to file it in none.
    #[serde(default, deserialize_with = "patch")]
    #[schemars(with = "schema::ProjectIdOrNull", required)]
    pub project_id: Patch<String>,
}

impl MoveGeneration {
    /// Checks the fields and returns them as domain types.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] if the field is missing, [`Refusal::NoSuch`] for a malformed id.
    pub fn check(self) -> Result<Option<ProjectId>, Refusal> {
        match self.project_id {
            Patch::Keep => {
                let mut problems = Problems::default();
                let missing = problems.required("project_id", None);
                problems.or(missing)
            }
            Patch::Clear => Ok(None),
            Patch::Set(text) => ProjectId::parse(&text).map(Some).ok_or(Refusal::NoSuch {
                field: "project_id",
                noun: "project",
            }),
        }
    }
}

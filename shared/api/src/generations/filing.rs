//! Filing a generation in another project.

use domain::Refusal;
use domain::ids::ProjectId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::body::{Problems, nullable};
use crate::schema;

/// `POST /generations/{id}/move`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct MoveGeneration {
    /// The project to file it in; null for none.
    #[serde(default, deserialize_with = "nullable")]
    #[schemars(with = "schema::ProjectIdOrNull", required)]
    pub project_id: Option<Option<String>>,
}

impl MoveGeneration {
    /// From wire to domain.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] if the field is missing, [`Refusal::NoSuch`] for a malformed id.
    pub fn check(self) -> Result<Option<ProjectId>, Refusal> {
        let mut problems = Problems::default();
        let named = problems.required("project_id", self.project_id);
        match problems.or(named)? {
            None => Ok(None),
            Some(text) => ProjectId::parse(&text).map(Some).ok_or(Refusal::NoSuch {
                field: "project_id",
                noun: "project",
            }),
        }
    }
}

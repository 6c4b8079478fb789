//! Sharing a generation with a team.

use domain::generations::{Attribution, Collaboration, Intent, Proposal};
use domain::ids::TeamId;
use domain::text::with_line_feeds;
use domain::{FieldCode, FieldError, Refusal};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::check_change_description;
use crate::body::Problems;
use crate::{schema, time};

/// `POST /generations/{id}/collaborations`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ShareGeneration {
    /// The team to share it with.
    #[schemars(with = "schema::TeamId")]
    pub team_id: Option<String>,
    /// The purpose: `improve`, `iterate`, `fork` or `remix` ask the team to make such a generation,
    /// `original` asks for nothing.
    #[serde(rename = "type")]
    #[schemars(with = "schema::GenerationIntent")]
    pub intent: Option<String>,
    /// A description of the change that is wanted or was made.
    #[schemars(with = "Option<schema::ChangeDescription>")]
    pub change_description: Option<String>,
    /// Whether the team sees who made the generation and who shares it; true if not given. The team's audit
    /// log names the user who shares it in any case.
    pub attribution_visible: Option<bool>,
}

impl ShareGeneration {
    /// Checks the fields and returns them as domain types.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] naming each field that is wrong, [`Refusal::NoSuch`] for a malformed id.
    pub fn check(self) -> Result<Proposal, Refusal> {
        let mut problems = Problems::default();
        let team = problems.required("team_id", self.team_id);
        let intent = problems.required("type", self.intent);
        let intent = intent.and_then(|text| {
            let message = "must be one of original, improve, iterate, fork, remix";
            let problem = || FieldError::new("type", FieldCode::NotAllowed, message);
            problems.valid(Intent::parse(&text).ok_or_else(problem))
        });
        let change_description = self.change_description.as_deref().map(with_line_feeds);
        check_change_description(&mut problems, change_description.as_deref());
        let (team, intent) = problems.or(team.zip(intent))?;
        Ok(Proposal {
            team: TeamId::parse(&team).ok_or(Refusal::NoSuch {
                field: "team_id",
                noun: "team",
            })?,
            intent,
            change_description,
            attribution: match self.attribution_visible {
                Some(true) | None => Attribution::Visible,
                Some(false) => Attribution::Hidden,
            },
        })
    }
}

/// The sharing of a generation with a team.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Collaboration")]
pub struct CollaborationView {
    /// Always `collaboration`.
    #[schemars(extend("const" = "collaboration"))]
    pub object: String,
    /// The generation.
    #[schemars(with = "schema::GenerationId")]
    pub generation_id: String,
    /// The team.
    #[schemars(with = "schema::TeamId")]
    pub team_id: String,
    /// The user who shared it; null if the team may not see that.
    #[schemars(with = "Option<schema::UserId>")]
    pub contributor_id: Option<String>,
    /// The purpose.
    #[serde(rename = "type")]
    #[schemars(with = "schema::GenerationIntent")]
    pub intent: String,
    /// A description of the change that is wanted or was made.
    #[schemars(extend("examples" = ["Warmer light"]))]
    pub change_description: Option<String>,
    /// Whether the team sees who made the generation and who shared it.
    pub attribution_visible: bool,
    /// The time at which it was shared.
    #[schemars(with = "schema::Time")]
    pub created_at: String,
}

impl CollaborationView {
    /// Returns the view of a share; `shows_contributor` says whether the client may see who shared it.
    #[must_use]
    pub fn new(share: &Collaboration, shows_contributor: bool) -> Self {
        Self {
            object: "collaboration".to_owned(),
            generation_id: share.generation.to_string(),
            team_id: share.team.to_string(),
            contributor_id: shows_contributor.then(|| share.contributor.to_string()),
            intent: share.intent.as_str().to_owned(),
            change_description: share.change_description.clone(),
            attribution_visible: share.attribution == Attribution::Visible,
            created_at: time::format(share.shared_at),
        }
    }
}

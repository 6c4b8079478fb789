//! Whom a project is shared with, and what they see of it.

use domain::Refusal;
use domain::accounts::Scope;
use domain::callers::Caller;
use domain::ids::{ProjectId, TeamId};
use domain::projects::{AccessLevel, Privacy};
use domain::{FieldCode, FieldError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::body::Problems;
use crate::endpoint::{Endpoint, Nothing};
use crate::list::List;
use crate::openapi::{Operation, tags};
use crate::problem::Code;
use crate::projects::ProjectView;
use crate::schema;

/// What others see and do of a project.
pub const PRIVACY: Endpoint<Caller, PrivacyView> =
    Endpoint::user("GET /projects/{project_id}/privacy", Scope::Read);
/// Says what others see and do of a project.
pub const SET_PRIVACY: Endpoint<Caller, PrivacyView, SetPrivacy> =
    Endpoint::user("PUT /projects/{project_id}/privacy", Scope::Generate);
/// The teams that a project is shared with.
pub const LIST: Endpoint<Caller, List<GrantView>> =
    Endpoint::user("GET /projects/{project_id}/teams", Scope::Read);
/// Shares a project with a team.
pub const PUT: Endpoint<Caller, GrantView, PutGrant> = Endpoint::user(
    "PUT /projects/{project_id}/teams/{team_id}",
    Scope::AdminTeam,
);
/// Shares a project with a team no more.
pub const DELETE: Endpoint<Caller, Nothing> = Endpoint::user(
    "DELETE /projects/{project_id}/teams/{team_id}",
    Scope::AdminTeam,
);
/// The projects that are shared with a team, newest first.
pub const OF_TEAM: Endpoint<Caller, List<ProjectView>> =
    Endpoint::user("GET /teams/{team_id}/projects", Scope::Read);

/// The OpenAPI document's words for these endpoints.
pub(crate) fn operations() -> Vec<Operation> {
    let one =
        |operation: Operation| operation.names::<schema::ProjectId>("project_id", "The project.");
    let grant = |operation| one(operation).names::<schema::TeamId>("team_id", "The team.");
    vec![
        one(tags::PROJECTS.operation(&PRIVACY, "projectsPrivacy", "What others see of a project"))
            .says("For who may change the project.")
            .answers("The flags."),
        one(tags::PROJECTS.operation(
            &SET_PRIVACY,
            "projectsPrivacySet",
            "Say what others see of a project",
        ))
        .says("For its owner. A flag that is not there has its default.")
        .answers("The flags as they are now."),
        one(tags::PROJECTS.operation(&LIST, "projectsTeamsList", "Whom a project is shared with"))
            .says("All of it for the project's owner; for others what the project does not hide from their teams.")
            .pages()
            .answers("A page, newest team first."),
        grant(tags::PROJECTS.operation(&PUT, "projectsTeamsPut", "Share a project with a team"))
            .says(
                "For the project's owner, who manages the team. What a member may do then follows from the level and their role in \
                 the team: both must allow it. A private project is shared with nobody: make it team-only first.",
            )
            .answers("The grant.")
            .refuses(&[Code::Conflict]),
        grant(tags::PROJECTS.operation(&DELETE, "projectsTeamsDelete", "Stop sharing a project"))
            .says("For the project's owner.")
            .answers("It is not shared any more."),
        tags::TEAMS
            .operation(&OF_TEAM, "teamsProjects", "The projects of a team")
            .names::<schema::TeamId>("team_id", "The team.")
            .says("Those that are shared with it. A page may be shorter than `limit` and still have a next one.")
            .pages()
            .answers("A page, newest first."),
    ]
}

/// What others see and do of a project.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Privacy")]
pub struct PrivacyView {
    /// Always `privacy`.
    #[schemars(extend("const" = "privacy"))]
    pub object: String,
    /// A team sees no other team's grant.
    pub hide_from_other_teams: bool,
    /// Only teams with a grant come to the project, and not every team of its owner's.
    pub restrict_to_specific_teams: bool,
    /// Others see who made what is filed in it.
    pub allow_generation_attribution: bool,
    /// Others make children of what is filed in it.
    pub allow_generation_improvements: bool,
}

impl From<Privacy> for PrivacyView {
    fn from(privacy: Privacy) -> Self {
        Self {
            object: "privacy".to_owned(),
            hide_from_other_teams: privacy.hide_from_other_teams,
            restrict_to_specific_teams: privacy.restrict_to_specific_teams,
            allow_generation_attribution: privacy.allow_generation_attribution,
            allow_generation_improvements: privacy.allow_generation_improvements,
        }
    }
}

/// `PUT /projects/{id}/privacy`: all flags; one that is not there has its default.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct SetPrivacy {
    /// A team sees no other team's grant; false if not given.
    pub hide_from_other_teams: Option<bool>,
    /// Only teams with a grant come to the project, and not every team of its owner's; false if not given.
    pub restrict_to_specific_teams: Option<bool>,
    /// Others see who made what is filed in it; true if not given.
    pub allow_generation_attribution: Option<bool>,
    /// Others make children of what is filed in it; true if not given.
    pub allow_generation_improvements: Option<bool>,
}

impl From<SetPrivacy> for Privacy {
    fn from(set: SetPrivacy) -> Self {
        let default = Self::default();
        Self {
            hide_from_other_teams: set
                .hide_from_other_teams
                .unwrap_or(default.hide_from_other_teams),
            restrict_to_specific_teams: set
                .restrict_to_specific_teams
                .unwrap_or(default.restrict_to_specific_teams),
            allow_generation_attribution: set
                .allow_generation_attribution
                .unwrap_or(default.allow_generation_attribution),
            allow_generation_improvements: set
                .allow_generation_improvements
                .unwrap_or(default.allow_generation_improvements),
        }
    }
}

/// `PUT /projects/{id}/teams/{team_id}`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct PutGrant {
    /// What the team may do: `read` looks and downloads, `write` also makes generations in it, `admin` also
    /// changes it and what is filed in it.
    #[schemars(with = "schema::AccessLevel")]
    pub access_level: Option<String>,
}

impl PutGrant {
    /// From wire to domain.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] if the field is missing or not a level.
    pub fn check(self) -> Result<AccessLevel, Refusal> {
        let mut problems = Problems::default();
        let level = problems.required("access_level", self.access_level);
        let level = level.and_then(|text| {
            let message = "must be read, write or admin";
            let problem = || FieldError::new("access_level", FieldCode::NotAllowed, message);
            problems.valid(AccessLevel::parse(&text).ok_or_else(problem))
        });
        problems.or(level)
    }
}

/// That a project is shared with a team.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ProjectGrant")]
pub struct GrantView {
    /// Always `project_grant`.
    #[schemars(extend("const" = "project_grant"))]
    pub object: String,
    /// The project.
    #[schemars(with = "schema::ProjectId")]
    pub project_id: String,
    /// The team.
    #[schemars(with = "schema::TeamId")]
    pub team_id: String,
    /// What the team may do.
    #[schemars(with = "schema::AccessLevel")]
    pub access_level: String,
}

impl GrantView {
    /// The grant of `project` to `team`.
    #[must_use]
    pub fn new(project: &ProjectId, team: &TeamId, level: AccessLevel) -> Self {
        Self {
            object: "project_grant".to_owned(),
            project_id: project.to_string(),
            team_id: team.to_string(),
            access_level: level.as_str().to_owned(),
        }
    }
}

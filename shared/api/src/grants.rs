//! The teams that a project is shared with, and what they see of it.

use domain::Refusal;
use domain::accounts::Scope;
use domain::callers::Caller;
use domain::ids::{ProjectId, TeamId};
use domain::projects::{AccessLevel, Privacy};
use domain::{FieldCode, FieldError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::body::Problems;
use crate::codes::Code;
use crate::endpoint::{Endpoint, Nothing};
use crate::list::List;
use crate::operation::{Operation, tags};
use crate::projects::ProjectView;
use crate::schema;

/// The privacy flags of a project: what others may see and do.
pub const PRIVACY: Endpoint<Caller, PrivacyView> =
    Endpoint::user("GET /projects/{project_id}/privacy", Scope::Read);
/// Sets the privacy flags of a project.
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
/// Stops sharing a project with a team.
pub const DELETE: Endpoint<Caller, Nothing> = Endpoint::user(
    "DELETE /projects/{project_id}/teams/{team_id}",
    Scope::AdminTeam,
);
/// The projects that are shared with a team, newest first.
pub const OF_TEAM: Endpoint<Caller, List<ProjectView>> =
    Endpoint::user("GET /teams/{team_id}/projects", Scope::Read);

/// Describes these endpoints for the OpenAPI document.
pub(crate) fn operations() -> Vec<Operation> {
    let one =
        |operation: Operation| operation.names::<schema::ProjectId>("project_id", "The project.");
    let grant = |operation| one(operation).names::<schema::TeamId>("team_id", "The team.");
    vec![
        one(tags::PROJECTS.operation(&PRIVACY, "projectsPrivacy", "The privacy of a project"))
            .says("For users who may change the project.")
            .answers("The flags."),
        one(tags::PROJECTS.operation(
            &SET_PRIVACY,
            "projectsPrivacySet",
            "Set the privacy of a project",
        ))
        .says("For its owner. A flag that is not there gets its default.")
        .answers("The flags as they are now."),
        one(tags::PROJECTS.operation(&LIST, "projectsTeamsList", "The teams that a project is shared with"))
            .says("All of them for the project's owner; for others those that the project does not hide from their teams.")
            .pages()
            .answers("A page, newest team first."),
        grant(tags::PROJECTS.operation(&PUT, "projectsTeamsPut", "Share a project with a team"))
            .says(
                "For the project's owner, who must also manage the team. What a member may do then follows from the level and their role in \
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

/// The privacy flags of a project: what others may see and do.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Privacy")]
pub struct PrivacyView {
    /// Always `privacy`.
    #[schemars(extend("const" = "privacy"))]
    pub object: String,
    /// Whether each team sees only its own grant.
    pub hide_from_other_teams: bool,
    /// Whether only teams with a grant see the project, and not every team of its owner.
    pub restrict_to_specific_teams: bool,
    /// Whether others see who made the generations in the project.
    pub allow_generation_attribution: bool,
    /// Whether others may derive generations from those in the project.
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

/// `PUT /projects/{id}/privacy`: all flags. A flag that is not there gets its default.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct SetPrivacy {
    /// Whether each team sees only its own grant; false if not given.
    pub hide_from_other_teams: Option<bool>,
    /// Whether only teams with a grant see the project, and not every team of its owner; false if not
    /// given.
    pub restrict_to_specific_teams: Option<bool>,
    /// Whether others see who made the generations in the project; true if not given.
    pub allow_generation_attribution: Option<bool>,
    /// Whether others may derive generations from those in the project; true if not given.
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
    /// The team's level: `read` allows looking and downloading, `write` also making generations in the
    /// project, `admin` also changing the project and the generations in it.
    #[schemars(with = "schema::AccessLevel")]
    pub access_level: Option<String>,
}

impl PutGrant {
    /// Checks the fields and returns them as domain types.
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

/// The sharing of a project with a team.
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
    /// The team's access level.
    #[schemars(with = "schema::AccessLevel")]
    pub access_level: String,
}

impl GrantView {
    /// Returns the view of the grant of `project` to `team`.
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

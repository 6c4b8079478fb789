//! Teams, as clients send them and their members see them.

use domain::accounts::Scope;
use domain::audit::AuditRecord;
use domain::callers::Caller;
use domain::ids::UserId;
use domain::labels::Description;
use domain::teams::{Membership, Seats, Team, TeamChange, TeamDetails, TeamName};
use domain::{Patch, Refusal};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::audit::RecordView;
use crate::body::{Problems, patch};
use crate::codes::Code;
use crate::endpoint::{Created, Endpoint, Nothing};
use crate::generations::StatsView;
use crate::list::List;
use crate::operation::{Operation, tags};
use crate::schema;
use crate::time;
use crate::values;

/// The teams that the caller is in, newest first.
pub const LIST: Endpoint<Caller, List<TeamView>> = Endpoint::user("GET /teams", Scope::Read);
/// Makes a team that the caller owns.
pub const CREATE: Endpoint<Caller, Created<TeamView>, CreateTeam> =
    Endpoint::user("POST /teams", Scope::AdminTeam);
/// A team that the caller is in.
pub const GET: Endpoint<Caller, TeamView> = Endpoint::user("GET /teams/{team_id}", Scope::Read);
/// Changes a team.
pub const UPDATE: Endpoint<Caller, TeamView, UpdateTeam> =
    Endpoint::user("PATCH /teams/{team_id}", Scope::AdminTeam);
/// Deletes a team; its credits go to its owner.
pub const DELETE: Endpoint<Caller, Nothing> =
    Endpoint::user("DELETE /teams/{team_id}", Scope::AdminTeam);
/// Hands a team over to another member.
pub const TRANSFER_OWNERSHIP: Endpoint<Caller, TeamView, TransferOwnership> =
    Endpoint::user("POST /teams/{team_id}/transfer-ownership", Scope::AdminTeam);
/// Counts and sums over the generations of a team.
pub const STATS: Endpoint<Caller, StatsView> =
    Endpoint::user("GET /teams/{team_id}/stats", Scope::Read);
/// The events in a team, newest first.
pub const ACTIVITY: Endpoint<Caller, List<RecordView>> =
    Endpoint::user("GET /teams/{team_id}/activity", Scope::Read);
/// The audit log of a team, newest first.
pub const AUDIT: Endpoint<Caller, List<RecordView>> =
    Endpoint::user("GET /teams/{team_id}/audit", Scope::AdminTeam);

/// Describes these endpoints for the OpenAPI document.
pub(crate) fn operations() -> Vec<Operation> {
    let one = |operation: Operation| operation.names::<schema::TeamId>("team_id", "The team.");
    vec![
        tags::TEAMS
            .operation(&LIST, "teamsList", "Your teams")
            .pages()
            .answers("A page, newest first."),
        tags::TEAMS
            .operation(&CREATE, "teamsCreate", "Make a team")
            .says("You own it, and it has its own wallet. Your e-mail address must be verified.")
            .answers("The team.")
            .refuses(&[Code::Conflict]),
        one(tags::TEAMS.operation(&GET, "teamsGet", "One team")).answers("The team."),
        one(tags::TEAMS.operation(&UPDATE, "teamsUpdate", "Change a team"))
            .says("A field that is not there keeps its value; null removes a description or metadata.")
            .answers("The team as it is now.")
            .refuses(&[Code::Conflict]),
        one(tags::TEAMS.operation(&DELETE, "teamsDelete", "Delete a team"))
            .says(
                "For its owner. The credits in its wallet go to yours, and everything that was made in it is deleted. While one of its \
                 generations runs, this is refused.",
            )
            .answers("It is gone.")
            .refuses(&[Code::Conflict]),
        one(tags::TEAMS.operation(
            &TRANSFER_OWNERSHIP,
            "teamsTransferOwnership",
            "Hand a team over",
        ))
        .says("For its owner, who becomes an admin of it.")
        .answers("The team as it is now.")
        .refuses(&[Code::Conflict]),
        one(tags::TEAMS.operation(&STATS, "teamsStats", "Counts of a team's generations"))
            .answers("Counts and credits.")
            .refuses(&[Code::ValidationFailed]),
        one(tags::TEAMS.operation(&ACTIVITY, "teamsActivity", "The events in a team"))
            .says(
                "Members who came and went, changes to the team, and what was shared. A page may be shorter than `limit` and still have a next one.",
            )
            .pages()
            .answers("A page, newest first."),
        one(tags::TEAMS.operation(&AUDIT, "teamsAudit", "The audit log of a team"))
            .says("For its owner and its admins: everything that was done to it, and by whom.")
            .pages()
            .answers("A page, newest first."),
    ]
}

/// `POST /teams`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct CreateTeam {
    /// Its name.
    #[schemars(with = "schema::TeamName")]
    pub name: Option<String>,
    /// Its purpose.
    #[schemars(with = "Option<schema::Description>")]
    pub description: Option<String>,
    /// The most members that it may have; 10 if not given.
    #[schemars(with = "Option<schema::Seats>")]
    pub max_members: Option<i64>,
    /// A JSON object of the team's choice.
    #[schemars(with = "Option<schema::Metadata>")]
    pub metadata: Option<Map<String, Value>>,
}

impl CreateTeam {
    /// Checks the fields and returns them as domain types.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] naming each field that is wrong.
    pub fn check(self) -> Result<TeamDetails, Refusal> {
        let mut problems = Problems::default();
        let name = problems
            .required("name", self.name)
            .and_then(|text| problems.valid(TeamName::parse(&text)));
        let description = self
            .description
            .and_then(|text| problems.valid(Description::parse(&text)));
        let seats = match self.max_members {
            Some(seats) => problems.valid(Seats::new(seats)),
            None => Some(Seats::DEFAULT),
        };
        let metadata = self
            .metadata
            .and_then(|object| problems.valid(values::metadata(&object)));
        let details = name.zip(seats);
        problems.or(details.map(|(name, seats)| TeamDetails {
            name,
            description,
            seats,
            metadata,
        }))
    }
}

/// `PATCH /teams/{id}`: a field that is not there keeps its value; null removes a description or metadata.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct UpdateTeam {
    /// Its name.
    #[serde(default, deserialize_with = "patch")]
    #[schemars(with = "schema::TeamName")]
    pub name: Patch<String>,
    /// Its purpose.
    #[serde(default, deserialize_with = "patch")]
    #[schemars(with = "Option<schema::Description>")]
    pub description: Patch<String>,
    /// The most members that it may have.
    #[serde(default, deserialize_with = "patch")]
    #[schemars(with = "schema::Seats")]
    pub max_members: Patch<i64>,
    /// All its metadata. They replace those that it has.
    #[serde(default, deserialize_with = "patch")]
    #[schemars(with = "Option<schema::Metadata>")]
    pub metadata: Patch<Map<String, Value>>,
}

impl UpdateTeam {
    /// Checks the fields and returns them as domain types.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] naming each field that is wrong.
    pub fn check(self) -> Result<TeamChange, Refusal> {
        let mut problems = Problems::default();
        let name = problems.given("name", self.name);
        let name = name.and_then(|text| problems.valid(TeamName::parse(&text)));
        let description = problems.patch(self.description, |text| Description::parse(&text));
        let seats = problems.given("max_members", self.max_members);
        let seats = seats.and_then(|seats| problems.valid(Seats::new(seats)));
        let metadata = problems.patch(self.metadata, |object| values::metadata(&object));
        problems.or(Some(TeamChange {
            name,
            description,
            seats,
            metadata,
        }))
    }
}

/// `POST /teams/{id}/transfer-ownership`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct TransferOwnership {
    /// The member who will own the team.
    #[schemars(with = "schema::UserId")]
    pub user_id: Option<String>,
}

impl TransferOwnership {
    /// Checks the fields and returns them as domain types.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] if the field is missing, [`Refusal::NoSuch`] for a malformed id.
    pub fn check(self) -> Result<UserId, Refusal> {
        let mut problems = Problems::default();
        let user = problems.required("user_id", self.user_id);
        let user = problems.or(user)?;
        UserId::parse(&user).ok_or(Refusal::NoSuch {
            field: "user_id",
            noun: "member",
        })
    }
}

/// A team as its members see it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Team")]
pub struct TeamView {
    /// `team_…`.
    #[schemars(with = "schema::TeamId")]
    pub id: String,
    /// Always `team`.
    #[schemars(extend("const" = "team"))]
    pub object: String,
    /// A short name that people can tell each other. It gives no access.
    #[schemars(example = &"TM-9ABCDXYZ")]
    pub team_code: String,
    /// Its name.
    #[schemars(with = "schema::TeamName")]
    pub name: String,
    /// Its purpose.
    #[schemars(with = "Option<schema::Description>")]
    pub description: Option<String>,
    /// The owner's id.
    #[schemars(with = "schema::UserId")]
    pub owner_id: String,
    /// Your role in it.
    #[schemars(with = "schema::TeamRole")]
    pub role: String,
    /// The number of members.
    #[schemars(with = "schema::Seats")]
    pub member_count: u32,
    /// The most members that it may have.
    #[schemars(with = "schema::Seats")]
    pub max_members: u32,
    /// A JSON object of the team's choice.
    #[schemars(with = "schema::Metadata")]
    pub metadata: Map<String, Value>,
    /// The time at which the team was made.
    #[schemars(with = "schema::Time")]
    pub created_at: String,
    /// The time of the team's last change.
    #[schemars(with = "schema::Time")]
    pub updated_at: String,
}

impl TeamView {
    /// Returns the view of the team for the member `by`.
    #[must_use]
    pub fn new(team: &Team, by: &Membership) -> Self {
        let details = &team.details;
        let description = details.description.as_ref();
        Self {
            id: team.id.to_string(),
            object: "team".to_owned(),
            team_code: team.code(),
            name: details.name.as_str().to_owned(),
            description: description.map(|description| description.as_str().to_owned()),
            owner_id: team.owner.to_string(),
            role: by.role.as_str().to_owned(),
            member_count: team.members,
            max_members: details.seats.get(),
            metadata: values::metadata_object(details.metadata.as_ref()),
            created_at: time::format(team.created_at),
            updated_at: time::format(team.updated_at),
        }
    }
}

/// Returns the views of a page of an audit log.
#[must_use]
pub fn records(records: &[AuditRecord]) -> Vec<RecordView> {
    records.iter().map(RecordView::from).collect()
}

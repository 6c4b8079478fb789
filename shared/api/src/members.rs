//! The members of a team, as others of the team see them, and the changes to a member.

use domain::accounts::{Scope, User};
use domain::callers::Caller;
use domain::teams::{Membership, MembershipChange, Role};
use domain::{Credits, FieldCode, FieldError, Patch, Refusal};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::body::{Problems, patch};
use crate::codes::Code;
use crate::endpoint::{Endpoint, Nothing};
use crate::list::List;
use crate::operation::{Operation, tags};
use crate::schema;
use crate::time;

/// The members of a team, the latest to join first.
pub const LIST: Endpoint<Caller, List<MemberView>> =
    Endpoint::user("GET /teams/{team_id}/members", Scope::Read);
/// Changes a member's role or cap.
pub const UPDATE: Endpoint<Caller, MemberView, UpdateMember> =
    Endpoint::user("PATCH /teams/{team_id}/members/{user_id}", Scope::AdminTeam);
/// Removes a member.
pub const REMOVE: Endpoint<Caller, Nothing> = Endpoint::user(
    "DELETE /teams/{team_id}/members/{user_id}",
    Scope::AdminTeam,
);
/// Removes the caller from a team.
pub const LEAVE: Endpoint<Caller, Nothing> =
    Endpoint::user("POST /teams/{team_id}/leave", Scope::AdminTeam);

/// Describes these endpoints for the OpenAPI document.
pub(crate) fn operations() -> Vec<Operation> {
    let one = |operation: Operation| operation.names::<schema::TeamId>("team_id", "The team.");
    let member = |operation| one(operation).names::<schema::UserId>("user_id", "The member.");
    vec![
        one(tags::TEAMS.operation(&LIST, "teamsMembersList", "The members of a team"))
            .pages()
            .answers("A page, the latest to join first."),
        member(tags::TEAMS.operation(&UPDATE, "teamsMembersUpdate", "Change a member's role or cap"))
            .says(
                "For the owner and admins; an admin does not change the role of another admin. The cap counts what the member's \
                 generations hold and spend in a calendar month, UTC.",
            )
            .answers("The member as they are now.")
            .refuses(&[Code::Conflict]),
        member(tags::TEAMS.operation(&REMOVE, "teamsMembersRemove", "Remove a member"))
            .says("The team keeps what they made, and their running generations go on.")
            .answers("They are no longer a member.")
            .refuses(&[Code::Conflict]),
        one(tags::TEAMS.operation(&LEAVE, "teamsLeave", "Leave a team"))
            .says("The team keeps what you made in it. Its owner must hand it over first.")
            .answers("You are no longer a member.")
            .refuses(&[Code::Conflict]),
    ]
}

/// `PATCH /teams/{id}/members/{user_id}`: a field that is not there keeps its value; null removes the cap.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct UpdateMember {
    /// The role: `admin`, `editor`, `contributor` or `viewer`.
    #[serde(default, deserialize_with = "patch")]
    #[schemars(with = "schema::RoleToGive")]
    pub role: Patch<String>,
    /// The most of the team's credits that they may spend in a calendar month, UTC.
    #[serde(default, deserialize_with = "patch")]
    #[schemars(with = "Option<schema::Price>")]
    pub credit_cap: Patch<i64>,
}

impl UpdateMember {
    /// Checks the fields and returns them as domain types.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] naming each field that is wrong.
    pub fn check(self) -> Result<MembershipChange, Refusal> {
        let mut problems = Problems::default();
        let role = problems.given("role", self.role);
        let role = role.and_then(|text| problems.valid(Role::to_give(&text)));
        let credit_cap = problems.patch(self.credit_cap, |cap| {
            let message = "must not be negative, nor absurdly large";
            let problem = || FieldError::new("credit_cap", FieldCode::OutOfRange, message);
            Credits::new(cap).ok_or_else(problem)
        });
        problems.or(Some(MembershipChange { role, credit_cap }))
    }
}

/// A member, as others of the team see them.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TeamMember")]
pub struct MemberView {
    /// The member's id.
    #[schemars(with = "schema::UserId")]
    pub user_id: String,
    /// Always `team_member`.
    #[schemars(extend("const" = "team_member"))]
    pub object: String,
    /// The role.
    #[schemars(with = "schema::TeamRole")]
    pub role: String,
    /// The name that the member wants to be called by.
    #[schemars(with = "Option<schema::FullName>")]
    pub full_name: Option<String>,
    /// The address of the member's picture.
    #[schemars(with = "Option<schema::AvatarUrl>")]
    pub avatar_url: Option<String>,
    /// Their e-mail address, for the owner and admins.
    #[schemars(with = "Option<schema::Email>")]
    pub email: Option<String>,
    /// The most of the team's credits that they may spend in a calendar month. Only members who may spend
    /// see it.
    #[schemars(with = "Option<schema::Credits>")]
    pub credit_cap: Option<i64>,
    /// The credits of the team that their generations hold or spent this month. Only members who may spend
    /// see it.
    #[schemars(with = "Option<schema::Credits>")]
    pub credits_this_month: Option<i64>,
    /// The time at which they joined.
    #[schemars(with = "schema::Time")]
    pub joined_at: String,
}

impl MemberView {
    /// Returns the view of the member for a reader of this role.
    #[must_use]
    pub fn new(member: &Membership, user: Option<&User>, committed: Credits, reader: Role) -> Self {
        let full_name = user.and_then(|user| user.full_name.as_ref());
        let avatar_url = user.and_then(|user| user.avatar_url.as_ref());
        let email = user.filter(|_| reader >= Role::Admin);
        let spends = reader >= Role::Contributor;
        Self {
            user_id: member.user.to_string(),
            object: "team_member".to_owned(),
            role: member.role.as_str().to_owned(),
            full_name: full_name.map(|name| name.as_str().to_owned()),
            avatar_url: avatar_url.map(|url| url.as_str().to_owned()),
            email: email.map(|user| user.email.as_str().to_owned()),
            credit_cap: member.credit_cap.filter(|_| spends).map(Credits::get),
            credits_this_month: spends.then(|| committed.get()),
            joined_at: time::format(member.joined_at),
        }
    }
}

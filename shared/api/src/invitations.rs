//! Invitations into a team, as clients send and see them.

use domain::accounts::{Email, Scope};
use domain::callers::{Caller, Person};
use domain::teams::{Invitation, Role};
use domain::{Refusal, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::body::Problems;
use crate::codes::Code;
use crate::credentials::check_email;
use crate::endpoint::{Accepted, Created, Endpoint, Nothing};
use crate::list::List;
use crate::operation::{Operation, tags};
use crate::schema;
use crate::teams::TeamView;
use crate::time;

/// The unanswered invitations into a team, newest first.
pub const LIST: Endpoint<Caller, List<InvitationView>> =
    Endpoint::user("GET /teams/{team_id}/invitations", Scope::AdminTeam);
/// Invites somebody into a team.
pub const CREATE: Endpoint<Caller, Created<InvitationView>, CreateInvitation> =
    Endpoint::user("POST /teams/{team_id}/invitations", Scope::AdminTeam);
/// Cancels an invitation.
pub const CANCEL: Endpoint<Caller, Nothing> = Endpoint::user(
    "DELETE /teams/{team_id}/invitations/{invitation_id}",
    Scope::AdminTeam,
);
/// Sends an invitation again.
pub const RESEND: Endpoint<Caller, Accepted<InvitationView>> = Endpoint::user(
    "POST /teams/{team_id}/invitations/{invitation_id}/resend",
    Scope::AdminTeam,
);
/// Takes the caller into the team that they were invited into.
pub const ACCEPT: Endpoint<Person, TeamView, AnswerInvitation> =
    Endpoint::person("POST /invitations/accept");
/// Declines an invitation.
pub const DECLINE: Endpoint<Person, Nothing, AnswerInvitation> =
    Endpoint::person("POST /invitations/decline");

/// Describes these endpoints for the OpenAPI document.
pub(crate) fn operations() -> Vec<Operation> {
    let one = |operation: Operation| operation.names::<schema::TeamId>("team_id", "The team.");
    let invitation = |operation| {
        one(operation).names::<schema::InvitationId>("invitation_id", "The invitation.")
    };
    vec![
        one(tags::TEAMS.operation(&LIST, "teamsInvitationsList", "The invitations into a team"))
            .says("For the owner and admins. Invitations that expired stay for a week, to be sent again.")
            .pages()
            .answers("A page, newest first."),
        one(tags::TEAMS.operation(&CREATE, "teamsInvitationsCreate", "Invite somebody"))
            .says(
                "For the owner and admins. The letter goes to the address, and works for seven days. There may be more \
                 invitations than seats: accepting needs one.",
            )
            .answers("The invitation.")
            .refuses(&[Code::Conflict]),
        invitation(tags::TEAMS.operation(&CANCEL, "teamsInvitationsCancel", "Cancel an invitation"))
            .answers("It is gone."),
        invitation(tags::TEAMS.operation(&RESEND, "teamsInvitationsResend", "Send an invitation again"))
            .says("It works for another seven days, and the tokens in earlier letters stop working.")
            .answers("A letter is on its way.")
            .refuses(&[Code::Conflict]),
        tags::TEAMS
            .operation(&ACCEPT, "teamsInvitationsAccept", "Accept an invitation")
            .says("Sign in with the account of the address that the letter went to.")
            .answers("The team that you are in now.")
            .refuses(&[Code::Conflict]),
        tags::TEAMS
            .operation(&DECLINE, "teamsInvitationsDecline", "Decline an invitation")
            .answers("It is declined.")
            .refuses(&[Code::Conflict]),
    ]
}

/// `POST /teams/{id}/invitations`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct CreateInvitation {
    /// The address to invite.
    #[schemars(with = "schema::Email")]
    pub email: Option<String>,
    /// The role: `admin`, `editor`, `contributor` or `viewer`.
    #[schemars(with = "schema::RoleToGive")]
    pub role: Option<String>,
}

impl CreateInvitation {
    /// Checks the fields and returns them as domain types.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] naming each field that is wrong.
    pub fn check(self) -> Result<(Email, Role), Refusal> {
        let mut problems = Problems::default();
        let email = problems.required("email", self.email);
        let email = email.and_then(|text| problems.valid(check_email(&text)));
        let role = problems.required("role", self.role);
        let role = role.and_then(|text| problems.valid(Role::to_give(&text)));
        problems.or(email.zip(role))
    }
}

/// `POST /invitations/accept` and `POST /invitations/decline`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct AnswerInvitation {
    /// The token from the letter.
    #[schemars(with = "schema::InvitationToken")]
    pub token: Option<String>,
}

impl AnswerInvitation {
    /// Checks the fields and returns them as domain types.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] if the field is missing.
    pub fn check(self) -> Result<String, Refusal> {
        let mut problems = Problems::default();
        let token = problems.required("token", self.token);
        problems.or(token)
    }
}

/// An invitation, as members who may invite see it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Invitation")]
pub struct InvitationView {
    /// `inv_…`.
    #[schemars(with = "schema::InvitationId")]
    pub id: String,
    /// Always `invitation`.
    #[schemars(extend("const" = "invitation"))]
    pub object: String,
    /// The team.
    #[schemars(with = "schema::TeamId")]
    pub team_id: String,
    /// The invited address.
    #[schemars(with = "schema::Email")]
    pub email: String,
    /// The role that the invited person would get.
    #[schemars(with = "schema::RoleToGive")]
    pub role: String,
    /// `pending` or `expired`.
    #[schemars(extend("enum" = ["pending", "expired"]))]
    pub status: String,
    /// The member who invited.
    #[schemars(with = "schema::UserId")]
    pub invited_by: String,
    /// The time at which it was made.
    #[schemars(with = "schema::Time")]
    pub created_at: String,
    /// The time after which it cannot be accepted.
    #[schemars(with = "schema::Time")]
    pub expires_at: String,
}

impl InvitationView {
    /// Returns the view of the invitation as it is `now`.
    #[must_use]
    pub fn new(invitation: &Invitation, now: Timestamp) -> Self {
        let status = if invitation.is_open(now) {
            "pending"
        } else {
            "expired"
        };
        Self {
            id: invitation.id.to_string(),
            object: "invitation".to_owned(),
            team_id: invitation.team.to_string(),
            email: invitation.email.as_str().to_owned(),
            role: invitation.role.as_str().to_owned(),
            status: status.to_owned(),
            invited_by: invitation.invited_by.to_string(),
            created_at: time::format(invitation.created_at),
            expires_at: time::format(invitation.expires_at),
        }
    }
}

//! Users and teams, as platform admins see and change them.

use domain::Refusal;
use domain::accounts::{Email, User};
use domain::admin::AccountChange;
use domain::callers::Admin;
use domain::ledger::Wallet;
use domain::plans::Plan;
use domain::teams::Team;
use domain::{FieldCode, FieldError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::accounts::Profile;
use crate::body::Problems;
use crate::codes::Code;
use crate::credentials::check_email;
use crate::credits::Balance;
use crate::endpoint::{Endpoint, Nothing};
use crate::list::List;
use crate::operation::{Operation, tags};
use crate::query::Query;
use crate::schema;
use crate::time;

/// The users with an e-mail: one, or an empty list.
pub const LIST_USERS: Endpoint<Admin, List<AccountView>> = Endpoint::admin("GET /admin/users");
/// A user, and their wallet.
pub const GET_USER: Endpoint<Admin, AccountDetails> = Endpoint::admin("GET /admin/users/{user_id}");
/// Changes a user's plan, or suspends them.
pub const CHANGE_USER: Endpoint<Admin, AccountView, ChangeAccount> =
    Endpoint::admin("PATCH /admin/users/{user_id}");
/// Forgets the failed sign-ins that lock an account.
pub const UNLOCK_USER: Endpoint<Admin, Nothing> =
    Endpoint::admin("POST /admin/users/{user_id}/unlock");
/// A team, and its wallet.
pub const GET_TEAM: Endpoint<Admin, TeamDetailsView> =
    Endpoint::admin("GET /admin/teams/{team_id}");

/// Describes these endpoints for the OpenAPI document.
pub(crate) fn operations() -> Vec<Operation> {
    let one = |operation: Operation| operation.names::<schema::UserId>("user_id", "The user.");
    vec![
        tags::ADMIN
            .operation(&LIST_USERS, "adminUsersList", "Find a user")
            .requires::<schema::Email>("email", "The whole address, however it is written.")
            .pages()
            .answers("The user, or an empty page."),
        one(tags::ADMIN.operation(&GET_USER, "adminUsersGet", "One user, and their wallet"))
            .answers("The user."),
        one(tags::ADMIN.operation(
            &CHANGE_USER,
            "adminUsersUpdate",
            "Change a user's plan, or suspend them",
        ))
        .answers("The user as they are now.")
        .refuses(&[Code::Conflict]),
        one(tags::ADMIN.operation(&UNLOCK_USER, "adminUsersUnlock", "Unlock a user"))
            .says("Clears the failed sign-ins that lock their account, from all sources.")
            .answers("They can sign in.")
            .refuses(&[Code::Conflict]),
        tags::ADMIN
            .operation(&GET_TEAM, "adminTeamsGet", "One team, and its wallet")
            .names::<schema::TeamId>("team_id", "The team.")
            .answers("The team."),
    ]
}

/// Reads the query of `GET /admin/users`: `email`, `cursor` and `limit`.
///
/// # Errors
/// [`Refusal::Invalid`] naming each parameter that is wrong.
pub fn check_query(mut query: Query) -> Result<(Email, Option<String>, u32), Refusal> {
    let missing = || FieldError::new("email", FieldCode::Required, "must be given");
    let email = query.text("email").ok_or_else(missing);
    let (cursor, limit) = (query.text("cursor"), query.limit());
    match email.and_then(|text| check_email(&text)) {
        Ok(email) => query.finish((email, cursor, limit)),
        Err(problem) => {
            let refusal = Refusal::Invalid(vec![problem.clone()]);
            query.problem(problem);
            query.finish(()).and(Err(refusal))
        }
    }
}

/// `PATCH /admin/users/{user_id}`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields, extend("minProperties" = 1))]
pub struct ChangeAccount {
    /// The plan from now on.
    #[schemars(with = "Option<schema::Plan>")]
    pub plan: Option<String>,
    /// Whether the user is suspended: they cannot sign in, and their credentials do not work.
    pub suspended: Option<bool>,
}

impl ChangeAccount {
    /// Checks the fields and returns them as domain types.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] naming each field that is wrong.
    pub fn check(self) -> Result<AccountChange, Refusal> {
        let mut problems = Problems::default();
        if self.plan.is_none() && self.suspended.is_none() {
            let message = "must have plan, suspended or both";
            problems.add("body", FieldCode::Required, message);
        }
        let plan = self.plan.and_then(|text| {
            let plan = Plan::parse(&text);
            if plan.is_none() {
                let message = "must be one of free, basic, pro, enterprise";
                problems.add("plan", FieldCode::NotAllowed, message);
            }
            plan
        });
        problems.or(Some(AccountChange {
            plan,
            suspended: self.suspended,
        }))
    }
}

/// A user as an admin sees them.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Account")]
pub struct AccountView {
    /// The profile as the user sees it.
    #[serde(flatten)]
    pub profile: Profile,
    /// Whether the user is suspended.
    pub suspended: bool,
}

impl AccountView {
    /// Returns the view of `user`.
    #[must_use]
    pub fn new(user: &User, is_admin: bool) -> Self {
        Self {
            profile: Profile::new(user, is_admin),
            suspended: user.suspended,
        }
    }
}

/// A user and their wallet, as an admin sees them.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "AccountDetails")]
pub struct AccountDetails {
    /// The user.
    #[serde(flatten)]
    pub account: AccountView,
    /// Their wallet.
    pub credits: Balance,
}

impl AccountDetails {
    /// Returns the view of `user` and their `wallet`.
    #[must_use]
    pub fn new(user: &User, is_admin: bool, wallet: &Wallet) -> Self {
        Self {
            account: AccountView::new(user, is_admin),
            credits: Balance::from(wallet),
        }
    }
}

/// A team and its wallet, as an admin sees them.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TeamDetails")]
pub struct TeamDetailsView {
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
    /// The owner's id.
    #[schemars(with = "schema::UserId")]
    pub owner_id: String,
    /// The number of members.
    #[schemars(with = "schema::Seats")]
    pub member_count: u32,
    /// The most members that it may have.
    #[schemars(with = "schema::Seats")]
    pub max_members: u32,
    /// Its wallet.
    pub credits: Balance,
    /// The time at which the team was made.
    #[schemars(with = "schema::Time")]
    pub created_at: String,
    /// The time of the team's last change.
    #[schemars(with = "schema::Time")]
    pub updated_at: String,
}

impl TeamDetailsView {
    /// Returns the view of `team` and its `wallet`.
    #[must_use]
    pub fn new(team: &Team, wallet: &Wallet) -> Self {
        Self {
            id: team.id.to_string(),
            object: "team".to_owned(),
            team_code: team.code(),
            name: team.details.name.as_str().to_owned(),
            owner_id: team.owner.to_string(),
            member_count: team.members,
            max_members: team.details.seats.get(),
            credits: Balance::from(wallet),
            created_at: time::format(team.created_at),
            updated_at: time::format(team.updated_at),
        }
    }
}

//! Teams. Everything of one is under its id: the team (`team`), its members (`member#usr_…`), its open
//! invitations (`invitation#inv_…`) with a mark for each address that is invited (`invited#<e-mail>`), the
//! projects that are shared with it (`project#prj_…`), and what each member committed to in a month
//! (`spent#<month>#usr_…`). How many teams a user is in is under the user's id (`count`). The sparse index
//! `by_user` (user, team) lists a user's teams: only members' items have that attribute.

use std::collections::BTreeSet;

use aws::Fault;
use domain::accounts::Email;
use domain::ids::{InvitationId, ProjectId, TeamId, UserId};
use domain::labels::{Description, METADATA_KEYS_MAX, Metadata};
use domain::teams::{Invitation, Membership, Role, Seats, Team, TeamDetails, TeamName};
use domain::time::Month;
use domain::{Credits, Timestamp};
use serde::{Deserialize, Serialize};

use super::broken;

/// What the sort key of every member starts with.
pub(crate) const MEMBER_PREFIX: &str = "member#";
/// What the sort key of every invitation starts with.
pub(crate) const INVITATION_PREFIX: &str = "invitation#";
/// What the sort key of every project that is shared with a team starts with.
pub(crate) const GRANT_PREFIX: &str = "project#";
/// The sort key of how many teams a user is in.
pub(crate) const COUNT: &str = "count";

#[derive(Serialize, Deserialize)]
pub(crate) struct TeamItem {
    team: String,
    item: String,
    owner: String,
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    max_members: u32,
    /// JSON text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    metadata: Option<String>,
    members: u32,
    created_at_ms: i64,
    updated_at_ms: i64,
    version: u64,
}

impl TeamItem {
    /// The sort key.
    pub(crate) const SORT: &str = "team";
}

impl From<&Team> for TeamItem {
    fn from(team: &Team) -> Self {
        let details = &team.details;
        let description = details.description.as_ref();
        let metadata = details.metadata.as_ref();
        Self {
            team: team.id.to_string(),
            item: Self::SORT.to_owned(),
            owner: team.owner.to_string(),
            name: details.name.as_str().to_owned(),
            description: description.map(|description| description.as_str().to_owned()),
            max_members: details.seats.get(),
            metadata: metadata.map(|metadata| metadata.as_json().to_owned()),
            members: team.members,
            created_at_ms: team.created_at.ms(),
            updated_at_ms: team.updated_at.ms(),
            version: team.version,
        }
    }
}

impl TryFrom<TeamItem> for Team {
    type Error = Fault;

    fn try_from(item: TeamItem) -> Result<Self, Fault> {
        let description = item.description.as_deref().map(Description::parse);
        // Its keys were counted when it was written.
        let metadata = item
            .metadata
            .map(|json| Metadata::new(json, METADATA_KEYS_MAX));
        Ok(Self {
            id: TeamId::parse(&item.team).ok_or_else(|| broken("team"))?,
            owner: UserId::parse(&item.owner).ok_or_else(|| broken("owner"))?,
            details: TeamDetails {
                name: TeamName::parse(&item.name).map_err(|_| broken("name"))?,
                description: description.transpose().map_err(|_| broken("description"))?,
                seats: Seats::new(i64::from(item.max_members))
                    .map_err(|_| broken("max_members"))?,
                metadata: metadata.transpose().map_err(|_| broken("metadata"))?,
            },
            members: item.members,
            created_at: Timestamp::from_ms(item.created_at_ms),
            updated_at: Timestamp::from_ms(item.updated_at_ms),
            version: item.version,
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct MemberItem {
    team: String,
    item: String,
    user: String,
    role: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    credit_cap: Option<i64>,
    joined_at_ms: i64,
}

impl MemberItem {
    /// The sort key of `user`'s place in any team.
    pub(crate) fn sort(user: &UserId) -> String {
        format!("{MEMBER_PREFIX}{user}")
    }
}

impl From<&Membership> for MemberItem {
    fn from(member: &Membership) -> Self {
        Self {
            team: member.team.to_string(),
            item: Self::sort(&member.user),
            user: member.user.to_string(),
            role: member.role.as_str().to_owned(),
            credit_cap: member.credit_cap.map(Credits::get),
            joined_at_ms: member.joined_at.ms(),
        }
    }
}

impl TryFrom<MemberItem> for Membership {
    type Error = Fault;

    fn try_from(item: MemberItem) -> Result<Self, Fault> {
        let cap = item
            .credit_cap
            .map(|cap| Credits::new(cap).ok_or_else(|| broken("credit_cap")));
        Ok(Self {
            team: TeamId::parse(&item.team).ok_or_else(|| broken("team"))?,
            user: UserId::parse(&item.user).ok_or_else(|| broken("user"))?,
            role: Role::parse(&item.role).ok_or_else(|| broken("role"))?,
            credit_cap: cap.transpose()?,
            joined_at: Timestamp::from_ms(item.joined_at_ms),
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct InvitationItem {
    team: String,
    item: String,
    invitation_id: String,
    email: String,
    role: String,
    invited_by: String,
    created_at_ms: i64,
    expires_at_ms: i64,
    version: u64,
    /// SHA-256 (hexadecimal) of the secret in each letter since it was last sent; a string set,
    /// which DynamoDB does not have empty.
    #[serde(
        default,
        skip_serializing_if = "BTreeSet::is_empty",
        with = "serde_dynamo::string_set"
    )]
    pub(crate) digests: BTreeSet<String>,
    /// In seconds: DynamoDB's own time to live.
    ttl: i64,
}

impl InvitationItem {
    /// The sort key of an invitation.
    pub(crate) fn sort(id: &InvitationId) -> String {
        format!("{INVITATION_PREFIX}{id}")
    }
}

/// For as long again as it could be accepted, it is seen as expired, and can be sent again.
fn ttl(invitation: &Invitation) -> i64 {
    let kept = invitation
        .expires_at
        .plus(domain::teams::INVITATION_LIFETIME);
    kept.seconds()
}

impl From<&Invitation> for InvitationItem {
    fn from(invitation: &Invitation) -> Self {
        Self {
            team: invitation.team.to_string(),
            item: Self::sort(&invitation.id),
            invitation_id: invitation.id.to_string(),
            email: invitation.email.as_str().to_owned(),
            role: invitation.role.as_str().to_owned(),
            invited_by: invitation.invited_by.to_string(),
            created_at_ms: invitation.created_at.ms(),
            expires_at_ms: invitation.expires_at.ms(),
            version: invitation.version,
            digests: BTreeSet::new(),
            ttl: ttl(invitation),
        }
    }
}

impl TryFrom<InvitationItem> for Invitation {
    type Error = Fault;

    fn try_from(item: InvitationItem) -> Result<Self, Fault> {
        Ok(Self {
            id: InvitationId::parse(&item.invitation_id).ok_or_else(|| broken("invitation_id"))?,
            team: TeamId::parse(&item.team).ok_or_else(|| broken("team"))?,
            email: Email::parse(&item.email).ok_or_else(|| broken("email"))?,
            role: Role::parse(&item.role).ok_or_else(|| broken("role"))?,
            invited_by: UserId::parse(&item.invited_by).ok_or_else(|| broken("invited_by"))?,
            created_at: Timestamp::from_ms(item.created_at_ms),
            expires_at: Timestamp::from_ms(item.expires_at_ms),
            version: item.version,
        })
    }
}

/// The mark that an address has an open invitation into a team: what makes it the only one.
#[derive(Serialize, Deserialize)]
pub(crate) struct InvitedItem {
    team: String,
    item: String,
    invitation_id: String,
    expires_at_ms: i64,
    ttl: i64,
}

impl InvitedItem {
    /// The sort key of an address.
    pub(crate) fn sort(email: &Email) -> String {
        format!("invited#{}", email.as_str())
    }
}

impl From<&Invitation> for InvitedItem {
    fn from(invitation: &Invitation) -> Self {
        Self {
            team: invitation.team.to_string(),
            item: Self::sort(&invitation.email),
            invitation_id: invitation.id.to_string(),
            expires_at_ms: invitation.expires_at.ms(),
            ttl: ttl(invitation),
        }
    }
}

/// What a member committed to of a team's credits in a month: what their jobs hold, and what was captured for
/// them. It outlives the membership, so that nobody gets a new allowance by joining again.
#[derive(Serialize, Deserialize)]
pub(crate) struct AllowanceItem {
    pub(crate) item: String,
    pub(crate) committed: i64,
}

impl AllowanceItem {
    /// What the sort keys of a month start with.
    pub(crate) fn prefix(month: Month) -> String {
        format!("spent#{month}#")
    }

    /// The sort key of a member's month.
    pub(crate) fn sort(month: Month, user: &UserId) -> String {
        format!("{}{user}", Self::prefix(month))
    }
}

/// That a project is shared with a team, for the list of the team's; at which level, the project says.
#[derive(Serialize, Deserialize)]
pub(crate) struct GrantItem {
    team: String,
    item: String,
}

impl GrantItem {
    /// The sort key of a project.
    pub(crate) fn sort(project: &ProjectId) -> String {
        format!("{GRANT_PREFIX}{project}")
    }

    pub(crate) fn new(team: &TeamId, project: &ProjectId) -> Self {
        Self {
            team: team.to_string(),
            item: Self::sort(project),
        }
    }

    /// The project.
    pub(crate) fn project(&self) -> Result<ProjectId, Fault> {
        let id = self.item.strip_prefix(GRANT_PREFIX);
        id.and_then(ProjectId::parse).ok_or_else(|| broken("item"))
    }
}

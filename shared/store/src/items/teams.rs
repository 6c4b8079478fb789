//! Teams. All items of a team are under its id: the team (`team`), its members (`member#usr_…`), its open
//! invitations (`invitation#inv_…`) with a mark for each invited address (`invited#<e-mail>`), the projects
//! that are shared with it (`project#prj_…`), and the credits that each member committed in a month
//! (`spent#<month>#usr_…`). The number of teams that a user is in is under the user's id (`count`). The
//! sparse index `by_user` (user, team) lists a user's teams, because only members' items have that
//! attribute.

use std::collections::BTreeSet;

use aws::Fault;
use domain::accounts::Email;
use domain::ids::{InvitationId, ProjectId, TeamId, UserId};
use domain::labels::{Description, METADATA_KEYS_MAX, Metadata};
use domain::teams::{Invitation, Membership, Role, Seats, Team, TeamDetails, TeamName};
use domain::time::Month;
use domain::{Credits, Timestamp};
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::broken;

/// The prefix of the sort key of every member.
pub(crate) const MEMBER_PREFIX: &str = "member#";
/// The prefix of the sort key of every invitation.
pub(crate) const INVITATION_PREFIX: &str = "invitation#";
/// The prefix of the sort key of every project that is shared with a team.
pub(crate) const GRANT_PREFIX: &str = "project#";
/// The sort key of the item that counts a user's teams.
pub(crate) const COUNT: &str = "count";

#[skip_serializing_none]
#[derive(Serialize, Deserialize)]
pub(crate) struct TeamItem {
    team: String,
    item: String,
    owner: String,
    name: String,
    description: Option<String>,
    max_members: u32,
    /// JSON text.
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
        // The number of keys was checked when it was written.
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

#[skip_serializing_none]
#[derive(Serialize, Deserialize)]
pub(crate) struct MemberItem {
    team: String,
    item: String,
    user: String,
    role: String,
    credit_cap: Option<i64>,
    joined_at_ms: i64,
}

impl MemberItem {
    /// Returns the sort key of `user`'s membership in any team.
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
    /// SHA-256 (hexadecimal) of the secret in each letter since the invitation was last sent. A string set;
    /// DynamoDB has no empty ones.
    #[serde(
        default,
        skip_serializing_if = "BTreeSet::is_empty",
        with = "serde_dynamo::string_set"
    )]
    pub(crate) digests: BTreeSet<String>,
    /// DynamoDB's TTL, in epoch seconds.
    ttl: i64,
}

impl InvitationItem {
    /// Returns the sort key of an invitation.
    pub(crate) fn sort(id: &InvitationId) -> String {
        format!("{INVITATION_PREFIX}{id}")
    }
}

/// Returns the TTL of an invitation. After it expires it is kept for another lifetime: it is listed as
/// expired, and can be sent again.
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

/// The mark that an address has an open invitation into a team. Its key allows only one for each address.
#[derive(Serialize, Deserialize)]
pub(crate) struct InvitedItem {
    team: String,
    item: String,
    invitation_id: String,
    expires_at_ms: i64,
    ttl: i64,
}

impl InvitedItem {
    /// Returns the sort key of an address.
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

/// The credits of a team that a member has committed in a month: the holds and the captures of their jobs.
/// The item outlives the membership, so leaving and joining again gives nobody a new allowance.
#[derive(Serialize, Deserialize)]
pub(crate) struct AllowanceItem {
    pub(crate) item: String,
    pub(crate) committed: i64,
}

impl AllowanceItem {
    /// Returns the prefix of the sort keys of a month.
    pub(crate) fn prefix(month: Month) -> String {
        format!("spent#{month}#")
    }

    /// Returns the sort key of a member's month.
    pub(crate) fn sort(month: Month, user: &UserId) -> String {
        format!("{}{user}", Self::prefix(month))
    }
}

/// The item by which a team lists a project that is shared with it. The project itself says at which access
/// level.
#[derive(Serialize, Deserialize)]
pub(crate) struct GrantItem {
    team: String,
    item: String,
}

impl GrantItem {
    /// Returns the sort key of a project.
    pub(crate) fn sort(project: &ProjectId) -> String {
        format!("{GRANT_PREFIX}{project}")
    }

    pub(crate) fn new(team: &TeamId, project: &ProjectId) -> Self {
        Self {
            team: team.to_string(),
            item: Self::sort(project),
        }
    }

    /// Returns the project.
    pub(crate) fn project(&self) -> Result<ProjectId, Fault> {
        let id = self.item.strip_prefix(GRANT_PREFIX);
        id.and_then(ProjectId::parse).ok_or_else(|| broken("item"))
    }
}

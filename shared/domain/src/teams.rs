//! Teams: their names, their members with roles, and the monthly cap of each member.
//!
//! Owns the roles, the rules of joining and leaving, and the caps; refuses to know the rights of a role
//! (the `access` module's) and where a team is kept.

mod invitations;

use crate::credits::Credits;
use crate::ids::{TeamId, UserId};
use crate::labels::{self, Description, Metadata};
use crate::patch::Patch;
use crate::refusal::{FieldCode, FieldError, Refusal};
use crate::time::Timestamp;

pub use invitations::{Invitation, LIFETIME as INVITATION_LIFETIME};

/// The longest name.
pub const NAME_CHARS_MAX: usize = 100;
/// The most members that a team may have.
pub const MEMBERS_MAX: u32 = 100;
/// The most members of a team, unless its owner sets another number.
pub const MEMBERS_DEFAULT: u32 = 10;
/// The most teams that one user may own.
pub const TEAMS_OWNED_MAX: u32 = 20;
/// The most teams that one user may be in, including their own.
pub const TEAMS_JOINED_MAX: u32 = 100;
/// The most invitations of one team that may be open at a time.
pub const INVITATIONS_MAX: u32 = 200;
/// The most jobs of a team in flight. It does not depend on its members' plans.
pub const IN_FLIGHT_MAX: u32 = 100;

/// The role of a member in a team.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// May view the things of the team.
    Viewer,
    /// May make things, and change their own.
    Contributor,
    /// May change the things that others made, too.
    Editor,
    /// May manage the team.
    Admin,
    /// Owns the team.
    Owner,
}

impl Role {
    /// Every role, the least first.
    pub const ALL: [Self; 5] = [
        Self::Viewer,
        Self::Contributor,
        Self::Editor,
        Self::Admin,
        Self::Owner,
    ];

    /// The name in the API and in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Contributor => "contributor",
            Self::Editor => "editor",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }

    /// Returns the role named `text`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }

    /// Reads a role that may be given. The owner's role may not: ownership is transferred instead.
    ///
    /// # Errors
    /// The problem with `role`.
    pub fn to_give(text: &str) -> Result<Self, FieldError> {
        let problem = |message| Err(FieldError::new("role", FieldCode::NotAllowed, message));
        match Self::parse(text) {
            Some(Self::Owner) => problem(
                "cannot be owner; the owner hands the team over with POST /teams/{team_id}/transfer-ownership",
            ),
            Some(role) => Ok(role),
            None => problem("must be admin, editor, contributor or viewer"),
        }
    }
}

/// The name of a team: 1 to 100 characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TeamName(String);

impl TeamName {
    /// Reads `text` as a name, without space around it.
    ///
    /// # Errors
    /// The problem with `name`.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        labels::line("name", text, NAME_CHARS_MAX).map(Self)
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The most members of a team: 1 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seats(u32);

impl Seats {
    /// The seats of a team, unless its owner sets another number.
    pub const DEFAULT: Self = Self(MEMBERS_DEFAULT);

    /// Makes this number of seats.
    ///
    /// # Errors
    /// The problem with `max_members`.
    pub fn new(seats: i64) -> Result<Self, FieldError> {
        let seats = u32::try_from(seats).ok();
        let seats = seats.filter(|seats| (1..=MEMBERS_MAX).contains(seats));
        seats.map(Self).ok_or_else(|| {
            let message = format!("must be from 1 to {MEMBERS_MAX}");
            FieldError::new("max_members", FieldCode::OutOfRange, message)
        })
    }

    /// The number of seats.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// The properties of a team that its owner sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TeamDetails {
    /// Its name.
    pub name: TeamName,
    /// Its description.
    pub description: Option<Description>,
    /// The most members.
    pub seats: Seats,
    /// The team's own metadata.
    pub metadata: Option<Metadata>,
}

/// A change of [`TeamDetails`]. A field that is `None` stays as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TeamChange {
    /// The new name.
    pub name: Option<TeamName>,
    /// The new description.
    pub description: Patch<Description>,
    /// The new number of seats.
    pub seats: Option<Seats>,
    /// The new metadata, all of it.
    pub metadata: Patch<Metadata>,
}

/// A team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Team {
    /// Its id.
    pub id: TeamId,
    /// The owner, who is also a member.
    pub owner: UserId,
    /// The properties that its owner sets.
    pub details: TeamDetails,
    /// The number of members.
    pub members: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Incremented by each write, on condition of the previous value.
    pub version: u64,
}

impl Team {
    /// A short name that people can tell each other; it gives no access.
    #[must_use]
    pub fn code(&self) -> String {
        let ulid = self.id.ulid();
        format!("TM-{}", &ulid[ulid.len().saturating_sub(8)..])
    }

    /// Returns the team after `change`.
    ///
    /// # Errors
    /// [`Refusal::Conflict`] if the team has more members than the new number of seats.
    pub fn changed(&self, change: TeamChange, now: Timestamp) -> Result<Self, Refusal> {
        let details = self.details.clone();
        let seats = change.seats.unwrap_or(details.seats);
        if change.seats.is_some() && seats.get() < self.members {
            return Err(Refusal::Conflict(format!(
                "the team has {} members; remove some before you lower max_members",
                self.members
            )));
        }
        Ok(Self {
            details: TeamDetails {
                name: change.name.unwrap_or(details.name),
                description: change.description.apply(details.description),
                seats,
                metadata: change.metadata.apply(details.metadata),
            },
            updated_at: now,
            version: self.version + 1,
            ..self.clone()
        })
    }
}

/// A membership in a team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The team.
    pub team: TeamId,
    /// The member.
    pub user: UserId,
    /// The member's role.
    pub role: Role,
    /// The most of the team's credits that they may commit in a calendar month, UTC; `None` if there is no
    /// limit.
    pub credit_cap: Option<Credits>,
    /// When they joined.
    pub joined_at: Timestamp,
}

/// A change of a membership. A field that is `None` stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MembershipChange {
    /// The new role.
    pub role: Option<Role>,
    /// The new cap.
    pub credit_cap: Patch<Credits>,
}

impl Membership {
    /// Checks that this member may make `change` to `other`'s membership.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`] if they may not manage members, or not this one;
    /// [`Refusal::Conflict`] for the owner's role.
    pub fn may_change(&self, other: &Self, change: &MembershipChange) -> Result<(), Refusal> {
        if self.role < Role::Admin {
            return Err(Refusal::Forbidden);
        }
        if change.role.is_none() {
            return Ok(());
        }
        match (self.role, other.role) {
            (_, Role::Owner) => Err(Refusal::Conflict(
                "the owner stays the owner until they hand the team over".to_owned(),
            )),
            (Role::Owner, _) | (_, Role::Editor | Role::Contributor | Role::Viewer) => Ok(()),
            (_, Role::Admin) => Err(Refusal::Forbidden),
        }
    }

    /// Checks that this member may remove `other`.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`] if they may not remove members, or not this one; [`Refusal::Conflict`] for
    /// the owner,
    /// and for themselves, who leave instead.
    pub fn may_remove(&self, other: &Self) -> Result<(), Refusal> {
        if self.role < Role::Admin {
            return Err(Refusal::Forbidden);
        }
        if self.user == other.user {
            return Err(Refusal::Conflict(
                "you cannot remove yourself; leave the team instead".to_owned(),
            ));
        }
        match (self.role, other.role) {
            (_, Role::Owner) => Err(Refusal::Conflict("the owner cannot be removed".to_owned())),
            (Role::Owner, _) => Ok(()),
            (_, Role::Admin) => Err(Refusal::Forbidden),
            (_, Role::Editor | Role::Contributor | Role::Viewer) => Ok(()),
        }
    }

    /// Returns the membership after `change`.
    #[must_use]
    pub fn changed(&self, change: &MembershipChange) -> Self {
        Self {
            role: change.role.unwrap_or(self.role),
            credit_cap: change.credit_cap.apply(self.credit_cap),
            ..self.clone()
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn member(n: u128, role: Role) -> Membership {
        let now = Timestamp::from_ms(1);
        Membership {
            team: TeamId::new(now, 1),
            user: UserId::new(now, n),
            role,
            credit_cap: None,
            joined_at: now,
        }
    }

    /// API.md's matrix, its rows about roles: the allowed combinations of (who, whose, to what).
    #[test]
    fn roles_are_given_and_taken_as_the_contract_says() {
        for who in Role::ALL {
            for whose in Role::ALL {
                for to in Role::ALL {
                    let change = MembershipChange {
                        role: Some(to),
                        credit_cap: Patch::Keep,
                    };
                    let allowed = member(1, who)
                        .may_change(&member(2, whose), &change)
                        .is_ok();
                    // The owner's role is never given: `Role::to_give` refuses it before.
                    let expected = who >= Role::Admin && whose < who;
                    assert_eq!(allowed, expected, "{who:?} makes {whose:?} {to:?}");
                }
                let removes = member(1, who).may_remove(&member(2, whose)).is_ok();
                let expected = who >= Role::Admin && whose < who;
                assert_eq!(removes, expected, "{who:?} removes {whose:?}");
                let cap = MembershipChange {
                    role: None,
                    credit_cap: Patch::Clear,
                };
                let caps = member(1, who).may_change(&member(2, whose), &cap).is_ok();
                assert_eq!(caps, who >= Role::Admin, "{who:?} caps {whose:?}");
            }
        }
        assert!(
            member(1, Role::Owner)
                .may_remove(&member(1, Role::Owner))
                .is_err()
        );
    }

    #[test]
    fn the_owners_role_is_handed_over_and_never_given() {
        assert!(Role::to_give("owner").is_err());
        assert!(Role::to_give("king").is_err());
        for role in Role::ALL {
            assert_eq!(Role::parse(role.as_str()), Some(role));
            assert_eq!(Role::to_give(role.as_str()).is_ok(), role != Role::Owner);
        }
    }

    #[test]
    fn seats_are_bounded_and_never_fewer_than_the_members() {
        assert_eq!(Seats::new(0).expect_err("none").code, FieldCode::OutOfRange);
        assert!(Seats::new(1).is_ok() && Seats::new(100).is_ok() && Seats::new(101).is_err());
        let now = Timestamp::from_ms(1);
        let team = Team {
            id: TeamId::new(now, 1),
            owner: UserId::new(now, 1),
            details: TeamDetails {
                name: TeamName::parse("a team").expect("fine"),
                description: None,
                seats: Seats::DEFAULT,
                metadata: None,
            },
            members: 3,
            created_at: now,
            updated_at: now,
            version: 1,
        };
        let to = |seats| TeamChange {
            name: None,
            description: Patch::Keep,
            seats: Some(Seats::new(seats).expect("fine")),
            metadata: Patch::Keep,
        };
        assert!(team.changed(to(2), now).is_err());
        assert_eq!(team.changed(to(3), now).expect("fits").version, 2);
        assert!(team.code().starts_with("TM-") && team.code().len() == 11);
    }
}

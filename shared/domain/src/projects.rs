//! Projects, which generations are filed in. Owns what makes one valid; refuses to know who may do what
//! with it (the `access` module's) and where it is kept.

use std::collections::BTreeMap;

use crate::ids::{ProjectId, TeamId, UserId};
use crate::labels::{self, Description, Metadata, Tags};
use crate::patch::Patch;
use crate::refusal::{FieldError, Refusal};
use crate::time::Timestamp;

/// The most projects of one tenant.
pub const PROJECTS_MAX: u32 = 1_000;
/// The most teams that a project may be shared with.
pub const GRANTS_MAX: usize = 20;
/// The longest name.
pub const NAME_CHARS_MAX: usize = 100;

/// The name of a project: 1 to 100 characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectName(String);

impl ProjectName {
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

/// The people who can see a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// Only its owner.
    Private,
    /// Its owner, and the members of teams that it is shared with.
    TeamOnly,
    /// Everybody who is signed in.
    Public,
}

impl Visibility {
    /// The name in the API and in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::TeamOnly => "team-only",
            Self::Public => "public",
        }
    }

    /// Returns the visibility named `text`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Private, Self::TeamOnly, Self::Public]
            .into_iter()
            .find(|visibility| visibility.as_str() == text)
    }
}

/// The access of a team to a project that is shared with it. A higher level includes the lower ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AccessLevel {
    /// View and download.
    Read,
    /// Make generations in it, and move generations into it.
    Write,
    /// Change it and the generations in it.
    Admin,
}

impl AccessLevel {
    /// Every level, the least first.
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Admin];

    /// The name in the API and in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }

    /// Returns the level named `text`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.as_str() == text)
    }
}

/// The fate of the generations in a project that is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contents {
    /// They stay, in no project.
    Keep,
    /// Those that the project's owner may delete are deleted with it.
    Delete,
}

impl Contents {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Keep, Self::Delete];

    /// Its name in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Delete => "delete",
        }
    }

    /// Returns the choice named `text`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|contents| contents.as_str() == text)
    }
}

/// The owner's settings of what others see and do in a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Privacy {
    /// A team does not see other teams' grants.
    pub hide_from_other_teams: bool,
    /// A team-only project is open only to teams with a grant, not to all teams of its owner's.
    pub restrict_to_specific_teams: bool,
    /// Others see the authors of the generations in it.
    pub allow_generation_attribution: bool,
    /// Others may make children of the generations in it.
    pub allow_generation_improvements: bool,
}

impl Default for Privacy {
    fn default() -> Self {
        Self {
            hide_from_other_teams: false,
            restrict_to_specific_teams: false,
            allow_generation_attribution: true,
            allow_generation_improvements: true,
        }
    }
}

/// The properties of a project that its owner sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectDetails {
    /// Its name.
    pub name: ProjectName,
    /// Its description.
    pub description: Option<Description>,
    /// Its visibility.
    pub visibility: Visibility,
    /// Its tags.
    pub tags: Tags,
    /// The owner's metadata.
    pub metadata: Option<Metadata>,
}

/// A change of [`ProjectDetails`]. A field that is `None` stays as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectChange {
    /// The new name.
    pub name: Option<ProjectName>,
    /// The new description.
    pub description: Patch<Description>,
    /// The new visibility.
    pub visibility: Option<Visibility>,
    /// The new tags, all of them.
    pub tags: Option<Tags>,
    /// The new metadata, all of it.
    pub metadata: Patch<Metadata>,
}

/// A project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// Its id.
    pub id: ProjectId,
    /// The owner.
    pub owner: UserId,
    /// The properties that its owner sets.
    pub details: ProjectDetails,
    /// The settings of what others see and do in it.
    pub privacy: Privacy,
    /// The teams that it is shared with, each with its access level.
    pub grants: BTreeMap<TeamId, AccessLevel>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Incremented by each write, on condition of the previous value.
    pub version: u64,
}

impl Project {
    /// Returns the project after `change`.
    #[must_use]
    pub fn changed(&self, change: ProjectChange, now: Timestamp) -> Self {
        let details = self.details.clone();
        Self {
            details: ProjectDetails {
                name: change.name.unwrap_or(details.name),
                description: change.description.apply(details.description),
                visibility: change.visibility.unwrap_or(details.visibility),
                tags: change.tags.unwrap_or(details.tags),
                metadata: change.metadata.apply(details.metadata),
            },
            ..self.next(now)
        }
    }

    /// Returns the project with these settings.
    #[must_use]
    pub fn with_privacy(&self, privacy: Privacy, now: Timestamp) -> Self {
        Self {
            privacy,
            ..self.next(now)
        }
    }

    /// Returns the project, shared with `team` at this level.
    ///
    /// # Errors
    /// [`Refusal::Conflict`] if it is private, or is shared with the most teams already.
    pub fn shared_with(
        &self,
        team: &TeamId,
        level: AccessLevel,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        if self.details.visibility == Visibility::Private {
            return Err(Refusal::Conflict(
                "the project is private; make it team-only first".to_owned(),
            ));
        }
        let mut next = self.next(now);
        next.grants.insert(team.clone(), level);
        if next.grants.len() > GRANTS_MAX {
            return Err(Refusal::Conflict(format!(
                "the project is shared with {GRANTS_MAX} teams, which is all that it may be"
            )));
        }
        Ok(next)
    }

    /// Returns the project, not shared with `team` any more; `None` if it was not shared with it.
    #[must_use]
    pub fn unshared_with(&self, team: &TeamId, now: Timestamp) -> Option<Self> {
        let mut next = self.next(now);
        next.grants.remove(team).map(|_| next)
    }

    fn next(&self, now: Timestamp) -> Self {
        Self {
            updated_at: now,
            version: self.version + 1,
            ..self.clone()
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn project(owner: &UserId, visibility: Visibility) -> Project {
        let now = Timestamp::from_ms(1);
        Project {
            id: ProjectId::new(now, 1),
            owner: owner.clone(),
            details: ProjectDetails {
                name: ProjectName::parse("a project").expect("fine"),
                description: None,
                visibility,
                tags: Tags::default(),
                metadata: None,
            },
            privacy: Privacy::default(),
            grants: BTreeMap::new(),
            created_at: now,
            updated_at: now,
            version: 1,
        }
    }

    #[test]
    fn a_change_leaves_what_it_does_not_name() {
        let now = Timestamp::from_ms(9);
        let before = project(&UserId::new(now, 1), Visibility::Private);
        let change = ProjectChange {
            name: None,
            description: Patch::Set(Description::parse("why\nnot").expect("fine")),
            visibility: Some(Visibility::Public),
            tags: None,
            metadata: Patch::Keep,
        };
        let after = before.changed(change, now);
        assert_eq!(after.details.name, before.details.name);
        assert_eq!(after.details.visibility, Visibility::Public);
        assert_eq!((after.version, after.updated_at), (2, now));
    }

    #[test]
    fn a_project_is_shared_with_few_teams_and_never_while_it_is_private() {
        let now = Timestamp::from_ms(9);
        let team = |n| TeamId::new(now, n);
        let private = project(&UserId::new(now, 1), Visibility::Private);
        assert!(
            private
                .shared_with(&team(1), AccessLevel::Read, now)
                .is_err()
        );
        let mut shared = project(&UserId::new(now, 1), Visibility::TeamOnly);
        for n in 0..20 {
            shared = shared
                .shared_with(&team(n), AccessLevel::Read, now)
                .expect("room");
        }
        assert!(
            shared
                .shared_with(&team(20), AccessLevel::Read, now)
                .is_err()
        );
        let raised = shared
            .shared_with(&team(3), AccessLevel::Admin, now)
            .expect("known");
        assert_eq!(raised.grants[&team(3)], AccessLevel::Admin);
        assert_eq!(
            (raised.version, raised.grants.len()),
            (shared.version + 1, 20)
        );
        let fewer = raised.unshared_with(&team(3), now).expect("shared");
        assert!(fewer.unshared_with(&team(3), now).is_none());
    }
}

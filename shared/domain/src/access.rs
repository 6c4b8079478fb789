//! Access control: whether a caller may take an action on a thing. Every endpoint asks here.
//!
//! Owns the relations between callers and things, and the actions that each relation allows; the rights of
//! a team's roles are written only here. Refuses to know where things are kept: the store asks here before
//! it hands a record out.

use crate::generations::{Attribution, Generation};
use crate::ids::{Tenant, UserId};
use crate::projects::{AccessLevel, Privacy, Project, Visibility};
use crate::refusal::Refusal;
use crate::styles::Style;
use crate::teams::{Membership, Role};

/// An action that a caller wants to take on a [`Thing`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// View it.
    View,
    /// Download its media.
    Download,
    /// View its cost, or its balance of credits.
    ViewCosts,
    /// Add to it: file a generation in a project, or spend a team's credits.
    File,
    /// Change it.
    Edit,
    /// Delete it.
    Delete,
    /// Share a generation with a team, or end that.
    Share,
    /// Manage its members, with their roles and caps, and read its audit log.
    Manage,
    /// Transfer it to another owner, or end it.
    Own,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 9] = [
        Self::View,
        Self::Download,
        Self::ViewCosts,
        Self::File,
        Self::Edit,
        Self::Delete,
        Self::Share,
        Self::Manage,
        Self::Own,
    ];
}

/// The thing that a caller wants to act on.
#[derive(Clone, Copy, Debug)]
pub enum Thing<'a> {
    /// A project.
    Project(&'a ProjectSeen),
    /// A generation.
    Generation(&'a GenerationSeen),
    /// A custom style.
    Style(&'a StyleSeen),
    /// A team, with the caller's role in it, if they are a member.
    Team(Option<Role>),
}

/// A project, with the caller's ties to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectSeen {
    /// The project.
    pub project: Project,
    /// The caller's ties through teams that it is shared with; empty where access does not depend on them.
    pub ties: Vec<Tie>,
}

/// A generation, with the caller's ties to it.
#[derive(Clone, Debug, PartialEq)]
pub struct GenerationSeen {
    /// The record.
    pub generation: Generation,
    /// The project that it is filed in, if that exists; `None` where access does not depend on it.
    pub project: Option<ProjectSeen>,
    /// The caller's role in the team that owns it, if a team does and they are a member.
    pub role: Option<Role>,
    /// The caller's shares in it, one for each of their teams; empty where access does not depend on them.
    pub shares: Vec<Share>,
}

/// A style, with the caller's tie to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StyleSeen {
    /// The style.
    pub style: Style,
    /// The caller's role in the team that owns it, if a team does and they are a member.
    pub role: Option<Role>,
}

/// A share of a generation with a team of the caller's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// The caller's role in the team.
    pub role: Role,
    /// Whether the team is told the generation's author.
    pub attribution: Attribution,
}

/// A share of a project with a team of the caller's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tie {
    /// The access that the team has to the project.
    pub level: AccessLevel,
    /// The caller's role in the team.
    pub role: Role,
}

/// A relation between a caller and a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    /// The caller owns it.
    Owner,
    /// A team owns it, and the caller is a member.
    Member {
        /// The caller's role in the team.
        role: Role,
        /// Whether the caller is the author.
        is_author: bool,
    },
    /// It is a project that is shared with a team of the caller's.
    Granted(Tie),
    /// It is filed in a project that is shared with a team of the caller's.
    Filed(Tie),
    /// It is a generation that is shared with a team in which the caller has this role.
    Shared(Role),
    /// It belongs to somebody else and is public.
    Visitor,
    /// It belongs to somebody else, and the caller may not learn that it exists.
    Stranger,
}

impl Relation {
    /// Whether this relation allows `action`: API.md's matrix of roles, and the rights of owners and
    /// visitors.
    fn allows(self, action: Action) -> bool {
        match (self, action) {
            (Self::Owner, _)
            | (
                Self::Member { .. } | Self::Granted(_) | Self::Filed(_) | Self::Shared(_),
                Action::View,
            )
            | (Self::Visitor, Action::View | Action::Download) => true,
            (Self::Member { role, .. }, Action::Download | Action::ViewCosts | Action::File)
            | (Self::Shared(role), Action::Download | Action::File) => role >= Role::Contributor,
            (Self::Member { role, is_author }, Action::Edit | Action::Delete | Action::Share) => {
                role >= Role::Editor || (role == Role::Contributor && is_author)
            }
            (Self::Member { role, .. }, Action::Manage) => role >= Role::Admin,
            (Self::Member { role, .. }, Action::Own) => role == Role::Owner,
            (Self::Granted(tie) | Self::Filed(tie), Action::Download) => {
                tie.role >= Role::Contributor
            }
            (Self::Granted(tie) | Self::Filed(tie), Action::File) => {
                tie.level >= AccessLevel::Write && tie.role >= Role::Contributor
            }
            (Self::Granted(tie), Action::Edit)
            | (Self::Filed(tie), Action::Edit | Action::Delete) => {
                tie.level == AccessLevel::Admin && tie.role >= Role::Editor
            }
            (
                Self::Granted(_),
                Action::ViewCosts | Action::Delete | Action::Share | Action::Manage | Action::Own,
            )
            | (Self::Filed(_), Action::ViewCosts | Action::Share | Action::Manage | Action::Own)
            | (
                Self::Shared(_),
                Action::ViewCosts
                | Action::Edit
                | Action::Delete
                | Action::Share
                | Action::Manage
                | Action::Own,
            )
            | (Self::Visitor | Self::Stranger, _) => false,
        }
    }
}

impl Thing<'_> {
    const fn noun(self) -> &'static str {
        match self {
            Self::Project(_) => "project",
            Self::Generation(_) => "generation",
            Self::Style(_) => "style",
            Self::Team(_) => "team",
        }
    }

    /// Lists every relation of `caller` to it. An action that one of them allows is allowed.
    fn relations(self, caller: &UserId) -> Vec<Relation> {
        match self {
            Self::Project(seen) => to_project(caller, seen).collect(),
            Self::Generation(seen) => {
                let filed = seen.project.iter();
                let filed = filed.flat_map(|seen| to_project(caller, seen));
                let shared = seen.shares.iter().map(|share| Relation::Shared(share.role));
                let of = &seen.generation;
                let own = to_tenant(caller, &of.tenant, &of.author, seen.role);
                filed.map(filed_in).chain(shared).chain([own]).collect()
            }
            Self::Style(seen) => {
                let of = &seen.style;
                vec![to_tenant(caller, &of.tenant, &of.made_by, seen.role)]
            }
            Self::Team(role) => vec![member(role, false)],
        }
    }
}

fn member(role: Option<Role>, is_author: bool) -> Relation {
    role.map_or(Relation::Stranger, |role| Relation::Member {
        role,
        is_author,
    })
}

/// Returns the relation of `caller` to a thing that `tenant` owns and `author` made.
fn to_tenant(caller: &UserId, tenant: &Tenant, author: &UserId, role: Option<Role>) -> Relation {
    match tenant {
        Tenant::User(owner) if owner == caller => Relation::Owner,
        Tenant::User(_) => Relation::Stranger,
        Tenant::Team(_) => member(role, author == caller),
    }
}

/// Returns the relation to a generation that follows from the relation to its project. A project's owner
/// can view the generations in it, but cannot change those of other people.
const fn filed_in(to_project: Relation) -> Relation {
    match to_project {
        Relation::Owner | Relation::Visitor => Relation::Visitor,
        Relation::Granted(tie) => Relation::Filed(tie),
        Relation::Member { .. } | Relation::Filed(_) | Relation::Shared(_) | Relation::Stranger => {
            Relation::Stranger
        }
    }
}

/// Lists every relation of `caller` to a project.
fn to_project<'a>(caller: &UserId, seen: &'a ProjectSeen) -> impl Iterator<Item = Relation> + 'a {
    let project = &seen.project;
    let (own, ties) = match (project.owner == *caller, project.details.visibility) {
        (true, _) => (Relation::Owner, None),
        (false, Visibility::Private) => (Relation::Stranger, None),
        (false, Visibility::TeamOnly) => (Relation::Stranger, Some(&seen.ties)),
        (false, Visibility::Public) => (Relation::Visitor, Some(&seen.ties)),
    };
    let ties = ties
        .into_iter()
        .flatten()
        .map(|tie| Relation::Granted(*tie));
    ties.chain([own])
}

/// Whether a project hides the author of a generation in it from `caller`. The author and the project's
/// owner always know.
#[must_use]
pub fn hides_author(caller: &UserId, author: &UserId, owner: &UserId, privacy: Privacy) -> bool {
    !privacy.allow_generation_attribution && caller != author && caller != owner
}

/// The part of a generation's provenance that a caller is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disclosure {
    /// The project and the author, as far as the project allows it.
    All,
    /// No project: the caller sees the generation only through teams that it is shared with.
    NoProject,
    /// Neither project nor author: none of these teams is told the author.
    Nothing,
}

/// Returns the part of a generation's provenance that `caller`, who may view it, is told.
#[must_use]
pub fn told(caller: &UserId, seen: &GenerationSeen) -> Disclosure {
    let relations = Thing::Generation(seen).relations(caller);
    let mut others = relations
        .into_iter()
        .filter(|relation| !matches!(relation, Relation::Shared(_)));
    let mut shares = seen.shares.iter();
    if seen.shares.is_empty() || others.any(|relation| relation.allows(Action::View)) {
        Disclosure::All
    } else if caller == &seen.generation.author
        || shares.any(|share| share.attribution == Attribution::Visible)
    {
        Disclosure::NoProject
    } else {
        Disclosure::Nothing
    }
}

/// Checks that `caller` may make a child of a generation. The owner of its project may reserve that to
/// themselves and to the author.
///
/// # Errors
/// As [`check`].
pub fn check_parent(caller: &UserId, seen: &GenerationSeen) -> Result<(), Refusal> {
    check(caller, Action::File, Thing::Generation(seen))?;
    let is_closed = seen.project.as_ref().is_some_and(|filed| {
        let (owner, flags) = (&filed.project.owner, filed.project.privacy);
        let is_others = owner != caller && seen.generation.author != *caller;
        !flags.allow_generation_improvements && is_others
    });
    if is_closed {
        Err(Refusal::Forbidden)
    } else {
        Ok(())
    }
}

/// A member of a team who may spend its credits. Every hold in a team's wallet needs one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spender(Membership);

impl Spender {
    /// Returns the spender that `membership` describes, if its role may spend.
    ///
    /// # Errors
    /// As [`check`].
    pub fn of(caller: &UserId, membership: Option<Membership>) -> Result<Self, Refusal> {
        let role = membership.as_ref().map(|membership| membership.role);
        check(caller, Action::File, Thing::Team(role))?;
        membership.map(Self).ok_or(Refusal::NotFound("team"))
    }

    /// The membership.
    #[must_use]
    pub const fn membership(&self) -> &Membership {
        &self.0
    }
}

/// Checks that `caller` may do `action` to `thing`.
///
/// # Errors
/// [`Refusal::NotFound`] if the caller may not view the thing, [`Refusal::Forbidden`] if they may view it
/// but not do this.
pub fn check(caller: &UserId, action: Action, thing: Thing<'_>) -> Result<(), Refusal> {
    let relations = thing.relations(caller);
    if relations.iter().any(|relation| relation.allows(action)) {
        Ok(())
    } else if relations
        .iter()
        .any(|relation| relation.allows(Action::View))
    {
        Err(Refusal::Forbidden)
    } else {
        Err(Refusal::NotFound(thing.noun()))
    }
}

#[cfg(test)]
#[path = "access_tests.rs"]
mod tests;

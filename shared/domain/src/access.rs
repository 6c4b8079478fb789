//! May this caller do this to this thing? One answer for every endpoint.
//!
//! Owns who stands how to a thing, and what each may do. Refuses to know where things are kept: the store
//! asks here before it hands a record out. What a role may do in a team stands here alone.

use crate::generations::{Attribution, Generation};
use crate::ids::{Tenant, UserId};
use crate::projects::{AccessLevel, Privacy, Project, Visibility};
use crate::refusal::Refusal;
use crate::styles::Style;
use crate::teams::{Membership, Role};

/// What somebody wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// See it.
    View,
    /// Fetch the media that it holds.
    Download,
    /// See what it cost, or which credits it has.
    ViewCosts,
    /// Make something in it: file a generation in a project, or spend a team's credits.
    File,
    /// Change it.
    Edit,
    /// Delete it.
    Delete,
    /// Show a generation to a team, or to that team no more.
    Share,
    /// Say who is in it, with which role and cap; read its audit log.
    Manage,
    /// Hand it over, or end it.
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

/// What somebody wants to do it to.
#[derive(Clone, Copy, Debug)]
pub enum Thing<'a> {
    /// A project.
    Project(&'a ProjectSeen),
    /// A generation.
    Generation(&'a GenerationSeen),
    /// A style that somebody made.
    Style(&'a StyleSeen),
    /// A team, in which the caller has this role, if they are in it.
    Team(Option<Role>),
}

/// A project, and how somebody comes to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectSeen {
    /// The project.
    pub project: Project,
    /// Their ties to the teams that it is shared with; none where they need none.
    pub ties: Vec<Tie>,
}

/// A generation, and how somebody comes to it.
#[derive(Clone, Debug, PartialEq)]
pub struct GenerationSeen {
    /// The record.
    pub generation: Generation,
    /// The project that it is filed in, if that exists, and how they come to it; none where they need none.
    pub project: Option<ProjectSeen>,
    /// Their role in the team whose it is, if it is a team's and they are in it.
    pub role: Option<Role>,
    /// The teams that it is shared with and that they are in; none where they need none.
    pub shares: Vec<Share>,
}

/// A style, and how somebody comes to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StyleSeen {
    /// The style.
    pub style: Style,
    /// Their role in the team whose it is, if it is a team's and they are in it.
    pub role: Option<Role>,
}

/// A team through which somebody comes to a generation that is shared with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Their role in the team.
    pub role: Role,
    /// Whether the team is told who made it.
    pub attribution: Attribution,
}

/// A team through which somebody comes to a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tie {
    /// What the team may do with it.
    pub level: AccessLevel,
    /// What they are in the team.
    pub role: Role,
}

/// How somebody stands to a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    /// It is theirs.
    Owner,
    /// It is a team's that they are in.
    Member {
        /// As this.
        role: Role,
        /// Whether they made it.
        is_author: bool,
    },
    /// It is a project, shared with a team that they are in.
    Granted(Tie),
    /// It is filed in such a project.
    Filed(Tie),
    /// It is shared with a team that they are in, as this.
    Shared(Role),
    /// It is another's, who shows it to everybody.
    Visitor,
    /// It is another's, and not to be known of.
    Stranger,
}

impl Relation {
    /// API.md's matrix of roles, and what owners and visitors may beside it.
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

    /// Every way in which `caller` stands to it: what one of them allows is allowed.
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

/// How somebody stands to a thing of this tenant's that `author` made.
fn to_tenant(caller: &UserId, tenant: &Tenant, author: &UserId, role: Option<Role>) -> Relation {
    match tenant {
        Tenant::User(owner) if owner == caller => Relation::Owner,
        Tenant::User(_) => Relation::Stranger,
        Tenant::Team(_) => member(role, author == caller),
    }
}

/// A generation is seen with its project, whose owner changes nothing in it that is another's.
const fn filed_in(to_project: Relation) -> Relation {
    match to_project {
        Relation::Owner | Relation::Visitor => Relation::Visitor,
        Relation::Granted(tie) => Relation::Filed(tie),
        Relation::Member { .. } | Relation::Filed(_) | Relation::Shared(_) | Relation::Stranger => {
            Relation::Stranger
        }
    }
}

/// Every way in which somebody comes to a project.
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

/// Whether a project hides from `caller` who made what is filed in it. Its owner and the author always know.
#[must_use]
pub fn hides_author(caller: &UserId, author: &UserId, owner: &UserId, privacy: Privacy) -> bool {
    !privacy.allow_generation_attribution && caller != author && caller != owner
}

/// How much `caller` is told of a generation that they see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// Its project and its author, as far as the project says them.
    All,
    /// No project: they come to it only through teams that it is shared with.
    NoProject,
    /// Neither: none of these teams is told who made it.
    Nothing,
}

/// How much `caller` is told of a generation that they see.
#[must_use]
pub fn told(caller: &UserId, seen: &GenerationSeen) -> Told {
    let relations = Thing::Generation(seen).relations(caller);
    let mut others = relations
        .into_iter()
        .filter(|relation| !matches!(relation, Relation::Shared(_)));
    let mut shares = seen.shares.iter();
    if seen.shares.is_empty() || others.any(|relation| relation.allows(Action::View)) {
        Told::All
    } else if caller == &seen.generation.author
        || shares.any(|share| share.attribution == Attribution::Visible)
    {
        Told::NoProject
    } else {
        Told::Nothing
    }
}

/// Whether `caller` may make a child of a generation: its project's owner may say that nobody else does.
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

/// A member of a team who may spend its credits: nothing is held in a team's wallet without one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spender(Membership);

impl Spender {
    /// `membership`, if whoever has it may spend.
    ///
    /// # Errors
    /// As [`check`].
    pub fn of(caller: &UserId, membership: Option<Membership>) -> Result<Self, Refusal> {
        let role = membership.as_ref().map(|membership| membership.role);
        check(caller, Action::File, Thing::Team(role))?;
        membership.map(Self).ok_or(Refusal::NotFound("team"))
    }

    /// Their place in the team.
    #[must_use]
    pub const fn membership(&self) -> &Membership {
        &self.0
    }
}

/// Whether `caller` may do `action` to `thing`.
///
/// # Errors
/// [`Refusal::NotFound`] for who may not know that it exists, [`Refusal::Forbidden`] for who may.
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

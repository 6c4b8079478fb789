//! May this caller do this to this thing? One answer for every endpoint.
//!
//! Owns who stands how to a thing, and what each may do. Refuses to know where things are kept: the store asks here
//! before it hands a record out. Teams, their grants and a project's privacy flags come in as further relations.

use crate::generations::Generation;
use crate::ids::{Tenant, UserId};
use crate::projects::{Project, Visibility};
use crate::refusal::Refusal;

/// What somebody wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// See it, and download what it holds.
    View,
    /// See what it cost.
    ViewCosts,
    /// File something in it.
    File,
    /// Change it.
    Edit,
    /// Delete it.
    Delete,
}

/// What somebody wants to do it to.
#[derive(Clone, Copy, Debug)]
pub enum Thing<'a> {
    /// A project.
    Project(&'a Project),
    /// A generation, and the project that it is filed in, if that one exists.
    Generation(&'a Generation, Option<&'a Project>),
}

/// How somebody stands to a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    /// It is theirs.
    Owner,
    /// It is another's, who shows it to everybody.
    Visitor,
    /// It is another's, and not to be known of.
    Stranger,
}

impl Thing<'_> {
    const fn noun(self) -> &'static str {
        match self {
            Self::Project(_) => "project",
            Self::Generation(..) => "generation",
        }
    }

    fn relation(self, caller: &UserId) -> Relation {
        match self {
            Self::Project(project) => to_project(caller, project),
            Self::Generation(generation, project) => {
                let Tenant::User(owner) = &generation.tenant;
                let filed = project.map_or(Relation::Stranger, |it| to_project(caller, it));
                match (owner == caller, filed) {
                    (true, _) => Relation::Owner,
                    // What is filed in a project is seen with it, and changed by nobody but its own owner.
                    (false, Relation::Owner | Relation::Visitor) => Relation::Visitor,
                    (false, Relation::Stranger) => Relation::Stranger,
                }
            }
        }
    }
}

fn to_project(caller: &UserId, project: &Project) -> Relation {
    let Tenant::User(owner) = &project.tenant;
    match (owner == caller, project.details.visibility) {
        (true, _) => Relation::Owner,
        (false, Visibility::Public) => Relation::Visitor,
        (false, Visibility::Private) => Relation::Stranger,
    }
}

/// Whether `caller` may do `action` to `thing`.
///
/// # Errors
/// [`Refusal::NotFound`] for who may not know that it exists, [`Refusal::Forbidden`] for who may.
pub fn check(caller: &UserId, action: Action, thing: Thing<'_>) -> Result<(), Refusal> {
    match (thing.relation(caller), action) {
        (
            Relation::Owner,
            Action::View | Action::ViewCosts | Action::File | Action::Edit | Action::Delete,
        )
        | (Relation::Visitor, Action::View) => Ok(()),
        (Relation::Visitor, Action::ViewCosts | Action::File | Action::Edit | Action::Delete) => {
            Err(Refusal::Forbidden)
        }
        (Relation::Stranger, _) => Err(Refusal::NotFound(thing.noun())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::projects::tests::project;
    use crate::time::Timestamp;

    #[test]
    fn an_owner_may_everything_a_visitor_looks_and_a_stranger_learns_nothing() {
        let user = |n| UserId::new(Timestamp::from_ms(1), n);
        let (owner, other) = (user(1), user(2));
        for action in [
            Action::View,
            Action::ViewCosts,
            Action::File,
            Action::Edit,
            Action::Delete,
        ] {
            for (visibility, theirs) in [
                (Visibility::Private, Err(Refusal::NotFound("project"))),
                (
                    Visibility::Public,
                    if action == Action::View {
                        Ok(())
                    } else {
                        Err(Refusal::Forbidden)
                    },
                ),
            ] {
                let project = project(&owner, visibility);
                let may = |who| check(who, action, Thing::Project(&project));
                assert_eq!(may(&owner), Ok(()));
                assert_eq!(may(&other), theirs, "{action:?} {visibility:?}");
            }
        }
    }
}

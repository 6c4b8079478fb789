//! May this caller do this to this thing? One answer for every endpoint.
//!
//! Owns who stands how to a thing, and what each may do. Refuses to know where things are kept: the store asks here
//! before it hands a record out. What a role may do in a team stands here alone.

use crate::generations::Generation;
use crate::ids::{Tenant, UserId};
use crate::projects::{AccessLevel, Privacy, Project, Visibility};
use crate::refusal::Refusal;
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
    /// Say who is in it, with which role and cap; read its audit log.
    Manage,
    /// Hand it over, or end it.
    Own,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 8] = [
        Self::View,
        Self::Download,
        Self::ViewCosts,
        Self::File,
        Self::Edit,
        Self::Delete,
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
    Generation {
        /// The record.
        generation: &'a Generation,
        /// The project that it is filed in, if that one exists.
        project: Option<&'a ProjectSeen>,
        /// The caller's role in the team whose it is, if it is a team's and they are in it.
        role: Option<Role>,
    },
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
            | (Self::Member { .. } | Self::Granted(_) | Self::Filed(_), Action::View)
            | (Self::Visitor, Action::View | Action::Download) => true,
            (Self::Member { role, .. }, Action::Download | Action::ViewCosts | Action::File) => {
                role >= Role::Contributor
            }
            (Self::Member { role, is_author }, Action::Edit | Action::Delete) => {
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
                Action::ViewCosts | Action::Delete | Action::Manage | Action::Own,
            )
            | (Self::Filed(_), Action::ViewCosts | Action::Manage | Action::Own)
            | (Self::Visitor | Self::Stranger, _) => false,
        }
    }
}

impl Thing<'_> {
    const fn noun(self) -> &'static str {
        match self {
            Self::Project(_) => "project",
            Self::Generation { .. } => "generation",
            Self::Team(_) => "team",
        }
    }

    /// Every way in which `caller` stands to it: what one of them allows is allowed.
    fn relations(self, caller: &UserId) -> Vec<Relation> {
        match self {
            Self::Project(seen) => to_project(caller, seen).collect(),
            Self::Generation {
                generation,
                project,
                role,
            } => {
                let filed = project
                    .into_iter()
                    .flat_map(|seen| to_project(caller, seen));
                let own = to_generation(caller, generation, role);
                filed.map(filed_in).chain([own]).collect()
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

fn to_generation(caller: &UserId, generation: &Generation, role: Option<Role>) -> Relation {
    match &generation.tenant {
        Tenant::User(owner) if owner == caller => Relation::Owner,
        Tenant::User(_) => Relation::Stranger,
        Tenant::Team(_) => member(role, generation.author == *caller),
    }
}

/// A generation is seen with its project, whose owner changes nothing in it that is another's.
const fn filed_in(to_project: Relation) -> Relation {
    match to_project {
        Relation::Owner | Relation::Visitor => Relation::Visitor,
        Relation::Granted(tie) => Relation::Filed(tie),
        Relation::Member { .. } | Relation::Filed(_) | Relation::Stranger => Relation::Stranger,
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

/// Whether `caller` may make a child of a generation: its project's owner may say that nobody else does.
///
/// # Errors
/// As [`check`].
pub fn check_parent(
    caller: &UserId,
    generation: &Generation,
    project: Option<&ProjectSeen>,
    role: Option<Role>,
) -> Result<(), Refusal> {
    let thing = Thing::Generation {
        generation,
        project,
        role,
    };
    check(caller, Action::File, thing)?;
    let is_closed = project.is_some_and(|seen| {
        let (owner, flags) = (&seen.project.owner, seen.project.privacy);
        !flags.allow_generation_improvements && owner != caller && generation.author != *caller
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
mod tests {
    use super::*;
    use crate::generations::tests::queued;
    use crate::ids::TeamId;
    use crate::projects::tests::project;
    use crate::time::Timestamp;

    const HIDDEN: &str = "hidden";
    const DENIED: &str = "denied";
    const ALLOWED: &str = "allowed";

    fn user(n: u128) -> UserId {
        UserId::new(Timestamp::from_ms(1), n)
    }

    fn seen(project: Project, ties: &[Tie]) -> ProjectSeen {
        ProjectSeen {
            project,
            ties: ties.to_vec(),
        }
    }

    fn said(answer: &Result<(), Refusal>) -> &'static str {
        match answer {
            Ok(()) => ALLOWED,
            Err(Refusal::NotFound(_)) => HIDDEN,
            Err(_) => DENIED,
        }
    }

    #[test]
    fn an_owner_may_everything_a_visitor_looks_and_a_stranger_learns_nothing() {
        let (owner, other) = (user(1), user(2));
        for action in Action::ALL {
            for visibility in [
                Visibility::Private,
                Visibility::TeamOnly,
                Visibility::Public,
            ] {
                let seen = seen(project(&owner, visibility), &[]);
                let may = |who| check(who, action, Thing::Project(&seen));
                let looks = matches!(action, Action::View | Action::Download);
                let theirs = match visibility {
                    Visibility::Private | Visibility::TeamOnly => HIDDEN,
                    Visibility::Public if looks => ALLOWED,
                    Visibility::Public => DENIED,
                };
                assert_eq!(may(&owner), Ok(()));
                assert_eq!(said(&may(&other)), theirs, "{action:?} {visibility:?}");
            }
        }
    }

    /// API.md's matrix, written out: owner, admin, editor, contributor, viewer.
    #[test]
    fn each_role_may_what_the_contract_says_and_no_more() {
        let rows: [(Action, &str); 8] = [
            (Action::View, "+++++"),
            (Action::Download, "++++-"),
            (Action::ViewCosts, "++++-"),
            (Action::File, "++++-"),
            (Action::Edit, "+++o-"),
            (Action::Delete, "+++o-"),
            (Action::Manage, "++---"),
            (Action::Own, "+----"),
        ];
        let (author, other) = (user(1), user(2));
        let mut generation = queued();
        generation.tenant = Tenant::Team(TeamId::new(Timestamp::from_ms(1), 1));
        generation.author = author.clone();
        for (action, row) in rows {
            for (role, mark) in Role::ALL.into_iter().rev().zip(row.chars()) {
                let may = |who, role| {
                    let thing = Thing::Generation {
                        generation: &generation,
                        project: None,
                        role,
                    };
                    said(&check(who, action, thing))
                };
                let (theirs, others) = match mark {
                    '+' => (ALLOWED, ALLOWED),
                    'o' => (ALLOWED, DENIED),
                    _ => (DENIED, DENIED),
                };
                assert_eq!(may(&author, Some(role)), theirs, "{role:?} {action:?}, own");
                assert_eq!(may(&other, Some(role)), others, "{role:?} {action:?}");
                // A former member is a stranger, also to their own work there.
                assert_eq!(may(&author, None), HIDDEN, "{action:?}");
                let team = said(&check(&other, action, Thing::Team(Some(role))));
                assert_eq!(team, others, "{role:?} {action:?} of the team");
            }
            assert_eq!(said(&check(&other, action, Thing::Team(None))), HIDDEN);
        }
    }

    #[test]
    fn what_a_team_files_in_a_public_project_is_seen_with_it_and_no_more() {
        let (owner, other) = (user(1), user(2));
        let mut generation = queued();
        generation.tenant = Tenant::Team(TeamId::new(Timestamp::from_ms(1), 1));
        let shown = seen(project(&owner, Visibility::Public), &[]);
        let hidden = seen(project(&owner, Visibility::Private), &[]);
        for (project, role, expected) in [
            (&shown, None, [ALLOWED, ALLOWED, DENIED]),
            // A viewer may do in it what everybody may.
            (&shown, Some(Role::Viewer), [ALLOWED, ALLOWED, DENIED]),
            (&hidden, Some(Role::Viewer), [ALLOWED, DENIED, DENIED]),
            (&hidden, None, [HIDDEN, HIDDEN, HIDDEN]),
        ] {
            let thing = Thing::Generation {
                generation: &generation,
                project: Some(project),
                role,
            };
            let actions = [Action::View, Action::Download, Action::Edit];
            let answers = actions.map(|action| said(&check(&other, action, thing)));
            assert_eq!(answers, expected, "{role:?}");
        }
    }

    /// Grants, written out: read, write and admin, each for owner, admin, editor, contributor and viewer of the team.
    #[test]
    fn a_grant_and_the_role_in_its_team_must_both_allow_a_thing() {
        let rows: [(Action, bool, [&str; 3]); 9] = [
            (Action::View, false, ["+++++", "+++++", "+++++"]),
            (Action::Download, false, ["++++-", "++++-", "++++-"]),
            (Action::File, false, ["-----", "++++-", "++++-"]),
            (Action::Edit, false, ["-----", "-----", "+++--"]),
            (Action::Delete, false, ["-----", "-----", "-----"]),
            (Action::Own, false, ["-----", "-----", "-----"]),
            (Action::Edit, true, ["-----", "-----", "+++--"]),
            (Action::Delete, true, ["-----", "-----", "+++--"]),
            (Action::ViewCosts, true, ["-----", "-----", "-----"]),
        ];
        let (owner, other) = (user(1), user(2));
        let generation = queued();
        for (action, of_generation, columns) in rows {
            for (level, column) in AccessLevel::ALL.into_iter().zip(columns) {
                for (role, mark) in Role::ALL.into_iter().rev().zip(column.chars()) {
                    let tie = Tie { level, role };
                    let at = |visibility| {
                        let seen = seen(project(&owner, visibility), &[tie]);
                        let thing = if of_generation {
                            Thing::Generation {
                                generation: &generation,
                                project: Some(&seen),
                                role: None,
                            }
                        } else {
                            Thing::Project(&seen)
                        };
                        said(&check(&other, action, thing))
                    };
                    let expected = if mark == '+' { ALLOWED } else { DENIED };
                    assert_eq!(
                        at(Visibility::TeamOnly),
                        expected,
                        "{level:?} {role:?} {action:?}"
                    );
                    assert_eq!(at(Visibility::Private), HIDDEN);
                    let public = at(Visibility::Public);
                    assert!(public == expected || action == Action::Download, "{public}");
                }
            }
        }
    }

    #[test]
    fn the_best_of_several_ties_counts() {
        let (owner, other) = (user(1), user(2));
        let tie = |level, role| Tie { level, role };
        let ties = [
            tie(AccessLevel::Read, Role::Owner),
            tie(AccessLevel::Admin, Role::Editor),
            tie(AccessLevel::Write, Role::Viewer),
        ];
        let seen = seen(project(&owner, Visibility::TeamOnly), &ties);
        assert_eq!(check(&other, Action::Edit, Thing::Project(&seen)), Ok(()));
    }

    #[test]
    fn a_projects_flags_keep_others_from_improving_and_from_knowing_the_author() {
        let (owner, author, other) = (user(1), user(2), user(3));
        let mut generation = queued();
        generation.tenant = Tenant::Team(TeamId::new(Timestamp::from_ms(1), 1));
        generation.author = author.clone();
        for open in [true, false] {
            let mut filed = seen(project(&owner, Visibility::Public), &[]);
            filed.project.privacy.allow_generation_improvements = open;
            filed.project.privacy.allow_generation_attribution = open;
            let may = |who: &UserId| {
                said(&check_parent(
                    who,
                    &generation,
                    Some(&filed),
                    Some(Role::Editor),
                ))
            };
            assert_eq!(may(&other), if open { ALLOWED } else { DENIED });
            assert_eq!((may(&author), may(&owner)), (ALLOWED, ALLOWED));
            let hides = |who: &UserId| hides_author(who, &author, &owner, filed.project.privacy);
            assert_eq!(
                [hides(&other), hides(&author), hides(&owner)],
                [!open, false, false]
            );
        }
        // A visitor of a public project only looks.
        let filed = seen(project(&owner, Visibility::Public), &[]);
        let stranger = check_parent(&other, &generation, Some(&filed), None);
        assert_eq!(said(&stranger), DENIED);
    }
}

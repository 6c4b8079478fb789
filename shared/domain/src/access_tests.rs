//! API.md's access rules, written out as tables.

use super::*;
use crate::generations::tests::queued;
use crate::ids::TeamId;
use crate::projects::tests::project;
use crate::styles::tests::style;
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

/// Returns `generation` as seen by somebody with this role in its team, without a project.
fn of_team(generation: &Generation, role: Option<Role>) -> GenerationSeen {
    GenerationSeen {
        generation: generation.clone(),
        project: None,
        role,
        shares: Vec::new(),
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
    let rows: [(Action, &str); 9] = [
        (Action::View, "+++++"),
        (Action::Download, "++++-"),
        (Action::ViewCosts, "++++-"),
        (Action::File, "++++-"),
        (Action::Edit, "+++o-"),
        (Action::Delete, "+++o-"),
        (Action::Share, "+++o-"),
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
                let seen = of_team(&generation, role);
                said(&check(who, action, Thing::Generation(&seen)))
            };
            let (theirs, others) = match mark {
                '+' => (ALLOWED, ALLOWED),
                'o' => (ALLOWED, DENIED),
                _ => (DENIED, DENIED),
            };
            assert_eq!(may(&author, Some(role)), theirs, "{role:?} {action:?}, own");
            assert_eq!(may(&other, Some(role)), others, "{role:?} {action:?}");
            // A former member is a stranger, even to their own work there.
            assert_eq!(may(&author, None), HIDDEN, "{action:?}");
            let team = said(&check(&other, action, Thing::Team(Some(role))));
            assert_eq!(team, others, "{role:?} {action:?} of the team");
        }
        assert_eq!(said(&check(&other, action, Thing::Team(None))), HIDDEN);
    }
}

#[test]
fn a_teams_style_is_used_by_all_and_changed_by_its_maker_and_by_editors() {
    let (maker, other) = (user(1), user(2));
    let team = Tenant::Team(TeamId::new(Timestamp::from_ms(1), 1));
    let ours = style(team, &maker);
    for role in Role::ALL {
        let may = |who, action| {
            let seen = StyleSeen {
                style: ours.clone(),
                role: Some(role),
            };
            said(&check(who, action, Thing::Style(&seen)))
        };
        let changes = |is_allowed| if is_allowed { ALLOWED } else { DENIED };
        assert_eq!(may(&other, Action::View), ALLOWED, "{role:?}");
        for action in [Action::Edit, Action::Delete] {
            assert_eq!(
                may(&other, action),
                changes(role >= Role::Editor),
                "{role:?}"
            );
            let makers = changes(role >= Role::Contributor);
            assert_eq!(may(&maker, action), makers, "{role:?}");
        }
    }
    let own = style(Tenant::from(&maker), &maker);
    for action in Action::ALL {
        let may = |who, style: &Style| {
            let seen = StyleSeen {
                style: style.clone(),
                role: None,
            };
            said(&check(who, action, Thing::Style(&seen)))
        };
        assert_eq!(may(&maker, &own), ALLOWED);
        assert_eq!(may(&other, &own), HIDDEN);
        // A former member is a stranger, even to the styles that they made there.
        assert_eq!(may(&maker, &ours), HIDDEN);
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
        // A viewer may do in it the same as everybody.
        (&shown, Some(Role::Viewer), [ALLOWED, ALLOWED, DENIED]),
        (&hidden, Some(Role::Viewer), [ALLOWED, DENIED, DENIED]),
        (&hidden, None, [HIDDEN, HIDDEN, HIDDEN]),
    ] {
        let seen = GenerationSeen {
            project: Some(project.clone()),
            ..of_team(&generation, role)
        };
        let actions = [Action::View, Action::Download, Action::Edit];
        let answers = actions.map(|action| said(&check(&other, action, Thing::Generation(&seen))));
        assert_eq!(answers, expected, "{role:?}");
    }
}

/// Grants, written out: read, write and admin, each for owner, admin, editor,
/// contributor and viewer of the team.
#[test]
fn a_grant_and_the_role_in_its_team_must_both_allow_a_thing() {
    let rows: [(Action, bool, [&str; 3]); 10] = [
        (Action::View, false, ["+++++", "+++++", "+++++"]),
        (Action::Download, false, ["++++-", "++++-", "++++-"]),
        (Action::File, false, ["-----", "++++-", "++++-"]),
        (Action::Edit, false, ["-----", "-----", "+++--"]),
        (Action::Delete, false, ["-----", "-----", "-----"]),
        (Action::Own, false, ["-----", "-----", "-----"]),
        (Action::Edit, true, ["-----", "-----", "+++--"]),
        (Action::Delete, true, ["-----", "-----", "+++--"]),
        (Action::Share, true, ["-----", "-----", "-----"]),
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
                    let filed = GenerationSeen {
                        project: Some(seen.clone()),
                        ..of_team(&generation, None)
                    };
                    let thing = match of_generation {
                        true => Thing::Generation(&filed),
                        false => Thing::Project(&seen),
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
        let improved = GenerationSeen {
            project: Some(filed.clone()),
            ..of_team(&generation, Some(Role::Editor))
        };
        let may = |who: &UserId| said(&check_parent(who, &improved));
        assert_eq!(may(&other), if open { ALLOWED } else { DENIED });
        assert_eq!((may(&author), may(&owner)), (ALLOWED, ALLOWED));
        let hides = |who: &UserId| hides_author(who, &author, &owner, filed.project.privacy);
        assert_eq!(
            [hides(&other), hides(&author), hides(&owner)],
            [!open, false, false]
        );
    }
    // A visitor of a public project can only look.
    let looked_at = GenerationSeen {
        project: Some(seen(project(&owner, Visibility::Public), &[])),
        ..of_team(&generation, None)
    };
    assert_eq!(said(&check_parent(&other, &looked_at)), DENIED);
}

/// Sharing, written out: owner, admin, editor, contributor and viewer of the team that it is shared with.
#[test]
fn a_team_that_a_generation_is_shared_with_looks_and_makes_others_of_it() {
    let other = user(2);
    for (action, row) in [
        (Action::View, "+++++"),
        (Action::Download, "++++-"),
        (Action::File, "++++-"),
        (Action::ViewCosts, "-----"),
        (Action::Edit, "-----"),
        (Action::Delete, "-----"),
        (Action::Share, "-----"),
        (Action::Manage, "-----"),
        (Action::Own, "-----"),
    ] {
        for (role, mark) in Role::ALL.into_iter().rev().zip(row.chars()) {
            let attribution = Attribution::Visible;
            let seen = GenerationSeen {
                shares: vec![Share { role, attribution }],
                ..of_team(&queued(), None)
            };
            let expected = if mark == '+' { ALLOWED } else { DENIED };
            let answer = check(&other, action, Thing::Generation(&seen));
            assert_eq!(said(&answer), expected, "{role:?} {action:?}");
        }
    }
}

#[test]
fn whoever_sees_a_generation_only_through_teams_that_hide_its_author_is_not_told_them() {
    let (owner, other) = (queued().author, user(2));
    let share = |attribution| Share {
        role: Role::Admin,
        attribution,
    };
    let (hidden, visible) = (share(Attribution::Hidden), share(Attribution::Visible));
    let public = seen(project(&owner, Visibility::Public), &[]);
    let private = seen(project(&owner, Visibility::Private), &[]);
    for (who, shares, project, expected) in [
        (&other, vec![hidden], None, Disclosure::Nothing),
        (
            &other,
            vec![hidden, hidden],
            Some(&private),
            Disclosure::Nothing,
        ),
        (
            &other,
            vec![hidden, visible],
            Some(&private),
            Disclosure::NoProject,
        ),
        (&other, vec![hidden], Some(&public), Disclosure::All),
        (&other, vec![], Some(&public), Disclosure::All),
        (&owner, vec![hidden], None, Disclosure::All),
    ] {
        let seen = GenerationSeen {
            shares,
            project: project.cloned(),
            ..of_team(&queued(), None)
        };
        assert_eq!(told(who, &seen), expected, "{seen:?}");
    }
    let mut of_a_team = of_team(&queued(), Some(Role::Viewer));
    of_a_team.generation.tenant = Tenant::Team(TeamId::new(Timestamp::from_ms(1), 1));
    of_a_team.shares = vec![hidden];
    assert_eq!(told(&other, &of_a_team), Disclosure::All);
    // Its author left that team, and sees it through another team.
    of_a_team.role = None;
    assert_eq!(told(&other, &of_a_team), Disclosure::Nothing);
    assert_eq!(told(&owner, &of_a_team), Disclosure::NoProject);
}

//! Projects that are shared with teams: the permissions of level and role together, the effect of a project's
//! flags, the right to share, and moving things between projects.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::harness::{Cloud, Person, send, with};
use crate::pages::all;
use crate::projects::make;
use crate::teams::{Cast, found, join};

/// Makes a project that is shared with a team at this level; its path.
async fn share(owner: &Person<'_>, team: &str, level: &str) -> String {
    let body = json!({"name": "Shared", "visibility": "team-only"});
    let path = format!("/projects/{}", make(owner, &body).await);
    grant(owner, &path, team, level).await;
    path
}

async fn grant(owner: &Person<'_>, project: &str, team: &str, level: &str) {
    let body = json!({"access_level": level});
    let granted = put(owner, &format!("{project}{team}"), &body)
        .await
        .expect(200);
    assert_eq!(granted["access_level"], level);
}

async fn put(person: &Person<'_>, path: &str, body: &Value) -> crate::harness::Answer {
    send(person.request(reqwest::Method::PUT, path).json(body)).await
}

async fn flags(owner: &Person<'_>, project: &str, flags: &Value) {
    put(owner, &format!("{project}/privacy"), flags)
        .await
        .expect(200);
}

fn id(path: &str) -> &str {
    path.rsplit('/').next().unwrap()
}

/// The statuses for everybody of a cast, in the order of API.md's matrix, the stranger last.
async fn statuses(cast: &Cast<'_>, method: &str, path: &str, body: &Value) -> Vec<u16> {
    let mut statuses = Vec::new();
    for person in cast.everybody() {
        let request = person.request(method.parse().unwrap(), path);
        statuses.push(send(with(request, body)).await.status);
    }
    statuses
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grant_and_the_role_in_its_team_must_both_allow_a_thing() {
    let cloud = Cloud::start().await;
    let cast = Cast::new(&cloud).await;
    // Bob, who owns the projects, is a further admin of the team, and is not in the matrix.
    let bob = cloud.verified().await;
    join(&cast.ada, &cast.team, &bob, "admin").await;
    let sees = [200, 200, 200, 200, 200, 404];
    let downloads = [200, 200, 200, 200, 403, 404];
    let files = [202, 202, 202, 202, 404, 404];
    let edits = [200, 200, 200, 403, 403, 404];
    let nobody = [403, 403, 403, 403, 403, 404];
    for (level, may_file, may_edit) in [
        ("read", [404; 6], nobody),
        ("write", files, nobody),
        ("admin", files, edits),
    ] {
        let project = share(&bob, &cast.team, level).await;
        let order = json!({"prompt": "bob's fox", "project_id": id(&project)});
        let made = bob.post("/generations/flux-dev", &order).await.expect(202);
        let made = format!("/generations/{}", made["id"].as_str().unwrap());
        bob.when(id(&made), "succeeded").await;
        let none = Value::Null;
        let title = json!({"title": "theirs"});
        let name = json!({"name": "theirs"});
        let order = json!({"prompt": "a fox of one's own", "project_id": id(&project)});
        let list = format!("/generations?project_id={}", id(&project));
        for (method, path, body, expected) in [
            ("GET", project.clone(), &none, sees),
            ("GET", list, &none, sees),
            ("GET", made.clone(), &none, sees),
            ("GET", format!("{made}/media"), &none, downloads),
            ("GET", format!("{project}/stats"), &none, nobody),
            ("POST", "/generations/flux-dev".to_owned(), &order, may_file),
            ("PATCH", project.clone(), &name, may_edit),
            ("PATCH", made.clone(), &title, may_edit),
            (
                "PATCH",
                project.clone(),
                &json!({"visibility": "public"}),
                nobody,
            ),
            // No level takes anything out of the project: it would be seen for longer than the grant lasts.
            (
                "POST",
                format!("{made}/move"),
                &json!({"project_id": null}),
                nobody,
            ),
            ("DELETE", project.clone(), &none, nobody),
        ] {
            let answers = statuses(&cast, method, &path, body).await;
            assert_eq!(answers, expected, "{level}: {method} {path}");
        }
        let shown = cast.viewer.get(&made).await.expect(200);
        assert_eq!(
            (&shown["outputs"][0]["url"], &shown["receipt"]),
            (&Value::Null, &Value::Null)
        );
        if level == "admin" {
            cast.editor.delete(&made).await.expect(204);
            bob.get(&made).await.problem(404, "not_found");
        }
        // A private project is hidden from its teams.
        let privacy = json!({"visibility": "private"});
        bob.patch(&project, &privacy).await.expect(200);
        let hidden = statuses(&cast, "GET", &project, &none).await;
        assert_eq!(hidden, [404; 6]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_team_only_project_is_read_by_its_owners_teams_unless_it_is_for_some_alone() {
    let cloud = Cloud::start().await;
    let cast = Cast::new(&cloud).await;
    let Cast {
        team,
        ada,
        contributor,
        viewer,
        stranger,
        ..
    } = &cast;
    let project = format!(
        "/projects/{}",
        make(ada, &json!({"name": "Ada's", "visibility": "team-only"})).await
    );
    contributor.get(&project).await.expect(200);
    viewer.get(&project).await.expect(200);
    stranger.get(&project).await.problem(404, "not_found");
    contributor
        .patch(&project, &json!({"name": "x"}))
        .await
        .problem(403, "forbidden");
    // A team that somebody else owns does not count as the owner's, although she is in it.
    let other = found(stranger, &json!({"name": "Owls"})).await;
    join(stranger, &other, ada, "editor").await;
    stranger.get(&project).await.problem(404, "not_found");

    let alone = json!({"restrict_to_specific_teams": true});
    flags(ada, &project, &alone).await;
    contributor.get(&project).await.problem(404, "not_found");
    assert_eq!(
        ada.get(&format!("{team}/projects")).await.expect(200)["data"],
        json!([])
    );
    grant(ada, &project, team, "write").await;
    contributor.get(&project).await.expect(200);
    let shared = viewer.get(&format!("{team}/projects")).await.expect(200);
    assert_eq!(shared["data"][0]["id"], id(&project));
    stranger
        .get(&format!("{team}/projects"))
        .await
        .problem(404, "not_found");

    // A removed member loses access at once.
    ada.delete(&format!("{team}/members/{}", contributor.id))
        .await
        .expect(204);
    contributor.get(&project).await.problem(404, "not_found");
    let listed = contributor
        .get(&format!("/generations?project_id={}", id(&project)))
        .await;
    listed.problem(404, "not_found");
    ada.delete(&format!("{project}{team}")).await.expect(204);
    viewer.get(&project).await.problem(404, "not_found");
    ada.delete(&format!("{project}{team}"))
        .await
        .problem(404, "not_found");
    let activity = viewer
        .get(&format!("{team}/activity"))
        .await
        .expect(200)
        .to_string();
    assert!(activity.contains("project_shared") && activity.contains("project_unshared"));
}

/// Checks that a project's flags have their defaults, and that only its owner reads and sets them.
async fn flags_are_the_owners(cast: &Cast<'_>, project: &str) {
    let privacy = format!("{project}/privacy");
    let default = cast.ada.get(&privacy).await.expect(200);
    assert_eq!(
        default,
        json!({"object": "privacy", "hide_from_other_teams": false, "restrict_to_specific_teams": false,
               "allow_generation_attribution": true, "allow_generation_improvements": true})
    );
    let refused = cast.contributor.get(&privacy).await;
    refused.problem(403, "forbidden");
    let hidden = cast.stranger.get(&privacy).await;
    hidden.problem(404, "not_found");
    put(&cast.contributor, &privacy, &json!({}))
        .await
        .problem(403, "forbidden");
    let wrong = put(&cast.ada, &privacy, &json!({"allow": true})).await;
    wrong.problem(422, "validation_failed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_projects_flags_say_whether_others_learn_its_authors_and_improve_what_they_made() {
    let cloud = Cloud::start().await;
    let cast = Cast::new(&cloud).await;
    let Cast {
        ada,
        admin,
        editor,
        contributor,
        stranger,
        ..
    } = &cast;
    let project = share(ada, &cast.team, "write").await;
    flags_are_the_owners(&cast, &project).await;
    let order = json!({"prompt": "a fox", "project_id": id(&project)});
    let made = editor.post("/generations/flux-dev", &order).await;
    let made = made.expect(202)["id"].as_str().unwrap().to_owned();
    editor.when(&made, "succeeded").await;
    let author = async |person: &Person<'_>| {
        let seen = person.get(&format!("/generations/{made}")).await;
        seen.expect(200)["author_id"].clone()
    };
    let child =
        json!({"prompt": "a better fox", "parent_generation_id": made, "intent": "improve"});
    let improve = async |person: &Person<'_>| person.post("/generations/flux-dev", &child).await;
    assert_eq!(author(contributor).await, editor.id);
    improve(contributor).await.expect(202);

    let closed =
        json!({"allow_generation_attribution": false, "allow_generation_improvements": false});
    flags(ada, &project, &closed).await;
    for person in [contributor, admin] {
        assert_eq!(author(person).await, Value::Null);
        improve(person).await.problem(403, "forbidden");
    }
    let list = format!("/generations?project_id={}", id(&project));
    let listed = contributor.get(&list).await.expect(200);
    assert_eq!(listed["data"][0]["author_id"], Value::Null);
    for person in [ada, editor] {
        assert_eq!(author(person).await, editor.id);
    }
    improve(editor).await.expect(202);
    improve(stranger).await.problem(404, "not_found");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_team_sees_its_own_grant_and_others_unless_the_project_hides_them() {
    let cloud = Cloud::start().await;
    let cast = Cast::new(&cloud).await;
    let Cast {
        team,
        ada,
        contributor,
        stranger,
        ..
    } = &cast;
    let project = share(ada, team, "write").await;
    let owls = found(ada, &json!({"name": "Owls"})).await;
    grant(ada, &project, &owls, "read").await;
    let teams = format!("{project}/teams");
    let count = async |person: &Person<'_>| {
        let grants = person.get(&teams).await.expect(200);
        grants["data"].as_array().unwrap().len()
    };
    assert_eq!((count(ada).await, count(contributor).await), (2, 2));
    flags(ada, &project, &json!({"hide_from_other_teams": true})).await;
    assert_eq!((count(ada).await, count(contributor).await), (2, 1));
    let shown = contributor.get(&teams).await.expect(200);
    assert_eq!(shown["data"][0]["team_id"], id(team));
    let public = json!({"visibility": "public"});
    ada.patch(&project, &public).await.expect(200);
    assert_eq!(count(stranger).await, 0);
}

/// Makes a project that is not shared yet; its path.
async fn unshared(owner: &Person<'_>, visibility: &str) -> String {
    let body = json!({"name": "mine", "visibility": visibility});
    format!("/projects/{}", make(owner, &body).await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_project_is_shared_by_its_owner_alone_with_teams_that_they_manage() {
    let cloud = Cloud::start().await;
    let cast = Cast::new(&cloud).await;
    let Cast {
        team,
        ada,
        admin,
        editor,
        stranger,
        ..
    } = &cast;
    let level = json!({"access_level": "read"});
    let project = unshared(admin, "private").await;
    let in_team = format!("{project}{team}");
    let refused = put(admin, &in_team, &level).await;
    refused.problem(409, "conflict");
    let opened = json!({"visibility": "team-only"});
    admin.patch(&project, &opened).await.expect(200);
    for person in [ada, editor, stranger] {
        let hidden = put(person, &in_team, &level).await;
        hidden.problem(404, "not_found");
    }
    for body in [
        json!({}),
        json!({"access_level": "own"}),
        json!({"access_level": null}),
    ] {
        let refused = put(admin, &in_team, &body).await;
        let fields = refused.problem(422, "validation_failed");
        assert_eq!(fields, BTreeSet::from(["access_level".to_owned()]));
    }
    let of_editor = unshared(editor, "team-only").await;
    let refused = put(editor, &format!("{of_editor}{team}"), &level).await;
    refused.problem(403, "forbidden");
    let others = found(stranger, &json!({"name": "Owls"})).await;
    let refused = put(admin, &format!("{project}{others}"), &level).await;
    refused.problem(404, "not_found");

    grant(admin, &project, team, "read").await;
    grant(admin, &project, team, "admin").await;
    let name = json!({"name": "Edited"});
    editor.patch(&project, &name).await.expect(200);
    let refused = put(editor, &in_team, &level).await;
    refused.problem(403, "forbidden");
    let refused = editor.delete(&in_team).await;
    refused.problem(403, "forbidden");
    let listed = ada.get(&format!("{team}/projects")).await.expect(200);
    assert_eq!(listed["data"][0]["name"], "Edited");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_teams_list_shows_what_is_shared_with_it_for_as_long_as_that_is_there() {
    let cloud = Cloud::start().await;
    let cast = Cast::new(&cloud).await;
    let Cast {
        team,
        ada,
        admin,
        editor,
        ..
    } = &cast;
    let list = format!("{team}/projects");
    let listed = async || ada.get(&list).await.expect(200)["data"].clone();
    let first = share(admin, team, "admin").await;
    assert_eq!(listed().await[0]["id"], id(&first));
    admin.delete(&first).await.expect(204);
    assert_eq!(listed().await, json!([]));
    let second = share(admin, team, "read").await;
    let private = json!({"visibility": "private"});
    admin.patch(&second, &private).await.expect(200);
    assert_eq!(listed().await, json!([]));
    let mut shared = Vec::new();
    for _ in 0..3 {
        shared.insert(0, id(&share(ada, team, "read").await).to_owned());
    }
    assert_eq!(all(ada, &list, 1).await, shared);
    // A deleted team gives nobody access.
    let third = share(ada, team, "write").await;
    ada.delete(team).await.expect(204);
    editor.get(&third).await.problem(404, "not_found");
    let run = cloud.act("schedules/jobs-purge/run", &json!({})).await;
    assert_eq!(run["status"], "succeeded", "{run}");
    ada.get(&third).await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_generation_is_moved_by_who_may_change_it_into_what_they_may_file_in() {
    let cloud = Cloud::start().await;
    let cast = Cast::new(&cloud).await;
    let Cast {
        team,
        ada,
        contributor,
        viewer,
        stranger,
        ..
    } = &cast;
    ada.post(&format!("{team}/credits/transfer"), &json!({"amount": 100}))
        .await
        .expect(201);
    let made = contributor.generate_for(team, "flux-dev", "a fox").await;
    contributor.when(&made, "succeeded").await;
    let path = format!("/generations/{made}/move");
    let (shared, closed) = (
        share(ada, team, "write").await,
        share(ada, team, "read").await,
    );
    let to = |project: &str| json!({"project_id": id(project)});

    let moved = contributor.post(&path, &to(&shared)).await.expect(200);
    assert_eq!(
        (&moved["project_id"], &moved["team_id"]),
        (&json!(id(&shared)), &json!(id(team)))
    );
    let list = format!("/generations?project_id={}", id(&shared));
    assert_eq!(viewer.get(&list).await.expect(200)["data"][0]["id"], made);
    assert_eq!(
        ada.team_books(id(team)).await.balance(),
        (75, 0),
        "moved, and not made again"
    );
    let of_team = format!("{list}&team_id={}", id(team));
    assert_eq!(
        viewer.get(&of_team).await.expect(200)["data"]
            .as_array()
            .unwrap()
            .len(),
        1
    );

    let refused = contributor.post(&path, &to(&closed)).await;
    assert!(refused.problem(404, "not_found").contains("project_id"));
    viewer
        .post(&path, &to(&shared))
        .await
        .problem(403, "forbidden");
    stranger
        .post(&path, &to(&shared))
        .await
        .problem(404, "not_found");
    contributor
        .post(&path, &json!({}))
        .await
        .problem(422, "validation_failed");
    contributor
        .post(&path, &json!({"project_id": "x"}))
        .await
        .problem(404, "not_found");
    let out = contributor
        .post(&path, &json!({"project_id": null}))
        .await
        .expect(200);
    assert_eq!(out["project_id"], Value::Null);
    assert_eq!(viewer.get(&list).await.expect(200)["data"], json!([]));
}

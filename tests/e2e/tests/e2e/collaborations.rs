//! Sharing a generation with a team: who may, what its members then see and do, and how it ends.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Cloud, Person, eventually, send, token_in, with};
use crate::pages::all;
use crate::projects::make;
use crate::teams::{Cast, INVITED, NO_TEAM, found, join};

fn id(path: &str) -> &str {
    path.rsplit('/').next().unwrap()
}

/// Makes a generation of `person`'s own; its path.
async fn fox(person: &Person<'_>) -> String {
    let id = person.generate("flux-dev", "a fox [[delay:1ms]]").await;
    person.when(&id, "succeeded").await;
    format!("/generations/{id}")
}

/// Takes somebody into a team, by their invitation number `count`.
async fn join_as(owner: &Person<'_>, team: &str, member: &Person<'_>, role: &str, count: usize) {
    let body = json!({"email": member.email, "role": role});
    owner
        .post(&format!("{team}/invitations"), &body)
        .await
        .expect(201);
    let letters = owner.cloud.letters(&member.email, INVITED, count).await;
    let token = json!({"token": token_in(&letters[count - 1])});
    member.post("/invitations/accept", &token).await.expect(200);
}

fn sharing(team: &str) -> Value {
    json!({"team_id": id(team), "type": "improve", "change_description": "Warmer light"})
}

async fn share(person: &Person<'_>, generation: &str, team: &str) -> Value {
    let path = format!("{generation}/collaborations");
    person.post(&path, &sharing(team)).await.expect(201)
}

/// The statuses for everybody of a cast, in the order of API.md's matrix, the stranger last.
async fn statuses(cast: &Cast<'_>, method: Method, path: &str, body: &Value) -> Vec<u16> {
    let mut statuses = Vec::new();
    for person in cast.everybody() {
        let request = person.request(method.clone(), path);
        statuses.push(send(with(request, body)).await.status);
    }
    statuses
}

/// The number of generations that name a team with which they are shared.
async fn naming_a_team(cloud: &Cloud) -> usize {
    let items = cloud.every_item().await.into_iter();
    let names = |(_, item): &(String, HashMap<String, AttributeValue>)| {
        let shares = item.get("shares").and_then(|shares| shares.as_m().ok());
        shares.is_some_and(|shares| !shares.is_empty())
    };
    items.filter(names).count()
}

/// The number of stored items about generations that are shared with teams.
async fn kept(cloud: &Cloud) -> usize {
    let items = cloud.every_item().await;
    let sort = |item: &HashMap<String, AttributeValue>| {
        let sort = item.get("item").and_then(|sort| sort.as_s().ok());
        sort.is_some_and(|sort| sort.starts_with("generation#"))
    };
    items.iter().filter(|(_, item)| sort(item)).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_team_looks_at_what_is_shared_with_it_and_makes_others_of_it_and_no_more() {
    let cloud = Cloud::start().await;
    let cast = Cast::new(&cloud).await;
    let (team, owner) = (&cast.team, &cast.contributor);
    let path = fox(owner).await;
    let project = make(owner, &json!({"name": "hers alone"})).await;
    let (away, filed) = (format!("{path}/move"), json!({"project_id": project}));
    owner.post(&away, &filed).await.expect(200);
    let none = &Value::Null;
    let before = statuses(&cast, Method::GET, &path, none).await;
    assert_eq!(before, [404, 404, 404, 200, 404, 404]);
    let shared = share(owner, &path, team).await;
    let told = json!({
        "object": "collaboration", "generation_id": id(&path), "team_id": id(team), "contributor_id": owner.id,
        "type": "improve", "change_description": "Warmer light", "attribution_visible": true,
        "created_at": shared["created_at"],
    });
    assert_eq!(shared, told);

    let child = json!({"prompt": "warmer", "parent_generation_id": id(&path), "intent": "improve"});
    let title = json!({"title": "theirs"});
    let list = format!("/generations?shared_with_team_id={}", id(team));
    let (collaborations, media) = (format!("{path}/collaborations"), format!("{path}/media"));
    let favorite = format!("{path}/favorite");
    let sees = [200, 200, 200, 200, 200, 404];
    let own = [403, 403, 403, 200, 403, 404];
    for (method, path, body, expected) in [
        (Method::GET, path.as_str(), none, sees),
        (Method::GET, &list, none, sees),
        (Method::GET, &collaborations, none, sees),
        (Method::GET, &media, none, [200, 200, 200, 200, 403, 404]),
        (
            Method::POST,
            "/generations/flux-dev",
            &child,
            [202, 202, 202, 202, 403, 404],
        ),
        (Method::PATCH, &path, &title, own),
        (Method::PUT, &favorite, none, [403, 403, 403, 204, 403, 404]),
        (Method::POST, &away, &json!({"project_id": null}), own),
        (Method::DELETE, &path, none, [403, 403, 403, 204, 404, 404]),
    ] {
        if method == Method::DELETE {
            let shown = cast.viewer.get(path).await.expect(200);
            let url = &shown["outputs"][0]["url"];
            assert_eq!(shown["project_id"], Value::Null);
            assert_eq!((url, &shown["receipt"]), (none, none));
            assert_eq!(
                (&shown["author_id"], &shown["favorite"]),
                (&json!(owner.id), &json!(false))
            );
            let read = cast.viewer.get(&collaborations).await.expect(200);
            assert_eq!(read["data"], json!([told]));
            let listed = cast.editor.get(&list).await.expect(200);
            assert_eq!(listed["data"][0]["id"], told["generation_id"]);
            assert!(listed["data"][0]["outputs"][0]["url"].is_string());
        }
        let answers = statuses(&cast, method.clone(), path, body).await;
        assert_eq!(answers, expected, "{method} {path}");
    }
    assert_eq!(cast.editor.get(&list).await.expect(200)["data"], json!([]));
    assert_eq!(kept(&cloud).await, 0);
    let activity = cast
        .viewer
        .get(&format!("{team}/activity"))
        .await
        .expect(200);
    assert_eq!(activity["data"][0]["act"], "generation_shared");
}

/// A team and its cast; another team, the stranger's, with three of the cast;
/// and a generation that the contributor made for the first.
async fn two_teams(cloud: &Cloud) -> (Cast<'_>, String, String) {
    let cast = Cast::new(cloud).await;
    let Cast {
        team,
        ada,
        editor,
        contributor,
        stranger,
        ..
    } = &cast;
    let owls = found(stranger, &json!({"name": "Owls"})).await;
    for (person, role) in [
        (editor, "contributor"),
        (contributor, "contributor"),
        (ada, "viewer"),
    ] {
        let count = if person.id == ada.id { 1 } else { 2 };
        join_as(stranger, &owls, person, role, count).await;
    }
    let (path, money) = (format!("{team}/credits/transfer"), json!({"amount": 40}));
    ada.post(&path, &money).await.expect(201);
    let order = "ours [[delay:1ms]]";
    let made = contributor.generate_for(id(team), "flux-dev", order).await;
    contributor.when(&made, "succeeded").await;
    (cast, owls, format!("/generations/{made}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_generation_is_shared_by_whoever_may_do_so_on_both_sides() {
    let cloud = Cloud::start().await;
    let (cast, owls, ours) = two_teams(&cloud).await;
    let (team, viewer, stranger) = (&cast.team, &cast.viewer, &cast.stranger);
    let (own, theirs) = (fox(viewer).await, fox(stranger).await);
    for (who, generation, team, status, code) in [
        // One's own generation, into a team where one may not file, or of which one is not a member.
        (viewer, &own, team.as_str(), 403, "forbidden"),
        (stranger, &theirs, team, 404, "not_found"),
        (stranger, &theirs, NO_TEAM, 404, "not_found"),
        // A team's generation, by those who may not share it, or into a team where they may only look.
        (viewer, &ours, &owls, 403, "forbidden"),
        (&cast.ada, &ours, &owls, 403, "forbidden"),
        (&cast.contributor, &ours, team, 409, "conflict"),
        (stranger, &ours, &owls, 404, "not_found"),
    ] {
        let path = format!("{generation}/collaborations");
        let answer = who.post(&path, &sharing(team)).await;
        answer.problem(status, code);
    }
    assert_eq!(kept(&cloud).await, 0);
    share(&cast.editor, &ours, &owls).await;
    let path = format!("{ours}/collaborations");
    let again = cast.contributor.post(&path, &sharing(&owls)).await;
    again.problem(409, "conflict");
    stranger.get(&ours).await.expect(200);
    // Nobody shares on a generation that was only shared with them.
    let third = found(&cast.ada, &json!({"name": "Wolves"})).await;
    share(stranger, &theirs, &owls).await;
    let path = format!("{theirs}/collaborations");
    let further = cast.ada.post(&path, &sharing(&third)).await;
    further.problem(403, "forbidden");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sharing_ends_by_whoever_may_share_or_manages_the_team_and_with_a_place_in_it() {
    let cloud = Cloud::start().await;
    let (cast, owls, ours) = two_teams(&cloud).await;
    let (ada, editor, stranger) = (&cast.ada, &cast.editor, &cast.stranger);
    let end = format!("{ours}/collaborations/{}", id(&owls));
    share(editor, &ours, &owls).await;
    cast.viewer.delete(&end).await.problem(404, "not_found");
    ada.delete(&end).await.expect(204);
    stranger.get(&ours).await.problem(404, "not_found");
    ada.delete(&end).await.problem(404, "not_found");
    share(&cast.contributor, &ours, &owls).await;
    stranger.delete(&end).await.expect(204);
    stranger.delete(&end).await.problem(404, "not_found");
    assert_eq!(kept(&cloud).await, 0);

    let theirs = fox(stranger).await;
    let end = format!("{theirs}/collaborations/{}", id(&owls));
    share(stranger, &theirs, &owls).await;
    editor.delete(&end).await.problem(403, "forbidden");
    cast.viewer.delete(&end).await.problem(404, "not_found");
    // A removed member loses sight of it at once. The generations that they shared themselves stay.
    let own = fox(editor).await;
    share(editor, &own, &owls).await;
    let member = format!("{owls}/members/{}", editor.id);
    stranger.delete(&member).await.expect(204);
    let list = format!("/generations?shared_with_team_id={}", id(&owls));
    editor.get(&theirs).await.problem(404, "not_found");
    editor.get(&list).await.problem(404, "not_found");
    stranger.get(&own).await.expect(200);
    let end = format!("{own}/collaborations/{}", id(&owls));
    editor.delete(&end).await.expect(204);
    stranger.get(&own).await.problem(404, "not_found");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_team_is_told_who_made_and_shared_a_thing_only_if_they_say_so() {
    let cloud = Cloud::start().await;
    let cast = Cast::new(&cloud).await;
    let Cast {
        team,
        admin,
        contributor,
        viewer,
        ..
    } = &cast;
    let path = fox(contributor).await;
    let collaborations = format!("{path}/collaborations");
    let body = json!({"team_id": id(team), "type": "remix", "attribution_visible": false});
    let shared = contributor.post(&collaborations, &body).await.expect(201);
    assert_eq!(shared["contributor_id"], contributor.id);
    let list = format!("/generations?shared_with_team_id={}", id(team));
    for person in [admin, viewer] {
        let seen = person.get(&path).await.expect(200);
        assert_eq!(seen["author_id"], Value::Null);
        let listed = person.get(&list).await.expect(200);
        assert_eq!(
            (&listed["data"][0]["id"], &listed["data"][0]["author_id"]),
            (&seen["id"], &Value::Null)
        );
        let told = person.get(&collaborations).await.expect(200);
        let told = &told["data"][0];
        assert_eq!(
            (&told["type"], &told["contributor_id"]),
            (&json!("remix"), &Value::Null)
        );
    }
    contributor
        .delete(&format!("{collaborations}/{}", id(team)))
        .await
        .expect(204);
    let activity = viewer
        .get(&format!("{team}/activity?limit=100"))
        .await
        .expect(200);
    assert!(!activity.to_string().contains("generation_"), "{activity}");
    let audit = admin.get(&format!("{team}/audit")).await.expect(200);
    let acts: Vec<&Value> = audit["data"]
        .as_array()
        .unwrap()
        .iter()
        .take(2)
        .map(|it| &it["act"])
        .collect();
    assert_eq!(acts, ["generation_unshared", "generation_shared"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_shared_with_a_team_is_listed_in_pages_and_by_filters() {
    let cloud = Cloud::start().await;
    let ada = cloud.verified().await;
    let bob = cloud.verified().await;
    let team = found(&ada, &json!({"name": "Foxes"})).await;
    join(&ada, &team, &bob, "viewer").await;
    let mut paths = Vec::new();
    for _ in 0..5 {
        paths.push(fox(&ada).await);
    }
    for path in paths.iter().rev() {
        share(&ada, path, &team).await;
    }
    paths.reverse();
    let newest: Vec<&str> = paths.iter().map(|path| id(path)).collect();
    let list = format!("/generations?shared_with_team_id={}", id(&team));
    for limit in [1, 2, 5, 100] {
        let rows = all(&bob, &list, limit).await;
        assert_eq!(rows, newest, "{limit}");
    }
    for (filter, count) in [
        ("model=flux-dev", 5),
        ("model=veo3", 0),
        ("kind=image", 5),
        ("kind=video", 0),
        ("status=succeeded", 5),
    ] {
        let rows = all(&bob, &format!("{list}&{filter}"), 3).await;
        assert_eq!(rows.len(), count, "{filter}");
    }
    bob.get(&format!("{list}&favorite=true"))
        .await
        .problem(403, "forbidden");
    bob.get(&format!("{list}&team_id={}", id(&team)))
        .await
        .problem(422, "validation_failed");
    bob.get("/generations?shared_with_team_id=x")
        .await
        .problem(404, "not_found");
    // The list of a deleted team belongs to nobody, and the generations shared with it stay their owners'.
    ada.delete(&team).await.expect(204);
    bob.get(&list).await.problem(404, "not_found");
    bob.get(&paths[0]).await.problem(404, "not_found");
    ada.get(&paths[0]).await.expect(200);
    // The purge forgets the team: it no longer counts among the teams of a generation, whose number is
    // limited.
    assert_eq!((kept(&cloud).await, naming_a_team(&cloud).await), (5, 5));
    eventually("the purge", || async {
        cloud.act("schedules/jobs-purge/run", &Value::Null).await;
        let left = (kept(&cloud).await, naming_a_team(&cloud).await);
        (left == (0, 0)).then_some(())
    })
    .await;
    ada.get(&paths[0]).await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_many_share_at_once_it_is_shared_once_and_nothing_is_left_of_what_is_gone() {
    let cloud = Cloud::start().await;
    let ada = cloud.verified().await;
    let bob = cloud.verified().await;
    let team = found(&ada, &json!({"name": "Foxes"})).await;
    join(&ada, &team, &bob, "editor").await;
    // It can be shared while it is made, too: no worker undoes that.
    let made = bob.generate("flux-dev", "slowly [[delay:300ms]]").await;
    let path = format!("/generations/{made}/collaborations");
    let body = &sharing(&team);
    let answers = join_all((0..10).map(|_| bob.post(&path, body))).await;
    let done = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(done, 1);
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        answer.problem(409, "conflict");
    }
    bob.when(&made, "succeeded").await;
    ada.get(&format!("/generations/{made}")).await.expect(200);
    assert_eq!(kept(&cloud).await, 1);

    // If they are deleted at the same moment, either they were not shared, or nothing is left of the sharing.
    let paths = join_all((0..4).map(|_| fox(&bob))).await;
    let bob = &bob;
    join_all(paths.iter().map(|path| async move {
        let shared = format!("{path}/collaborations");
        let (shared, deleted) = tokio::join!(bob.post(&shared, body), bob.delete(path));
        assert!([201, 404].contains(&shared.status), "{}", shared.status);
        deleted.expect(204);
    }))
    .await;
    assert_eq!(kept(&cloud).await, 1);
    // Nothing is left either of the sharings of somebody who erased their account.
    bob.erase().await.expect(204);
    ada.get(&format!("/generations/{made}"))
        .await
        .problem(404, "not_found");
    assert_eq!(kept(&cloud).await, 0);
}

#[tokio::test]
async fn a_sharing_that_cannot_be_is_refused_by_name() {
    let cloud = Cloud::start().await;
    let ada = cloud.verified().await;
    let team = found(&ada, &json!({"name": "Foxes"})).await;
    let path = fox(&ada).await;
    let collaborations = format!("{path}/collaborations");
    for (change, field) in [
        (json!({"team_id": null}), "team_id"),
        (json!({"type": null}), "type"),
        (json!({"type": "copy"}), "type"),
        (
            json!({"change_description": "x".repeat(1_001)}),
            "change_description",
        ),
        (json!({"attribution_visible": "no"}), "attribution_visible"),
        (json!({"note": "x"}), "note"),
    ] {
        let mut body = sharing(&team);
        body.as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        let named = ada
            .post(&collaborations, &body)
            .await
            .problem(422, "validation_failed");
        assert!(named.contains(field), "{field}: {named:?}");
    }
    ada.post(&collaborations, &json!({"team_id": "x", "type": "fork"}))
        .await
        .problem(404, "not_found");
    assert_eq!(
        ada.get(&collaborations).await.expect(200)["data"],
        json!([])
    );
    assert_eq!(kept(&cloud).await, 0);
}

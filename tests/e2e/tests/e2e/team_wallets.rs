//! A team's wallet: how credits get into it, who spends them under which bound, and their way back to where
//! they came from.

mod at_once;

use futures::future::join_all;
use serde_json::{Value, json};

use crate::api_keys::make;
use crate::harness::{Answer, Cloud, Person, send};
use crate::teams::{Cast, NO_TEAM};

const PICTURE: i64 = 25;

/// Moves some of a person's credits into a team.
pub async fn fund(person: &Person<'_>, team: &str, amount: i64) -> Value {
    let body = json!({"amount": amount});
    person
        .post(&format!("{team}/credits/transfer"), &body)
        .await
        .expect(201)
}

pub async fn cap(owner: &Person<'_>, team: &str, member: &Person<'_>, cap: Option<i64>) {
    let path = format!("{team}/members/{}", member.id);
    owner
        .patch(&path, &json!({"credit_cap": cap}))
        .await
        .expect(200);
}

/// The credits that a member committed this month, as the owner sees them.
pub async fn committed(owner: &Person<'_>, team: &str, member: &Person<'_>) -> i64 {
    let page = owner
        .get(&format!("{team}/members?limit=100"))
        .await
        .expect(200);
    let rows = page["data"].as_array().unwrap();
    let row = rows.iter().find(|row| row["user_id"] == member.id).unwrap();
    row["credits_this_month"].as_i64().unwrap()
}

async fn with_key(person: &Person<'_>, key: &str, path: &str, body: &Value) -> Answer {
    let request = person.cloud.request(reqwest::Method::POST, path);
    send(request.bearer_auth(key).json(body)).await
}

pub fn id(team: &str) -> &str {
    team.trim_start_matches("/teams/")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credits_move_from_a_members_wallet_into_the_teams_once_and_in_both_books() {
    let cloud = Cloud::start().await;
    let cast = Cast::new(&cloud).await;
    let Cast {
        team,
        ada,
        contributor,
        viewer,
        ..
    } = &cast;
    let path = format!("{team}/credits/transfer");
    let body = json!({"amount": 400});
    let sent = join_all((0..20).map(|_| ada.post_once(&path, "key-1", &body))).await;
    let mut sent_again = Vec::new();
    for answer in sent {
        match answer.status {
            201 => sent_again.push(answer.body),
            status => assert!(matches!(status, 409 | 503), "{:?}", answer.body),
        }
    }
    assert!(
        sent_again.windows(2).all(|pair| pair[0] == pair[1]),
        "{sent_again:#?}"
    );
    let entry = ada.post_once(&path, "key-1", &body).await;
    assert_eq!(entry.header("idempotent-replayed"), "true");
    let entry = entry.expect(201);
    assert_eq!(
        (&entry["kind"], &entry["available_after"]),
        (&json!("transfer_out"), &json!(600))
    );
    ada.post_once(&path, "key-1", &json!({"amount": 401}))
        .await
        .problem(422, "idempotency_mismatch");
    ada.post(&path, &json!({"amount": 601}))
        .await
        .problem(402, "out_of_credits");
    fund(contributor, team, 1_000).await;

    assert_eq!(ada.books().await.balance(), (600, 0));
    assert_eq!(contributor.books().await.balance(), (0, 0));
    let books = ada.team_books(id(team)).await;
    assert_eq!(books.balance(), (1_400, 0));
    assert_eq!(
        books.lines(),
        [("transfer_in", 400, 0), ("transfer_in", 1_000, 0)]
    );
    assert_eq!(books.entries[0]["actor"], ada.id);
    assert_eq!(books.entries[1]["actor"], contributor.id);
    viewer.post(&path, &body).await.problem(403, "forbidden");
    cast.stranger
        .post(&path, &body)
        .await
        .problem(404, "not_found");
    assert_eq!(viewer.books().await.balance(), (1_000, 0));

    a_keys_cap_binds_what_goes_out_with_it(&cast).await;
    let run = cloud.reconcile(&json!({"from": "beginning"})).await;
    assert_eq!(run["broken_count"], 0, "{run}");
}

/// The viewer becomes an editor, and gives the team credits with a key of theirs.
async fn a_keys_cap_binds_what_goes_out_with_it(cast: &Cast<'_>) {
    let Cast {
        team, ada, viewer, ..
    } = cast;
    let path = format!("{team}/credits/transfer");
    let (_, key) = make(viewer, &json!({"credit_cap": 30})).await;
    cap(ada, team, viewer, None).await;
    let member = format!("{team}/members/{}", viewer.id);
    let role = json!({"role": "editor"});
    ada.patch(&member, &role).await.expect(200);
    let give = async |amount: i64| with_key(viewer, &key, &path, &json!({"amount": amount})).await;
    give(31).await.problem(402, "key_cap_reached");
    give(30).await.expect(201);
    give(1).await.problem(402, "key_cap_reached");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_team_pays_for_its_members_jobs_and_what_they_make_is_the_teams() {
    let cloud = Cloud::start().await;
    let cast = Cast::new(&cloud).await;
    let Cast {
        team,
        ada,
        editor,
        contributor,
        ..
    } = &cast;
    fund(ada, team, 200).await;
    let made = contributor
        .generate_for(team, "flux-dev", "a fox of the team")
        .await;
    let seen = contributor.when(&made, "succeeded").await;
    assert_eq!(
        (&seen["team_id"], &seen["author_id"]),
        (&json!(id(team)), &json!(contributor.id))
    );
    assert_eq!(seen["receipt"]["captured"], PICTURE);
    let failed = editor
        .generate_for(team, "flux-dev", "a fox [[fail]]")
        .await;
    editor.when(&failed, "failed").await;

    the_team_alone_pays_for_what_succeeded(&cast).await;
    let made = format!("/generations/{made}");
    members_see_what_their_roles_allow(&cast, &made).await;
    let failed = format!("/generations/{failed}");
    makers_and_editors_alone_change_it(&cast, &made, &failed).await;
    it_stays_the_teams_when_its_maker_leaves(&cast, &made).await;
}

/// The contributor made a picture, and the editor's failed.
async fn the_team_alone_pays_for_what_succeeded(cast: &Cast<'_>) {
    let Cast {
        team,
        ada,
        editor,
        contributor,
        ..
    } = cast;
    let books = ada.team_books(id(team)).await;
    assert_eq!(books.balance(), (200 - PICTURE, 0));
    let holds = books.entries.iter().filter(|it| it["kind"] == "hold");
    let mut actors: Vec<&Value> = holds.map(|it| &it["actor"]).collect();
    actors.sort_by_key(|actor| actor.to_string());
    let mut spenders = [json!(contributor.id), json!(editor.id)];
    spenders.sort_by_key(Value::to_string);
    assert_eq!(actors, [&spenders[0], &spenders[1]]);
    for person in [contributor, editor] {
        let own = person.books().await;
        assert_eq!(own.balance(), (1_000, 0), "their own is untouched");
        let listed = person.get("/generations").await.expect(200);
        assert_eq!(listed["data"], json!([]));
    }
    assert_eq!(committed(ada, team, contributor).await, PICTURE);
    let of_editor = committed(ada, team, editor).await;
    assert_eq!(of_editor, 0, "what failed was given back");
}

async fn members_see_what_their_roles_allow(cast: &Cast<'_>, made: &str) {
    let Cast {
        viewer, stranger, ..
    } = cast;
    let list = format!("/generations?team_id={}", id(&cast.team));
    let media = format!("{made}/media");
    for person in [&cast.ada, &cast.editor, &cast.contributor] {
        let shown = person.get(made).await.expect(200);
        assert!(shown["outputs"][0]["url"].is_string() && shown["receipt"].is_object());
        let listed = person.get(&list).await.expect(200);
        assert_eq!(listed["data"].as_array().unwrap().len(), 2);
        assert!(listed["data"][1]["receipt"].is_object(), "{listed}");
        person.get(&media).await.expect(200);
    }
    let shown = viewer.get(made).await.expect(200);
    assert_eq!(
        (&shown["outputs"][0]["url"], &shown["receipt"]),
        (&Value::Null, &Value::Null)
    );
    let listed = viewer.get(&list).await.expect(200);
    assert_eq!(listed["data"][1]["outputs"][0]["url"], Value::Null);
    viewer.get(&media).await.problem(403, "forbidden");
    for path in [made, &list, "/generations?team_id=x"] {
        stranger.get(path).await.problem(404, "not_found");
    }
}

/// The contributor made one, and the editor the other.
async fn makers_and_editors_alone_change_it(cast: &Cast<'_>, made: &str, of_editor: &str) {
    let Cast {
        editor,
        contributor,
        viewer,
        stranger,
        ..
    } = cast;
    let title = json!({"title": "The fox"});
    let refused = contributor.patch(of_editor, &title).await;
    refused.problem(403, "forbidden");
    viewer.patch(made, &title).await.problem(403, "forbidden");
    stranger.patch(made, &title).await.problem(404, "not_found");
    contributor.patch(made, &title).await.expect(200);
    editor.patch(made, &title).await.expect(200);
    let refused = contributor.delete(of_editor).await;
    refused.problem(403, "forbidden");
    viewer.delete(made).await.problem(403, "forbidden");
}

async fn it_stays_the_teams_when_its_maker_leaves(cast: &Cast<'_>, made: &str) {
    let Cast {
        team,
        ada,
        editor,
        contributor,
        ..
    } = cast;
    let leave = format!("{team}/leave");
    contributor.post(&leave, &Value::Null).await.expect(204);
    let list = format!("/generations?team_id={}", id(team));
    for path in [made, &list] {
        contributor.get(path).await.problem(404, "not_found");
    }
    let refused = contributor.ask_for(team, "flux-dev", "one more").await;
    let fields = refused.problem(404, "not_found");
    assert!(fields.contains("team_id"), "{fields:?}");
    let stats = ada.get(&format!("{team}/stats")).await.expect(200);
    assert_eq!(stats["counted"], 2, "{stats}");
    editor.delete(made).await.expect(204);
    ada.get(made).await.problem(404, "not_found");
}

/// Checks that the viewer is refused an order and a quote for the team, and that to the stranger there is no
/// such team.
async fn only_spenders_order_for_the_team(cast: &Cast<'_>) {
    let Cast {
        team,
        contributor,
        viewer,
        stranger,
        ..
    } = cast;
    let refused = viewer.ask_for(team, "flux-dev", "a fox").await;
    refused.problem(403, "forbidden");
    let hidden = stranger.ask_for(team, "flux-dev", "a fox").await;
    let nowhere = format!("/teams/{NO_TEAM}");
    let missing = stranger.ask_for(&nowhere, "flux-dev", "a fox").await;
    for answer in [&hidden, &missing] {
        assert!(answer.problem(404, "not_found").contains("team_id"));
        assert_eq!(answer.body["detail"], hidden.body["detail"]);
    }
    let quote = json!({"model": "flux-dev", "prompt": "a fox", "team_id": id(team)});
    contributor.post("/quotes", &quote).await.expect(201);
    let refused = viewer.post("/quotes", &quote).await;
    refused.problem(403, "forbidden");
    let refused = stranger.post("/quotes", &quote).await;
    refused.problem(404, "not_found");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_narrowest_bound_is_named_and_a_refused_job_leaves_no_trace() {
    let cloud = Cloud::start().await;
    let cast = Cast::new(&cloud).await;
    let Cast {
        team,
        ada,
        contributor,
        ..
    } = &cast;
    only_spenders_order_for_the_team(&cast).await;
    let ask = async |person: &Person<'_>| person.ask_for(team, "flux-dev", "a fox").await;
    ask(contributor).await.problem(402, "out_of_credits");
    fund(ada, team, 60).await;
    cap(ada, team, contributor, Some(24)).await;
    let refused = ask(contributor).await;
    refused.problem(402, "member_cap_reached");
    assert!(refused.text("detail").contains("24"), "{:?}", refused.body);
    cap(ada, team, contributor, Some(100)).await;
    let (_, key) = make(contributor, &json!({"credit_cap": 30})).await;
    let body = json!({"prompt": "a fox", "team_id": id(team)});
    let first = with_key(contributor, &key, "/generations/flux-dev", &body)
        .await
        .expect(202);
    contributor
        .when(first["id"].as_str().unwrap(), "succeeded")
        .await;
    let refused = with_key(contributor, &key, "/generations/flux-dev", &body).await;
    refused.problem(402, "key_cap_reached");

    // There are 35 in the wallet, 10 of the member's cap, and 5 of the key's: the key's is named, and without
    // the key the member's.
    cap(ada, team, contributor, Some(35)).await;
    let refused = with_key(contributor, &key, "/generations/flux-dev", &body).await;
    refused.problem(402, "key_cap_reached");
    ask(contributor).await.problem(402, "member_cap_reached");
    // There are 10 in the wallet, and 10 of the cap.
    ask(ada).await.expect(202);
    ask(contributor).await.problem(402, "out_of_credits");
    // Zero is a cap. Only null is none.
    cap(ada, team, contributor, Some(0)).await;
    fund(ada, team, 100).await;
    ask(contributor).await.problem(402, "member_cap_reached");
    cap(ada, team, contributor, None).await;
    let second = ask(contributor).await.expect(202);
    contributor
        .when(second["id"].as_str().unwrap(), "succeeded")
        .await;
    assert_eq!(committed(ada, team, contributor).await, 2 * PICTURE);
    assert_eq!(contributor.books().await.balance(), (1_000, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cap_binds_what_was_spent_before_it_and_comes_back_with_the_month() {
    let cloud = Cloud::start().await;
    let cast = Cast::new(&cloud).await;
    let Cast {
        team,
        ada,
        contributor,
        ..
    } = &cast;
    fund(ada, team, 300).await;
    let early = contributor
        .generate_for(team, "flux-dev", "before the cap")
        .await;
    contributor.when(&early, "succeeded").await;
    cap(ada, team, contributor, Some(40)).await;
    let ask = async || contributor.ask_for(team, "flux-dev", "a fox").await;
    ask().await.problem(402, "member_cap_reached");
    // Leaving and coming back gives no new allowance.
    contributor
        .post(&format!("{team}/leave"), &Value::Null)
        .await
        .expect(204);
    let token = {
        let body = json!({"email": contributor.email, "role": "contributor"});
        ada.post(&format!("{team}/invitations"), &body)
            .await
            .expect(201);
        let letters = cloud
            .letters(&contributor.email, crate::teams::INVITED, 2)
            .await;
        crate::harness::token_in(&letters[1])
    };
    contributor
        .post("/invitations/accept", &json!({"token": token}))
        .await
        .expect(200);
    assert_eq!(committed(ada, team, contributor).await, PICTURE);
    cap(ada, team, contributor, Some(40)).await;
    ask().await.problem(402, "member_cap_reached");

    cloud.end_month().await;
    assert_eq!(committed(ada, team, contributor).await, 0);
    let late = ask().await.expect(202);
    contributor
        .when(late["id"].as_str().unwrap(), "succeeded")
        .await;
    ask().await.problem(402, "member_cap_reached");
    assert_eq!(ada.team_books(id(team)).await.balance(), (250, 0));
}

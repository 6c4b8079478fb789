//! A team's wallet: how credits get into it, who spends them under which bound, and that they
//! come back to where they came from.

use futures::future::join_all;
use serde_json::{Value, json};

use crate::api_keys::make;
use crate::harness::{Answer, Cloud, Person, send};
use crate::teams::{Cast, NO_TEAM};

const PICTURE: i64 = 25;

/// Moves so many of a person's credits into a team.
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

/// What a member committed to this month, as the owner sees it.
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

    // A key's cap binds what goes out with it, too.
    let (_, key) = make(viewer, &json!({"credit_cap": 30})).await;
    cap(ada, team, viewer, None).await;
    let path_of_viewer = format!("{team}/members/{}", viewer.id);
    ada.patch(&path_of_viewer, &json!({"role": "editor"}))
        .await
        .expect(200);
    let refused = with_key(viewer, &key, &path, &json!({"amount": 31})).await;
    refused.problem(402, "key_cap_reached");
    with_key(viewer, &key, &path, &json!({"amount": 30}))
        .await
        .expect(201);
    with_key(viewer, &key, &path, &json!({"amount": 1}))
        .await
        .problem(402, "key_cap_reached");
    let run = cloud.reconcile(&json!({"from": "beginning"})).await;
    assert_eq!(run["broken_count"], 0, "{run}");
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
        viewer,
        stranger,
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

    let books = ada.team_books(id(team)).await;
    assert_eq!(books.balance(), (200 - PICTURE, 0));
    let mut actors: Vec<&Value> = books
        .entries
        .iter()
        .filter(|it| it["kind"] == "hold")
        .map(|it| &it["actor"])
        .collect();
    actors.sort_by_key(|actor| actor.to_string());
    let mut spenders = [json!(contributor.id), json!(editor.id)];
    spenders.sort_by_key(Value::to_string);
    assert_eq!(actors, [&spenders[0], &spenders[1]]);
    for person in [contributor, editor] {
        assert_eq!(
            person.books().await.balance(),
            (1_000, 0),
            "their own is untouched"
        );
        assert_eq!(
            person.get("/generations").await.expect(200)["data"],
            json!([])
        );
    }
    assert_eq!(committed(ada, team, contributor).await, PICTURE);
    assert_eq!(
        committed(ada, team, editor).await,
        0,
        "what failed was given back"
    );

    // Who sees it, and what of it.
    let path = format!("/generations/{made}");
    let list = format!("/generations?team_id={}", id(team));
    for person in [ada, editor, contributor] {
        let shown = person.get(&path).await.expect(200);
        assert!(shown["outputs"][0]["url"].is_string() && shown["receipt"].is_object());
        let listed = person.get(&list).await.expect(200);
        assert_eq!(listed["data"].as_array().unwrap().len(), 2);
        assert!(listed["data"][1]["receipt"].is_object(), "{listed}");
        person.get(&format!("{path}/media")).await.expect(200);
    }
    let shown = viewer.get(&path).await.expect(200);
    assert_eq!(
        (&shown["outputs"][0]["url"], &shown["receipt"]),
        (&Value::Null, &Value::Null)
    );
    let listed = viewer.get(&list).await.expect(200);
    assert_eq!(listed["data"][1]["outputs"][0]["url"], Value::Null);
    viewer
        .get(&format!("{path}/media"))
        .await
        .problem(403, "forbidden");
    stranger.get(&path).await.problem(404, "not_found");
    stranger.get(&list).await.problem(404, "not_found");
    stranger
        .get("/generations?team_id=x")
        .await
        .problem(404, "not_found");

    // Who changes it: its maker and who edits, and nobody else.
    let title = json!({"title": "The fox"});
    let of_editor = format!("/generations/{failed}");
    contributor
        .patch(&of_editor, &title)
        .await
        .problem(403, "forbidden");
    viewer.patch(&path, &title).await.problem(403, "forbidden");
    stranger
        .patch(&path, &title)
        .await
        .problem(404, "not_found");
    contributor.patch(&path, &title).await.expect(200);
    editor.patch(&path, &title).await.expect(200);
    contributor
        .delete(&of_editor)
        .await
        .problem(403, "forbidden");
    viewer.delete(&path).await.problem(403, "forbidden");

    // Who leaves sees it no more, although they made it; it stays the team's.
    contributor
        .post(&format!("{team}/leave"), &Value::Null)
        .await
        .expect(204);
    contributor.get(&path).await.problem(404, "not_found");
    contributor.get(&list).await.problem(404, "not_found");
    let refused = contributor.ask_for(team, "flux-dev", "one more").await;
    let fields = refused.problem(404, "not_found");
    assert!(fields.contains("team_id"), "{fields:?}");
    let stats = ada.get(&format!("{team}/stats")).await.expect(200);
    assert_eq!(stats["counted"], 2, "{stats}");
    editor.delete(&path).await.expect(204);
    ada.get(&path).await.problem(404, "not_found");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_narrowest_bound_is_named_and_a_refused_job_leaves_no_trace() {
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
    let ask = async |person: &Person<'_>| person.ask_for(team, "flux-dev", "a fox").await;
    viewer
        .ask_for(team, "flux-dev", "a fox")
        .await
        .problem(403, "forbidden");
    let hidden = ask(stranger).await;
    let missing = stranger
        .ask_for(&format!("/teams/{NO_TEAM}"), "flux-dev", "a fox")
        .await;
    for answer in [&hidden, &missing] {
        assert!(answer.problem(404, "not_found").contains("team_id"));
        assert_eq!(answer.body["detail"], hidden.body["detail"]);
    }
    let quote = json!({"model": "flux-dev", "prompt": "a fox", "team_id": id(team)});
    contributor.post("/quotes", &quote).await.expect(201);
    viewer
        .post("/quotes", &quote)
        .await
        .problem(403, "forbidden");
    stranger
        .post("/quotes", &quote)
        .await
        .problem(404, "not_found");

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

    // 35 in the wallet, 10 of the member's cap, 5 of the key's: the key's. Without the key: the member's.
    cap(ada, team, contributor, Some(35)).await;
    let refused = with_key(contributor, &key, "/generations/flux-dev", &body).await;
    refused.problem(402, "key_cap_reached");
    ask(contributor).await.problem(402, "member_cap_reached");
    // 10 in the wallet, 10 of the cap.
    ask(ada).await.expect(202);
    ask(contributor).await.problem(402, "out_of_credits");
    // A cap of nothing is no cap at all only if it is null.
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
    // Leaving and coming back is no way to a new allowance.
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_orders_at_once_by_three_members_stay_within_every_cap_and_the_wallet() {
    let cloud = Cloud::start().await;
    let cast = Cast::new(&cloud).await;
    let Cast {
        team,
        ada,
        admin,
        editor,
        contributor,
        ..
    } = &cast;
    fund(ada, team, 500).await;
    let spenders = [(admin, Some(200)), (editor, Some(130)), (contributor, None)];
    for (member, at_most) in spenders {
        cap(ada, team, member, at_most).await;
    }
    let orders = (0..100).map(|n| spenders[n % 3].0.ask_for(team, "flux-dev", "one of many"));
    let answers = join_all(orders).await;
    let mut taken = [0, 0, 0];
    for (n, answer) in answers.iter().enumerate() {
        match answer.status {
            202 => taken[n % 3] += 1,
            402 => {
                let code = answer.text("code");
                assert!(
                    matches!(code.as_str(), "member_cap_reached" | "out_of_credits"),
                    "{code}"
                );
            }
            503 => {}
            _ => panic!("{:?}", answer.body),
        }
    }
    assert!(taken[0] <= 8 && taken[1] <= 5, "{taken:?}");
    let total: i64 = taken.iter().sum();
    assert!(total <= 20, "{taken:?}");
    for ((member, _), taken) in spenders.into_iter().zip(taken) {
        assert_eq!(committed(ada, team, member).await, taken * PICTURE);
    }
    for answer in answers.iter().filter(|answer| answer.status == 202) {
        ada.when(&answer.text("id"), "succeeded").await;
    }
    assert_eq!(
        ada.team_books(id(team)).await.balance(),
        (500 - total * PICTURE, 0)
    );
    let run = cloud.reconcile(&json!({"from": "beginning"})).await;
    assert_eq!(run["broken_count"], 0, "{run}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_against_removal_deletion_and_funding_end_in_one_of_the_two_orders() {
    let cloud = Cloud::start().await;
    let cast = Cast::new(&cloud).await;
    let Cast {
        team,
        ada,
        editor,
        contributor,
        ..
    } = &cast;
    fund(ada, team, 100).await;
    let path = format!("{team}/members/{}", contributor.id);
    let (order, removed) = tokio::join!(
        contributor.ask_for(team, "flux-dev", "a last fox"),
        ada.delete(&path)
    );
    assert_eq!(removed.status, 204, "{:?}", removed.body);
    assert!(matches!(order.status, 202 | 404), "{:?}", order.body);
    contributor
        .ask_for(team, "flux-dev", "too late")
        .await
        .problem(404, "not_found");
    if order.status == 202 {
        ada.when(&order.text("id"), "succeeded").await;
    }
    let spent = if order.status == 202 { PICTURE } else { 0 };

    let body = json!({"amount": 50});
    let transfer = format!("{team}/credits/transfer");
    let (order, funded) = tokio::join!(
        editor.ask_for(team, "flux-dev", "while it is filled"),
        ada.post(&transfer, &body)
    );
    assert_eq!(
        (order.status, funded.status),
        (202, 201),
        "{:?} {:?}",
        order.body,
        funded.body
    );
    ada.when(&order.text("id"), "succeeded").await;
    let left = 100 - spent + 50 - PICTURE;
    assert_eq!(ada.team_books(id(team)).await.balance(), (left, 0));

    let (order, deleted) = tokio::join!(
        editor.ask_for(team, "flux-dev", "while it ends"),
        ada.delete(team)
    );
    let home = 1_000 - 150;
    match (order.status, deleted.status) {
        (404 | 402, 204) => assert_eq!(ada.books().await.balance(), (home + left, 0)),
        (202, 409) => {
            ada.when(&order.text("id"), "succeeded").await;
            ada.delete(team).await.expect(204);
            assert_eq!(ada.books().await.balance(), (home + left - PICTURE, 0));
        }
        other => panic!("{other:?}: {:?} {:?}", order.body, deleted.body),
    }
    let run = cloud.reconcile(&json!({"from": "beginning"})).await;
    assert_eq!(run["broken_count"], 0, "{run}");
}

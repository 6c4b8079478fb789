//! The members of a team: what each role may do, who gives and takes one, and handing the team over.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::api_keys::make;
use crate::harness::{Answer, Cloud, Person, send};
use crate::teams::{Cast, NO_TEAM, found};

async fn ask(person: &Person<'_>, method: &str, path: &str, body: &Value) -> Answer {
    let request = person.request(method.parse::<Method>().unwrap(), path);
    match body {
        Value::Null => send(request).await,
        body => send(request.json(body)).await,
    }
}

/// API.md's matrix by hand: a row is a request, and what the owner, an admin, an editor, a contributor, a
/// viewer and a stranger are answered. Nothing in it changes who may do what.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_role_is_answered_as_the_contract_says_and_a_stranger_learns_nothing() {
    let cloud = Cloud::start().await;
    let cast = Cast::new(&cloud).await;
    let team = &cast.team;
    let all = [200, 200, 200, 200, 200, 404];
    let spenders = [200, 200, 200, 200, 403, 404];
    let managers = [200, 200, 403, 403, 403, 404];
    let inv = "inv_01ARZ3NDEKTSV4RRFFQ69G5FAV";
    let usr = "usr_01ARZ3NDEKTSV4RRFFQ69G5FAV";
    let none = Value::Null;
    let rows: Vec<(&str, String, Value, [u16; 6])> = vec![
        ("GET", String::new(), none.clone(), all),
        ("GET", "/members".to_owned(), none.clone(), all),
        ("GET", "/activity".to_owned(), none.clone(), all),
        ("GET", "/stats".to_owned(), none.clone(), spenders),
        ("GET", "/credits".to_owned(), none.clone(), spenders),
        (
            "GET",
            "/credits/transactions".to_owned(),
            none.clone(),
            spenders,
        ),
        (
            "GET",
            "/credits/export?month=2026-01".to_owned(),
            none.clone(),
            spenders,
        ),
        ("GET", "/credits/alerts".to_owned(), none.clone(), spenders),
        (
            "PUT",
            "/credits/alerts".to_owned(),
            json!({"balance_below": [5]}),
            managers,
        ),
        ("GET", "/projects".to_owned(), none.clone(), all),
        ("GET", "/audit".to_owned(), none.clone(), managers),
        ("GET", "/invitations".to_owned(), none.clone(), managers),
        (
            "POST",
            "/invitations".to_owned(),
            json!({"email": cast.viewer.email, "role": "editor"}),
            [409, 409, 403, 403, 403, 404],
        ),
        ("PATCH", String::new(), json!({"name": "Snow"}), managers),
        (
            "PATCH",
            format!("/members/{}", cast.viewer.id),
            json!({"credit_cap": 7}),
            managers,
        ),
        // What is not there is told to who may manage it alone.
        (
            "PATCH",
            format!("/members/{usr}"),
            json!({}),
            [404, 404, 403, 403, 403, 404],
        ),
        (
            "DELETE",
            format!("/members/{usr}"),
            none.clone(),
            [404, 404, 403, 403, 403, 404],
        ),
        (
            "DELETE",
            format!("/invitations/{inv}"),
            none.clone(),
            [404, 404, 403, 403, 403, 404],
        ),
        (
            "POST",
            format!("/invitations/{inv}/resend"),
            none.clone(),
            [404, 404, 403, 403, 403, 404],
        ),
        (
            "POST",
            "/credits/transfer".to_owned(),
            json!({"amount": 1}),
            [201, 201, 201, 201, 403, 404],
        ),
        (
            "POST",
            "/transfer-ownership".to_owned(),
            json!({"user_id": usr}),
            [404, 403, 403, 403, 403, 404],
        ),
    ];
    for (method, path, body, expected) in &rows {
        let mut answers = Vec::new();
        for person in cast.everybody() {
            answers.push(
                ask(person, method, &format!("{team}{path}"), body)
                    .await
                    .status,
            );
        }
        assert_eq!(answers, expected, "{method} {path}");
        // To a stranger it is as if there were no such team.
        let path = format!("/teams/{NO_TEAM}{path}");
        let mut missing = ask(&cast.ada, method, &path, body).await;
        let mut hidden = ask(
            &cast.stranger,
            method,
            &path.replace(NO_TEAM, &team[7..]),
            body,
        )
        .await;
        for answer in [&mut missing, &mut hidden] {
            answer.body["request_id"] = json!("");
        }
        assert_eq!((missing.status, missing.body), (hidden.status, hidden.body));
    }
    // No route is left out; these change who is there, and are asked in tests of their own.
    let mut asked = BTreeSet::from(["DELETE ".to_owned(), "POST /leave".to_owned()]);
    for (method, path, ..) in &rows {
        let path = path.split('?').next().unwrap();
        let segments = path.split('/').map(|segment| match segment {
            it if it.starts_with("usr_") => "{user_id}",
            it if it.starts_with("inv_") => "{invitation_id}",
            it => it,
        });
        asked.insert(format!(
            "{method} {}",
            segments.collect::<Vec<_>>().join("/")
        ));
    }
    let document = api::openapi::document("http://localhost/v1");
    let routes = document["paths"].as_object().unwrap().iter();
    let of_a_team =
        routes.filter_map(|(path, it)| Some((path.strip_prefix("/teams/{team_id}")?, it)));
    let described: BTreeSet<String> = of_a_team
        .flat_map(|(path, operations)| {
            let methods = operations.as_object().unwrap().keys();
            methods.map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect();
    assert_eq!(asked, described);
    let not_even_an_id = cast.ada.get("/teams/usr_1").await;
    not_even_an_id.problem(404, "not_found");
    let listed = cast.stranger.get("/teams").await.expect(200);
    assert_eq!(listed["data"], json!([]));
}

#[tokio::test]
async fn a_key_manages_a_team_only_with_the_scope_for_it() {
    let cloud = Cloud::start().await;
    let ada = cloud.verified().await;
    let team = found(&ada, &json!({"name": "Foxes"})).await;
    let name = json!({"name": "Snow"});
    let (_, plain) = make(&ada, &json!({})).await;
    let (_, manages) = make(&ada, &json!({"scopes": ["admin:team"]})).await;
    let with = async |key: &str, method: &str, path: &str, body: &Value| {
        let request = cloud.request(method.parse().unwrap(), path);
        send(request.bearer_auth(key).json(body)).await
    };
    with(&plain, "GET", &team, &Value::Null).await.expect(200);
    with(&plain, "PATCH", &team, &name)
        .await
        .problem(403, "forbidden");
    with(&plain, "POST", "/teams", &name)
        .await
        .problem(403, "forbidden");
    with(&manages, "PATCH", &team, &name).await.expect(200);
    with(&manages, "POST", "/teams", &name).await.expect(201);
    with(&manages, "GET", &team, &Value::Null)
        .await
        .problem(403, "forbidden");
    let order = json!({"prompt": "a fox"});
    let refused = with(&manages, "POST", "/generations/flux-dev", &order).await;
    refused.problem(403, "forbidden");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn roles_are_given_and_taken_by_who_may_and_count_at_once() {
    let cloud = Cloud::start().await;
    let cast = Cast::new(&cloud).await;
    let Cast {
        team,
        ada,
        admin,
        editor,
        contributor,
        viewer,
        ..
    } = &cast;
    let at = |person: &Person<'_>| format!("{team}/members/{}", person.id);
    let to = |role: &str| json!({"role": role});

    // An admin changes no admin and no owner, and removes neither.
    admin
        .patch(&at(admin), &to("editor"))
        .await
        .problem(403, "forbidden");
    admin
        .patch(&at(ada), &to("viewer"))
        .await
        .problem(409, "conflict");
    ada.patch(&at(ada), &to("viewer"))
        .await
        .problem(409, "conflict");
    admin.delete(&at(ada)).await.problem(409, "conflict");
    admin.delete(&at(admin)).await.problem(409, "conflict");
    ada.delete(&at(ada)).await.problem(409, "conflict");
    editor
        .patch(&at(viewer), &to("editor"))
        .await
        .problem(403, "forbidden");

    let changed = admin.patch(&at(viewer), &to("editor")).await.expect(200);
    assert_eq!(
        (&changed["role"], &changed["email"]),
        (&json!("editor"), &json!(viewer.email))
    );
    viewer.get(&format!("{team}/credits")).await.expect(200);
    let again = admin.patch(&at(viewer), &to("editor")).await.expect(200);
    assert_eq!(again, changed);
    ada.patch(&at(admin), &to("viewer")).await.expect(200);
    admin
        .patch(&at(viewer), &to("viewer"))
        .await
        .problem(403, "forbidden");
    admin
        .get(&format!("{team}/audit"))
        .await
        .problem(403, "forbidden");

    // Members see each other; who may not spend sees no money, and addresses are for who manages.
    let members = contributor
        .get(&format!("{team}/members"))
        .await
        .expect(200);
    let members = members["data"].as_array().unwrap();
    assert_eq!(members.len(), 5);
    assert!(
        members
            .iter()
            .all(|it| it["email"].is_null() && it["credits_this_month"] == 0)
    );
    let members = admin
        .get(&format!("{team}/members?limit=2"))
        .await
        .expect(200);
    assert!(
        members["data"]
            .as_array()
            .unwrap()
            .iter()
            .all(|it| it["credits_this_month"].is_null())
    );
    assert!(members["next_cursor"].is_string());

    ada.delete(&at(contributor)).await.expect(204);
    contributor.get(team).await.problem(404, "not_found");
    ada.delete(&at(contributor)).await.problem(404, "not_found");
    editor
        .post(&format!("{team}/leave"), &Value::Null)
        .await
        .expect(204);
    editor.get(team).await.problem(404, "not_found");
    editor
        .post(&format!("{team}/leave"), &Value::Null)
        .await
        .problem(404, "not_found");
    assert_eq!(editor.get("/teams").await.expect(200)["data"], json!([]));
    assert_eq!(ada.get(team).await.expect(200)["member_count"], 3);

    let acts = |log: Value| -> Vec<String> {
        let records = log["data"].as_array().unwrap().iter();
        records
            .map(|it| it["act"].as_str().unwrap().to_owned())
            .collect()
    };
    let audit = ada
        .get(&format!("{team}/audit?limit=100"))
        .await
        .expect(200);
    let newest = audit["data"][0].clone();
    assert_eq!(
        (&newest["act"], &newest["actor"]),
        (&json!("member_left"), &json!(editor.id))
    );
    let told = audit["data"].to_string();
    assert!(
        told.contains(&format!("{} role=editor credit_cap=none", viewer.id)),
        "{told}"
    );
    let audit = acts(audit);
    let count = |act: &str| audit.iter().filter(|it| *it == act).count();
    assert_eq!(
        [
            "team_created",
            "member_invited",
            "member_joined",
            "member_changed",
            "member_removed"
        ]
        .map(count),
        [1, 4, 4, 2, 1]
    );
    let activity = acts(
        viewer
            .get(&format!("{team}/activity?limit=100"))
            .await
            .expect(200),
    );
    assert_eq!(activity.len(), 1 + 4 + 1 + 1, "{activity:?}");
    assert!(
        !activity
            .iter()
            .any(|act| act.contains("invit") || act == "member_changed")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_team_is_handed_over_before_its_owner_leaves_or_deletes_their_account() {
    let cloud = Cloud::start().await;
    let cast = Cast::new(&cloud).await;
    let Cast {
        team,
        ada,
        admin,
        editor,
        ..
    } = &cast;
    let leave = format!("{team}/leave");
    ada.post(&leave, &Value::Null)
        .await
        .problem(409, "conflict");
    let refused = ada.erase().await;
    refused.problem(409, "conflict");
    assert!(refused.text("detail").contains("own a team"));

    let hand_over = format!("{team}/transfer-ownership");
    let to = |person: &Person<'_>| json!({"user_id": person.id});
    let fields = ada
        .post(&hand_over, &to(&cast.stranger))
        .await
        .problem(404, "not_found");
    assert_eq!(fields, BTreeSet::from(["user_id".to_owned()]));
    ada.post(&hand_over, &json!({"user_id": "x"}))
        .await
        .problem(404, "not_found");
    ada.post(&hand_over, &to(ada))
        .await
        .problem(409, "conflict");

    ada.patch(
        &format!("{team}/members/{}", editor.id),
        &json!({"credit_cap": 5}),
    )
    .await
    .expect(200);
    let handed = ada.post(&hand_over, &to(editor)).await.expect(200);
    assert_eq!(
        (&handed["owner_id"], &handed["role"]),
        (&json!(editor.id), &json!("admin"))
    );
    let members = editor.get(&format!("{team}/members")).await.expect(200);
    let members = members["data"].as_array().unwrap();
    let owners: Vec<&Value> = members.iter().filter(|it| it["role"] == "owner").collect();
    assert_eq!(owners.len(), 1);
    assert_eq!(
        (&owners[0]["user_id"], &owners[0]["credit_cap"]),
        (&json!(editor.id), &Value::Null)
    );
    ada.post(&hand_over, &to(admin))
        .await
        .problem(403, "forbidden");

    ada.erase().await.expect(204);
    let purged = cloud.act("schedules/jobs-purge/run", &json!({})).await;
    assert_eq!(purged["status"], "succeeded", "{purged}");
    let read = editor.get(team).await.expect(200);
    assert_eq!(read["member_count"], 4, "the erased owner is in it no more");
    assert!(
        !editor
            .get(&format!("{team}/members"))
            .await
            .expect(200)
            .to_string()
            .contains(&ada.id)
    );
    let refused = editor.erase().await;
    refused.problem(409, "conflict");
}

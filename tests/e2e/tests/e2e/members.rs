//! The members of a team: each role's permissions, giving and taking roles, and handing the team over.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::api_keys::make;
use crate::harness::{Answer, Cloud, Person, send, with};
use crate::teams::{Cast, NO_TEAM, found};

async fn ask(person: &Person<'_>, method: &str, path: &str, body: &Value) -> Answer {
    let request = person.request(method.parse::<Method>().unwrap(), path);
    send(with(request, body)).await
}

/// Nobody has these ids.
const NO_INVITATION: &str = "inv_01ARZ3NDEKTSV4RRFFQ69G5FAV";
const NO_USER: &str = "usr_01ARZ3NDEKTSV4RRFFQ69G5FAV";

/// The statuses for the owner, an admin, an editor, a contributor, a viewer and a stranger.
type Statuses = [u16; 6];

const ALL: Statuses = [200, 200, 200, 200, 200, 404];
const SPENDERS: Statuses = [200, 200, 200, 200, 403, 404];
const MANAGERS: Statuses = [200, 200, 403, 403, 403, 404];
/// Only those who may manage a thing are told that it is not there.
const MISSING: Statuses = [404, 404, 403, 403, 403, 404];

/// A request to a team, with its path below the team's, and the answers to it.
struct Row {
    method: &'static str,
    path: String,
    body: Value,
    expected: Statuses,
}

/// API.md's matrix by hand. No row changes anybody's permissions.
fn matrix(cast: &Cast<'_>) -> Vec<Row> {
    let looks = [
        ("", ALL),
        ("/members", ALL),
        ("/activity", ALL),
        ("/stats", SPENDERS),
        ("/credits", SPENDERS),
        ("/credits/transactions", SPENDERS),
        ("/credits/export?month=2026-01", SPENDERS),
        ("/credits/alerts", SPENDERS),
        ("/projects", ALL),
        ("/audit", MANAGERS),
        ("/invitations", MANAGERS),
    ];
    let looks = looks.map(|(path, expected)| ("GET", path.to_owned(), Value::Null, expected));
    let alerts = json!({"balance_below": [5]});
    let invitation = json!({"email": cast.viewer.email, "role": "editor"});
    let member = format!("/members/{}", cast.viewer.id);
    let nobody = format!("/members/{NO_USER}");
    let nothing = format!("/invitations/{NO_INVITATION}");
    let changes = [
        ("PUT", "/credits/alerts".to_owned(), alerts, MANAGERS),
        (
            "POST",
            "/invitations".to_owned(),
            invitation,
            [409, 409, 403, 403, 403, 404],
        ),
        ("PATCH", String::new(), json!({"name": "Snow"}), MANAGERS),
        ("PATCH", member, json!({"credit_cap": 7}), MANAGERS),
        ("PATCH", nobody.clone(), json!({}), MISSING),
        ("DELETE", nobody, Value::Null, MISSING),
        ("DELETE", nothing.clone(), Value::Null, MISSING),
        ("POST", format!("{nothing}/resend"), Value::Null, MISSING),
        (
            "POST",
            "/credits/transfer".to_owned(),
            json!({"amount": 1}),
            [201, 201, 201, 201, 403, 404],
        ),
        (
            "POST",
            "/transfer-ownership".to_owned(),
            json!({"user_id": NO_USER}),
            [404, 403, 403, 403, 403, 404],
        ),
    ];
    let rows = looks.into_iter().chain(changes);
    rows.map(|(method, path, body, expected)| Row {
        method,
        path,
        body,
        expected,
    })
    .collect()
}

impl Row {
    /// Checks that a stranger is answered as if there were no such team.
    async fn hides_the_team(&self, cast: &Cast<'_>) {
        let path = format!("/teams/{NO_TEAM}{}", self.path);
        let there = format!("{}{}", cast.team, self.path);
        let mut missing = ask(&cast.ada, self.method, &path, &self.body).await;
        let mut hidden = ask(&cast.stranger, self.method, &there, &self.body).await;
        for answer in [&mut missing, &mut hidden] {
            answer.body["request_id"] = json!("");
        }
        assert_eq!((missing.status, missing.body), (hidden.status, hidden.body));
    }

    /// The operation in the OpenAPI document's form, from after the team's id.
    fn operation(&self) -> String {
        let path = self.path.split('?').next().unwrap();
        let segments = path.split('/').map(|segment| match segment {
            it if it.starts_with("usr_") => "{user_id}",
            it if it.starts_with("inv_") => "{invitation_id}",
            it => it,
        });
        let path = segments.collect::<Vec<_>>().join("/");
        format!("{} {path}", self.method)
    }
}

/// The operations of a team that the OpenAPI document describes.
fn described() -> BTreeSet<String> {
    let document = api::openapi::document("http://localhost/v1");
    let routes = document["paths"].as_object().unwrap().iter();
    let of_a_team =
        routes.filter_map(|(path, it)| Some((path.strip_prefix("/teams/{team_id}")?, it)));
    of_a_team
        .flat_map(|(path, operations)| {
            let methods = operations.as_object().unwrap().keys();
            methods.map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_role_is_answered_as_the_contract_says_and_a_stranger_learns_nothing() {
    let cloud = Cloud::start().await;
    let cast = Cast::new(&cloud).await;
    // These two change who is in the team, and have tests of their own.
    let mut asked = BTreeSet::from(["DELETE ".to_owned(), "POST /leave".to_owned()]);
    for row in matrix(&cast) {
        let Row {
            method, path, body, ..
        } = &row;
        let mut answers = Vec::new();
        for person in cast.everybody() {
            let path = format!("{}{path}", cast.team);
            answers.push(ask(person, method, &path, body).await.status);
        }
        assert_eq!(answers, row.expected, "{method} {path}");
        row.hides_the_team(&cast).await;
        asked.insert(row.operation());
    }
    assert_eq!(asked, described());
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

/// The path of a member of the cast's team.
fn at(cast: &Cast<'_>, person: &Person<'_>) -> String {
    format!("{}/members/{}", cast.team, person.id)
}

fn to(role: &str) -> Value {
    json!({"role": role})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn roles_are_given_and_taken_by_who_may_and_count_at_once() {
    let cloud = Cloud::start().await;
    let cast = Cast::new(&cloud).await;
    an_admin_changes_and_removes_no_admin_and_no_owner(&cast).await;
    a_new_role_counts_at_once(&cast).await;
    members_see_each_other_and_managers_see_addresses(&cast).await;
    those_removed_and_those_who_leave_find_no_team(&cast).await;
    the_audit_log_tells_of_everything(&cast).await;
    the_activity_tells_of_who_came_and_went_alone(&cast).await;
}

async fn an_admin_changes_and_removes_no_admin_and_no_owner(cast: &Cast<'_>) {
    let (owner, admin) = (at(cast, &cast.ada), at(cast, &cast.admin));
    let refused = cast.admin.patch(&admin, &to("editor")).await;
    refused.problem(403, "forbidden");
    let refused = cast.admin.patch(&owner, &to("viewer")).await;
    refused.problem(409, "conflict");
    let refused = cast.ada.patch(&owner, &to("viewer")).await;
    refused.problem(409, "conflict");
    for (person, path) in [
        (&cast.admin, &owner),
        (&cast.admin, &admin),
        (&cast.ada, &owner),
    ] {
        person.delete(path).await.problem(409, "conflict");
    }
    let viewer = at(cast, &cast.viewer);
    let refused = cast.editor.patch(&viewer, &to("editor")).await;
    refused.problem(403, "forbidden");
}

/// The viewer becomes an editor, and the admin a viewer.
async fn a_new_role_counts_at_once(cast: &Cast<'_>) {
    let Cast {
        team,
        ada,
        admin,
        viewer,
        ..
    } = cast;
    let path = at(cast, viewer);
    let changed = admin.patch(&path, &to("editor")).await.expect(200);
    assert_eq!(
        (&changed["role"], &changed["email"]),
        (&json!("editor"), &json!(viewer.email))
    );
    viewer.get(&format!("{team}/credits")).await.expect(200);
    let again = admin.patch(&path, &to("editor")).await.expect(200);
    assert_eq!(again, changed);
    ada.patch(&at(cast, admin), &to("viewer")).await.expect(200);
    let refused = admin.patch(&path, &to("viewer")).await;
    refused.problem(403, "forbidden");
    let refused = admin.get(&format!("{team}/audit")).await;
    refused.problem(403, "forbidden");
}

/// The contributor may spend, and sees the members' spending; the former admin is a viewer, and does not.
async fn members_see_each_other_and_managers_see_addresses(cast: &Cast<'_>) {
    let members = format!("{}/members", cast.team);
    let seen = cast.contributor.get(&members).await.expect(200);
    let seen = seen["data"].as_array().unwrap();
    assert_eq!(seen.len(), 5);
    let is_plain = |it: &Value| it["email"].is_null() && it["credits_this_month"] == 0;
    assert!(seen.iter().all(is_plain));
    let page = cast.admin.get(&format!("{members}?limit=2")).await;
    let page = page.expect(200);
    let mut seen = page["data"].as_array().unwrap().iter();
    assert!(seen.all(|it| it["credits_this_month"].is_null()));
    assert!(page["next_cursor"].is_string());
}

/// The contributor is removed, and the editor leaves.
async fn those_removed_and_those_who_leave_find_no_team(cast: &Cast<'_>) {
    let Cast {
        team,
        ada,
        editor,
        contributor,
        ..
    } = cast;
    let removed = at(cast, contributor);
    ada.delete(&removed).await.expect(204);
    contributor.get(team).await.problem(404, "not_found");
    ada.delete(&removed).await.problem(404, "not_found");
    let leave = format!("{team}/leave");
    editor.post(&leave, &Value::Null).await.expect(204);
    editor.get(team).await.problem(404, "not_found");
    let again = editor.post(&leave, &Value::Null).await;
    again.problem(404, "not_found");
    assert_eq!(editor.get("/teams").await.expect(200)["data"], json!([]));
    assert_eq!(ada.get(team).await.expect(200)["member_count"], 3);
}

/// The acts of a log, newest first.
fn acts(log: &Value) -> Vec<&str> {
    let records = log["data"].as_array().unwrap().iter();
    records.map(|it| it["act"].as_str().unwrap()).collect()
}

async fn the_audit_log_tells_of_everything(cast: &Cast<'_>) {
    let audit = format!("{}/audit?limit=100", cast.team);
    let audit = cast.ada.get(&audit).await.expect(200);
    let newest = &audit["data"][0];
    assert_eq!(
        (&newest["act"], &newest["actor"]),
        (&json!("member_left"), &json!(cast.editor.id))
    );
    let told = audit["data"].to_string();
    let changed = format!("{} role=editor credit_cap=none", cast.viewer.id);
    assert!(told.contains(&changed), "{told}");
    let audit = acts(&audit);
    for (act, times) in [
        ("team_created", 1),
        ("member_invited", 4),
        ("member_joined", 4),
        ("member_changed", 2),
        ("member_removed", 1),
    ] {
        let told = audit.iter().filter(|it| **it == act);
        assert_eq!(told.count(), times, "{act}");
    }
}

async fn the_activity_tells_of_who_came_and_went_alone(cast: &Cast<'_>) {
    let activity = format!("{}/activity?limit=100", cast.team);
    let activity = cast.viewer.get(&activity).await.expect(200);
    let activity = acts(&activity);
    assert_eq!(activity.len(), 1 + 4 + 1 + 1, "{activity:?}");
    let mut told = activity.iter();
    assert!(!told.any(|act| act.contains("invit") || *act == "member_changed"));
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
        stranger,
        ..
    } = &cast;
    let refused = ada.post(&format!("{team}/leave"), &Value::Null).await;
    refused.problem(409, "conflict");
    let refused = ada.erase().await;
    refused.problem(409, "conflict");
    assert!(refused.text("detail").contains("own a team"));

    let hand_over = format!("{team}/transfer-ownership");
    let to = |person: &Person<'_>| json!({"user_id": person.id});
    let refused = ada.post(&hand_over, &to(stranger)).await;
    let fields = refused.problem(404, "not_found");
    assert_eq!(fields, BTreeSet::from(["user_id".to_owned()]));
    let refused = ada.post(&hand_over, &json!({"user_id": "x"})).await;
    refused.problem(404, "not_found");
    let refused = ada.post(&hand_over, &to(ada)).await;
    refused.problem(409, "conflict");

    let cap = json!({"credit_cap": 5});
    ada.patch(&at(&cast, editor), &cap).await.expect(200);
    let handed = ada.post(&hand_over, &to(editor)).await.expect(200);
    assert_eq!(
        (&handed["owner_id"], &handed["role"]),
        (&json!(editor.id), &json!("admin"))
    );
    let list = format!("{team}/members");
    let members = editor.get(&list).await.expect(200);
    let members = members["data"].as_array().unwrap();
    let owners: Vec<&Value> = members.iter().filter(|it| it["role"] == "owner").collect();
    assert_eq!(owners.len(), 1);
    assert_eq!(
        (&owners[0]["user_id"], &owners[0]["credit_cap"]),
        (&json!(editor.id), &Value::Null)
    );
    let refused = ada.post(&hand_over, &to(admin)).await;
    refused.problem(403, "forbidden");

    ada.erase().await.expect(204);
    let purged = cloud.act("schedules/jobs-purge/run", &json!({})).await;
    assert_eq!(purged["status"], "succeeded", "{purged}");
    let read = editor.get(team).await.expect(200);
    assert_eq!(read["member_count"], 4, "the erased owner is in it no more");
    let members = editor.get(&list).await.expect(200);
    assert!(!members.to_string().contains(&ada.id));
    let refused = editor.erase().await;
    refused.problem(409, "conflict");
}

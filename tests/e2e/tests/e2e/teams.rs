//! Teams: their fields, their number, and their end.

use std::collections::BTreeSet;

use futures::future::join_all;
use serde_json::{Value, json};

use crate::harness::{Answer, Cloud, Person, token_in};

pub const INVITED: &str = "You are invited into a team";
pub const NO_TEAM: &str = "team_01ARZ3NDEKTSV4RRFFQ69G5FAV";

/// Makes a team; its path.
pub async fn found(owner: &Person<'_>, body: &Value) -> String {
    let made = owner.post("/teams", body).await;
    assert_eq!(made.status, 201, "{:?}", made.body);
    format!("/teams/{}", made.text("id"))
}

/// Invites somebody, who gets no other letter; the token in it.
pub async fn invitation(owner: &Person<'_>, team: &str, email: &str, role: &str) -> String {
    let body = json!({"email": email, "role": role});
    let invited = owner.post(&format!("{team}/invitations"), &body).await;
    assert_eq!(invited.status, 201, "{:?}", invited.body);
    token_in(&owner.cloud.letters(email, INVITED, 1).await[0])
}

/// Takes somebody into a team who was never invited before.
pub async fn join(owner: &Person<'_>, team: &str, member: &Person<'_>, role: &str) {
    let token = invitation(owner, team, &member.email, role).await;
    let accepted = member
        .post("/invitations/accept", &json!({"token": token}))
        .await;
    assert_eq!(accepted.status, 200, "{:?}", accepted.body);
    assert_eq!(accepted.body["role"], role);
}

/// A team of Ada's with a member of each other role, and somebody who is not in it.
pub struct Cast<'a> {
    pub team: String,
    pub ada: Person<'a>,
    pub admin: Person<'a>,
    pub editor: Person<'a>,
    pub contributor: Person<'a>,
    pub viewer: Person<'a>,
    pub stranger: Person<'a>,
}

impl<'a> Cast<'a> {
    pub async fn new(cloud: &'a Cloud) -> Self {
        let people = join_all((0..6).map(|_| cloud.person())).await;
        for person in &people {
            cloud.verify_by_hand(person).await;
        }
        let [ada, admin, editor, contributor, viewer, stranger]: [Person<'a>; 6] =
            people.try_into().unwrap_or_else(|_| unreachable!());
        let team = found(&ada, &json!({"name": "Foxes"})).await;
        let roles = [
            (&admin, "admin"),
            (&editor, "editor"),
            (&contributor, "contributor"),
            (&viewer, "viewer"),
        ];
        join_all(roles.map(|(person, role)| join(&ada, &team, person, role))).await;
        Self {
            team,
            ada,
            admin,
            editor,
            contributor,
            viewer,
            stranger,
        }
    }

    /// Everybody, in the order of API.md's matrix, and then the stranger.
    pub fn everybody(&self) -> [&Person<'a>; 6] {
        [
            &self.ada,
            &self.admin,
            &self.editor,
            &self.contributor,
            &self.viewer,
            &self.stranger,
        ]
    }
}

#[tokio::test]
async fn a_team_is_what_its_owner_says_and_changes_only_in_what_is_named() {
    let cloud = Cloud::start().await;
    let ada = cloud.verified().await;
    let made = ada
        .post("/teams", &json!({"name": " Foxes "}))
        .await
        .expect(201);
    assert!(made["id"].as_str().unwrap().starts_with("team_"));
    assert!(made["team_code"].as_str().unwrap().starts_with("TM-"));
    assert_eq!(
        (&made["name"], &made["role"]),
        (&json!("Foxes"), &json!("owner"))
    );
    assert_eq!(made["owner_id"], ada.id);
    assert_eq!(
        (&made["member_count"], &made["max_members"]),
        (&json!(1), &json!(10))
    );

    let full = json!({
        "name": "Snow", "description": "At dawn\nand dusk", "max_members": 100,
        "metadata": {"client": {"name": "Snow"}, "ok": null},
    });
    let path = found(&ada, &full).await;
    let read = ada.get(&path).await.expect(200);
    for field in ["name", "description", "max_members", "metadata"] {
        assert_eq!(read[field], full[field], "{field}");
    }
    let changed = ada
        .patch(&path, &json!({"max_members": 1}))
        .await
        .expect(200);
    assert_eq!(changed["max_members"], 1);
    let cleared = json!({"description": null, "metadata": null});
    let changed = ada.patch(&path, &cleared).await.expect(200);
    assert_eq!(
        (&changed["description"], &changed["metadata"]),
        (&Value::Null, &json!({}))
    );
    assert_eq!(
        (&changed["name"], &changed["max_members"]),
        (&json!("Snow"), &json!(1))
    );
    assert_eq!(ada.get(&path).await.expect(200), changed);

    let listed = ada.get("/teams").await.expect(200);
    let ids: Vec<&Value> = listed["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["id"])
        .collect();
    assert_eq!(ids, [&changed["id"], &made["id"]], "newest first");
    assert_eq!(
        ada.get(&format!("{path}/credits")).await.expect(200)["available"],
        0
    );
}

/// Changes that a team refuses, and the field that each is refused for.
fn wrong_teams(owner: &Person<'_>) -> [(Value, &'static str); 14] {
    [
        (json!({"name": ""}), "name"),
        (json!({"name": "x".repeat(101)}), "name"),
        (json!({"name": null}), "name"),
        (json!({"name": 5}), "name"),
        (json!({"description": "x".repeat(501)}), "description"),
        (json!({"max_members": 0}), "max_members"),
        (json!({"max_members": 101}), "max_members"),
        (json!({"max_members": -1}), "max_members"),
        (json!({"max_members": 1.5}), "max_members"),
        (json!({"max_members": "3"}), "max_members"),
        (json!({"metadata": ["x"]}), "metadata"),
        (json!({"metadata": {"big": "x".repeat(8_192)}}), "metadata"),
        (json!({"owner_id": owner.id}), "owner_id"),
        (json!({"team_code": "TM-1"}), "team_code"),
    ]
}

/// Invitations that a team refuses, and the field that each is refused for.
fn wrong_invitations() -> [(Value, &'static str); 5] {
    [
        (json!({"role": "viewer"}), "email"),
        (json!({"email": "no", "role": "viewer"}), "email"),
        (json!({"email": "a@example.org"}), "role"),
        (json!({"email": "a@example.org", "role": "owner"}), "role"),
        (json!({"email": "a@example.org", "role": "king"}), "role"),
    ]
}

/// Changes that a member refuses, and the field that each is refused for.
fn wrong_members() -> [(Value, &'static str); 5] {
    [
        (json!({"role": "owner"}), "role"),
        (json!({"role": null}), "role"),
        (json!({"credit_cap": -1}), "credit_cap"),
        (json!({"credit_cap": i64::MAX}), "credit_cap"),
        (json!({"cap": 1}), "cap"),
    ]
}

/// Checks that a body was refused for one field alone.
fn refused_for(answer: &Answer, field: &str, body: &Value) {
    let fields = answer.problem(422, "validation_failed");
    assert_eq!(fields, BTreeSet::from([field.to_owned()]), "{body}");
}

#[tokio::test]
async fn whatever_a_team_cannot_say_is_refused_by_the_name_of_its_field() {
    let cloud = Cloud::start().await;
    let ada = cloud.verified().await;
    let path = found(&ada, &json!({"name": "fine"})).await;
    let before = ada.get(&path).await.expect(200);
    for (change, field) in wrong_teams(&ada) {
        let mut whole = change.clone();
        if whole.get("name").is_none() {
            whole["name"] = json!("fine");
        }
        refused_for(&ada.post("/teams", &whole).await, field, &change);
        refused_for(&ada.patch(&path, &change).await, field, &change);
    }
    let nameless = ada.post("/teams", &json!({})).await;
    nameless.problem(422, "validation_failed");
    let invitations = format!("{path}/invitations");
    for (body, field) in wrong_invitations() {
        refused_for(&ada.post(&invitations, &body).await, field, &body);
    }
    let transfer = format!("{path}/credits/transfer");
    for amount in [
        json!(0),
        json!(-5),
        json!(1.5),
        json!("5"),
        json!(null),
        json!(i64::MAX),
    ] {
        let refused = ada.post(&transfer, &json!({"amount": amount})).await;
        refused.problem(422, "validation_failed");
    }
    let member = format!("{path}/members/{}", ada.id);
    for (change, field) in wrong_members() {
        refused_for(&ada.patch(&member, &change).await, field, &change);
    }
    assert_eq!(ada.get(&path).await.expect(200), before);
    assert_eq!(ada.books().await.balance(), (1_000, 0));
}

#[tokio::test]
async fn a_team_needs_an_owner_whose_address_is_known_to_be_theirs() {
    let cloud = Cloud::start().await;
    let eve = cloud.person().await;
    let refused = eve.post("/teams", &json!({"name": "Foxes"})).await;
    refused.problem(409, "conflict");
    assert!(refused.text("detail").contains("verify"));
    assert_eq!(eve.get("/teams").await.expect(200)["data"], json!([]));
}

#[tokio::test]
async fn nobody_owns_more_teams_than_one_may() {
    let cloud = Cloud::start().await;
    let ada = cloud.verified().await;
    let name = json!({"name": "one of many"});
    let answers = join_all((0..22).map(|_| ada.post("/teams", &name))).await;
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [[201; 20].as_slice(), &[409; 2]].concat());
    let listed = ada.get("/teams?limit=100").await.expect(200);
    assert_eq!(listed["data"].as_array().unwrap().len(), 20);
    let first = format!("/teams/{}", listed["data"][0]["id"].as_str().unwrap());
    ada.delete(&first).await.expect(204);
    ada.post("/teams", &name).await.expect(201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_a_team_ends_its_credits_go_home_and_nothing_of_it_is_left() {
    let cloud = Cloud::start().await;
    let cast = Cast::new(&cloud).await;
    let Cast {
        team,
        ada,
        admin,
        contributor,
        ..
    } = &cast;
    let transfer = format!("{team}/credits/transfer");
    ada.post(&transfer, &json!({"amount": 300}))
        .await
        .expect(201);
    contributor
        .post(&transfer, &json!({"amount": 200}))
        .await
        .expect(201);
    let id = contributor
        .generate_for(team, "flux-dev", "a fox of the team")
        .await;
    contributor.when(&id, "succeeded").await;
    let running = contributor
        .generate_for(team, "flux-dev", "a slow fox [[delay:600s]]")
        .await;
    let refused = ada.delete(team).await;
    refused.problem(409, "conflict");
    let cancel = format!("/generations/{running}/cancel");
    contributor.post(&cancel, &Value::Null).await;
    contributor.when_swept(&running, "canceled").await;
    admin.delete(team).await.problem(403, "forbidden");

    ada.delete(team).await.expect(204);
    for person in [ada, admin, contributor] {
        person.get(team).await.problem(404, "not_found");
        person
            .get(&format!("/generations/{id}"))
            .await
            .problem(404, "not_found");
        assert_eq!(person.get("/teams").await.expect(200)["data"], json!([]));
    }
    assert_eq!(ada.books().await.balance(), (1_000 - 300 + 475, 0));
    assert_eq!(contributor.books().await.balance(), (800, 0));
    ada.delete(team).await.problem(404, "not_found");
    let purged = cloud.act("schedules/jobs-purge/run", &json!({})).await;
    assert_eq!(purged["status"], "succeeded", "{purged}");
    let left = cloud.every_item().await;
    let of_team = left.iter().filter(|(table, item)| {
        let named = format!("{item:?}").contains(&team[7..]);
        named
            && !table.contains("credits")
            && !table.contains("audit")
            && !table.contains("reconcil")
    });
    let of_team: Vec<_> = of_team
        .map(|(table, item)| format!("{table}: {item:?}"))
        .collect();
    // The note of the deletion stays until nothing can arrive any more.
    assert_eq!(of_team.len(), 1, "{of_team:#?}");
    assert!(of_team[0].contains("erasures"));
    let run = cloud.reconcile(&json!({"from": "beginning"})).await;
    assert_eq!(run["broken_count"], 0, "{run}");
    // Places are given back: everybody can be in as many teams as before.
    contributor.erase().await.expect(204);
}

//! Invitations: the people who may be invited into a team, the effect and the end of a letter, and that seats
//! are never exceeded, even when many come at once.

use futures::future::join_all;
use serde_json::{Value, json};

use crate::harness::{Cloud, Person, token_in};
use crate::pages::all;
use crate::teams::{Cast, INVITED, found, invitation, join};

async fn accept(person: &Person<'_>, token: &str) -> crate::harness::Answer {
    person
        .post("/invitations/accept", &json!({"token": token}))
        .await
}

/// The ids and states of the invitations that a team's owner sees.
async fn listed(owner: &Person<'_>, team: &str) -> Vec<(String, String)> {
    let page = owner
        .get(&format!("{team}/invitations?limit=100"))
        .await
        .expect(200);
    let rows = page["data"].as_array().unwrap().iter();
    let text = |row: &Value, field: &str| row[field].as_str().unwrap().to_owned();
    rows.map(|row| (text(row, "id"), text(row, "status")))
        .collect()
}

#[tokio::test]
async fn an_invitation_works_once_for_whoever_has_the_address_and_shows_it() {
    let cloud = Cloud::start().await;
    let (ada, bob) = (cloud.verified().await, cloud.person().await);
    let eve = cloud.verified().await;
    let team = found(&ada, &json!({"name": "Foxes"})).await;
    let token = invitation(&ada, &team, &bob.email, "editor").await;
    assert!(token.starts_with("it_"), "{token}");
    let [(id, status)]: [(String, String); 1] = listed(&ada, &team).await.try_into().unwrap();
    assert_eq!(status, "pending");

    // The letter does not suffice for everybody, and nothing replaces it.
    let refused = accept(&eve, &token).await;
    refused.problem(409, "conflict");
    assert!(!refused.body.to_string().contains(&bob.email));
    accept(&bob, &token).await.problem(409, "conflict");
    cloud.verify_by_hand(&bob).await;
    let mut other = token.clone().into_bytes();
    let last = other.len() - 5;
    other[last] = if other[last] == b'A' { b'B' } else { b'A' };
    let other = String::from_utf8(other).unwrap();
    for wrong in [other.as_str(), "", "it_", "mt_x", &"x".repeat(4_000)] {
        let fields = accept(&bob, wrong).await.problem(422, "validation_failed");
        assert!(fields.contains("token"), "{wrong}");
    }
    bob.post("/invitations/accept", &json!({}))
        .await
        .problem(422, "validation_failed");

    let joined = accept(&bob, &token).await.expect(200);
    assert_eq!(
        (&joined["role"], &joined["member_count"]),
        (&json!("editor"), &json!(2))
    );
    accept(&bob, &token).await.problem(422, "validation_failed");
    assert_eq!(listed(&ada, &team).await, []);
    bob.get(&team).await.expect(200);
    let again = json!({"email": bob.email.to_uppercase(), "role": "viewer"});
    let invitations = format!("{team}/invitations");
    ada.post(&invitations, &again)
        .await
        .problem(409, "conflict");
    ada.delete(&format!("{invitations}/{id}"))
        .await
        .problem(404, "not_found");

    // An API key answers no invitation.
    let (_, key) =
        crate::api_keys::make(&eve, &json!({"scopes": ["read", "generate", "admin:team"]})).await;
    let with_key = cloud
        .request(reqwest::Method::POST, "/invitations/accept")
        .bearer_auth(key);
    let refused = crate::harness::send(with_key.json(&json!({"token": token}))).await;
    refused.problem(403, "forbidden");
}

#[tokio::test]
async fn an_invitation_is_sent_again_taken_back_or_declined_and_one_address_has_one() {
    let cloud = Cloud::start().await;
    let (ada, bob) = (cloud.verified().await, cloud.verified().await);
    let team = found(&ada, &json!({"name": "Foxes"})).await;
    let invitations = format!("{team}/invitations");
    let first = invitation(&ada, &team, &bob.email, "viewer").await;
    let body = json!({"email": bob.email, "role": "editor"});
    ada.post(&invitations, &body).await.problem(409, "conflict");
    let [(id, _)]: [(String, String); 1] = listed(&ada, &team).await.try_into().unwrap();

    let resend = format!("{invitations}/{id}/resend");
    let sent = ada.post(&resend, &Value::Null).await.expect(202);
    assert_eq!(
        (&sent["id"], &sent["status"]),
        (&json!(id), &json!("pending"))
    );
    let letters = cloud.letters(&bob.email, INVITED, 2).await;
    let second = token_in(&letters[1]);
    accept(&bob, &first).await.problem(422, "validation_failed");

    ada.delete(&format!("{invitations}/{id}")).await.expect(204);
    accept(&bob, &second)
        .await
        .problem(422, "validation_failed");
    ada.post(&resend, &Value::Null)
        .await
        .problem(404, "not_found");

    ada.post(&invitations, &body).await.expect(201);
    let letters = cloud.letters(&bob.email, INVITED, 3).await;
    let third = json!({"token": token_in(&letters[2])});
    let eve = cloud.verified().await;
    eve.post("/invitations/decline", &third)
        .await
        .problem(409, "conflict");
    bob.post("/invitations/decline", &third).await.expect(204);
    bob.post("/invitations/decline", &third)
        .await
        .problem(422, "validation_failed");
    assert_eq!(listed(&ada, &team).await, []);
    bob.get(&team).await.problem(404, "not_found");
    let audit = ada
        .get(&format!("{team}/audit?limit=100"))
        .await
        .expect(200);
    let acts = audit["data"].as_array().unwrap().iter();
    let acts: Vec<&str> = acts.map(|it| it["act"].as_str().unwrap()).collect();
    assert_eq!(
        acts,
        [
            "invitation_declined",
            "member_invited",
            "invitation_canceled",
            "invitation_resent",
            "member_invited",
            "team_created"
        ]
    );
    assert!(
        !audit.to_string().contains(&bob.email),
        "a log that stays holds no address"
    );
}

#[tokio::test]
async fn an_invitation_that_expired_opens_nothing_until_it_is_sent_again() {
    let cloud = Cloud::start().await;
    let (ada, bob) = (cloud.verified().await, cloud.verified().await);
    let team = found(&ada, &json!({"name": "Foxes"})).await;
    let token = invitation(&ada, &team, &bob.email, "viewer").await;
    let [(id, _)]: [(String, String); 1] = listed(&ada, &team).await.try_into().unwrap();
    cloud.expire_invitations().await;
    accept(&bob, &token).await.problem(422, "validation_failed");
    assert_eq!(
        listed(&ada, &team).await,
        [(id.clone(), "expired".to_owned())]
    );

    // It blocks no new invitation, and once another is open it cannot be sent again.
    let body = json!({"email": bob.email, "role": "editor"});
    ada.post(&format!("{team}/invitations"), &body)
        .await
        .expect(201);
    let resend = format!("{team}/invitations/{id}/resend");
    ada.post(&resend, &Value::Null)
        .await
        .problem(409, "conflict");
    let letters = cloud.letters(&bob.email, INVITED, 2).await;
    let joined = accept(&bob, &token_in(&letters[1])).await.expect(200);
    assert_eq!(joined["role"], "editor");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_many_accept_at_once_no_more_come_in_than_there_are_seats() {
    let cloud = Cloud::start().await;
    let ada = cloud.verified().await;
    let team = found(&ada, &json!({"name": "Foxes", "max_members": 4})).await;
    let people = join_all((0..50).map(|_| cloud.person())).await;
    for person in &people {
        cloud.verify_by_hand(person).await;
    }
    let mut tokens = Vec::new();
    for some in people.chunks(10) {
        let some = some
            .iter()
            .map(|it| invitation(&ada, &team, &it.email, "contributor"));
        tokens.extend(join_all(some).await);
    }
    let accepting = people
        .iter()
        .zip(&tokens)
        .map(|(person, token)| async move {
            // A member who is told to come back does so.
            loop {
                let answer = accept(person, token).await;
                if answer.status != 503 {
                    return answer;
                }
            }
        });
    let answers = join_all(accepting).await;
    let came = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(came, 3);
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        answer.problem(409, "conflict");
        assert!(answer.text("detail").contains("seat"), "{:?}", answer.body);
    }
    assert_eq!(ada.get(&team).await.expect(200)["member_count"], 4);
    let members = ada
        .get(&format!("{team}/members?limit=100"))
        .await
        .expect(200);
    assert_eq!(members["data"].as_array().unwrap().len(), 4);
    let fewer = ada.patch(&team, &json!({"max_members": 3})).await;
    fewer.problem(409, "conflict");
    // A seat that is given up can be taken by another, and the same letter opens it.
    let one = members["data"]
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it["role"] != "owner")
        .unwrap();
    let one = one["user_id"].as_str().unwrap();
    ada.delete(&format!("{team}/members/{one}"))
        .await
        .expect(204);
    let waiting = answers
        .iter()
        .position(|answer| answer.status != 200)
        .unwrap();
    accept(&people[waiting], &tokens[waiting]).await.expect(200);
}

#[tokio::test]
async fn nobody_has_more_letters_of_invitation_written_in_a_day_than_one_may() {
    let cloud = Cloud::start().await;
    let ada = cloud.verified().await;
    let team = found(&ada, &json!({"name": "Foxes"})).await;
    let invitations = format!("{team}/invitations");
    let mut first = String::new();
    for n in 0..50 {
        let body = json!({"email": format!("stranger-{n}@example.com"), "role": "viewer"});
        let invited = ada.post(&invitations, &body).await;
        assert_eq!(invited.status, 201, "{n}: {:?}", invited.body);
        first = invited.text("id");
    }
    let body = json!({"email": "one-more@example.com", "role": "viewer"});
    ada.post(&invitations, &body)
        .await
        .problem(429, "rate_limited");
    let resend = format!("{invitations}/{first}/resend");
    ada.post(&resend, &Value::Null)
        .await
        .problem(429, "rate_limited");
    // Each is on one page, the newest first, also when a page ends with the last of them.
    for limit in [7, 10, 50] {
        let seen = all(&ada, &invitations, limit).await;
        assert_eq!(seen.len(), 50, "{limit}");
        assert!(seen.is_sorted_by(|one, next| one > next), "{seen:?}");
    }
    // Another's invitations are only their own.
    let bob = cloud.verified().await;
    let owls = found(&bob, &json!({"name": "Owls"})).await;
    bob.post(&format!("{owls}/invitations"), &body)
        .await
        .expect(201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_of_the_same_place_at_once_leave_one_owner_and_a_right_count() {
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
    let (hand_over, leave) = (
        format!("{team}/transfer-ownership"),
        format!("{team}/leave"),
    );
    let to_admin = json!({"user_id": admin.id});
    // The owner hands over while the heir leaves: one of them is first, and the
    // team has an owner in either case.
    let (handed, left) = tokio::join!(
        ada.post(&hand_over, &to_admin),
        admin.post(&leave, &Value::Null)
    );
    match (handed.status, left.status) {
        (200, 409) | (404, 204) => {}
        other => panic!("{other:?}: {:?} {:?}", handed.body, left.body),
    }
    let owner = if handed.status == 200 { admin } else { ada };
    let of = |person: &Person<'_>| format!("{team}/members/{}", person.id);
    let (viewers, editors) = (of(viewer), of(editor));
    let as_editor = json!({"role": "editor"});
    let (changed, removed) =
        tokio::join!(owner.patch(&viewers, &as_editor), owner.delete(&viewers));
    assert_eq!(removed.status, 204, "{:?}", removed.body);
    assert!(matches!(changed.status, 200 | 404), "{:?}", changed.body);
    let (one, other) = tokio::join!(owner.delete(&editors), editor.post(&leave, &Value::Null));
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 404], "{:?} {:?}", one.body, other.body);

    let members = owner.get(&format!("{team}/members")).await.expect(200);
    let members = members["data"].as_array().unwrap();
    let owners = members.iter().filter(|it| it["role"] == "owner").count();
    assert_eq!(owners, 1);
    assert_eq!(
        owner.get(team).await.expect(200)["member_count"],
        members.len()
    );
    // A removed member can be invited anew; nothing of the earlier place is in the way.
    ada.get(team).await.expect(200);
    contributor.get(team).await.expect(200);
    let newcomer = cloud.verified().await;
    join(owner, team, &newcomer, "viewer").await;
}

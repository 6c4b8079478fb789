//! Alerts: the watchers of a wallet get a mail before its credits run out, once for each crossing.

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::api_keys::make;
use crate::harness::{Cloud, Person, eventually, send};
use crate::team_wallets::{cap, fund, id};
use crate::teams::Cast;

const OWN: &str = "/credits/alerts";
const LOW: &str = "Your credits run low";
const CAP: &str = "A cap is nearly used up";

async fn set(person: &Person<'_>, path: &str, body: &Value) -> Value {
    let request = person.request(Method::PUT, path).json(body);
    send(request).await.expect(200)
}

/// Sends every due alert; returns their number.
async fn tell(cloud: &Cloud) -> u64 {
    let ran = cloud.act("schedules/jobs-purge/run", &json!({})).await;
    assert_eq!(ran["status"], "succeeded", "{ran}");
    ran["result"]["alerts"].as_u64().unwrap()
}

fn text(letter: &Value) -> &str {
    letter["text"].as_str().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_balance_that_falls_below_a_threshold_is_told_once_and_again_when_it_rose_between() {
    let cloud = Cloud::with_admin().await;
    let (admin, ada) = (cloud.admin().await, cloud.verified().await);
    let none = json!({"object": "alerts", "balance_below": [], "cap_percent": []});
    assert_eq!(ada.get(OWN).await.expect(200), none);
    let body = json!({"balance_below": [900, 950], "cap_percent": [80]});
    let watched = set(&ada, OWN, &body).await;
    assert_eq!(watched["balance_below"], json!([950, 900]));
    assert_eq!(ada.get(OWN).await.expect(200), watched);

    // Of the jobs that lower it at the same moment, one crosses a threshold: 1000, 975, 950, 925, 900, 875.
    let orders = (0..5).map(|_| ada.generate("flux-dev", "at once [[delay:1ms]]"));
    let jobs = join_all(orders).await;
    for job in &jobs {
        ada.when(job, "succeeded").await;
    }
    assert_eq!(ada.books().await.balance(), (875, 0));
    assert_eq!(tell(&cloud).await, 2);
    let letters = cloud.letters(&ada.email, LOW, 2).await;
    let told: String = letters.iter().map(text).collect();
    assert!(
        told.contains("below 950 credits: 925 are available"),
        "{told}"
    );
    assert!(
        told.contains("below 900 credits: 875 are available"),
        "{told}"
    );
    // A crossing is told only once.
    assert_eq!(tell(&cloud).await, 0);
    let more = ada
        .generate("flux-dev", "below already [[delay:1ms]]")
        .await;
    ada.when(&more, "succeeded").await;
    assert_eq!(tell(&cloud).await, 0);

    let grant = |amount: i64| json!({"user_id": ada.id, "amount": amount, "reason": "moved"});
    admin
        .post("/admin/credits/grants", &grant(100))
        .await
        .expect(201);
    admin
        .post("/admin/credits/grants", &grant(-60))
        .await
        .expect(201);
    assert_eq!(tell(&cloud).await, 1);
    let letters = cloud.letters(&ada.email, LOW, 3).await;
    assert!(
        text(&letters[2]).contains("below 900 credits: 890 are available"),
        "{letters:#?}"
    );
    // A refunded job raises it, too.
    set(&ada, OWN, &json!({"balance_below": [880]})).await;
    for _ in 0..2 {
        let failing = ada.generate("flux-dev", "[[fail]]").await;
        ada.when(&failing, "failed").await;
    }
    assert_eq!(tell(&cloud).await, 2);
    cloud.letters(&ada.email, LOW, 5).await;
    // An unnamed threshold is not watched, and no booking forgets a watched one.
    assert_eq!(set(&ada, OWN, &json!({})).await, none);
    let last = ada.generate("flux-dev", "unwatched [[delay:1ms]]").await;
    ada.when(&last, "succeeded").await;
    assert_eq!(tell(&cloud).await, 0);
    let run = cloud.reconcile(&json!({"from": "beginning"})).await;
    assert_eq!(run["broken_count"], 0, "{run:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_share_of_a_cap_is_told_to_who_gave_it() {
    let cloud = Cloud::start().await;
    let cast = Cast::new(&cloud).await;
    let (ada, member, team) = (&cast.ada, &cast.contributor, &cast.team);
    fund(ada, team, 500).await;
    cap(ada, team, member, Some(100)).await;
    let path = format!("{team}/credits/alerts");
    let shares = json!({"cap_percent": [50, 100], "balance_below": [480]});
    assert_eq!(
        set(&cast.admin, &path, &shares).await["cap_percent"],
        json!([100, 50])
    );
    assert_eq!(
        ada.get(&path).await.expect(200)["balance_below"],
        json!([480])
    );
    member.get(&path).await.expect(200);
    cast.viewer.get(&path).await.problem(403, "forbidden");
    cast.stranger.get(&path).await.problem(404, "not_found");
    for person in [&cast.editor, member, &cast.viewer] {
        let refused = person.request(Method::PUT, &path).json(&shares);
        send(refused).await.problem(403, "forbidden");
    }

    // 25, 50, 75, 100 of 100, at once; the balance falls to 475 first.
    let orders = (0..4).map(|n| {
        let prompt = format!("{n} [[delay:1ms]]");
        async move { member.generate_for(id(team), "flux-dev", &prompt).await }
    });
    for made in join_all(orders).await {
        member.when(&made, "succeeded").await;
    }
    assert_eq!(tell(&cloud).await, 3);
    let letters = cloud.letters(&ada.email, CAP, 2).await;
    let told: String = letters.iter().map(text).collect();
    for words in [
        format!("{} of your team", member.id),
        "50 %".to_owned(),
        "100 %".to_owned(),
    ] {
        assert!(told.contains(&words), "{words}: {told}");
    }
    let low = cloud.letters(&ada.email, LOW, 1).await;
    assert!(
        text(&low[0]).contains("The wallet of your team"),
        "{low:#?}"
    );

    // A key's cap, where its owner pays.
    set(ada, OWN, &json!({"cap_percent": [50]})).await;
    let (key, secret) = make(ada, &json!({"credit_cap": 50})).await;
    let order = cloud
        .request(Method::POST, "/generations/flux-dev")
        .bearer_auth(&secret);
    let order = send(order.json(&json!({"prompt": "by a key [[delay:1ms]]"}))).await;
    ada.when(&order.text("id"), "succeeded").await;
    assert_eq!(tell(&cloud).await, 1);
    let letters = cloud.letters(&ada.email, CAP, 3).await;
    assert!(
        letters.iter().any(|letter| text(letter).contains(&key)),
        "{letters:#?}"
    );
    assert_eq!(cloud.letters(&member.email, CAP, 0).await, [] as [Value; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_flooded_with_warnings_and_other_letters_come_all_the_same() {
    let cloud = Cloud::start().await;
    let ada = cloud.verified().await;
    set(&ada, OWN, &json!({"balance_below": [1_000]})).await;
    for _ in 0..12 {
        let failing = ada.generate("flux-dev", "[[fail]][[delay:1ms]]").await;
        ada.when(&failing, "failed").await;
    }
    assert_eq!(tell(&cloud).await, 12);
    no_note_is_left(&cloud).await;
    cloud.letters(&ada.email, LOW, 10).await;
    let whose = json!({"email": ada.email});
    let asked = cloud.post("/auth/password-reset", &whose).await;
    assert_eq!(asked.status, 202);
    cloud.letters(&ada.email, "Choose a new password", 1).await;
}

async fn no_note_is_left(cloud: &Cloud) {
    eventually("the end of the notes", || async {
        let items = cloud.every_item().await;
        let is_note = |table: &str| table.ends_with("alertstable");
        (!items.iter().any(|(table, _)| is_note(table))).then_some(())
    })
    .await;
}

#[tokio::test]
async fn who_cannot_be_told_leaves_no_note_and_what_cannot_be_watched_is_refused() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    set(&ada, OWN, &json!({"balance_below": [1_000]})).await;
    let made = ada
        .generate("flux-dev", "nobody knows her address [[delay:1ms]]")
        .await;
    ada.when(&made, "succeeded").await;
    assert_eq!(tell(&cloud).await, 1);
    no_note_is_left(&cloud).await;
    assert_eq!(cloud.letters(&ada.email, LOW, 0).await, [] as [Value; 0]);

    for (field, body) in [
        (
            "balance_below",
            json!({"balance_below": [1, 2, 3, 4, 5, 6]}),
        ),
        ("balance_below[0]", json!({"balance_below": [0]})),
        ("balance_below[1]", json!({"balance_below": [7, 7]})),
        ("cap_percent[0]", json!({"cap_percent": [101]})),
        ("cap_percent[0]", json!({"cap_percent": [0]})),
        ("cap_percent", json!({"cap_percent": 80})),
        ("webhook", json!({"webhook": "https://example.org"})),
    ] {
        let refused = send(ada.request(Method::PUT, OWN).json(&body)).await;
        let fields = refused.problem(422, "validation_failed");
        assert!(fields.contains(field), "{body}: {fields:?}");
    }
    assert_eq!(
        ada.get(OWN).await.expect(200)["balance_below"],
        json!([1_000])
    );
}

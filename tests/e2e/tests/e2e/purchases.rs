//! Buying credits: each payment is booked exactly once, whatever Stripe sends, however often and in whatever
//! order; and nothing is booked that Stripe did not sign.

use std::time::{SystemTime, UNIX_EPOCH};

use futures::future::join_all;
use hmac::{Hmac, Mac as _};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::harness::{Answer, Books, Cloud, Person, eventually, send};

const CHECKOUT: &str = "/credits/checkout";
const SECRET: &str = "whsec_local";

fn wanted(pack: &str) -> Value {
    json!({"pack": pack, "success_url": "https://shop.example/paid", "cancel_url": "https://shop.example/"})
}

/// Begins a checkout; its id.
async fn begin(person: &Person<'_>, pack: &str) -> String {
    let begun = person.post(CHECKOUT, &wanted(pack)).await;
    assert_eq!(begun.status, 201, "{:?}", begun.body);
    begun.text("id")
}

/// Moves a session's money; the event about it, which is held back.
async fn quietly(cloud: &Cloud, session: &str, what: &str, mut details: Value) -> Value {
    details["hold_back"] = json!(true);
    let path = format!("stripe/sessions/{session}/{what}");
    cloud.act(&path, &details).await
}

/// Lets Stripe send an event `times` times; each must be accepted.
async fn deliver(cloud: &Cloud, event: &Value, times: usize) {
    let path = format!("stripe/events/{}/resend", event["id"].as_str().unwrap());
    let sent = cloud.act(&path, &json!({"times": times})).await;
    assert_eq!(sent["statuses"], json!(vec![200; times]), "{event}");
}

/// Buys a starter pack, which is paid and booked; the session's id.
async fn bought(person: &Person<'_>) -> String {
    let session = begin(person, "starter").await;
    let paid = quietly(person.cloud, &session, "complete", json!({})).await;
    deliver(person.cloud, &paid, 1).await;
    session
}

fn now_s() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

/// `Stripe-Signature` for a body.
fn sign(secret: &str, at_s: i64, body: &str) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    let mac = mac.chain_update(format!("{at_s}.{body}")).finalize();
    format!("t={at_s},v1={}", hex::encode(mac.into_bytes()))
}

async fn tell(cloud: &Cloud, signature: &str, body: &str) -> Answer {
    let request = cloud.request(Method::POST, "/webhooks/stripe");
    let request = request.header("content-type", "application/json");
    send(
        request
            .header("stripe-signature", signature)
            .body(body.to_owned()),
    )
    .await
}

fn adjustments(books: &Books) -> Vec<(i64, i64)> {
    let entries = books.entries.iter().filter(|e| e["kind"] == "adjustment");
    let number = |entry: &Value, field: &str| entry[field].as_i64().unwrap();
    let line = |entry| (number(entry, "amount"), number(entry, "available_delta"));
    entries.map(line).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paid_checkout_is_booked_once_however_often_stripe_tells_of_it() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let begun = ada.post(CHECKOUT, &wanted("creator")).await.expect(201);
    assert_eq!(
        (&begun["credits"], &begun["amount"]),
        (&json!(6_000), &json!(5_000))
    );
    let session = begun["id"].as_str().unwrap();
    assert_eq!(ada.books().await.balance(), (1_000, 0));

    // Its buyer pays on Stripe's page, and Stripe sends the event by itself.
    let page = cloud
        .http
        .post(begun["url"].as_str().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(page.headers()["location"], "https://shop.example/paid");
    eventually("the purchase", || async {
        let balance = ada.get("/credits").await.expect(200);
        (balance["available"] == 7_000).then_some(())
    })
    .await;
    let events = cloud.local("stripe/events").await;
    join_all((0..5).map(|_| deliver(&cloud, &events[0], 2))).await;

    let books = ada.books().await;
    assert_eq!(books.lines(), [("bonus", 1_000, 0), ("purchase", 6_000, 0)]);
    let named: String = session
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect();
    assert_eq!(books.entries[1]["id"], format!("txn_{named}-purchase"));
    cloud.stack.forget_callers();
    assert_eq!(ada.get("/me").await.expect(200)["plan"], "basic");
    // A key of one's own needs a verified e-mail.
    cloud.verify_by_hand(&ada).await;
    eventually("a key to what was bought", || async {
        let me = ada.get("/me").await.expect(200);
        (me["rate_limit"] == json!({"plan": "basic", "key": "dedicated"})).then_some(())
    })
    .await;
    assert_eq!(cloud.faults(), Vec::<String>::new());
}

#[tokio::test]
async fn nothing_is_booked_that_stripe_did_not_sign_just_now() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let session = begin(&ada, "starter").await;
    let event = quietly(&cloud, &session, "complete", json!({})).await;
    let body = event.to_string();
    let good = sign(SECRET, now_s(), &body);
    for forged in [
        String::new(),
        sign("whsec_other", now_s(), &body),
        sign(SECRET, now_s() - 301, &body),
        sign(SECRET, now_s() + 360, &body),
        sign(SECRET, now_s(), &body.replace("starter", "studio_")),
        good.replace("v1=", "v0="),
        format!("t={},v1={}", now_s(), "0".repeat(64)),
    ] {
        tell(&cloud, &forged, &body)
            .await
            .problem(401, "unauthorized");
    }
    tell(&cloud, &good, &format!("{body} "))
        .await
        .problem(401, "unauthorized");
    assert_eq!(ada.books().await.lines().len(), 1);

    for (kind, object) in [
        ("customer.created", json!({"id": "cus_1"})),
        (
            "checkout.session.completed",
            json!({"id": session, "payment_status": "unpaid", "payment_intent": "pi_1"}),
        ),
        (
            "checkout.session.completed",
            json!({"id": "cs_notours", "payment_status": "paid", "payment_intent": "pi_2",
            "amount_total": 1_000, "client_reference_id": "their own number",
            "metadata": {"pack": "studio", "credits": "25000"}}),
        ),
    ] {
        let body = json!({"id": "evt_1", "type": kind, "data": {"object": object}}).to_string();
        let told = tell(&cloud, &sign(SECRET, now_s(), &body), &body).await;
        assert_eq!(told.status, 200, "{kind}: {:?}", told.body);
    }
    assert_eq!(ada.books().await.lines().len(), 1);
    let late = "checkout.session.async_payment_succeeded";
    let body = body.replace("checkout.session.completed", late);
    assert_eq!(
        tell(&cloud, &sign(SECRET, now_s(), &body), &body)
            .await
            .status,
        200
    );
    assert_eq!(tell(&cloud, &good, &event.to_string()).await.status, 200);
    assert_eq!(ada.books().await.balance(), (2_000, 0));
}

#[tokio::test]
async fn a_checkout_pays_its_own_buyer_whatever_the_event_says_of_others() {
    let cloud = Cloud::start().await;
    let (ada, eve) = (cloud.person().await, cloud.person().await);
    let session = begin(&ada, "starter").await;
    let mut event = quietly(&cloud, &session, "complete", json!({})).await;
    let object = &mut event["data"]["object"];
    object["client_reference_id"] = json!(eve.id);
    object["metadata"] = json!({"pack": "studio", "credits": "25000"});
    let body = event.to_string();
    assert_eq!(
        tell(&cloud, &sign(SECRET, now_s(), &body), &body)
            .await
            .status,
        200
    );
    assert_eq!(ada.books().await.balance(), (2_000, 0));
    assert_eq!(eve.books().await.balance(), (1_000, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_that_comes_before_its_purchase_ends_as_one_that_comes_after() {
    let cloud = Cloud::start().await;
    let (ada, bob) = (cloud.person().await, cloud.person().await);
    for (person, order) in [(&ada, [1, 0, 2, 1, 0]), (&bob, [2, 1, 0, 0, 2])] {
        let session = begin(person, "starter").await;
        let events = [
            quietly(&cloud, &session, "complete", json!({})).await,
            quietly(&cloud, &session, "refund", json!({"amount": 250})).await,
            quietly(&cloud, &session, "refund", json!({"amount": 350})).await,
        ];
        for event in order {
            deliver(&cloud, &events[event], 2).await;
        }
        let books = person.books().await;
        assert_eq!(books.count("purchase"), 1);
        let taken: i64 = adjustments(&books).iter().map(|(_, delta)| delta).sum();
        assert_eq!(taken, -600, "{:?}", books.lines());
        assert_eq!(books.balance(), (1_400, 0));
        assert_eq!(books.wallet["owed"], 0);
    }
    // The same event comes many times at once.
    let eve = cloud.person().await;
    let session = begin(&eve, "starter").await;
    let events = [
        quietly(&cloud, &session, "complete", json!({})).await,
        quietly(&cloud, &session, "refund", json!({})).await,
    ];
    join_all((0..20).map(|n| deliver(&cloud, &events[n % 2], 1))).await;
    let books = eve.books().await;
    assert_eq!(
        (books.count("purchase"), adjustments(&books)),
        (1, vec![(1_000, -1_000)])
    );
    assert_eq!(books.balance(), (1_000, 0));
}

#[tokio::test]
async fn a_dispute_takes_the_credits_until_it_is_won() {
    let cloud = Cloud::start().await;
    let (ada, bob) = (cloud.person().await, cloud.person().await);
    for (person, end, left) in [(&ada, "won", 2_000), (&bob, "lost", 1_000)] {
        let session = bought(person).await;
        let opened = quietly(&cloud, &session, "dispute", json!({})).await;
        deliver(&cloud, &opened, 2).await;
        assert_eq!(person.books().await.balance(), (1_000, 0));
        let closed = quietly(&cloud, &session, "dispute", json!({"status": end})).await;
        for event in [&closed, &opened, &closed] {
            deliver(&cloud, event, 2).await;
        }
        assert_eq!(person.books().await.balance(), (left, 0));
    }
}

#[tokio::test]
async fn what_was_spent_before_a_refund_is_owed_and_never_invented_again() {
    let cloud = Cloud::start_with(&[("SignUpCredits", "1")]).await;
    let ada = cloud.person().await;
    cloud.verify_by_hand(&ada).await;
    let session = bought(&ada).await;
    let spent = ada.generate("veo3", "spent for good").await;
    ada.when(&spent, "succeeded").await;
    let failing = "comes back [[delay:3s]] [[fail:content_policy_violation]]";
    let held = ada.generate("minimax-hailuo", failing).await;
    assert_eq!(ada.books().await.balance(), (101, 400));

    let refund = quietly(&cloud, &session, "refund", json!({})).await;
    deliver(&cloud, &refund, 3).await;
    let books = ada.books().await;
    assert_eq!(
        (books.balance(), adjustments(&books)),
        ((0, 400), vec![(1_000, -101)])
    );
    assert_eq!(books.wallet["owed"], 899);

    // The failed job gives back credits whose money was refunded: they cannot be spent.
    ada.when(&held, "failed").await;
    let books = ada.books().await;
    assert_eq!(
        (books.balance(), &books.wallet["owed"]),
        ((400, 0), &json!(899))
    );
    let picture = json!({"prompt": "for nothing"});
    let refused = ada.post("/generations/flux-dev", &picture).await;
    refused.problem(402, "out_of_credits");
    // The next 1,000 credits first pay the debt, too.
    bought(&ada).await;
    let dear = ada
        .post("/generations/veo3", &json!({"prompt": "within"}))
        .await;
    assert_eq!(dear.status, 202, "{:?}", dear.body);
    let refused = ada.post("/generations/flux-dev", &picture).await;
    refused.problem(402, "out_of_credits");
    assert_eq!(ada.books().await.balance(), (900, 500));
}

#[tokio::test]
async fn a_checkout_with_a_key_begins_once_and_a_plan_never_becomes_smaller() {
    let cloud = Cloud::with_admin().await;
    let (admin, ada, bob) = (
        cloud.admin().await,
        cloud.person().await,
        cloud.person().await,
    );
    let first = ada.post_once(CHECKOUT, "key", &wanted("creator")).await;
    let again = ada.post_once(CHECKOUT, "key", &wanted("creator")).await;
    assert_eq!((first.status, again.status), (201, 201));
    assert_eq!(first.text("id"), again.text("id"));
    let other = ada.post_once(CHECKOUT, "key", &wanted("starter")).await;
    other.problem(422, "idempotency_mismatch");
    let his = bob.post_once(CHECKOUT, "key", &wanted("creator")).await;
    assert_ne!(his.text("id"), first.text("id"));

    let path = format!("/admin/users/{}", ada.id);
    let larger = admin
        .request(Method::PATCH, &path)
        .json(&json!({"plan": "enterprise"}));
    send(larger).await.expect(200);
    let paid = quietly(&cloud, &first.text("id"), "complete", json!({})).await;
    deliver(&cloud, &paid, 2).await;
    assert_eq!(ada.get("/me").await.expect(200)["plan"], "enterprise");
    assert_eq!(ada.books().await.balance(), (7_000, 0));
}

#[tokio::test]
async fn a_checkout_that_cannot_be_is_refused_by_field() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    for (field, value) in [
        ("pack", json!("free")),
        ("pack", Value::Null),
        ("success_url", json!("javascript:alert(1)")),
        ("success_url", json!("http://shop.example/")),
        ("success_url", json!("https://")),
        ("cancel_url", json!("https://shop.example/ x")),
        (
            "cancel_url",
            json!(format!("https://shop.example/{}", "x".repeat(2_000))),
        ),
        ("credits", json!(1_000_000)),
        ("amount", json!(1)),
    ] {
        let mut body = wanted("starter");
        body[field] = value;
        let answer = ada.post(CHECKOUT, &body).await;
        let fields = answer.problem(422, "validation_failed");
        assert!(fields.contains(field), "{body}: {fields:?}");
    }
    assert!(cloud.local("stripe/sessions").await.is_empty());
    let mut local = wanted("starter");
    local["success_url"] = json!("http://localhost:8080/paid?id={CHECKOUT_SESSION_ID}");
    ada.post(CHECKOUT, &local).await.expect(201);
    assert_eq!(cloud.faults(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_is_booked_once_though_the_function_that_books_it_is_killed_again_and_again() {
    let cloud = Cloud::start().await;
    cloud.expects_faults();
    let people = join_all((0..6).map(|_| cloud.person())).await;
    for person in &people {
        let session = begin(person, "starter").await;
        let path = format!("stripe/sessions/{session}");
        cloud.act(&format!("{path}/complete"), &json!({})).await;
        let part = json!({"amount": 250});
        cloud.act(&format!("{path}/refund"), &part).await;
    }
    let mut kills = 0;
    eventually("every event to be taken", || {
        kills += 1;
        let (cloud, is_killing) = (&cloud, kills <= 30);
        async move {
            if is_killing {
                cloud
                    .act("functions/webhooks-stripe/kill", &json!({}))
                    .await;
                return None;
            }
            let events = cloud.local("stripe/events").await;
            let waiting = events.iter().any(|event| event["is_waiting"] == true);
            (!waiting).then_some(())
        }
    })
    .await;
    for person in &people {
        let books = person.books().await;
        assert_eq!(books.count("purchase"), 1);
        assert_eq!(adjustments(&books), [(250, -250)]);
        assert_eq!(books.balance(), (1_750, 0));
    }
}

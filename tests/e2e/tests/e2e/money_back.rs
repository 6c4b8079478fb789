//! The fate of a purchase whose money is refunded, comes back, or was never right.

use hmac::{Hmac, Mac as _};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::harness::{Answer, Cloud, Person, send};

const CHECKOUT: &str = "/credits/checkout";

fn wanted(pack: &str) -> Value {
    json!({"pack": pack, "success_url": "https://shop.example/paid", "cancel_url": "https://shop.example/"})
}

/// Sends an event that Stripe could have signed; the answer.
async fn tell(cloud: &Cloud, kind: &str, at_s: i64, object: Value) -> Answer {
    let now_s = time::OffsetDateTime::now_utc().unix_timestamp();
    let body = json!({"id": "evt_1", "type": kind, "created": at_s, "data": {"object": object}});
    let body = body.to_string();
    let mac = Hmac::<Sha256>::new_from_slice(b"whsec_local").unwrap();
    let mac = mac.chain_update(format!("{now_s}.{body}")).finalize();
    let signature = format!("t={now_s},v1={}", hex::encode(mac.into_bytes()));
    let request = cloud.request(Method::POST, "/webhooks/stripe");
    let request = request.header("content-type", "application/json");
    send(request.header("stripe-signature", signature).body(body)).await
}

/// Sends an event twice, which must be accepted.
async fn told(cloud: &Cloud, kind: &str, at_s: i64, object: &Value) {
    for _ in 0..2 {
        let answer = tell(cloud, kind, at_s, object.clone()).await;
        assert_eq!(answer.status, 200, "{kind}: {:?}", answer.body);
    }
}

/// Begins a checkout; its id.
async fn begin(person: &Person<'_>, pack: &str) -> String {
    person.post(CHECKOUT, &wanted(pack)).await.expect(201)["id"]
        .as_str()
        .unwrap()
        .to_owned()
}

fn session(id: &str, payment: &str, amount: i64) -> Value {
    json!({
        "id": id, "payment_status": "paid", "payment_intent": payment,
        "amount_total": amount, "currency": "usd",
    })
}

fn dispute(payment: &str, amount: i64, status: &str) -> Value {
    json!({
        "id": format!("dp_{payment}"), "payment_intent": payment, "amount": amount, "currency": "usd",
        "status": status,
    })
}

fn refund(payment: &str, amount: i64, status: &str) -> Value {
    json!({
        "id": format!("re_{payment}"), "payment_intent": payment, "amount": amount, "currency": "usd",
        "status": status,
    })
}

/// Makes a purchase, which is booked.
async fn buy(person: &Person<'_>, pack: &str, payment: &str, amount: i64) {
    let id = begin(person, pack).await;
    let paid = session(&id, payment, amount);
    told(person.cloud, "checkout.session.completed", 1, &paid).await;
}

async fn stands(person: &Person<'_>) -> (i64, String) {
    let plan = person.get("/me").await.expect(200)["plan"].clone();
    let balance = person.books().await.balance().0;
    (balance, plan.as_str().unwrap().to_owned())
}

#[tokio::test]
async fn the_plan_that_came_with_a_purchase_goes_when_its_money_goes_and_no_further() {
    let cloud = Cloud::with_admin().await;
    let (admin, ada, bob) = (
        cloud.admin().await,
        cloud.person().await,
        cloud.person().await,
    );
    buy(&ada, "studio", "pi_studio", 20_000).await;
    assert_eq!(stands(&ada).await, (26_000, "pro".to_owned()));
    let opened = dispute("pi_studio", 20_000, "needs_response");
    told(&cloud, "charge.dispute.created", 2, &opened).await;
    assert_eq!(stands(&ada).await, (1_000, "free".to_owned()));
    let won = dispute("pi_studio", 20_000, "won");
    told(&cloud, "charge.dispute.closed", 3, &won).await;
    assert_eq!(stands(&ada).await, (26_000, "pro".to_owned()));

    // A partial refund leaves the plan; a full one leaves only the plan of the other, smaller purchase.
    buy(&ada, "creator", "pi_creator", 5_000).await;
    let part = json!({
        "payment_intent": "pi_studio", "amount": 20_000, "amount_refunded": 19_999, "currency": "usd",
    });
    told(&cloud, "charge.refunded", 4, &part).await;
    assert_eq!(stands(&ada).await.1, "pro");
    let whole = json!({
        "payment_intent": "pi_studio", "amount": 20_000, "amount_refunded": 20_000, "currency": "usd",
    });
    told(&cloud, "charge.refunded", 5, &whole).await;
    assert_eq!(stands(&ada).await, (7_000, "basic".to_owned()));
    let acts = admin
        .get(&format!("/admin/audit?user_id={}&limit=100", ada.id))
        .await
        .expect(200);
    let acts = acts["data"].as_array().unwrap();
    let changes = acts.iter().filter(|act| act["act"] == "plan_changed");
    assert_eq!(changes.count(), 4, "pro, free, pro, basic");

    // A plan that an admin gave stays, and a refund never makes a plan larger.
    let grant = |plan: &str| {
        let request = admin.request(Method::PATCH, &format!("/admin/users/{}", bob.id));
        send(request.json(&json!({"plan": plan})))
    };
    grant("basic").await.expect(200);
    buy(&bob, "studio", "pi_bob", 20_000).await;
    let lost = dispute("pi_bob", 20_000, "lost");
    told(&cloud, "charge.dispute.closed", 2, &lost).await;
    assert_eq!(stands(&bob).await, (1_000, "basic".to_owned()));
    let run = cloud.reconcile(&json!({"from": "beginning"})).await;
    assert_eq!(run["broken_count"], 0, "{run}");
}

#[tokio::test]
async fn a_refund_that_fails_later_makes_its_buyer_whole() {
    let cloud = Cloud::start().await;
    for (n, kind) in ["refund.failed", "refund.updated", "charge.refund.updated"]
        .into_iter()
        .enumerate()
    {
        let ada = cloud.person().await;
        let payment = format!("pi_{n}");
        buy(&ada, "creator", &payment, 5_000).await;
        let made = refund(&payment, 5_000, "pending");
        told(&cloud, "refund.created", 2, &made).await;
        let charge = json!({
            "payment_intent": payment, "amount": 5_000, "amount_refunded": 5_000, "currency": "usd",
        });
        told(&cloud, "charge.refunded", 2, &charge).await;
        assert_eq!(stands(&ada).await, (1_000, "free".to_owned()));
        told(&cloud, kind, 3, &refund(&payment, 5_000, "failed")).await;
        // An event of before comes again, late.
        told(&cloud, "refund.created", 2, &made).await;
        told(&cloud, "charge.refunded", 2, &charge).await;
        assert_eq!(stands(&ada).await, (7_000, "basic".to_owned()), "{kind}");
        assert_eq!(ada.books().await.count("purchase"), 1);
    }
}

#[tokio::test]
async fn an_inquiry_takes_nothing_until_its_funds_go_and_ends_with_its_last_word() {
    let cloud = Cloud::start().await;
    let (ada, bob) = (cloud.person().await, cloud.person().await);
    buy(&ada, "starter", "pi_ada", 1_000).await;
    let asked = dispute("pi_ada", 1_000, "warning_needs_response");
    told(&cloud, "charge.dispute.created", 2, &asked).await;
    assert_eq!(stands(&ada).await.0, 2_000);
    let withdrawn = dispute("pi_ada", 1_000, "needs_response");
    told(&cloud, "charge.dispute.funds_withdrawn", 3, &withdrawn).await;
    told(&cloud, "charge.dispute.updated", 2, &asked).await;
    assert_eq!(stands(&ada).await.0, 1_000);
    let back = dispute("pi_ada", 1_000, "under_review");
    told(&cloud, "charge.dispute.funds_reinstated", 4, &back).await;
    told(&cloud, "charge.dispute.updated", 3, &withdrawn).await;
    assert_eq!(stands(&ada).await.0, 2_000);

    buy(&bob, "starter", "pi_bob", 1_000).await;
    let asked = dispute("pi_bob", 1_000, "warning_under_review");
    told(&cloud, "charge.dispute.updated", 2, &asked).await;
    let closed = dispute("pi_bob", 1_000, "warning_closed");
    told(&cloud, "charge.dispute.closed", 3, &closed).await;
    assert_eq!(stands(&bob).await.0, 2_000);
}

#[tokio::test]
async fn money_that_cannot_be_understood_is_an_alarm_and_no_arithmetic() {
    let cloud = Cloud::start().await;
    cloud.expects_faults();
    let ada = cloud.person().await;
    let id = begin(&ada, "starter").await;
    let paid = session(&id, "pi_1", 1_000);
    let with = |field: &str, value: Value| {
        let mut object = paid.clone();
        object[field] = value;
        object
    };
    let completed = "checkout.session.completed";
    let mut lost = session("cs_lost", "pi_lost", 1_000);
    lost["client_reference_id"] = json!(ada.id);
    for object in [
        with("currency", json!("eur")),
        with("amount_total", json!(999)),
        lost,
    ] {
        let answer = tell(&cloud, completed, 1, object.clone()).await;
        assert_eq!(answer.status, 500, "{object}");
    }
    assert_eq!(stands(&ada).await.0, 1_000);
    assert_eq!(cloud.faults().len(), 3);

    told(&cloud, completed, 1, &paid).await;
    let mut foreign = refund("pi_1", 900, "succeeded");
    foreign["currency"] = json!("jpy");
    assert_eq!(tell(&cloud, "refund.created", 2, foreign).await.status, 500);
    assert_eq!(stands(&ada).await.0, 2_000);
    // Somebody else's sale in the same account does not concern us.
    let mut theirs = session("cs_theirs", "pi_theirs", 70);
    theirs["currency"] = json!("eur");
    told(&cloud, completed, 1, &theirs).await;
}

#[tokio::test]
async fn a_checkout_that_asks_for_no_money_is_booked_once() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let id = begin(&ada, "starter").await;
    let free = json!({
        "id": id, "payment_status": "no_payment_required", "payment_intent": null,
        "amount_total": 0, "currency": "usd",
    });
    for _ in 0..3 {
        told(&cloud, "checkout.session.completed", 1, &free).await;
    }
    assert_eq!(ada.books().await.count("purchase"), 1);
    assert_eq!(stands(&ada).await.0, 2_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_that_stripe_remembers_locks_no_key_and_a_key_begins_one_checkout() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    cloud.act("stripe/fail/1", &json!({})).await;
    let failed = ada.post_once(CHECKOUT, "key-1", &wanted("starter")).await;
    failed.problem(503, "provider_unavailable");
    let begun = ada.post_once(CHECKOUT, "key-1", &wanted("starter")).await;
    assert_eq!(begun.status, 201, "{:?}", begun.body);
    assert_eq!(begun.header("idempotent-replayed"), "");
    let again = ada.post_once(CHECKOUT, "key-1", &wanted("starter")).await;
    assert_eq!((again.status, &again.body), (201, &begun.body));
    assert_eq!(again.header("idempotent-replayed"), "true");
    let other = ada.post_once(CHECKOUT, "key-1", &wanted("creator")).await;
    other.problem(422, "idempotency_mismatch");

    let wanted = wanted("studio");
    let at_once = (0..5).map(|_| ada.post_once(CHECKOUT, "key-2", &wanted));
    let answers = futures::future::join_all(at_once).await;
    let ids: std::collections::BTreeSet<_> = answers
        .iter()
        .filter(|answer| answer.status == 201)
        .map(|answer| answer.text("id"))
        .collect();
    assert_eq!(ids.len(), 1, "{answers:?}");
}

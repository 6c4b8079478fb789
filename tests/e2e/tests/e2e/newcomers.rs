//! A newcomer's first minute is their own, even if many strangers come. A key of one's own is for those who
//! verify their e-mail and call.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::ids::UserId;
use domain::usage_keys::shared_key_number;
use futures::future::join_all;
use serde_json::json;

use crate::harness::{Cloud, Person, eventually};
use crate::rate_limits::{
    SHARED_KEYS, all_notes, invoke_worker, is_keyed, keys, limited, look, now_ms, number, set,
};

const DAY_MS: i64 = 86_400_000;
/// The number of shared keys of a plan in these tests.
const KEYS: u32 = 4;
const PLANS: [&str; 4] = ["free", "basic", "pro", "enterprise"];

/// The number of shared keys that users may be given; `None` while that is unknown.
async fn shared_keys_ready(cloud: &Cloud) -> Option<u32> {
    let item = cloud.dynamodb().get_item();
    let item = item
        .table_name("velro-local-accountstable")
        .key("pk", AttributeValue::S("key-count".to_owned()))
        .key("sk", AttributeValue::S("shared".to_owned()))
        .consistent_read(true);
    let mut item = item.send().await.unwrap().item?;
    item.remove("ready")?.as_n().unwrap().parse().ok()
}

/// Runs the sweep until all shared keys are made.
async fn share_keys(cloud: &Cloud) {
    eventually("the shared keys", || async {
        cloud.sweep().await;
        (shared_keys_ready(cloud).await == Some(KEYS)).then_some(())
    })
    .await;
}

fn shared_by(person: &Person<'_>) -> u32 {
    shared_key_number(&UserId::parse(&person.id).unwrap(), KEYS)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_with_six_threads_takes_nothing_from_a_newcomers_first_calls() {
    let cloud = limited(&[("SharedKeys", "4")]).await;
    share_keys(&cloud).await;
    let eve = cloud.person().await;
    let ada = loop {
        let newcomer = cloud.person().await;
        if shared_by(&newcomer) != shared_by(&eve) {
            break newcomer;
        }
    };
    // The flood goes on after she is refused.
    let flood = |calls: u32| {
        let eve = &eve;
        async move {
            let mut refused = 0;
            for _ in 0..calls {
                refused += u32::from(eve.get("/credits").await.status == 429);
            }
            refused
        }
    };
    let refused: u32 = join_all((0..6).map(|_| flood(40))).await.iter().sum();
    assert!(refused > 0);
    let newcomer = async {
        for n in 0..31 {
            let answer = ada.get("/credits").await;
            assert_eq!(answer.status, 200, "{n}: {:?}", answer.body);
        }
    };
    let floods = join_all((0..6).map(|_| flood(20)));
    let (_, refused) = tokio::join!(newcomer, floods);
    assert!(refused.iter().sum::<u32>() > 0, "the flood was over");

    // Then she verifies her e-mail, and shares her key with nobody.
    is_keyed(&ada).await;
    let me = ada.get("/me").await.expect(200);
    assert_eq!(
        me["rate_limit"],
        json!({"plan": "free", "key": "dedicated"})
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_sign_ups_take_no_key_and_the_one_who_verifies_and_calls_gets_one() {
    let cloud = Cloud::start().await;
    let mut strangers = Vec::new();
    for _ in 0..10 {
        let stranger = cloud.person().await;
        stranger.get("/me").await.expect(200);
        strangers.push(stranger);
    }
    let ada = cloud.person().await;
    cloud.verify_by_hand(&ada).await;
    assert!(keys(&ada).is_empty());
    is_keyed(&ada).await;
    assert_eq!(keys(&ada).len(), 1);
    for stranger in &strangers {
        assert!(keys(stranger).is_empty());
        let me = stranger.get("/me").await.expect(200);
        assert_eq!(me["rate_limit"], json!({"plan": "free", "key": "shared"}));
    }
    let notes = all_notes(&cloud).await;
    assert!(notes.iter().all(|(user, _)| *user == ada.id), "{notes:?}");
}

#[tokio::test]
async fn a_key_is_given_back_after_two_weeks_and_comes_again_with_its_user() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    is_keyed(&ada).await;
    let (today, term) = (now_ms() / DAY_MS, number(&ada, "plan_term").await.unwrap());
    let idle_note = || async {
        let notes = all_notes(&cloud).await;
        assert!(notes.len() <= 1, "{notes:?}");
        notes.first().map(|(_, due_at_ms)| *due_at_ms)
    };
    let due_at_ms = eventually("the note of idleness", idle_note).await;
    assert_eq!(due_at_ms / DAY_MS, today + 14);

    // She called meanwhile, so the note is put off.
    set(&ada, "seen_on", today + 1).await;
    look(&ada, due_at_ms).await;
    assert_eq!(idle_note().await, Some(due_at_ms + DAY_MS));
    assert_eq!(number(&ada, "plan_term").await, Some(term));

    // This time she did not call. Her key works for as long as the authorizer's cached answer names it.
    ada.get("/credits").await.expect(200);
    set(&ada, "seen_on", today - 15).await;
    look(&ada, due_at_ms + DAY_MS).await;
    assert_eq!(number(&ada, "plan_term").await, Some(term + 1));
    assert_eq!(keys(&ada).len(), 1);
    ada.get("/credits").await.expect(200);
    let since = number(&ada, "plan_since_ms").await.unwrap();
    let retires_at_ms = idle_note().await.unwrap();
    assert_eq!(retires_at_ms, since + 90_000);
    set(&ada, "plan_since_ms", since - 90_000).await;
    look(&ada, retires_at_ms).await;
    assert!(keys(&ada).is_empty());
    assert_eq!(idle_note().await, None);

    // She comes back, at first on a shared key.
    cloud.stack.forget_callers();
    let me = ada.get("/me").await.expect(200);
    assert_eq!(me["rate_limit"], json!({"plan": "free", "key": "shared"}));
    is_keyed(&ada).await;
    assert_eq!(keys(&ada).len(), 1);
    assert_eq!(number(&ada, "keyed_term").await, Some(term + 1));
    let due_at_ms = eventually("the note of idleness", idle_note).await;
    assert_eq!(due_at_ms / DAY_MS, today + 14);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_plan_has_its_shared_keys_once_however_often_they_are_made() {
    let mut options = Cloud::options();
    options
        .parameters
        .extend([("SharedKeys".into(), "4".into())]);
    let cloud = Cloud::from(options).await;
    // There is room for the second key of each plan, and for one more.
    let aws = cloud.stack.aws().api_keys();
    aws.limit(SHARED_KEYS + 5);
    let shared = json!("shared");
    join_all((0..3).map(|_| invoke_worker(&cloud, &shared))).await;
    assert_eq!(shared_keys_ready(&cloud).await, None);
    // Nobody is counted by a missing key.
    let early = cloud.person().await;
    early.get("/me").await.expect(200);
    aws.limit(10_000);
    share_keys(&cloud).await;
    join_all((0..3).map(|_| invoke_worker(&cloud, &shared))).await;
    let mut used = BTreeSet::new();
    for plan in PLANS {
        for number in 0..KEYS {
            let value = format!("velro-local-shared-by-everybody-on-{plan}-{number}");
            let key = aws.find(&value).unwrap_or_else(|| panic!("no {value}"));
            assert!(used.insert(key.id.clone()));
            assert_eq!(key.plans, [format!("velro-local-{plan}sharedplan")]);
            if number > 0 {
                assert_eq!(aws.named(&value).unwrap().len(), 1);
            }
        }
    }
    for _ in 0..8 {
        cloud.person().await.get("/me").await.expect(200);
    }
    cloud.stack.forget_callers();
    early.get("/me").await.expect(200);
}

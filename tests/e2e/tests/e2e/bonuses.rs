//! The sign-up bonus: once for each mailbox, when it is shown, and no more in a day than the operator allows.

use aws_sdk_dynamodb::types::AttributeValue;
use futures::future::join_all;
use serde_json::{Value, json};

use crate::harness::{Cloud, PASSWORD, Person, token_in};

const ACCOUNTS: &str = "velro-local-accountstable";
const VERIFY: &str = "Verify your e-mail address";
const RESET: &str = "Choose a new password";
const AT_VERIFICATION: (&str, &str) = ("SignUpCreditsAt", "verification");
const BONUS: (&str, i64, i64) = ("bonus", 1_000, 0);

/// The token of the newest letter, once there are `count`.
async fn token(cloud: &Cloud, email: &str, subject: &str, count: usize) -> String {
    token_in(cloud.letters(email, subject, count).await.last().unwrap())
}

async fn verify(person: &Person<'_>, letters: usize) {
    let token = token(person.cloud, &person.email, VERIFY, letters).await;
    let body = json!({"token": token});
    let verified = person.post("/auth/verify-email", &body).await;
    assert_eq!(verified.status, 204);
}

async fn purge(cloud: &Cloud) -> Value {
    let ran = cloud.act("schedules/jobs-purge/run", &json!({})).await;
    assert_eq!(ran["status"], "succeeded", "{ran}");
    ran["result"].clone()
}

/// Deletes the count of today's bonuses, as if a day had passed.
async fn a_day_passes(cloud: &Cloud) {
    let day = time::OffsetDateTime::now_utc().unix_timestamp() / 86_400;
    cloud
        .dynamodb()
        .delete_item()
        .table_name(ACCOUNTS)
        .key("pk", AttributeValue::S(format!("bonuses#{day}")))
        .key("sk", AttributeValue::S("count".to_owned()))
        .condition_expression("attribute_exists(pk)")
        .send()
        .await
        .unwrap();
}

#[tokio::test]
async fn a_newcomer_has_nothing_to_spend_until_they_show_their_mailbox() {
    let cloud = Cloud::start_with(&[AT_VERIFICATION]).await;
    let ada = cloud.person().await;
    assert_eq!(ada.books().await.lines(), []);
    assert_eq!(ada.books().await.balance(), (0, 0));
    let order = json!({"prompt": "for nothing"});
    let refused = ada.post("/generations/flux-dev", &order).await;
    refused.problem(402, "out_of_credits");

    verify(&ada, 1).await;
    assert_eq!(ada.books().await.lines(), [BONUS]);
    let made = ada
        .generate("flux-dev", "with the bonus [[delay:1ms]]")
        .await;
    ada.when(&made, "succeeded").await;
    assert_eq!(ada.books().await.balance(), (975, 0));
    let run = cloud.reconcile(&json!({"from": "beginning"})).await;
    assert_eq!(run["broken_count"], 0, "{run}");
}

#[tokio::test]
async fn who_verifies_by_a_reset_has_the_bonus_too_and_once() {
    let cloud = Cloud::start_with(&[AT_VERIFICATION]).await;
    let ada = cloud.person().await;
    for (count, password) in [
        (1, "another long pass phrase"),
        (2, "yet another pass phrase"),
    ] {
        let body = json!({"email": ada.email});
        let asked = cloud.post("/auth/password-reset", &body).await;
        assert_eq!(asked.status, 202);
        let token = token(&cloud, &ada.email, RESET, count).await;
        let body = json!({"token": token, "password": password});
        let reset = cloud.post("/auth/password-reset/confirm", &body).await;
        assert_eq!(reset.status, 204);
        let ada = ada.sign_in(password).await;
        assert_eq!(ada.books().await.lines(), [BONUS]);
    }
}

#[tokio::test]
async fn ten_ways_to_write_one_mailbox_through_erasures_and_resets_are_one_bonus() {
    let cloud = Cloud::start_with(&[AT_VERIFICATION]).await;
    let ways = [
        "ada.lovelace@gmail.com",
        "adalovelace@gmail.com",
        "a.d.a.lovelace@gmail.com",
        "ADA.Lovelace+1@gmail.com",
        "ada.lovelace+farm@gmail.com",
        "adalovelace@googlemail.com",
        "ada.lovelace+2@googlemail.com",
        "AdaLovelace+x+y@GMAIL.COM",
        "adalovelac.e@gmail.com",
        "ada.lovelace@Gmail.com",
    ];
    let mut given = 0;
    for (n, way) in ways.into_iter().enumerate() {
        cloud.forget_letters().await;
        let mut ada = Person::register_as(&cloud, way).await;
        ada.email = ada.get("/me").await.expect(200)["email"]
            .as_str()
            .unwrap()
            .to_owned();
        // The last spelling is that of the first, whose account is erased by then.
        let letters = if n == ways.len() - 1 { 2 } else { 1 };
        if n % 3 == 1 {
            let body = json!({"email": ada.email});
            let asked = cloud.post("/auth/password-reset", &body).await;
            assert_eq!(asked.status, 202);
            let token = token(&cloud, &ada.email, RESET, 1).await;
            let body = json!({"token": token, "password": PASSWORD});
            let reset = cloud.post("/auth/password-reset/confirm", &body).await;
            assert_eq!(reset.status, 204);
            ada = ada.sign_in(PASSWORD).await;
        } else {
            verify(&ada, letters).await;
        }
        assert_eq!(ada.get("/me").await.expect(200)["email_verified"], true);
        given += ada.books().await.count("bonus");
        if n % 2 == 0 {
            assert_eq!(ada.erase().await.status, 204);
        }
    }
    assert_eq!(given, 1);
    // The record that remembers the mailbox names nobody.
    cloud.forget_letters().await;
    let kept = cloud.everything_kept().await;
    assert_eq!(kept.matches("S(\"mailbox#").count(), 1);
    assert!(!kept.contains("mailbox#ada"));
    // Another mailbox belongs to another person.
    let eve = Person::register_as(&cloud, "ada.lovelace@example.org").await;
    verify(&eve, 1).await;
    assert_eq!(eve.books().await.lines(), [BONUS]);
    assert_eq!(purge(&cloud).await["bonuses_waiting"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_gives_as_many_bonuses_as_the_operator_allows_and_the_others_come_later() {
    let cloud = Cloud::start_with(&[AT_VERIFICATION, ("SignUpBonusesPerDay", "2")]).await;
    let people = join_all((0..5).map(|_| cloud.person())).await;
    join_all(people.iter().map(|person| verify(person, 1))).await;
    let given = || async {
        let books = join_all(people.iter().map(Person::books)).await;
        books
            .iter()
            .map(|books| books.count("bonus"))
            .sum::<usize>()
    };
    assert_eq!(given().await, 2);
    assert!(cloud.everything_logged().contains("\"BonusesWaiting\":1"));
    assert_eq!(purge(&cloud).await["bonuses_ended"], 0);
    assert_eq!(given().await, 2);
    for (expected, left) in [(4, 1), (5, 0)] {
        a_day_passes(&cloud).await;
        assert_eq!(
            purge(&cloud).await["bonuses_waiting"]
                .as_u64()
                .unwrap()
                .min(1),
            left
        );
        assert_eq!(given().await, expected);
    }
    let run = cloud.reconcile(&json!({"from": "beginning"})).await;
    assert_eq!(run["broken_count"], 0, "{run}");
}

#[tokio::test]
async fn where_strangers_cannot_register_the_bonus_comes_with_the_account_and_still_once_a_mailbox()
{
    let cloud = Cloud::start().await;
    let ada = Person::register_as(&cloud, "ada@example.org").await;
    assert_eq!(ada.books().await.lines(), [BONUS]);
    verify(&ada, 1).await;
    assert_eq!(ada.books().await.lines(), [BONUS]);
    assert_eq!(ada.erase().await.status, 204);
    let again = Person::register_as(&cloud, "ada+again@example.org").await;
    assert_eq!(again.books().await.lines(), []);
}

#[tokio::test]
async fn a_bonus_of_zero_is_no_entry() {
    let cloud = Cloud::start_with(&[("SignUpCredits", "0")]).await;
    let ada = cloud.person().await;
    verify(&ada, 1).await;
    assert_eq!(ada.books().await.lines(), []);
    assert_eq!(purge(&cloud).await["bonuses_waiting"], 0);
}

#[tokio::test]
async fn those_whose_bonus_waits_keep_nobody_waiting() {
    let cloud = Cloud::start_with(&[AT_VERIFICATION, ("SignUpBonusesPerDay", "1")]).await;
    let (first, ada) = (cloud.person().await, cloud.person().await);
    verify(&first, 1).await;
    verify(&ada, 1).await;
    assert_eq!(ada.books().await.lines(), []);
    // The notes of suspended people come before hers.
    let dynamodb = cloud.dynamodb();
    let (credits, key) = ("velro-local-creditstable", AttributeValue::S);
    let get = dynamodb.get_item().table_name(ACCOUNTS);
    let get = get
        .key("pk", key(ada.id.clone()))
        .key("sk", key("profile".to_owned()));
    let mut profile = get.send().await.unwrap().item.unwrap();
    profile.insert("suspended".to_owned(), AttributeValue::Bool(true));
    let get = dynamodb.get_item().table_name(credits);
    let get = get
        .key("tenant", key(ada.id.clone()))
        .key("entry", key("wallet".to_owned()));
    let mut wallet = get.send().await.unwrap().item.unwrap();
    for n in 0..130 {
        let id = format!("usr_01J000000000000000000{n:05}");
        profile.insert("pk".to_owned(), key(id.clone()));
        profile.insert(
            "email".to_owned(),
            key(format!("suspended-{n}@example.org")),
        );
        wallet.insert("tenant".to_owned(), key(id.clone()));
        let put = dynamodb.put_item().table_name(ACCOUNTS);
        put.set_item(Some(profile.clone())).send().await.unwrap();
        let put = dynamodb.put_item().table_name(credits);
        put.set_item(Some(wallet.clone())).send().await.unwrap();
        let put = dynamodb.put_item().table_name(ACCOUNTS);
        let put = put
            .item("pk", key("bonuses".to_owned()))
            .item("sk", key(id));
        let put = put.item("due_at_ms", AttributeValue::N("1".to_owned()));
        put.send().await.unwrap();
    }
    a_day_passes(&cloud).await;
    let run = purge(&cloud).await;
    assert_eq!(
        (&run["bonuses_ended"], &run["bonuses_waiting"]),
        (&json!(1), &json!(130))
    );
    assert_eq!(ada.books().await.lines(), [BONUS]);
}

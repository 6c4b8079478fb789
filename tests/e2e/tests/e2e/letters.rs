//! The bound on the letters that strangers can make us write; the owner of an address always gets theirs.

use serde_json::{Value, json};

use crate::harness::{ADMIN_EMAIL, Cloud, PASSWORD, Person, eventually};

/// The number of letters to a mailbox, in any spelling.
async fn letters_to(cloud: &Cloud, part: &str) -> usize {
    let mail = cloud.local("mail").await;
    let to = |letter: &&Value| letter["to"].to_string().contains(part);
    mail.iter().filter(to).count()
}

async fn ask_for_reset(cloud: &Cloud, email: &str) {
    let answer = cloud
        .post("/auth/password-reset", &json!({"email": email}))
        .await;
    assert_eq!(answer.status, 202, "{:?}", answer.body);
}

/// Waits until there are `count` letters to a mailbox.
async fn written(cloud: &Cloud, part: &str, count: usize) {
    eventually("a letter", || async {
        (letters_to(cloud, part).await == count).then_some(())
    })
    .await;
}

/// Waits until the mail worker has logged these words `times` times.
async fn said(cloud: &Cloud, words: &str, times: usize) {
    eventually(words, || async {
        (cloud.everything_logged().matches(words).count() >= times).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_strangers_mailbox_gets_ten_letters_a_day_however_it_is_written_and_erased() {
    let cloud = Cloud::start().await;
    let writings = [
        "victim@gmail.com",
        "vic.tim@gmail.com",
        "Victim+1@gmail.com",
        "victim@googlemail.com",
    ];
    for n in 0..16 {
        let email = writings[n % writings.len()];
        let body = json!({"email": email, "password": PASSWORD});
        let made = cloud.post("/auth/register", &body).await;
        assert_eq!(made.status, 201, "{:?}", made.body);
        let eve = Person {
            cloud: &cloud,
            id: made.body["user"]["id"].as_str().unwrap().to_owned(),
            email: email.to_owned(),
            token: made.text("access_token"),
            refresh_token: made.text("refresh_token"),
        };
        // The account is erased only then: before its letter is written, that would make the letter
        // pointless.
        if n < 10 {
            written(&cloud, "mail.com", n + 1).await;
        } else {
            said(&cloud, "too many letters", n - 9).await;
        }
        assert_eq!(eve.erase().await.status, 204);
    }
    assert_eq!(letters_to(&cloud, "mail.com").await, 10);
    // Nothing is kept of them by which they could be found.
    let kept = cloud.everything_kept().await;
    assert!(!kept.to_lowercase().contains("vic"), "{kept}");
    // Another stranger's letter is still written.
    let _ada = cloud.person().await;
    written(&cloud, "person-", 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_a_days_letters_to_strangers_are_written_owners_still_get_theirs() {
    let parameters = [
        ("LettersToStrangersPerDay", "3"),
        ("AdminEmails", ADMIN_EMAIL),
    ];
    let cloud = Cloud::start_with(&parameters).await;
    let ada = cloud.person().await;
    written(&cloud, &ada.email, 1).await;
    cloud.verify_by_hand(&ada).await;
    let mut strangers = Vec::new();
    for _ in 0..6 {
        strangers.push(cloud.person().await);
    }
    said(&cloud, "too many letters", 4).await;
    assert_eq!(cloud.local("mail").await.len(), 3);
    let counted = cloud.everything_logged();
    assert!(counted.contains(r#""LettersRefused":1"#), "{counted}");

    // The owner of a verified address always gets her letters.
    ask_for_reset(&cloud, &ada.email).await;
    written(&cloud, &ada.email, 2).await;
    // A reset of an unverified account does not get around the bound.
    ask_for_reset(&cloud, &strangers[5].email).await;
    said(&cloud, "too many letters", 5).await;
    assert_eq!(letters_to(&cloud, &strangers[5].email).await, 0);
}

//! The state that a user finds after the whole cloud was killed in the middle of its work.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::client::{Books, User, expect, http, until_status};
use crate::process::{Process, eventually, is_running};

/// The time in which functions must end: one that waits for work ends at once, and one that has work may
/// finish it first.
const ORPHANS_DEADLINE: Duration = Duration::from_secs(30);
/// The smallest picture.
const PICTURE: &[u8] =
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89\0\0\0\nIDAT\x78\x9c\x63\0\x01\0\0\
      \x05\0\x01\r\n\x2d\xb4\0\0\0\0IEND\xae\x42\x60\x82";

/// Uploads a picture; returns the file's id, and the address of the AWS services.
async fn upload(user: &User) -> (String, String) {
    let announced = json!({
        "purpose": "reference",
        "content_type": "image/png",
        "size": PICTURE.len(),
        "sha256": hex::encode(Sha256::digest(PICTURE)),
    });
    let file = user.post("/files", &announced, 201).await;
    let (id, url) = (
        file["id"].as_str().unwrap(),
        file["upload"]["url"].as_str().unwrap(),
    );
    let mut put = http().put(url).body(PICTURE);
    for (name, value) in file["upload"]["headers"].as_object().unwrap() {
        put = put.header(name, value.as_str().unwrap());
    }
    expect(put.send().await.unwrap(), 200).await;
    user.post(&format!("/files/{id}/complete"), &Value::Null, 200)
        .await;
    let endpoint: String = url.split_inclusive('/').take(3).collect();
    (id.to_owned(), endpoint)
}

/// Sends a mail as a function would.
async fn send_mail(endpoint: &str) {
    let mail = json!({
        "FromEmailAddress": "app@example.com",
        "Destination": { "ToAddresses": ["ann@example.com"] },
        "Content": { "Simple": {
            "Subject": { "Data": "Welcome" },
            "Body": { "Text": { "Data": "Hello" } },
        } },
    });
    let credential = "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/ses/aws4_request, \
                      SignedHeaders=host, Signature=0";
    let post = http()
        .post(format!("{endpoint}v2/email/outbound-emails"))
        .header("authorization", credential)
        .json(&mail);
    expect(post.send().await.unwrap(), 200).await;
}

/// The delivery of a finished generation: its presigned address and its bytes, which must be the right ones.
async fn media(user: &User, id: &str) -> (String, Vec<u8>) {
    let generation = user.generation(id).await;
    assert_eq!(generation["status"], "succeeded", "{generation}");
    let output = &generation["outputs"][0];
    let url = output["url"].as_str().unwrap().to_owned();
    let bytes = user.download(&url).await;
    assert_eq!(output["sha256"], hex::encode(Sha256::digest(&bytes)));
    (url, bytes)
}

async fn generate(user: &User, model: &str, prompt: &str) -> String {
    user.generate(model, &json!({ "prompt": prompt })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_the_middle_loses_nothing_and_pays_for_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::on(folder.path(), &["--no-throttle"]).await;
    let url = process.url().to_owned();
    let user = User::register(&url).await;
    let (file, endpoint) = upload(&user).await;
    send_mail(&endpoint).await;
    let done = generate(&user, "flux-dev", "a fox").await;
    until_status(&user, &done, "succeeded").await;
    let (picture_url, picture) = media(&user, &done).await;

    let running = [
        ("flux-dev", "a fox [[delay:4s]]"),
        (
            "flux-dev",
            "a fox told of three times [[delay:4s]] [[webhook:3]]",
        ),
        ("veo3", "a fox that nobody tells of [[no-webhook]]"),
    ];
    let mut jobs = Vec::new();
    for (model, prompt) in running {
        jobs.push(generate(&user, model, prompt).await);
    }
    for id in &jobs {
        until_status(&user, id, "running").await;
    }
    let cut_off = "a fox whose submit is not answered [[drop-submit]] [[delay:4s]]";
    jobs.push(generate(&user, "flux-dev", cut_off).await);
    until_status(&user, &jobs[3], "unknown").await;
    let before = user.books().await;
    before.check();
    assert_eq!(before.wallet["held"], 25 + 25 + 500 + 25);
    let orphans = process.kill();
    assert!(orphans.len() > 5, "{orphans:?}");

    let process = Process::on(folder.path(), &["--no-throttle"]).await;
    assert_eq!(process.url(), url);
    let after = user.books().await;
    after.check();
    assert_eq!(after.entries[..before.entries.len()], before.entries);
    assert_eq!(user.download(&picture_url).await, picture);
    let mail = process.list("mail").await;
    assert!(mail.iter().any(|letter| letter["subject"] == "Welcome"));
    let kept = user.get(&format!("/files/{file}")).await;
    assert_eq!(kept["status"], "ready");
    let with_file = json!({ "prompt": "a fox like this one", "reference_file_id": file });
    jobs.push(user.generate("flux-pro-ultra", &with_file).await);
    eventually(
        "the functions of the killed cloud are gone",
        ORPHANS_DEADLINE,
        async || !orphans.iter().any(|pid| is_running(*pid)),
    )
    .await;

    user.until_at_rest(&process, &jobs).await;
    let books = user.books().await;
    books.check();
    for id in &jobs {
        delivered_once(&process, &user, &books, id).await;
    }
    assert_eq!(books.wallet["held"], 0);
    assert_eq!(books.wallet["available"], 1_000 - 25 - 575 - 50);
}

async fn delivered_once(process: &Process, user: &User, books: &Books, id: &str) {
    media(user, id).await;
    assert_eq!(books.count("hold", id), 1);
    assert_eq!(books.count("capture", id), 1);
    assert_eq!(books.count("release", id), 0);
    assert_eq!(process.provider_jobs(id).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_was_cut_off_by_a_kill_is_sent_again_with_the_same_key() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::on(folder.path(), &["--no-throttle"]).await;
    let user = User::register(process.url()).await;
    let waiting = {
        let user = user.clone();
        tokio::spawn(async move {
            // The answer comes only with the picture.
            let headers = [("idempotency-key", "one"), ("prefer", "wait=20")];
            let body = json!({ "prompt": "a fox [[delay:6s]]" });
            user.call(Method::POST, "/generations/flux-dev", &headers, &body)
                .await
        })
    };
    eventually("it runs", ORPHANS_DEADLINE, async || {
        let all = user.all("/generations").await;
        all.first().is_some_and(|one| one["status"] == "running")
    })
    .await;
    process.kill();
    assert!(waiting.await.unwrap().is_err());

    let process = Process::on(folder.path(), &["--no-throttle"]).await;
    let headers = [("idempotency-key", "one")];
    let body = json!({ "prompt": "a fox [[delay:6s]]" });
    let again = user
        .call(Method::POST, "/generations/flux-dev", &headers, &body)
        .await;
    let again = again.unwrap();
    assert_eq!(again.headers()["idempotent-replayed"], "true");
    let id = expect(again, 202).await["id"].as_str().unwrap().to_owned();
    user.until_at_rest(&process, std::slice::from_ref(&id))
        .await;
    assert_eq!(user.all("/generations").await.len(), 1);
    delivered_once(&process, &user, &user.books().await, &id).await;
}

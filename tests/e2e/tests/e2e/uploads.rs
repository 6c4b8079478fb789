//! The bounds on uploads, and that unwanted ones are deleted: bytes, record and count.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use futures::future::join_all;
use serde_json::{Value, json};

use crate::files::{picture, put};
use crate::harness::{ADMIN_EMAIL, Answer, Cloud, Person, send};

const FILES: &str = "velro-local-filestable";
const MEBIBYTE: u64 = 1024 * 1024;

/// Runs the purge once; its report.
async fn purge(cloud: &Cloud) -> Value {
    let ran = cloud.act("schedules/jobs-purge/run", &json!({})).await;
    assert_eq!(ran["status"], "succeeded", "{ran}");
    ran["result"].clone()
}

/// The notes of files that must be deleted.
async fn notes(cloud: &Cloud) -> Vec<HashMap<String, AttributeValue>> {
    let found = cloud.dynamodb().query().table_name(FILES);
    let found = found
        .index_name("by_tenant")
        .key_condition_expression("tenant = :notes")
        .expression_attribute_values(":notes", AttributeValue::S("unfinished".to_owned()));
    found.send().await.unwrap().items.unwrap_or_default()
}

/// Makes every file that must be deleted due, as if the hours had passed.
async fn hours_pass(cloud: &Cloud) {
    let dynamodb = cloud.dynamodb();
    for mut note in notes(cloud).await {
        let delete = dynamodb.delete_item().table_name(FILES);
        let gone = delete.key("id", note["id"].clone()).send();
        gone.await.unwrap();
        let id = format!("{:015}#{}", 1, note["file"].as_s().unwrap());
        note.insert("id".to_owned(), AttributeValue::S(id));
        note.insert("due_at_ms".to_owned(), AttributeValue::N("1".to_owned()));
        let put = dynamodb.put_item().table_name(FILES);
        put.set_item(Some(note)).send().await.unwrap();
    }
}

/// The numbers of files and bytes that somebody is counted for.
async fn counted(person: &Person<'_>) -> (i64, i64) {
    let found = person.cloud.dynamodb().get_item().table_name(FILES);
    let id = AttributeValue::S(format!("count#{}", person.id));
    let found = found.key("id", id).consistent_read(true).send().await;
    let item = found.unwrap().item.unwrap_or_default();
    let number = |name: &str| {
        item.get(name)
            .map_or(0, |value| value.as_n().unwrap().parse().unwrap())
    };
    (number("files"), number("size_bytes"))
}

async fn announce(person: &Person<'_>, size: u64) -> Answer {
    let body = json!({
        "purpose": "reference",
        "content_type": "image/png",
        "size": size,
        "sha256": "0".repeat(64),
    });
    person.post("/files", &body).await
}

/// Whether the bytes of a file are there.
fn has_bytes(cloud: &Cloud, file: &str) -> bool {
    let keys = cloud.stack.aws().object_keys("velro-local-uploadsbucket");
    keys.iter().any(|key| key.ends_with(file))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_has_more_bytes_than_they_may_however_many_are_announced_at_once() {
    let cloud = Cloud::start_with(&[("UploadMebibytesMax", "20")]).await;
    let (eve, ada) = (cloud.person().await, cloud.person().await);
    let answers = join_all((0..30).map(|_| announce(&eve, MEBIBYTE))).await;
    let mut announced = 0;
    for answer in &answers {
        match answer.status {
            201 => announced += 1,
            // Other requests were under way for too long.
            503 => {}
            _ => drop(answer.problem(409, "conflict")),
        }
    }
    while announced < 20 {
        assert_eq!(announce(&eve, MEBIBYTE).await.status, 201);
        announced += 1;
    }
    let refused = announce(&eve, 1).await;
    refused.problem(409, "conflict");
    let detail = refused.body["detail"].as_str().unwrap();
    assert!(
        detail.contains("20 MiB") && detail.contains("delete"),
        "{detail}"
    );
    assert_eq!(counted(&eve).await, (20, 20 * 1024 * 1024));

    // It binds nobody else.
    assert_eq!(announce(&ada, 20 * MEBIBYTE).await.status, 201);
    announce(&ada, 1).await.problem(409, "conflict");
    // The count comes back by itself, once.
    hours_pass(&cloud).await;
    join_all((0..3).map(|_| purge(&cloud))).await;
    assert_eq!(counted(&eve).await, (0, 0));
    assert_eq!(counted(&ada).await, (0, 0));
    assert_eq!(announce(&eve, 20 * MEBIBYTE).await.status, 201);
}

#[tokio::test]
async fn an_upload_that_is_not_completed_vanishes_and_one_that_is_stays() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let ready = ada.upload_picture().await;
    let bytes = picture(7);
    let waiting = ada.announce("image/png", &bytes).await;
    let id = waiting.text("id");
    assert_eq!(put(&ada, &waiting.body["upload"], bytes.clone()).await, 200);
    // A file that is not of its announced type is never completed.
    let lying = ada.announce("image/gif", &bytes).await;
    assert_eq!(put(&ada, &lying.body["upload"], bytes.clone()).await, 200);
    let complete = format!("/files/{}/complete", lying.text("id"));
    ada.post(&complete, &json!({}))
        .await
        .problem(409, "conflict");

    // They are not deleted yet.
    purge(&cloud).await;
    assert_eq!(counted(&ada).await.0, 3);
    assert!(has_bytes(&cloud, &id) && has_bytes(&cloud, &ready));

    hours_pass(&cloud).await;
    assert_eq!(purge(&cloud).await["files"], 2);
    for gone in [&id, &lying.text("id")] {
        ada.get(&format!("/files/{gone}"))
            .await
            .problem(404, "not_found");
        let complete = format!("/files/{gone}/complete");
        ada.post(&complete, &json!({}))
            .await
            .problem(404, "not_found");
        assert!(!has_bytes(&cloud, gone));
    }
    assert_eq!(counted(&ada).await.0, 1);
    assert!(notes(&cloud).await.is_empty());
    let kept = ada.get(&format!("/files/{ready}")).await.expect(200);
    assert_eq!(kept["status"], "ready");
    let body = json!({"prompt": "it lives", "reference_file_id": ready});
    let answer = ada.post("/generations/kling-video", &body).await;
    ada.when(&answer.text("id"), "succeeded").await;
}

#[tokio::test]
async fn a_deleted_file_makes_room_once_its_bytes_cannot_come_again() {
    let cloud = Cloud::start_with(&[("UploadMebibytesMax", "20")]).await;
    let (ada, eve) = (cloud.person().await, cloud.person().await);
    let bytes = picture(9);
    let announced = ada.announce("image/png", &bytes).await;
    let (id, upload) = (announced.text("id"), &announced.body["upload"]);
    assert_eq!(put(&ada, upload, bytes.clone()).await, 200);
    let complete = format!("/files/{id}/complete");
    ada.post(&complete, &json!({})).await.expect(200);
    let path = format!("/files/{id}");

    eve.delete(&path).await.problem(404, "not_found");
    ada.get(&path).await.expect(200);
    assert_eq!(ada.delete(&path).await.status, 204);
    ada.delete(&path).await.problem(404, "not_found");
    ada.get(&path).await.problem(404, "not_found");
    ada.post(&complete, &json!({}))
        .await
        .problem(404, "not_found");
    let body = json!({"prompt": "x", "reference_file_id": id});
    let refused = ada.post("/generations/kling-video", &body).await;
    refused.problem(404, "not_found");

    // The signed address still accepts the bytes, so they count until it no longer does.
    assert_eq!(put(&ada, upload, bytes.clone()).await, 200);
    assert_eq!(
        counted(&ada).await,
        (1, i64::try_from(bytes.len()).unwrap())
    );
    hours_pass(&cloud).await;
    join_all((0..3).map(|_| purge(&cloud))).await;
    assert!(!has_bytes(&cloud, &id));
    assert_eq!(counted(&ada).await, (0, 0));
    assert!(notes(&cloud).await.is_empty());

    // An older file is deleted at once.
    let old = ada.upload_picture().await;
    let update = cloud.dynamodb().update_item().table_name(FILES);
    let update = update
        .key("id", AttributeValue::S(old.clone()))
        .update_expression("SET created_at_ms = :then")
        .expression_attribute_values(":then", AttributeValue::N("1".to_owned()));
    update.send().await.unwrap();
    assert_eq!(ada.delete(&format!("/files/{old}")).await.status, 204);
    assert!(!has_bytes(&cloud, &old));
    assert_eq!(counted(&ada).await, (0, 0));
}

#[tokio::test]
async fn the_uploads_of_an_erased_account_leave_no_count() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let bytes = picture(3);
    let announced = ada.announce("image/png", &bytes).await;
    assert_eq!(put(&ada, &announced.body["upload"], bytes).await, 200);
    assert_eq!(ada.erase().await.status, 204);
    hours_pass(&cloud).await;
    purge(&cloud).await;
    assert!(notes(&cloud).await.is_empty());
    assert!(!has_bytes(&cloud, &announced.text("id")));
    let found = cloud.dynamodb().get_item().table_name(FILES);
    let id = AttributeValue::S(format!("count#{}", ada.id));
    let found = found.key("id", id).send().await.unwrap();
    assert_eq!(found.item, None);
}

#[tokio::test]
async fn a_file_that_does_not_exist_cannot_be_deleted() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    for id in [
        "fil_01J00000000000000000000003",
        "fil_nonsense",
        "gen_01J00000000000000000000003",
    ] {
        ada.delete(&format!("/files/{id}"))
            .await
            .problem(404, "not_found");
    }
    let request = cloud.request(
        reqwest::Method::DELETE,
        "/files/fil_01J00000000000000000000003",
    );
    send(request).await.problem(401, "unauthorized");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_larger_plan_has_room_for_more() {
    let parameters = [
        ("AdminEmails", ADMIN_EMAIL),
        ("UploadMebibytesMax", "20,30,40,50"),
    ];
    let cloud = Cloud::start_with(&parameters).await;
    let (admin, ada) = (cloud.admin().await, cloud.person().await);
    assert_eq!(announce(&ada, 20 * MEBIBYTE).await.status, 201);
    announce(&ada, 1).await.problem(409, "conflict");
    let path = format!("/admin/users/{}", ada.id);
    admin
        .patch(&path, &json!({"plan": "pro"}))
        .await
        .expect(200);
    cloud.stack.forget_callers();
    assert_eq!(
        ada.get("/files/stats").await.expect(200)["size_max"],
        40 * MEBIBYTE
    );
    assert_eq!(announce(&ada, 20 * MEBIBYTE).await.status, 201);
    announce(&ada, 1).await.problem(409, "conflict");
}

//! A generation after its order: its labels, its place in filtered lists and sums, and its deletion.

use std::collections::BTreeSet;

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Cloud, Person, send};

const PICTURE: &str = "/generations/flux-dev";

/// The ids of a whole list, page by page.
async fn listed(person: &Person<'_>, query: &str, limit: u32) -> Vec<String> {
    let mut ids = Vec::new();
    let first = format!("/generations?limit={limit}&{query}");
    let mut path = first.clone();
    loop {
        let page = person.get(&path).await.expect(200);
        let data = page["data"].as_array().unwrap();
        assert!(data.len() <= limit as usize);
        ids.extend(data.iter().map(|g| g["id"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else {
            return ids;
        };
        path = format!("{first}&cursor={cursor}");
    }
}

#[tokio::test]
async fn its_owner_titles_tags_and_marks_it_and_nobody_else_does() {
    let cloud = Cloud::start().await;
    let (ada, eve) = (cloud.person().await, cloud.person().await);
    let id = ada.generate("flux-dev", "to be named").await;
    let path = format!("/generations/{id}");
    let fresh = ada.generation(&id).await;
    assert_eq!(
        (&fresh["title"], &fresh["tags"], &fresh["favorite"]),
        (&Value::Null, &json!([]), &json!(false))
    );

    let named = json!({"title": " A fox ", "tags": ["fox", "snow"]});
    let answer = ada.patch(&path, &named).await.expect(200);
    assert_eq!(answer["title"], "A fox");
    assert_eq!(answer["tags"], json!(["fox", "snow"]));
    // A field that is left out stays, and a null deletes it.
    let answer = ada
        .patch(&path, &json!({"tags": ["fox"]}))
        .await
        .expect(200);
    assert_eq!(
        (&answer["title"], &answer["tags"]),
        (&json!("A fox"), &json!(["fox"]))
    );
    let answer = ada.patch(&path, &json!({"title": null})).await.expect(200);
    assert_eq!(
        (&answer["title"], &answer["tags"]),
        (&Value::Null, &json!(["fox"]))
    );
    let same = ada.patch(&path, &json!({})).await.expect(200);
    assert_eq!(same["tags"], json!(["fox"]));

    let favorite = format!("{path}/favorite");
    for (method, expected) in [
        (Method::PUT, true),
        (Method::PUT, true),
        (Method::DELETE, false),
        (Method::DELETE, false),
        (Method::PUT, true),
    ] {
        let answer = send(ada.request(method, &favorite)).await;
        assert_eq!(answer.status, 204, "{:?}", answer.body);
        assert_eq!(ada.generation(&id).await["favorite"], expected);
    }
    // The labels survive everything that the job does.
    let done = ada.when(&id, "succeeded").await;
    assert_eq!(
        (&done["tags"], &done["favorite"]),
        (&json!(["fox"]), &json!(true))
    );

    eve.patch(&path, &named).await.problem(404, "not_found");
    eve.put(&favorite).await.problem(404, "not_found");
    eve.delete(&favorite).await.problem(404, "not_found");
    eve.delete(&path).await.problem(404, "not_found");
    let now = ada.generation(&id).await;
    for field in ["title", "tags", "favorite", "status"] {
        assert_eq!(now[field], done[field], "{field}");
    }
}

#[tokio::test]
async fn labels_that_are_too_long_too_many_or_of_another_type_are_refused_by_name() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let id = ada.generate("flux-dev", "unnamed").await;
    let path = format!("/generations/{id}");
    let many: Vec<String> = (0..11).map(|n| n.to_string()).collect();
    for (body, field) in [
        (json!({"title": "x".repeat(201)}), "title"),
        (json!({"title": ""}), "title"),
        (json!({"title": 5}), "title"),
        (json!({"tags": many}), "tags"),
        (json!({"tags": ["fine", "x".repeat(51)]}), "tags[1]"),
        (json!({"tags": ["twice", "twice"]}), "tags[1]"),
        (json!({"tags": [""]}), "tags[0]"),
        (json!({"tags": "fox"}), "tags"),
        (json!({"favorite": true}), "favorite"),
        (json!({"status": "succeeded"}), "status"),
    ] {
        let fields = ada
            .patch(&path, &body)
            .await
            .problem(422, "validation_failed");
        assert_eq!(fields, BTreeSet::from([field.to_owned()]), "{body}");
    }
    let now = ada.generation(&id).await;
    assert_eq!((&now["title"], &now["tags"]), (&Value::Null, &json!([])));
    let longest = json!({"title": "\u{1F98A}".repeat(200), "tags": &many[..10]});
    ada.patch(&path, &longest).await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn labels_written_while_the_job_runs_are_never_lost_and_never_stop_it() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let ids = join_all((0..8).map(|n| {
        let ada = &ada;
        async move {
            ada.generate("flux-dev", &format!("busy {n} [[delay:1ms]]"))
                .await
        }
    }))
    .await;
    // Somebody also writes their own record again and again while workers write it.
    join_all(ids.iter().map(|id| {
        let ada = &ada;
        async move {
            let path = format!("/generations/{id}");
            for n in 0..15 {
                let title = format!("try {n}");
                ada.patch(&path, &json!({"title": title})).await.expect(200);
            }
        }
    }))
    .await;
    for id in &ids {
        let done = ada.when(id, "succeeded").await;
        assert_eq!(done["title"], "try 14");
    }
    assert_eq!(ada.books().await.balance(), (800, 0));
    assert_eq!(cloud.provider_jobs("busy").await.len(), 8);
    assert_eq!(cloud.faults(), Vec::<String>::new());
}

#[tokio::test]
async fn a_list_is_filtered_by_what_was_asked_for_and_its_pages_add_up() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let mut ids = Vec::new();
    for n in 0..9 {
        let prompt = if n % 3 == 0 { "[[fail]]" } else { "fine" };
        let id = ada.generate("flux-dev", prompt).await;
        let status = if n % 3 == 0 { "failed" } else { "succeeded" };
        ada.when(&id, status).await;
        ids.push(id);
    }
    let child = json!({"prompt": "a child", "parent_generation_id": ids[4]});
    let child = ada.post("/generations/flux-pro-ultra", &child).await;
    assert_eq!(child.status, 202, "{:?}", child.body);
    let child = vec![child.text("id")];
    ada.when(&child[0], "succeeded").await;
    for id in [&ids[1], &ids[4], &ids[6]] {
        assert_eq!(
            ada.put(&format!("/generations/{id}/favorite")).await.status,
            204
        );
    }

    let pick = |numbers: &[usize]| -> Vec<String> {
        numbers.iter().rev().map(|n| ids[*n].clone()).collect()
    };
    for limit in [1, 2, 100] {
        assert_eq!(listed(&ada, "favorite=true", limit).await, pick(&[1, 4, 6]));
        assert_eq!(listed(&ada, "status=failed", limit).await, pick(&[0, 3, 6]));
        let both = "favorite=true&status=succeeded&kind=image&model=flux-dev";
        assert_eq!(listed(&ada, both, limit).await, pick(&[1, 4]));
        let children = format!("parent_id={}", ids[4]);
        assert_eq!(listed(&ada, &children, limit).await, child);
        assert_eq!(listed(&ada, "model=flux-pro-ultra", limit).await, child);
        assert_eq!(
            listed(&ada, "kind=video", limit).await,
            Vec::<String>::new()
        );
    }
    assert_eq!(listed(&ada, "favorite=false", 3).await.len(), 7);
    for wrong in [
        "favorite=yes",
        "status=done",
        "kind=film",
        "model=x",
        "parent_id=x",
        "owner=me",
    ] {
        let answer = ada.get(&format!("/generations?{wrong}")).await;
        let fields = answer.problem(422, "validation_failed");
        assert_eq!(
            fields,
            BTreeSet::from([wrong.split('=').next().unwrap().to_owned()])
        );
    }
}

#[tokio::test]
async fn the_sums_are_those_of_the_list_and_of_the_books() {
    let cloud = Cloud::start().await;
    let (ada, eve) = (cloud.person().await, cloud.person().await);
    let none = ada.get("/generations/stats").await.expect(200);
    assert_eq!(
        (&none["counted"], &none["success_percent"]),
        (&json!(0), &Value::Null)
    );

    for (prompt, status) in [
        ("fine", "succeeded"),
        ("fine too", "succeeded"),
        ("[[fail]]", "failed"),
    ] {
        let id = ada.generate("flux-dev", prompt).await;
        ada.when(&id, status).await;
        if prompt == "fine" {
            assert_eq!(
                ada.put(&format!("/generations/{id}/favorite")).await.status,
                204
            );
        }
    }
    let running = ada.generate("veo3", "[[lost]]").await;
    ada.when(&running, "running").await;

    let stats = ada.get("/generations/stats").await.expect(200);
    let status = |name: &str| stats["by_status"][name].as_u64().unwrap();
    assert_eq!(
        (&stats["counted"], &stats["complete"]),
        (&json!(4), &json!(true))
    );
    assert_eq!(
        (status("succeeded"), status("failed"), status("running")),
        (2, 1, 1)
    );
    assert_eq!((status("queued"), status("canceled")), (0, 0));
    assert_eq!(stats["by_model"], json!({"flux-dev": 3, "veo3": 1}));
    assert_eq!(stats["by_kind"], json!({"image": 3, "video": 1}));
    assert_eq!(
        (&stats["success_percent"], &stats["favorites"]),
        (&json!(66), &json!(1))
    );
    let books = ada.books().await;
    assert_eq!(stats["credits"]["held"], books.wallet["held"]);
    assert_eq!(stats["credits"]["captured"], books.wallet["lifetime_spent"]);
    assert_eq!(stats["credits"]["released"], 25);
    assert_eq!(
        eve.get("/generations/stats").await.expect(200)["counted"],
        0
    );
}

#[tokio::test]
async fn a_deleted_generation_is_gone_with_its_media_and_its_books_stay() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let body = json!({"prompt": "to be forgotten"});
    let id = ada.post_once(PICTURE, "key", &body).await.text("id");
    let done = ada.when(&id, "succeeded").await;
    ada.download(&done).await;
    let books = ada.books().await;

    let path = format!("/generations/{id}");
    assert_eq!(ada.delete(&path).await.status, 204);
    for gone in [path.clone(), format!("{path}/media")] {
        ada.get(&gone).await.problem(404, "not_found");
    }
    ada.delete(&path).await.problem(404, "not_found");
    ada.patch(&path, &json!({"title": "x"}))
        .await
        .problem(404, "not_found");
    ada.put(&format!("{path}/favorite"))
        .await
        .problem(404, "not_found");
    assert_eq!(ada.get("/generations").await.expect(200)["data"], json!([]));
    let url = done["outputs"][0]["url"].as_str().unwrap();
    assert_eq!(cloud.http.get(url).send().await.unwrap().status(), 404);

    // A repetition of its order is told of the deletion, and costs nothing.
    for _ in 0..3 {
        let replay = ada.post_once(PICTURE, "key", &body).await;
        replay.problem(404, "not_found");
    }
    let now = ada.books().await;
    assert_eq!((now.entries, now.wallet), (books.entries, books.wallet));
    assert_eq!(cloud.provider_jobs("to be forgotten").await.len(), 1);
}

#[tokio::test]
async fn a_generation_whose_job_still_runs_is_not_deleted() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let running = ada.generate("flux-dev", "[[lost]]").await;
    ada.when(&running, "running").await;
    let unknown = ada
        .generate("flux-dev", "[[drop-submit]][[no-webhook]]")
        .await;
    ada.when(&unknown, "unknown").await;
    for id in [&running, &unknown] {
        let answer = ada.delete(&format!("/generations/{id}")).await;
        answer.problem(409, "conflict");
        assert!(answer.text("detail").contains("cancel it first"));
        assert_eq!(ada.generation(id).await["receipt"]["held"], 25);
    }
    let failed = ada.generate("flux-dev", "[[fail]]").await;
    ada.when(&failed, "failed").await;
    assert_eq!(
        ada.delete(&format!("/generations/{failed}")).await.status,
        204
    );
    assert_eq!(ada.books().await.balance(), (950, 50));
}

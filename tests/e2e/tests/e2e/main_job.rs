//! The main job: from a prompt to a delivered video and a settled ledger.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::harness::{Cloud, eventually};

#[tokio::test]
async fn a_prompt_becomes_a_video_and_a_settled_ledger() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    assert_eq!(ada.books().await.balance(), (1_000, 0));

    let prompt = "A red fox runs through deep snow at dawn";
    let body = json!({"prompt": prompt, "parameters": {"duration": "4s"}});
    let answer = ada.post("/generations/veo3", &body).await;
    let id = answer.text("id");
    assert_eq!(answer.status, 202);
    assert_eq!(answer.header("location"), format!("/v1/generations/{id}"));
    assert_eq!(answer.body["status"], "queued");
    assert_eq!(answer.body["receipt"]["held"], 500);
    assert_eq!(ada.books().await.balance(), (500, 500));

    let done = watch(&ada, &id).await;
    assert_eq!(done["status"], "succeeded");
    assert_eq!(done["progress"], 100);
    let receipt = json!({"quoted": 500, "held": 0, "captured": 500, "released": 0, "refunded": 0, "reason": null});
    assert_eq!(done["receipt"], receipt);

    let (content_type, bytes) = ada.download(&done).await;
    assert_eq!(content_type, "video/mp4");
    check_mp4(&bytes);
    let output = &done["outputs"][0];
    assert_eq!(output["content_type"], "video/mp4");
    assert_eq!(output["size"], bytes.len());
    assert_eq!(output["sha256"], hex::encode(Sha256::digest(&bytes)));

    let books = ada.books().await;
    let expected = [
        ("bonus", 1_000, 0),
        ("hold", -500, 500),
        ("capture", 0, -500),
    ];
    assert_eq!(books.lines(), expected);
    assert_eq!(books.wallet["lifetime_spent"], 500);

    let jobs = cloud.provider_jobs(prompt).await;
    assert_eq!(jobs.len(), 1);
    assert_eq!(jobs[0]["model"], "fal-ai/veo3");
    assert_eq!(
        jobs[0]["input"],
        json!({"prompt": prompt, "duration": "4s"})
    );
    assert_eq!(jobs[0]["webhooks_sent"], 1);
    assert_eq!(cloud.dead_letters().await, 0);
    assert_eq!(cloud.faults(), Vec::<String>::new());
}

/// Watches the job to its end, and checks that its status only ever moves on and tells when to look again.
async fn watch(person: &crate::harness::Person<'_>, id: &str) -> Value {
    const ORDER: [&str; 4] = ["queued", "running", "storing", "succeeded"];
    let seen = std::cell::Cell::new(0);
    eventually("the video", || async {
        let answer = person.get(&format!("/generations/{id}")).await;
        let status = answer.text("status");
        let place = ORDER.iter().position(|known| *known == status);
        let place = place.unwrap_or_else(|| panic!("{:?}", answer.body));
        assert!(place >= seen.get(), "{status} after {}", ORDER[seen.get()]);
        seen.set(place);
        let is_done = status == "succeeded";
        assert_eq!(answer.header("retry-after").is_empty(), is_done, "{status}");
        is_done.then_some(answer.body)
    })
    .await
}

/// Checks the parts that a browser needs: an ISO file with an index and an H.264 track.
fn check_mp4(bytes: &[u8]) {
    let holds = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
    assert_eq!(&bytes[4..8], b"ftyp");
    assert!(holds(b"moov") && holds(b"mdat") && holds(b"avc1") && holds(b"avcC"));
    assert!(bytes.len() > 10_000, "{} bytes", bytes.len());
}

#[tokio::test]
async fn a_job_that_waits_at_the_provider_is_queued_and_says_how_many_are_ahead() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let prompt = "behind two others [[position:2]][[delay:3s]][[no-webhook]]";
    let id = ada.generate("flux-dev", prompt).await;
    let path = format!("/generations/{id}");
    // The submit's answer named two, and three jobs of eight seconds each need at least this long.
    let waiting = eventually("its place", || async {
        let answer = ada.get(&path).await;
        (answer.body["queue_position"] == 2).then_some(answer)
    })
    .await;
    assert_eq!(waiting.text("status"), "queued");
    assert_eq!(waiting.body["progress"], 0);
    assert_eq!(waiting.header("retry-after"), "24");
    let listed = ada.get("/generations?status=queued").await.expect(200);
    assert_eq!(listed["data"][0]["queue_position"], 2);
    let done = ada.when_swept(&id, "succeeded").await;
    assert_eq!(done["queue_position"], Value::Null);
}

#[tokio::test]
async fn without_a_webhook_the_sweep_delivers_the_same() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let id = ada.generate("veo3", "A heron [[no-webhook]]").await;
    ada.when(&id, "running").await;
    let done = ada.when_swept(&id, "succeeded").await;
    let (content_type, bytes) = ada.download(&done).await;
    assert_eq!(content_type, "video/mp4");
    check_mp4(&bytes);
    let books = ada.books().await;
    let expected = [
        ("bonus", 1_000, 0),
        ("hold", -500, 500),
        ("capture", 0, -500),
    ];
    assert_eq!(books.lines(), expected);
    let jobs = cloud.provider_jobs("A heron").await;
    assert_eq!((jobs.len(), &jobs[0]["webhooks_sent"]), (1, &json!(0)));
}

#[tokio::test]
async fn a_client_that_waits_gets_the_finished_picture_in_one_answer() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let request = ada
        .request(reqwest::Method::POST, "/generations/flux-dev")
        .header("prefer", "wait=25")
        .json(&json!({"prompt": "A lighthouse [[delay:100ms]]", "parameters": {"output_format": "png"}}));
    let answer = crate::harness::send(request).await;
    assert_eq!(answer.status, 201, "{:?}", answer.body);
    assert_eq!(answer.body["status"], "succeeded");
    let (content_type, bytes) = ada.download(&answer.body).await;
    assert_eq!(content_type, "image/png");
    let picture = image::load_from_memory(&bytes).unwrap();
    let output = &answer.body["outputs"][0];
    assert_eq!(output["width"], picture.width());
    assert_eq!(output["height"], picture.height());

    let slow = json!({"prompt": "A slow lighthouse [[delay:30s]]"});
    let request = ada
        .request(reqwest::Method::POST, "/generations/flux-dev")
        .header("prefer", "wait=1")
        .json(&slow);
    let answer = crate::harness::send(request).await;
    assert_eq!(answer.status, 202, "{:?}", answer.body);
}

#[tokio::test]
async fn few_clients_wait_at_once_and_the_others_are_answered_at_once() {
    let cloud = Cloud::start_with(&[("WaitingExecutionsMax", "2")]).await;
    let ada = cloud.person().await;
    let order = async |delay: &str| {
        let body = json!({"prompt": format!("A lighthouse [[delay:{delay}]]")});
        let request = ada.request(reqwest::Method::POST, "/generations/flux-dev");
        crate::harness::send(request.header("prefer", "wait=25").json(&body)).await
    };
    let (first, second) = tokio::join!(order("2s"), order("2s"));
    let mut both = [first.status, second.status];
    both.sort_unstable();
    assert_eq!(both, [201, 202], "one waits, and one is not kept waiting");
    // A finished job leaves a free place.
    assert_eq!(order("1ms").await.status, 201);
    assert_eq!(cloud.faults(), Vec::<String>::new());
}

#[tokio::test]
async fn a_media_address_works_only_as_it_was_signed_and_is_listed_with_its_expiry() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let id = ada.generate("flux-dev", "A pier").await;
    let done = ada.when(&id, "succeeded").await;

    let media = ada
        .get(&format!("/generations/{id}/media?expires_in=60"))
        .await
        .expect(200);
    assert_eq!(media["data"][0]["sha256"], done["outputs"][0]["sha256"]);
    let url = media["data"][0]["url"].as_str().unwrap().to_owned();
    assert_eq!(cloud.follow(&url).await.status(), 200);
}

#[tokio::test]
async fn a_list_has_every_generation_newest_first_and_its_cursor_is_bound_to_caller_and_query() {
    let cloud = Cloud::start().await;
    let (ada, eve) = (cloud.person().await, cloud.person().await);
    let mut ids = Vec::new();
    for n in 0..7 {
        ids.push(ada.generate("flux-dev", &format!("number {n}")).await);
    }
    ids.reverse();

    let mut listed = Vec::new();
    let mut path = "/generations?limit=3".to_owned();
    let mut cursors = Vec::new();
    loop {
        let page = ada.get(&path).await.expect(200);
        let data = page["data"].as_array().unwrap();
        listed.extend(data.iter().map(|g| g["id"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        cursors.push(cursor.to_owned());
        path = format!("/generations?limit=3&cursor={cursor}");
    }
    assert_eq!(listed, ids);
    assert_eq!(eve.get("/generations").await.expect(200)["data"], json!([]));

    let cursor = &cursors[0];
    let mut changed = cursor.clone();
    changed.replace_range(0..1, if cursor.starts_with('A') { "B" } else { "A" });
    for (person, query) in [
        (&eve, format!("cursor={cursor}")),
        (&ada, format!("cursor={cursor}&kind=video")),
        (&ada, format!("cursor={changed}")),
        (&ada, "cursor=x".to_owned()),
        (&ada, "cursor=".to_owned()),
    ] {
        let answer = person.get(&format!("/generations?{query}")).await;
        answer.problem(400, "invalid_cursor");
    }
}

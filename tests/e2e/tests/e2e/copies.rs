//! Large and slow media: copied in parts, over as many runs as it takes, in bounded memory.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::harness::{Cloud, Person};

/// The most memory that a worker may ever use.
const MEMORY_KIB_MAX: u64 = 128 * 1_024;
/// The time in which the longest copy must end: 250 MiB at 2 MB/s are 131 seconds, and it takes two runs.
const PATIENCE: Duration = Duration::from_secs(420);

/// The most memory that any running instance of this function has used so far, in KiB.
pub async fn memory_kib(cloud: &Cloud, function: &str) -> u64 {
    let functions = cloud.local("functions").await;
    let mut functions = functions.iter();
    let function = functions.find(|it| it["name"] == function).unwrap();
    let pids = function["instances"].as_array().unwrap().iter();
    let peak = pids.filter_map(|instance| {
        let status = std::fs::read_to_string(format!("/proc/{}/status", instance["pid"])).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.trim().trim_end_matches(" kB").parse().ok()
    });
    peak.max().unwrap_or(0)
}

/// Waits until the generation is delivered, and watches the memory of the workers meanwhile.
async fn delivered(cloud: &Cloud, person: &Person<'_>, id: &str) -> Value {
    let started = Instant::now();
    let mut peak = 0;
    loop {
        peak = peak.max(memory_kib(cloud, "jobs-settle").await);
        let generation = person.generation(id).await;
        match generation["status"].as_str().unwrap() {
            "succeeded" => {
                assert!((1..=MEMORY_KIB_MAX).contains(&peak), "{peak} KiB");
                return generation;
            }
            "failed" | "canceled" => panic!("{generation:#}"),
            _ => {}
        }
        assert!(started.elapsed() < PATIENCE, "{generation:#}");
        // A job that waits for its next try becomes due at once; a job in a worker's hands is not touched.
        cloud.hasten_all().await;
        cloud.sweep().await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

async fn check_bytes(person: &Person<'_>, generation: &Value) {
    for output in generation["outputs"].as_array().unwrap() {
        let url = output["url"].as_str().unwrap();
        let mut response = person.cloud.follow(url).await;
        assert_eq!(response.status(), 200);
        let (mut digest, mut size) = (Sha256::new(), 0);
        while let Some(chunk) = response.chunk().await.unwrap() {
            digest.update(&chunk);
            size += chunk.len() as u64;
        }
        assert_eq!(output["size"], json!(size));
        assert_eq!(output["sha256"], json!(hex::encode(digest.finalize())));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_video_that_no_run_can_copy_whole_is_delivered_in_bounded_memory() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let prompt = "[[media-bytes:250MiB]][[media-rate:2MB/s]][[delay:1ms]]";
    let id = ada.generate("veo3", prompt).await;
    let done = delivered(&cloud, &ada, &id).await;
    assert_eq!(done["outputs"][0]["size"], json!(250 * 1_024 * 1_024));
    check_bytes(&ada, &done).await;
    assert_eq!(ada.books().await.count("capture"), 1);
    assert_eq!(cloud.dead_letters().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_pictures_that_take_longer_than_a_run_are_all_delivered() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let body = json!({
        "prompt": "[[media-delay:40s]][[delay:1ms]]", "parameters": {"num_images": 4},
    });
    let answer = ada.post("/generations/flux-dev", &body).await;
    assert_eq!(answer.status, 202, "{:?}", answer.body);
    let done = delivered(&cloud, &ada, &answer.text("id")).await;
    assert_eq!(done["outputs"].as_array().unwrap().len(), 4);
    check_bytes(&ada, &done).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storage_that_takes_half_a_minute_for_a_part_loses_nothing() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    cloud.act("s3/slow", &json!({"put_ms": 30_000})).await;
    let id = ada
        .generate("veo3", "[[media-bytes:20MiB]][[delay:1ms]]")
        .await;
    let done = delivered(&cloud, &ada, &id).await;
    check_bytes(&ada, &done).await;
    assert_eq!(cloud.dead_letters().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_breaks_again_and_again_is_taken_up_where_it_was() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    for range in ["", "[[no-range]]"] {
        let prompt = format!("[[media-bytes:40MiB]][[media-cut:17MB:2]]{range}[[delay:1ms]]");
        let id = ada.generate("veo3", &prompt).await;
        let done = delivered(&cloud, &ada, &id).await;
        check_bytes(&ada, &done).await;
    }
}

#[tokio::test]
async fn pictures_that_cannot_be_fetched_in_time_are_withheld_and_the_others_are_paid_for() {
    let cloud = Cloud::start_with(&[("MediaPatienceMinutes", "0.1")]).await;
    let ada = cloud.person().await;
    let body = json!({
        "prompt": "[[missing:0,2]][[delay:1ms]]", "parameters": {"num_images": 4},
    });
    let answer = ada.post("/generations/flux-dev", &body).await;
    assert_eq!(answer.status, 202, "{:?}", answer.body);
    let done = delivered(&cloud, &ada, &answer.text("id")).await;
    let missing = |index: u32| json!({"index": index, "code": "media_unavailable"});
    assert_eq!(done["withheld"], json!([missing(0), missing(2)]));
    assert_eq!(done["outputs"].as_array().unwrap().len(), 2);
    let receipt = &done["receipt"];
    assert_eq!(
        (&receipt["captured"], &receipt["released"]),
        (&json!(50), &json!(50))
    );
    check_bytes(&ada, &done).await;
    assert_eq!(ada.books().await.balance(), (950, 0));

    // A redirect that leads into our own network is never followed.
    let inside = "[[media:302=http://127.0.0.1:1/latest/meta-data]][[delay:1ms]]";
    let id = ada.generate("flux-dev", inside).await;
    let refused = ada.when_swept(&id, "failed").await;
    assert_eq!(refused["error"]["code"], "media_unavailable");
}

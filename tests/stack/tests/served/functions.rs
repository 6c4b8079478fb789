//! Functions as processes: warm and cold, crashing, slow, and not starting at all.

use std::collections::BTreeSet;

use serde_json::Value;
use stack::Options;

use crate::harness::{BINARIES, Cloud, FUNCTION, eventually, is_running, options};

#[tokio::test(flavor = "multi_thread")]
async fn a_function_starts_on_first_use_and_stays_warm() {
    let cloud = Cloud::start().await;
    assert_eq!(cloud.function("main").await["running"], 0);
    for _ in 0..3 {
        assert_eq!(cloud.answer("/").await.status(), 200);
    }
    let main = cloud.function("main").await;
    assert_eq!(
        (&main["cold_starts"], &main["warm_starts"]),
        (&1.into(), &2.into())
    );
    assert_eq!(main["running"], 1);
    assert_eq!(main["instances"][0]["invocations"], 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn under_load_there_are_several_instances_but_never_more_than_reserved() {
    let cloud = Cloud::start().await;
    let asked = (0..20).map(|_| async {
        let answer = cloud.answer("/slow?ms=100").await;
        assert_eq!(answer.status(), 200);
        answer.json::<Value>().await.unwrap()["pid"]
            .as_u64()
            .unwrap()
    });
    let pids: BTreeSet<u64> = futures::future::join_all(asked).await.into_iter().collect();
    assert_eq!(pids.len(), 4);
    assert_eq!(cloud.function("main").await["running"], 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_is_a_502_and_the_next_call_starts_afresh() {
    let cloud = Cloud::start().await;
    assert_eq!(cloud.answer("/crash").await.status(), 502);
    assert_eq!(cloud.answer("/").await.status(), 200);
    let main = cloud.function("main").await;
    assert_eq!(
        (&main["cold_starts"], &main["errors"]),
        (&2.into(), &1.into())
    );
    let crashed = "Runtime exited with error: exit status 3";
    assert!(cloud.stack.logs().iter().any(|line| line.contains(crashed)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_is_killed_at_its_timeout() {
    let cloud = Cloud::start().await;
    assert_eq!(cloud.answer("/slow?ms=30000").await.status(), 502);
    let timed_out = |line: &String| line.ends_with("Task timed out after 1.00 seconds");
    assert!(cloud.stack.logs().iter().any(timed_out));
    assert_eq!(cloud.function("main").await["running"], 0);
    assert_eq!(cloud.answer("/").await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_does_not_start_is_told_about_once() {
    let cloud = Cloud::start().await;
    for _ in 0..3 {
        assert_eq!(cloud.answer("/never").await.status(), 502);
    }
    let sentence = "local: the function never-starts does not start: \
                    Runtime exited with error: exit status 7: a variable is missing";
    cloud.expect_logged(sentence, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_instance_is_replaced() {
    let cloud = Cloud::start().await;
    assert_eq!(cloud.answer("/").await.status(), 200);
    let pid = cloud.function("main").await["instances"][0]["pid"]
        .as_u64()
        .unwrap();
    let killed = cloud.post_local("functions/main/kill").await;
    assert_eq!(killed, (200, serde_json::json!({ "killed": 1 })));
    assert!(!is_running(pid));
    assert_eq!(cloud.answer("/").await.status(), 200);
    assert_eq!(cloud.function("main").await["cold_starts"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_is_killed_never_finds_its_runtime_gone() {
    let cloud = Cloud::start().await;
    for _ in 0..40 {
        let asked = (0..4).map(|_| cloud.answer("/slow?ms=1"));
        tokio::join!(
            futures::future::join_all(asked),
            cloud.post_local("functions/main/kill")
        );
    }
    // Its end is the only thing to tell of: it had no time to find that nobody is there.
    let is_of_main = |line: &String| line.starts_with("main | ");
    let ended = "Runtime exited with error: signal: killed";
    let lines = cloud.stack.logs().into_iter().filter(is_of_main);
    let others: Vec<_> = lines.filter(|line| !line.contains(ended)).collect();
    assert!(others.is_empty(), "{others:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_is_built_again_answers_from_its_next_call_on() {
    let folder = tempfile::tempdir().unwrap();
    let (binary, build) = (folder.path().join("main"), folder.path().join("build"));
    std::fs::copy(FUNCTION, &binary).unwrap();
    let replaced = |name: &str| match name {
        "main" => binary.clone(),
        _ => FUNCTION.into(),
    };
    let binaries = BINARIES.map(|name| (name.to_owned(), replaced(name)));
    let cloud = Cloud::start_with(Options {
        binaries: binaries.into_iter().collect(),
        ..options()
    })
    .await;
    for _ in 0..2 {
        assert_eq!(cloud.answer("/").await.status(), 200);
    }
    let before = cloud.function("main").await;

    // A linker writes the binary aside, and cargo then removes the old one and puts the new one there.
    std::fs::copy(FUNCTION, &build).unwrap();
    std::fs::remove_file(&binary).unwrap();
    assert_eq!(cloud.answer("/").await.status(), 200);
    let between = cloud.function("main").await;
    assert_eq!(
        between["instances"][0]["pid"],
        before["instances"][0]["pid"]
    );
    std::fs::rename(&build, &binary).unwrap();
    assert_eq!(cloud.answer("/").await.status(), 200);
    let after = cloud.function("main").await;
    assert_eq!(
        (&after["cold_starts"], &after["running"]),
        (&2.into(), &1.into())
    );
    assert_ne!(after["instances"][0]["pid"], before["instances"][0]["pid"]);
    let old = before["instances"][0]["pid"].as_u64().unwrap();
    eventually("the old one has ended", async || !is_running(old)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_dies_while_idle_is_not_noticed_by_the_next_caller() {
    let cloud = Cloud::start().await;
    assert_eq!(cloud.answer("/").await.status(), 200);
    let pid = cloud.function("main").await["instances"][0]["pid"]
        .as_u64()
        .unwrap();
    let killed = std::process::Command::new("kill")
        .args(["-9", &pid.to_string()])
        .status();
    assert!(killed.unwrap().success());
    // A signal takes a moment. A caller in that moment may get an instance that dies with the work in its
    // hands.
    eventually("the instance is gone", async || {
        cloud.function("main").await["running"] == 0
    })
    .await;
    assert_eq!(cloud.answer("/").await.status(), 200);
    assert_eq!(cloud.function("main").await["cold_starts"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_goes_away_does_not_stop_the_function() {
    let cloud = Cloud::start().await;
    assert_eq!(cloud.answer("/").await.status(), 200);
    let asked = cloud
        .get("/slow?ms=400")
        .timeout(std::time::Duration::from_millis(100))
        .send();
    assert!(asked.await.unwrap_err().is_timeout());
    eventually("the function ends by itself", async || {
        let main = cloud.function("main").await;
        main["busy"] == 0 && main["instances"][0]["invocations"] == 2 && main["errors"] == 0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_ends_every_process() {
    let cloud = Cloud::start().await;
    assert_eq!(cloud.answer("/").await.status(), 200);
    let pid = cloud.function("main").await["instances"][0]["pid"]
        .as_u64()
        .unwrap();
    let started = std::time::Instant::now();
    cloud.stack.shutdown().await;
    assert!(started.elapsed().as_secs() < 2);
    assert!(!is_running(pid));
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_ends_every_process() {
    let cloud = Cloud::start().await;
    assert_eq!(cloud.answer("/").await.status(), 200);
    let pid = cloud.function("main").await["instances"][0]["pid"]
        .as_u64()
        .unwrap();
    drop(cloud);
    eventually("the process is gone", async || !is_running(pid)).await;
}

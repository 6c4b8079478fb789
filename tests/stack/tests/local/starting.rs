//! Starting, and an orderly end.

use std::time::Duration;

use serde_json::json;

use crate::client::{User, expect, http, until_status};
use crate::process::{Process, eventually, is_running, refused};

/// The time in which it must be ready. On an idle machine it takes two seconds; tests run on busy ones.
const READY_MAX: Duration = Duration::from_secs(10);
const END_DEADLINE: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread")]
async fn it_is_ready_soon_after_its_functions_are_built_and_leaves_nothing_behind() {
    let mut process = Process::start(&["--ephemeral"]).await;
    let ready_after = process.ready_after("Built the functions");
    eprintln!("ready {} ms after the build", ready_after.as_millis());
    assert!(ready_after < READY_MAX, "{ready_after:?}");

    let url = process.url().to_owned();
    assert!(
        url.starts_with("http://127.0.0.1:") && url.ends_with("/v1"),
        "{url}"
    );
    let health = http().get(format!("{url}/health")).send().await.unwrap();
    assert_eq!(expect(health, 200).await["status"], "ok");
    let printed = process.output();
    assert!(printed.contains(&format!("API       {url}\n")), "{printed}");

    // When it ends, functions are warm and one is at work.
    let user = User::register(&url).await;
    let id = user
        .generate("flux-dev", &json!({ "prompt": "a fox [[delay:1s]]" }))
        .await;
    until_status(&user, &id, "succeeded").await;
    user.generate("flux-dev", &json!({ "prompt": "another fox" }))
        .await;
    let children = process.children();
    assert!(children.len() >= 5, "{children:?}");

    assert_eq!(process.terminate().await, Some(0), "{}", process.errors());
    assert!(!process.ready_file().exists());
    let left: Vec<u32> = children
        .into_iter()
        .filter(|pid| is_running(*pid))
        .collect();
    assert!(left.is_empty(), "{left:?} are still running");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ends_in_order_goes_on_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let mut process = Process::on(folder.path(), &[]).await;
    let url = process.url().to_owned();
    let user = User::register(&url).await;
    let id = user
        .generate("flux-dev", &json!({ "prompt": "a fox [[delay:3s]]" }))
        .await;
    until_status(&user, &id, "running").await;
    assert_eq!(process.terminate().await, Some(0));

    let process = Process::on(folder.path(), &[]).await;
    assert_eq!(process.url(), url);
    until_status(&user, &id, "succeeded").await;
    eventually("it is captured once", END_DEADLINE, async || {
        user.books().await.count("capture", &id) == 1
    })
    .await;
    assert_eq!(process.provider_jobs(&id).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn help_lists_every_option() {
    let output = refused(&["--help"]).await;
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    for option in [
        "--port <N>",
        "--data <DIR>",
        "--ephemeral",
        "--no-throttle",
        "--docker",
        "--param <NAME=VALUE>",
        "--ready-file <FILE>",
        "--release",
        "--template <FILE>",
        "--quiet",
        "--help",
        "FAL_KEY",
        "STRIPE_KEY",
    ] {
        assert!(text.contains(option), "{option} is not in:\n{text}");
    }
}

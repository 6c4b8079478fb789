//! The state that survives the end of a local cloud, and the processes that end with it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fakeaws::{FakeAws, QueueSpec};
use stack::{Options, Stack};

use crate::harness::{
    BINARIES, CLOUD, Cloud, FUNCTION, QUEUE, client, eventually, is_running, options, send,
    template,
};

#[tokio::test(flavor = "multi_thread")]
async fn addresses_and_messages_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let kept = || Options {
        data: Some(folder.path().to_owned()),
        ..options()
    };

    let first = Cloud::start_with(kept()).await;
    let (url, endpoint) = (
        first.stack.url().to_owned(),
        first.stack.aws().endpoint().to_owned(),
    );
    // A function works on it when the cloud stops, so that it has to come back.
    first.send("slow").await;
    eventually("it is taken", async || {
        first.logged("worker | received slow 1") == 1
    })
    .await;
    first.stack.shutdown().await;

    let second = Cloud::start_with(kept()).await;
    assert_eq!(second.stack.url(), url);
    assert_eq!(second.stack.aws().endpoint(), endpoint);
    eventually("it is back", async || {
        second.logged("worker | received slow 2") == 1
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_a_killed_cloud_worked_on_does_not_stay_hidden() {
    let folder = tempfile::tempdir().unwrap();
    let config = fakeaws::Config {
        data: Some(folder.path().join("aws")),
        port: 0,
        region: "us-east-1".to_owned(),
        account_id: "000000000000".to_owned(),
        access_key_id: "local".to_owned(),
        secret_access_key: String::new(),
    };
    let aws = FakeAws::start(config).await.unwrap();
    let hidden_for_long = QueueSpec {
        name: QUEUE.to_owned(),
        visibility_timeout_s: 3_600,
        retention_s: 345_600,
        delay_s: 0,
        receive_wait_s: 0,
        redrive: None,
    };
    aws.sqs().create_queue(hidden_for_long).await.unwrap();
    send(&aws, "one").await;
    let received = aws.sqs().receive(QUEUE, 1, Duration::ZERO).await.unwrap();
    assert_eq!(received.len(), 1);
    aws.shutdown().await;
    drop(aws);

    let cloud = Cloud::start_with(Options {
        data: Some(folder.path().to_owned()),
        ..options()
    })
    .await;
    eventually("it is worked on again", async || {
        cloud.logged("worker | received one 2") == 1
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_in_use_or_a_port_in_use_is_one_clear_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let kept = Options {
        data: Some(folder.path().to_owned()),
        ..options()
    };
    let first = Cloud::start_with(kept.clone()).await;
    let problem = Stack::start(kept).await.err().unwrap().to_string();
    assert!(
        problem.ends_with("is in use by another local cloud"),
        "{problem}"
    );

    let port = first
        .stack
        .origin()
        .rsplit(':')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    let problem = Stack::start(Options { port, ..options() })
        .await
        .err()
        .unwrap()
        .to_string();
    assert_eq!(
        problem,
        format!("port {port} is in use; choose another with --port")
    );
}

struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have been killed already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_do_not_outlive_a_cloud_that_is_killed_and_the_next_one_takes_over() {
    let folder = tempfile::tempdir().unwrap();
    let start = || {
        let child = Command::new(CLOUD)
            .arg(template())
            .arg(FUNCTION)
            .arg(folder.path())
            .args(BINARIES)
            .stdout(Stdio::piped())
            .spawn();
        let mut process = Process(child.unwrap());
        let mut url = String::new();
        BufReader::new(process.0.stdout.take().unwrap())
            .read_line(&mut url)
            .unwrap();
        (process, url.trim().to_owned())
    };
    let (mut process, url) = start();
    let client = client();
    let slow = client
        .get(format!("{url}/slow?ms=10"))
        .send()
        .await
        .unwrap();
    let pid = slow.json::<serde_json::Value>().await.unwrap()["pid"]
        .as_u64()
        .unwrap();
    assert!(is_running(pid));
    process.0.kill().unwrap();
    process.0.wait().unwrap();
    eventually("the function is gone", async || !is_running(pid)).await;

    let (_process, url_again) = start();
    assert_eq!(url_again, url);
    assert_eq!(
        client
            .get(format!("{url}/slow?ms=1"))
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
}

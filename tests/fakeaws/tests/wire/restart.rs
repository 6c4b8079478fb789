//! The state that survives an orderly stop, and a kill.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_s3::primitives::ByteStream;
use fakeaws::FakeAws;

use crate::dynamodb::{create_table, item};
use crate::multipart::{begin, complete, plain, put_part};
use crate::parameters_and_mail::accept_mail;
use crate::storage::text;
use crate::world::{Clients, World, config, seconds, spec};

/// The variable that is set in the process to be killed: the directory of its data.
const CHILD_DATA: &str = "FAKEAWS_TEST_CHILD_DATA";
const WRITES_BEFORE_KILL: u32 = 30;
const ENDPOINT_LINE: &str = "endpoint ";

#[tokio::test]
async fn a_restart_keeps_tables_messages_objects_parameters_and_mail() {
    let directory = tempfile::tempdir().unwrap();
    let world = World::on(directory.path()).await;
    prepare(&world.aws).await;
    let clients = Clients::at(world.aws.endpoint());
    write(&clients, &world.aws.sqs().queue_url("kept"), 0)
        .await
        .unwrap();
    world.aws.put_parameter("/kept", "value").await.unwrap();
    accept_mail(&world).await;
    let received = world
        .aws
        .sqs()
        .receive("kept", 1, seconds(0))
        .await
        .unwrap()
        .remove(0);
    world.aws.shutdown().await;
    drop(world);

    let world = World::on(directory.path()).await;
    prepare(&world.aws).await;
    assert_eq!(item_keys(&world).await, ["0"]);
    assert_eq!(text(&world, "0").await, "0");
    assert_eq!(
        world.aws.get_parameter("/kept").await.as_deref(),
        Some("value")
    );
    assert_eq!(world.aws.mail().len(), 1);
    // The message is still in flight, and its receipt still deletes it.
    assert_eq!(world.aws.sqs().status().await[0].in_flight, 1);
    world
        .aws
        .sqs()
        .delete("kept", &received.receipt_handle)
        .await
        .unwrap();
    assert_eq!(world.aws.sqs().status().await[0].in_flight, 0);
}

#[tokio::test]
async fn a_restart_keeps_an_upload_that_was_not_completed() {
    let directory = tempfile::tempdir().unwrap();
    let world = World::on(directory.path()).await;
    prepare(&world.aws).await;
    let s3 = plain(&world);
    let id = begin(&s3, "video").await;
    let part = async |s3: &aws_sdk_s3::Client, number, text: &str| {
        let bytes = text.repeat(5 * 1_024 * 1_024 / text.len()).into_bytes();
        put_part(s3, "video", &id, number, bytes).await.unwrap()
    };
    let first = part(&s3, 1, "a").await;
    world.aws.shutdown().await;
    drop(world);

    let world = World::on(directory.path()).await;
    let s3 = plain(&world);
    let last = part(&s3, 2, "b").await;
    let parts = [first, last];
    complete(&s3, "video", &id, &parts).await.unwrap();
    world.aws.shutdown().await;
    drop(world);

    let world = World::on(directory.path()).await;
    let whole = text(&world, "video").await;
    assert!(whole.starts_with('a') && whole.ends_with('b'));
    assert_eq!(whole.len(), 10 * 1_024 * 1_024);
    // One file is the object's; the files of its parts are gone.
    let files = std::fs::read_dir(directory.path().join("objects")).unwrap();
    assert_eq!(files.count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_process_loses_nothing_that_it_acknowledged() {
    if let Ok(data) = std::env::var(CHILD_DATA) {
        return serve_until_killed(Path::new(&data)).await;
    }
    let directory = tempfile::tempdir().unwrap();
    let mut child = spawn_child(directory.path());
    let endpoint = endpoint_of(&mut child);
    let queue_url = format!("{endpoint}/000000000000/kept");
    let clients = Clients::at(&endpoint);

    // It is killed from another thread, while writes go on.
    let (progress, mut written) = tokio::sync::watch::channel(0);
    let killer = tokio::spawn(async move {
        written
            .wait_for(|count| *count >= WRITES_BEFORE_KILL)
            .await
            .unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    });
    let mut acknowledged = 0;
    while write(&clients, &queue_url, acknowledged).await.is_ok() {
        acknowledged += 1;
        progress.send(acknowledged).unwrap_or_default();
    }
    killer.await.unwrap();
    assert!(
        acknowledged >= WRITES_BEFORE_KILL,
        "only {acknowledged} writes before the kill"
    );

    let world = World::on(directory.path()).await;
    let mut bodies = Vec::new();
    loop {
        let messages = world
            .aws
            .sqs()
            .receive("kept", 10, seconds(0))
            .await
            .unwrap();
        if messages.is_empty() {
            break;
        }
        bodies.extend(messages.into_iter().map(|message| message.body));
    }
    let items = item_keys(&world).await;
    for number in 0..acknowledged {
        let name = number.to_string();
        assert!(
            items.contains(&name),
            "item {name} of {acknowledged} is lost"
        );
        assert!(
            bodies.contains(&name),
            "message {name} of {acknowledged} is lost"
        );
        assert_eq!(text(&world, &name).await, name);
    }
}

#[tokio::test]
async fn expired_items_go_soon_after_a_start() {
    let directory = tempfile::tempdir().unwrap();
    let world = World::on(directory.path()).await;
    prepare(&world.aws).await;
    for (key, expires_at) in [("old", 1_000_000_000), ("new", 4_000_000_000_i64)] {
        let expires_at = AttributeValue::N(expires_at.to_string());
        let put = world
            .dynamodb
            .put_item()
            .table_name("kept")
            .set_item(Some(item(key, key)));
        put.item("expires_at", expires_at).send().await.unwrap();
    }
    assert_eq!(item_keys(&world).await.len(), 2);
    // The expiry is set only now: this run's own sweep could be quicker than the count above.
    world
        .aws
        .create_table(create_table("kept"), Some("expires_at"))
        .await
        .unwrap();
    world.aws.shutdown().await;
    drop(world);

    let world = World::on(directory.path()).await;
    let gone = async {
        while item_keys(&world).await != ["new"] {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(seconds(5), gone).await.unwrap();
}

#[tokio::test]
async fn a_port_in_use_and_data_in_use_are_one_clear_sentence() {
    let directory = tempfile::tempdir().unwrap();
    let world = World::on(directory.path()).await;
    let mut same_port = config(None);
    same_port.port = world.aws.port();
    let error = FakeAws::start(same_port).await.err().unwrap();
    assert_eq!(
        error.to_string(),
        format!("port {} is in use", world.aws.port())
    );
    let error = FakeAws::start(config(Some(directory.path())))
        .await
        .err()
        .unwrap();
    assert!(
        error.to_string().ends_with("is in use by another process"),
        "{error}"
    );
}

#[tokio::test]
async fn a_shutdown_ends_waiting_receives_and_frees_the_port() {
    let world = World::ephemeral().await;
    let url = world.queue("waiting").await;
    let receive = world
        .sqs
        .receive_message()
        .queue_url(url)
        .wait_time_seconds(20)
        .send();
    tokio::pin!(receive);
    // It does not end: it is waiting.
    tokio::time::timeout(Duration::from_millis(300), &mut receive)
        .await
        .unwrap_err();
    let (ended, ()) = tokio::join!(receive, world.aws.shutdown());
    assert!(ended.unwrap().messages().is_empty());
    let mut same_port = config(None);
    same_port.port = world.aws.port();
    FakeAws::start(same_port).await.unwrap();
}

async fn prepare(aws: &FakeAws) {
    aws.create_table(create_table("kept"), None).await.unwrap();
    aws.create_bucket("media").await.unwrap();
    aws.sqs().create_queue(spec("kept")).await.unwrap();
}

/// One item, one message and one object of the same number.
async fn write(
    clients: &Clients,
    queue_url: &str,
    number: u32,
) -> Result<(), Box<dyn std::error::Error>> {
    let name = number.to_string();
    let put = clients
        .dynamodb
        .put_item()
        .table_name("kept")
        .set_item(Some(item(&name, &name)));
    put.send().await?;
    clients
        .sqs
        .send_message()
        .queue_url(queue_url)
        .message_body(&name)
        .send()
        .await?;
    let body = ByteStream::from(name.clone().into_bytes());
    clients
        .s3
        .put_object()
        .bucket("media")
        .key(&name)
        .body(body)
        .send()
        .await?;
    Ok(())
}

async fn item_keys(world: &World) -> Vec<String> {
    #[allow(clippy::disallowed_methods, reason = "the test wants every item")]
    let pages = world
        .dynamodb
        .scan()
        .table_name("kept")
        .into_paginator()
        .items()
        .send();
    let items = pages.collect::<Result<Vec<_>, _>>().await.unwrap();
    let key = |item: &std::collections::HashMap<String, AttributeValue>| {
        item["pk"].as_s().unwrap().clone()
    };
    items.iter().map(key).collect()
}

/// Starts this test binary again, which then runs one test only and serves in it.
fn spawn_child(data: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture"])
        .arg("restart::a_killed_process_loses_nothing_that_it_acknowledged")
        .env(CHILD_DATA, data)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn endpoint_of(child: &mut Child) -> String {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines
        .map(Result::unwrap)
        .find_map(|line| Some(line.split_once(ENDPOINT_LINE)?.1.to_owned()))
        .unwrap()
}

#[allow(clippy::print_stdout, reason = "the parent reads the endpoint there")]
async fn serve_until_killed(data: &Path) {
    let aws = FakeAws::start(config(Some(data))).await.unwrap();
    prepare(&aws).await;
    println!("{ENDPOINT_LINE}{}", aws.endpoint());
    // Lasts long past the kill, and ends by itself should the parent have died.
    tokio::time::sleep(seconds(60)).await;
}

//! The life of a message in a queue, seen through the SDK.

use std::time::{Duration, Instant};

use aws_sdk_sqs::types::{
    DeleteMessageBatchRequestEntry, MessageAttributeValue, MessageSystemAttributeName,
    SendMessageBatchRequestEntry,
};
use fakeaws::QueueSpec;

use crate::world::{World, seconds, spec};

#[tokio::test]
async fn a_message_comes_back_whole_with_its_attributes() {
    let world = World::ephemeral().await;
    let url = world.queue("whole").await;
    let kind = MessageAttributeValue::builder()
        .data_type("String")
        .string_value("video");
    let bytes = MessageAttributeValue::builder()
        .data_type("Binary")
        .binary_value(aws_sdk_sqs::primitives::Blob::new([0, 159, 255]));
    let send = world
        .sqs
        .send_message()
        .queue_url(&url)
        .message_body("hé \"there\"\n<&>");
    let sent = send
        .message_attributes("kind", kind.build().unwrap())
        .message_attributes("bytes", bytes.build().unwrap())
        .message_group_id("tenant-1")
        .send()
        .await
        .unwrap();

    let received = world.receive(&url, 0).await.remove(0);
    assert_eq!(received.body(), Some("hé \"there\"\n<&>"));
    assert_eq!(received.message_id(), sent.message_id());
    assert_eq!(received.md5_of_body(), sent.md5_of_message_body());
    assert_eq!(
        received.md5_of_message_attributes(),
        sent.md5_of_message_attributes()
    );
    let attributes = received.message_attributes().unwrap();
    assert_eq!(attributes["kind"].string_value(), Some("video"));
    assert_eq!(
        attributes["bytes"].binary_value().unwrap().as_ref(),
        [0, 159, 255]
    );
    let system = received.attributes().unwrap();
    assert_eq!(
        system[&MessageSystemAttributeName::ApproximateReceiveCount],
        "1"
    );
    assert_eq!(
        system[&MessageSystemAttributeName::MessageGroupId],
        "tenant-1"
    );
    assert!(
        system[&MessageSystemAttributeName::SentTimestamp]
            .parse::<u64>()
            .unwrap()
            > 0
    );
}

#[tokio::test]
async fn digests_are_the_ones_that_aws_documents() {
    let world = World::ephemeral().await;
    let url = world.queue("digests").await;
    let number = MessageAttributeValue::builder()
        .data_type("Number")
        .string_value("1");
    let sent = world
        .sqs
        .send_message()
        .queue_url(&url)
        .message_body("hello")
        .message_attributes("n", number.build().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(
        sent.md5_of_message_body(),
        Some("5d41402abc4b2a76b9719d911017c592")
    );
    // MD5 of 00000001 6e, 00000006 "Number", 01, 00000001 31, computed apart.
    assert_eq!(
        sent.md5_of_message_attributes(),
        Some("ef88bdc4583394a9f2bcdc6a6f0ccbfe")
    );
}

#[tokio::test]
async fn a_received_message_is_hidden_until_its_timeout_and_then_counted_again() {
    let world = World::ephemeral().await;
    let queue = QueueSpec {
        visibility_timeout_s: 1,
        ..spec("hidden")
    };
    world.aws.sqs().create_queue(queue).await.unwrap();
    let url = world.aws.sqs().queue_url("hidden");
    world.send(&url, "once").await;

    let first = world.receive(&url, 0).await.remove(0);
    let hidden_at = Instant::now();
    assert!(world.receive(&url, 0).await.is_empty());
    let second = world.receive(&url, 5).await.remove(0);
    assert!(
        hidden_at.elapsed() >= Duration::from_millis(900),
        "it came back too early"
    );
    assert!(
        hidden_at.elapsed() < seconds(3),
        "the waiting receive did not wake when it was due"
    );
    let count = &second.attributes().unwrap()[&MessageSystemAttributeName::ApproximateReceiveCount];
    assert_eq!(count, "2");

    // The first receipt was replaced, so it deletes nothing.
    let delete = |handle: Option<&str>| {
        world
            .sqs
            .delete_message()
            .queue_url(&url)
            .receipt_handle(handle.unwrap())
            .send()
    };
    delete(first.receipt_handle()).await.unwrap();
    assert_eq!(world.aws.sqs().status().await[0].in_flight, 1);
    delete(second.receipt_handle()).await.unwrap();
    let status = &world.aws.sqs().status().await[0];
    assert_eq!((status.visible, status.in_flight), (0, 0));
    assert_eq!((status.sent, status.received, status.deleted), (1, 2, 1));
}

#[tokio::test]
async fn a_waiting_receive_wakes_when_a_message_is_sent() {
    let world = World::ephemeral().await;
    let url = world.queue("wake").await;
    let receive = world.receive(&url, 20);
    tokio::pin!(receive);
    // It does not end: it is waiting.
    tokio::time::timeout(Duration::from_millis(300), &mut receive)
        .await
        .unwrap_err();
    world.send(&url, "now").await;
    let received = tokio::time::timeout(seconds(2), receive).await;
    assert_eq!(received.expect("it slept through the message").len(), 1);
}

#[tokio::test]
async fn a_message_past_its_retention_is_gone() {
    let world = World::ephemeral().await;
    let queue = QueueSpec {
        retention_s: 1,
        ..spec("short")
    };
    world.aws.sqs().create_queue(queue).await.unwrap();
    world
        .send(&world.aws.sqs().queue_url("short"), "soon gone")
        .await;
    assert_eq!(world.aws.sqs().status().await[0].visible, 1);
    let gone = async {
        while world.aws.sqs().status().await[0].visible > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(seconds(5), gone).await.unwrap();
    assert!(
        world
            .receive(&world.aws.sqs().queue_url("short"), 0)
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn a_waiting_receive_ends_empty_when_its_time_is_up() {
    let world = World::ephemeral().await;
    let url = world.queue("empty").await;
    let started = Instant::now();
    assert!(world.receive(&url, 1).await.is_empty());
    assert!((seconds(1)..seconds(3)).contains(&started.elapsed()));
}

#[tokio::test]
async fn a_delayed_message_comes_when_its_delay_is_over() {
    let world = World::ephemeral().await;
    let url = world.queue("delayed").await;
    let started = Instant::now();
    let send = world
        .sqs
        .send_message()
        .queue_url(&url)
        .message_body("later")
        .delay_seconds(1);
    send.send().await.unwrap();
    assert_eq!(world.aws.sqs().status().await[0].delayed, 1);
    assert!(world.receive(&url, 0).await.is_empty());
    assert_eq!(world.receive(&url, 10).await.len(), 1);
    assert!((Duration::from_millis(950)..seconds(3)).contains(&started.elapsed()));
}

#[tokio::test]
async fn a_message_received_too_often_goes_to_the_dead_letters() {
    let world = World::ephemeral().await;
    let url = world.queue_with_dead_letters("work", 2).await;
    let dead = world.aws.sqs().queue_url("work-dead");
    world.send(&url, "poison").await;
    for _ in 0..2 {
        let received = world.receive(&url, 0).await.remove(0);
        let handle = received.receipt_handle().unwrap();
        let hide = world
            .sqs
            .change_message_visibility()
            .queue_url(&url)
            .receipt_handle(handle);
        hide.visibility_timeout(0).send().await.unwrap();
    }
    // A receive that waits at the dead letters wakes when the message arrives there.
    let started = Instant::now();
    let (dead, moved) = tokio::join!(world.receive(&dead, 10), world.receive(&url, 0));
    assert!(moved.is_empty());
    assert!(started.elapsed() < seconds(5), "it slept through the move");
    assert_eq!(dead[0].body(), Some("poison"));
    let system = dead[0].attributes().unwrap();
    assert_eq!(
        system[&MessageSystemAttributeName::ApproximateReceiveCount],
        "1"
    );
    assert_eq!(
        system[&MessageSystemAttributeName::DeadLetterQueueSourceArn],
        world.aws.sqs().queue_arn("work"),
    );
}

#[tokio::test]
async fn batches_send_and_delete_entry_by_entry() {
    let world = World::ephemeral().await;
    let url = world.queue("batch").await;
    let entry = |id: usize, delay_s: i32| {
        let entry = SendMessageBatchRequestEntry::builder().id(id.to_string());
        entry
            .message_body(format!("body {id}"))
            .delay_seconds(delay_s)
            .build()
            .unwrap()
    };
    let entries = (0..9).map(|id| entry(id, 0)).chain([entry(9, 901)]);
    let batch = world
        .sqs
        .send_message_batch()
        .queue_url(&url)
        .set_entries(Some(entries.collect()));
    let sent = batch.send().await.unwrap();
    assert_eq!((sent.successful().len(), sent.failed().len()), (9, 1));
    assert_eq!(sent.failed()[0].id(), "9");
    assert!(sent.failed()[0].sender_fault());

    let received = world.receive(&url, 0).await;
    assert_eq!(received.len(), 9);
    let entry = |id: String, handle: &str| {
        let entry = DeleteMessageBatchRequestEntry::builder()
            .id(id)
            .receipt_handle(handle);
        entry.build().unwrap()
    };
    let mut entries: Vec<_> = received
        .iter()
        .enumerate()
        .map(|(id, message)| entry(id.to_string(), message.receipt_handle().unwrap()))
        .collect();
    entries.push(entry("bad".to_owned(), "no handle"));
    let delete = world
        .sqs
        .delete_message_batch()
        .queue_url(&url)
        .set_entries(Some(entries));
    let deleted = delete.send().await.unwrap();
    assert_eq!((deleted.successful().len(), deleted.failed().len()), (9, 1));
    assert_eq!(deleted.failed()[0].code(), "ReceiptHandleIsInvalid");
    let status = &world.aws.sqs().status().await[0];
    assert_eq!(
        (status.visible, status.in_flight, status.deleted),
        (0, 0, 9)
    );
}

#[tokio::test]
async fn many_receivers_never_take_one_message_twice() {
    const MESSAGES: usize = 200;
    let world = World::ephemeral().await;
    let url = world.queue("shared").await;
    for id in 0..MESSAGES {
        world.send(&url, &id.to_string()).await;
    }
    let receivers = (0..8).map(|_| {
        let sqs = world.aws.sqs().clone();
        tokio::spawn(async move {
            let mut bodies = Vec::new();
            loop {
                let messages = sqs.receive("shared", 10, Duration::ZERO).await.unwrap();
                if messages.is_empty() {
                    return bodies;
                }
                bodies.extend(messages.into_iter().map(|message| message.body));
            }
        })
    });
    let mut bodies = Vec::new();
    for receiver in receivers.collect::<Vec<_>>() {
        bodies.extend(receiver.await.unwrap());
    }
    assert_eq!(bodies.len(), MESSAGES);
    bodies.sort();
    bodies.dedup();
    assert_eq!(bodies.len(), MESSAGES);
}

#[tokio::test]
async fn a_release_shows_what_is_in_flight_again_and_nothing_else() {
    let world = World::ephemeral().await;
    let url = world.queue("jobs").await;
    world.send(&url, "in flight").await;
    let first = world.receive(&url, 0).await.remove(0);
    let delayed = world.sqs.send_message().queue_url(&url).delay_seconds(900);
    delayed.message_body("delayed").send().await.unwrap();
    assert!(world.receive(&url, 0).await.is_empty());

    world.aws.sqs().release("jobs").await.unwrap();
    let again = world.receive(&url, 0).await;
    assert_eq!(again.len(), 1);
    assert_eq!(again[0].message_id, first.message_id);
    let status = world.aws.sqs().status().await;
    assert_eq!((status[0].in_flight, status[0].delayed), (1, 1));
}

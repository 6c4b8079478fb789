//! The requests that a queue refuses, and its report about itself.

use aws_sdk_sqs::error::ProvideErrorMetadata;
use aws_sdk_sqs::types::{QueueAttributeName, SendMessageBatchRequestEntry};
use fakeaws::{QueueSpec, Redrive};

use crate::world::{Clients, World, seconds, spec};

const MESSAGE_BYTES_MAX: usize = 1_048_576;

#[tokio::test]
async fn a_missing_queue_is_the_error_that_the_sdk_knows() {
    let world = World::ephemeral().await;
    let url = world.aws.sqs().queue_url("nowhere");
    let send = world
        .sqs
        .send_message()
        .queue_url(&url)
        .message_body("x")
        .send()
        .await;
    assert!(
        send.unwrap_err()
            .into_service_error()
            .is_queue_does_not_exist()
    );
    let receive = world.sqs.receive_message().queue_url(&url).send().await;
    assert!(
        receive
            .unwrap_err()
            .into_service_error()
            .is_queue_does_not_exist()
    );
    let url = world.sqs.get_queue_url().queue_name("nowhere").send().await;
    assert!(
        url.unwrap_err()
            .into_service_error()
            .is_queue_does_not_exist()
    );
    let error = world
        .aws
        .sqs()
        .receive("nowhere", 1, seconds(0))
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "The specified queue does not exist.");
}

#[tokio::test]
async fn a_message_may_have_one_mebibyte_and_not_a_byte_more() {
    let world = World::ephemeral().await;
    let url = world.queue("large").await;
    world.send(&url, &"x".repeat(MESSAGE_BYTES_MAX)).await;
    let body = "x".repeat(MESSAGE_BYTES_MAX + 1);
    let refused = world
        .sqs
        .send_message()
        .queue_url(&url)
        .message_body(body)
        .send()
        .await;
    let refused = refused.unwrap_err().into_service_error();
    assert_eq!(refused.code(), Some("InvalidParameterValue"));

    let half = |id: &str| {
        let entry = SendMessageBatchRequestEntry::builder().id(id);
        entry
            .message_body("x".repeat(MESSAGE_BYTES_MAX / 2 + 1))
            .build()
            .unwrap()
    };
    let batch = world
        .sqs
        .send_message_batch()
        .queue_url(&url)
        .entries(half("a"));
    let refused = batch
        .entries(half("b"))
        .send()
        .await
        .unwrap_err()
        .into_service_error();
    assert!(refused.is_batch_request_too_long(), "{refused:?}");
}

#[tokio::test]
async fn a_batch_needs_one_to_ten_entries_with_distinct_ids() {
    let world = World::ephemeral().await;
    let url = world.queue("batches").await;
    let refusal = async |ids: Vec<&str>| {
        let entry = |id| {
            SendMessageBatchRequestEntry::builder()
                .id(id)
                .message_body("x")
                .build()
        };
        let entries = ids.into_iter().map(|id| entry(id).unwrap()).collect();
        let batch = world
            .sqs
            .send_message_batch()
            .queue_url(&url)
            .set_entries(Some(entries));
        batch.send().await.unwrap_err().into_service_error()
    };
    assert!(refusal(vec![]).await.is_empty_batch_request());
    assert!(
        refusal(vec!["a", "a"])
            .await
            .is_batch_entry_ids_not_distinct()
    );
    assert!(refusal(vec!["a b"]).await.is_invalid_batch_entry_id());
    let eleven = vec!["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10"];
    assert!(refusal(eleven).await.is_too_many_entries_in_batch_request());
}

#[tokio::test]
async fn visibility_changes_only_for_a_message_in_flight() {
    let world = World::ephemeral().await;
    let url = world.queue("visible").await;
    world.send(&url, "x").await;
    let received = world.receive(&url, 0).await.remove(0);
    let change = |timeout_s: i32| {
        let change = world.sqs.change_message_visibility().queue_url(&url);
        change
            .receipt_handle(received.receipt_handle().unwrap())
            .visibility_timeout(timeout_s)
            .send()
    };
    change(100).await.unwrap();
    change(0).await.unwrap();
    let refused = change(10).await.unwrap_err().into_service_error();
    assert!(refused.is_message_not_inflight(), "{refused:?}");
    // It is visible, and its latest receipt still deletes it.
    world
        .aws
        .sqs()
        .delete("visible", received.receipt_handle().unwrap())
        .await
        .unwrap();
    assert!(world.receive(&url, 0).await.is_empty());
    assert!(change(43_201).await.is_err());
}

#[tokio::test]
async fn a_queue_made_by_the_sdk_says_what_it_was_given() {
    let world = World::ephemeral().await;
    world.queue("dead").await;
    let policy = format!(
        r#"{{"deadLetterTargetArn":"{}","maxReceiveCount":"3"}}"#,
        world.aws.sqs().queue_arn("dead"),
    );
    let create = |timeout_s: &str| {
        let create = world.sqs.create_queue().queue_name("made");
        create
            .attributes(QueueAttributeName::VisibilityTimeout, timeout_s)
            .attributes(QueueAttributeName::RedrivePolicy, policy.clone())
            .send()
    };
    let url = create("77").await.unwrap().queue_url.unwrap();
    create("77").await.unwrap();
    assert!(
        create("78")
            .await
            .unwrap_err()
            .into_service_error()
            .is_queue_name_exists()
    );
    assert_eq!(url, world.aws.sqs().queue_url("made"));
    world.send(&url, "x").await;
    let get = world.sqs.get_queue_attributes().queue_url(&url);
    let attributes = get
        .attribute_names(QueueAttributeName::All)
        .send()
        .await
        .unwrap();
    let attributes = attributes.attributes.unwrap();
    assert_eq!(attributes[&QueueAttributeName::VisibilityTimeout], "77");
    assert_eq!(
        attributes[&QueueAttributeName::ApproximateNumberOfMessages],
        "1"
    );
    assert!(attributes[&QueueAttributeName::RedrivePolicy].contains("\"maxReceiveCount\":3"));
    let listed = world
        .sqs
        .list_queues()
        .queue_name_prefix("ma")
        .send()
        .await
        .unwrap();
    assert_eq!(listed.queue_urls(), std::slice::from_ref(&url));
    world
        .sqs
        .purge_queue()
        .queue_url(&url)
        .send()
        .await
        .unwrap();
    assert!(world.receive(&url, 0).await.is_empty());
}

#[tokio::test]
async fn a_dead_letter_queue_must_exist_first() {
    let world = World::ephemeral().await;
    let redrive = Redrive {
        dead_letter_queue: "absent".to_owned(),
        max_receive_count: 1,
    };
    let queue = QueueSpec {
        redrive: Some(redrive),
        ..spec("early")
    };
    let error = world.aws.sqs().create_queue(queue).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "The dead-letter queue absent of early does not exist."
    );
}

#[tokio::test]
async fn requests_without_the_access_key_are_refused() {
    let world = World::ephemeral().await;
    let stranger = Clients::signing_with(world.aws.endpoint(), "AKIDSTRANGER", "secret");
    let listed = stranger.sqs.list_queues().send().await.unwrap_err();
    assert_eq!(listed.raw_response().unwrap().status().as_u16(), 403);
    let unsigned = world
        .http
        .post(world.aws.endpoint())
        .header("x-amz-target", "AmazonSQS.ListQueues")
        .body("{}")
        .send();
    assert_eq!(unsigned.await.unwrap().status(), 403);
}

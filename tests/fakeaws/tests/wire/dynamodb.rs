//! Tables through the SDK: conditions, transactions, and tables that exist already.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Delete, Put, ReturnValuesOnConditionCheckFailure,
    TransactWriteItem, Update,
};
use serde_json::{Value, json};

use crate::world::World;

#[tokio::test]
async fn a_failed_condition_returns_the_item_that_is_there() {
    let world = world_with_table("items").await;
    put(&world, "items", "a", "1").await;
    let refused = world
        .dynamodb
        .put_item()
        .table_name("items")
        .set_item(Some(item("a", "2")))
        .condition_expression("attribute_not_exists(pk)")
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .send()
        .await
        .unwrap_err()
        .into_service_error();
    let PutItemError::ConditionalCheckFailedException(refused) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(refused.item(), Some(&item("a", "1")));
}

#[tokio::test]
async fn a_cancelled_transaction_gives_a_reason_for_each_action_and_the_items_there() {
    let world = world_with_table("ledger").await;
    put(&world, "ledger", "wallet", "10").await;
    let update = Update::builder()
        .table_name("ledger")
        .key("pk", text("wallet"))
        .update_expression("SET v = :new")
        .condition_expression("v = :expected")
        .expression_attribute_values(":new", text("0"))
        .expression_attribute_values(":expected", text("99"))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    let insert = Put::builder()
        .table_name("ledger")
        .set_item(Some(item("wallet2", "1")))
        .condition_expression("attribute_not_exists(pk)");
    let check = ConditionCheck::builder()
        .table_name("ledger")
        .key("pk", text("absent"))
        .condition_expression("attribute_exists(pk)")
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    let refused = world
        .dynamodb
        .transact_write_items()
        .transact_items(
            TransactWriteItem::builder()
                .update(update.build().unwrap())
                .build(),
        )
        .transact_items(
            TransactWriteItem::builder()
                .put(insert.build().unwrap())
                .build(),
        )
        .transact_items(
            TransactWriteItem::builder()
                .condition_check(check.build().unwrap())
                .build(),
        )
        .send()
        .await
        .unwrap_err()
        .into_service_error();
    let TransactWriteItemsError::TransactionCanceledException(refused) = refused else {
        panic!("{refused:?}");
    };
    let reasons = refused.cancellation_reasons();
    let codes: Vec<_> = reasons
        .iter()
        .map(|reason| reason.code().unwrap())
        .collect();
    assert_eq!(
        codes,
        ["ConditionalCheckFailed", "None", "ConditionalCheckFailed"]
    );
    assert_eq!(reasons[0].item(), Some(&item("wallet", "10")));
    assert_eq!(reasons[2].item(), None);
    assert_eq!(get(&world, "ledger", "wallet2").await, None);
}

#[tokio::test]
async fn a_transaction_sent_again_with_its_token_happens_once() {
    let world = world_with_table("once").await;
    for _ in 0..2 {
        let add = Update::builder()
            .table_name("once")
            .key("pk", text("counter"))
            .update_expression("ADD n :one")
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()));
        world
            .dynamodb
            .transact_write_items()
            .client_request_token("same")
            .transact_items(
                TransactWriteItem::builder()
                    .update(add.build().unwrap())
                    .build(),
            )
            .send()
            .await
            .unwrap();
    }
    let counter = get(&world, "once", "counter").await.unwrap();
    assert_eq!(counter["n"], AttributeValue::N("1".to_owned()));
}

#[tokio::test]
async fn concurrent_transactions_on_one_item_neither_lose_nor_double_a_step() {
    const WORKERS: usize = 16;
    const STEPS: usize = 10;
    let world = world_with_table("contended").await;
    put(&world, "contended", "counter", "0").await;
    let workers = (0..WORKERS).map(|worker| {
        let dynamodb = world.dynamodb.clone();
        tokio::spawn(async move {
            for step in 0..STEPS {
                let add = Update::builder()
                    .table_name("contended")
                    .key("pk", text("counter"))
                    .update_expression("ADD n :one")
                    .expression_attribute_values(":one", AttributeValue::N("1".to_owned()));
                let log = Put::builder()
                    .table_name("contended")
                    .set_item(Some(item(&format!("{worker}-{step}"), "x")));
                dynamodb
                    .transact_write_items()
                    .transact_items(
                        TransactWriteItem::builder()
                            .update(add.build().unwrap())
                            .build(),
                    )
                    .transact_items(
                        TransactWriteItem::builder()
                            .put(log.build().unwrap())
                            .build(),
                    )
                    .send()
                    .await
                    .unwrap();
            }
        })
    });
    for worker in workers.collect::<Vec<_>>() {
        worker.await.unwrap();
    }
    let counter = get(&world, "contended", "counter").await.unwrap();
    assert_eq!(
        counter["n"],
        AttributeValue::N((WORKERS * STEPS).to_string())
    );
}

#[tokio::test]
async fn an_existing_table_keeps_its_items_and_gains_an_index() {
    let world = world_with_table("grown").await;
    put(&world, "grown", "a", "red").await;
    let mut create = create_table("grown");
    create["AttributeDefinitions"]
        .as_array_mut()
        .unwrap()
        .push(json!({ "AttributeName": "v", "AttributeType": "S" }));
    create["GlobalSecondaryIndexes"] = json!([{
        "IndexName": "by-v",
        "KeySchema": [{ "AttributeName": "v", "KeyType": "HASH" }],
        "Projection": { "ProjectionType": "ALL" },
    }]);
    for _ in 0..2 {
        world
            .aws
            .create_table(create.clone(), Some("expires_at"))
            .await
            .unwrap();
    }
    let found = world
        .dynamodb
        .query()
        .table_name("grown")
        .index_name("by-v")
        .key_condition_expression("v = :red")
        .expression_attribute_values(":red", text("red"))
        .send()
        .await
        .unwrap();
    assert_eq!(found.items(), [item("a", "red")]);
    // The expiry may move to another attribute.
    world
        .aws
        .create_table(create, Some("gone_at"))
        .await
        .unwrap();
    let ttl = world
        .dynamodb
        .describe_time_to_live()
        .table_name("grown")
        .send()
        .await
        .unwrap();
    let ttl = ttl.time_to_live_description.unwrap();
    assert_eq!(ttl.attribute_name(), Some("gone_at"));
}

#[tokio::test]
async fn an_existing_table_with_another_key_is_one_clear_error() {
    let world = world_with_table("keyed").await;
    let mut create = create_table("keyed");
    create["AttributeDefinitions"][0]["AttributeType"] = "N".into();
    let error = world
        .aws
        .create_table(create, None)
        .await
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "the table keyed exists with another key schema: use another data directory, or delete it",
    );
}

#[tokio::test]
async fn a_body_that_does_not_read_is_the_senders_fault() {
    let world = world_with_table("strict").await;
    for (body, kind) in [
        ("{", "SerializationException"),
        (
            r#"{"TableName":"strict","Key":{"pk":{"S":7}}}"#,
            "SerializationException",
        ),
        (
            r#"{"TableName":"strict","Key":{"pk":{}}}"#,
            "ValidationException",
        ),
        (
            r#"{"TableName":"absent","Key":{"pk":{"S":"a"}}}"#,
            "ResourceNotFoundException",
        ),
    ] {
        let (status, answer) = raw(&world, "GetItem", body).await;
        assert_eq!(status, 400, "{body}: {answer}");
        assert!(
            answer["__type"].as_str().unwrap().ends_with(kind),
            "{body}: {answer}"
        );
    }
}

/// Run by hand: `cargo test -p fakeaws measures -- --nocapture` prints the measured times. It fails when a
/// transaction takes so long that the end-to-end tests would be in trouble.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_measures_transactions_of_four_actions_on_three_tables() {
    const CLIENTS: usize = 16;
    const EACH: usize = 25;
    let directory = tempfile::tempdir().unwrap();
    let world = World::on(directory.path()).await;
    for table in ["jobs", "wallets", "entries"] {
        world
            .aws
            .create_table(create_table(table), None)
            .await
            .unwrap();
    }
    let started = Instant::now();
    let clients = (0..CLIENTS).map(|client| {
        let dynamodb = world.dynamodb.clone();
        tokio::spawn(async move {
            for step in 0..EACH {
                transact(&dynamodb, client, step).await;
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }
    let elapsed = started.elapsed();
    let per_second = (CLIENTS * EACH) as f64 / elapsed.as_secs_f64();
    eprintln!("{per_second:.0} transactions a second with {CLIENTS} clients");
    assert!(elapsed < Duration::from_secs(60), "{elapsed:?}");
}

async fn transact(dynamodb: &aws_sdk_dynamodb::Client, client: usize, step: usize) {
    let insert = |table: &str, key: String| {
        let put = Put::builder()
            .table_name(table)
            .set_item(Some(item(&key, &"x".repeat(300))))
            .condition_expression("attribute_not_exists(pk)");
        TransactWriteItem::builder()
            .put(put.build().unwrap())
            .build()
    };
    let wallet = Update::builder()
        .table_name("wallets")
        .key("pk", text(&format!("wallet-{client}")))
        .update_expression("ADD n :one")
        .condition_expression("attribute_not_exists(n) OR n < :most")
        .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
        .expression_attribute_values(":most", AttributeValue::N("1000000".to_owned()));
    let gone = Delete::builder()
        .table_name("jobs")
        .key("pk", text(&format!("old-{client}-{step}")));
    dynamodb
        .transact_write_items()
        .transact_items(insert("jobs", format!("job-{client}-{step}")))
        .transact_items(
            TransactWriteItem::builder()
                .update(wallet.build().unwrap())
                .build(),
        )
        .transact_items(insert("entries", format!("entry-{client}-{step}")))
        .transact_items(
            TransactWriteItem::builder()
                .delete(gone.build().unwrap())
                .build(),
        )
        .send()
        .await
        .unwrap();
}

pub fn create_table(name: &str) -> Value {
    json!({
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{ "AttributeName": "pk", "AttributeType": "S" }],
        "KeySchema": [{ "AttributeName": "pk", "KeyType": "HASH" }],
        "StreamSpecification": { "StreamEnabled": true, "StreamViewType": "KEYS_ONLY" },
    })
}

async fn world_with_table(name: &str) -> World {
    let world = World::ephemeral().await;
    world
        .aws
        .create_table(create_table(name), None)
        .await
        .unwrap();
    world
}

pub fn item(key: &str, value: &str) -> HashMap<String, AttributeValue> {
    HashMap::from([("pk".to_owned(), text(key)), ("v".to_owned(), text(value))])
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

async fn put(world: &World, table: &str, key: &str, value: &str) {
    let put = world
        .dynamodb
        .put_item()
        .table_name(table)
        .set_item(Some(item(key, value)));
    put.send().await.unwrap();
}

async fn get(world: &World, table: &str, key: &str) -> Option<HashMap<String, AttributeValue>> {
    let get = world
        .dynamodb
        .get_item()
        .table_name(table)
        .key("pk", text(key));
    get.consistent_read(true).send().await.unwrap().item
}

async fn raw(world: &World, operation: &str, body: &str) -> (u16, Value) {
    let reply = world
        .http
        .post(world.aws.endpoint())
        .header(
            "authorization",
            format!("Credential={}/x", crate::world::KEY_ID),
        )
        .header("x-amz-target", format!("DynamoDB_20120810.{operation}"))
        .body(body.to_owned())
        .send()
        .await
        .unwrap();
    (reply.status().as_u16(), reply.json().await.unwrap())
}

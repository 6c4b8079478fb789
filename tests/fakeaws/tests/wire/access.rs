//! The permissions of a role, and the wording of its refusals.

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, Put, TransactWriteItem};
use fakeaws::{Role, Statement};
use serde_json::json;

use crate::multipart;
use crate::world::{Clients, SECRET, World};

const KEY_ID: &str = "AKIDROLE";

/// A world with a role that may do these actions on these resources, and clients with its key.
async fn role(statements: &[(&[&str], &[&str])]) -> (World, Clients) {
    let world = World::ephemeral().await;
    for table in ["jobs", "wallets"] {
        let create = json!({
            "TableName": table,
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "BillingMode": "PAY_PER_REQUEST",
        });
        world.aws.create_table(create, None).await.unwrap();
    }
    world.aws.create_bucket("media").await.unwrap();
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    world.aws.add_role(Role {
        name: "worker".to_owned(),
        access_key_id: KEY_ID.to_owned(),
        statements: statements
            .iter()
            .map(|(actions, resources)| Statement {
                actions: owned(actions),
                resources: owned(resources),
                conditions: Vec::new(),
            })
            .collect(),
    });
    let clients = Clients::signing_with(world.aws.endpoint(), KEY_ID, SECRET);
    (world, clients)
}

fn table(name: &str) -> String {
    format!("arn:aws:dynamodb:eu-central-1:000000000000:table/{name}")
}

fn id(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

#[tokio::test]
async fn a_role_reads_only_the_tables_that_it_may_read() {
    let jobs = table("jobs");
    let (_world, clients) = role(&[(&["dynamodb:GetItem"], &[&jobs])]).await;
    let get = |name: &str| {
        clients
            .dynamodb
            .get_item()
            .table_name(name)
            .key("id", id("1"))
    };
    get("jobs").send().await.unwrap();
    let refused = get("wallets").send().await.unwrap_err();
    assert_eq!(refused.code(), Some("AccessDeniedException"));
    let words = refused.message().unwrap();
    assert!(
        words.contains("assumed-role/worker/worker is not authorized to perform: dynamodb:GetItem")
    );
    assert!(words.contains(&table("wallets")), "{words}");
    let put = clients.dynamodb.put_item().table_name("jobs");
    let refused = put.item("id", id("1")).send().await.unwrap_err();
    assert_eq!(refused.code(), Some("AccessDeniedException"));
}

#[tokio::test]
async fn a_transaction_needs_what_each_of_its_parts_needs() {
    let (jobs, wallets) = (table("jobs"), table("wallets"));
    let (_world, clients) = role(&[
        (&["dynamodb:PutItem"], &[&jobs]),
        (&["dynamodb:ConditionCheckItem"], &[&wallets]),
    ])
    .await;
    let put = |name: &str| {
        let put = Put::builder().table_name(name).item("id", id("1"));
        TransactWriteItem::builder()
            .put(put.build().unwrap())
            .build()
    };
    let check = ConditionCheck::builder()
        .table_name("wallets")
        .key("id", id("1"))
        .condition_expression("attribute_not_exists(id)")
        .build()
        .unwrap();
    let check = TransactWriteItem::builder().condition_check(check).build();
    let write = |items: Vec<TransactWriteItem>| {
        let write = clients.dynamodb.transact_write_items();
        write.set_transact_items(Some(items)).send()
    };
    write(vec![put("jobs"), check]).await.unwrap();
    let refused = write(vec![put("jobs"), put("wallets")]).await.unwrap_err();
    assert_eq!(refused.code(), Some("AccessDeniedException"));
}

#[tokio::test]
async fn what_is_missing_in_a_bucket_is_forbidden_to_who_may_not_list_it() {
    let (world, clients) = role(&[(&["s3:GetObject"], &["arn:aws:s3:::media/*"])]).await;
    let owner = Clients::at(world.aws.endpoint());
    let put = owner.s3.put_object().bucket("media").key("a");
    put.send().await.unwrap();
    let get =
        |clients: &Clients, key: &str| clients.s3.get_object().bucket("media").key(key).send();
    get(&clients, "a").await.unwrap();
    let refused = get(&clients, "b").await.unwrap_err();
    assert_eq!(refused.code(), Some("AccessDenied"));
    let missing = get(&owner, "b").await.unwrap_err();
    assert_eq!(missing.code(), Some("NoSuchKey"));
    for refused in [
        clients
            .s3
            .put_object()
            .bucket("media")
            .key("a")
            .send()
            .await
            .unwrap_err()
            .code(),
        clients
            .s3
            .delete_object()
            .bucket("media")
            .key("a")
            .send()
            .await
            .unwrap_err()
            .code(),
        clients
            .s3
            .list_objects_v2()
            .bucket("media")
            .send()
            .await
            .unwrap_err()
            .code(),
    ] {
        assert_eq!(refused, Some("AccessDenied"));
    }
}

#[tokio::test]
async fn who_may_put_an_object_may_put_its_parts_and_aborting_is_another_permission() {
    let (world, putter) = role(&[(&["s3:PutObject"], &["arn:aws:s3:::media/mine/*"])]).await;
    let mine = multipart::begin(&putter.s3, "mine/a").await;
    let create = putter.s3.create_multipart_upload().bucket("media").key("b");
    let refused = create.send().await.unwrap_err();
    assert_eq!(refused.code(), Some("AccessDenied"));
    let abort = |clients: &Clients| {
        let abort = clients.s3.abort_multipart_upload().bucket("media");
        abort.key("mine/a").upload_id(&mine).send()
    };
    let refused = abort(&putter).await.unwrap_err();
    assert_eq!(refused.code(), Some("AccessDenied"));
    let words = refused.message().unwrap();
    assert!(words.contains("s3:AbortMultipartUpload"), "{words}");
    world.aws.add_role(Role {
        name: "aborter".to_owned(),
        access_key_id: "AKIDABORTER".to_owned(),
        statements: vec![Statement {
            actions: vec!["s3:AbortMultipartUpload".to_owned()],
            resources: vec!["arn:aws:s3:::media/*".to_owned()],
            conditions: Vec::new(),
        }],
    });
    let aborter = Clients::signing_with(world.aws.endpoint(), "AKIDABORTER", SECRET);
    let part = aborter.s3.upload_part().bucket("media").key("mine/a");
    let refused = part.upload_id(&mine).part_number(1).send().await;
    assert_eq!(refused.unwrap_err().code(), Some("AccessDenied"));
    abort(&aborter).await.unwrap();
}

#[tokio::test]
async fn queues_and_parameters_ask_for_permission_too() {
    let (world, clients) = role(&[
        (
            &["sqs:SendMessage"],
            &["arn:aws:sqs:eu-central-1:000000000000:mine"],
        ),
        (
            &["ssm:GetParameter"],
            &["arn:aws:ssm:eu-central-1:000000000000:parameter/app/mine"],
        ),
    ])
    .await;
    let (mine, other) = (world.queue("mine").await, world.queue("other").await);
    let send = |url: &str| {
        clients
            .sqs
            .send_message()
            .queue_url(url)
            .message_body("x")
            .send()
    };
    send(&mine).await.unwrap();
    let refused = send(&other).await.unwrap_err();
    assert_eq!(refused.code(), Some("AccessDeniedException"));
    let received = clients.sqs.receive_message().queue_url(&mine).send().await;
    assert_eq!(received.unwrap_err().code(), Some("AccessDeniedException"));

    for name in ["/app/mine", "/app/other"] {
        world.aws.put_parameter(name, "x").await.unwrap();
    }
    let get = |name: &str| {
        clients
            .ssm
            .get_parameter()
            .name(name)
            .with_decryption(true)
            .send()
    };
    get("/app/mine").await.unwrap();
    let refused = get("/app/other").await.unwrap_err();
    assert_eq!(refused.code(), Some("AccessDeniedException"));
}

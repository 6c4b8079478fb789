//! API Gateway's keys through the SDK: the behaviour that the key worker relies on.

use aws_sdk_apigateway::error::ProvideErrorMetadata;
use fakeaws::{ApiKeySpec, UsagePlanSpec};

use crate::world::World;

const VALUE: &str = "a-value-of-some-length";

async fn world() -> World {
    let world = World::ephemeral().await;
    declare(&world).await;
    world
}

async fn declare(world: &World) {
    let plan = |id: &str, quota_a_day| UsagePlanSpec {
        id: id.to_owned(),
        quota_a_day,
    };
    let shared = ApiKeySpec {
        id: "shared".to_owned(),
        value: "the-value-of-the-shared-key".to_owned(),
        enabled: true,
        plans: vec!["small".to_owned()],
    };
    let plans = vec![plan("small", Some(10)), plan("large", None)];
    world
        .aws
        .api_keys()
        .declare(plans, vec![shared])
        .await
        .unwrap();
}

async fn make(world: &World, name: &str, value: &str) -> Result<String, Option<String>> {
    let create = world.apigateway.create_api_key().name(name).value(value);
    let made = create.enabled(true).send().await;
    made.map(|key| key.id.unwrap())
        .map_err(|error| error.code().map(str::to_owned))
}

async fn enter(world: &World, plan: &str, key: &str) -> Result<(), Option<String>> {
    let enter = world.apigateway.create_usage_plan_key().usage_plan_id(plan);
    let entered = enter.key_id(key).key_type("API_KEY").send().await;
    entered
        .map(drop)
        .map_err(|error| error.code().map(str::to_owned))
}

fn refused<T>(code: &str) -> Result<T, Option<String>> {
    Err(Some(code.to_owned()))
}

#[tokio::test]
async fn a_key_is_made_once_entered_once_and_found_by_its_name() {
    let world = world().await;
    let id = make(&world, "ada", VALUE).await.unwrap();
    assert_eq!(
        make(&world, "eve", VALUE).await,
        refused("ConflictException")
    );
    assert_eq!(
        make(&world, "eve", "short").await,
        refused("BadRequestException")
    );
    assert_eq!(enter(&world, "small", &id).await, Ok(()));
    assert_eq!(
        enter(&world, "small", &id).await,
        refused("ConflictException")
    );
    assert_eq!(
        enter(&world, "large", &id).await,
        refused("ConflictException")
    );
    assert_eq!(
        enter(&world, "none", &id).await,
        refused("NotFoundException")
    );
    assert_eq!(
        enter(&world, "small", "none").await,
        refused("NotFoundException")
    );
    let listed = world.apigateway.get_api_keys().name_query("ada");
    let listed = listed.include_values(true).send().await.unwrap();
    let listed: Vec<_> = listed
        .items()
        .iter()
        .map(|key| (key.id(), key.value()))
        .collect();
    assert_eq!(listed, [(Some(id.as_str()), Some(VALUE))]);
    let found = world.aws.api_keys().find(VALUE).unwrap();
    assert_eq!(
        (found.id, found.enabled, found.plans),
        (id, true, vec!["small".to_owned()])
    );
}

#[tokio::test]
async fn a_deleted_key_leaves_its_plan_and_its_value_is_free() {
    let world = world().await;
    let id = make(&world, "ada", VALUE).await.unwrap();
    enter(&world, "large", &id).await.unwrap();
    let delete = || world.apigateway.delete_api_key().api_key(&id).send();
    delete().await.unwrap();
    assert_eq!(
        delete().await.unwrap_err().code(),
        Some("NotFoundException")
    );
    assert_eq!(world.aws.api_keys().find(VALUE), None);
    make(&world, "ada", VALUE).await.unwrap();
    assert_eq!(world.aws.api_keys().named("ada").unwrap().len(), 1);
}

#[tokio::test]
async fn an_account_makes_five_keys_a_second_and_no_more_than_it_may_have() {
    let world = world().await;
    for number in 0..5 {
        let value = format!("a-value-of-some-length-{number}");
        make(&world, "ada", &value).await.unwrap();
    }
    assert_eq!(
        make(&world, "ada", VALUE).await,
        refused("TooManyRequestsException")
    );
    let world = self::world().await;
    world.aws.api_keys().limit(2);
    make(&world, "ada", VALUE).await.unwrap();
    let one_more = make(&world, "eve", "another-value-of-some-length").await;
    assert_eq!(one_more, refused("LimitExceededException"));
}

#[tokio::test]
async fn what_remains_of_a_days_quota_can_be_changed() {
    let world = world().await;
    let keys = world.aws.api_keys();
    let patch = aws_sdk_apigateway::types::PatchOperation::builder()
        .op(aws_sdk_apigateway::types::Op::Replace)
        .path("/remaining")
        .value("1")
        .build();
    let update = world.apigateway.update_usage().usage_plan_id("small");
    let update = update.key_id("shared").patch_operations(patch);
    update.send().await.unwrap();
    assert!(keys.has_quota("small", "shared"));
    keys.count("small", "shared");
    assert!(!keys.has_quota("small", "shared"));
    assert!(keys.has_quota("large", "shared"));
}

#[tokio::test]
async fn keys_outlive_a_restart_and_who_signs_as_nobody_makes_none() {
    let folder = tempfile::tempdir().unwrap();
    let id = {
        let world = World::on(folder.path()).await;
        declare(&world).await;
        let id = make(&world, "ada", VALUE).await.unwrap();
        enter(&world, "large", &id).await.unwrap();
        let url = format!("{}/apikeys", world.aws.endpoint());
        let credential = "AWS4-HMAC-SHA256 Credential=NOBODY/20260101/eu-central-1/apigateway/aws4_request, \
                          SignedHeaders=host, Signature=0";
        let asked = world.http.get(url).header("authorization", credential);
        assert_eq!(asked.send().await.unwrap().status(), 403);
        world.aws.shutdown().await;
        id
    };
    let world = World::on(folder.path()).await;
    let found = world.aws.api_keys().find(VALUE).unwrap();
    assert_eq!((found.id, found.plans), (id, vec!["large".to_owned()]));
}

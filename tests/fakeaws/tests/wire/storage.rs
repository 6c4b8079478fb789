//! Objects through the SDK, with signatures in headers.

use std::collections::HashMap;

use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumMode, Delete, ObjectIdentifier};

use crate::world::{Clients, KEY_ID, World};

/// A key with everything that escaping may get wrong.
const KEY: &str = "users/ü 1/a+b&c=d/ü~*'().png";

#[tokio::test]
async fn an_object_comes_back_as_it_was_put() {
    let world = world_with_bucket().await;
    let put = world
        .s3
        .put_object()
        .bucket("media")
        .key(KEY)
        .content_type("image/png")
        .content_disposition("inline")
        .metadata("owner", "ann")
        .checksum_algorithm(ChecksumAlgorithm::Sha256)
        .body(ByteStream::from_static(b"hello"))
        .send()
        .await
        .unwrap();
    assert_eq!(put.e_tag(), Some("\"5d41402abc4b2a76b9719d911017c592\""));
    let sha256 = Some("LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=");
    assert_eq!(put.checksum_sha256(), sha256);

    let get = world.s3.get_object().bucket("media").key(KEY);
    let got = get
        .checksum_mode(ChecksumMode::Enabled)
        .send()
        .await
        .unwrap();
    assert_eq!(got.content_type(), Some("image/png"));
    assert_eq!(got.content_disposition(), Some("inline"));
    assert_eq!(got.content_encoding(), None);
    assert_eq!(
        got.metadata(),
        Some(&HashMap::from([("owner".to_owned(), "ann".to_owned())]))
    );
    assert_eq!(got.checksum_sha256(), sha256);
    assert_eq!(got.body.collect().await.unwrap().to_vec(), b"hello");

    let head = world
        .s3
        .head_object()
        .bucket("media")
        .key(KEY)
        .send()
        .await
        .unwrap();
    assert_eq!(head.content_length(), Some(5));
    assert_eq!(head.e_tag(), put.e_tag());
    assert!(head.last_modified().is_some());
}

#[tokio::test]
async fn a_large_streamed_body_arrives_whole() {
    let world = world_with_bucket().await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("video.mp4");
    let bytes: Vec<u8> = (0..3_000_000u32).map(|n| (n % 251) as u8).collect();
    std::fs::write(&path, &bytes).unwrap();
    let body = ByteStream::from(bytes.clone());
    world
        .s3
        .put_object()
        .bucket("media")
        .key("video.mp4")
        .body(body)
        .send()
        .await
        .unwrap();
    let got = world
        .s3
        .get_object()
        .bucket("media")
        .key("video.mp4")
        .send()
        .await
        .unwrap();
    assert_eq!(got.body.collect().await.unwrap().to_vec(), bytes);
}

#[tokio::test]
async fn a_range_is_served_and_an_impossible_one_refused() {
    let world = world_with_bucket().await;
    put(&world, "numbers", "0123456789").await;
    let range = async |range: &str| {
        let got = world
            .s3
            .get_object()
            .bucket("media")
            .key("numbers")
            .range(range)
            .send()
            .await;
        let got = got.map_err(|error| error.raw_response().unwrap().status().as_u16())?;
        let content_range = got.content_range.clone().unwrap();
        let bytes = got.body.collect().await.unwrap().to_vec();
        Ok::<_, u16>((content_range, String::from_utf8(bytes).unwrap()))
    };
    let ok = |content_range: &str, text: &str| Ok((content_range.to_owned(), text.to_owned()));
    assert_eq!(range("bytes=2-4").await, ok("bytes 2-4/10", "234"));
    assert_eq!(range("bytes=7-").await, ok("bytes 7-9/10", "789"));
    assert_eq!(range("bytes=-3").await, ok("bytes 7-9/10", "789"));
    assert_eq!(range("bytes=5-99").await, ok("bytes 5-9/10", "56789"));
    assert_eq!(range("bytes=10-").await, Err(416));
}

#[tokio::test]
async fn a_put_that_must_be_new_leaves_an_older_object_alone() {
    let world = world_with_bucket().await;
    put(&world, "once", "first").await;
    let again = world
        .s3
        .put_object()
        .bucket("media")
        .key("once")
        .if_none_match("*");
    let refused = again
        .body(ByteStream::from_static(b"second"))
        .send()
        .await
        .unwrap_err();
    assert_eq!(
        refused.into_service_error().code(),
        Some("PreconditionFailed")
    );
    assert_eq!(text(&world, "once").await, "first");
}

#[tokio::test]
async fn what_is_not_there_is_the_error_that_the_sdk_knows() {
    let world = world_with_bucket().await;
    let get = world
        .s3
        .get_object()
        .bucket("media")
        .key("absent")
        .send()
        .await;
    assert!(get.unwrap_err().into_service_error().is_no_such_key());
    let head = world
        .s3
        .head_object()
        .bucket("media")
        .key("absent")
        .send()
        .await;
    assert!(head.unwrap_err().into_service_error().is_not_found());
    let bucket = world.s3.get_object().bucket("absent").key("x").send().await;
    assert_eq!(
        bucket.unwrap_err().into_service_error().code(),
        Some("NoSuchBucket")
    );
    world
        .s3
        .delete_object()
        .bucket("media")
        .key("absent")
        .send()
        .await
        .unwrap();
}

#[tokio::test]
async fn objects_are_copied_listed_and_deleted() {
    let world = world_with_bucket().await;
    put(&world, KEY, "text").await;
    let source = format!(
        "media/{}",
        "users/%C3%BC%201/a%2Bb%26c%3Dd/%C3%BC~%2A%27%28%29.png"
    );
    let copy = world
        .s3
        .copy_object()
        .copy_source(source)
        .bucket("media")
        .key("copy <&>.txt");
    copy.send().await.unwrap();
    assert_eq!(text(&world, "copy <&>.txt").await, "text");
    put(&world, "third", "3").await;

    let list = world
        .s3
        .list_objects_v2()
        .bucket("media")
        .max_keys(2)
        .send()
        .await
        .unwrap();
    let keys = |objects: &[aws_sdk_s3::types::Object]| {
        objects
            .iter()
            .map(|object| object.key().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(keys(list.contents()), ["copy <&>.txt", "third"]);
    assert_eq!(list.is_truncated(), Some(true));
    let rest = world.s3.list_objects_v2().bucket("media");
    let rest = rest
        .continuation_token(list.next_continuation_token().unwrap())
        .send()
        .await;
    assert_eq!(keys(rest.unwrap().contents()), [KEY]);

    let object = |key: &str| ObjectIdentifier::builder().key(key).build().unwrap();
    let delete = Delete::builder()
        .objects(object("copy <&>.txt"))
        .objects(object(KEY));
    let delete = delete.objects(object("never there")).build().unwrap();
    let deleted = world
        .s3
        .delete_objects()
        .bucket("media")
        .delete(delete)
        .send()
        .await
        .unwrap();
    assert_eq!(deleted.deleted().len(), 3);
    let list = world
        .s3
        .list_objects_v2()
        .bucket("media")
        .send()
        .await
        .unwrap();
    assert_eq!(keys(list.contents()), ["third"]);
}

#[tokio::test]
async fn a_reader_sees_one_whole_version_while_an_object_is_replaced() {
    let world = world_with_bucket().await;
    let versions: Vec<String> = ["a", "b"].map(|letter| letter.repeat(100_000)).into();
    put(&world, "replaced", &versions[0]).await;
    let writer = async {
        for turn in 0..40 {
            put(&world, "replaced", &versions[turn % 2]).await;
        }
    };
    let reader = async {
        for _ in 0..40 {
            assert!(versions.contains(&text(&world, "replaced").await));
        }
    };
    tokio::join!(writer, reader);
}

#[tokio::test]
async fn a_wrong_secret_an_unknown_key_and_no_signature_are_refused() {
    let world = world_with_bucket().await;
    put(&world, "private", "text").await;
    let code = async |key_id: &str, secret: &str| {
        let clients = Clients::signing_with(world.aws.endpoint(), key_id, secret);
        let got = clients
            .s3
            .get_object()
            .bucket("media")
            .key("private")
            .send()
            .await;
        got.unwrap_err()
            .into_service_error()
            .code()
            .unwrap()
            .to_owned()
    };
    assert_eq!(code(KEY_ID, "wrong").await, "SignatureDoesNotMatch");
    assert_eq!(code("AKIDSTRANGER", "wrong").await, "InvalidAccessKeyId");
    let url = format!("{}/media/private", world.aws.endpoint());
    let unsigned = world.http.get(url).send().await.unwrap();
    assert_eq!(unsigned.status(), 403);
    assert!(
        unsigned
            .text()
            .await
            .unwrap()
            .contains("<Code>AccessDenied</Code>")
    );
}

pub async fn world_with_bucket() -> World {
    let world = World::ephemeral().await;
    world.aws.create_bucket("media").await.unwrap();
    world
}

pub async fn put(world: &World, key: &str, body: &str) {
    let body = ByteStream::from(body.as_bytes().to_vec());
    world
        .s3
        .put_object()
        .bucket("media")
        .key(key)
        .body(body)
        .send()
        .await
        .unwrap();
}

pub async fn text(world: &World, key: &str) -> String {
    let got = world
        .s3
        .get_object()
        .bucket("media")
        .key(key)
        .send()
        .await
        .unwrap();
    String::from_utf8(got.body.collect().await.unwrap().to_vec()).unwrap()
}

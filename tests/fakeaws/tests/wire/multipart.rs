//! Objects that arrive by parts, through the SDK.

use std::time::Instant;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::RequestChecksumCalculation;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumMode, CompletedMultipartUpload, CompletedPart};

use crate::storage::{put, text, world_with_bucket};
use crate::world::{World, seconds};

/// The smallest part that need not be the last.
const PART_BYTES: usize = 5 * 1_024 * 1_024;

/// A client that sends no checksums of its own, which an upload begun without one requires.
pub fn plain(world: &World) -> Client {
    let config = world.s3.config().to_builder();
    let config = config.request_checksum_calculation(RequestChecksumCalculation::WhenRequired);
    Client::from_conf(config.build())
}

pub async fn begin(s3: &Client, key: &str) -> String {
    let create = s3.create_multipart_upload().bucket("media").key(key);
    let created = create.content_type("video/mp4").send().await.unwrap();
    created.upload_id.unwrap()
}

pub async fn put_part(
    s3: &Client,
    key: &str,
    id: &str,
    number: i32,
    bytes: Vec<u8>,
) -> Result<CompletedPart, String> {
    let part = s3.upload_part().bucket("media").key(key).upload_id(id);
    let sent = part
        .part_number(number)
        .body(ByteStream::from(bytes))
        .send();
    let sent = sent.await.map_err(|error| code(&error))?;
    let etag = sent.e_tag.unwrap();
    Ok(CompletedPart::builder()
        .part_number(number)
        .e_tag(etag)
        .set_checksum_crc32(sent.checksum_crc32)
        .build())
}

pub async fn complete(
    s3: &Client,
    key: &str,
    id: &str,
    parts: &[CompletedPart],
) -> Result<String, String> {
    let parts = CompletedMultipartUpload::builder().set_parts(Some(parts.to_vec()));
    let complete = s3.complete_multipart_upload().bucket("media").key(key);
    let completed = complete
        .upload_id(id)
        .multipart_upload(parts.build())
        .send();
    let completed = completed.await.map_err(|error| code(&error))?;
    Ok(completed.e_tag.unwrap())
}

async fn abort(s3: &Client, key: &str, id: &str) -> Result<(), String> {
    let abort = s3.abort_multipart_upload().bucket("media").key(key);
    let aborted = abort.upload_id(id).send().await;
    aborted.map(drop).map_err(|error| code(&error))
}

fn code(error: &impl ProvideErrorMetadata) -> String {
    error.code().unwrap_or("none").to_owned()
}

fn refused<T>(code: &str) -> Result<T, String> {
    Err(code.to_owned())
}

/// The bytes of a part, different for every number.
fn bytes(number: u8, length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8 ^ number).collect()
}

#[tokio::test]
async fn parts_become_one_object_in_the_order_of_their_numbers() {
    let world = world_with_bucket().await;
    let s3 = plain(&world);
    let create = s3
        .create_multipart_upload()
        .bucket("media")
        .key("a b/ü.mp4");
    let create = create
        .content_type("video/mp4")
        .content_disposition("inline")
        .metadata("owner", "ann");
    let id = create.send().await.unwrap().upload_id.unwrap();
    let (first, last) = (bytes(1, PART_BYTES), bytes(2, 3));
    // Parts come in any order, and again: the last of a number counts.
    let last_part = put_part(&s3, "a b/ü.mp4", &id, 7, last.clone())
        .await
        .unwrap();
    put_part(&s3, "a b/ü.mp4", &id, 2, last.clone())
        .await
        .unwrap();
    let first_part = put_part(&s3, "a b/ü.mp4", &id, 2, first.clone())
        .await
        .unwrap();
    let etag = complete(&s3, "a b/ü.mp4", &id, &[first_part, last_part]).await;
    // The MD5 of the parts' MD5s, and their number.
    assert_eq!(
        etag.as_deref(),
        Ok("\"a5cc2e54988bf19918b9a72db78b44c5-2\"")
    );

    let get = || s3.get_object().bucket("media").key("a b/ü.mp4");
    let got = get().send().await.unwrap();
    assert_eq!(got.content_type(), Some("video/mp4"));
    assert_eq!(got.content_disposition(), Some("inline"));
    assert_eq!(got.metadata().unwrap()["owner"], "ann");
    assert_eq!(got.e_tag(), etag.as_deref().ok());
    let whole = [first, last].concat();
    assert!(got.body.collect().await.unwrap().to_vec() == whole);
    let range = format!("bytes={}-", PART_BYTES - 2);
    let got = get().range(range).send().await.unwrap();
    assert_eq!(
        got.body.collect().await.unwrap().to_vec(),
        whole[PART_BYTES - 2..]
    );
}

#[tokio::test]
async fn an_object_may_be_larger_by_parts_than_by_one_put() {
    let world = world_with_bucket().await;
    let s3 = plain(&world);
    let id = begin(&s3, "large").await;
    let mut parts = Vec::new();
    for number in 1..=3 {
        let bytes = vec![number; 24 * 1_024 * 1_024];
        parts.push(
            put_part(&s3, "large", &id, number.into(), bytes)
                .await
                .unwrap(),
        );
    }
    complete(&s3, "large", &id, &parts).await.unwrap();
    let got = s3.get_object().bucket("media").key("large").send().await;
    let mut got = got.unwrap();
    assert_eq!(got.content_length(), Some(72 * 1_024 * 1_024));
    let (mut at, part) = (0, 24 * 1_024 * 1_024);
    while let Some(chunk) = got.body.try_next().await.unwrap() {
        for byte in chunk {
            assert_eq!(usize::from(byte), at / part + 1, "at {at}");
            at += 1;
        }
    }
    assert_eq!(at, 3 * part);
}

#[tokio::test]
async fn nobody_sees_an_upload_before_it_is_completed_or_after_it_was_aborted() {
    let world = world_with_bucket().await;
    let s3 = plain(&world);
    put(&world, "video", "before").await;
    let id = begin(&s3, "video").await;
    let part = put_part(&s3, "video", &id, 1, bytes(1, 9)).await.unwrap();
    let other = begin(&s3, "another").await;
    put_part(&s3, "another", &other, 1, bytes(1, 9))
        .await
        .unwrap();
    assert_eq!(text(&world, "video").await, "before");
    let list = s3.list_objects_v2().bucket("media").send().await.unwrap();
    let keys: Vec<_> = list.contents().iter().filter_map(|o| o.key()).collect();
    assert_eq!(keys, ["video"]);

    abort(&s3, "another", &other).await.unwrap();
    assert_eq!(abort(&s3, "another", &other).await, refused("NoSuchUpload"));
    let late = put_part(&s3, "another", &other, 2, bytes(1, 9)).await;
    assert_eq!(late, refused("NoSuchUpload"));
    let head = s3.head_object().bucket("media").key("another").send().await;
    assert!(head.unwrap_err().into_service_error().is_not_found());

    complete(&s3, "video", &id, std::slice::from_ref(&part))
        .await
        .unwrap();
    let again = complete(&s3, "video", &id, &[part]).await;
    assert_eq!(again, refused("NoSuchUpload"));
    let late = put_part(&s3, "video", &id, 1, bytes(1, 9)).await;
    assert_eq!(late, refused("NoSuchUpload"));
}

#[tokio::test]
async fn an_upload_is_of_one_key_alone() {
    let world = world_with_bucket().await;
    let s3 = plain(&world);
    let id = begin(&s3, "mine").await;
    let part = put_part(&s3, "mine", &id, 1, bytes(1, 9)).await.unwrap();
    let elsewhere = put_part(&s3, "yours", &id, 1, bytes(1, 9)).await;
    assert_eq!(elsewhere, refused("NoSuchUpload"));
    let elsewhere = complete(&s3, "yours", &id, &[part]).await;
    assert_eq!(elsewhere, refused("NoSuchUpload"));
    assert_eq!(abort(&s3, "yours", &id).await, refused("NoSuchUpload"));
}

#[tokio::test]
async fn a_completion_names_parts_that_are_there_in_order_and_large_enough() {
    let world = world_with_bucket().await;
    let s3 = plain(&world);
    let id = begin(&s3, "video").await;
    let put = async |number, bytes| put_part(&s3, "video", &id, number, bytes).await.unwrap();
    let large = put(1, bytes(1, PART_BYTES)).await;
    let small = put(2, bytes(2, PART_BYTES - 1)).await;
    let last = put(3, bytes(3, 1)).await;
    let part = |number: i32, etag: &str| {
        let part = CompletedPart::builder().part_number(number);
        part.e_tag(etag).build()
    };
    let done = async |parts: &[&CompletedPart]| {
        let parts: Vec<CompletedPart> = parts.iter().map(|part| (*part).clone()).collect();
        complete(&s3, "video", &id, &parts).await
    };
    assert_eq!(done(&[]).await, refused("MalformedXML"));
    assert_eq!(done(&[&last, &large]).await, refused("InvalidPartOrder"));
    assert_eq!(done(&[&large, &large]).await, refused("InvalidPartOrder"));
    let never_sent = part(4, last.e_tag().unwrap());
    assert_eq!(done(&[&large, &never_sent]).await, refused("InvalidPart"));
    let another = part(3, large.e_tag().unwrap());
    assert_eq!(done(&[&large, &another]).await, refused("InvalidPart"));
    assert_eq!(
        done(&[&large, &small, &last]).await,
        refused("EntityTooSmall")
    );
    // The last may be small, and a part that is not named is not in the object.
    done(&[&large, &last]).await.unwrap();
    let head = s3.head_object().bucket("media").key("video").send().await;
    let length = i64::try_from(PART_BYTES + 1).unwrap();
    assert_eq!(head.unwrap().content_length(), Some(length));
}

#[tokio::test]
async fn a_parts_number_is_from_1_to_10000() {
    let world = world_with_bucket().await;
    let s3 = plain(&world);
    let id = begin(&s3, "video").await;
    for number in [-1, 0, 10_001] {
        let put = put_part(&s3, "video", &id, number, bytes(1, 9)).await;
        assert_eq!(put, refused("InvalidArgument"), "{number}");
    }
    put_part(&s3, "video", &id, 10_000, bytes(1, 9))
        .await
        .unwrap();
}

#[tokio::test]
async fn of_two_completions_at_once_one_makes_the_object() {
    let world = world_with_bucket().await;
    let s3 = plain(&world);
    let id = begin(&s3, "video").await;
    let parts = [put_part(&s3, "video", &id, 1, bytes(1, 9)).await.unwrap()];
    let both = tokio::join!(
        complete(&s3, "video", &id, &parts),
        complete(&s3, "video", &id, &parts)
    );
    let failed = match both {
        (Ok(_), Err(code)) | (Err(code), Ok(_)) => code,
        other => panic!("{other:?}"),
    };
    assert!(["NoSuchUpload", "OperationAborted"].contains(&failed.as_str()));
}

#[tokio::test]
async fn parts_come_with_the_checksum_that_their_upload_was_begun_with() {
    let world = world_with_bucket().await;
    // This client sends a CRC-32 with each part.
    let s3 = &world.s3;
    let id = begin(&plain(&world), "none").await;
    let put = put_part(s3, "none", &id, 1, bytes(1, 9)).await;
    assert_eq!(put, refused("InvalidRequest"));

    let create = s3.create_multipart_upload().bucket("media").key("crc");
    let create = create.checksum_algorithm(ChecksumAlgorithm::Crc32);
    let id = create.send().await.unwrap().upload_id.unwrap();
    let without = put_part(&plain(&world), "crc", &id, 1, bytes(1, 9)).await;
    assert_eq!(without, refused("InvalidRequest"));
    let part = put_part(s3, "crc", &id, 1, bytes(1, 9)).await.unwrap();
    assert!(part.checksum_crc32().is_some());
    let etag_only = CompletedPart::builder().part_number(1);
    let etag_only = etag_only.e_tag(part.e_tag().unwrap()).build();
    let completed = complete(s3, "crc", &id, &[etag_only]).await;
    assert_eq!(completed, refused("InvalidRequest"));
    complete(s3, "crc", &id, &[part]).await.unwrap();
    let head = s3.head_object().bucket("media").key("crc");
    let head = head.checksum_mode(ChecksumMode::Enabled).send().await;
    let checksum = head.unwrap().checksum_crc32.unwrap();
    assert!(checksum.ends_with("-1"), "{checksum}");
}

#[tokio::test]
async fn a_part_may_be_streamed_from_a_file() {
    let world = world_with_bucket().await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("part");
    std::fs::write(&path, bytes(1, 300_000)).unwrap();
    let create = world
        .s3
        .create_multipart_upload()
        .bucket("media")
        .key("file");
    let create = create.checksum_algorithm(ChecksumAlgorithm::Crc32);
    let id = create.send().await.unwrap().upload_id.unwrap();
    let part = world.s3.upload_part().bucket("media").key("file");
    let body = ByteStream::from_path(&path).await.unwrap();
    let sent = part.upload_id(&id).part_number(1).body(body).send().await;
    let sent = sent.unwrap();
    let part = CompletedPart::builder()
        .part_number(1)
        .e_tag(sent.e_tag.unwrap())
        .set_checksum_crc32(sent.checksum_crc32)
        .build();
    complete(&world.s3, "file", &id, &[part]).await.unwrap();
    let got = world
        .s3
        .get_object()
        .bucket("media")
        .key("file")
        .send()
        .await;
    let got = got.unwrap().body.collect().await.unwrap().to_vec();
    assert!(got == bytes(1, 300_000));
}

#[tokio::test]
async fn a_completion_that_must_be_new_leaves_an_older_object_alone() {
    let world = world_with_bucket().await;
    let s3 = plain(&world);
    put(&world, "once", "first").await;
    let id = begin(&s3, "once").await;
    let part = put_part(&s3, "once", &id, 1, bytes(1, 9)).await.unwrap();
    let parts = CompletedMultipartUpload::builder().parts(part).build();
    let complete = s3.complete_multipart_upload().bucket("media").key("once");
    let complete = complete.upload_id(&id).multipart_upload(parts);
    let refused = complete.if_none_match("*").send().await.unwrap_err();
    assert_eq!(refused.code(), Some("PreconditionFailed"));
    assert_eq!(text(&world, "once").await, "first");
}

#[tokio::test]
async fn a_slow_s3_answers_late_and_has_written_meanwhile() {
    let world = world_with_bucket().await;
    world.aws.slow_puts(seconds(3_600));
    let slow = put(&world, "slow", "written");
    let waited = tokio::time::timeout(std::time::Duration::from_millis(300), slow).await;
    assert!(waited.is_err(), "it was answered");
    assert_eq!(text(&world, "slow").await, "written");
    world.aws.slow_puts(std::time::Duration::from_millis(50));
    let started = Instant::now();
    put(&world, "slow", "again").await;
    assert!(started.elapsed().as_millis() >= 50);
    world.aws.slow_puts(seconds(0));
    put(&world, "slow", "as usual").await;
}

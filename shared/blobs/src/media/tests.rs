//! Media in the local S3.

use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
use aws_smithy_http_client::tls::{self, rustls_provider::CryptoMode};
use fakeaws::{Config, FakeAws};

use super::*;
use crate::{Buckets, SdkConfig};

/// A bucket, and its client. Attempts are as in production, with shorter time-outs.
struct World {
    aws: FakeAws,
    blobs: Blobs,
}

impl World {
    async fn start() -> Self {
        let (key_id, secret) = ("AKIDLOCAL", "local-secret");
        let aws = FakeAws::start(Config {
            data: None,
            port: 0,
            region: "eu-central-1".to_owned(),
            account_id: "000000000000".to_owned(),
            access_key_id: key_id.to_owned(),
            secret_access_key: secret.to_owned(),
        });
        let aws = aws.await.unwrap();
        aws.create_bucket("media").await.unwrap();
        let http = aws_smithy_http_client::Builder::new()
            .tls_provider(tls::Provider::Rustls(CryptoMode::Ring))
            .build_https();
        let credentials = Credentials::new(key_id, secret, None, None, "test");
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(Duration::from_millis(300))
            .operation_timeout(Duration::from_millis(900));
        let sdk = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-central-1"))
            .endpoint_url(aws.endpoint())
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(http)
            .timeout_config(timeouts.build())
            .retry_config(RetryConfig::standard())
            .build();
        let buckets = Buckets {
            media: "media".to_owned(),
            uploads: "uploads".to_owned(),
        };
        let blobs = Blobs::new(&sdk, buckets);
        Self { aws, blobs }
    }

    async fn begin(&self) -> String {
        self.blobs.begin_media("key", "video/mp4").await.unwrap()
    }

    async fn put(&self, id: &str, number: u16, bytes: &Bytes) -> UploadOutcome<String> {
        let put = self.blobs.put_media_part("key", id, number, bytes.clone());
        put.await.unwrap()
    }

    async fn complete(&self, id: &str, etags: &[String], size_bytes: usize) -> UploadOutcome<()> {
        let size_bytes = size_bytes.try_into().unwrap();
        let completed = self.blobs.complete_media("key", id, etags, size_bytes);
        completed.await.unwrap()
    }

    async fn object(&self) -> aws_sdk_s3::operation::get_object::GetObjectOutput {
        let get = self.blobs.client.get_object().bucket("media").key("key");
        get.send().await.unwrap()
    }
}

fn etag(step: UploadOutcome<String>) -> String {
    match step {
        UploadOutcome::Done(etag) => etag,
        UploadOutcome::Vanished => panic!("the upload vanished"),
    }
}

#[tokio::test]
async fn parts_become_one_object_that_a_browser_shows() {
    let world = World::start().await;
    let (first, last) = (Bytes::from(vec![1; PART_BYTES]), Bytes::from_static(b"end"));
    let id = world.begin().await;
    let etags = [
        etag(world.put(&id, 1, &first).await),
        etag(world.put(&id, 2, &last).await),
    ];
    let completed = world.complete(&id, &etags, PART_BYTES + 3).await;
    assert_eq!(completed, UploadOutcome::Done(()));
    let object = world.object().await;
    assert_eq!(object.content_type(), Some("video/mp4"));
    assert_eq!(object.content_disposition(), Some("inline"));
    let bytes = object.body.collect().await.unwrap().to_vec();
    assert!(bytes == [first, last].concat());
}

#[tokio::test]
async fn a_small_file_is_one_object_that_a_browser_shows() {
    let world = World::start().await;
    let put = world.blobs.put_media("key", "image/png", "png".into());
    put.await.unwrap();
    let object = world.object().await;
    assert_eq!(object.content_type(), Some("image/png"));
    assert_eq!(object.content_disposition(), Some("inline"));
}

#[tokio::test]
async fn a_part_that_is_sent_again_is_the_same_part() {
    let world = World::start().await;
    let bytes = Bytes::from_static(b"end");
    let id = world.begin().await;
    let first = etag(world.put(&id, 1, &bytes).await);
    assert_eq!(etag(world.put(&id, 1, &bytes).await), first);
    assert_eq!(
        world.complete(&id, &[first], 3).await,
        UploadOutcome::Done(())
    );
}

#[tokio::test]
async fn completing_again_succeeds_if_the_object_is_there() {
    let world = World::start().await;
    let id = world.begin().await;
    let etags = [etag(world.put(&id, 1, &"end".into()).await)];
    assert_eq!(
        world.complete(&id, &etags, 3).await,
        UploadOutcome::Done(())
    );
    assert_eq!(
        world.complete(&id, &etags, 3).await,
        UploadOutcome::Done(())
    );
    // Another one is not it.
    assert_eq!(
        // An object of another size is not the completed one.
        world.complete(&id, &etags, 4).await,
        UploadOutcome::Vanished
    );
}

#[tokio::test]
async fn an_upload_that_vanished_is_told_apart_from_a_fault() {
    let world = World::start().await;
    let id = world.begin().await;
    let etags = [etag(world.put(&id, 1, &"end".into()).await)];
    world.blobs.abort_media("key", &id).await.unwrap();
    world.blobs.abort_media("key", &id).await.unwrap();
    assert_eq!(
        world.put(&id, 2, &"end".into()).await,
        UploadOutcome::Vanished
    );
    assert_eq!(
        world.complete(&id, &etags, 3).await,
        UploadOutcome::Vanished
    );

    let id = world.begin().await;
    let first = etag(world.put(&id, 1, &"first".into()).await);
    let last = etag(world.put(&id, 2, &"last".into()).await);
    let changed = world.complete(&id, &[last.clone(), first.clone()], 9).await;
    assert_eq!(changed, UploadOutcome::Vanished);
    // Only the last part may be so small.
    let both = [first, last];
    let complete = world.blobs.complete_media("key", &id, &both, 9).await;
    assert!(complete.unwrap_err().chain().contains("EntityTooSmall"));
}

#[tokio::test]
async fn s3_may_take_longer_for_media_than_for_other_calls() {
    let world = World::start().await;
    let id = world.begin().await;
    // This is longer than one call may take here with all its attempts.
    world.aws.slow_puts(Duration::from_millis(1_200));
    let part = world.put(&id, 1, &"end".into()).await;
    let put = world.blobs.put_media("small", "image/png", "png".into());
    put.await.unwrap();
    world.aws.slow_puts(Duration::ZERO);
    let completed = world.complete(&id, &[etag(part)], 3).await;
    assert_eq!(completed, UploadOutcome::Done(()));
}

//! Copies from a server that does what a test wants into the local S3.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use auth::opaque::Secret;
use aws::SdkConfig;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
use aws_smithy_http_client::tls::{self, rustls_provider::CryptoMode};
use blobs::Buckets;
use fakeaws::FakeAws;
use provider::FalConfig;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// Two parts, and half of one.
const LARGE: usize = PART_BYTES * 5 / 2;
/// Longer than any copy here takes.
const LONG: Duration = Duration::from_secs(60);

/// What the provider serves, and how.
#[derive(Clone)]
struct Script {
    bytes: Bytes,
    etag: Option<&'static str>,
    knows_ranges: bool,
    says_length: bool,
    /// After how many bytes the connection stands still.
    stalls_after: Option<usize>,
    /// After how many bytes the connection is closed.
    breaks_after: Option<usize>,
    redirects_to: Option<&'static str>,
}

impl Script {
    fn of(bytes: Vec<u8>) -> Self {
        Self {
            bytes: bytes.into(),
            etag: Some("\"one\""),
            knows_ranges: true,
            says_length: true,
            stalls_after: None,
            breaks_after: None,
            redirects_to: None,
        }
    }
}

struct World {
    aws: FakeAws,
    fal: Fal,
    blobs: Blobs,
    s3: aws_sdk_s3::Client,
    source: Media,
    script: Arc<Mutex<Script>>,
    /// Where each request wanted to begin.
    asked: Arc<Mutex<Vec<usize>>>,
}

impl World {
    async fn serving(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let (script, asked) = (Arc::new(Mutex::new(script)), Arc::default());
        let serving = (Arc::clone(&script), Arc::clone(&asked));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let script = serving.0.lock().unwrap().clone();
                tokio::spawn(serve(stream, script, Arc::clone(&serving.1)));
            }
        });
        let fal = Fal::new(FalConfig {
            queue_url: origin.clone(),
            jwks_url: origin.clone(),
            key: Secret::new("key".to_owned()),
        });
        let (aws, sdk) = local_s3().await;
        let buckets = |name: &str| Buckets {
            media: name.to_owned(),
            uploads: name.to_owned(),
        };
        Self {
            aws,
            fal: fal.unwrap(),
            blobs: Blobs::new(&sdk, buckets("media")),
            s3: aws_sdk_s3::Client::new(&sdk),
            source: Media {
                url: format!("{origin}/file"),
                content_type: None,
                width: Some(640),
                height: None,
            },
            script,
            asked,
        }
    }

    fn change(&self, change: impl FnOnce(&mut Script)) {
        change(&mut self.script.lock().unwrap());
    }

    fn asked(&self) -> Vec<usize> {
        self.asked.lock().unwrap().clone()
    }

    async fn run(&self, progress: Option<Progress>) -> FileCopied {
        self.run_for(LONG, progress).await
    }

    async fn run_for(&self, time: Duration, progress: Option<Progress>) -> FileCopied {
        let copied = self.run_with(time, progress, &mut async |_| Ok(())).await;
        copied.unwrap()
    }

    async fn run_with(
        &self,
        time: Duration,
        progress: Option<Progress>,
        checkpoint: &mut impl AsyncFnMut(&Progress) -> Result<(), Fault>,
    ) -> Result<FileCopied, Fault> {
        let copier = Copier {
            fal: &self.fal,
            blobs: &self.blobs,
            source: &self.source,
            stop_at: clock::now().plus(time),
        };
        let key_of = |extension: &str| format!("key.{extension}");
        copier.copy(key_of, progress, checkpoint).await
    }

    /// A run that is out of time once it has waited for anything after its first part.
    async fn run_out_of_time(&self, progress: Option<Progress>) -> Progress {
        let hurrying = &mut async |_: &Progress| {
            tokio::time::pause();
            Ok(())
        };
        // Less than anything else that is waited for.
        let time = Duration::from_secs(15);
        let copied = self.run_with(time, progress, hurrying).await.unwrap();
        tokio::time::resume();
        not_yet(copied).0.unwrap()
    }

    /// Checks that the copy is the file, and said to be what it is.
    async fn check(&self, copied: FileCopied, bytes: &[u8], extension: &str) {
        let FileCopied::Done(output) = copied else {
            panic!("{copied:?}");
        };
        assert_eq!(output.key, format!("key.{extension}"));
        assert_eq!(output.size_bytes, bytes.len() as u64);
        assert_eq!(output.sha256, hex::encode(Sha256::digest(bytes)));
        assert_eq!((output.width, output.height), (Some(640), None));
        let got = self.s3.get_object().bucket("media").key(&output.key);
        let got = got.send().await.unwrap();
        assert_eq!(got.content_type(), Some(output.content_type.as_str()));
        assert!(got.body.collect().await.unwrap().to_vec() == bytes);
    }

    /// Whether anything was written that can be read.
    async fn is_empty(&self) -> bool {
        let list = self.s3.list_objects_v2().bucket("media").send().await;
        list.unwrap().contents().is_empty()
    }

    /// Whether S3 knows an upload.
    async fn knows(&self, progress: &Progress) -> bool {
        let key = &progress.key;
        let put = self
            .blobs
            .put_media_part(key, &progress.upload_id, 99, Bytes::new());
        matches!(put.await.unwrap(), Step::Done(_))
    }
}

async fn local_s3() -> (FakeAws, SdkConfig) {
    let (key_id, secret) = ("AKIDLOCAL", "local-secret");
    let aws = FakeAws::start(fakeaws::Config {
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
    let sdk = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .endpoint_url(aws.endpoint())
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(http)
        .build();
    (aws, sdk)
}

async fn serve(mut stream: TcpStream, script: Script, asked: Arc<Mutex<Vec<usize>>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    let header = |name: &str| {
        let line = head.lines().find_map(|line| line.strip_prefix(name));
        line.map(|value| value.trim().to_owned())
    };
    let wanted = header("range: bytes=").map_or(0, |range| {
        range.trim_end_matches('-').parse::<usize>().unwrap()
    });
    asked.lock().unwrap().push(wanted);
    let condition = header("if-range:");
    let is_same = condition.is_none_or(|etag| script.etag == Some(etag.as_str()));
    let start = if script.knows_ranges && is_same {
        wanted
    } else {
        0
    };
    let size = script.bytes.len();
    let mut answer = match (start, script.redirects_to) {
        (_, Some(to)) => format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\n"),
        (0, None) => "HTTP/1.1 200 OK\r\n".to_owned(),
        (start, None) => format!(
            "HTTP/1.1 206 Partial Content\r\ncontent-range: bytes {start}-{}/{size}\r\n",
            size - 1
        ),
    };
    if let Some(etag) = script.etag {
        answer += &format!("etag: {etag}\r\n");
    }
    let body = &script.bytes[start..];
    answer += &match script.says_length {
        true => format!("content-length: {}\r\n\r\n", body.len()),
        false => format!("transfer-encoding: chunked\r\n\r\n{:x}\r\n", body.len()),
    };
    let ends = [script.stalls_after, script.breaks_after];
    let end = ends.into_iter().flatten().min().unwrap_or(body.len());
    // Whoever has read enough hangs up.
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.write_all(&body[..end.min(body.len())]).await;
    if script.stalls_after.is_some() {
        // Until the other side gives up.
        let _ = stream.read_u8().await;
    } else if !script.says_length {
        let _ = stream.write_all(b"\r\n0\r\n\r\n").await;
    }
}

/// A file that begins like a video, of that length.
fn video(length: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..length).map(|at| (at / 7 % 251) as u8).collect();
    bytes[..12].copy_from_slice(b"\0\0\0\x18ftypmp42");
    bytes
}

/// How far a copy is that is not done, and why it is not.
fn not_yet(copied: FileCopied) -> (Option<Progress>, String) {
    match copied {
        FileCopied::NotYet { progress, why } => (progress, why),
        FileCopied::Done(_) | FileCopied::Never(_) => panic!("{copied:?}"),
    }
}

#[tokio::test]
async fn a_file_of_up_to_one_part_is_written_in_one_piece() {
    for length in [12, PART_BYTES - 1, PART_BYTES] {
        let bytes = video(length);
        let world = World::serving(Script::of(bytes.clone())).await;
        let mut checkpoints = 0;
        let counting = &mut async |_: &Progress| {
            checkpoints += 1;
            Ok(())
        };
        let copied = world.run_with(LONG, None, counting).await.unwrap();
        world.check(copied, &bytes, "mp4").await;
        assert_eq!(checkpoints, 0);
        let head = world.s3.head_object().bucket("media").key("key.mp4");
        let etag = head.send().await.unwrap().e_tag.unwrap();
        assert!(!etag.contains('-'), "{etag}");
    }
}

#[tokio::test]
async fn a_larger_file_is_written_by_parts_and_each_is_noted() {
    for says_length in [true, false] {
        for length in [PART_BYTES + 1, PART_BYTES * 2, LARGE] {
            let bytes = video(length);
            let mut script = Script::of(bytes.clone());
            script.says_length = says_length;
            let world = World::serving(script).await;
            let mut noted = Vec::new();
            let noting = &mut async |progress: &Progress| {
                noted.push(progress.copied_bytes);
                Ok(())
            };
            let copied = world.run_with(LONG, None, noting).await.unwrap();
            world.check(copied, &bytes, "mp4").await;
            assert_eq!(noted.len(), length.div_ceil(PART_BYTES));
            assert_eq!(noted.last(), Some(&(length as u64)));
        }
    }
}

#[tokio::test]
async fn a_copy_that_runs_out_of_time_goes_on_where_it_was() {
    let bytes = video(LARGE);
    let world = World::serving(Script::of(bytes.clone())).await;
    world.change(|script| script.stalls_after = Some(PART_BYTES + 1));
    let progress = world.run_out_of_time(None).await;
    assert_eq!(progress.copied_bytes, PART_BYTES as u64);
    assert_eq!(progress.etags.len(), 1);
    assert!(world.is_empty().await);
    let progress = world.run_out_of_time(Some(progress)).await;
    assert_eq!(progress.copied_bytes, 2 * PART_BYTES as u64);

    world.change(|script| script.stalls_after = None);
    let copied = world.run(Some(progress)).await;
    world.check(copied, &bytes, "mp4").await;
    assert_eq!(world.asked(), [0, PART_BYTES, 2 * PART_BYTES]);
}

#[tokio::test]
async fn a_copy_whose_connection_broke_goes_on_where_it_was() {
    let bytes = video(LARGE);
    let world = World::serving(Script::of(bytes.clone())).await;
    world.change(|script| script.breaks_after = Some(PART_BYTES + 1));
    let (progress, _) = not_yet(world.run(None).await);
    world.change(|script| script.breaks_after = None);
    let copied = world.run(progress).await;
    world.check(copied, &bytes, "mp4").await;
}

#[tokio::test]
async fn without_time_nothing_is_begun() {
    let world = World::serving(Script::of(video(LARGE))).await;
    let (progress, _) = not_yet(world.run_for(Duration::ZERO, None).await);
    assert_eq!(progress, None);
    assert!(world.asked().is_empty());
}

#[tokio::test]
async fn what_is_there_is_read_over_if_a_server_knows_no_ranges() {
    let bytes = video(LARGE);
    let mut script = Script::of(bytes.clone());
    (script.knows_ranges, script.etag) = (false, None);
    let world = World::serving(script).await;
    world.change(|script| script.breaks_after = Some(2 * PART_BYTES + 1));
    let (progress, _) = not_yet(world.run(None).await);
    assert_eq!(progress.as_ref().unwrap().etags.len(), 2);
    world.change(|script| script.breaks_after = None);
    let copied = world.run(progress).await;
    world.check(copied, &bytes, "mp4").await;
}

#[tokio::test]
async fn a_file_that_changed_is_copied_from_its_beginning() {
    let world = World::serving(Script::of(video(LARGE))).await;
    world.change(|script| script.breaks_after = Some(PART_BYTES + 1));
    let (progress, _) = not_yet(world.run(None).await);
    let progress = progress.unwrap();
    let mut changed = video(LARGE);
    changed[LARGE - 1] ^= 1;
    let bytes = changed.clone();
    world.change(|script| {
        *script = Script::of(changed);
        script.etag = Some("\"another\"");
    });
    let copied = world.run(Some(progress.clone())).await;
    world.check(copied, &bytes, "mp4").await;
    assert!(!world.knows(&progress).await, "its upload is left behind");
}

#[tokio::test]
async fn a_copy_whose_upload_vanished_begins_again() {
    let bytes = video(LARGE);
    let world = World::serving(Script::of(bytes.clone())).await;
    for broken_at in [PART_BYTES + 1, LARGE] {
        world.change(|script| script.breaks_after = Some(broken_at));
        let (mut last, noting) = (None, &mut async |_: &Progress| Ok(()));
        let copied = match broken_at {
            LARGE => {
                // Every byte is there; its completion is what never came.
                let noting = &mut async |progress: &Progress| {
                    last = Some(progress.clone());
                    match progress.is_whole {
                        true => Err(Fault::new("noting", "the worker died")),
                        false => Ok(()),
                    }
                };
                world.run_with(LONG, None, noting).await
            }
            _ => world.run_with(LONG, None, noting).await,
        };
        let progress = match copied {
            Ok(copied) => not_yet(copied).0.unwrap(),
            Err(_) => last.unwrap(),
        };
        give_up(&world.blobs, &progress).await;
        world.change(|script| script.breaks_after = None);
        let copied = world.run(Some(progress)).await;
        world.check(copied, &bytes, "mp4").await;
        let delete = world.s3.delete_object().bucket("media").key("key.mp4");
        delete.send().await.unwrap();
    }
}

#[tokio::test]
async fn a_copy_that_was_completed_and_not_noted_is_done() {
    let bytes = video(LARGE);
    let world = World::serving(Script::of(bytes.clone())).await;
    let mut last = None;
    let noting = &mut async |progress: &Progress| {
        last = Some(progress.clone());
        Ok(())
    };
    let first = world.run_with(LONG, None, noting).await.unwrap();
    let again = world.run(last).await;
    assert_eq!(again, first);
    world.check(again, &bytes, "mp4").await;
    // Nothing was read again for it.
    assert_eq!(world.asked().len(), 1);
}

#[tokio::test]
async fn two_copies_at_once_make_one_object_of_the_same_parts() {
    let bytes = video(LARGE);
    let world = World::serving(Script::of(bytes.clone())).await;
    world.change(|script| script.breaks_after = Some(PART_BYTES + 1));
    let (progress, _) = not_yet(world.run(None).await);
    world.change(|script| script.breaks_after = None);
    let (one, other) = tokio::join!(world.run(progress.clone()), world.run(progress));
    world.check(one, &bytes, "mp4").await;
    world.check(other, &bytes, "mp4").await;
}

#[tokio::test]
async fn an_s3_that_is_too_slow_for_a_run_costs_one_part() {
    let bytes = video(LARGE);
    let world = World::serving(Script::of(bytes.clone())).await;
    let aws = world.aws.clone();
    let slowing = &mut async |_: &Progress| {
        aws.slow_puts(LONG * 10);
        tokio::time::pause();
        Ok(())
    };
    let time = Duration::from_secs(15);
    let copied = world.run_with(time, None, slowing).await.unwrap();
    tokio::time::resume();
    let (progress, _) = not_yet(copied);
    assert_eq!(progress.as_ref().unwrap().etags.len(), 1);
    world.aws.slow_puts(Duration::ZERO);
    let copied = world.run(progress).await;
    world.check(copied, &bytes, "mp4").await;
}

#[tokio::test]
async fn an_s3_that_refuses_is_tried_again_and_says_why_in_the_log_alone() {
    for length in [12, LARGE] {
        let world = World::serving(Script::of(video(length))).await;
        world.aws.shutdown().await;
        let (progress, why) = not_yet(world.run(None).await);
        assert_eq!(progress, None);
        assert_eq!(why, "what the provider made could not be stored");
    }
}

#[tokio::test]
async fn a_checkpoint_that_fails_ends_the_run_and_loses_nothing() {
    let bytes = video(LARGE);
    let world = World::serving(Script::of(bytes.clone())).await;
    let mut last = None;
    let failing = &mut async |progress: &Progress| {
        if last.is_some() {
            return Err(Fault::new("noting", "the record is not there"));
        }
        last = Some(progress.clone());
        Ok(())
    };
    world.run_with(LONG, None, failing).await.unwrap_err();
    let copied = world.run(last).await;
    world.check(copied, &bytes, "mp4").await;
    assert_eq!(world.asked(), [0, PART_BYTES]);
}

#[tokio::test]
async fn a_digest_that_nobody_can_read_any_more_begins_the_copy_again() {
    let bytes = video(LARGE);
    let world = World::serving(Script::of(bytes.clone())).await;
    world.change(|script| script.breaks_after = Some(PART_BYTES + 1));
    let (progress, _) = not_yet(world.run(None).await);
    let mut progress = progress.unwrap();
    progress.digest = "sha2-0.9:00".to_owned();
    world.change(|script| script.breaks_after = None);
    let copied = world.run(Some(progress.clone())).await;
    world.check(copied, &bytes, "mp4").await;
    assert!(!world.knows(&progress).await, "its upload is left behind");
}

#[tokio::test]
async fn what_is_no_media_may_still_become_some() {
    for body in ["", "null", "{}", "<html>Bad gateway</html>"] {
        let world = World::serving(Script::of(body.into())).await;
        let (progress, _) = not_yet(world.run(None).await);
        assert_eq!(progress, None);
        assert!(world.is_empty().await);
    }
}

#[tokio::test]
async fn a_copy_that_can_never_be_leaves_nothing_behind() {
    let world = World::serving(Script::of(video(LARGE))).await;
    world.change(|script| script.breaks_after = Some(PART_BYTES + 1));
    let (progress, _) = not_yet(world.run(None).await);
    let progress = progress.unwrap();
    world.change(|script| script.redirects_to = Some("https://169.254.169.254/"));
    let copied = world.run(Some(progress.clone())).await;
    assert!(matches!(copied, FileCopied::Never(_)), "{copied:?}");
    assert!(!world.knows(&progress).await, "its upload is left behind");
    assert!(world.is_empty().await);
}

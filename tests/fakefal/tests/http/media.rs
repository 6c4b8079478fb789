//! Files: padded, slow, late, cut off, missing, and in parts.

use std::time::{Duration, Instant};

use reqwest::{Method, Response};
use serde_json::json;

use crate::harness::{Fal, header};

/// Reads an answer until it ends or breaks off; returns its bytes and whether it broke off.
async fn received(mut answer: Response) -> (Vec<u8>, bool) {
    let mut bytes = Vec::new();
    loop {
        match answer.chunk().await {
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            Ok(None) => return (bytes, false),
            Err(_) => return (bytes, true),
        }
    }
}

async fn get(fal: &Fal, url: &str, headers: &[(&str, &str)]) -> Response {
    let mut request = fal.http.get(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap()
}

async fn whole(fal: &Fal, url: &str) -> Vec<u8> {
    let (bytes, is_broken) = received(get(fal, url, &[]).await).await;
    assert!(!is_broken);
    bytes
}

#[tokio::test]
async fn a_file_is_padded_after_what_is_in_it() {
    let fal = Fal::start().await;
    let url = fal.picture("a fox [[media-bytes:1MiB]]").await;
    let bytes = whole(&fal, &url).await;
    assert_eq!(bytes.len(), 1 << 20);
    image::load_from_memory(&bytes).unwrap();

    // Padding never makes a file shorter.
    let url = fal.picture("a fox [[media-bytes:10]]").await;
    assert!(whole(&fal, &url).await.len() > 1_000);
}

#[tokio::test]
async fn a_file_of_any_size_comes_as_it_is_made() {
    let fal = Fal::start().await;
    let url = fal.picture("a fox [[media-bytes:900GiB]]").await;
    let head = fal.http.head(&url).send().await.unwrap();
    assert_eq!(header(&head, "content-length"), (900_u64 << 30).to_string());
    let mut answer = get(&fal, &url, &[("range", "bytes=900000000000-")]).await;
    let mut size = 0;
    while size < 1_000_000 {
        size += answer.chunk().await.unwrap().unwrap().len();
    }
}

#[tokio::test]
async fn a_file_tells_what_it_is_and_comes_in_parts() {
    let fal = Fal::start().await;
    let url = fal.picture("a fox [[media-bytes:200kB]]").await;
    let head = fal.http.head(&url).send().await.unwrap();
    assert_eq!(head.status(), 200);
    assert_eq!(header(&head, "content-length"), "200000");
    assert_eq!(header(&head, "content-type"), "image/jpeg");
    assert_eq!(header(&head, "accept-ranges"), "bytes");
    let tag = header(&head, "etag").to_owned();
    assert!(tag.starts_with('"') && tag.ends_with('"'));

    let bytes = whole(&fal, &url).await;
    for (range, told, expected) in [
        ("bytes=0-", "bytes 0-199999/200000", &bytes[..]),
        ("bytes=7-", "bytes 7-199999/200000", &bytes[7..]),
        (
            "bytes=199999-",
            "bytes 199999-199999/200000",
            &bytes[199_999..],
        ),
        (
            "bytes=100001-150000",
            "bytes 100001-150000/200000",
            &bytes[100_001..=150_000],
        ),
        ("bytes=-10", "bytes 199990-199999/200000", &bytes[199_990..]),
    ] {
        let part = get(&fal, &url, &[("range", range), ("if-range", &tag)]).await;
        assert_eq!(
            (part.status().as_u16(), header(&part, "content-range")),
            (206, told)
        );
        assert_eq!(header(&part, "content-length"), expected.len().to_string());
        assert_eq!(header(&part, "etag"), tag);
        assert!(
            received(part).await == (expected.to_vec(), false),
            "{range}"
        );
    }
    let other = get(
        &fal,
        &url,
        &[("range", "bytes=7-"), ("if-range", "\"other\"")],
    )
    .await;
    assert_eq!(
        (other.status().as_u16(), header(&other, "content-length")),
        (200, "200000")
    );
    let outside = get(&fal, &url, &[("range", "bytes=200000-")]).await;
    assert_eq!(
        (outside.status().as_u16(), header(&outside, "content-range")),
        (416, "bytes */200000")
    );
}

#[tokio::test]
async fn a_sender_without_ranges_sends_everything() {
    let fal = Fal::start().await;
    let url = fal.picture("a fox [[no-range]][[media-bytes:200kB]]").await;
    let answer = get(&fal, &url, &[("range", "bytes=100-")]).await;
    assert_eq!(
        (answer.status().as_u16(), header(&answer, "accept-ranges")),
        (200, "")
    );
    assert_eq!(received(answer).await.0.len(), 200_000);
}

#[tokio::test]
async fn a_file_that_is_cut_off_ends_at_the_byte_and_goes_on_from_there() {
    let fal = Fal::start().await;
    let url = fal
        .picture("a fox [[media-bytes:3MB]][[media-cut:1MB:2]][[media-cut:0:1]]")
        .await;
    let answer = get(&fal, &url, &[]).await;
    assert_eq!(
        (answer.status().as_u16(), header(&answer, "content-length")),
        (200, "3000000")
    );
    let (mut bytes, is_broken) = received(answer).await;
    assert!(is_broken);
    assert_eq!(bytes.len(), 1_000_000);

    let rest = get(&fal, &url, &[("range", "bytes=1000000-")]).await;
    assert_eq!(
        (rest.status().as_u16(), header(&rest, "content-length")),
        (206, "2000000")
    );
    let (rest, is_broken) = received(rest).await;
    assert!(is_broken);
    assert_eq!(rest.len(), 1_000_000);
    bytes.extend(rest);

    let nothing = get(&fal, &url, &[("range", "bytes=2000000-")]).await;
    assert!(received(nothing).await == (Vec::new(), true));
    let rest = get(&fal, &url, &[("range", "bytes=2000000-")]).await;
    let (rest, is_broken) = received(rest).await;
    assert!(!is_broken);
    bytes.extend(rest);
    assert!(bytes == whole(&fal, &url).await);
}

#[tokio::test]
async fn a_cut_that_lies_behind_the_end_changes_nothing() {
    let fal = Fal::start().await;
    let url = fal.picture("a fox [[media-cut:1GB]]").await;
    assert!(!whole(&fal, &url).await.is_empty());
}

#[tokio::test]
async fn a_file_comes_no_faster_and_no_sooner_than_the_prompt_says() {
    let fal = Fal::start().await;
    let url = fal
        .picture("a fox [[media-bytes:200kB]][[media-rate:400kB/s]]")
        .await;
    let started = Instant::now();
    assert_eq!(whole(&fal, &url).await.len(), 200_000);
    assert!(started.elapsed() >= Duration::from_millis(500));

    let url = fal.picture("a fox [[media-delay:400ms]]").await;
    let started = Instant::now();
    fal.http.head(&url).send().await.unwrap();
    let answer = get(&fal, &url, &[]).await;
    assert!(started.elapsed() >= Duration::from_millis(400));
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn a_cut_answer_for_a_file_is_half_of_it_and_looks_complete() {
    let fal = Fal::start().await;
    let url = fal
        .picture("a fox [[media-bytes:200kB]][[media:200/cut:1]]")
        .await;
    let half = get(&fal, &url, &[("range", "bytes=100-")]).await;
    assert_eq!(
        (half.status().as_u16(), header(&half, "content-type")),
        (200, "image/jpeg")
    );
    assert_eq!(header(&half, "content-length"), "100000");
    let (half, is_broken) = received(half).await;
    assert!(!is_broken);
    assert!(whole(&fal, &url).await[..100_000] == half);
}

#[tokio::test]
async fn the_pictures_that_the_prompt_names_are_flagged_or_missing() {
    let fal = Fal::start().await;
    let prompt = "foxes [[delay:1ms]][[flag:1,3]][[missing:0,2]][[media:503:1]]";
    let (_, result) = fal
        .finished(&json!({ "prompt": prompt, "num_images": 4 }))
        .await;
    assert_eq!(
        result["has_nsfw_concepts"],
        json!([false, true, false, true])
    );
    let images = result["images"].as_array().unwrap();
    let url = |number: usize| images[number]["url"].as_str().unwrap();
    // The script has priority at those addresses, too.
    assert_eq!(get(&fal, url(0), &[]).await.status(), 503);
    for (number, status) in [(0, 404), (1, 200), (2, 404), (3, 200), (0, 404)] {
        assert_eq!(
            get(&fal, url(number), &[]).await.status(),
            status,
            "{number}"
        );
        let head = fal
            .http
            .request(Method::HEAD, url(number))
            .send()
            .await
            .unwrap();
        assert_eq!(head.status(), status, "{number}");
    }
}

#[tokio::test]
async fn what_is_made_alone_is_number_0() {
    let fal = Fal::start().await;
    let url = format!("{}/fal-ai/clarity-upscaler", fal.fal.url());
    let input = json!({ "prompt": "a fox [[delay:1ms]][[flag:0]][[missing:0]]" });
    let answer = fal
        .ask(Method::POST, &url)
        .json(&input)
        .send()
        .await
        .unwrap();
    let job = crate::harness::Submitted(answer.json().await.unwrap());
    fal.until_all_ended().await;
    let result: serde_json::Value = fal.result(&job).await.json().await.unwrap();
    assert_eq!(result["has_nsfw_concepts"], json!([true]));
    let url = result["image"]["url"].as_str().unwrap();
    assert_eq!(get(&fal, url, &[]).await.status(), 404);
}

#[tokio::test]
async fn a_cut_far_into_a_large_file_is_as_exact() {
    let fal = Fal::start().await;
    let script = "[[media-bytes:100MB]][[media-cut:20MB]]";
    let url = fal.picture(&format!("a fox {script}")).await;
    let (bytes, is_broken) = received(get(&fal, &url, &[]).await).await;
    assert_eq!((bytes.len(), is_broken), (20_000_000, true));
}

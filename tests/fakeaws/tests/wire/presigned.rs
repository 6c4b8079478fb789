//! URLs that carry their signature: what they allow, and changes that make them invalid.

use std::time::{Duration, SystemTime};

use aws_sdk_s3::presigning::{PresignedRequest, PresigningConfig};
use fakeaws::CorsRule;
use reqwest::{Method, RequestBuilder};

use crate::storage::{put, text, world_with_bucket};
use crate::world::{World, seconds};

const SHA256_OF_HELLO: &str = "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=";

#[tokio::test]
async fn a_presigned_get_serves_the_object_as_it_asks() {
    let world = world_with_bucket().await;
    put(&world, "a b/ü.txt", "hello").await;
    let url = world
        .s3
        .get_object()
        .bucket("media")
        .key("a b/ü.txt")
        .response_content_disposition("attachment; filename=\"x y.txt\"")
        .response_content_type("text/plain; charset=utf-8")
        .presigned(for_a_minute())
        .await
        .unwrap();
    let got = world.http.get(url.uri()).send().await.unwrap();
    assert_eq!(got.status(), 200);
    assert_eq!(
        got.headers()["content-disposition"],
        "attachment; filename=\"x y.txt\""
    );
    assert_eq!(got.headers()["content-type"], "text/plain; charset=utf-8");
    assert_eq!(got.text().await.unwrap(), "hello");
    let part = world
        .http
        .get(url.uri())
        .header("range", "bytes=1-2")
        .send()
        .await
        .unwrap();
    assert_eq!(part.status(), 206);
    assert_eq!(part.text().await.unwrap(), "el");
}

#[tokio::test]
async fn pages_of_other_origins_may_do_with_a_bucket_what_its_rules_say() {
    let world = world_with_bucket().await;
    put(&world, "a.txt", "hello").await;
    let get = world.s3.get_object().bucket("media").key("a.txt");
    let url = get.presigned(for_a_minute()).await.unwrap();
    let of = |method: Method, origin: &str, asked: &str| {
        let request = world.http.request(method, url.uri());
        request
            .header("origin", origin)
            .header("access-control-request-method", asked)
            .send()
    };
    let page = "https://page.example";

    // Anybody with the address gets the bytes; no page is told that it may read them.
    let got = of(Method::GET, page, "").await.unwrap();
    assert_eq!(got.status(), 200);
    assert!(!got.headers().contains_key("access-control-allow-origin"));
    let asked = of(Method::OPTIONS, page, "GET").await.unwrap();
    assert_eq!(asked.status(), 403);

    let rule = |origin: &str, method: &str| CorsRule {
        origins: vec![origin.to_owned()],
        methods: vec![method.to_owned()],
        exposed: vec!["ETag".to_owned()],
        ..CorsRule::default()
    };
    let rules = vec![rule(page, "GET"), rule("*", "HEAD")];
    world.aws.set_cors("media", rules);
    let got = of(Method::GET, page, "").await.unwrap();
    assert_eq!(got.headers()["access-control-allow-origin"], page);
    assert_eq!(got.headers()["access-control-expose-headers"], "ETag");
    for (origin, method, allowed) in [
        (page, "GET", Some(page)),
        ("null", "GET", None),
        (page, "PUT", None),
        ("null", "HEAD", Some("*")),
    ] {
        let answer = of(Method::OPTIONS, origin, method).await.unwrap();
        assert_eq!(
            answer.status() == 200,
            allowed.is_some(),
            "{origin} {method}"
        );
        let told = answer.headers().get("access-control-allow-origin");
        let told = told.map(|value| value.to_str().unwrap());
        assert_eq!(told, allowed, "{origin} {method}");
    }
}

#[tokio::test]
async fn an_expired_url_is_refused() {
    let world = world_with_bucket().await;
    put(&world, "old", "hello").await;
    let past = SystemTime::now() - seconds(120);
    let config = PresigningConfig::builder()
        .start_time(past)
        .expires_in(seconds(60));
    let get = world.s3.get_object().bucket("media").key("old");
    let url = get.presigned(config.build().unwrap()).await.unwrap();
    let (status, body) = outcome(world.http.get(url.uri())).await;
    assert_eq!(status, 403);
    assert!(body.contains("<Code>AccessDenied</Code>"), "{body}");
    assert!(
        body.contains("<Message>Request has expired</Message>"),
        "{body}"
    );
}

#[tokio::test]
async fn a_url_that_was_changed_is_refused() {
    let world = world_with_bucket().await;
    put(&world, "mine", "hello").await;
    put(&world, "yours", "secret").await;
    let url = world.s3.get_object().bucket("media").key("mine");
    let url = url
        .presigned(for_a_minute())
        .await
        .unwrap()
        .uri()
        .to_owned();
    assert_eq!(outcome(world.http.get(&url)).await.0, 200);
    let forged = "0".repeat(64);
    let (start, _) = url.split_once("X-Amz-Signature=").unwrap();
    let rest = url.split_once("X-Amz-Signature=").unwrap().1;
    let signature = rest.split('&').next().unwrap();
    for changed in [
        url.replace("/mine", "/yours"),
        url.replace("X-Amz-Expires=60", "X-Amz-Expires=600"),
        format!("{url}&response-content-type=text%2Fhtml"),
        url.replace(signature, &forged),
    ] {
        assert_ne!(changed, url);
        let (status, body) = outcome(world.http.get(&changed)).await;
        assert_eq!(status, 403, "{changed}");
        assert!(
            body.contains("<Code>SignatureDoesNotMatch</Code>"),
            "{changed}: {body}"
        );
    }
    let (status, body) = outcome(world.http.get(start)).await;
    assert_eq!(
        (status, body.contains("<Code>AccessDenied</Code>")),
        (403, true),
        "{body}"
    );
    // It is signed for GET, and for nothing else.
    assert_eq!(outcome(world.http.put(&url).body("over")).await.0, 403);
    assert_eq!(outcome(world.http.delete(&url)).await.0, 403);
    let too_long = url.replace("X-Amz-Expires=60", "X-Amz-Expires=604801");
    assert_eq!(outcome(world.http.get(too_long)).await.0, 400);
}

#[tokio::test]
async fn a_presigned_put_takes_just_the_body_that_was_announced() {
    let world = world_with_bucket().await;
    let url = upload_url(&world, "upload").await;
    let signed: Vec<&str> = url.headers().map(|(name, _)| name).collect();
    assert!(signed.contains(&"content-length"), "{signed:?}");

    let (status, body) = outcome(upload(&world, &url, "hello")).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(text(&world, "upload").await, "hello");
    let head = world
        .s3
        .head_object()
        .bucket("media")
        .key("upload")
        .send()
        .await
        .unwrap();
    assert_eq!(head.content_type(), Some("image/png"));
}

#[tokio::test]
async fn a_presigned_put_refuses_another_length_type_or_content() {
    let world = world_with_bucket().await;
    let url = upload_url(&world, "upload").await;
    let (status, body) = outcome(upload(&world, &url, "hello!")).await;
    assert_eq!(status, 403, "another length: {body}");
    assert!(
        body.contains("<Code>SignatureDoesNotMatch</Code>"),
        "{body}"
    );

    let put = world
        .http
        .put(url.uri())
        .header("x-amz-checksum-sha256", SHA256_OF_HELLO);
    let (status, body) = outcome(put.header("content-type", "text/html").body("hello")).await;
    assert_eq!(status, 403, "another type: {body}");

    let (status, body) = outcome(upload(&world, &url, "jello")).await;
    assert_eq!(status, 400, "another content: {body}");
    assert!(body.contains("<Code>BadDigest</Code>"), "{body}");

    let request = upload(&world, &url, "hello").header("x-amz-meta-role", "admin");
    let (status, body) = outcome(request).await;
    assert_eq!(status, 403, "a header that was not signed: {body}");
    assert!(
        body.contains("<HeadersNotSigned>x-amz-meta-role</HeadersNotSigned>"),
        "{body}"
    );

    let head = world
        .s3
        .head_object()
        .bucket("media")
        .key("upload")
        .send()
        .await;
    assert!(
        head.unwrap_err().into_service_error().is_not_found(),
        "something was stored"
    );
}

#[tokio::test]
async fn a_browser_may_ask_first() {
    let world = world_with_bucket().await;
    let rule = CorsRule {
        origins: vec!["*".to_owned()],
        methods: vec!["PUT".to_owned()],
        headers: vec!["Content-Type".to_owned(), "x-amz-*".to_owned()],
        ..CorsRule::default()
    };
    world.aws.set_cors("media", vec![rule]);
    let preflight = world
        .http
        .request(
            Method::OPTIONS,
            format!("{}/media/upload", world.aws.endpoint()),
        )
        .header("origin", "https://page.example")
        .header("access-control-request-method", "PUT")
        .header(
            "access-control-request-headers",
            "content-type,x-amz-checksum-sha256",
        )
        .send()
        .await
        .unwrap();
    assert_eq!(preflight.status(), 200);
    let allowed = &preflight.headers()["access-control-allow-headers"];
    assert_eq!(allowed, "content-type, x-amz-checksum-sha256");
    assert_eq!(preflight.headers()["access-control-allow-origin"], "*");
}

#[tokio::test]
async fn a_body_over_the_bound_is_refused() {
    let world = world_with_bucket().await;
    let put = world.s3.put_object().bucket("media").key("huge");
    let url = put.presigned(for_a_minute()).await.unwrap();
    let body = vec![0; 66 * 1_024 * 1_024];
    // The refusal may come before the body was sent, so the connection may break instead.
    if let Ok(reply) = world.http.put(url.uri()).body(body).send().await {
        assert_eq!(reply.status(), 400);
    }
    let head = world
        .s3
        .head_object()
        .bucket("media")
        .key("huge")
        .send()
        .await;
    assert!(head.unwrap_err().into_service_error().is_not_found());
}

/// A URL for the five bytes "hello" as a PNG, and nothing else.
async fn upload_url(world: &World, key: &str) -> PresignedRequest {
    let put = world
        .s3
        .put_object()
        .bucket("media")
        .key(key)
        .content_type("image/png");
    let put = put.content_length(5).checksum_sha256(SHA256_OF_HELLO);
    put.presigned(for_a_minute()).await.unwrap()
}

fn upload(world: &World, url: &PresignedRequest, body: &'static str) -> RequestBuilder {
    // The client sets the length of the body that it really sends.
    let headers = url.headers().filter(|(name, _)| *name != "content-length");
    headers.fold(
        world.http.put(url.uri()).body(body),
        |put, (name, value)| put.header(name, value),
    )
}

async fn outcome(request: RequestBuilder) -> (u16, String) {
    let reply = request.send().await.unwrap();
    (reply.status().as_u16(), reply.text().await.unwrap())
}

fn for_a_minute() -> PresigningConfig {
    PresigningConfig::expires_in(Duration::from_secs(60)).unwrap()
}

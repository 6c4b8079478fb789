//! Bodies and texts as editors, keyboards and proxies make them: tolerated where that is safe, and refused
//! with a reason where it is not.

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{Answer, Cloud, Person, send};

async fn raw(person: &Person<'_>, path: &str, body: impl Into<reqwest::Body>) -> Answer {
    let request = person.request(Method::POST, path);
    send(
        request
            .header("content-type", "application/json")
            .body(body),
    )
    .await
}

#[tokio::test]
async fn a_byte_order_mark_is_read_over_and_half_a_surrogate_pair_is_named() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let marked = "\u{feff}{\"name\":\"foxes\"}";
    assert_eq!(raw(&ada, "/projects", marked).await.status, 201);
    for empty in ["\u{feff}", ""] {
        raw(&ada, "/projects", empty)
            .await
            .problem(400, "malformed_json");
    }
    for half in [
        r#"{"name":"\ud83e"}"#,
        r#"{"name":"\udd8a"}"#,
        r#"{"name":"\ud83e\u0041"}"#,
    ] {
        let refused = raw(&ada, "/projects", half).await;
        refused.problem(400, "malformed_json");
        let detail = refused.text("detail");
        assert!(detail.contains("half a surrogate pair"), "{half}: {detail}");
    }
    let whole = r#"{"name":"\ud83e\udd8a"}"#;
    assert_eq!(
        raw(&ada, "/projects", whole).await.text("name"),
        "\u{1F98A}"
    );
}

#[tokio::test]
async fn head_is_answered_as_get_is_without_a_body() {
    let cloud = Cloud::start().await;
    for path in ["/", "/docs", "/health", "/models", "/openapi.json"] {
        let head = send(cloud.request(Method::HEAD, path)).await;
        let get = cloud.request(Method::GET, path).send().await.unwrap();
        assert_eq!(head.status, get.status(), "{path}");
        let content_type = get.headers()["content-type"].to_str().unwrap();
        assert_eq!(head.header("content-type"), content_type, "{path}");
        assert_eq!(head.body, Value::Null, "{path}");
    }
    let elsewhere = cloud
        .request(Method::HEAD, "/credits")
        .send()
        .await
        .unwrap();
    assert!(elsewhere.status().is_client_error(), "{elsewhere:?}");
}

#[tokio::test]
async fn a_compressed_body_is_refused_by_the_name_of_its_encoding() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    for encoding in ["gzip", "br", "deflate, gzip", "x\u{e9}y"] {
        let request = ada.request(Method::POST, "/projects");
        let request = request.header("content-encoding", encoding);
        let refused = send(request.json(&json!({"name": "foxes"}))).await;
        if encoding.is_ascii() {
            refused.problem(415, "unsupported_media_type");
            assert!(refused.text("detail").contains(encoding), "{refused:?}");
        }
    }
    let request = ada.request(Method::POST, "/projects");
    let plain = request.header("content-encoding", "identity");
    assert_eq!(
        send(plain.json(&json!({"name": "foxes"}))).await.status,
        201
    );
}

#[tokio::test]
async fn every_line_break_is_one_and_a_text_that_nobody_sees_is_empty() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    for text in ["a\r\nb", "a\u{b}b", "a\u{c}b", "a\u{85}b", "a\rb"] {
        let project = json!({"name": "foxes", "description": text});
        let project = ada.post("/projects", &project).await.expect(201);
        assert_eq!(project["description"], "a\nb", "{text:?}");
        let order = json!({"prompt": format!("{text}[[delay:1ms]]")});
        let made = ada.post("/generations/flux-dev", &order).await.expect(202);
        assert_eq!(made["prompt"], "a\nb[[delay:1ms]]", "{text:?}");
    }
    for blank in [
        "",
        " ",
        "\u{200b}",
        "\u{3164}\u{2800}",
        "\u{feff}\r\n\u{ad}",
    ] {
        let cases = [
            ("/generations/flux-dev", "prompt"),
            ("/projects", "name"),
            ("/me/api-keys", "name"),
        ];
        for (path, field) in cases {
            let refused = ada.post(path, &json!({field: blank})).await;
            let fields = refused.problem(422, "validation_failed");
            assert!(fields.contains(field), "{path} {blank:?}: {fields:?}");
        }
    }
    let family = json!({"prompt": "\u{1F468}\u{200d}\u{1F469} [[delay:1ms]]"});
    ada.post("/generations/flux-dev", &family).await.expect(202);
}

#[tokio::test]
async fn an_upload_needs_the_headers_that_are_signed_and_no_other() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let announced = ada.announce("image/png", b"ten bytes!").await.expect(201);
    let upload = &announced["upload"];
    let url = reqwest::Url::parse(upload["url"].as_str().unwrap()).unwrap();
    let signed = url
        .query_pairs()
        .find(|(name, _)| name == "X-Amz-SignedHeaders");
    let signed = signed.unwrap().1.into_owned();
    let headers = upload["headers"].as_object().unwrap();
    assert!(!headers.is_empty());
    for name in headers.keys() {
        let is_signed = signed.split(';').any(|other| other == name.to_lowercase());
        assert!(is_signed, "{name} is not in {signed}");
    }
    for name in signed.split(';').filter(|name| *name != "host") {
        assert!(
            headers.keys().any(|key| key.to_lowercase() == name),
            "{name} is missing"
        );
    }
}

#[tokio::test]
async fn a_visitor_sees_nothing_of_what_a_generation_cost() {
    let cloud = Cloud::start().await;
    let (ada, eve) = (cloud.person().await, cloud.person().await);
    let project = json!({"name": "open", "visibility": "public"});
    let project = ada.post("/projects", &project).await.text("id");
    let order = json!({"prompt": "seen [[delay:1ms]]", "project_id": project});
    let id = ada.post("/generations/flux-dev", &order).await.text("id");
    ada.when(&id, "succeeded").await;
    let hers = ada.generation(&id).await;
    assert_eq!(hers["receipt"]["captured"], 25);
    let list = format!("/generations?project_id={project}");
    let listed = eve.get(&list).await.expect(200)["data"][0].clone();
    for seen in [eve.generation(&id).await, listed] {
        assert_eq!(
            seen.get("receipt").cloned().unwrap_or(Value::Null),
            Value::Null,
            "{seen:#}"
        );
    }
}

/// Reads the next answer on a connection to its end; its status.
async fn next_status(connection: &mut TcpStream) -> u16 {
    let mut answer = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&answer);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                let is_length = name.eq_ignore_ascii_case("content-length");
                is_length.then(|| value.trim().parse::<usize>().unwrap())
            });
            if body.len() >= length.unwrap() {
                return head.split(' ').nth(1).unwrap().parse().unwrap();
            }
        }
        let mut part = [0; 4096];
        let count = connection.read(&mut part).await.unwrap();
        assert!(count > 0, "the connection ended: {answer:?}");
        answer.extend_from_slice(&part[..count]);
    }
}

#[tokio::test]
async fn what_is_refused_is_read_to_its_end_so_that_the_connection_lives_on() {
    const BODY_SIZE_BYTES: usize = 1024 * 1024;
    let cloud = Cloud::start().await;
    let request = cloud.request(Method::POST, "").build().unwrap();
    let authority = request.url().authority();
    let stage = request.url().path().trim_end_matches('/');
    let mut connection = TcpStream::connect(authority).await.unwrap();
    let body = vec![b'x'; BODY_SIZE_BYTES];
    for (path, status) in [
        (format!("{stage}/projects"), 401),
        (format!("{stage}/no/such/path"), 404),
        ("/elsewhere/projects".to_owned(), 403),
    ]
    .iter()
    .cycle()
    .take(21)
    {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: {authority}\r\ncontent-length: {BODY_SIZE_BYTES}\r\n\r\n"
        );
        connection.write_all(head.as_bytes()).await.unwrap();
        connection.write_all(&body).await.unwrap();
        assert_eq!(next_status(&mut connection).await, *status, "{path}");
    }
}

//! Addresses of media: each leads to its file and nowhere else, until its end, and contains nobody's name.

use auth::addresses;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::Timestamp;
use domain::generations::{MediaAddress, MediaName, SignedAddress};
use domain::ids::GenerationId;
use reqwest::header::HeaderMap;
use reqwest::{Method, Url};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::harness::{Answer, Cloud, Person, send};
use crate::rate_limits::now_ms;

const GENERATIONS: &str = "velro-local-generationstable";

/// A delivered generation, and the address of its first output.
async fn delivered(person: &Person<'_>, prompt: &str) -> (Value, String) {
    let id = person.generate("flux-dev", prompt).await;
    let done = person.when(&id, "succeeded").await;
    let url = done["outputs"][0]["url"].as_str().unwrap().to_owned();
    (done, url)
}

/// The path of an address below the API's own.
fn below<'a>(cloud: &Cloud, url: &'a str) -> &'a str {
    url.strip_prefix(cloud.stack.url()).unwrap()
}

async fn ask(cloud: &Cloud, method: Method, url: &str) -> Answer {
    send(cloud.request(method, below(cloud, url))).await
}

/// The secret of a generation, as its record has it.
async fn secret(cloud: &Cloud, id: &str) -> String {
    let get = cloud.dynamodb().get_item().table_name(GENERATIONS);
    let get = get.key("id", AttributeValue::S(id.to_owned()));
    let item = get.send().await.unwrap().item.unwrap();
    item["media_secret"].as_s().unwrap().clone()
}

fn signed(secret: &str, id: &str, name: &str, ends_at_s: i64) -> SignedAddress {
    let address = MediaAddress {
        generation: GenerationId::parse(id).unwrap(),
        name: MediaName::parse(name).unwrap(),
        expires_at: Timestamp::from_ms(ends_at_s * 1_000),
    };
    addresses::sign(secret, address).unwrap()
}

fn disposition(headers: &HeaderMap) -> &str {
    headers["content-disposition"].to_str().unwrap()
}

#[tokio::test]
async fn an_address_leads_to_its_file_and_names_nobody() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let (done, url) = delivered(&ada, "a pier").await;
    let output = &done["outputs"][0];
    let id = done["id"].as_str().unwrap();
    assert!(below(&cloud, &url).starts_with(&format!("/media/{id}/0.jpg?exp=")));

    // It needs no credential. Its target can be asked for by anybody who has it.
    let told = ask(&cloud, Method::HEAD, &url).await;
    assert_eq!(told.status, 302);
    let told = cloud
        .http
        .head(told.header("location"))
        .send()
        .await
        .unwrap();
    assert_eq!(told.status(), 200);
    let of = |name: &str| told.headers()[name].to_str().unwrap();
    assert_eq!(output["content_type"], of("content-type"));
    assert_eq!(output["size"].to_string(), of("content-length"));
    let led = ask(&cloud, Method::GET, &url).await;
    assert_eq!((led.status, led.header("cache-control")), (302, "no-store"));
    let stored_at = led.header("location").to_owned();
    for address in [&url, &stored_at] {
        assert!(!address.contains(&ada.id), "{address}");
    }
    let shown = cloud.http.get(&stored_at).send().await.unwrap();
    assert_eq!(shown.status(), 200);
    assert_eq!(disposition(shown.headers()), "inline");
    let bytes = shown.bytes().await.unwrap();
    assert_eq!(output["sha256"], hex::encode(Sha256::digest(&bytes)));

    // A script must be told that it may read; the copy that a browser kept for a page says no such thing, so
    // the two must have different addresses.
    let read = cloud.request(Method::GET, below(&cloud, &url));
    let read = send(read.header("origin", "https://page.example")).await;
    let apart = |location: &str| location.contains("response-content-disposition");
    assert!(apart(read.header("location")) && !apart(&stored_at));
    let read = cloud.http.get(read.header("location"));
    let read = read.header("origin", "null").send().await.unwrap();
    assert_eq!(read.headers()["access-control-allow-origin"], "*");
    assert_eq!(disposition(read.headers()), "inline");
    assert_eq!(read.bytes().await.unwrap(), bytes);

    // A browser that is told to save it gets a file name, in which nothing comes from its owner.
    let saved = cloud.follow(&format!("{url}&download=1")).await;
    let tail = id[id.len() - 8..].to_lowercase();
    let expected = format!("attachment; filename=\"flux-dev-{tail}.jpg\"");
    assert_eq!(disposition(saved.headers()), expected);
    assert_eq!(saved.bytes().await.unwrap(), bytes);

    // S3's own address ends at the same time.
    let stored_at = Url::parse(&stored_at).unwrap();
    let expiry = stored_at
        .query_pairs()
        .find(|(name, _)| name == "X-Amz-Expires");
    let expiry_s: u64 = expiry.unwrap().1.parse().unwrap();
    assert!((3_590..=3_600).contains(&expiry_s), "{expiry_s}");
}

#[tokio::test]
async fn an_address_holds_as_long_as_it_says_and_for_nothing_else() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let (done, url) = delivered(&ada, "a pier").await;
    let (other, _) = delivered(&ada, "another").await;
    let (id, other) = (done["id"].as_str().unwrap(), other["id"].as_str().unwrap());

    let path = format!("/generations/{id}/media?expires_in=604800");
    let week = ada.get(&path).await.expect(200)["data"][0].clone();
    let week = week["url"].as_str().unwrap();
    let ends_at_s: i64 = ends_at(week).parse().unwrap();
    let in_a_week_s = now_ms() / 1_000 + 604_800;
    assert!((ends_at_s - in_a_week_s).abs() < 10, "{week}");
    assert_eq!(cloud.follow(week).await.status(), 200);
    // The storage's own address is signed with credentials that do not last that long.
    let stored = ask(&cloud, Method::GET, week).await;
    let stored = stored.header("location").split("X-Amz-Expires=").nth(1);
    let stored_s: u32 = stored.unwrap().split('&').next().unwrap().parse().unwrap();
    assert!(stored_s <= 3_600, "{stored_s}");

    let later = ends_at_s + 1;
    for tampered in [
        url.replace(id, other),
        url.replace("/0.jpg", "/1.jpg"),
        url.replace(ends_at(&url), &later.to_string()),
        format!("{}AA", &url[..url.len() - 2]),
        url.replace(id, "gen_01ARZ3NDEKTSV4RRFFQ69G5FAV"),
        url.replace(id, "gen_"),
    ] {
        assert_ne!(tampered, url);
        for method in [Method::GET, Method::HEAD] {
            assert_eq!(
                ask(&cloud, method, &tampered).await.status,
                404,
                "{tampered}"
            );
        }
    }

    let now_s = now_ms() / 1_000;
    let ended = signed(&secret(&cloud, id).await, id, "0.jpg", now_s - 1);
    let ended = api::media::url(&ended, cloud.stack.url());
    let answer = ask(&cloud, Method::GET, &ended).await;
    answer.problem(403, "forbidden");
    assert_eq!(
        answer.text("detail"),
        "this address has expired; ask for a new one"
    );

    let bare = url.split('?').next().unwrap();
    for (asked, field) in [
        (bare.to_owned(), "exp"),
        (url.split("&sig=").next().unwrap().to_owned(), "sig"),
        (url.replace("?exp=", "?exp=x"), "exp"),
        (format!("{url}&download=yes"), "download"),
        (format!("{url}&size=256"), "size"),
    ] {
        let answer = ask(&cloud, Method::GET, &asked).await;
        let fields = answer.problem(422, "validation_failed");
        assert!(fields.contains(field), "{asked}: {fields:?}");
    }

    assert_eq!(ada.delete(&format!("/generations/{id}")).await.status, 204);
    for gone in [&url, &ended, week] {
        ask(&cloud, Method::GET, gone)
            .await
            .problem(404, "not_found");
    }
}

fn ends_at(url: &str) -> &str {
    let (_, query) = url.split_once("?exp=").unwrap();
    query.split('&').next().unwrap()
}

#[tokio::test]
async fn a_generation_from_before_there_were_addresses_has_some_too() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let (done, url) = delivered(&ada, "a pier").await;
    let id = done["id"].as_str().unwrap();
    let older = format!("{}/{id}/0.jpg", ada.id);
    cloud.put_media(&older, "late").await;
    let update = cloud.dynamodb().update_item().table_name(GENERATIONS);
    update
        .key("id", AttributeValue::S(id.to_owned()))
        .update_expression("SET outputs[0].#key = :older REMOVE media_secret")
        .expression_attribute_names("#key", "key")
        .expression_attribute_values(":older", AttributeValue::S(older))
        .send()
        .await
        .unwrap();

    assert_eq!(ask(&cloud, Method::GET, &url).await.status, 404);
    let again = ada.generation(id).await["outputs"][0]["url"].clone();
    let found = cloud.follow(again.as_str().unwrap()).await;
    assert_eq!(found.bytes().await.unwrap(), "late");
    assert_eq!(ada.delete(&format!("/generations/{id}")).await.status, 204);
    assert_eq!(cloud.every_media_key(), Vec::<String>::new());
}

#[tokio::test]
async fn addresses_are_where_the_outside_reaches_the_api() {
    let elsewhere = "https://api.example.org/velro";
    let cloud = Cloud::start_with(&[("PublicUrl", elsewhere)]).await;
    let ada = cloud.person().await;
    let id = ada.generate("flux-dev", "[[no-webhook]]a pier").await;
    let done = ada.when_swept(&id, "succeeded").await;
    let url = done["outputs"][0]["url"].as_str().unwrap();
    let path = url.strip_prefix(elsewhere).unwrap();
    let here = format!("{}{path}", cloud.stack.url());
    assert_eq!(cloud.follow(&here).await.status(), 200);
    let listed = ada.get("/generations").await.expect(200);
    assert!(
        listed["data"][0]["outputs"][0]["url"]
            .as_str()
            .unwrap()
            .starts_with(elsewhere)
    );
    let document = cloud.get("/openapi.json").await.expect(200);
    assert_eq!(document["servers"], json!([{"url": elsewhere}]));
}

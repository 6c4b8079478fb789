//! Reference images: announced, uploaded, checked, and read by the provider.

use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::harness::{Answer, Cloud, Person};
use crate::pages::all;

/// A small real picture.
pub fn picture(shade: u8) -> Vec<u8> {
    picture_of(320, 320, shade)
}

/// A plain picture of this size, as PNG.
fn picture_of(width: u32, height: u32, shade: u8) -> Vec<u8> {
    let image = image::RgbImage::from_pixel(width, height, image::Rgb([shade, 80, 20]));
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// An odd but real file, from `odd_files`.
pub fn odd_file(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/odd_files");
    std::fs::read(format!("{folder}/{name}")).unwrap()
}

impl Person<'_> {
    /// Announces a file with these bytes.
    pub async fn announce(&self, content_type: &str, bytes: &[u8]) -> Answer {
        let body = json!({
            "purpose": "reference",
            "content_type": content_type,
            "size": bytes.len(),
            "sha256": hex::encode(Sha256::digest(bytes)),
        });
        self.post("/files", &body).await
    }

    /// Uploads a picture and completes it; its id.
    pub async fn upload_picture(&self) -> String {
        self.upload(picture(200)).await
    }

    async fn upload(&self, bytes: Vec<u8>) -> String {
        let announced = self.announce("image/png", &bytes).await;
        assert_eq!(announced.status, 201, "{:?}", announced.body);
        assert_eq!(put(self, &announced.body["upload"], bytes).await, 200);
        let id = announced.text("id");
        let done = self
            .post(&format!("/files/{id}/complete"), &json!({}))
            .await;
        assert_eq!(done.expect(200)["status"], "ready");
        id
    }
}

/// Sends bytes to the address in an announcement.
pub async fn put(person: &Person<'_>, upload: &Value, bytes: Vec<u8>) -> u16 {
    let method: Method = upload["method"].as_str().unwrap().parse().unwrap();
    let url = upload["url"].as_str().unwrap();
    let mut request = person.cloud.http.request(method, url).body(bytes);
    for (name, value) in upload["headers"].as_object().unwrap() {
        request = request.header(name, value.as_str().unwrap());
    }
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_reference_image_and_a_negative_prompt_reach_the_provider() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let file = ada.upload_picture().await;
    let body = json!({
        "prompt": "It starts to move",
        "negative_prompt": "people",
        "reference_file_id": file,
    });
    let answer = ada.post("/generations/kling-video", &body).await;
    assert_eq!(answer.status, 202, "{:?}", answer.body);
    // The stand-in fetches the file by its address, as fal does, and fails the job if it cannot.
    let done = ada.when(&answer.text("id"), "succeeded").await;
    assert_eq!(done["reference_file_id"], file);
    assert_eq!(done["negative_prompt"], "people");

    let job = &cloud.provider_jobs("It starts to move").await[0];
    assert_eq!(
        job["model"],
        "fal-ai/kling-video/v2.1/master/image-to-video"
    );
    assert_eq!(job["input"]["negative_prompt"], "people");
    let url = job["input"]["image_url"].as_str().unwrap();
    let read = cloud.http.get(url).send().await.unwrap();
    assert_eq!(read.status(), 200);
    assert_eq!(read.bytes().await.unwrap(), picture(200));
}

#[tokio::test]
async fn what_a_model_does_not_take_is_refused_and_nothing_is_held() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let file = ada.upload_picture().await;
    for (model, field, value) in [
        ("flux-dev", "reference_file_id", json!(file)),
        ("imagen4-ultra", "reference_file_id", json!(file)),
        ("flux-dev", "negative_prompt", json!("rain")),
        ("flux-pro-ultra", "negative_prompt", json!("rain")),
        ("wan-pro", "negative_prompt", json!("rain")),
    ] {
        let mut body = json!({"prompt": "x"});
        body[field] = value;
        let answer = ada.post(&format!("/generations/{model}"), &body).await;
        let fields = answer.problem(422, "validation_failed");
        assert!(fields.contains(field), "{model}: {fields:?}");
    }
    // A reference is missing where the model needs one.
    let answer = ada
        .post("/generations/flux-pro-kontext", &json!({"prompt": "x"}))
        .await;
    let fields = answer.problem(422, "validation_failed");
    assert!(fields.contains("reference_file_id"), "{fields:?}");
    assert_eq!(ada.books().await.lines().len(), 1);
}

#[tokio::test]
async fn an_upload_that_is_not_what_was_announced_is_never_ready() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let bytes = picture(10);

    let waiting = ada.announce("image/png", &bytes).await;
    let id = waiting.text("id");
    let complete = format!("/files/{id}/complete");
    ada.post(&complete, &json!({}))
        .await
        .problem(409, "conflict");
    let unfinished = json!({"prompt": "x", "reference_file_id": id});
    let fields = ada
        .post("/generations/flux-pro-kontext", &unfinished)
        .await
        .problem(422, "validation_failed");
    assert!(fields.contains("reference_file_id"));

    // These are not the announced bytes: the signature itself forbids them, or completing does.
    let mut other = bytes.clone();
    other[40] ^= 1;
    put(&ada, &waiting.body["upload"], other).await;
    ada.post(&complete, &json!({}))
        .await
        .problem(409, "conflict");
    // The right bytes still can be sent.
    assert_eq!(put(&ada, &waiting.body["upload"], bytes.clone()).await, 200);
    ada.post(&complete, &json!({})).await.expect(200);
    ada.post(&complete, &json!({})).await.expect(200);

    // A picture that is announced as another type than it is.
    let lying = ada.announce("image/jpeg", &bytes).await;
    put(&ada, &lying.body["upload"], bytes).await;
    let path = format!("/files/{}/complete", lying.text("id"));
    ada.post(&path, &json!({})).await.problem(409, "conflict");
    let state = ada.get(&format!("/files/{}", lying.text("id"))).await;
    assert_eq!(state.expect(200)["status"], "pending");
}

#[tokio::test]
async fn files_are_listed_in_pages_and_counted_and_only_to_their_owner() {
    let cloud = Cloud::start().await;
    let (ada, eve) = (cloud.person().await, cloud.person().await);
    let nothing = ada.get("/files/stats").await.expect(200);
    assert_eq!(
        (&nothing["count"], &nothing["size"]),
        (&json!(0), &json!(0))
    );
    let (mut ids, mut size) = (Vec::new(), 0);
    for shade in 0..5 {
        let bytes = picture(shade);
        size += bytes.len();
        ids.push(ada.announce("image/png", &bytes).await.text("id"));
    }
    ids.reverse();
    for limit in [1, 2, 5, 100] {
        assert_eq!(all(&ada, "/files", limit).await, ids, "{limit}");
    }
    assert_eq!(all(&eve, "/files", 100).await, [] as [&str; 0]);
    let listed = ada.get("/files?limit=1").await.expect(200);
    let one = ada.get(&format!("/files/{}", ids[0])).await.expect(200);
    assert_eq!(listed["data"][0], one);
    let cursor = listed["next_cursor"].as_str().unwrap();
    eve.get(&format!("/files?cursor={cursor}"))
        .await
        .problem(400, "invalid_cursor");
    let stats = ada.get("/files/stats").await.expect(200);
    let counted = json!({
        "object": "file_stats", "count": 5, "count_max": 5_000, "size": size, "size_max": stats["size_max"],
    });
    assert_eq!(stats, counted);
    assert!(stats["size_max"].as_u64() > stats["size"].as_u64());
}

#[tokio::test]
async fn a_file_is_downloaded_as_it_was_uploaded_by_its_owner_alone() {
    let cloud = Cloud::start().await;
    let (ada, eve) = (cloud.person().await, cloud.person().await);
    let file = ada.upload_picture().await;
    let path = format!("/files/{file}/download");
    let download = ada.get(&path).await.expect(200);
    let saved = cloud.http.get(download["url"].as_str().unwrap());
    let saved = saved.send().await.unwrap();
    let disposition = saved.headers()["content-disposition"].to_str().unwrap();
    assert_eq!(disposition, format!("attachment; filename=\"{file}.png\""));
    assert_eq!(saved.bytes().await.unwrap(), picture(200));
    eve.get(&path).await.problem(404, "not_found");

    let pending = ada.announce("image/png", &picture(3)).await.text("id");
    let early = ada.get(&format!("/files/{pending}/download")).await;
    early.problem(409, "conflict");
    assert!(early.text("detail").contains("complete it"), "{early:?}");
}

#[tokio::test]
async fn several_files_are_deleted_at_once_and_others_stay() {
    let cloud = Cloud::start().await;
    let (ada, eve) = (cloud.person().await, cloud.person().await);
    let [one, two, kept] = [
        ada.upload_picture().await,
        ada.upload_picture().await,
        ada.upload_picture().await,
    ];
    let eves = eve.upload_picture().await;
    let delete = async |ids: Value| ada.post("/files/bulk-delete", &json!({ "ids": ids })).await;
    for (ids, field) in [
        (json!([]), "ids"),
        (json!(vec![one.clone(); 101]), "ids"),
        (json!([one, "fil_1"]), "ids[1]"),
        (Value::Null, "ids"),
    ] {
        let fields = delete(ids).await.problem(422, "validation_failed");
        assert!(fields.contains(field), "{fields:?}");
    }

    let done = delete(json!([one, two, one, eves])).await.expect(200);
    assert_eq!(done, json!({"deleted": [one, two], "not_found": [eves]}));
    let again = delete(json!([one, two])).await.expect(200);
    assert_eq!(again, json!({"deleted": [], "not_found": [one, two]}));
    for gone in [&one, &two] {
        ada.get(&format!("/files/{gone}"))
            .await
            .problem(404, "not_found");
    }
    ada.get(&format!("/files/{kept}")).await.expect(200);
    eve.get(&format!("/files/{eves}")).await.expect(200);
}

#[tokio::test]
async fn a_file_that_is_not_whole_and_alone_is_never_ready_and_its_owner_is_told_why() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let whole = picture(90);
    let cut = whole[..whole.len() - 20].to_vec();
    let two = [&whole[..], b"PK\x03\x04 a second file"].concat();
    let mut huge = whole.clone();
    huge[16..20].copy_from_slice(&20_000_u32.to_be_bytes());
    for (bytes, words) in [
        (cut, "a part of it is missing"),
        (two, "there is something else in it"),
        (huge, "scale it down"),
        (b"GIF89a".to_vec(), "not of the type"),
    ] {
        let announced = ada.announce("image/png", &bytes).await;
        assert_eq!(put(&ada, &announced.body["upload"], bytes).await, 200);
        let path = format!("/files/{}", announced.text("id"));
        let answer = ada.post(&format!("{path}/complete"), &json!({})).await;
        answer.problem(409, "conflict");
        let detail = answer.text("detail");
        assert!(
            detail.contains(words) && detail.contains("announce"),
            "{detail}"
        );
        assert_eq!(ada.get(&path).await.expect(200)["status"], "pending");
    }

    let path = format!("/files/{}", ada.upload_picture().await);
    let shown = ada.get(&path).await.expect(200);
    assert_eq!(
        (&shown["width"], &shown["height"]),
        (&json!(320), &json!(320))
    );
}

#[tokio::test]
async fn a_picture_that_its_model_takes_none_of_is_refused_before_anything_is_held() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let small = ada.upload(picture_of(320, 299, 7)).await;
    let wide = ada.upload(picture_of(800, 310, 8)).await;
    let right = ada.upload_picture().await;
    for (file, words) in [
        (
            &small,
            "is 320 × 299 pixels; this model takes none with a side below 300",
        ),
        (
            &wide,
            "is 800 × 310 pixels; for this model, a side must be at most 5:2 of the other",
        ),
    ] {
        let mut body = json!({"prompt": "it moves", "reference_file_id": file});
        let order = ada.post("/generations/kling-video", &body).await;
        body["model"] = json!("kling-video");
        let quote = ada.post("/quotes", &body).await;
        for answer in [order, quote] {
            answer.problem(422, "validation_failed");
            let error = &answer.body["errors"][0];
            assert_eq!(
                (&error["field"], &error["code"], &error["message"]),
                (
                    &json!("reference_file_id"),
                    &json!("out_of_range"),
                    &json!(words)
                )
            );
        }
        // Another model accepts it.
        body["model"] = json!("flux-pro-kontext");
        ada.post("/quotes", &body).await.expect(201);
    }
    let last = json!({
        "prompt": "it moves",
        "reference_file_id": right,
        "parameters": {"end_image_file_id": small},
    });
    let refused = ada.post("/generations/minimax-hailuo", &last).await;
    refused.problem(422, "validation_failed");
    assert_eq!(refused.body["errors"][0]["field"], "end_image_file_id");
    assert_eq!(ada.books().await.balance(), (1_000, 0));
    let limits = &ada.get("/models/kling-video").await.expect(200)["image_limits"];
    let expected = json!({"side_min": 300, "ratio_max": "5:2", "size_max": 10_485_760});
    assert_eq!(*limits, expected);
}

#[tokio::test]
async fn each_odd_file_has_its_answer() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let mut taken = Vec::new();
    // The size as it is seen, or the reason that its owner is told.
    for (name, content_type, expected) in [
        ("heic.jpg", "image/jpeg", Err("not of the type")),
        ("cmyk.jpg", "image/jpeg", Err("save it in RGB")),
        ("cut.jpg", "image/jpeg", Err("a part of it is missing")),
        ("turned.jpg", "image/jpeg", Ok((48, 64))),
        ("progressive.jpg", "image/jpeg", Ok((64, 48))),
        ("gray.jpg", "image/jpeg", Ok((64, 48))),
        ("sixteen-bit.png", "image/png", Ok((64, 48))),
        ("polyglot.png", "image/png", Err("something else in it")),
        ("bomb.png", "image/png", Err("scale it down")),
        ("html.png", "image/png", Err("not of the type")),
        ("animated.gif", "image/gif", Err("it moves")),
        ("still.gif", "image/gif", Ok((64, 48))),
        ("animated.webp", "image/webp", Err("it moves")),
        ("still.webp", "image/webp", Ok((64, 48))),
        ("lossless.webp", "image/webp", Ok((64, 48))),
    ] {
        let bytes = odd_file(name);
        let announced = ada.announce(content_type, &bytes).await;
        assert_eq!(put(&ada, &announced.body["upload"], bytes).await, 200);
        let path = format!("/files/{}", announced.text("id"));
        let answer = ada.post(&format!("{path}/complete"), &json!({})).await;
        match expected {
            Ok((width, height)) => {
                let file = answer.expect(200);
                let size = (&file["width"], &file["height"]);
                assert_eq!(size, (&json!(width), &json!(height)), "{name}");
                taken.push(file["id"].clone());
            }
            Err(words) => {
                answer.problem(409, "conflict");
                let detail = answer.text("detail");
                assert!(detail.contains(words), "{name}: {detail}");
                let order = json!({"prompt": "x", "reference_file_id": announced.body["id"]});
                let order = ada.post("/generations/flux-pro-kontext", &order).await;
                order.problem(422, "validation_failed");
            }
        }
    }
    ada.announce("image/png", &[])
        .await
        .problem(422, "validation_failed");
    assert_eq!(ada.books().await.balance(), (1_000, 0));
    for file in taken {
        let order = json!({"prompt": "x", "reference_file_id": file, "model": "flux-pro-kontext"});
        ada.post("/quotes", &order).await.expect(201);
    }
}

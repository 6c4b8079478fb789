//! Small pictures of delivered files: they are there a moment later, and a file without them is delivered all
//! the same.

use aws_sdk_dynamodb::types::AttributeValue;
use image::GenericImageView as _;
use serde_json::{Value, json};

use crate::copies::memory_kib;
use crate::files::odd_file;
use crate::harness::{Cloud, Person, eventually};

const GENERATIONS: &str = "velro-local-generationstable";
/// The most memory that the worker may ever use.
const MEMORY_KIB_MAX: u64 = 200 * 1_024;

/// Fetches an address, which must lead to a WebP; its width and height.
async fn read(cloud: &Cloud, url: &Value) -> (u32, u32) {
    let response = cloud.follow(url.as_str().unwrap()).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "image/webp");
    let bytes = response.bytes().await.unwrap();
    let picture = image::load_from_memory_with_format(&bytes, image::ImageFormat::WebP);
    picture.unwrap().dimensions()
}

/// Makes the record of a generation say that its small pictures were never made.
async fn lose(cloud: &Cloud, generation: &str, tries: u32) {
    let number = generation.bytes().last().unwrap() % 4;
    let update = cloud.dynamodb().update_item().table_name(GENERATIONS);
    let update = update
        .key("id", AttributeValue::S(generation.to_owned()))
        .update_expression(
            "SET outputs[0].previews = :pending, due_at_ms = :now, due_shard = :shard, \
             preview_tries = :tries",
        )
        .expression_attribute_values(":pending", AttributeValue::S("pending".to_owned()))
        .expression_attribute_values(":now", AttributeValue::N("1".to_owned()))
        .expression_attribute_values(":shard", AttributeValue::S(format!("due#{number}")))
        .expression_attribute_values(":tries", AttributeValue::N(tries.to_string()));
    update.send().await.unwrap();
}

/// Waits until the first output has its small pictures, or the reason why it has none; the output.
async fn drawn(person: &Person<'_>, generation: &str) -> Value {
    eventually("small pictures", || async {
        let shown = person.generation(generation).await;
        let output = shown["outputs"][0].clone();
        (!output["thumbnails"].is_null()).then_some(output)
    })
    .await
}

fn message(generation: &str) -> String {
    let body = json!({"generation_id": generation}).to_string();
    let record = json!({"messageId": "m", "receiptHandle": "r", "body": body});
    json!({"Records": [record]}).to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_picture_has_thumbnails_that_lead_to_what_they_say() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let made = ada.generate("flux-dev", "a fox in small").await;
    let done = ada.when(&made, "succeeded").await;
    let output = &done["outputs"][0];
    let (width, height) = (&output["width"], &output["height"]);
    let longest = width.as_u64().max(height.as_u64()).unwrap();
    let thumbnails = output["thumbnails"].as_array().unwrap();
    let sides: Vec<_> = thumbnails.iter().map(|it| it["size"].as_u64()).collect();
    let smaller = [256, 512, 1024].into_iter().filter(|side| *side < longest);
    assert_eq!(sides, smaller.map(Some).collect::<Vec<_>>());
    for thumbnail in thumbnails {
        let (width, height) = read(&cloud, &thumbnail["url"]).await;
        assert_eq!(
            (&thumbnail["width"], &thumbnail["height"]),
            (&json!(width), &json!(height))
        );
        assert_eq!(json!(width.max(height)), thumbnail["size"]);
    }
    assert_eq!(
        (&output["poster"], &output["thumbnails_missing"]),
        (&Value::Null, &Value::Null)
    );
    let media = ada
        .get(&format!("/generations/{made}/media"))
        .await
        .expect(200);
    assert_eq!(
        media["data"][0]["thumbnails"].as_array().unwrap().len(),
        thumbnails.len()
    );

    // A message that comes twice changes nothing; after a deletion, it leaves nothing.
    let before = ada.generation(&made).await;
    cloud
        .stack
        .invoke("jobs-preview", message(&made))
        .await
        .unwrap();
    let keys = cloud.every_media_key();
    assert_eq!(keys.len(), 1 + thumbnails.len());
    assert_eq!(
        ada.generation(&made).await["outputs"][0]["sha256"],
        before["outputs"][0]["sha256"]
    );
    ada.delete(&format!("/generations/{made}"))
        .await
        .expect(204);
    assert_eq!(cloud.every_media_key(), Vec::<String>::new());
    let url = thumbnails[0]["url"].as_str().unwrap();
    assert_eq!(cloud.http.get(url).send().await.unwrap().status(), 404);
    cloud.put_media(&keys[1], "late").await;
    cloud
        .stack
        .invoke("jobs-preview", message(&made))
        .await
        .unwrap();
    assert_eq!(cloud.every_media_key(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_video_has_a_poster_and_sound_has_no_picture() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let video = ada.generate("veo3", "a fox that runs [[delay:1ms]]").await;
    let sound = ada
        .generate("audio-gen", "a fox that sings [[delay:1ms]]")
        .await;
    let video = ada.when(&video, "succeeded").await;
    let output = &video["outputs"][0];
    let (width, height) = read(&cloud, &output["poster"]).await;
    assert!(width.max(height) <= 1024 && width.min(height) > 100);
    let smallest = &output["thumbnails"][0];
    assert_eq!(read(&cloud, &smallest["url"]).await.0, 256);
    assert_eq!(smallest["size"], 256);

    let sound = ada.when(&sound, "succeeded").await;
    let output = &sound["outputs"][0];
    assert_eq!(output["thumbnails"], json!([]));
    assert_eq!(output["thumbnails_missing"], "unsupported");
    assert_eq!(output["poster"], Value::Null);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_drawn_is_delivered_and_says_so() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let large = ada
        .generate("flux-dev", "[[delay:1ms]][[media-bytes:40MiB]]")
        .await;
    let done = ada.when(&large, "succeeded").await;
    let output = &done["outputs"][0];
    assert_eq!(
        (&output["thumbnails"], &output["thumbnails_missing"]),
        (&json!([]), &json!("too_large"))
    );

    let made = ada.generate("flux-dev", "a fox [[delay:1ms]]").await;
    ada.when(&made, "succeeded").await;
    // The file is no picture any more, without a known reason.
    cloud.put_media(&format!("{made}/0.jpg"), "late").await;
    lose(&cloud, &made, 0).await;
    cloud.sweep().await;
    assert_eq!(
        drawn(&ada, &made).await["thumbnails_missing"],
        "unsupported"
    );

    cloud.lose_media(&format!("{made}/0.jpg")).await;
    lose(&cloud, &made, 0).await;
    cloud.sweep().await;
    assert_eq!(
        drawn(&ada, &made).await["thumbnails_missing"],
        "unavailable"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn small_pictures_whose_message_was_lost_are_made_later_or_given_up() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let made = ada.generate("flux-dev", "a fox [[delay:1ms]]").await;
    let done = ada.when(&made, "succeeded").await;
    lose(&cloud, &made, 0).await;
    assert_eq!(
        ada.generation(&made).await["outputs"][0]["thumbnails"],
        Value::Null
    );
    cloud.sweep().await;
    let again = drawn(&ada, &made).await;
    assert_eq!(
        again["thumbnails"].as_array().unwrap().len(),
        done["outputs"][0]["thumbnails"].as_array().unwrap().len()
    );

    lose(&cloud, &made, 3).await;
    cloud.sweep().await;
    let given_up = drawn(&ada, &made).await;
    assert_eq!(
        (&given_up["thumbnails"], &given_up["thumbnails_missing"]),
        (&json!([]), &json!("unavailable"))
    );
    ada.download(&ada.generation(&made).await).await;
    // It is at rest, and its media expire like any others.
    let item = cloud
        .every_item()
        .await
        .into_iter()
        .find(|(_, item)| item.get("id") == Some(&AttributeValue::S(made.clone())));
    let shard = item.unwrap().1["due_shard"].as_s().unwrap().clone();
    assert!(shard.starts_with("kept#"), "{shard}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_odd_file_that_was_delivered_has_the_small_pictures_that_it_can_have() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let made = ada.generate("flux-dev", "odd [[delay:1ms]]").await;
    ada.when(&made, "succeeded").await;
    // The size as it is seen, or the reason why there is none.
    for (name, expected) in [
        ("heic.jpg", Err("unsupported")),
        ("sixteen-bit.png", Ok((64, 48))),
        ("turned.jpg", Ok((48, 64))),
        ("progressive.jpg", Ok((64, 48))),
        ("gray.jpg", Ok((64, 48))),
        ("animated.webp", Ok((32, 24))),
        ("lossless.webp", Ok((64, 48))),
        ("animated.gif", Err("unsupported")),
        ("polyglot.png", Ok((64, 48))),
        ("bomb.png", Err("too_large")),
        ("html.png", Err("unsupported")),
    ] {
        let bytes = odd_file(name);
        let size_bytes = bytes.len();
        cloud.put_media(&format!("{made}/0.jpg"), bytes).await;
        resize(&cloud, &made, size_bytes).await;
        lose(&cloud, &made, 0).await;
        cloud.sweep().await;
        let output = drawn(&ada, &made).await;
        let missing = &output["thumbnails_missing"];
        match expected {
            Ok((width, height)) => {
                assert_eq!(*missing, Value::Null, "{name}");
                let size = (&output["width"], &output["height"]);
                assert_eq!(size, (&json!(width), &json!(height)), "{name}");
                let url = &output["thumbnails"][0]["url"];
                assert_eq!(read(&cloud, url).await, (width, height), "{name}");
            }
            Err(why) => assert_eq!(missing, why, "{name}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_largest_picture_is_drawn_in_bounded_memory() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let made = ada.generate("flux-dev", "large [[delay:1ms]]").await;
    ada.when(&made, "succeeded").await;
    // 24 megapixels, in a file of the largest permitted size.
    let picture = image::RgbImage::from_fn(6_000, 4_000, |x, y| {
        let part = |n: u32| u8::try_from(n % 256).unwrap();
        image::Rgb([part(x / 7), part(y / 5), part(x ^ y)])
    });
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture
        .write_to(&mut bytes, image::ImageFormat::Jpeg)
        .unwrap();
    drop(picture);
    let mut bytes = bytes.into_inner();
    bytes.resize(32 * 1_024 * 1_024, 0);
    let size_bytes = bytes.len();
    cloud.put_media(&format!("{made}/0.jpg"), bytes).await;
    resize(&cloud, &made, size_bytes).await;
    lose(&cloud, &made, 0).await;
    cloud.sweep().await;
    let output = drawn(&ada, &made).await;
    let drawn = output["thumbnails"].as_array().unwrap().len();
    assert_eq!((drawn, &output["width"]), (3, &json!(6_000)));
    let peak = memory_kib(&cloud, "jobs-preview").await;
    assert!((1..=MEMORY_KIB_MAX).contains(&peak), "{peak} KiB");
}

/// Gives a generation's first file this size.
async fn resize(cloud: &Cloud, generation: &str, size_bytes: usize) {
    let update = cloud.dynamodb().update_item().table_name(GENERATIONS);
    let update = update
        .key("id", AttributeValue::S(generation.to_owned()))
        .update_expression("SET outputs[0].size_bytes = :size")
        .expression_attribute_values(":size", AttributeValue::N(size_bytes.to_string()));
    update.send().await.unwrap();
}

//! Orders in a style: the prompt that the style adapts, and the orders that it does not fit.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{NO_STYLE, ink, make};
use crate::harness::Cloud;
use crate::pages::all;

const PICTURE: &str = "/generations/flux-dev";
/// The addition of [`ink`] to the prompt of a picture.
const INKED: &str = "Style: ink and wash. Lighting: a low sun. Camera: low angle. snow, paper.";
/// Its addition to the prompt of a video.
const MOVING: &str =
    "Style: ink and wash. Camera: low angle. Motion: slow pan. Lighting: a low sun. snow, paper.";

#[tokio::test]
async fn the_model_is_told_what_the_style_makes_of_the_prompt_and_the_prompt_stays_its_authors() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let style = make(&ada, &ink()).await;
    for (model, said) in [("flux-dev", INKED), ("veo3", MOVING)] {
        let prompt = format!("A fox for {model} [[delay:1ms]]");
        let adapted = format!("{prompt}. {said}");
        let quote = json!({"model": model, "prompt": prompt, "style_id": style});
        let quote = ada.post("/quotes", &quote).await.expect(201);
        assert_eq!(quote["adapted_prompt"], adapted);
        let order = json!({"prompt": prompt, "style_id": style, "quote_id": quote["quote_id"]});
        let path = format!("/generations/{model}");
        let made = ada.post(&path, &order).await.expect(202);
        let done = ada.when(made["id"].as_str().unwrap(), "succeeded").await;
        for shown in [made, done] {
            assert_eq!(shown["prompt"], prompt);
            assert_eq!(shown["style_id"], style);
            assert_eq!(shown["adapted_prompt"], adapted);
        }
        let jobs = cloud.provider_jobs(&format!("A fox for {model}")).await;
        assert_eq!(jobs.len(), 1);
        assert_eq!(jobs[0]["input"]["prompt"], adapted);
    }
    let plain = json!({"model": "flux-dev", "prompt": "plain"});
    let quote = ada.post("/quotes", &plain).await.expect(201);
    assert_eq!(quote["adapted_prompt"], Value::Null);
    let made = ada.generate("flux-dev", "plain [[delay:1ms]]").await;
    let done = ada.when(&made, "succeeded").await;
    assert_eq!(
        (&done["style_id"], &done["adapted_prompt"]),
        (&Value::Null, &Value::Null)
    );
    let jobs = cloud.provider_jobs("plain").await;
    assert_eq!(jobs[0]["input"]["prompt"], "plain [[delay:1ms]]");

    // If no prompt is needed, the style alone makes one.
    let file = ada.upload_picture().await;
    let alone = json!({"model": "image-enhance", "style_id": style, "reference_file_id": file});
    let quote = ada.post("/quotes", &alone).await.expect(201);
    assert_eq!(quote["adapted_prompt"], INKED);
}

#[tokio::test]
async fn what_was_made_in_a_style_stays_as_it_is_and_the_same_key_finds_it() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let style = make(&ada, &ink()).await;
    let path = format!("/styles/{style}");
    let order = json!({"prompt": "A fox [[delay:1ms]]", "style_id": style});
    let made = ada.post_once(PICTURE, "one", &order).await.expect(202);
    let made = made["id"].as_str().unwrap();
    let before = ada.when(made, "succeeded").await;
    let quote = json!({"model": "flux-dev", "prompt": "A fox [[delay:1ms]]", "style_id": style});
    let quote = ada.post("/quotes", &quote).await.expect(201);

    let charcoal = json!({"blocks": {"style": "charcoal"}});
    ada.patch(&path, &charcoal).await.expect(200);
    let again = ada.post_once(PICTURE, "one", &order).await;
    assert_eq!(again.text("id"), made);
    let adapted = format!("A fox [[delay:1ms]]. {INKED}");
    assert_eq!(again.text("adapted_prompt"), adapted);
    let other = json!({"prompt": "A fox [[delay:1ms]]"});
    let other = ada.post_once(PICTURE, "one", &other).await;
    other.problem(422, "idempotency_mismatch");

    // A quote promises its price; the style is used as it is at the time of the order.
    let mut quoted = order.clone();
    quoted["quote_id"] = quote["quote_id"].clone();
    let next = ada.post(PICTURE, &quoted).await.expect(202);
    assert_eq!(
        next["adapted_prompt"],
        "A fox [[delay:1ms]]. Style: charcoal."
    );
    ada.when(next["id"].as_str().unwrap(), "succeeded").await;

    ada.delete(&path).await.expect(204);
    let again = ada.post_once(PICTURE, "one", &order).await;
    assert_eq!(again.text("id"), made);
    let kept = ada.generation(made).await;
    for field in ["style_id", "adapted_prompt", "prompt"] {
        assert_eq!(kept[field], before[field], "{field}");
    }
    let fields = ada.post(PICTURE, &order).await.problem(404, "not_found");
    assert!(fields.contains("style_id"), "{fields:?}");
    assert_eq!(ada.books().await.balance(), (950, 0));
}

#[tokio::test]
async fn a_style_that_does_not_fit_a_model_is_refused_before_anything_is_held() {
    let cloud = Cloud::start().await;
    let (ada, eve) = (cloud.person().await, cloud.person().await);
    let long = json!({"name": "Long", "blocks": {"style": "x".repeat(1_900)}});
    let long = make(&ada, &long).await;
    let still = json!({"name": "Moves", "blocks": {"motion": "slow pan"}});
    let still = make(&ada, &still).await;
    let hers = make(&eve, &ink()).await;
    let file = ada.upload_picture().await;
    let prompt = "y".repeat(100);
    for (model, body, status) in [
        ("flux-dev", json!({"prompt": prompt, "style_id": long}), 422),
        ("veo3", json!({"prompt": prompt, "style_id": long}), 422),
        (
            "audio-gen",
            json!({"prompt": "rain", "style_id": still}),
            422,
        ),
        (
            "image-enhance",
            json!({"style_id": still, "reference_file_id": file}),
            422,
        ),
        ("flux-dev", json!({"prompt": prompt, "style_id": hers}), 404),
        (
            "flux-dev",
            json!({"prompt": prompt, "style_id": NO_STYLE}),
            404,
        ),
        ("flux-dev", json!({"prompt": prompt, "style_id": ""}), 404),
    ] {
        let mut quote = body.clone();
        quote["model"] = json!(model);
        for answer in [
            ada.post(&format!("/generations/{model}"), &body).await,
            ada.post("/quotes", &quote).await,
        ] {
            assert_eq!(answer.status, status, "{model} {body}: {:?}", answer.body);
            let fields = answer.shape();
            assert_eq!(fields, BTreeSet::from(["style_id".to_owned()]), "{model}");
        }
    }
    let body = json!({"prompt": prompt, "style_id": long});
    let answer = ada.post(PICTURE, &body).await;
    let said = answer.body["errors"][0]["message"].as_str().unwrap();
    assert!(said.contains("2010") && said.contains("2000"), "{said}");
    // A style does not replace a required prompt.
    let none = ada.post(PICTURE, &json!({"style_id": long})).await;
    assert!(none.problem(422, "validation_failed").contains("prompt"));
    assert_eq!(ada.books().await.lines().len(), 1);
    assert_eq!(ada.books().await.balance(), (1_000, 0));
    let fits = json!({"prompt": "y [[delay:1ms]]", "style_id": long});
    ada.post(PICTURE, &fits).await.expect(202);
}

#[tokio::test]
async fn presets_are_for_everybody_to_use_and_for_nobody_to_change() {
    let cloud = Cloud::start().await;
    let (ada, eve) = (cloud.person().await, cloud.person().await);
    let list = ada.get("/style-presets").await.expect(200);
    assert_eq!(eve.get("/style-presets").await.expect(200), list);
    assert_eq!(list["next_cursor"], Value::Null);
    let presets = list["data"].as_array().unwrap();
    assert_eq!(presets.len(), 12);
    for preset in presets {
        let one = preset["id"].as_str().unwrap();
        assert!(one.starts_with("sty_"));
        assert_eq!(preset["preset"], true);
        assert_eq!(
            (&preset["author_id"], &preset["team_id"]),
            (&Value::Null, &Value::Null)
        );
        let path = format!("/styles/{one}");
        assert_eq!(ada.get(&path).await.expect(200), *preset);
        let change = json!({"name": "mine"});
        ada.patch(&path, &change).await.problem(403, "forbidden");
        ada.delete(&path).await.problem(403, "forbidden");
    }
    assert_eq!(all(&ada, "/styles", 10).await, Vec::<String>::new());
    let ids: Vec<_> = presets.iter().map(|preset| preset["id"].clone()).collect();
    assert_eq!(all(&ada, "/style-presets", 5).await.len(), ids.len());

    let prompt = "A fox in a preset [[delay:1ms]]";
    let order = json!({"prompt": prompt, "style_id": ids[0]});
    let made = ada.post(PICTURE, &order).await.expect(202);
    assert_eq!(made["style_id"], ids[0]);
    let adapted = made["adapted_prompt"].as_str().unwrap();
    let said = presets[0]["blocks"]["style"].as_str().unwrap();
    assert!(
        adapted.starts_with(prompt) && adapted.contains(said),
        "{adapted}"
    );
    ada.when(made["id"].as_str().unwrap(), "succeeded").await;
    let jobs = cloud.provider_jobs("A fox in a preset").await;
    assert_eq!(jobs[0]["input"]["prompt"], adapted);
}

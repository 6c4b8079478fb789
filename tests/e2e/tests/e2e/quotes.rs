//! A price is known before it is paid, and an order that would cost something else is refused before anything
//! is held.

use aws_sdk_dynamodb::types::AttributeValue;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Cloud, send};

const PICTURE: &str = "/generations/flux-dev";

/// Changes a number of a quote, as if it had been made at another price or time.
async fn change(cloud: &Cloud, quote: &Value, attribute: &str, value: i64) {
    let id = quote["quote_id"].as_str().unwrap();
    cloud
        .dynamodb()
        .update_item()
        .table_name("velro-local-generationstable")
        .key("id", AttributeValue::S(id.to_owned()))
        .update_expression("SET #attribute = :value")
        .condition_expression("attribute_exists(#attribute)")
        .expression_attribute_names("#attribute", attribute)
        .expression_attribute_values(":value", AttributeValue::N(value.to_string()))
        .send()
        .await
        .unwrap();
}

#[tokio::test]
async fn a_quote_tells_the_price_and_charges_nothing_until_its_generation_is_ordered() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let asked =
        json!({"model": "flux-dev", "prompt": "four of them", "parameters": {"num_images": 4}});
    let quote = ada.post("/quotes", &asked).await.expect(201);
    assert_eq!(
        (&quote["credits"], &quote["model"]),
        (&json!(100), &json!("flux-dev"))
    );
    assert!(quote["quote_id"].as_str().unwrap().starts_with("qte_"));
    assert_eq!(ada.books().await.balance(), (1_000, 0));

    let order = json!({"parameters": {"num_images": 4}, "prompt": "four of them",
                       "quote_id": quote["quote_id"], "max_credits": 100});
    let made = ada.post(PICTURE, &order).await.expect(202);
    assert_eq!(made["receipt"]["quoted"], 100);
    let done = ada.when(made["id"].as_str().unwrap(), "succeeded").await;
    let receipt = json!({"quoted": 100, "held": 0, "captured": 100, "released": 0, "refunded": 0, "reason": null});
    assert_eq!(done["receipt"], receipt);
    assert_eq!(ada.books().await.balance(), (900, 0));
    // It holds for as long as it lives.
    ada.post(PICTURE, &order).await.expect(202);
}

#[tokio::test]
async fn a_quote_that_does_not_hold_is_a_changed_price_and_nothing_is_held() {
    let cloud = Cloud::start().await;
    let (ada, eve) = (cloud.person().await, cloud.person().await);
    let body = json!({"model": "flux-dev", "prompt": "as agreed"});
    let quote = ada.post("/quotes", &body).await.expect(201);
    let order =
        |prompt: &str, quote: &Value| json!({"prompt": prompt, "quote_id": quote["quote_id"]});

    let agreed = order("as agreed", &quote);
    let unknown = json!({"quote_id": "qte_01ARZ3NDEKTSV4RRFFQ69G5FAV"});
    for (who, path, body) in [
        (&ada, PICTURE, order("something else", &quote)),
        (&ada, "/generations/flux-pro-ultra", agreed.clone()),
        (&ada, PICTURE, order("as agreed", &unknown)),
        (&eve, PICTURE, agreed.clone()),
    ] {
        let refused = who.post_once(path, "key", &body).await;
        refused.problem(409, "price_changed");
    }
    let mut dearer = agreed.clone();
    dearer["max_credits"] = json!(24);
    ada.post(PICTURE, &dearer)
        .await
        .problem(409, "price_changed");
    let fields = ada
        .post(PICTURE, &order("x", &json!({"quote_id": "gen_1"})))
        .await;
    assert!(fields.problem(404, "not_found").contains("quote_id"));

    change(&cloud, &quote, "credits", 24).await;
    ada.post(PICTURE, &agreed)
        .await
        .problem(409, "price_changed");
    change(&cloud, &quote, "credits", 25).await;
    change(&cloud, &quote, "expires_at_ms", 1).await;
    ada.post(PICTURE, &agreed)
        .await
        .problem(409, "price_changed");
    for person in [&ada, &eve] {
        assert_eq!(person.books().await.lines().len(), 1);
    }
}

#[tokio::test]
async fn a_quote_is_checked_as_the_generation_would_be() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    for (body, field) in [
        (json!({"prompt": "x"}), "model"),
        (json!({"model": 5, "prompt": "x"}), "model"),
        (json!({"model": "nosuch", "prompt": "x"}), "model"),
        (json!({"model": "flux-dev"}), "prompt"),
        (
            json!({"model": "flux-dev", "prompt": "x", "cost": 1}),
            "cost",
        ),
        (
            json!({"model": "flux-dev", "prompt": "x", "parameters": {"seed": -1}}),
            "parameters.seed",
        ),
        (
            json!({"model": "veo3", "prompt": "x", "parameters": {"duration": 8}}),
            "parameters.duration",
        ),
        (
            json!({"model": "flux-dev", "prompt": "x", "max_credits": -1}),
            "max_credits",
        ),
    ] {
        let answer = ada.post("/quotes", &body).await;
        let fields = answer.problem(422, "validation_failed");
        assert!(fields.contains(field), "{body}: {fields:?}");
    }
    let file = "fil_01ARZ3NDEKTSV4RRFFQ69G5FAV";
    let body = json!({"model": "flux-pro-kontext", "prompt": "x", "reference_file_id": file});
    let fields = ada.post("/quotes", &body).await.problem(404, "not_found");
    assert!(fields.contains("reference_file_id"), "{fields:?}");
    let list = ada.request(Method::POST, "/quotes").json(&json!([1]));
    send(list).await.problem(422, "validation_failed");
    assert_eq!(cloud.faults(), Vec::<String>::new());
}

//! The catalogue: the offered models and their prices, and that each is really sold at its price.

use serde_json::{Value, json};

use crate::harness::{Cloud, Person};

const PRICES: [(&str, i64); 11] = [
    ("flux-pro-ultra", 50),
    ("flux-pro-kontext", 60),
    ("imagen4-ultra", 45),
    ("veo3", 500),
    ("minimax-hailuo", 400),
    ("kling-video", 350),
    ("wan-pro", 300),
    ("flux-dev", 25),
    ("face-swap", 30),
    ("image-enhance", 20),
    ("audio-gen", 40),
];

#[tokio::test]
async fn the_service_says_what_it_is_and_how_it_is() {
    let cloud = Cloud::start().await;
    let health = cloud.get("/health").await.expect(200);
    assert_eq!(health["status"], "ok");
    for part in ["database", "queue", "storage"] {
        assert_eq!(health["checks"][part], "ok", "{health}");
    }
    let root = cloud.get("/").await.expect(200);
    assert_eq!(
        (&root["stage"], root["name"].is_string()),
        (&json!("v1"), true)
    );
    cloud.get("/no/such/route").await.problem(404, "not_found");
    let wrong_method = cloud.request(reqwest::Method::DELETE, "/health");
    let answer = crate::harness::send(wrong_method).await;
    assert!(matches!(answer.status, 404 | 405), "{}", answer.status);
    answer.shape();
}

#[tokio::test]
async fn eleven_models_are_offered_at_their_prices_with_their_parameters() {
    let cloud = Cloud::start().await;
    let list = cloud.get("/models").await.expect(200);
    let models = list["data"].as_array().unwrap();
    let mut offered: Vec<_> = models
        .iter()
        .map(|model| {
            (
                model["id"].as_str().unwrap(),
                model["credits"].as_i64().unwrap(),
            )
        })
        .collect();
    offered.sort_unstable();
    let mut expected = PRICES;
    expected.sort_unstable();
    assert_eq!(offered, expected);
    for model in models {
        let id = model["id"].as_str().unwrap();
        assert_eq!(
            &cloud.get(&format!("/models/{id}")).await.expect(200),
            model
        );
        assert_eq!(model["parameters"]["type"], "object", "{model}");
    }
    cloud.get("/models/gpt-9").await.problem(404, "not_found");
}

/// The smallest body that a model accepts.
async fn least(person: &Person<'_>, model: &str) -> Value {
    match model {
        "flux-pro-kontext" => {
            json!({"prompt": "x", "reference_file_id": person.upload_picture().await})
        }
        "image-enhance" => json!({"reference_file_id": person.upload_picture().await}),
        "face-swap" => json!({
            "reference_file_id": person.upload_picture().await,
            "parameters": {"face_file_id": person.upload_picture().await},
        }),
        _ => json!({"prompt": "x"}),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_model_delivers_and_costs_its_price() {
    let cloud = Cloud::start().await;
    let sales = PRICES.iter().map(|(model, price)| {
        let cloud = &cloud;
        async move {
            let ada = cloud.person().await;
            let body = least(&ada, model).await;
            let answer = ada.post(&format!("/generations/{model}"), &body).await;
            assert_eq!(answer.status, 202, "{model}: {:?}", answer.body);
            let done = ada.when(&answer.text("id"), "succeeded").await;
            let (content_type, bytes) = ada.download(&done).await;
            assert_eq!(done["outputs"][0]["content_type"], content_type, "{model}");
            assert!(content_type.starts_with(done["kind"].as_str().unwrap()));
            assert!(bytes.len() > 500, "{model}");
            assert_eq!(ada.books().await.balance(), (1_000 - price, 0), "{model}");
        }
    });
    futures::future::join_all(sales).await;
}

#[tokio::test]
async fn several_pictures_cost_that_many_times_the_price() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let body = json!({"prompt": "three of them", "parameters": {"num_images": 3}});
    let answer = ada.post("/generations/flux-pro-ultra", &body).await;
    assert_eq!(answer.body["receipt"]["held"], 150, "{:?}", answer.body);
    let done = ada.when(&answer.text("id"), "succeeded").await;
    assert_eq!(done["outputs"].as_array().unwrap().len(), 3);
    assert_eq!(ada.books().await.balance(), (850, 0));
}

#[tokio::test]
async fn a_model_that_the_provider_retired_is_taken_from_its_successor() {
    let mut options = Cloud::options();
    options.retired = vec!["fal-ai/veo3".to_owned()];
    let cloud = Cloud::from(options).await;
    let ada = cloud.person().await;
    let id = ada.generate("veo3", "by the successor").await;
    ada.when(&id, "succeeded").await;
    let jobs = cloud.provider_jobs("by the successor").await;
    assert_eq!(
        (jobs.len(), &jobs[0]["model"]),
        (1, &json!("fal-ai/veo3.1"))
    );
}

#[tokio::test]
async fn a_page_of_a_configured_origin_may_call_and_no_other() {
    let cloud =
        Cloud::start_with(&[("CorsOrigins", "https://app.example.org,https://b.example")]).await;
    for (origin, allowed) in [
        ("https://app.example.org", "https://app.example.org"),
        ("https://b.example", "https://b.example"),
        ("https://evil.example", ""),
        ("null", ""),
    ] {
        let plain = cloud
            .request(reqwest::Method::GET, "/models")
            .header("origin", origin);
        let answer = crate::harness::send(plain).await;
        assert_eq!(answer.header("access-control-allow-origin"), allowed);
        assert_eq!(answer.header("access-control-allow-credentials"), "");
        assert!(answer.header("vary").contains("Origin"));
    }
}

#[tokio::test]
async fn a_preflight_is_answered_without_a_function_and_names_what_its_path_takes() {
    let cloud = Cloud::start().await;
    for (path, methods) in [
        ("/generations/veo3", "OPTIONS,POST"),
        (
            "/generations/gen_01J00000000000000000000001",
            "DELETE,GET,OPTIONS,PATCH",
        ),
        ("/projects", "GET,OPTIONS,POST"),
        ("/admin/promo-codes", "GET,OPTIONS,POST"),
    ] {
        let preflight = cloud
            .request(reqwest::Method::OPTIONS, path)
            .header("origin", "https://anywhere.example")
            .header("access-control-request-method", "POST");
        let answer = crate::harness::send(preflight).await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        assert_eq!(answer.header("access-control-allow-methods"), methods);
        let headers = answer.header("access-control-allow-headers");
        assert!(headers.contains("Authorization"), "{headers}");
        assert_eq!(answer.header("access-control-allow-credentials"), "");
        assert_eq!(answer.header("access-control-max-age"), "7200");
        // A function would have sent the id of its request.
        assert_eq!(answer.header("x-request-id"), "");
    }
    let nowhere = cloud.request(reqwest::Method::OPTIONS, "/nowhere");
    assert_eq!(crate::harness::send(nowhere).await.status, 404);
}

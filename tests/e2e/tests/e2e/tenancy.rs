//! Nobody sees or touches another's things, and a stranger's answer never depends on what exists.

use reqwest::Method;
use serde_json::json;
use serde_yaml_ng::Value;

use crate::harness::{Cloud, send, template};

/// Every route of the template that needs a caller: method and path.
fn guarded_routes() -> Vec<(Method, String)> {
    let text = std::fs::read_to_string(template()).unwrap();
    let template: Value = serde_yaml_ng::from_str(&text).unwrap();
    let mut routes = Vec::new();
    let paths = &template["Resources"]["Api"]["Properties"]["DefinitionBody"]["paths"];
    for (path, methods) in paths.as_mapping().unwrap() {
        for (method, route) in methods.as_mapping().unwrap() {
            if route["security"].is_null() {
                let method = method.as_str().unwrap().to_uppercase();
                let path = path.as_str().unwrap().to_owned();
                routes.push((method.parse().unwrap(), path));
            }
        }
    }
    routes
}

#[tokio::test]
async fn every_guarded_route_refuses_whoever_shows_no_valid_credential() {
    let cloud = Cloud::start().await;
    let routes = guarded_routes();
    assert!(routes.len() >= 20, "{routes:?}");
    for (method, path) in routes {
        let path = path
            .replace("{generation_id}", "gen_01ARZ3NDEKTSV4RRFFQ69G5FAV")
            .replace("{file_id}", "fil_01ARZ3NDEKTSV4RRFFQ69G5FAV");
        let request = || {
            cloud
                .request(method.clone(), &path)
                .json(&json!({"no": "matter"}))
        };
        let nobody = send(request()).await;
        assert_eq!(nobody.status, 401, "{method} {path}");
        nobody.problem(401, "unauthorized");
        let stranger = send(request().bearer_auth("eyJ.not.it")).await;
        assert_eq!(stranger.status, 401, "{method} {path}");
    }
}

#[tokio::test]
async fn anothers_generation_and_file_are_not_there() {
    let cloud = Cloud::start().await;
    let (ada, eve) = (cloud.person().await, cloud.person().await);
    let id = ada.generate("flux-dev", "mine alone").await;
    ada.when(&id, "succeeded").await;
    let file = ada.upload_picture().await;

    let unknown = "gen_01ARZ3NDEKTSV4RRFFQ69G5FAV";
    let paths = |id: &str| {
        [
            format!("/generations/{id}"),
            format!("/generations/{id}/media"),
        ]
    };
    for (theirs, nothing) in paths(&id).iter().zip(&paths(unknown)) {
        let (mut one, mut other) = (eve.get(theirs).await, eve.get(nothing).await);
        one.problem(404, "not_found");
        // The answer is the same as for a missing thing.
        one.body["request_id"] = json!("");
        other.body["request_id"] = json!("");
        assert_eq!((one.status, one.body), (other.status, other.body));
    }
    let path = format!("/files/{file}");
    eve.get(&path).await.problem(404, "not_found");
    let complete = format!("{path}/complete");
    eve.post(&complete, &json!({}))
        .await
        .problem(404, "not_found");

    let with_file = json!({"prompt": "x", "reference_file_id": file});
    let fields = eve
        .post("/generations/flux-pro-kontext", &with_file)
        .await
        .problem(404, "not_found");
    assert!(fields.contains("reference_file_id"), "{fields:?}");
    let with_parent = json!({"prompt": "x", "parent_generation_id": id});
    let fields = eve
        .post("/generations/flux-dev", &with_parent)
        .await
        .problem(404, "not_found");
    assert!(fields.contains("parent_generation_id"), "{fields:?}");
    assert_eq!(eve.books().await.balance(), (1_000, 0));
    ada.get(&format!("/generations/{id}")).await.expect(200);
}

#[tokio::test]
async fn an_id_of_another_kind_or_form_is_not_there() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    for id in [
        "usr_01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "gen_01arz3ndektsv4rrffq69g5fav",
        "gen_",
        "gen_01ARZ3NDEKTSV4RRFFQ69G5FAVX",
        "gen_ZZZZZZZZZZZZZZZZZZZZZZZZZZ",
        "x",
        "%00",
        "%F0%9F%A6%8A",
        "..%2F..%2Fetc",
        "gen_01ARZ3NDEKTSV4RRFFQ69G5FAV'%20OR%201=1",
    ] {
        let answer = ada.get(&format!("/generations/{id}")).await;
        assert_eq!(answer.status, 404, "{id}: {:?}", answer.body);
        answer.problem(404, "not_found");
    }
}

//! The served OpenAPI document, the page that shows it, and its query parameters. In every test, the harness
//! checks that answers agree with it.

use std::collections::BTreeSet;

use reqwest::Method;
use reqwest::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use serde_json::Value;

use crate::harness::{Cloud, Person, send};
use crate::teams::NO_TEAM;

#[tokio::test]
async fn the_document_is_served_once_for_as_long_as_it_stays_the_same() {
    let cloud = Cloud::start().await;
    let first = cloud.get("/openapi.json").await;
    assert_eq!(first.status, 200);
    assert_eq!(first.body, api::openapi::document(cloud.stack.url()));

    let ask = |etag: &str| {
        let request = cloud.request(Method::GET, "/openapi.json");
        send(request.header(IF_NONE_MATCH, etag.to_owned()))
    };
    let etag = first.header(ETAG.as_str());
    let again = ask(etag).await;
    assert_eq!((again.status, again.header("etag")), (304, etag));
    assert_eq!(ask("\"another\"").await.status, 200);
}

#[tokio::test]
async fn the_page_and_all_that_it_names_come_from_here_and_under_a_strict_policy() {
    let cloud = Cloud::start().await;
    let read = async |path: &str, media_type: &str| {
        let answer = cloud.request(Method::GET, path).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        let headers = answer.headers().clone();
        let found = headers[CONTENT_TYPE].to_str().unwrap();
        assert_eq!(found.split(';').next().unwrap(), media_type, "{path}");
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
        (headers, answer.text().await.unwrap())
    };
    let (headers, page) = read("/docs", "text/html").await;
    let policy = headers[CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"));
    assert!(!policy.contains("unsafe"), "{policy}");

    let named = page
        .split(['"', '\''])
        .filter(|text| text.starts_with("docs/"));
    let named: BTreeSet<_> = named.collect();
    assert!(named.len() >= 6, "{named:?}");
    for path in named {
        let media_type = match path.rsplit('.').next().unwrap() {
            "css" => "text/css",
            "js" => "text/javascript",
            "svg" => "image/svg+xml",
            "txt" => "text/plain",
            other => panic!("{other}"),
        };
        let (_, text) = read(&format!("/{path}"), media_type).await;
        assert!(!text.is_empty(), "{path}");
    }
    for path in ["/docs/nothing.js", "/docs/..%2fdocs.js"] {
        cloud.get(path).await.problem(404, "not_found");
    }
}

/// The reported errors of a request's query parameters: each name and its code.
async fn said(person: &Person<'_>, path: &str, query: &str) -> BTreeSet<(String, String)> {
    let answer = person.get(&format!("{path}?{query}")).await;
    let errors = answer.body["errors"].as_array().cloned();
    let pair =
        |error: &Value| ["field", "code"].map(|part| error[part].as_str().unwrap().to_owned());
    let pairs = errors.unwrap_or_default();
    pairs
        .iter()
        .map(pair)
        .map(|[field, code]| (field, code))
        .collect()
}

#[tokio::test]
async fn every_query_parameter_that_is_described_is_read_and_every_other_is_refused() {
    let cloud = Cloud::with_admin().await;
    let admin = cloud.admin().await;
    let document = api::openapi::document("http://localhost/v1");
    let mut count = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        let operation = &operations["get"];
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let names = parameters.filter(|parameter| parameter["in"] == "query");
        let names: Vec<_> = names.map(|it| it["name"].as_str().unwrap()).collect();
        if names.is_empty() {
            continue;
        }
        let generation = "gen_01KG9QZ3M4T5V6W7X8Y9Z0ABCD";
        let path = path
            .replace("{generation_id}", generation)
            .replace("{name}", "0.jpg")
            .replace("{project_id}", "prj_01KG9QZ3M4T5V6W7X8Y9Z0ABCD")
            .replace("{team_id}", NO_TEAM)
            .replace("{webhook_endpoint_id}", "whe_01KG9QZ3M4T5V6W7X8Y9Z0ABCD");
        let nonsense: Vec<_> = names.iter().map(|name| format!("{name}=")).collect();
        let unknown = |name: &str| (name.to_owned(), "unknown".to_owned());
        let found = said(&admin, &path, &format!("{}&other=1", nonsense.join("&"))).await;
        assert!(found.contains(&unknown("other")), "{path}: {found:?}");
        for name in names {
            assert!(
                !found.contains(&unknown(name)),
                "{path} does not read {name}"
            );
            count += 1;
        }
    }
    assert!(count >= 20, "{count}");
}

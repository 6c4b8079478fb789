//! A request to the API. Its answer is checked against the OpenAPI document.

use reqwest::RequestBuilder;
use serde_json::Value;

use super::{Answer, contract};

/// Sends a request and reads the answer, which the OpenAPI document must describe.
pub async fn send(request: RequestBuilder) -> Answer {
    let (client, request) = request.build_split();
    let request = request.unwrap();
    let (method, url) = (request.method().clone(), request.url().clone());
    let response = client.execute(request).await.unwrap();
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let bytes = response.bytes().await.unwrap();
    let body = if bytes.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| panic!("not JSON: {:?}", String::from_utf8_lossy(&bytes)))
    };
    let answer = Answer {
        status,
        headers,
        body,
    };
    if let Some(path) = url.path().strip_prefix("/v1") {
        contract::check(method.as_str(), path, &answer);
    }
    answer
}

/// Gives a request this JSON body; none for `null`.
pub fn with(request: RequestBuilder, body: &Value) -> RequestBuilder {
    if body.is_null() {
        return request;
    }
    request.json(body)
}

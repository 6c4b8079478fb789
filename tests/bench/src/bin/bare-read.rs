//! The least that a function needs to read one item: `lambda_http`, the SDK, and one `GetItem`. Its table and
//! its key come from the environment.

use std::env;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use lambda_http::{Body, Error, Request, Response, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let client = Client::new(&aws::config(|name| env::var(name).ok())?);
    let table = &env::var("TABLE")?;
    let client = &client;
    run(service_fn(move |request| read(client, table, request))).await
}

async fn read(client: &Client, table: &str, _request: Request) -> Result<Response<Body>, Error> {
    let nobody = || AttributeValue::S("nobody".to_owned());
    let read = client.get_item().table_name(table);
    let read = read.key("tenant", nobody()).key("entry", nobody());
    let found = read.send().await?.item.is_some();
    let answer = Response::builder().header("content-type", "application/json");
    Ok(answer.body(Body::from(format!(r#"{{"found":{found}}}"#)))?)
}

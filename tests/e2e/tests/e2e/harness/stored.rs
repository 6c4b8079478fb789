//! Everything that is kept: items and media, as an operator with every permission reads them.
//!
//! Owns the clients of the local AWS. Refuses to know the API.

use std::collections::HashMap;

use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_http_client::tls::{self, rustls_provider::CryptoMode};
use reqwest::Response;

use super::Cloud;

/// The bucket of generated files.
const MEDIA: &str = "velro-local-mediabucket";

impl Cloud {
    /// The database, as an operator reaches it.
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        let http = aws_smithy_http_client::Builder::new()
            .tls_provider(tls::Provider::Rustls(CryptoMode::Ring))
            .build_https();
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("local", "local-secret", None, None, "e2e"))
            .endpoint_url(self.stack.aws().endpoint())
            .http_client(http)
            .build();
        aws_sdk_dynamodb::Client::from_conf(config)
    }

    /// The functions' S3, with every permission.
    pub fn s3(&self) -> aws_sdk_s3::Client {
        let http = aws_smithy_http_client::Builder::new()
            .tls_provider(tls::Provider::Rustls(CryptoMode::Ring))
            .build_https();
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("local", "local-secret", None, None, "e2e"))
            .endpoint_url(self.stack.aws().endpoint())
            .force_path_style(true)
            .http_client(http)
            .build();
        aws_sdk_s3::Client::from_conf(config)
    }

    /// Puts an object among the media.
    pub async fn put_media(&self, key: &str, bytes: impl Into<Vec<u8>>) {
        let put = self.s3().put_object().bucket(MEDIA).key(key);
        put.body(bytes.into().into()).send().await.unwrap();
    }

    /// Deletes an object from among the media, which nothing in production does.
    pub async fn lose_media(&self, key: &str) {
        let delete = self.s3().delete_object().bucket(MEDIA).key(key);
        delete.send().await.unwrap();
    }

    /// Follows an address of media to its end.
    pub async fn follow(&self, url: &str) -> Response {
        let response = self.http.get(url).send().await.unwrap();
        if response.status() != 302 {
            return response;
        }
        let stored_at = response.headers()["location"].to_str().unwrap();
        self.http.get(stored_at).send().await.unwrap()
    }

    /// The keys of all media, without small pictures.
    pub fn media_keys(&self) -> Vec<String> {
        let mut keys = self.every_media_key();
        keys.retain(|key| !key.ends_with(".webp") || !key.contains('-'));
        keys
    }

    /// The keys of all media and of all small pictures.
    pub fn every_media_key(&self) -> Vec<String> {
        self.stack.aws().object_keys(MEDIA)
    }

    /// Every item of every table, as text.
    pub async fn everything_kept(&self) -> String {
        let items = self.every_item().await;
        let lines = items.iter().map(|(_, item)| format!("{item:?}\n"));
        lines.collect()
    }

    /// Every item, with its table's name.
    pub async fn every_item(&self) -> Vec<(String, HashMap<String, AttributeValue>)> {
        let dynamodb = self.dynamodb();
        let mut kept = Vec::new();
        for table in [
            "accounts",
            "credits",
            "generations",
            "files",
            "projects",
            "styles",
            "teams",
            "alerts",
            "audit",
            "reconciliation",
            "models",
            "webhooks",
        ] {
            let table = format!("velro-local-{table}table");
            #[allow(clippy::disallowed_methods, reason = "the test wants every item")]
            let items = dynamodb
                .scan()
                .table_name(&table)
                .into_paginator()
                .items()
                .send();
            let items = items.collect::<Result<Vec<_>, _>>().await.unwrap();
            kept.extend(items.into_iter().map(|item| (table.clone(), item)));
        }
        kept
    }

    /// The record of an API key.
    pub async fn key_item(&self, user: &str, key: &str) -> HashMap<String, AttributeValue> {
        let get = self.dynamodb().get_item();
        let get = get.table_name("velro-local-accountstable");
        let get = get
            .key("pk", text(user))
            .key("sk", text(&format!("key#{key}")));
        get.send().await.unwrap().item.unwrap()
    }
}

/// A text attribute.
pub(super) fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

//! A running `FakeAws` and the clients that point at it.

use std::path::Path;
use std::time::Duration;

use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region, SharedHttpClient};
use aws_smithy_http_client::tls::{self, rustls_provider::CryptoMode};
use fakeaws::{Config, FakeAws, QueueSpec, Redrive};

pub const REGION: &str = "eu-central-1";
pub const KEY_ID: &str = "AKIDLOCAL";
pub const SECRET: &str = "local-secret/with+odd=characters";

pub struct World {
    pub aws: FakeAws,
    pub dynamodb: aws_sdk_dynamodb::Client,
    pub sqs: aws_sdk_sqs::Client,
    pub s3: aws_sdk_s3::Client,
    pub ssm: aws_sdk_ssm::Client,
    pub apigateway: aws_sdk_apigateway::Client,
    pub http: reqwest::Client,
}

impl World {
    /// Services that keep nothing.
    pub async fn ephemeral() -> Self {
        Self::start(None).await
    }

    /// Services that keep everything in `data`.
    pub async fn on(data: &Path) -> Self {
        Self::start(Some(data)).await
    }

    async fn start(data: Option<&Path>) -> Self {
        let aws = FakeAws::start(config(data)).await.unwrap();
        let clients = Clients::at(aws.endpoint());
        Self {
            aws,
            dynamodb: clients.dynamodb,
            sqs: clients.sqs,
            s3: clients.s3,
            ssm: clients.ssm,
            apigateway: clients.apigateway,
            http: clients.http,
        }
    }

    /// Makes a queue with short times, and returns its URL.
    pub async fn queue(&self, name: &str) -> String {
        self.aws.sqs().create_queue(spec(name)).await.unwrap();
        self.aws.sqs().queue_url(name)
    }

    /// Makes a queue that gives a message up after `max_receive_count` receives, and returns its URL.
    pub async fn queue_with_dead_letters(&self, name: &str, max_receive_count: u32) -> String {
        let dead = format!("{name}-dead");
        self.queue(&dead).await;
        let redrive = Redrive {
            dead_letter_queue: dead,
            max_receive_count,
        };
        let spec = QueueSpec {
            redrive: Some(redrive),
            ..spec(name)
        };
        self.aws.sqs().create_queue(spec).await.unwrap();
        self.aws.sqs().queue_url(name)
    }

    pub async fn send(&self, url: &str, body: &str) {
        self.sqs
            .send_message()
            .queue_url(url)
            .message_body(body)
            .send()
            .await
            .unwrap();
    }

    /// Receives at the wire, waiting `wait_s` for the first message.
    pub async fn receive(&self, url: &str, wait_s: i32) -> Vec<aws_sdk_sqs::types::Message> {
        let receive = self
            .sqs
            .receive_message()
            .queue_url(url)
            .max_number_of_messages(10);
        let received = receive
            .wait_time_seconds(wait_s)
            .message_system_attribute_names("All".into())
            .message_attribute_names("All")
            .send();
        received.await.unwrap().messages.unwrap_or_default()
    }
}

pub struct Clients {
    pub dynamodb: aws_sdk_dynamodb::Client,
    pub sqs: aws_sdk_sqs::Client,
    pub s3: aws_sdk_s3::Client,
    pub ssm: aws_sdk_ssm::Client,
    pub apigateway: aws_sdk_apigateway::Client,
    pub http: reqwest::Client,
}

impl Clients {
    pub fn at(endpoint: &str) -> Self {
        Self::signing_with(endpoint, KEY_ID, SECRET)
    }

    pub fn signing_with(endpoint: &str, key_id: &str, secret: &str) -> Self {
        let credentials = Credentials::new(key_id, secret, None, None, "test");
        let dynamodb = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .endpoint_url(endpoint)
            .credentials_provider(credentials.clone())
            .http_client(http_client())
            .build();
        let sqs = aws_sdk_sqs::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .endpoint_url(endpoint)
            .credentials_provider(credentials.clone())
            .http_client(http_client())
            .build();
        let s3 = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .endpoint_url(endpoint)
            .force_path_style(true)
            .credentials_provider(credentials.clone())
            .http_client(http_client())
            .build();
        let ssm = aws_sdk_ssm::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .endpoint_url(endpoint)
            .credentials_provider(credentials.clone())
            .http_client(http_client())
            .build();
        let apigateway = aws_sdk_apigateway::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .endpoint_url(endpoint)
            .credentials_provider(credentials)
            .retry_config(aws_sdk_apigateway::config::retry::RetryConfig::disabled())
            .http_client(http_client())
            .build();
        // Another test may have installed it already.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        Self {
            dynamodb: aws_sdk_dynamodb::Client::from_conf(dynamodb),
            sqs: aws_sdk_sqs::Client::from_conf(sqs),
            s3: aws_sdk_s3::Client::from_conf(s3),
            ssm: aws_sdk_ssm::Client::from_conf(ssm),
            apigateway: aws_sdk_apigateway::Client::from_conf(apigateway),
            http: reqwest::Client::new(),
        }
    }
}

pub fn config(data: Option<&Path>) -> Config {
    Config {
        data: data.map(Path::to_owned),
        port: 0,
        region: REGION.to_owned(),
        account_id: "000000000000".to_owned(),
        access_key_id: KEY_ID.to_owned(),
        secret_access_key: SECRET.to_owned(),
    }
}

pub fn spec(name: &str) -> QueueSpec {
    QueueSpec {
        name: name.to_owned(),
        visibility_timeout_s: 30,
        retention_s: 345_600,
        delay_s: 0,
        receive_wait_s: 0,
        redrive: None,
    }
}

pub fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn http_client() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(CryptoMode::Ring))
        .build_https()
}

//! A person with an account.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::{Answer, Cloud, eventually, send};

pub const PASSWORD: &str = "correct horse battery staple 7";

/// A registered user and their credential.
pub struct Person<'a> {
    pub cloud: &'a Cloud,
    pub id: String,
    pub email: String,
    pub token: String,
    pub refresh_token: String,
}

impl<'a> Person<'a> {
    /// Registers somebody new.
    pub async fn register(cloud: &'a Cloud) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        Self::register_as(cloud, &format!("person-{number}@example.org")).await
    }

    /// Registers somebody with this e-mail.
    pub async fn register_as(cloud: &'a Cloud, email: &str) -> Self {
        let body = json!({"email": email, "password": PASSWORD});
        let answer = cloud.post("/auth/register", &body).await;
        assert_eq!(answer.status, 201, "{:?}", answer.body);
        Self {
            cloud,
            id: answer.body["user"]["id"].as_str().unwrap().to_owned(),
            email: email.to_owned(),
            token: answer.text("access_token"),
            refresh_token: answer.text("refresh_token"),
        }
    }

    /// Signs in as the same person; a session of its own.
    pub async fn sign_in(&self, password: &str) -> Self {
        Self::signed_in(self.cloud, &self.email, password).await
    }

    /// Signs in with this e-mail and [`PASSWORD`].
    pub async fn sign_in_as(cloud: &'a Cloud, email: &str) -> Self {
        Self::signed_in(cloud, email, PASSWORD).await
    }

    async fn signed_in(cloud: &'a Cloud, email: &str, password: &str) -> Self {
        let body = json!({"email": email, "password": password});
        let answer = cloud.post("/auth/login", &body).await;
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        Self {
            cloud,
            id: answer.body["user"]["id"].as_str().unwrap().to_owned(),
            email: email.to_owned(),
            token: answer.text("access_token"),
            refresh_token: answer.text("refresh_token"),
        }
    }

    /// Whether this session lives: either both of its tokens work, or neither does. The authorizer's answers
    /// are forgotten first, as if the minute had passed.
    pub async fn is_signed_in(&self) -> bool {
        self.cloud.stack.forget_callers();
        let token = self.get("/me").await.status;
        let refreshed = self.cloud.refresh(&self.refresh_token).await.status;
        assert!(
            matches!((token, refreshed), (200, 200) | (401, 401)),
            "{token}, {refreshed}"
        );
        token == 200
    }

    /// A request with this person's credential.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.cloud.request(method, path).bearer_auth(&self.token)
    }

    pub async fn get(&self, path: &str) -> Answer {
        send(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        send(self.request(Method::POST, path).json(body)).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        send(self.request(Method::PATCH, path).json(body)).await
    }

    pub async fn put(&self, path: &str) -> Answer {
        send(self.request(Method::PUT, path)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        send(self.request(Method::DELETE, path)).await
    }

    /// Deletes their account, with their password.
    pub async fn erase(&self) -> Answer {
        let request = self.request(Method::DELETE, "/me");
        send(request.json(&json!({"password": PASSWORD}))).await
    }

    /// A POST with an `Idempotency-Key`.
    pub async fn post_once(&self, path: &str, key: &str, body: &Value) -> Answer {
        let request = self.request(Method::POST, path);
        send(request.header("idempotency-key", key).json(body)).await
    }

    /// Asks for a generation, which must be accepted; its id.
    pub async fn generate(&self, model: &str, prompt: &str) -> String {
        let path = format!("/generations/{model}");
        let answer = self.post(&path, &json!({"prompt": prompt})).await;
        assert_eq!(answer.status, 202, "{:?}", answer.body);
        answer.text("id")
    }

    /// Opens a job that the team at this path pays for; its id.
    pub async fn generate_for(&self, team: &str, model: &str, prompt: &str) -> String {
        let answer = self.ask_for(team, model, prompt).await;
        assert_eq!(answer.status, 202, "{:?}", answer.body);
        answer.text("id")
    }

    /// Asks for a job that the team at this path would pay for.
    pub async fn ask_for(&self, team: &str, model: &str, prompt: &str) -> Answer {
        let body = json!({"prompt": prompt, "team_id": team.trim_start_matches("/teams/")});
        self.post(&format!("/generations/{model}"), &body).await
    }

    /// Reads a generation.
    pub async fn generation(&self, id: &str) -> Value {
        self.get(&format!("/generations/{id}")).await.expect(200)
    }

    /// Waits until a generation has this status, and returns it.
    pub async fn when(&self, id: &str, status: &str) -> Value {
        eventually(&format!("{id} to be {status}"), || async {
            let generation = self.generation(id).await;
            let now = generation["status"].as_str().unwrap();
            let is_final = matches!(now, "succeeded" | "failed" | "canceled");
            assert!(now == status || !is_final, "{generation:#}");
            let mut outputs = generation["outputs"].as_array().unwrap().iter();
            let is_drawn = outputs.all(|output| !output["thumbnails"].is_null());
            (now == status && is_drawn).then_some(generation)
        })
        .await
    }

    /// Waits until a generation has this status, and returns it. The sweep hastens it, as if the time until
    /// each look had passed.
    pub async fn when_swept(&self, id: &str, status: &str) -> Value {
        let hasten = async {
            loop {
                self.cloud.hasten(id).await;
                self.cloud.sweep().await;
                tokio::time::sleep(Duration::from_millis(250)).await;
            }
        };
        tokio::select! {
            generation = self.when(id, status) => generation,
            () = hasten => unreachable!("it never ends"),
        }
    }

    /// The bytes behind the first output of a generation, and their media type.
    pub async fn download(&self, generation: &Value) -> (String, Vec<u8>) {
        let url = generation["outputs"][0]["url"].as_str().unwrap();
        let response = self.cloud.follow(url).await;
        assert_eq!(response.status(), 200);
        let content_type = response.headers()["content-type"].to_str().unwrap();
        let content_type = content_type.to_owned();
        (content_type, response.bytes().await.unwrap().to_vec())
    }
}

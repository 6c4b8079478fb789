//! A local cloud for one test, and the people who use it.
//!
//! Owns starting the cloud, sending requests, waiting with a deadline, and the books that every test can
//! check. Refuses to reach into the functions: it reads things that HTTP does not show where an operator
//! could read them.

mod answer;
mod books;
mod contract;
mod person;
mod request;

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_http_client::tls::{self, rustls_provider::CryptoMode};
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};
use stack::{Binaries, Options, Sink, Stack};

pub use answer::Answer;
pub use books::Books;
pub use person::{PASSWORD, Person};
pub use request::send;

/// The bucket of generated files.
const MEDIA: &str = "velro-local-mediabucket";
/// The longest time that a test waits for anything. It is generous: the machine may be busy.
const DEADLINE: Duration = Duration::from_secs(90);
/// The one e-mail that [`Cloud::with_admin`] names as an admin's.
pub const ADMIN_EMAIL: &str = "admin@example.org";
/// The pause between two looks at the thing that is waited for.
const POLL: Duration = Duration::from_millis(50);

/// A local cloud.
pub struct Cloud {
    pub stack: Stack,
    pub http: Client,
    watch: Watch,
}

/// The template that production reads, too.
pub fn template() -> PathBuf {
    stack::workspace_root().join("template.yaml")
}

/// The functions' binaries, built once.
fn binaries() -> Binaries {
    static BINARIES: OnceLock<Binaries> = OnceLock::new();
    BINARIES
        .get_or_init(|| stack::build(false, |_| ()).unwrap())
        .clone()
}

impl Cloud {
    /// A cloud with nothing in it and no throttles.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts a cloud with other values for these template parameters.
    pub async fn start_with(parameters: &[(&str, &str)]) -> Self {
        let mut options = Self::options();
        let named = parameters.iter().map(|(n, v)| ((*n).into(), (*v).into()));
        options.parameters.extend(named);
        Self::from(options).await
    }

    /// A cloud whose operator named [`ADMIN_EMAIL`] as an admin.
    pub async fn with_admin() -> Self {
        Self::start_with(&[("AdminEmails", ADMIN_EMAIL)]).await
    }

    /// The admin of [`Cloud::with_admin`], in person.
    pub async fn admin(&self) -> Person<'_> {
        let admin = Person::register_as(self, ADMIN_EMAIL).await;
        self.verify_by_hand(&admin).await;
        admin
    }

    /// Makes somebody the admin of [`Cloud::with_admin`]: gives them the e-mail that the operator named,
    /// verified.
    pub async fn make_admin(&self, person: &Person<'_>) {
        self.dynamodb()
            .update_item()
            .table_name("velro-local-accountstable")
            .key("pk", AttributeValue::S(person.id.clone()))
            .key("sk", AttributeValue::S("profile".to_owned()))
            .update_expression("SET email = :email")
            .expression_attribute_values(":email", AttributeValue::S(ADMIN_EMAIL.to_owned()))
            .send()
            .await
            .unwrap();
        self.verify_by_hand(person).await;
    }

    /// Notes that somebody's e-mail is theirs, as if they had followed the link in a mail.
    pub async fn verify_by_hand(&self, person: &Person<'_>) {
        self.dynamodb()
            .update_item()
            .table_name("velro-local-accountstable")
            .key("pk", AttributeValue::S(person.id.clone()))
            .key("sk", AttributeValue::S("profile".to_owned()))
            .update_expression("SET email_verified = :yes")
            .condition_expression("attribute_exists(email_verified)")
            .expression_attribute_values(":yes", AttributeValue::Bool(true))
            .send()
            .await
            .unwrap();
        self.stack.forget_callers();
    }

    /// The options of [`Cloud::start`]. The provider's jobs all run at once.
    pub fn options() -> Options {
        Options {
            template: template(),
            binaries: binaries(),
            no_throttle: true,
            // Most tests are about people who have credits, whether or not they read their mail; and a test
            // of answers that fail everybody is about one job.
            parameters: BTreeMap::from([
                ("SignUpCreditsAt".into(), "registration".into()),
                ("SignUpBonusesPerDay".into(), "1000000".into()),
                ("FalConcurrency".into(), "500".into()),
                ("ProviderFailuresMax".into(), "100000".into()),
                ("SharedKeys".into(), "1".into()),
                ("LettersToStrangersPerDay".into(), "1000000".into()),
                ("WaitingExecutionsMax".into(), "999".into()),
            ]),
            ..Options::default()
        }
    }

    /// A cloud with these options.
    pub async fn from(options: Options) -> Self {
        let stack = Stack::start(options).await.unwrap();
        let watch = Watch {
            log: stack.log().clone(),
            expects_faults: AtomicBool::new(false),
        };
        Self {
            stack,
            http: client(),
            watch,
        }
    }

    /// Registers somebody new.
    pub async fn person(&self) -> Person<'_> {
        Person::register(self).await
    }

    /// Registers somebody new, whose e-mail is verified.
    pub async fn verified(&self) -> Person<'_> {
        let person = self.person().await;
        self.verify_by_hand(&person).await;
        person
    }

    /// A request to the API without a credential.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http
            .request(method, format!("{}{path}", self.stack.url()))
    }

    /// Sends a POST without a credential from the address 127.0.0.`host`.
    pub async fn post_from(&self, host: u8, path: &str, body: &Value) -> Answer {
        let request = client_at(host).post(format!("{}{path}", self.stack.url()));
        send(request.json(body)).await
    }

    /// Sends a GET without a credential.
    pub async fn get(&self, path: &str) -> Answer {
        send(self.request(Method::GET, path)).await
    }

    /// Sends a POST without a credential.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        send(self.request(Method::POST, path).json(body)).await
    }

    /// Exchanges a refresh token.
    pub async fn refresh(&self, token: &str) -> Answer {
        let body = json!({"refresh_token": token});
        self.post("/auth/refresh", &body).await
    }

    /// Reads the control surface's list at `/_local/{path}`.
    pub async fn local(&self, path: &str) -> Vec<Value> {
        let url = format!("{}/_local/{path}", self.stack.origin());
        let answer = send(self.http.get(url)).await;
        answer.body["data"].as_array().unwrap().clone()
    }

    /// Counts the messages of the mail queue: those ever sent to it, and those that are not done with.
    pub async fn mail_queue(&self) -> (u64, u64) {
        let queues = self.local("queues").await;
        let is_mail = |queue: &&Value| queue["name"].as_str().unwrap().ends_with("mailqueue");
        let queue = queues.iter().find(is_mail).unwrap();
        let [sent, visible, in_flight] =
            ["sent", "visible", "in_flight"].map(|name| queue[name].as_u64().unwrap());
        (sent, visible + in_flight)
    }

    /// Waits until the mail worker has looked at all of `sent` letters.
    pub async fn mail_worker_is_done(&self, sent: u64) {
        eventually("the mail worker", || async {
            (self.mail_queue().await == (sent, 0)).then_some(())
        })
        .await;
    }

    /// Waits for `count` letters to `email` about `subject`; the letters, oldest first.
    pub async fn letters(&self, email: &str, subject: &str, count: usize) -> Vec<Value> {
        eventually(&format!("{count} letters to {email}"), || async {
            let mut letters = self.local("mail").await;
            letters.retain(|mail| mail["to"] == json!([email]) && mail["subject"] == subject);
            assert!(letters.len() <= count, "{letters:#?}");
            (letters.len() == count).then_some(letters)
        })
        .await
    }

    /// Sends a POST to the control surface at `/_local/{path}`, which must succeed; the answer's body.
    pub async fn act(&self, path: &str, body: &Value) -> Value {
        let url = format!("{}/_local/{path}", self.stack.origin());
        let answer = send(self.http.post(url).json(body)).await;
        assert_eq!(answer.status, 200, "{path}: {:?}", answer.body);
        answer.body
    }

    /// Runs reconciliation now, with this payload; its answer.
    pub async fn reconcile(&self, payload: &Value) -> Value {
        let ran = self.act("schedules/jobs-reconcile/run", payload).await;
        assert_eq!(ran["status"], "succeeded", "{ran}");
        ran["result"].clone()
    }

    /// Runs the sweep now.
    pub async fn sweep(&self) {
        let ran = self.act("schedules/jobs-sweep/run", &json!({})).await;
        assert_eq!(ran["status"], "succeeded", "{ran}");
    }

    /// The provider's jobs whose prompt contains `text`.
    pub async fn provider_jobs(&self, text: &str) -> Vec<Value> {
        let jobs = self.local("fal/jobs").await;
        let holds = |job: &Value| job["input"].to_string().contains(text);
        jobs.into_iter().filter(holds).collect()
    }

    /// The number of messages that were given up.
    pub async fn dead_letters(&self) -> u64 {
        let queues = self.local("queues").await;
        let dead = queues
            .iter()
            .filter(|queue| queue["name"].as_str().unwrap().ends_with("deadletters"));
        dead.map(|queue| queue["visible"].as_u64().unwrap()).sum()
    }

    /// Ends every invitation now, as if its week had passed.
    pub async fn expire_invitations(&self) {
        let dynamodb = self.dynamodb();
        for (table, item) in self.every_item().await {
            if !table.ends_with("teamstable") || !item.contains_key("expires_at_ms") {
                continue;
            }
            dynamodb
                .update_item()
                .table_name(&table)
                .key("team", item["team"].clone())
                .key("item", item["item"].clone())
                .update_expression("SET expires_at_ms = :now")
                .expression_attribute_values(":now", AttributeValue::N("1000".to_owned()))
                .send()
                .await
                .unwrap();
        }
    }

    /// Moves the credits that a team's members committed to another month, as if this one were over.
    pub async fn end_month(&self) {
        let dynamodb = self.dynamodb();
        for (table, mut item) in self.every_item().await {
            let sort = item.get("item").and_then(|sort| sort.as_s().ok()).cloned();
            let Some(sort) = sort.filter(|sort| sort.starts_with("spent#")) else {
                continue;
            };
            let user = sort.rsplit('#').next().unwrap();
            let key = [item["team"].clone(), text(&sort)];
            item.insert("item".to_owned(), text(&format!("spent#2001-01#{user}")));
            dynamodb
                .put_item()
                .table_name(&table)
                .set_item(Some(item))
                .send()
                .await
                .unwrap();
            let [team, sort] = key;
            dynamodb
                .delete_item()
                .table_name(&table)
                .key("team", team)
                .key("item", sort)
                .send()
                .await
                .unwrap();
        }
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

    /// Moves the spending of an API key to an earlier day or month, as if that were over.
    pub async fn end_period(&self, user: &str, key: &str) {
        self.count_key_in(user, key, "2001-01").await;
    }

    /// Moves it to a later one.
    pub async fn begin_later_period(&self, user: &str, key: &str) {
        self.count_key_in(user, key, "2999-01").await;
    }

    async fn count_key_in(&self, user: &str, key: &str, period: &str) {
        let update = self.dynamodb().update_item();
        let update = update.table_name("velro-local-accountstable");
        let update = update
            .key("pk", text(user))
            .key("sk", text(&format!("key#{key}")));
        let update = update.update_expression("SET counted_in = :period");
        let update = update.condition_expression("attribute_exists(counted_in)");
        let update = update.expression_attribute_values(":period", text(period));
        update.send().await.unwrap();
    }

    /// Makes a job due now, as if the time until then had passed.
    pub async fn hasten(&self, generation_id: &str) {
        let updated = self
            .dynamodb()
            .update_item()
            .table_name("velro-local-generationstable")
            .key("id", AttributeValue::S(generation_id.to_owned()))
            .update_expression("SET due_at_ms = :now")
            .condition_expression("attribute_exists(due_at_ms)")
            .expression_attribute_values(":now", AttributeValue::N("1".to_owned()))
            .send()
            .await;
        // A job at rest has nothing to wait for.
        if let Err(error) = updated {
            let error = error.into_service_error();
            assert!(error.is_conditional_check_failed_exception(), "{error:?}");
        }
    }

    /// The number of looks that wait for a worker.
    async fn looks_waiting(&self) -> u64 {
        let queues = self.local("queues").await;
        let is_looks = |queue: &&Value| queue["name"].as_str().unwrap().ends_with("lookqueue");
        queues.iter().find(is_looks).unwrap()["visible"]
            .as_u64()
            .unwrap()
    }

    /// Makes every job due now that waits for its next look, or for another try. Leaves out jobs in a
    /// worker's hands, and jobs whose outcome nobody can be asked for. While looks wait, it hastens nothing:
    /// the new looks would only wait behind them.
    pub async fn hasten_all(&self) {
        if self.looks_waiting().await > 0 {
            return;
        }
        let dynamodb = self.dynamodb();
        for shard in 0..4 {
            let due = dynamodb
                .query()
                .table_name("velro-local-generationstable")
                .index_name("due")
                .key_condition_expression("due_shard = :shard")
                .expression_attribute_values(":shard", AttributeValue::S(format!("due#{shard}")))
                .send()
                .await
                .unwrap();
            let updates = due.items().iter().map(|item| {
                dynamodb
                    .update_item()
                    .table_name("velro-local-generationstable")
                    .key("id", item["id"].clone())
                    .update_expression("SET due_at_ms = :now")
                    .condition_expression(
                        "attribute_exists(due_at_ms) AND (#state IN (:queued, :running) \
                         OR (#state = :unknown AND attribute_exists(ticket)) \
                         OR (#state = :storing AND due_at_ms < :soon))",
                    )
                    .expression_attribute_names("#state", "state")
                    .expression_attribute_values(":now", AttributeValue::N("1".to_owned()))
                    .expression_attribute_values(":queued", text("queued"))
                    .expression_attribute_values(":running", text("running"))
                    .expression_attribute_values(":unknown", text("unknown"))
                    .expression_attribute_values(":storing", text("storing"))
                    .expression_attribute_values(":soon", AttributeValue::N(in_30_s_ms()))
                    .send()
            });
            for updated in futures::future::join_all(updates).await {
                if let Err(error) = updated {
                    let error = error.into_service_error();
                    assert!(error.is_conditional_check_failed_exception(), "{error:?}");
                }
            }
        }
    }

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

    /// Forgets the number of letters that were written, as if a day had passed.
    pub async fn forget_letters(&self) {
        let dynamodb = self.dynamodb();
        #[allow(
            clippy::disallowed_methods,
            reason = "the counts have keys that only the functions know"
        )]
        let counts = dynamodb
            .scan()
            .table_name("velro-local-accountstable")
            .filter_expression("begins_with(sk, :letters)")
            .expression_attribute_values(":letters", AttributeValue::S("letters".to_owned()))
            .into_paginator()
            .items()
            .send();
        for item in counts.collect::<Result<Vec<_>, _>>().await.unwrap() {
            let delete = dynamodb
                .delete_item()
                .table_name("velro-local-accountstable");
            let delete = delete
                .key("pk", item["pk"].clone())
                .key("sk", item["sk"].clone());
            delete.send().await.unwrap();
        }
    }

    /// Every line that a function logged.
    pub fn everything_logged(&self) -> String {
        self.stack.logs().join("\n")
    }

    /// Declares that functions fail in this test. Otherwise it must leave no fault behind.
    pub fn expects_faults(&self) {
        self.watch.expects_faults.store(true, Ordering::Relaxed);
    }

    /// The lines that the functions logged about faults.
    pub fn faults(&self) -> Vec<String> {
        faults_in(&self.watch.log)
    }
}

/// Fails a test at its end if a function logged a fault that the test does not expect.
struct Watch {
    log: Sink,
    expects_faults: AtomicBool,
}

impl Drop for Watch {
    fn drop(&mut self) {
        if self.expects_faults.load(Ordering::Relaxed) || std::thread::panicking() {
            return;
        }
        let faults = faults_in(&self.log);
        assert!(
            faults.is_empty(),
            "the test left faults behind: {faults:#?}"
        );
    }
}

/// The lines that the functions logged about faults.
fn faults_in(log: &Sink) -> Vec<String> {
    let is_fault = |line: &String| line.contains("\"ERROR\"") || line.contains(" ERROR ");
    // The first is the word with which the authorizer makes API Gateway answer 401. The second is about a
    // message that is tried again after the machine stood still for eight seconds, as it may while it writes
    // freshly built files. A fault in an answer to a client is never usual.
    let is_usual = |line: &String| {
        let stood_still = [
            "a message comes back",
            "request has timed out: operation timeout",
        ];
        line.ends_with("\"Unauthorized\"") || stood_still.iter().all(|words| line.contains(words))
    };
    let lines = log.lines().into_iter();
    lines
        .filter(|line| is_fault(line) && !is_usual(line))
        .collect()
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

/// The time in 30 seconds: a copy under way is leased for longer than that, and one that waits for its next
/// try waits for less.
fn in_30_s_ms() -> String {
    let at = time::OffsetDateTime::now_utc() + Duration::from_secs(30);
    (at.unix_timestamp_nanos() / 1_000_000).to_string()
}

/// The token in a letter.
pub fn token_in(letter: &Value) -> String {
    let text = letter["text"].as_str().unwrap();
    let token = text.lines().find_map(|line| line.strip_prefix("Token: "));
    let token = token.unwrap_or_else(|| panic!("no token in {text}"));
    let html = letter["html"].as_str().unwrap();
    assert!(html.contains(&format!("<code>{token}</code>")), "{html}");
    token.to_owned()
}

/// The moment `after` from now, in RFC 3339.
pub fn in_time(after: Duration) -> String {
    let at = time::OffsetDateTime::now_utc() + after;
    at.format(&time::format_description::well_known::Rfc3339)
        .unwrap()
}

/// An HTTP client with connections of its own.
pub fn client() -> Client {
    client_at(1)
}

/// A client at the address 127.0.0.`host`, which no other client has.
fn client_at(host: u8) -> Client {
    // The provider's stand-in may have installed the same one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .local_address(IpAddr::from([127, 0, 0, host]))
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap()
}

/// Looks until `look` finds something; fails, naming `what`, when that takes too long.
pub async fn eventually<T, F, Fut>(what: &str, look: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    eventually_within(DEADLINE, what, look).await
}

/// Looks until this deadline, for things that may take longer: a worker that dies keeps its lease.
pub async fn eventually_within<T, F, Fut>(deadline: Duration, what: &str, mut look: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    let started = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(started.elapsed() < deadline, "waited too long for {what}");
        tokio::time::sleep(POLL).await;
    }
}

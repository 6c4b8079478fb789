//! A local cloud for one test, and the people who use it.
//!
//! Owns starting the cloud, sending requests, waiting with a deadline, and the books that every test can
//! check. Refuses to reach into the functions: it reads things that HTTP does not show where an operator
//! could read them.

mod answer;
mod books;
mod contract;
mod lapse;
mod person;
mod request;
mod stored;
mod watch;

use std::collections::BTreeMap;
use std::future::Future;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use stack::{Binaries, Options, Stack};

pub use answer::Answer;
pub use books::Books;
pub use person::{PASSWORD, Person};
pub use request::{send, with};
use watch::Watch;

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
        let watch = Watch::over(stack.log());
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

    /// Every line that a function logged.
    pub fn everything_logged(&self) -> String {
        self.stack.logs().join("\n")
    }

    /// Declares that functions fail in this test. Otherwise it must leave no fault behind.
    pub fn expects_faults(&self) {
        self.watch.expects_faults();
    }

    /// The lines that the functions logged about faults.
    pub fn faults(&self) -> Vec<String> {
        self.watch.faults()
    }
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

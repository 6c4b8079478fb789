//! Puts the parts together: opens the data folder, starts the services, and serves the template.
//!
//! Owns the order of starting and stopping. Refuses to know how any part works.

mod lambda;
mod services;
mod storage;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use fakeaws::{ApiKeys, FakeAws};
use fakefal::FakeFal;
use fakestripe::FakeStripe;
use hyper::body::Bytes;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::services::{LOCAL_FAL_KEY, LOCAL_STRIPE_KEY, LOCAL_STRIPE_WEBHOOK_SECRET, Services};
use crate::Error;
use crate::binaries::Binaries;
use crate::control::Control;
use crate::data::Data;
use crate::docker;
use crate::gateway::{Gateway, Identity};
use crate::http;
use crate::log::{Log, Sink};
use crate::mappings::Mapping;
use crate::runtime::Pool;
use crate::sam;
use crate::schedules::Scheduled;
use crate::template::resources::Place;
use crate::template::{Document, Supplied, Template};

/// The idle time after which an instance is ended.
const IDLE_MAX: Duration = Duration::from_secs(300);
const REAP_EVERY: Duration = Duration::from_secs(30);
/// The time that a stop waits for running work.
const STOP_TIMEOUT: Duration = Duration::from_millis(1_500);

/// The settings of a local cloud.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The template to serve.
    pub template: PathBuf,
    /// The binaries that the template's functions name.
    pub binaries: Binaries,
    /// The gateway's port; 0 for any free one.
    pub port: u16,
    /// The folder of the state; `None` keeps nothing.
    pub data: Option<PathBuf>,
    /// Whether stage throttles, usage plans and limits by address are off.
    pub no_throttle: bool,
    /// Whether Docker's containers can reach the services.
    pub docker: bool,
    /// Template parameters that replace their defaults.
    pub parameters: BTreeMap<String, String>,
    /// The destination of the functions' output.
    pub log: Log,
    /// Provider endpoints that the stand-in answers with 404.
    pub retired: Vec<String>,
    /// The key of the real provider, which then replaces the stand-in.
    pub fal_key: Option<String>,
    /// The secrets of the real Stripe, which then replaces the stand-in.
    pub stripe: Option<StripeSecrets>,
}

/// The secrets that the real Stripe gives to a seller.
#[derive(Clone, Debug)]
pub struct StripeSecrets {
    /// The key of its API.
    pub key: String,
    /// The secret that signs its events.
    pub webhook_secret: String,
}

impl Options {
    /// Reads the template, and checks the parameters and the data folder, without starting anything.
    pub fn check(&self) -> Result<(), Error> {
        let document = self.document()?;
        document.parameters.values(&self.given(&document))?;
        Data::open(self.data.as_deref()).map(drop)
    }

    /// The parameters whose value is this one.
    pub fn parameters_that_take(&self, value: &str) -> Result<Vec<String>, Error> {
        Ok(self.document()?.parameters.that_take(value))
    }

    /// The given parameters, and values that suit this machine for those that were not given.
    fn given(&self, document: &Document) -> BTreeMap<String, String> {
        let mut given = self.parameters.clone();
        let mut supply = |name: &str, value: &str| {
            supply(&mut given, document, name, value.to_owned());
        };
        supply("MailSender", "velro@example.com");
        // All requests here come from one machine.
        supply("RegistrationsPerHour", "1000");
        // The gateway here reads the keys directly, without a delay.
        supply("KeySettleSeconds", "0");
        // A receiver of webhooks here runs on this machine.
        supply("WebhookReceivers", "local");
        if self.no_throttle {
            supply("SourceLimits", "off");
        }
        given
    }

    fn document(&self) -> Result<Document, Error> {
        let text = std::fs::read_to_string(&self.template).map_err(|problem| {
            Error::new(format!(
                "cannot read {}: {problem}",
                self.template.display()
            ))
        })?;
        Document::parse(&text)
    }
}

/// A running local cloud. Dropping it ends everything that it started.
pub struct Stack {
    url: String,
    origin: String,
    services: Services,
    functions: Vec<Arc<Pool>>,
    memory_mb: BTreeMap<String, u32>,
    gateway: Option<Arc<Gateway>>,
    log: Sink,
    token: CancellationToken,
    tasks: TaskTracker,
    /// Held to the end, so that no other process takes the folder.
    _data: Data,
}

impl Stack {
    /// Starts everything that the template describes; it answers when this returns.
    pub async fn start(options: Options) -> Result<Self, Error> {
        let document = options.document()?;
        document.parameters.values(&options.given(&document))?;
        let data = Data::open(options.data.as_deref())?;
        let listener = listen(options.port, data.ports().gateway).await?;
        let port = listener
            .local_addr()
            .map_err(|problem| Error::new(problem.to_string()))?
            .port();
        let origin = format!("http://127.0.0.1:{port}");
        let log = Sink::new(options.log);
        let place = Place::published_now();
        let services = Services::start(&options, &data, &place, &origin).await?;
        data.keep_ports(services.ports(port, data.ports()))?;

        let template = resolve(&document, &options, &data, &services, &origin, &place).await?;
        storage::create(&template, &services.aws).await?;
        storage::declare_keys(&template, &services.aws).await?;
        let (token, tasks) = (CancellationToken::new(), TaskTracker::new());
        let host = match options.docker {
            true => {
                docker::reach(&services.listening_at(), &token, &tasks).await?;
                Some(docker::HOST)
            }
            false => None,
        };
        let endpoint = services.aws.endpoint();
        let variables = sam::variables(&template.functions, endpoint, host);
        data.keep_variables(&variables)?;
        let pool = |function| {
            lambda::pool(
                function,
                &options.binaries,
                &place,
                &services.aws,
                &log,
                &token,
            )
        };
        let functions = template.functions.iter().map(pool);
        let functions = functions.collect::<Result<Vec<_>, _>>()?;
        let gateway = gateway(
            &template,
            &functions,
            services.aws.api_keys(),
            &place,
            (!options.no_throttle, log.clone()),
        )?;
        let memory_mb = template.functions.iter();
        let memory_mb = memory_mb.map(|function| (function.binary.clone(), function.memory_mb));
        let stage = template.api.as_ref().map_or("v1", |api| api.stage.as_str());
        let stack = Self {
            memory_mb: memory_mb.collect(),
            url: format!("{origin}/{stage}"),
            origin,
            services,
            functions,
            gateway: gateway.map(Arc::new),
            log,
            token,
            tasks,
            _data: data,
        };
        stack.serve(&template, listener, &place);
        Ok(stack)
    }

    /// Starts the parts that run by themselves: the gateway, the mappings and the schedules.
    fn serve(&self, template: &Template, listener: TcpListener, place: &Place) {
        let mut schedules = BTreeMap::new();
        for (function, pool) in template.functions.iter().zip(&self.functions) {
            for event in &function.queue_events {
                let limit = event.concurrency_max.unwrap_or(function.concurrency_max);
                let mapping = Mapping {
                    function: Arc::clone(pool),
                    event: event.clone(),
                    concurrency_max: limit.min(function.concurrency_max) as usize,
                    region: place.region.clone(),
                    aws: self.services.aws.clone(),
                    log: self.log.clone(),
                };
                self.tasks
                    .spawn(mapping.run(self.token.clone(), self.tasks.clone()));
            }
            for event in &function.schedule_events {
                let scheduled = Scheduled {
                    function: Arc::clone(pool),
                    event: event.clone(),
                    place: place.clone(),
                    log: self.log.clone(),
                };
                schedules
                    .entry(function.binary.clone())
                    .or_insert_with(|| scheduled.clone());
                self.tasks
                    .spawn(scheduled.run(self.token.clone(), self.tasks.clone()));
            }
        }
        let by_name = |pool: &Arc<Pool>| (pool.name().to_owned(), Arc::clone(pool));
        let control = Control {
            functions: self.functions.iter().map(by_name).collect(),
            schedules,
            aws: self.services.aws.clone(),
            fal: self.services.fal.clone(),
            stripe: self.services.stripe.clone(),
        };
        self.tasks
            .spawn(reap(self.functions.clone(), self.token.clone()));
        let gateway = self.gateway.clone();
        self.tasks
            .spawn(serve_http(listener, gateway, control, self.token.clone()));
    }

    /// Starts every function once, to see that it does start. Does not wait longer than `budget`. The error
    /// is that of the first function that does not start.
    pub async fn probe(&self, budget: Duration) -> Result<(), Error> {
        let probes = futures::future::try_join_all(self.functions.iter().map(|pool| pool.probe()));
        match tokio::time::timeout(budget, probes).await {
            Ok(Err(sentence)) => Err(Error::new(sentence)),
            Ok(Ok(_)) | Err(_) => Ok(()),
        }
    }

    /// Invokes a function, named as its binary, without the gateway, the queues and the schedules. The error
    /// is the function's own message.
    pub async fn invoke(&self, function: &str, payload: impl Into<Bytes>) -> Result<Bytes, Error> {
        let pool = self.functions.iter().find(|pool| pool.name() == function);
        let pool =
            pool.ok_or_else(|| Error::new(format!("there is no function named {function}")))?;
        let reply = pool.invoke(payload.into()).await;
        reply.map_err(|failure| Error::new(failure.message()))
    }

    /// The API's base URL, stage included: `http://127.0.0.1:PORT/v1`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The gateway's origin: `http://127.0.0.1:PORT`.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// A function's memory, on which Lambda's price depends; `None` for an unknown function.
    pub fn memory_mb(&self, function: &str) -> Option<u32> {
        self.memory_mb.get(function).copied()
    }

    /// Whether the API has a route for a request.
    pub fn serves(&self, method: &str, path: &str) -> bool {
        self.gateway
            .as_ref()
            .is_some_and(|gateway| gateway.serves(method, path))
    }

    /// Forgets the authorizers' answers, as if their time were over.
    pub fn forget_callers(&self) {
        if let Some(gateway) = &self.gateway {
            gateway.forget_callers();
        }
    }

    /// The AWS services behind the functions.
    pub fn aws(&self) -> &FakeAws {
        &self.services.aws
    }

    /// The provider's stand-in; `None` when the real one is used.
    pub fn fal(&self) -> Option<&FakeFal> {
        self.services.fal.as_ref()
    }

    /// Stripe's stand-in; `None` when the real one is used.
    pub fn stripe(&self) -> Option<&FakeStripe> {
        self.services.stripe.as_ref()
    }

    /// The sink of all lines.
    pub fn log(&self) -> &Sink {
        &self.log
    }

    /// Every line that the functions wrote so far, when the log is [`Log::Buffer`].
    pub fn logs(&self) -> Vec<String> {
        self.log.lines()
    }

    /// Stops everything, within two seconds.
    pub async fn shutdown(self) {
        self.token.cancel();
        self.tasks.close();
        let stopped = async {
            for function in &self.functions {
                function.kill().await;
            }
            self.tasks.wait().await;
            self.services.shutdown().await;
        };
        // A task that has not ended by then ends with the process.
        let _ = tokio::time::timeout(STOP_TIMEOUT, stopped).await;
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        self.token.cancel();
    }
}

/// Listens on the wanted port; without one, on the port of the last run or any other.
async fn listen(wanted: u16, last: u16) -> Result<TcpListener, Error> {
    let port = if wanted == 0 { last } else { wanted };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
    listener.map_err(|problem| {
        Error::new(if problem.kind() == std::io::ErrorKind::AddrInUse {
            format!("port {port} is in use; choose another with --port")
        } else {
            format!("cannot listen on port {port}: {problem}")
        })
    })
}

/// Makes the gateway to the functions; `None` for a template that has no API.
fn gateway(
    template: &Template,
    functions: &[Arc<Pool>],
    keys: &ApiKeys,
    place: &Place,
    (throttle, log): (bool, Sink),
) -> Result<Option<Gateway>, Error> {
    let Some(api) = &template.api else {
        return Ok(None);
    };
    let identity = Identity {
        region: place.region.clone(),
        account_id: place.account_id.clone(),
        api_id: "local".to_owned(),
    };
    let plans = (template.plans.plans.as_slice(), keys.clone());
    Gateway::new(api, functions, plans, identity, (throttle, log)).map(Some)
}

/// Gives a declared parameter this value, unless it has one.
fn supply(given: &mut BTreeMap<String, String>, document: &Document, name: &str, value: String) {
    if document.parameters.declares(name) {
        given.entry(name.to_owned()).or_insert(value);
    }
}

/// Supplies the values that only the running stack knows, stores the secrets, and resolves the template.
async fn resolve(
    document: &Document,
    options: &Options,
    data: &Data,
    services: &Services,
    origin: &str,
    place: &Place,
) -> Result<Template, Error> {
    let mut given = options.given(document);
    let mut supply = |name: &str, value: String| supply(&mut given, document, name, value);
    if let Some(fal) = &services.fal {
        supply("PublicUrl", format!("{origin}/v1"));
        supply("FalQueueUrl", fal.url().to_owned());
        supply("FalJwksUrl", fal.jwks_url());
    }
    if let Some(stripe) = &services.stripe {
        supply("StripeUrl", stripe.url().to_owned());
    }
    let values = document.parameters.values(&given)?;

    let stripe = options.stripe.clone().unwrap_or_else(|| StripeSecrets {
        key: LOCAL_STRIPE_KEY.to_owned(),
        webhook_secret: LOCAL_STRIPE_WEBHOOK_SECRET.to_owned(),
    });
    let keys = data.keys()?;
    let fal_key = options
        .fal_key
        .clone()
        .unwrap_or_else(|| LOCAL_FAL_KEY.to_owned());
    let secrets = [
        ("FalKeyName", "/velro/fal-key", fal_key),
        ("StripeKeyName", "/velro/stripe-key", stripe.key),
        (
            "StripeWebhookSecretName",
            "/velro/stripe-webhook-secret",
            stripe.webhook_secret,
        ),
        ("SigningKeysName", "/velro/signing-keys", keys.private),
        ("MailboxKeyName", "/velro/mailbox-key", data.mailbox_key()?),
        ("TokenPublicKeys", "/velro/token-public-keys", keys.public),
    ];
    for (parameter, usual, secret) in secrets {
        let name = values.get(parameter).map_or(usual, String::as_str);
        let put = services.aws.put_parameter(name, &secret).await;
        put.map_err(|problem| Error::new(format!("cannot store {name}: {problem}")))?;
    }
    let mut stored = BTreeMap::new();
    for (parameter, name) in document.parameters.stored(&values) {
        let value = services.aws.get_parameter(name).await.ok_or_else(|| {
            Error::new(format!(
                "the parameter {parameter} names {name}, which is not stored"
            ))
        })?;
        stored.insert(parameter.clone(), value);
    }
    document.resolve(&Supplied {
        place,
        parameters: &document.parameters.references(&values, &stored),
        queue_url: &|name| services.aws.sqs().queue_url(name),
    })
}

async fn serve_http(
    listener: TcpListener,
    gateway: Option<Arc<Gateway>>,
    control: Control,
    token: CancellationToken,
) {
    let served = Arc::new((gateway, control));
    http::serve(listener, token, move |peer, request| {
        let served = Arc::clone(&served);
        async move {
            let (gateway, control) = &*served;
            let local = request
                .uri()
                .path()
                .strip_prefix("/_local/")
                .map(str::to_owned);
            match (local, gateway) {
                (Some(path), _) => control.serve(&path, request).await,
                (None, Some(gateway)) => gateway.serve(peer, request).await,
                (None, None) => http::empty(hyper::StatusCode::NOT_FOUND),
            }
        }
    })
    .await;
}

/// Ends instances that have been idle for long.
async fn reap(functions: Vec<Arc<Pool>>, token: CancellationToken) {
    while token
        .run_until_cancelled(tokio::time::sleep(REAP_EVERY))
        .await
        .is_some()
    {
        for function in &functions {
            function.reap(IDLE_MAX);
        }
    }
}

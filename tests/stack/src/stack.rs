//! Puts the parts together: opens the data folder, starts the services, and serves the template.
//!
//! Owns the order of starting and stopping. Refuses to know how any part works.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use fakeaws::{ApiKeySpec, CorsRule, FakeAws, QueueSpec, Redrive, Role, UsagePlanSpec};
use fakefal::FakeFal;
use fakestripe::FakeStripe;
use hyper::body::Bytes;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Error;
use crate::binaries::Binaries;
use crate::control::Control;
use crate::data::{Data, Ports};
use crate::docker;
use crate::gateway::{Gateway, Identity};
use crate::http;
use crate::log::{Log, Sink};
use crate::mappings::Mapping;
use crate::runtime::{Concurrency, Launch, Pool};
use crate::sam;
use crate::schedules::Scheduled;
use crate::template::functions::Function;
use crate::template::plans::{ApiKey, UsagePlan};
use crate::template::resources::Place;
use crate::template::{Document, Supplied, Template};

const ACCESS_KEY_ID: &str = "local";
const SECRET_ACCESS_KEY: &str = "local-secret";
/// How many invocations of one function may wait in line.
const WAITING_MAX: usize = 2_000;
/// How long an instance may have nothing to do.
const IDLE_MAX: Duration = Duration::from_secs(300);
const REAP_EVERY: Duration = Duration::from_secs(30);
/// How long a stop waits for what is still running.
const STOP_TIMEOUT: Duration = Duration::from_millis(1_500);

/// What a local cloud is started with.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The template to serve.
    pub template: PathBuf,
    /// The binaries that the template's functions name.
    pub binaries: Binaries,
    /// The gateway's port; 0 for any that is free.
    pub port: u16,
    /// Where state is kept; `None` keeps nothing.
    pub data: Option<PathBuf>,
    /// Stage throttles, usage plans and limits by address off.
    pub no_throttle: bool,
    /// Whether containers of Docker's can reach the services.
    pub docker: bool,
    /// Template parameters that replace their defaults.
    pub parameters: BTreeMap<String, String>,
    /// Where the functions' output goes.
    pub log: Log,
    /// Provider endpoints that the stand-in answers with 404.
    pub retired: Vec<String>,
    /// The key of the real provider, which is then used; `None` for the stand-in.
    pub fal_key: Option<String>,
    /// The secrets of the real Stripe, which is then used; `None` for the stand-in.
    pub stripe: Option<StripeSecrets>,
}

/// What the real Stripe gives to a seller.
#[derive(Clone, Debug)]
pub struct StripeSecrets {
    /// The key of its API.
    pub key: String,
    /// What its events are signed with.
    pub webhook_secret: String,
}

impl Options {
    /// Reads the template, and checks the parameters and the data folder, without starting anything.
    pub fn check(&self) -> Result<(), Error> {
        let document = self.document()?;
        document.parameters.values(&self.given(&document))?;
        Data::open(self.data.as_deref()).map(drop)
    }

    /// The parameters that take this value.
    pub fn parameters_that_take(&self, value: &str) -> Result<Vec<String>, Error> {
        Ok(self.document()?.parameters.that_take(value))
    }

    /// The parameters that were given, and what suits a stack on this machine for those that were not.
    fn given(&self, document: &Document) -> BTreeMap<String, String> {
        let mut given = self.parameters.clone();
        let mut supply = |name: &str, value: &str| {
            supply(&mut given, document, name, value.to_owned());
        };
        supply("MailSender", "velro@example.com");
        // Everybody here comes from one machine.
        supply("RegistrationsPerHour", "1000");
        // The gateway here reads the keys themselves.
        supply("KeySettleSeconds", "0");
        // Whoever tries webhooks here has their receiver on this machine.
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
    aws: FakeAws,
    fal: Option<FakeFal>,
    stripe: Option<FakeStripe>,
    functions: Vec<Arc<Pool>>,
    memory_mb: BTreeMap<String, u32>,
    gateway: Option<Arc<Gateway>>,
    log: Sink,
    token: CancellationToken,
    tasks: TaskTracker,
    /// Held to the end, so that nobody else takes the folder.
    _data: Data,
}

impl Stack {
    /// Starts everything that the template describes; ready to answer when it returns.
    pub async fn start(options: Options) -> Result<Self, Error> {
        let document = options.document()?;
        document.parameters.values(&options.given(&document))?;
        let data = Data::open(options.data.as_deref())?;
        let ports = data.ports();
        let listener = listen(options.port, ports.gateway).await?;
        let port = listener
            .local_addr()
            .map_err(|problem| Error::new(problem.to_string()))?
            .port();
        let origin = format!("http://127.0.0.1:{port}");
        let log = Sink::new(options.log);
        let place = Place::published_now();

        let aws = start_aws(&data, &place, ports.aws).await?;
        let fal = match &options.fal_key {
            Some(_) => None,
            None => Some(start_fal(&data, ports.fal, &options.retired).await?),
        };
        let stripe = match &options.stripe {
            Some(_) => None,
            None => Some(start_stripe(&data, ports.stripe, &origin).await?),
        };
        let stripe_port = stripe.as_ref().map_or(ports.stripe, FakeStripe::port);
        let fal_port = fal.as_ref().map_or(ports.fal, FakeFal::port);
        data.keep_ports(Ports {
            gateway: port,
            aws: aws.port(),
            fal: fal_port,
            stripe: stripe_port,
        })?;

        let template = resolve(
            &document,
            &options,
            &data,
            &aws,
            (fal.as_ref(), stripe.as_ref()),
            &origin,
            &place,
        )
        .await?;
        create_storage(&template, &aws).await?;
        declare_keys(&template, &aws).await?;
        let (token, tasks) = (CancellationToken::new(), TaskTracker::new());
        let host = match options.docker {
            true => {
                let stand_ins = fal.as_ref().map(FakeFal::port);
                let stand_ins = stand_ins
                    .into_iter()
                    .chain(stripe.as_ref().map(FakeStripe::port));
                let ports: Vec<u16> = stand_ins.chain([aws.port()]).collect();
                docker::reach(&ports, &token, &tasks).await?;
                Some(docker::HOST)
            }
            false => None,
        };
        let variables = sam::variables(&template.functions, aws.endpoint(), host);
        data.keep_variables(&variables)?;
        let functions = template
            .functions
            .iter()
            .map(|function| pool(function, &options.binaries, &place, &aws, &log, &token))
            .collect::<Result<Vec<_>, _>>()?;
        let stage = template.api.as_ref().map_or("v1", |api| api.stage.as_str());
        let identity = Identity {
            region: place.region.clone(),
            account_id: place.account_id.clone(),
            api_id: "local".to_owned(),
        };
        let gateway = template
            .api
            .as_ref()
            .map(|api| {
                let plans = (template.plans.plans.as_slice(), aws.api_keys().clone());
                let log = (!options.no_throttle, log.clone());
                Gateway::new(api, &functions, plans, identity, log)
            })
            .transpose()?;
        let memory_mb = template.functions.iter();
        let memory_mb = memory_mb.map(|function| (function.binary.clone(), function.memory_mb));
        let stack = Self {
            memory_mb: memory_mb.collect(),
            url: format!("{origin}/{stage}"),
            origin,
            aws,
            fal,
            stripe,
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

    /// Starts what runs by itself: the gateway, the mappings and the schedules.
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
                    aws: self.aws.clone(),
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
            aws: self.aws.clone(),
            fal: self.fal.clone(),
            stripe: self.stripe.clone(),
        };
        self.tasks
            .spawn(reap(self.functions.clone(), self.token.clone()));
        let gateway = self.gateway.clone();
        self.tasks
            .spawn(serve_http(listener, gateway, control, self.token.clone()));
    }

    /// Starts every function once, to see that it does start. Those that take longer than `budget`
    /// are not waited for. The first that does not start is the error.
    pub async fn probe(&self, budget: Duration) -> Result<(), Error> {
        let probes = futures::future::try_join_all(self.functions.iter().map(|pool| pool.probe()));
        match tokio::time::timeout(budget, probes).await {
            Ok(Err(sentence)) => Err(Error::new(sentence)),
            Ok(Ok(_)) | Err(_) => Ok(()),
        }
    }

    /// Invokes a function, named as its binary, past the gateway, the queues and the schedules. The
    /// error is what the function failed with, in its own words.
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

    /// A function's memory, which Lambda's price depends on; `None` for a function that is not there.
    pub fn memory_mb(&self, function: &str) -> Option<u32> {
        self.memory_mb.get(function).copied()
    }

    /// Whether the API has a route for a request.
    pub fn serves(&self, method: &str, path: &str) -> bool {
        self.gateway
            .as_ref()
            .is_some_and(|gateway| gateway.serves(method, path))
    }

    /// Forgets what the authorizers answered, as if the time that it is kept had passed.
    pub fn forget_callers(&self) {
        if let Some(gateway) = &self.gateway {
            gateway.forget_callers();
        }
    }

    /// The AWS services behind the functions.
    pub fn aws(&self) -> &FakeAws {
        &self.aws
    }

    /// The provider's stand-in; `None` when the real one is used.
    pub fn fal(&self) -> Option<&FakeFal> {
        self.fal.as_ref()
    }

    /// Stripe's stand-in; `None` when the real one is used.
    pub fn stripe(&self) -> Option<&FakeStripe> {
        self.stripe.as_ref()
    }

    /// Where lines go.
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
            self.aws.shutdown().await;
            if let Some(fal) = &self.fal {
                fal.shutdown().await;
            }
            if let Some(stripe) = &self.stripe {
                stripe.shutdown().await;
            }
        };
        // What has not ended by then ends with the process.
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
    listener.map_err(|problem| match problem.kind() {
        std::io::ErrorKind::AddrInUse => {
            Error::new(format!("port {port} is in use; choose another with --port"))
        }
        _ => Error::new(format!("cannot listen on port {port}: {problem}")),
    })
}

async fn start_aws(data: &Data, place: &Place, port: u16) -> Result<FakeAws, Error> {
    let config = fakeaws::Config {
        data: data.below("aws"),
        port,
        region: place.region.clone(),
        account_id: place.account_id.clone(),
        access_key_id: ACCESS_KEY_ID.to_owned(),
        secret_access_key: SECRET_ACCESS_KEY.to_owned(),
    };
    FakeAws::start(config)
        .await
        .map_err(|problem| Error::new(problem.to_string()))
}

async fn start_fal(data: &Data, port: u16, retired: &[String]) -> Result<FakeFal, Error> {
    let config = fakefal::Config {
        data: data.below("fal"),
        port,
        key: LOCAL_FAL_KEY.to_owned(),
        retired: retired.to_vec(),
        concurrency: None,
    };
    FakeFal::start(config)
        .await
        .map_err(|problem| Error::new(problem.to_string()))
}

async fn start_stripe(data: &Data, port: u16, origin: &str) -> Result<FakeStripe, Error> {
    let config = fakestripe::Config {
        data: data.below("stripe"),
        port,
        key: LOCAL_STRIPE_KEY.to_owned(),
        webhook_secret: LOCAL_STRIPE_WEBHOOK_SECRET.to_owned(),
        webhook_url: format!("{origin}/v1/webhooks/stripe"),
    };
    FakeStripe::start(config)
        .await
        .map_err(|problem| Error::new(problem.to_string()))
}

/// Gives a parameter that the template has a value, unless it was given one.
fn supply(given: &mut BTreeMap<String, String>, document: &Document, name: &str, value: String) {
    if document.parameters.declares(name) {
        given.entry(name.to_owned()).or_insert(value);
    }
}

const LOCAL_FAL_KEY: &str = "local-fal-key";
const LOCAL_STRIPE_KEY: &str = "local-stripe-key";
const LOCAL_STRIPE_WEBHOOK_SECRET: &str = "whsec_local";

/// Supplies what only the running stack knows, stores the secrets, and resolves the template.
async fn resolve(
    document: &Document,
    options: &Options,
    data: &Data,
    aws: &FakeAws,
    (fal, stripe): (Option<&FakeFal>, Option<&FakeStripe>),
    origin: &str,
    place: &Place,
) -> Result<Template, Error> {
    let mut given = options.given(document);
    let mut supply = |name: &str, value: String| supply(&mut given, document, name, value);
    if let Some(fal) = fal {
        supply("PublicUrl", format!("{origin}/v1"));
        supply("FalQueueUrl", fal.url().to_owned());
        supply("FalJwksUrl", fal.jwks_url());
    }
    if let Some(stripe) = stripe {
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
        let put = aws.put_parameter(name, &secret).await;
        put.map_err(|problem| Error::new(format!("cannot store {name}: {problem}")))?;
    }
    let mut stored = BTreeMap::new();
    for (parameter, name) in document.parameters.stored(&values) {
        let value = aws.get_parameter(name).await.ok_or_else(|| {
            Error::new(format!(
                "the parameter {parameter} names {name}, which is not stored"
            ))
        })?;
        stored.insert(parameter.clone(), value);
    }
    document.resolve(&Supplied {
        place,
        parameters: &document.parameters.references(&values, &stored),
        queue_url: &|name| aws.sqs().queue_url(name),
    })
}

async fn create_storage(template: &Template, aws: &FakeAws) -> Result<(), Error> {
    let failed = |problem: fakeaws::Error| Error::new(problem.to_string());
    for table in &template.tables {
        let ttl = table.ttl_attribute.as_deref();
        aws.create_table(table.create.clone(), ttl)
            .await
            .map_err(failed)?;
    }
    for bucket in &template.buckets {
        aws.create_bucket(&bucket.name).await.map_err(failed)?;
        let rules = bucket.cors.iter().cloned().map(|rule| CorsRule {
            origins: rule.origins,
            methods: rule.methods,
            headers: rule.headers,
            exposed: rule.exposed,
            max_age_s: rule.max_age_s,
        });
        aws.set_cors(&bucket.name, rules.collect());
    }
    for queue in &template.queues {
        let redrive = queue
            .redrive
            .clone()
            .map(|(dead_letter_queue, max_receive_count)| Redrive {
                dead_letter_queue,
                max_receive_count,
            });
        let spec = QueueSpec {
            name: queue.name.clone(),
            visibility_timeout_s: queue.visibility_timeout_s,
            retention_s: queue.retention_s,
            delay_s: queue.delay_s,
            receive_wait_s: queue.receive_wait_s,
            redrive,
        };
        aws.sqs().create_queue(spec).await.map_err(failed)?;
    }
    Ok(())
}

async fn declare_keys(template: &Template, aws: &FakeAws) -> Result<(), Error> {
    let plan = |plan: &UsagePlan| UsagePlanSpec {
        id: plan.id.clone(),
        quota_a_day: plan.quota_a_day,
    };
    let key = |key: &ApiKey| ApiKeySpec {
        id: key.id.clone(),
        value: key.value.clone(),
        enabled: key.enabled,
        plans: key.plans.clone(),
    };
    let plans = template.plans.plans.iter().map(plan).collect();
    let keys = template.plans.keys.iter().map(key).collect();
    let declared = aws.api_keys().declare(plans, keys).await;
    declared.map_err(|problem| Error::new(problem.to_string()))
}

fn pool(
    function: &Function,
    binaries: &Binaries,
    place: &Place,
    aws: &FakeAws,
    log: &Sink,
    token: &CancellationToken,
) -> Result<Arc<Pool>, Error> {
    let needed_by = format!("the template's function {}", function.id);
    let path = binaries.runnable(&function.binary, &needed_by)?;
    let folder = path
        .parent()
        .map(|folder| folder.display().to_string())
        .unwrap_or_default();
    aws.add_role(Role {
        name: function.name.clone(),
        access_key_id: access_key_id(function),
        statements: function.statements.clone(),
    });
    let mut environment = own_environment(function, place, aws.endpoint(), &folder);
    for (name, value) in &function.environment {
        if environment.iter().any(|(own, _)| own == name) {
            return Err(Error::new(format!(
                "{needed_by} sets {name}, which Lambda sets itself"
            )));
        }
        environment.push((name.clone(), value.clone()));
    }
    let launch = Launch {
        name: function.binary.clone(),
        path,
        arn: function.arn.clone(),
        environment,
        timeout: function.timeout,
    };
    let concurrency = Concurrency {
        running_max: function.concurrency_max,
        waiting_max: WAITING_MAX,
    };
    Ok(Pool::new(launch, concurrency, log.clone(), token))
}

/// The key of a function's role.
fn access_key_id(function: &Function) -> String {
    format!("{ACCESS_KEY_ID}-{}", function.id)
}

/// What Lambda itself sets. The address of the services is the one thing that AWS would not set.
fn own_environment(
    function: &Function,
    place: &Place,
    endpoint: &str,
    folder: &str,
) -> Vec<(String, String)> {
    let access_key_id = access_key_id(function);
    let variables = [
        ("AWS_ACCESS_KEY_ID", access_key_id.as_str()),
        ("AWS_DEFAULT_REGION", &place.region),
        ("AWS_ENDPOINT_URL", endpoint),
        (
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
            &function.memory_mb.to_string(),
        ),
        ("AWS_LAMBDA_FUNCTION_NAME", &function.binary),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        (
            "AWS_LAMBDA_LOG_GROUP_NAME",
            &format!("/aws/lambda/{}", function.name),
        ),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "local"),
        ("AWS_REGION", &place.region),
        ("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY),
        ("LAMBDA_TASK_ROOT", folder),
        ("PATH", "/usr/local/bin:/usr/bin:/bin"),
        ("TZ", ":UTC"),
        ("_HANDLER", "bootstrap"),
    ];
    variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
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

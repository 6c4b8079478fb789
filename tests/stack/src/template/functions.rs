//! Functions of the template, and the events that call them.
//!
//! Owns `AWS::Serverless::Function`. Refuses to know the running of functions and the serving of routes.

use std::collections::BTreeMap;
use std::time::Duration;

use fakeaws::Statement;
use serde_json::Value;

use super::fields::Fields;
use super::policies;
use super::resources::Place;
use super::storage::Queue;
use crate::Error;
use crate::cron::Schedule;

/// The most instances of a function for which the template reserves no number.
const CONCURRENCY_DEFAULT: u32 = 10;

/// One function.
#[derive(Clone, Debug)]
pub struct Function {
    /// Its logical id in the template.
    pub id: String,
    /// Its physical name.
    pub name: String,
    /// The ARN that its callers must name: that of its alias, if it has one. With any other, a gradual
    /// deployment would not be gradual for them.
    pub arn: String,
    /// The name of its binary.
    pub binary: String,
    /// Its memory, which has no effect here but that the function is told it.
    pub memory_mb: u32,
    /// The time that one invocation may take.
    pub timeout: Duration,
    /// The most invocations that run at once.
    pub concurrency_max: u32,
    /// Its environment.
    pub environment: Vec<(String, String)>,
    /// Everything that its role may do, apart from writing its log.
    pub statements: Vec<Statement>,
    /// The ARN of another function's role, if it has no role of its own.
    role: Option<String>,
    /// The routes that call it.
    pub api_events: Vec<ApiEvent>,
    /// The queues that call it.
    pub queue_events: Vec<QueueEvent>,
    /// The schedules that call it.
    pub schedule_events: Vec<ScheduleEvent>,
}

/// A route that calls a function.
#[derive(Clone, Debug)]
pub struct ApiEvent {
    /// Its place in the template.
    pub at: String,
    /// The resource's path, such as `/models/{model}`.
    pub path: String,
    /// The method in capitals, or `ANY`.
    pub method: String,
    /// The named authorizer, `NONE`, or the API's default.
    pub authorizer: Option<String>,
    /// Whether the caller needs a usage-plan key; `None` for the API's default.
    pub key_required: Option<bool>,
    /// The time that the gateway waits for an answer.
    pub timeout: Duration,
}

/// A queue that calls a function.
#[derive(Clone, Debug)]
pub struct QueueEvent {
    /// Its place in the template.
    pub at: String,
    /// The queue's physical name.
    pub queue: String,
    /// The most messages that one call carries.
    pub batch_size: u32,
    /// The time for which a batch may be gathered.
    pub window: Duration,
    /// Whether the function reports which messages failed.
    pub partial_failures: bool,
    /// The most calls that run at once; `None` leaves it to the function.
    pub concurrency_max: Option<u32>,
}

/// A schedule that calls a function.
#[derive(Clone, Debug)]
pub struct ScheduleEvent {
    /// The schedule's name.
    pub name: String,
    /// The times at which it is due.
    pub schedule: Schedule,
    /// The function's input; `None` for the scheduler's own event.
    pub input: Option<String>,
    /// Whether it fires by itself.
    pub enabled: bool,
}

impl Function {
    /// Reads a function's properties.
    pub fn read(
        mut fields: Fields,
        id: &str,
        name: String,
        binary: String,
        place: &Place,
    ) -> Result<Self, Error> {
        fields.accept(&[
            "Architectures",
            "AutoPublishAliasAllProperties",
            "CodeUri",
            "DeadLetterQueue",
            "DeploymentPreference",
            "Description",
            "EphemeralStorage",
            "EventInvokeConfig",
            "FunctionName",
            "LoggingConfig",
            "PermissionsBoundary",
            "RecursiveLoop",
            "Tags",
            "Tracing",
        ]);
        expect_text(&mut fields, "Handler", "bootstrap")?;
        expect_text(&mut fields, "Runtime", "provided.al2023")?;
        let alias = fields.text("AutoPublishAlias")?;
        let qualifier = alias.map(|alias| format!(":{alias}")).unwrap_or_default();
        let memory_mb = fields.integer("MemorySize", 128..=10_240)?.unwrap_or(128);
        let timeout_s = fields.integer("Timeout", 1..=900)?.unwrap_or(3);
        let reserved = fields.integer("ReservedConcurrentExecutions", 1..=1_000)?;
        let mut environment = fields.object("Environment")?;
        let variables = environment.object("Variables")?.into_texts()?;
        environment.finish()?;
        let events = fields.object("Events")?.into_objects()?;
        let role = fields.text("Role")?;
        let statements = policies::read(&mut fields)?;
        if role.is_some() && !statements.is_empty() {
            return Err(fields.wrong("Policies", "are not looked at by SAM beside a Role"));
        }
        fields.finish()?;

        let mut function = Self {
            id: id.to_owned(),
            arn: place.arn("lambda", &format!("function:{name}{qualifier}")),
            name,
            binary,
            memory_mb: small(memory_mb),
            timeout: seconds(timeout_s),
            concurrency_max: reserved.map_or(CONCURRENCY_DEFAULT, small),
            environment: variables,
            statements,
            role,
            api_events: Vec::new(),
            queue_events: Vec::new(),
            schedule_events: Vec::new(),
        };
        for (name, event) in events {
            function.read_event(&name, event)?;
        }
        Ok(function)
    }

    /// Whether a mapping to `name` calls it: by its ARN, or by its name alone if it has no alias.
    fn is_called_by(&self, name: &str) -> bool {
        let has_alias = !self.arn.ends_with(&format!(":{}", self.name));
        self.arn == name || !has_alias && self.name == name
    }

    fn read_event(&mut self, name: &str, mut event: Fields) -> Result<(), Error> {
        let event_type = event.required_text("Type")?;
        let properties = event.object("Properties")?;
        match event_type.as_str() {
            "Api" => self.api_events.push(ApiEvent::read(properties)?),
            "SQS" => {
                let reason = "is SQS, for which SAM lets the function read every queue of the account; write an \
                              AWS::Lambda::EventSourceMapping";
                return Err(event.wrong("Type", reason));
            }
            "ScheduleV2" => self
                .schedule_events
                .push(ScheduleEvent::read(properties, name, &self.id)?),
            other => {
                return Err(event.wrong("Type", &format!("is {other}, which is not supported")));
            }
        }
        event.finish()
    }
}

impl ApiEvent {
    fn read(mut fields: Fields) -> Result<Self, Error> {
        let path = fields.required_text("Path")?;
        if !path.starts_with('/') {
            return Err(fields.wrong("Path", "must begin with /"));
        }
        let method = fields.required_text("Method")?.to_uppercase();
        let method = if method == "*" {
            "ANY".to_owned()
        } else {
            method
        };
        let rest_api = fields.required_text("RestApiId")?;
        if rest_api != "local" {
            return Err(fields.wrong("RestApiId", "must refer to the template's API"));
        }
        let mut auth = fields.object("Auth")?;
        let authorizer = auth.text("Authorizer")?;
        let key_required = auth.boolean("ApiKeyRequired")?;
        auth.accept(&["OverrideApiAuth"]);
        auth.finish()?;
        let timeout_ms = fields
            .integer("TimeoutInMillis", 50..=29_000)?
            .unwrap_or(29_000);
        let at = fields.at().to_owned();
        fields.finish()?;
        let timeout = Duration::from_millis(timeout_ms.unsigned_abs());
        Ok(Self {
            at,
            path,
            method,
            authorizer,
            key_required,
            timeout,
        })
    }
}

/// Gives each function that shares another's role the permissions of that function.
pub fn share_roles(functions: &mut [Function], place: &Place) -> Result<(), Error> {
    let own = functions.iter().filter(|function| function.role.is_none());
    let roles: BTreeMap<String, Vec<Statement>> = own
        .map(|function| (place.role(&function.id), function.statements.clone()))
        .collect();
    for function in functions {
        let Some(role) = &function.role else { continue };
        function.statements = roles.get(role).cloned().ok_or_else(|| {
            let at = format!("Resources.{}.Properties.Role", function.id);
            Error::at(&at, "must be the role that SAM makes for another function")
        })?;
    }
    Ok(())
}

/// Reads a mapping, and gives it to its function.
pub fn read_mapping(mut mapping: Fields, functions: &mut [Function]) -> Result<(), Error> {
    let name = mapping.required_text("FunctionName")?;
    let Some(function) = functions
        .iter_mut()
        .find(|function| function.is_called_by(&name))
    else {
        let reason = "must refer to a function of the template, and to its alias if it has one";
        return Err(mapping.wrong("FunctionName", reason));
    };
    function.queue_events.extend(QueueEvent::read(mapping)?);
    Ok(())
}

impl QueueEvent {
    /// Reads a mapping; `None` when it is switched off.
    fn read(mut fields: Fields) -> Result<Option<Self>, Error> {
        let arn = fields.required_text("EventSourceArn")?;
        let queue = arn.rsplit(':').next().unwrap_or_default().to_owned();
        let batch_size = fields.integer("BatchSize", 1..=10_000)?.unwrap_or(10);
        let window_s = fields
            .integer("MaximumBatchingWindowInSeconds", 0..=300)?
            .unwrap_or(0);
        if batch_size > 10 && window_s == 0 {
            let reason = "needs MaximumBatchingWindowInSeconds of at least 1 when above 10";
            return Err(fields.wrong("BatchSize", reason));
        }
        let responses = fields.texts("FunctionResponseTypes")?;
        if responses
            .iter()
            .any(|response| response != "ReportBatchItemFailures")
        {
            let reason = "may only hold ReportBatchItemFailures";
            return Err(fields.wrong("FunctionResponseTypes", reason));
        }
        let mut scaling = fields.object("ScalingConfig")?;
        let concurrency_max = scaling.integer("MaximumConcurrency", 2..=1_000)?.map(small);
        scaling.finish()?;
        let enabled = fields.boolean("Enabled")?.unwrap_or(true);
        let at = fields.at().to_owned();
        fields.finish()?;
        let event = Self {
            at,
            queue,
            batch_size: small(batch_size),
            window: seconds(window_s),
            partial_failures: !responses.is_empty(),
            concurrency_max,
        };
        Ok(enabled.then_some(event))
    }
}

impl ScheduleEvent {
    fn read(mut fields: Fields, event: &str, function: &str) -> Result<Self, Error> {
        fields.accept(&[
            "DeadLetterConfig",
            "Description",
            "FlexibleTimeWindow",
            "GroupName",
            "OmitName",
            "PermissionsBoundary",
            "RetryPolicy",
            "RoleArn",
        ]);
        let zone = fields.text("ScheduleExpressionTimezone")?;
        if zone.is_some_and(|zone| zone != "UTC") {
            return Err(fields.wrong("ScheduleExpressionTimezone", "must be UTC"));
        }
        let expression = fields.required_text("ScheduleExpression")?;
        let schedule = Schedule::parse(&expression)
            .map_err(|reason| fields.wrong("ScheduleExpression", &reason))?;
        let input = fields.text("Input")?;
        if input
            .as_deref()
            .is_some_and(|text| serde_json::from_str::<Value>(text).is_err())
        {
            return Err(fields.wrong("Input", "must be JSON"));
        }
        let enabled = match fields.text("State")?.as_deref() {
            None | Some("ENABLED") => true,
            Some("DISABLED") => false,
            Some(_) => return Err(fields.wrong("State", "must be ENABLED or DISABLED")),
        };
        let name = fields
            .text("Name")?
            .unwrap_or_else(|| format!("{function}{event}"));
        fields.finish()?;
        Ok(Self {
            name,
            schedule,
            input,
            enabled,
        })
    }
}

/// Checks the queues that functions read from, as AWS does when a mapping is made.
pub fn check_mappings(functions: &[Function], queues: &[Queue]) -> Result<(), Error> {
    for function in functions {
        for event in &function.queue_events {
            let queue = queues
                .iter()
                .find(|queue| queue.name == event.queue)
                .ok_or_else(|| {
                    Error::at(
                        &event.at,
                        &format!("reads {}, which is no queue here", event.queue),
                    )
                })?;
            if function.timeout.as_secs() > u64::from(queue.visibility_timeout_s) {
                let reason =
                    "reads a queue whose VisibilityTimeout is below the function's Timeout";
                return Err(Error::at(&event.at, reason));
            }
        }
    }
    Ok(())
}

fn expect_text(fields: &mut Fields, name: &str, expected: &str) -> Result<(), Error> {
    match fields.text(name)? {
        Some(text) if text != expected => Err(fields.wrong(name, &format!("must be {expected}"))),
        Some(_) | None => Ok(()),
    }
}

/// A number whose range was checked when it was read.
fn small(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn seconds(number: i64) -> Duration {
    Duration::from_secs(number.unsigned_abs())
}

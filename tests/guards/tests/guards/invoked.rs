//! Every sample event, given to the real binary of its function as Lambda would.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde_json::Value;
use stack::{Binaries, Log, Options, Stack};

use crate::events;
use crate::samples::SAMPLES;

/// A function's reply to its sample, in a cloud where nobody did anything yet.
#[derive(Clone, Copy)]
enum Reply {
    /// An HTTP answer with this status.
    Status(u16),
    /// No message of the batch comes back.
    NoneComesBack,
    /// The sweep found this many jobs.
    Due(u64),
    /// The migration is done with this many tables.
    Migrated(u64),
    /// The purge deleted this many things.
    Purged(u64),
    /// Reconciliation found this many wallets, all in order.
    InOrder(u64),
    /// The invocation fails with exactly these words.
    Fails(&'static str),
}

impl Reply {
    fn parse(text: &'static str) -> Self {
        let number = |text: &str| {
            text.parse()
                .unwrap_or_else(|_| panic!("{text} is no number"))
        };
        match text.split_once(' ') {
            None if text == "none-comes-back" => Self::NoneComesBack,
            None => Self::Status(text.parse().unwrap()),
            Some(("due", count)) => Self::Due(number(count)),
            Some(("purged", count)) => Self::Purged(number(count)),
            Some(("migrated", count)) => Self::Migrated(number(count)),
            Some(("in-order", count)) => Self::InOrder(number(count)),
            Some(("fails", words)) => Self::Fails(words),
            Some(_) => panic!("{text} is no reply"),
        }
    }
}

static BINARIES: LazyLock<Binaries> =
    LazyLock::new(|| stack::build(false, |_| ()).unwrap_or_else(|problem| panic!("{problem}")));

/// The functions' binaries, which are built first if they are not.
pub async fn binaries() -> Binaries {
    let built = tokio::task::spawn_blocking(|| BINARIES.clone());
    built.await.unwrap()
}

async fn start() -> Stack {
    let options = Options {
        template: stack::workspace_root().join("template.yaml"),
        binaries: binaries().await,
        log: Log::Buffer,
        ..Options::default()
    };
    Stack::start(options).await.unwrap()
}

/// Invokes a function with an event, and returns its reply.
async fn invoke(stack: &Stack, function: &str, event: String) -> Result<Value, String> {
    let reply = stack.invoke(function, event).await;
    reply
        .map(|reply| serde_json::from_slice(&reply).unwrap())
        .map_err(|error| error.to_string())
}

/// The body of an HTTP reply.
fn body(reply: &Value) -> Value {
    serde_json::from_str(reply["body"].as_str().unwrap()).unwrap()
}

/// Fails unless the function replied as it should.
fn check(function: &str, expected: Reply, reply: &Result<Value, String>) {
    let is_right = match (expected, reply) {
        (Reply::Status(status), Ok(reply)) => reply["statusCode"] == status && status < 500,
        (Reply::NoneComesBack, Ok(reply)) => reply["batchItemFailures"] == serde_json::json!([]),
        (Reply::Due(due), Ok(reply)) => reply["due"] == due,
        (Reply::Purged(deleted), Ok(reply)) => reply["deleted"] == deleted && reply["open"] == 0,
        (Reply::Migrated(tables), Ok(reply)) => {
            let found = reply["tables"].as_array().map(|tables| tables.len() as u64);
            found == Some(tables) && reply["done"] == true
        }
        (Reply::InOrder(wallets), Ok(reply)) => {
            reply["wallets"] == wallets && reply["broken_count"] == 0
        }
        (Reply::Fails(words), Err(said)) => said == words,
        (Reply::Fails(_), Ok(_)) | (_, Err(_)) => false,
    };
    assert!(is_right, "{function} replied {reply:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_function_does_with_its_sample_what_it_should() {
    let stack = start().await;
    let mut caller = events::CALLER.to_owned();
    for sample in SAMPLES.iter() {
        let (function, expected) = (sample.function, Reply::parse(sample.reply));
        let event = events::text(function).replace(events::CALLER, &caller);
        let reply = invoke(&stack, function, event).await;
        check(function, expected, &reply);
        if function == "accounts-register" {
            let id = &body(&reply.unwrap())["user"]["id"];
            id.as_str().unwrap().clone_into(&mut caller);
        }
    }
    stack.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_samples_tell_of_a_caller_what_the_authorizer_tells() {
    let stack = start().await;
    let registered = invoke(
        &stack,
        "accounts-register",
        events::text("accounts-register"),
    );
    let token = &body(&registered.await.unwrap())["access_token"];
    let credential = format!("Bearer {}", token.as_str().unwrap());
    let event = events::text("accounts-authorize").replace(events::CREDENTIAL, &credential);
    let policy = invoke(&stack, "accounts-authorize", event).await.unwrap();
    let told = policy["context"].as_object().unwrap().keys().cloned();
    let told: BTreeSet<String> = told.collect();
    for (function, context) in events::contexts() {
        assert_eq!(context, told, "{function}");
    }
    stack.shutdown().await;
}

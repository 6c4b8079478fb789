//! Every sample event, given to the real binary of its function as Lambda would.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde_json::Value;
use stack::{Binaries, Log, Options, Stack};

use crate::events;

/// What a function makes of its sample, in a cloud where nobody did anything yet.
#[derive(Clone, Copy)]
enum Reply {
    /// An HTTP answer with this status.
    Status(u16),
    /// No message of the batch comes back.
    NoneComesBack,
    /// The sweep found this many jobs.
    Due(u64),
    /// The purge deleted this many things.
    Purged(u64),
    /// Reconciliation found this many wallets, all in order.
    InOrder(u64),
    /// The invocation fails with exactly these words.
    Fails(&'static str),
}

/// In this order: the first makes the account that the others are called by.
const REPLIES: &[(&str, Reply)] = &[
    ("accounts-register", Reply::Status(201)),
    // API Gateway makes a 401 out of this very word.
    ("accounts-authorize", Reply::Fails("Unauthorized")),
    // No such session.
    ("accounts-keys-create", Reply::Status(401)),
    // No such key.
    ("accounts-keys-delete", Reply::Status(404)),
    ("accounts-keys-list", Reply::Status(200)),
    ("accounts-login", Reply::Status(200)),
    // No such session: it is as it should be.
    ("accounts-logout", Reply::Status(204)),
    ("accounts-me", Reply::Status(200)),
    ("accounts-me-update", Reply::Status(200)),
    // The session that should go on is over.
    ("accounts-password-change", Reply::Status(409)),
    // No such session.
    ("accounts-refresh", Reply::Status(401)),
    ("accounts-password-reset", Reply::Status(202)),
    // No such token.
    ("accounts-password-reset-confirm", Reply::Status(422)),
    ("accounts-verify-email", Reply::Status(422)),
    ("accounts-verify-email-decline", Reply::Status(422)),
    ("accounts-verify-email-resend", Reply::Status(202)),
    // The caller of these five is an admin, as the authorizer would tell them.
    ("admin-grants-create", Reply::Status(201)),
    ("admin-models-update", Reply::Status(200)),
    ("admin-promos-create", Reply::Status(201)),
    ("admin-promos-list", Reply::Status(200)),
    ("admin-users-update", Reply::Status(200)),
    // The caller of these two is none.
    ("admin-audit", Reply::Status(403)),
    ("admin-reconciliation", Reply::Status(403)),
    ("credits-balance", Reply::Status(200)),
    ("credits-checkout", Reply::Status(201)),
    ("credits-holds", Reply::Status(200)),
    // The code that the admin made above.
    ("credits-redeem", Reply::Status(201)),
    ("credits-stats", Reply::Status(200)),
    ("credits-transactions", Reply::Status(200)),
    // No such file.
    ("files-complete", Reply::Status(404)),
    ("files-create", Reply::Status(201)),
    ("files-delete", Reply::Status(404)),
    ("files-get", Reply::Status(404)),
    ("generations-create", Reply::Status(202)),
    // That job runs.
    ("accounts-me-delete", Reply::Status(409)),
    // No such generation.
    ("generations-cancel", Reply::Status(404)),
    ("generations-delete", Reply::Status(404)),
    ("generations-favorite", Reply::Status(404)),
    ("generations-get", Reply::Status(404)),
    ("generations-list", Reply::Status(200)),
    ("generations-media", Reply::Status(404)),
    ("generations-preflight", Reply::Status(204)),
    ("generations-stats", Reply::Status(200)),
    ("generations-unfavorite", Reply::Status(404)),
    ("generations-update", Reply::Status(404)),
    // No such user: nobody to write to.
    ("jobs-keys", Reply::NoneComesBack),
    ("jobs-mail", Reply::NoneComesBack),
    // Nobody's erasure is under way.
    ("jobs-purge", Reply::Purged(0)),
    ("jobs-reconcile", Reply::InOrder(1)),
    // No such job: nothing is left to do.
    ("jobs-settle", Reply::NoneComesBack),
    ("jobs-submit", Reply::NoneComesBack),
    ("jobs-sweep", Reply::Due(0)),
    ("models-get", Reply::Status(200)),
    ("models-list", Reply::Status(200)),
    ("models-quote", Reply::Status(201)),
    ("projects-create", Reply::Status(201)),
    // No such project.
    ("projects-delete", Reply::Status(404)),
    ("projects-get", Reply::Status(404)),
    ("projects-list", Reply::Status(200)),
    ("projects-stats", Reply::Status(404)),
    ("projects-update", Reply::Status(404)),
    ("service-docs", Reply::Status(200)),
    ("service-health", Reply::Status(200)),
    ("service-jwks", Reply::Status(200)),
    // The caller is no admin.
    ("service-metrics", Reply::Status(403)),
    ("service-openapi", Reply::Status(200)),
    ("service-preflight", Reply::Status(204)),
    ("service-root", Reply::Status(200)),
    // Long ago, and not signed by fal.
    ("webhooks-fal", Reply::Status(401)),
    // Long ago, and not signed by Stripe.
    ("webhooks-stripe", Reply::Status(401)),
];

static BINARIES: LazyLock<Binaries> =
    LazyLock::new(|| stack::build(false, |_| ()).unwrap_or_else(|problem| panic!("{problem}")));

async fn start() -> Stack {
    let binaries = tokio::task::spawn_blocking(|| BINARIES.clone());
    let options = Options {
        template: stack::workspace_root().join("template.yaml"),
        binaries: binaries.await.unwrap(),
        log: Log::Buffer,
        ..Options::default()
    };
    Stack::start(options).await.unwrap()
}

/// What a function replies to an event.
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
        (Reply::InOrder(wallets), Ok(reply)) => {
            reply["wallets"] == wallets && reply["broken_count"] == 0
        }
        (Reply::Fails(words), Err(said)) => said == words,
        (Reply::Fails(_), Ok(_)) | (_, Err(_)) => false,
    };
    assert!(is_right, "{function} replied {reply:?}");
}

#[test]
fn every_sample_has_an_expected_reply() {
    let mut expected: Vec<_> = REPLIES.iter().map(|(function, _)| *function).collect();
    expected.sort_unstable();
    assert_eq!(expected.as_slice(), events::names());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_function_does_with_its_sample_what_it_should() {
    let stack = start().await;
    let mut caller = events::CALLER.to_owned();
    for &(function, expected) in REPLIES {
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

//! The functions as Lambda runs them: the role, the environment and the limits of each.

use std::sync::Arc;

use fakeaws::{FakeAws, Role};
use tokio_util::sync::CancellationToken;

use crate::Error;
use crate::binaries::Binaries;
use crate::log::Sink;
use crate::runtime::{Concurrency, Launch, Pool};
use crate::template::functions::Function;
use crate::template::resources::Place;

pub const ACCESS_KEY_ID: &str = "local";
pub const SECRET_ACCESS_KEY: &str = "local-secret";
/// The most invocations of one function that wait in line.
const WAITING_MAX: usize = 2_000;

/// Declares a function's role, and returns the pool of its instances, none of which runs yet.
pub fn pool(
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

/// The variables that Lambda itself sets. AWS would set all of them but the address of the services.
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

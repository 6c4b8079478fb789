//! Starting a function: logs, settings, one SDK configuration, one runtime.

use std::future::Future;
use std::process::ExitCode;

use app::{App, Service};

use crate::environment;

/// How a function's process ends; Lambda starts a new one after a failure.
pub type Exit = ExitCode;

/// Starts the app, connects it to what its first request will ask, and runs `body` with it for as long
/// as the function lives. A function whose settings are missing or wrong does not start: it says
/// everything that is wrong, once, and exits.
pub(crate) fn run<Fut>(services: &[Service], body: impl FnOnce(&'static App) -> Fut) -> Exit
where
    Fut: Future<Output = Result<(), lambda_runtime::Error>>,
{
    lambda_runtime::tracing::init_default_subscriber();
    let config = match environment::config() {
        Ok(config) => config,
        Err(problems) => {
            tracing::error!(%problems, "the function cannot start");
            return Exit::FAILURE;
        }
    };
    let sdk = match environment::sdk() {
        Ok(sdk) => sdk,
        Err(fault) => {
            tracing::error!(fault = fault.chain(), "the function cannot start");
            return Exit::FAILURE;
        }
    };
    // One thread: a function serves one request at a time, and waits for AWS most of it.
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "the function cannot start");
            return Exit::FAILURE;
        }
    };
    runtime.block_on(async {
        // Lives as long as the process: leaking it makes it `Copy` for every request.
        let app: &'static App = Box::leak(Box::new(App::new(config, sdk)));
        app.connect(services).await;
        match body(app).await {
            Ok(()) => Exit::SUCCESS,
            Err(error) => {
                tracing::error!(%error, "the function stopped");
                Exit::FAILURE
            }
        }
    })
}

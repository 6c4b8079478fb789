//! Starting a function: logs, settings, one SDK configuration, one runtime.

use std::future::Future;
use std::process::ExitCode;

use app::{App, Service};

use crate::{environment, log};

/// The exit code of a function's process. After a failure Lambda starts a new process.
pub type Exit = ExitCode;

/// Starts the app, connects it to the services that its first request needs, and runs `body` with it for as
/// long as the function lives. A function whose settings are missing or wrong does not start: it logs all
/// problems at once, and exits.
pub(crate) fn run<Fut>(services: &[Service], body: impl FnOnce(&'static App) -> Fut) -> Exit
where
    Fut: Future<Output = Result<(), lambda_runtime::Error>>,
{
    log::start(environment::log());
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
    // One thread is enough: a function serves one request at a time, and mostly waits for AWS.
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
        // The app lives as long as the process. Leaking it gives a reference that every request can copy.
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

//! HTTP functions: API Gateway's proxy event in, a reply out.

mod reply;
mod request;

use std::future::Future;
use std::pin::Pin;

use api::problem::Problem;
use app::{App, Error, Service};
use lambda_http::{Body, Response, service_fn};
use queue::correlation;
use tracing::Instrument as _;

pub use reply::Reply;
pub use request::Request;

use crate::boot::{self, Exit};
use crate::measure::Measure;

/// Why a request was not done.
pub type Failure = Error;

type Handled = Pin<Box<dyn Future<Output = Result<Reply, Failure>> + Send>>;
type Handler = dyn Fn(&'static App, Request) -> Handled + Send + Sync;

/// Runs an HTTP function that asks the database: `handle` answers one request.
pub fn serve<F, Fut>(handle: F) -> Exit
where
    F: Fn(&'static App, Request) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Reply, Failure>> + Send + 'static,
{
    serve_with(&[Service::Database], handle)
}

/// Runs one that sends to a queue before it answers, too.
pub fn serve_sending<F, Fut>(handle: F) -> Exit
where
    F: Fn(&'static App, Request) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Reply, Failure>> + Send + 'static,
{
    serve_with(&[Service::Database, Service::Queues], handle)
}

/// Runs one that asks nobody.
pub fn serve_alone<F, Fut>(handle: F) -> Exit
where
    F: Fn(&'static App, Request) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Reply, Failure>> + Send + 'static,
{
    serve_with(&[], handle)
}

fn serve_with<F, Fut>(services: &[Service], handle: F) -> Exit
where
    F: Fn(&'static App, Request) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Reply, Failure>> + Send + 'static,
{
    // Boxed here, so that the runtime's own code is compiled once and not for every function.
    let handle = Box::new(move |app, request| Box::pin(handle(app, request)) as Handled);
    serve_erased(services, handle)
}

fn serve_erased(services: &[Service], handle: Box<Handler>) -> Exit {
    boot::run(services, |app| async move {
        let handle: &'static Handler = Box::leak(handle);
        lambda_http::run(service_fn(move |event: lambda_http::Request| async move {
            Ok::<_, std::convert::Infallible>(answer(app, handle, event).await)
        }))
        .await
    })
}

async fn answer(
    app: &'static App,
    handle: &'static Handler,
    event: lambda_http::Request,
) -> Response<Body> {
    let measure = Measure::begin(app);
    let request = Request::new(event);
    let request_id = request.id().to_owned();
    let origin = request.header("origin").map(str::to_owned);
    let is_head = request.is_head();
    let span = tracing::info_span!("request", request_id);
    let handled = correlation::on_behalf_of(request_id.clone(), handle(app, request));
    let reply = match handled.instrument(span).await {
        Ok(reply) => reply,
        Err(Error::Refused(refusal)) => {
            tracing::info!(%request_id, %refusal, "refused");
            Reply::problem(
                &Problem::refused(&refusal, &request_id),
                api::problem::retry_after(&refusal),
            )
        }
        Err(Error::Faulted(fault)) => {
            tracing::error!(%request_id, fault = fault.chain(), "a fault");
            Reply::problem(&Problem::fault(&request_id), None)
        }
    };
    measure.end(&request_id, 1, u32::from(reply.is_fault()));
    let mut response = reply.finish(&request_id, origin.as_deref(), &app.config.cors_origins);
    if is_head {
        *response.body_mut() = Body::Empty;
    }
    response
}

//! HTTP functions: API Gateway's proxy event in, a reply out.

mod reply;
mod request;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use api::endpoint::{Access, Body, Endpoint};
use api::problem::Problem;
use app::{App, Error, Service, clock};
use aws::Fault;
use domain::Timestamp;
use lambda_http::{RequestExt as _, Response, service_fn};
use queue::correlation;
use tracing::Instrument as _;

use reply::Plain;
pub use reply::Reply;
pub use request::{GatewayEvent, Request};

use crate::boot::{self, Exit};
use crate::measure::Measure;

/// The time that a function keeps for its answer and its log.
const ANSWER_TIME: Duration = Duration::from_millis(500);

type Handled = Pin<Box<dyn Future<Output = Result<Plain, Error>> + Send>>;
type HttpHandler = dyn Fn(&'static App, GatewayEvent) -> Handled + Send + Sync;

/// A handler of an endpoint's requests. It is given only requests whose caller was admitted.
pub trait Handle<Who, A, B>: Copy + Send + Sync + 'static {
    /// Answers one request.
    fn handle(
        self,
        app: &'static App,
        request: Request<Who, B>,
    ) -> impl Future<Output = Result<Reply<A>, Error>> + Send + 'static;
}

impl<Who, A, B, F, Fut> Handle<Who, A, B> for F
where
    F: Fn(&'static App, Request<Who, B>) -> Fut + Copy + Send + Sync + 'static,
    Fut: Future<Output = Result<Reply<A>, Error>> + Send + 'static,
{
    fn handle(
        self,
        app: &'static App,
        request: Request<Who, B>,
    ) -> impl Future<Output = Result<Reply<A>, Error>> + Send + 'static {
        self(app, request)
    }
}

/// Runs an endpoint that needs the database.
pub fn serve<Who: Access + Send + 'static, A: 'static, B: Body + 'static>(
    endpoint: &'static Endpoint<Who, A, B>,
    handle: impl Handle<Who, A, B>,
) -> Exit {
    serve_with(&[Service::Database], endpoint, handle)
}

/// Runs an endpoint that needs the database, and sends to a queue before it answers.
pub fn serve_sending<Who: Access + Send + 'static, A: 'static, B: Body + 'static>(
    endpoint: &'static Endpoint<Who, A, B>,
    handle: impl Handle<Who, A, B>,
) -> Exit {
    serve_with(&[Service::Database, Service::Queues], endpoint, handle)
}

/// Runs an endpoint that needs no service.
pub fn serve_alone<Who: Access + Send + 'static, A: 'static, B: Body + 'static>(
    endpoint: &'static Endpoint<Who, A, B>,
    handle: impl Handle<Who, A, B>,
) -> Exit {
    serve_with(&[], endpoint, handle)
}

fn serve_with<Who: Access + Send + 'static, A: 'static, B: Body + 'static>(
    services: &[Service],
    endpoint: &'static Endpoint<Who, A, B>,
    handle: impl Handle<Who, A, B>,
) -> Exit {
    // The handler is boxed here, so that the runtime's code is compiled once and not for every function.
    let handle = move |app, event| {
        Box::pin(async move {
            let request = Request::admitted(event, endpoint)?;
            Ok(handle.handle(app, request).await?.into_plain())
        }) as Handled
    };
    serve_erased(services, Box::new(handle))
}

fn serve_erased(services: &[Service], handle: Box<HttpHandler>) -> Exit {
    boot::run(services, |app| async move {
        let handle: &'static HttpHandler = Box::leak(handle);
        lambda_http::run(service_fn(move |event: lambda_http::Request| async move {
            Ok::<_, std::convert::Infallible>(answer(app, handle, event).await)
        }))
        .await
    })
}

/// Returns the time in which the handler must have answered, before Lambda would stop the function. Each
/// call of a service has a limit of its own, but several in turn may take longer.
fn time_left(event: &lambda_http::Request) -> Duration {
    let Some(context) = event.lambda_context_ref() else {
        return Duration::MAX;
    };
    let ends_at = Timestamp::from_ms(i64::try_from(context.deadline).unwrap_or(i64::MAX));
    ends_at.since(clock::now()).saturating_sub(ANSWER_TIME)
}

fn late() -> Fault {
    Fault::new("answering in time", "the function's time is nearly over")
}

async fn answer(
    app: &'static App,
    handle: &'static HttpHandler,
    event: lambda_http::Request,
) -> Response<lambda_http::Body> {
    let measure = Measure::begin(app);
    let limit = time_left(&event);
    let request = GatewayEvent::new(event, app.config.public_url.as_deref());
    let request_id = request.id().to_owned();
    let origin = request.header("origin").map(str::to_owned);
    let is_head = request.is_head();
    let span = tracing::info_span!("request", request_id);
    let handled = correlation::on_behalf_of(request_id.clone(), handle(app, request));
    let handled = tokio::time::timeout(limit, handled.instrument(span)).await;
    let reply = match handled.unwrap_or_else(|_| Err(Error::Faulted(late()))) {
        Ok(reply) => reply,
        Err(Error::Refused(refusal)) => {
            tracing::info!(%request_id, %refusal, "refused");
            Plain::problem(
                &Problem::refused(&refusal, &request_id),
                api::problem::retry_after(&refusal),
            )
        }
        Err(Error::Faulted(fault)) => {
            tracing::error!(%request_id, fault = fault.chain(), "a fault");
            Plain::problem(&Problem::fault(&request_id), None)
        }
    };
    measure.end(&request_id, 1, u32::from(reply.is_fault()));
    let mut response = reply.finish(&request_id, origin.as_deref(), &app.config.cors_origins);
    if is_head {
        *response.body_mut() = lambda_http::Body::Empty;
    }
    response
}

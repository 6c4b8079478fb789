//! The listener: connections in, whole requests to the service that they name.
//!
//! Owns connections, the bounds of bodies, and the choice of the service for a request. Refuses to know any
//! operation.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::access;
use crate::api_keys::ApiKeys;
use crate::calls::{Call, Calls};
use crate::data::Data;
use crate::dynamodb::DynamoDb;
use crate::mail::{self, Outbox};
use crate::parameters::Parameters;
use crate::s3::{self, S3};
use crate::sigv4::Identity;
use crate::sqs::{self, Sqs};
use crate::wire::{Refusal, Reply, Request};

/// DynamoDB's own bound; no other JSON service takes more.
const JSON_BYTES_MAX: usize = 16 * 1_024 * 1_024;
/// An object or a part of one, and the frames around it.
const UPLOAD_BYTES_MAX: usize = s3::PUT_BYTES_MAX + 1_024 * 1_024;
/// Far more than the functions of one machine open.
const CONNECTIONS_MAX: usize = 4_096;
/// The longest time that a connection may be idle. SDKs close theirs earlier, so that none is closed here
/// while a request is on its way.
const IDLE_MAX: Duration = Duration::from_secs(180);
/// The time that running requests have to end once the server stops.
const STOP_GRACE: Duration = Duration::from_secs(2);
/// The pause before accepting again when the process is out of files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Everything that answers requests.
pub(crate) struct Services {
    pub(crate) identity: Identity,
    pub(crate) dynamodb: DynamoDb,
    pub(crate) sqs: Sqs,
    pub(crate) parameters: Parameters,
    pub(crate) outbox: Outbox,
    pub(crate) s3: S3,
    pub(crate) api_keys: ApiKeys,
    pub(crate) calls: Calls,
    /// Held until the last request has ended.
    pub(crate) _data: Data,
}

/// Serves until `stopping`, then lets running requests end.
pub(crate) async fn serve(
    listener: TcpListener,
    services: Arc<Services>,
    stopping: CancellationToken,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => match accepted {
                Ok((stream, _peer)) => {
                    connections.spawn(converse(stream, services.clone(), stopping.clone()));
                }
                Err(_out_of_files) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
            Some(_ended) = connections.join_next() => {}
            () = stopping.cancelled() => break,
        }
    }
    drop(listener);
    let ended = async { while connections.join_next().await.is_some() {} };
    // A request that has not ended by then is dropped with its connection.
    tokio::time::timeout(STOP_GRACE, ended)
        .await
        .unwrap_or_default();
}

async fn converse(stream: TcpStream, services: Arc<Services>, stopping: CancellationToken) {
    // With this, small replies do not wait for an acknowledgement. Without it they are only slower.
    stream.set_nodelay(true).unwrap_or_default();
    let service = service_fn(move |request| {
        let services = services.clone();
        async move { Ok::<_, Infallible>(services.answer(request).await) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE_MAX)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    // A failed connection concerns its client alone, who notices it.
    tokio::select! {
        _ended = connection.as_mut() => return,
        () = stopping.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    connection.await.unwrap_or_default();
}

impl Services {
    async fn answer(&self, request: hyper::Request<Incoming>) -> Reply {
        let (head, body) = request.into_parts();
        let target = head
            .headers
            .get("x-amz-target")
            .and_then(|target| target.to_str().ok());
        let target = target.map(str::to_owned);
        let is_json = target.is_some() || head.uri.path() == mail::PATH;
        let bytes_max = if is_json {
            JSON_BYTES_MAX
        } else {
            UPLOAD_BYTES_MAX
        };
        let too_large = || match is_json {
            true => Refusal::of("RequestEntityTooLarge", "The request is too large.").reply(),
            false => s3::too_large(s3::PUT_BYTES_MAX as u64).reply(),
        };
        // The header alone says so, so that the body need not be sent.
        if body.size_hint().lower() > bytes_max.try_into().unwrap_or(u64::MAX) {
            return too_large();
        }
        let body = match Limited::new(body, bytes_max).collect().await {
            Ok(body) => body.to_bytes(),
            Err(cause) if cause.is::<LengthLimitError>() => return too_large(),
            Err(cause) => return Refusal::of("IncompleteBody", cause.to_string()).reply(),
        };
        let request = Request {
            method: head.method,
            uri: head.uri,
            headers: head.headers,
            body,
        };
        match self.calls.answer_after() {
            None => self.route(target.as_deref(), request).await,
            Some(answer_after) => self.watched(target.as_deref(), request, answer_after).await,
        }
    }

    /// Answers likewise, but records the call if a role makes it, and takes at least `answer_after`.
    async fn watched(
        &self,
        target: Option<&str>,
        request: Request,
        answer_after: Duration,
    ) -> Reply {
        let Some((service, role)) = self.identity.caller(&request.headers) else {
            return self.route(target, request).await;
        };
        let operation = match target.and_then(|target| target.split_once('.')) {
            Some((_, operation)) => operation.to_owned(),
            None => format!("{} {service}", request.method),
        };
        let began = Instant::now();
        let (reply, ()) = tokio::join!(
            self.route(target, request),
            tokio::time::sleep(answer_after)
        );
        self.calls.add(Call {
            role,
            operation,
            began,
            ended: Instant::now(),
        });
        reply
    }

    async fn route(&self, target: Option<&str>, request: Request) -> Reply {
        let Some(target) = target else {
            if Identity::is_for(&request.headers, "apigateway") {
                let needs = access::of_control(&request.method, request.uri.path());
                return match self.identity.check_named(&request.headers, &needs) {
                    Ok(()) => self.api_keys.handle(&request).await,
                    Err(refusal) => refusal.rest_reply(),
                };
            }
            if request.uri.path() != mail::PATH {
                return self.s3.handle(&request).await;
            }
            let needs = access::of_mail(&request.body);
            return match self.identity.check_named(&request.headers, &needs) {
                Ok(()) => self.outbox.handle(&request.body).await,
                Err(refusal) => refusal.reply(),
            };
        };
        let needs = access::of_json(target, &request.body);
        if let Err(refusal) = self.identity.check_named(&request.headers, &needs) {
            return refusal.reply();
        }
        match target.split_once('.') {
            Some(("DynamoDB_20120810", operation)) => {
                self.dynamodb.handle(operation, request.body).await
            }
            Some(("AmazonSQS", operation)) => {
                sqs::handle(&self.sqs, operation, &request.body).await
            }
            Some(("AmazonSSM", operation)) => {
                self.parameters.handle(operation, &request.body).await
            }
            Some(_) | None => {
                let message = format!("The target {target} is not served here.");
                Refusal::of("UnknownOperationException", message).reply()
            }
        }
    }
}

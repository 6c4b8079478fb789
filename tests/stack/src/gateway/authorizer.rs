//! Asks REQUEST authorizers, and remembers their answers.
//!
//! Owns the cache and its key. Refuses to know how the policy was made.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use hyper::body::Bytes;

use super::GatewayError;
use super::call::Call;
use super::event::{self, Routed};
use super::policy::{Grant, Verdict};
use crate::runtime::{Failure, Pool};

/// The most answers that are kept; above this, the expired ones are dropped, and then all of them.
const ENTRIES_MAX: usize = 10_000;

type Answer = Result<Arc<Grant>, GatewayError>;
/// The values of the identity headers.
type Key = Vec<String>;

/// One authorizer.
pub struct Authorizer {
    function: Arc<Pool>,
    headers: Vec<String>,
    keep: Duration,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    kept: HashMap<Key, (Instant, Arc<Grant>)>,
    /// The calls under way; callers who ask the same at the same time share one.
    asked: HashMap<Key, Shared<BoxFuture<'static, Answer>>>,
}

impl Authorizer {
    /// An authorizer that has not been asked yet.
    pub fn new(function: Arc<Pool>, headers: Vec<String>, keep: Duration) -> Self {
        Self {
            function,
            headers,
            keep,
            state: Arc::default(),
        }
    }

    /// Asks for the caller's grant; an error when it does not allow this request.
    pub async fn authorize(&self, routed: Routed<'_>) -> Result<Arc<Grant>, GatewayError> {
        let grant = match self.key(routed.call)? {
            Some(key) => self.grant(key, routed).await?,
            None => ask(Arc::clone(&self.function), event::authorize(routed)).await?,
        };
        match grant.verdict(&routed.identity.method_arn(routed.call)) {
            Verdict::Allowed => Ok(grant),
            Verdict::Denied => Err(GatewayError::Denied),
            Verdict::NotMentioned => Err(GatewayError::NotMentioned),
        }
    }

    /// Forgets every answer, like a node of the gateway that has not asked yet.
    pub fn forget(&self) {
        self.lock().kept.clear();
    }

    /// The key under which the answer is remembered; `None` when it is not remembered.
    fn key(&self, call: &Call) -> Result<Option<Key>, GatewayError> {
        if self.keep.is_zero() {
            return Ok(None);
        }
        let values = self.headers.iter().map(|name| {
            let value = call.header(name).filter(|value| !value.trim().is_empty());
            value.map(str::to_owned).ok_or(GatewayError::Unauthorized)
        });
        values.collect::<Result<Key, _>>().map(Some)
    }

    async fn grant(&self, key: Key, routed: Routed<'_>) -> Answer {
        let asked = {
            let mut state = self.lock();
            if let Some((expires, grant)) = state.kept.get(&key) {
                if *expires > Instant::now() {
                    return Ok(Arc::clone(grant));
                }
                state.kept.remove(&key);
            }
            match state.asked.get(&key) {
                Some(asked) => asked.clone(),
                None => {
                    let asked = self.ask_and_keep(key.clone(), event::authorize(routed));
                    state.asked.insert(key, asked.clone());
                    asked
                }
            }
        };
        asked.await
    }

    /// Asks once for all callers of this key. The call is a task of its own, so that it ends even when all
    /// callers go away.
    fn ask_and_keep(&self, key: Key, event: Vec<u8>) -> Shared<BoxFuture<'static, Answer>> {
        let function = Arc::clone(&self.function);
        let state = Arc::clone(&self.state);
        let keep = self.keep;
        let task = tokio::spawn(async move {
            let answer = ask(function, event).await;
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            state.asked.remove(&key);
            if let Ok(grant) = &answer {
                state.make_room(Instant::now());
                state
                    .kept
                    .insert(key, (Instant::now() + keep, Arc::clone(grant)));
            }
            answer
        });
        async move { task.await.unwrap_or(Err(GatewayError::AuthorizerFailure)) }
            .boxed()
            .shared()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn make_room(&mut self, now: Instant) {
        if self.kept.len() >= ENTRIES_MAX {
            self.kept.retain(|_, (expires, _)| *expires > now);
        }
        if self.kept.len() >= ENTRIES_MAX {
            self.kept.clear();
        }
    }
}

async fn ask(function: Arc<Pool>, event: Vec<u8>) -> Answer {
    match function.invoke(Bytes::from(event)).await {
        Ok(output) => Grant::read(&output)
            .map(Arc::new)
            .ok_or(GatewayError::AuthorizerConfiguration),
        Err(Failure::Function(error)) if error.error_message == "Unauthorized" => {
            Err(GatewayError::Unauthorized)
        }
        Err(Failure::Function(_) | Failure::Throttled | Failure::Stopping) => {
            Err(GatewayError::AuthorizerFailure)
        }
    }
}

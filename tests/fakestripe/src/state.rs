//! The stand-in's state: sessions, events, and the keys of requests. One JSON file, written whole and
//! renamed, so that a crash leaves the old one or the new one.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{Error, Move};

/// A checkout session with its payment, charge and dispute.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Session {
    /// `cs_test_…`.
    pub id: String,
    /// `pi_…`.
    pub payment_intent: String,
    /// The address of the page on which its buyer pays.
    pub url: String,
    /// Whether it was paid.
    pub is_paid: bool,
    /// Its price.
    pub amount: i64,
    /// ISO 4217.
    pub currency: String,
    /// The refunded amount.
    pub refunded: i64,
    /// The state of its dispute, if there is one.
    pub dispute: Option<String>,
    /// The other fields of the request that made it.
    pub fields: BTreeMap<String, String>,
}

/// An event, as its receivers are told of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Event {
    /// `evt_…`.
    pub id: String,
    /// Such as `charge.refunded`.
    pub kind: String,
    /// The object that it happened to, as it was then.
    pub object: Value,
    /// The time, in seconds since the epoch.
    pub created_s: i64,
    /// Whether it waits to be sent.
    pub is_waiting: bool,
    /// The number of times that it was sent.
    pub attempts: u32,
}

/// Everything.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) sessions: BTreeMap<String, Session>,
    pub(crate) events: Vec<Event>,
    /// The request of each idempotency key, and its session; `None` if the request failed, which is then the
    /// key's answer for ever.
    pub(crate) keys: BTreeMap<String, (String, Option<String>)>,
    /// The number of coming requests that fail on Stripe's side.
    #[serde(default)]
    pub(crate) failures: u32,
}

/// The state and its file.
pub(crate) struct Store {
    state: Mutex<State>,
    file: Option<PathBuf>,
}

impl Store {
    pub(crate) fn open(folder: Option<&Path>) -> Result<Self, Error> {
        let cannot = |problem: String| {
            Error(format!(
                "Stripe's stand-in cannot keep its state: {problem}"
            ))
        };
        let Some(folder) = folder else {
            return Ok(Self {
                state: Mutex::default(),
                file: None,
            });
        };
        fs::create_dir_all(folder).map_err(|problem| cannot(problem.to_string()))?;
        let file = folder.join("state.json");
        let state = match fs::read(&file) {
            Ok(text) => {
                serde_json::from_slice(&text).map_err(|problem| cannot(problem.to_string()))?
            }
            Err(problem) if problem.kind() == std::io::ErrorKind::NotFound => State::default(),
            Err(problem) => return Err(cannot(problem.to_string())),
        };
        Ok(Self {
            state: Mutex::new(state),
            file: Some(file),
        })
    }

    pub(crate) fn read<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        read(&self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the state, and writes the file before anybody is told.
    pub(crate) fn write<T>(&self, write: impl FnOnce(&mut State) -> T) -> Result<T, Error> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let written = write(&mut state);
        if let Some(file) = &self.file {
            let text = serde_json::to_vec(&*state).unwrap_or_default();
            let beside = file.with_extension("new");
            fs::write(&beside, text)
                .and_then(|()| fs::rename(&beside, file))
                .map_err(|problem| Error(format!("cannot keep the state: {problem}")))?;
        }
        Ok(written)
    }
}

impl Session {
    /// Makes a session for this request.
    pub(crate) fn new(origin: &str, fields: BTreeMap<String, String>) -> Option<Self> {
        let price = |name: &str| fields.get(&format!("line_items[0][price_data][{name}]"));
        let id = new_id("cs_test");
        Some(Self {
            url: format!("{origin}/pay/{id}"),
            id,
            payment_intent: new_id("pi"),
            is_paid: false,
            amount: price("unit_amount")?.parse().ok()?,
            currency: price("currency")?.clone(),
            refunded: 0,
            dispute: None,
            fields,
        })
    }

    /// The session as Stripe shows it.
    pub(crate) fn object(&self) -> Value {
        let metadata: BTreeMap<&str, &String> = self
            .fields
            .iter()
            .filter_map(|(name, value)| {
                Some((name.strip_prefix("metadata[")?.strip_suffix(']')?, value))
            })
            .collect();
        json!({
            "id": self.id,
            "object": "checkout.session",
            "amount_total": self.amount,
            "client_reference_id": self.fields.get("client_reference_id"),
            "currency": self.currency,
            "livemode": false,
            "metadata": metadata,
            "mode": "payment",
            "payment_intent": self.is_paid.then_some(&self.payment_intent),
            "payment_status": if self.is_paid { "paid" } else { "unpaid" },
            "status": if self.is_paid { "complete" } else { "open" },
            "url": if self.is_paid { Value::Null } else { json!(self.url) },
        })
    }

    /// Moves its money; returns the kind of the event and the object that it happened to.
    pub(crate) fn step(&mut self, step: &Move) -> Result<(&'static str, Value), Error> {
        let refuse = |why: &str| Err(Error(why.to_owned()));
        if *step != Move::Pay && !self.is_paid {
            return refuse("it was not paid");
        }
        match step {
            Move::Pay if self.is_paid => refuse("it was paid before"),
            Move::Pay => {
                self.is_paid = true;
                Ok(("checkout.session.completed", self.object()))
            }
            Move::Refund(amount) => {
                let left = self.amount - self.refunded;
                let amount = amount.unwrap_or(left);
                if !(1..=left).contains(&amount) {
                    return refuse("so much is not left");
                }
                self.refunded += amount;
                Ok(("charge.refunded", self.charge()))
            }
            Move::Dispute(status) => {
                let kind = match (&self.dispute, status.as_str()) {
                    (_, "won" | "lost") => "charge.dispute.closed",
                    (None, "needs_response") => "charge.dispute.created",
                    _ => return refuse("status must be needs_response, won or lost"),
                };
                self.dispute = Some(status.clone());
                Ok((kind, self.dispute_object(status)))
            }
        }
    }

    fn charge_id(&self) -> String {
        self.payment_intent.replacen("pi_", "ch_", 1)
    }

    fn charge(&self) -> Value {
        json!({
            "id": self.charge_id(),
            "object": "charge",
            "amount": self.amount,
            "amount_refunded": self.refunded,
            "currency": self.currency,
            "payment_intent": self.payment_intent,
            "refunded": self.refunded == self.amount,
        })
    }

    fn dispute_object(&self, status: &str) -> Value {
        json!({
            "id": self.payment_intent.replacen("pi_", "dp_", 1),
            "object": "dispute",
            "amount": self.amount - self.refunded,
            "charge": self.charge_id(),
            "currency": self.currency,
            "payment_intent": self.payment_intent,
            "status": status,
        })
    }
}

impl Event {
    pub(crate) fn new(kind: &str, object: Value, is_waiting: bool) -> Self {
        Self {
            id: new_id("evt"),
            kind: kind.to_owned(),
            object,
            created_s: now_s(),
            is_waiting,
            attempts: 0,
        }
    }

    /// The event as Stripe sends it.
    pub(crate) fn body(&self) -> Value {
        json!({
            "id": self.id,
            "object": "event",
            "api_version": "2025-03-31.basil",
            "created": self.created_s,
            "data": { "object": self.object },
            "livemode": false,
            "type": self.kind,
        })
    }
}

/// Seconds since the epoch.
pub(crate) fn now_s() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    i64::try_from(since.unwrap_or_default().as_secs()).unwrap_or(i64::MAX)
}

fn new_id(kind: &str) -> String {
    format!("{kind}_{}", Uuid::new_v4().simple())
}

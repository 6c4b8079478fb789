//! Events as receivers of webhooks get them.

use domain::alerts::{Alert, CapOwner};
use domain::events::{ShownSubject, WebhookEvent};
use domain::ids::Tenant;
use domain::teams::Role;
use serde::Serialize;
use serde_json::{Value, json};

use crate::credits::Transaction;
use crate::generations::GenerationView;
use crate::members::MemberView;
use crate::time;

/// The longest body: 20 kB, as Standard Webhooks advises.
const BYTES_MAX: usize = 20_000;

#[derive(Serialize)]
struct Sent<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    timestamp: String,
    data: Value,
}

/// Returns the JSON of an event about `shown`, with addresses at `base_url`. If it would be longer than a
/// receiver need accept, it names its object instead of showing it.
#[must_use]
pub fn body(event: &WebhookEvent, shown: &ShownSubject, base_url: &str) -> Vec<u8> {
    let whole = written(event, data(shown, base_url));
    match whole.len() {
        0..=BYTES_MAX => whole,
        _ => written(event, named(shown)),
    }
}

fn written(event: &WebhookEvent, data: Value) -> Vec<u8> {
    let sent = Sent {
        kind: event.kind.as_str(),
        timestamp: time::format(event.at),
        data,
    };
    serde_json::to_vec(&sent).unwrap_or_default()
}

/// Returns the object of an event, as its GET shows it.
fn data(shown: &ShownSubject, base_url: &str) -> Value {
    match shown {
        ShownSubject::Generation(shown) => value(GenerationView::new(shown, base_url)),
        ShownSubject::Entry(entry) => value(Transaction::from(entry)),
        ShownSubject::Alert { tenant, alert } => about(tenant, alert),
        ShownSubject::Member {
            membership,
            user,
            committed,
        } => {
            let user = user.as_deref();
            let mut member = value(MemberView::new(membership, user, *committed, Role::Owner));
            member["team_id"] = json!(membership.team.as_str());
            member
        }
        ShownSubject::Nothing => json!({"object": "test"}),
    }
}

/// Returns the least that identifies an event's object. Only a generation can be too long.
fn named(shown: &ShownSubject) -> Value {
    match shown {
        ShownSubject::Generation(shown) => {
            let generation = &shown.generation;
            json!({
                "object": "generation",
                "id": generation.id.as_str(),
                "status": generation.status(),
                "truncated": true,
            })
        }
        ShownSubject::Entry(_)
        | ShownSubject::Alert { .. }
        | ShownSubject::Member { .. }
        | ShownSubject::Nothing => json!({"truncated": true}),
    }
}

fn about(tenant: &Tenant, alert: &Alert) -> Value {
    let team_id = match tenant {
        Tenant::User(_) => None,
        Tenant::Team(team) => Some(team.as_str()),
    };
    match alert {
        Alert::BalanceBelow {
            threshold,
            available,
        } => json!({
            "object": "credit_alert",
            "kind": "balance_below",
            "team_id": team_id,
            "threshold": threshold.get(),
            "available": available.get(),
        }),
        Alert::CapUsed {
            percent,
            cap,
            whose,
        } => {
            let (user_id, key_id) = match whose {
                CapOwner::Member(user) => (Some(user.as_str()), None),
                CapOwner::Key(key) => (None, Some(key.as_str())),
            };
            json!({
                "object": "credit_alert",
                "kind": "cap_used",
                "team_id": team_id,
                "percent": percent,
                "cap": cap.get(),
                "user_id": user_id,
                "key_id": key_id,
            })
        }
    }
}

fn value(view: impl Serialize) -> Value {
    serde_json::to_value(view).unwrap_or_default()
}

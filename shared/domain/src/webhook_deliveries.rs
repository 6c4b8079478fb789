//! The delivery of an event to an endpoint: its attempts, and when the next one is due.
//!
//! Owns the schedule. A worker records the beginning of an attempt before it makes it, so that no other
//! worker makes the same attempt, and an attempt counts even if its worker dies.

use std::time::Duration;

use crate::events::WebhookEvent;
use crate::ids::{Tenant, WebhookEndpointId};
use crate::time::Timestamp;
use crate::webhook_endpoints::Reached;

/// The pause after each attempt. It is Svix's schedule (<https://docs.svix.com/retries>): eight attempts in
/// 27 and a half hours.
pub const RETRIES: [Duration; 7] = [
    Duration::from_secs(5),
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 3_600),
    Duration::from_secs(5 * 3_600),
    Duration::from_secs(10 * 3_600),
    Duration::from_secs(10 * 3_600),
];
/// The longest time of an attempt, with everything else that its worker does.
pub const ATTEMPT_LEASE: Duration = Duration::from_secs(120);
/// The longest pause that a receiver may ask for.
const WAIT_MAX: Duration = Duration::from_secs(24 * 3_600);
/// The number of attempts that are kept, the newest.
const ATTEMPTS_KEPT: usize = 20;
/// The time for which a delivery is kept.
pub const KEPT_FOR: Duration = Duration::from_secs(30 * 24 * 3_600);

/// The state of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    /// It is tried until it is delivered or has failed.
    Pending,
    /// The endpoint accepted it.
    Delivered,
    /// It is not tried any more.
    Failed,
}

impl DeliveryState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Pending, Self::Delivered, Self::Failed];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }

    /// Returns the state with this name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// An attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryAttempt {
    /// When it began.
    pub at: Timestamp,
    /// Its duration.
    pub duration_ms: u32,
    /// The status of the endpoint's answer, if there was one.
    pub status: Option<u16>,
    /// The beginning of the answer's body.
    pub response: Option<String>,
    /// The reason why there is no answer, or why it does not count.
    pub error: Option<String>,
}

/// The result of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// The attempt.
    pub attempt: DeliveryAttempt,
    /// Whether the endpoint was reached.
    pub reached: Reached,
    /// The pause that the endpoint asked for.
    pub retry_after: Option<Duration>,
}

/// An event that is delivered to an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookDelivery {
    /// The endpoint's id, or an id that stands for a generation's own address.
    pub endpoint: WebhookEndpointId,
    /// The owner of the endpoint.
    pub tenant: Tenant,
    /// Whether it goes to a generation's own address, which belongs to no endpoint.
    pub to_own_address: bool,
    /// The event.
    pub event: WebhookEvent,
    /// Its state.
    pub state: DeliveryState,
    /// The newest attempts, in order.
    pub attempts: Vec<DeliveryAttempt>,
    /// The number of attempts since the first one or since the last replay.
    pub tries: u32,
    /// When the next attempt is due.
    pub next_attempt_at: Option<Timestamp>,
    /// Incremented by each write.
    pub version: u64,
}

impl WebhookDelivery {
    /// A delivery that is due at once.
    #[must_use]
    pub fn new(endpoint: WebhookEndpointId, tenant: Tenant, event: WebhookEvent) -> Self {
        Self {
            endpoint,
            tenant,
            to_own_address: false,
            state: DeliveryState::Pending,
            attempts: Vec::new(),
            tries: 0,
            next_attempt_at: Some(event.at),
            event,
            version: 1,
        }
    }

    /// Returns the delivery for a worker that begins an attempt `now`; `None` unless one is due.
    #[must_use]
    pub fn begun(&self, now: Timestamp) -> Option<Self> {
        let is_due = self.next_attempt_at.is_some_and(|at| at <= now);
        let begun = || Self {
            tries: self.tries.saturating_add(1),
            next_attempt_at: Some(now.plus(ATTEMPT_LEASE)),
            ..self.next()
        };
        is_due.then(begun)
    }

    /// Whether more attempts were begun than the schedule has, because workers died in them.
    #[must_use]
    pub fn is_used_up(&self) -> bool {
        usize::try_from(self.tries).is_ok_and(|tries| tries > RETRIES.len() + 1)
    }

    /// Returns the delivery after the attempt that was begun.
    #[must_use]
    pub fn tried(&self, tried: Tried, now: Timestamp) -> Self {
        let (state, next_attempt_at) = match (tried.reached, self.pause()) {
            (Reached::Yes, _) => (DeliveryState::Delivered, None),
            (Reached::Gone, _) | (Reached::No, None) => (DeliveryState::Failed, None),
            (Reached::No, Some(pause)) => {
                let wished = tried.retry_after.unwrap_or_default().min(WAIT_MAX);
                (DeliveryState::Pending, Some(now.plus(pause.max(wished))))
            }
        };
        self.remembering(tried.attempt, state, next_attempt_at)
    }

    /// Returns the delivery as failed for the reason `why`, without another attempt.
    #[must_use]
    pub fn given_up(&self, why: &str, now: Timestamp) -> Self {
        let attempt = DeliveryAttempt {
            at: now,
            duration_ms: 0,
            status: None,
            response: None,
            error: Some(why.to_owned()),
        };
        self.remembering(attempt, DeliveryState::Failed, None)
    }

    /// Returns the delivery for a replay, as if nothing had been tried.
    #[must_use]
    pub fn replayed(&self, now: Timestamp) -> Self {
        Self {
            state: DeliveryState::Pending,
            tries: 0,
            next_attempt_at: Some(now),
            ..self.next()
        }
    }

    fn remembering(
        &self,
        attempt: DeliveryAttempt,
        state: DeliveryState,
        next_attempt_at: Option<Timestamp>,
    ) -> Self {
        let mut next = Self {
            state,
            next_attempt_at,
            ..self.next()
        };
        next.attempts.push(attempt);
        let surplus = next.attempts.len().saturating_sub(ATTEMPTS_KEPT);
        next.attempts.drain(..surplus);
        next
    }

    /// The pause until the next attempt, if there is one.
    fn pause(&self) -> Option<Duration> {
        let tries = usize::try_from(self.tries).unwrap_or(usize::MAX);
        RETRIES.get(tries.saturating_sub(1)).copied()
    }

    fn next(&self) -> Self {
        Self {
            version: self.version + 1,
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{EventKind, Subject};
    use crate::ids::{EventId, UserId};

    fn delivery() -> WebhookDelivery {
        let now = Timestamp::from_ms(1);
        let event = WebhookEvent {
            id: EventId::new(now, 1),
            kind: EventKind::Test,
            subject: Subject::Nothing,
            at: now,
        };
        let tenant = Tenant::from(&UserId::new(now, 1));
        WebhookDelivery::new(WebhookEndpointId::new(now, 1), tenant, event)
    }

    fn tried(reached: Reached, at: Timestamp, retry_after: Option<Duration>) -> Tried {
        Tried {
            attempt: DeliveryAttempt {
                at,
                duration_ms: 1,
                status: None,
                response: None,
                error: None,
            },
            reached,
            retry_after,
        }
    }

    #[test]
    fn a_delivery_that_always_fails_is_tried_eight_times_in_a_day_and_three_and_a_half_hours() {
        let (mut delivery, mut now) = (delivery(), Timestamp::from_ms(1));
        let mut attempts = 0;
        while let Some(next) = delivery.next_attempt_at {
            assert_eq!(delivery.begun(Timestamp::from_ms(next.ms() - 1)), None);
            now = next;
            let begun = delivery.begun(now).expect("it is due");
            assert_eq!(begun.begun(now), None, "nobody else begins it");
            delivery = begun.tried(tried(Reached::No, now, None), now);
            attempts += 1;
        }
        assert_eq!(attempts, 8);
        let hours = now.since(Timestamp::from_ms(1)).as_secs() / 3_600;
        assert_eq!((hours, delivery.state), (27, DeliveryState::Failed));
        let again = delivery.replayed(now).begun(now).expect("it is due");
        assert_eq!((again.tries, again.attempts.len()), (1, 8));
    }

    #[test]
    fn a_worker_that_dies_uses_up_its_attempt() {
        let mut delivery = delivery();
        let mut begun = 0_u32;
        while !delivery.is_used_up() {
            let next = delivery.next_attempt_at.expect("another attempt");
            delivery = delivery.begun(next).expect("it is due");
            begun += 1;
        }
        assert_eq!(
            begun, 9,
            "eight attempts, and one that finds that they were"
        );
        let over = delivery.given_up("all died", Timestamp::from_ms(1));
        assert_eq!(
            (over.state, over.next_attempt_at),
            (DeliveryState::Failed, None)
        );
    }

    #[test]
    fn a_receiver_may_ask_for_a_longer_pause_but_for_a_day_at_most() {
        let now = Timestamp::from_ms(1);
        let begun = delivery().begun(now).expect("it is due");
        for (wished_s, pause_s) in [(1, 5), (60, 60), (10_000_000, 24 * 3_600)] {
            let wished = Some(Duration::from_secs(wished_s));
            let next = begun.tried(tried(Reached::No, now, wished), now);
            let pause = next.next_attempt_at.expect("another attempt").since(now);
            assert_eq!(pause.as_secs(), pause_s);
        }
        let gone = begun.tried(tried(Reached::Gone, now, None), now);
        assert_eq!(gone.state, DeliveryState::Failed);
        let done = begun.tried(tried(Reached::Yes, now, None), now);
        assert_eq!(
            (done.state, done.next_attempt_at),
            (DeliveryState::Delivered, None)
        );
    }

    #[test]
    fn the_newest_attempts_are_remembered() {
        let (mut delivery, now) = (delivery(), Timestamp::from_ms(1));
        for n in 0..50 {
            let at = Timestamp::from_ms(n);
            delivery = delivery.replayed(now).begun(now).expect("it is due");
            delivery = delivery.tried(tried(Reached::Yes, at, None), now);
        }
        assert_eq!(delivery.attempts.len(), ATTEMPTS_KEPT);
        assert_eq!(
            delivery.attempts.last().map(|it| it.at),
            Some(Timestamp::from_ms(49))
        );
    }
}

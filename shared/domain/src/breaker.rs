//! The circuit breaker in front of the provider, shared by all workers. Owns when the provider is left alone
//! and who tries it again; refuses to know which answers count as failures, and where the state is kept.

use std::time::Duration;

use crate::time::Timestamp;

/// How long a worker that tries the provider again has for it: longer than its function may run.
const PROBE_LEASE: Duration = Duration::from_secs(90);

/// How long after its pause an open breaker goes on refusing orders: two runs of the sweep, which has a job
/// that waits try the provider again. Only where none waits, an order must be the one that tries.
const ORDERS_WAIT: Duration = Duration::from_secs(120);

/// How a breaker judges.
#[derive(Clone, Copy, Debug)]
pub struct BreakerRule {
    /// After so many failures in a row, each of which every job would meet, the provider is left alone.
    pub failures_max: u32,
    /// For so long, until one job tries it again.
    pub pause: Duration,
}

/// The breaker's state. Each change makes a new one, to be written on condition of the version before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Breaker {
    /// Failures since the provider last accepted a job.
    pub failures: u32,
    /// Until when the provider is left alone; none while it is thought to work.
    pub open_until: Option<Timestamp>,
    /// How many times it was written: the condition of the next write.
    pub version: u64,
}

/// What the breaker lets happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Jobs are handed over.
    Closed,
    /// None is, until then.
    Open(Timestamp),
    /// One is, to see whether the provider works again.
    HalfOpen,
}

impl Breaker {
    /// What it lets happen `now`.
    #[must_use]
    pub fn gate(&self, now: Timestamp) -> Gate {
        match self.open_until {
            None => Gate::Closed,
            Some(until) if now < until => Gate::Open(until),
            Some(_) => Gate::HalfOpen,
        }
    }

    /// Whether an order is taken `now`; if not, how long it is until one may be.
    ///
    /// # Errors
    /// That time.
    pub fn takes_orders(&self, now: Timestamp) -> Result<(), Duration> {
        match self.open_until.map(|until| until.plus(ORDERS_WAIT)) {
            Some(until) if now < until => Err(until.since(now)),
            Some(_) | None => Ok(()),
        }
    }

    /// A worker tries the provider again; meanwhile, no other does.
    #[must_use]
    pub fn probing(&self, now: Timestamp) -> Self {
        Self {
            open_until: Some(now.plus(PROBE_LEASE)),
            ..self.next()
        }
    }

    /// The provider failed a submit; whether that was the one that tried it again.
    #[must_use]
    pub fn failed(&self, is_probe: bool, now: Timestamp, rule: BreakerRule) -> Self {
        let failures = self.failures.saturating_add(1);
        let opens = is_probe || (self.open_until.is_none() && failures >= rule.failures_max);
        Self {
            failures,
            open_until: match opens {
                true => Some(now.plus(rule.pause)),
                // A failure of one that was sent before it opened says nothing new.
                false => self.open_until,
            },
            ..self.next()
        }
    }

    /// The provider accepted a job: it works. `None` if that is what was thought.
    #[must_use]
    pub fn succeeded(&self) -> Option<Self> {
        let is_news = self.failures > 0 || self.open_until.is_some();
        is_news.then(|| Self {
            failures: 0,
            open_until: None,
            ..self.next()
        })
    }

    fn next(&self) -> Self {
        Self {
            version: self.version.saturating_add(1),
            ..*self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: BreakerRule = BreakerRule {
        failures_max: 3,
        pause: Duration::from_secs(30),
    };

    const fn at(seconds: i64) -> Timestamp {
        Timestamp::from_ms(seconds * 1_000)
    }

    #[test]
    fn it_opens_after_failures_in_a_row_and_not_before() {
        let mut breaker = Breaker::default();
        for _ in 0..2 {
            breaker = breaker.failed(false, at(0), RULE);
            assert_eq!(breaker.gate(at(0)), Gate::Closed);
        }
        breaker = breaker.succeeded().expect("there were failures");
        for _ in 0..2 {
            breaker = breaker.failed(false, at(1), RULE);
        }
        assert_eq!(breaker.gate(at(1)), Gate::Closed);
        breaker = breaker.failed(false, at(1), RULE);
        assert_eq!(breaker.gate(at(1)), Gate::Open(at(31)));
        // One that was sent before does not keep it open for longer.
        let later = breaker.failed(false, at(20), RULE);
        assert_eq!(later.gate(at(20)), Gate::Open(at(31)));
    }

    #[test]
    fn one_job_at_a_time_tries_again_and_its_answer_decides() {
        let mut breaker = Breaker::default();
        for _ in 0..3 {
            breaker = breaker.failed(false, at(0), RULE);
        }
        assert_eq!(breaker.gate(at(30)), Gate::HalfOpen);
        let probing = breaker.probing(at(30));
        assert!(matches!(probing.gate(at(31)), Gate::Open(_)));
        let still = probing.failed(true, at(32), RULE);
        assert_eq!(still.gate(at(33)), Gate::Open(at(62)));
        let closed = probing.succeeded().expect("it was open");
        assert_eq!(
            (closed.gate(at(33)), closed.succeeded()),
            (Gate::Closed, None)
        );
        // A worker that dies while it tries leaves the next try to another.
        assert_eq!(probing.gate(at(121)), Gate::HalfOpen);
    }

    #[test]
    fn an_order_is_the_one_that_tries_only_where_no_job_that_waits_does() {
        let mut breaker = Breaker::default();
        assert_eq!(breaker.takes_orders(at(0)), Ok(()));
        for _ in 0..3 {
            breaker = breaker.failed(false, at(0), RULE);
        }
        assert_eq!(breaker.gate(at(30)), Gate::HalfOpen);
        assert_eq!(breaker.takes_orders(at(30)), Err(ORDERS_WAIT));
        let still = breaker.probing(at(60)).failed(true, at(61), RULE);
        assert!(still.takes_orders(at(200)).is_err());
        assert_eq!(breaker.takes_orders(at(150)), Ok(()));
        let closed = breaker.succeeded().expect("it was open");
        assert_eq!(closed.takes_orders(at(1)), Ok(()));
    }
}

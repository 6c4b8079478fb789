//! Token buckets, filled at a rate and never above their burst: the stage's throttles, and those of usage
//! plans.
//!
//! Owns the counting of a bucket. Refuses to know who is asking.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// A token bucket.
#[derive(Debug)]
pub struct Bucket {
    rate_per_s: f64,
    burst: f64,
    level: Mutex<(f64, Instant)>,
}

impl Bucket {
    /// A full bucket.
    pub fn new(rate_per_s: f64, burst: f64, now: Instant) -> Self {
        Self {
            rate_per_s,
            burst,
            level: Mutex::new((burst, now)),
        }
    }

    /// Whether it is full.
    pub fn is_full(&self, now: Instant) -> bool {
        let level = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        self.refilled(*level, now) >= self.burst
    }

    /// Takes one token, if there is one.
    pub fn take(&self, now: Instant) -> bool {
        let mut level = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        let tokens = self.refilled(*level, now);
        let allowed = tokens >= 1.0;
        *level = (if allowed { tokens - 1.0 } else { tokens }, now);
        allowed
    }

    fn refilled(&self, (tokens, since): (f64, Instant), now: Instant) -> f64 {
        let waited_s = now.saturating_duration_since(since).as_secs_f64();
        (tokens + waited_s * self.rate_per_s).min(self.burst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_bucket_gives_its_burst_at_once_and_then_its_rate() {
        let start = Instant::now();
        let bucket = Bucket::new(2.0, 3.0, start);
        let taken = |now: Instant| (0..10).filter(|_| bucket.take(now)).count();
        assert_eq!(taken(start), 3);
        assert_eq!(taken(start + Duration::from_millis(500)), 1);
        assert_eq!(taken(start + Duration::from_secs(60)), 3);
    }
}

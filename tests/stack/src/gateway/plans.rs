//! The usage plans: which callers may call, and how much.
//!
//! Owns the buckets of each key. Refuses to know the keys themselves: the key service does.
//!
//! A route with limits of its own in a plan counts by those instead of the plan's overall ones, as a route of
//! the stage does. AWS's documentation leaves open whether both count.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use fakeaws::ApiKeys;

use super::GatewayError;
use super::throttle::Bucket;
use crate::template::plans::UsagePlan;

/// The most buckets that are kept; above this, the full ones are dropped: a new bucket is equal to a full
/// one.
const BUCKETS_MAX: usize = 50_000;

/// The plans of the stage, and each key's use of them.
pub struct Plans {
    keys: ApiKeys,
    plans: BTreeMap<String, UsagePlan>,
    /// Whether rates and quotas are enforced.
    limited: bool,
    buckets: Mutex<HashMap<Counted, Arc<Bucket>>>,
}

/// The subject of a bucket: a key's calls of one route, or of all routes that have no limits of their own.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Counted {
    key: String,
    plan: String,
    route: Option<usize>,
}

impl Plans {
    /// The plans, with nothing used.
    pub fn new(plans: &[UsagePlan], keys: ApiKeys, limited: bool) -> Self {
        let plans = plans.iter().map(|plan| (plan.id.clone(), plan.clone()));
        Self {
            keys,
            plans: plans.collect(),
            limited,
            buckets: Mutex::default(),
        }
    }

    /// Lets a request through and counts it: first the key, then the day's quota, then the rate. A refused
    /// request is not counted.
    pub fn admit(
        &self,
        value: Option<&str>,
        method: &str,
        path: &str,
        now: Instant,
    ) -> Result<(), GatewayError> {
        let key = value.and_then(|value| self.keys.find(value));
        let key = key
            .filter(|key| key.enabled)
            .ok_or(GatewayError::InvalidApiKey)?;
        let plan = key.plans.iter().find_map(|plan| self.plans.get(plan));
        let plan = plan.ok_or(GatewayError::InvalidApiKey)?;
        if !self.limited {
            return Ok(());
        }
        if !self.keys.has_quota(&plan.id, &key.id) {
            return Err(GatewayError::QuotaExceeded);
        }
        let route = plan
            .routes
            .iter()
            .position(|throttle| throttle.path == path && throttle.method == method);
        let limits = match route {
            Some(position) => Some((plan.routes[position].rate, plan.routes[position].burst)),
            None => plan.overall,
        };
        if let Some((rate, burst)) = limits {
            let counted = Counted {
                key: key.id.clone(),
                plan: plan.id.clone(),
                route,
            };
            if !self.bucket(counted, rate, burst, now).take(now) {
                return Err(GatewayError::Throttled);
            }
        }
        self.keys.count(&plan.id, &key.id);
        Ok(())
    }

    fn bucket(&self, counted: Counted, rate: f64, burst: f64, now: Instant) -> Arc<Bucket> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= BUCKETS_MAX {
            buckets.retain(|_, bucket| !bucket.is_full(now));
        }
        let new = || Arc::new(Bucket::new(rate, burst, now));
        Arc::clone(buckets.entry(counted).or_insert_with(new))
    }
}

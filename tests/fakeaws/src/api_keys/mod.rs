//! API Gateway's API keys: the keys, their usage plans, and their use of a day's quota.
//!
//! Owns keys and memberships, which are kept, and usage, which is not. Refuses to know rates and
//! routes: those are the gateway's.

mod wire;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{OptionalExtension, Transaction, params};

use crate::Error;
use crate::clock::now_ms;
use crate::sqlite::Sqlite;

use self::wire::Pace;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// The most keys of an account in a Region; AWS does not raise it.
const KEYS_MAX: usize = 10_000;

/// A usage plan, as far as keys are concerned.
#[derive(Clone, Debug)]
pub struct UsagePlanSpec {
    /// Its id.
    pub id: String,
    /// The most requests of each key in a day, if that is limited.
    pub quota_a_day: Option<u64>,
}

/// A key that a template declares.
#[derive(Clone, Debug)]
pub struct ApiKeySpec {
    /// Its id.
    pub id: String,
    /// The secret that a caller sends.
    pub value: String,
    /// Whether it may be used.
    pub enabled: bool,
    /// The ids of the plans that it is in.
    pub plans: Vec<String>,
}

/// A key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id.
    pub id: String,
    /// The secret that a caller sends.
    pub value: String,
    /// Whether it may be used.
    pub enabled: bool,
    /// The ids of the plans that it is in.
    pub plans: Vec<String>,
}

/// The keys. Clones share them.
#[derive(Clone)]
pub struct ApiKeys {
    sqlite: Sqlite,
    state: Arc<Mutex<State>>,
}

struct State {
    plans: BTreeMap<String, UsagePlanSpec>,
    /// The day's requests, by plan and key.
    used: BTreeMap<(String, String), u64>,
    /// The day, counted from the Unix epoch: a quota begins anew at midnight UTC.
    day: i64,
    /// The most keys that there may be.
    keys_max: usize,
    pace: Pace,
}

impl Default for State {
    fn default() -> Self {
        Self {
            plans: BTreeMap::new(),
            used: BTreeMap::new(),
            day: 0,
            keys_max: KEYS_MAX,
            pace: Pace::default(),
        }
    }
}

impl ApiKeys {
    pub(crate) fn open(sqlite: Sqlite) -> Self {
        Self {
            sqlite,
            state: Arc::default(),
        }
    }

    /// Makes the plans and keys that a template declares; an existing one takes the declared form.
    pub async fn declare(
        &self,
        plans: Vec<UsagePlanSpec>,
        keys: Vec<ApiKeySpec>,
    ) -> Result<(), Error> {
        self.state()
            .plans
            .extend(plans.into_iter().map(|plan| (plan.id.clone(), plan)));
        self.sqlite
            .run(move |t| {
                for key in &keys {
                    declare(t, key)?;
                }
                Ok::<_, Error>(())
            })
            .await
    }

    /// Finds the key with this value. An unreadable file counts as no key: then nobody gets in.
    pub fn find(&self, value: &str) -> Option<ApiKey> {
        self.sqlite
            .run_here(|t| Ok::<_, Error>(find(t, value)?))
            .ok()
            .flatten()
    }

    /// Every key with this name, the oldest first.
    pub fn named(&self, name: &str) -> Result<Vec<ApiKey>, Error> {
        self.sqlite.run_here(|t| {
            let values: Vec<String> = t
                .prepare_cached(
                    "SELECT value FROM api_key WHERE name = ?1 ORDER BY created_ms, id",
                )?
                .query_map([name], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            let keys = values.iter().map(|value| find(t, value));
            let keys: Vec<Option<ApiKey>> = keys.collect::<Result<_, _>>()?;
            Ok(keys.into_iter().flatten().collect())
        })
    }

    /// Limits the account to this many keys.
    pub fn limit(&self, keys_max: usize) {
        self.state().keys_max = keys_max;
    }

    /// Whether the day's quota of a key in a plan is not used up.
    pub fn has_quota(&self, plan: &str, key: &str) -> bool {
        let state = self.today();
        let limit = state.plans.get(plan).and_then(|plan| plan.quota_a_day);
        let used = state.used.get(&(plan.to_owned(), key.to_owned()));
        limit.is_none_or(|limit| used.copied().unwrap_or_default() < limit)
    }

    /// Counts one request.
    pub fn count(&self, plan: &str, key: &str) {
        let mut state = self.today();
        *state
            .used
            .entry((plan.to_owned(), key.to_owned()))
            .or_default() += 1;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state of today: on a new day, the use of the day before is forgotten.
    fn today(&self) -> MutexGuard<'_, State> {
        let mut state = self.state();
        let day = now_ms().div_euclid(DAY_MS);
        if state.day != day {
            state.day = day;
            state.used.clear();
        }
        state
    }
}

fn declare(t: &Transaction<'_>, key: &ApiKeySpec) -> rusqlite::Result<()> {
    t.prepare_cached(
        "INSERT INTO api_key (id, name, value, enabled, created_ms) VALUES (?1, ?1, ?2, ?3, ?4)
         ON CONFLICT (id) DO UPDATE SET value = excluded.value, enabled = excluded.enabled",
    )?
    .execute(params![key.id, key.value, key.enabled, now_ms()])?;
    t.prepare_cached("DELETE FROM usage_plan_key WHERE key_id = ?1")?
        .execute([&key.id])?;
    for plan in &key.plans {
        t.prepare_cached("INSERT INTO usage_plan_key (key_id, plan_id) VALUES (?1, ?2)")?
            .execute([&key.id, plan])?;
    }
    Ok(())
}

fn find(t: &Transaction<'_>, value: &str) -> rusqlite::Result<Option<ApiKey>> {
    let found: Option<(String, bool)> = t
        .prepare_cached("SELECT id, enabled FROM api_key WHERE value = ?1")?
        .query_row([value], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((id, enabled)) = found else {
        return Ok(None);
    };
    let plans = plans_of(t, &id)?;
    let value = value.to_owned();
    Ok(Some(ApiKey {
        id,
        value,
        enabled,
        plans,
    }))
}

fn plans_of(t: &Transaction<'_>, key: &str) -> rusqlite::Result<Vec<String>> {
    t.prepare_cached("SELECT plan_id FROM usage_plan_key WHERE key_id = ?1 ORDER BY plan_id")?
        .query_map([key], |row| row.get(0))?
        .collect()
}

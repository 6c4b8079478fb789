//! The keys at the wire: the few operations of API Gateway's REST control plane that make and delete them.
//!
//! Owns their paths, JSON, limits and errors. Refuses to know what a key opens.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use hyper::{Method, StatusCode};
use rusqlite::{OptionalExtension, Transaction, params};
use serde::Deserialize;
use serde_json::{Value, json};

use super::ApiKeys;
use crate::clock::now_ms;
use crate::sigv4::{decode, query_pairs};
use crate::wire::{Refusal, Reply, Request, input, text_reply};

/// The most keys that an account may make within a second.
const MADE_A_SECOND_MAX: usize = 5;
const VALUE_LENGTH: std::ops::RangeInclusive<usize> = 20..=128;

type Outcome = Result<(StatusCode, Value), Refusal>;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CreateApiKey {
    #[serde(default)]
    name: String,
    #[serde(default)]
    value: Option<String>,
    #[serde(default)]
    enabled: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CreateUsagePlanKey {
    key_id: String,
    key_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UpdateUsage {
    patch_operations: Vec<Patch>,
}

#[derive(Deserialize)]
struct Patch {
    op: String,
    path: String,
    value: String,
}

/// The times at which keys were made within the last second.
#[derive(Default)]
pub(super) struct Pace(VecDeque<Instant>);

impl Pace {
    /// Whether one more may be made now. If so, it counts as made.
    fn allows(&mut self, now: Instant) -> bool {
        while self
            .0
            .front()
            .is_some_and(|made| now.duration_since(*made) >= Duration::from_secs(1))
        {
            self.0.pop_front();
        }
        let allowed = self.0.len() < MADE_A_SECOND_MAX;
        if allowed {
            self.0.push_back(now);
        }
        allowed
    }
}

impl ApiKeys {
    /// Answers one request.
    pub(crate) async fn handle(&self, request: &Request) -> Reply {
        let path = String::from_utf8_lossy(&decode(request.uri.path())).into_owned();
        let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let outcome = match (request.method.as_str(), segments.as_slice()) {
            ("POST", ["apikeys"]) => self.create(&request.body).await,
            ("GET", ["apikeys"]) => self.list(request.uri.query().unwrap_or_default()).await,
            ("GET", ["apikeys", id]) => self.get(id).await,
            ("DELETE", ["apikeys", id]) => self.delete(id).await,
            ("POST", ["usageplans", plan, "keys"]) => self.enter(plan, &request.body).await,
            ("GET", ["usageplans", plan, "keys", id]) => self.member(plan, id).await,
            ("DELETE", ["usageplans", plan, "keys", id]) => self.leave(plan, id).await,
            ("PATCH", ["usageplans", plan, "keys", id, "usage"]) => {
                self.update_usage(plan, id, &request.body).await
            }
            _ => Err(unsupported(&request.method, &path)),
        };
        match outcome {
            Ok((status, Value::Null)) => text_reply(status, "application/json", String::new()),
            Ok((status, body)) => text_reply(status, "application/json", body.to_string()),
            Err(refusal) => refusal.rest_reply(),
        }
    }

    async fn create(&self, body: &[u8]) -> Outcome {
        let create: CreateApiKey = input(body)?;
        let keys_max = {
            let mut state = self.state();
            if !state.pace.allows(Instant::now()) {
                return Err(too_many("TooManyRequestsException", "Too Many Requests"));
            }
            state.keys_max
        };
        let random = || uuid::Uuid::new_v4().simple().to_string();
        let value = create.value.unwrap_or_else(random);
        if !VALUE_LENGTH.contains(&value.len()) {
            let message = "API Key value should be at least 20 characters";
            return Err(Refusal::of("BadRequestException", message));
        }
        let id = random()[..10].to_owned();
        let key = self
            .sqlite
            .run(move |t| {
                let is_taken = "SELECT EXISTS (SELECT 1 FROM api_key WHERE value = ?1)";
                if t.prepare_cached(is_taken)?
                    .query_row([&value], |row| row.get(0))?
                {
                    return Err(conflict("API Key already exists"));
                }
                let count: usize =
                    t.query_row("SELECT COUNT(*) FROM api_key", [], |row| row.get(0))?;
                if count >= keys_max {
                    let message = "You have reached the maximum number of API keys";
                    return Err(too_many("LimitExceededException", message));
                }
                t.prepare_cached(
                    "INSERT INTO api_key (id, name, value, enabled, created_ms)
                     VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute(params![
                    id,
                    create.name,
                    value,
                    create.enabled,
                    now_ms()
                ])?;
                found(read(t, &id, true)?)
            })
            .await?;
        Ok((StatusCode::CREATED, key))
    }

    /// Lists everything on one page: no caller here has more keys of one name than fit on it.
    async fn list(&self, query: &str) -> Outcome {
        let pairs = query_pairs(query);
        let asked = |name: &str| {
            let pair = pairs.iter().find(|(known, _)| known.as_str() == name);
            pair.map(|(_, value)| value.clone())
        };
        let prefix = asked("name").unwrap_or_default();
        let with_values = asked("includeValues").as_deref() == Some("true");
        let limit: u32 = asked("limit")
            .map_or(Ok(25), |text| text.parse())
            .map_err(|_| Refusal::of("BadRequestException", "Invalid limit"))?;
        let keys = self
            .sqlite
            .run(move |t| {
                let ids: Vec<String> = t
                    .prepare_cached(
                        "SELECT id FROM api_key WHERE substr(name, 1, length(?1)) = ?1
                         ORDER BY created_ms, id LIMIT ?2",
                    )?
                    .query_map(params![prefix, limit.clamp(1, 500)], |row| row.get(0))?
                    .collect::<Result<_, _>>()?;
                ids.iter()
                    .map(|id| found(read(t, id, with_values)?))
                    .collect::<Result<Vec<Value>, Refusal>>()
            })
            .await?;
        Ok((StatusCode::OK, json!({ "item": keys })))
    }

    async fn get(&self, id: &str) -> Outcome {
        let id = id.to_owned();
        let key = self
            .sqlite
            .run(move |t| found(read(t, &id, false)?))
            .await?;
        Ok((StatusCode::OK, key))
    }

    async fn delete(&self, id: &str) -> Outcome {
        let id = id.to_owned();
        self.sqlite
            .run(move |t| {
                found(read(t, &id, false)?)?;
                t.execute("DELETE FROM usage_plan_key WHERE key_id = ?1", [&id])?;
                t.execute("DELETE FROM api_key WHERE id = ?1", [&id])?;
                Ok::<_, Refusal>(())
            })
            .await?;
        Ok((StatusCode::ACCEPTED, Value::Null))
    }

    async fn enter(&self, plan: &str, body: &[u8]) -> Outcome {
        let enter: CreateUsagePlanKey = input(body)?;
        if enter.key_type != "API_KEY" {
            let message = "Invalid usage plan key type";
            return Err(Refusal::of("BadRequestException", message));
        }
        self.check_plan(plan)?;
        let (plan, id) = (plan.to_owned(), enter.key_id);
        let key = self
            .sqlite
            .run(move |t| {
                let key = found(read(t, &id, true)?)?;
                // Every plan here is of the same stage, and a key may be in only one plan of a stage.
                let plans = super::plans_of(t, &id)?;
                match plans.first() {
                    None => {}
                    Some(known) if *known == plan => {
                        return Err(conflict("Usage Plan Key already exists"));
                    }
                    Some(_) => {
                        let message =
                            "cannot reference multiple Usage Plans with the same API stage";
                        return Err(conflict(&format!("API Key {id} {message}")));
                    }
                }
                t.prepare_cached("INSERT INTO usage_plan_key (key_id, plan_id) VALUES (?1, ?2)")?
                    .execute([&id, &plan])?;
                Ok(member(&key))
            })
            .await?;
        Ok((StatusCode::CREATED, key))
    }

    async fn member(&self, plan: &str, id: &str) -> Outcome {
        self.check_plan(plan)?;
        let (plan, id) = (plan.to_owned(), id.to_owned());
        let key = self
            .sqlite
            .run(move |t| found(read_member(t, &plan, &id)?))
            .await?;
        Ok((StatusCode::OK, key))
    }

    async fn leave(&self, plan: &str, id: &str) -> Outcome {
        self.check_plan(plan)?;
        let (plan, id) = (plan.to_owned(), id.to_owned());
        self.sqlite
            .run(move |t| {
                found(read_member(t, &plan, &id)?)?;
                let leave = "DELETE FROM usage_plan_key WHERE key_id = ?1 AND plan_id = ?2";
                t.execute(leave, [&id, &plan])?;
                Ok::<_, Refusal>(())
            })
            .await?;
        Ok((StatusCode::ACCEPTED, Value::Null))
    }

    /// Changes what remains of the day's quota.
    async fn update_usage(&self, plan: &str, id: &str, body: &[u8]) -> Outcome {
        let update: UpdateUsage = input(body)?;
        let limit = self.check_plan(plan)?;
        let (of, key) = (plan.to_owned(), id.to_owned());
        self.sqlite
            .run(move |t| found(read_member(t, &of, &key)?))
            .await?;
        let wrong = || Refusal::of("BadRequestException", "Invalid patch operation");
        let [patch] = update.patch_operations.as_slice() else {
            return Err(wrong());
        };
        let remaining: u64 = match (patch.op.as_str(), patch.path.as_str()) {
            ("replace", "/remaining") => patch.value.parse().map_err(|_| wrong())?,
            _ => return Err(wrong()),
        };
        let limit = limit.ok_or_else(wrong)?;
        let used = limit.saturating_sub(remaining);
        self.today()
            .used
            .insert((plan.to_owned(), id.to_owned()), used);
        Ok((StatusCode::OK, json!({ "usagePlanId": plan })))
    }

    /// Reads the day's quota of a plan, which must exist.
    fn check_plan(&self, plan: &str) -> Result<Option<u64>, Refusal> {
        let state = self.state();
        let plan = state.plans.get(plan);
        plan.map(|plan| plan.quota_a_day)
            .ok_or_else(|| not_found("Invalid Usage Plan ID specified"))
    }
}

fn read(t: &Transaction<'_>, id: &str, with_value: bool) -> rusqlite::Result<Option<Value>> {
    t.prepare_cached("SELECT name, value, enabled, created_ms FROM api_key WHERE id = ?1")?
        .query_row([id], |row| {
            let created_s = row.get::<_, i64>(3)? / 1_000;
            let mut key = json!({
                "id": id,
                "name": row.get::<_, String>(0)?,
                "enabled": row.get::<_, bool>(2)?,
                "createdDate": created_s,
                "lastUpdatedDate": created_s,
                "stageKeys": [],
            });
            if with_value {
                key["value"] = Value::from(row.get::<_, String>(1)?);
            }
            Ok(key)
        })
        .optional()
}

fn read_member(t: &Transaction<'_>, plan: &str, id: &str) -> rusqlite::Result<Option<Value>> {
    let key = read(t, id, true)?;
    let plans = super::plans_of(t, id)?;
    let key = key.filter(|_| plans.iter().any(|known| known == plan));
    Ok(key.as_ref().map(member))
}

fn member(key: &Value) -> Value {
    json!({ "id": key["id"], "name": key["name"], "type": "API_KEY", "value": key["value"] })
}

fn found<T>(key: Option<T>) -> Result<T, Refusal> {
    key.ok_or_else(|| not_found("Invalid API Key identifier specified"))
}

fn not_found(message: &str) -> Refusal {
    Refusal::with(StatusCode::NOT_FOUND, "NotFoundException", message)
}

fn conflict(message: &str) -> Refusal {
    Refusal::with(StatusCode::CONFLICT, "ConflictException", message)
}

fn too_many(code: &'static str, message: &str) -> Refusal {
    Refusal::with(StatusCode::TOO_MANY_REQUESTS, code, message)
}

fn unsupported(method: &Method, path: &str) -> Refusal {
    let message = format!("{method} {path} is not served here.");
    Refusal::with(StatusCode::NOT_FOUND, "UnknownOperationException", message)
}

//! Usage plans of the template, and their keys.
//!
//! Owns `AWS::ApiGateway::UsagePlan`, `ApiKey` and `UsagePlanKey`. Refuses to know the counting of requests.

use super::api::{Api, Throttle};
use super::fields::Fields;
use crate::Error;

/// Every usage plan and key.
#[derive(Clone, Debug, Default)]
pub struct Plans {
    /// The plans.
    pub plans: Vec<UsagePlan>,
    /// The keys.
    pub keys: Vec<ApiKey>,
    members: Vec<(Member, String)>,
}

/// A usage plan of the API's stage.
#[derive(Clone, Debug)]
pub struct UsagePlan {
    /// Its physical id.
    pub id: String,
    /// Each key's bounds on requests a second, and at once.
    pub overall: Option<(f64, f64)>,
    /// Bounds for single routes, in place of the overall ones.
    pub routes: Vec<Throttle>,
    /// The most requests of each key in a day.
    pub quota_a_day: Option<u64>,
    at: String,
}

/// A key.
#[derive(Clone, Debug)]
pub struct ApiKey {
    /// Its physical id.
    pub id: String,
    /// The secret that a caller sends.
    pub value: String,
    /// Whether it may be used.
    pub enabled: bool,
    /// The ids of the plans that it is in.
    pub plans: Vec<String>,
}

#[derive(Clone, Debug)]
struct Member {
    plan: String,
    key: String,
}

impl Plans {
    /// Reads a plan's properties.
    pub fn read_plan(&mut self, mut fields: Fields, id: String) -> Result<(), Error> {
        fields.accept(&["Description", "Tags", "UsagePlanName"]);
        let at = fields.at().to_owned();
        let overall = read_limits(fields.object("Throttle")?)?;
        let quota_a_day = read_quota(fields.object("Quota")?)?;
        let mut routes = Vec::new();
        for (index, stage) in fields.list("ApiStages")?.into_iter().enumerate() {
            let mut stage = Fields::of(stage, format!("{at}.ApiStages[{index}]"))?;
            if stage.required_text("ApiId")? != "local" {
                return Err(stage.wrong("ApiId", "must refer to the template's API"));
            }
            stage.required_text("Stage")?;
            for (name, limits) in stage.object("Throttle")?.into_objects()? {
                routes.push(read_route(&name, limits)?);
            }
            stage.finish()?;
        }
        fields.finish()?;
        self.plans.push(UsagePlan {
            id,
            overall,
            routes,
            quota_a_day,
            at,
        });
        Ok(())
    }

    /// Reads a key's properties. Refuses a key without a value: AWS would make up a random one, which nobody
    /// could name.
    pub fn read_key(&mut self, mut fields: Fields, id: String) -> Result<(), Error> {
        fields.accept(&["Description", "Name", "Tags"]);
        let value = fields.required_text("Value")?;
        if !(20..=128).contains(&value.len()) {
            return Err(fields.wrong("Value", "must have 20 to 128 characters"));
        }
        let enabled = fields.boolean("Enabled")?.unwrap_or(false);
        fields.finish()?;
        self.keys.push(ApiKey {
            id,
            value,
            enabled,
            plans: Vec::new(),
        });
        Ok(())
    }

    /// Reads the membership of a key in a plan.
    pub fn read_member(&mut self, mut fields: Fields) -> Result<(), Error> {
        if fields.required_text("KeyType")? != "API_KEY" {
            return Err(fields.wrong("KeyType", "must be API_KEY"));
        }
        let member = Member {
            plan: fields.required_text("UsagePlanId")?,
            key: fields.required_text("KeyId")?,
        };
        let at = fields.at().to_owned();
        fields.finish()?;
        self.members.push((member, at));
        Ok(())
    }

    /// Ties keys to their plans, and plans to the API's routes.
    pub fn tie(mut self, api: Option<&Api>) -> Result<Self, Error> {
        for (member, at) in &self.members {
            let key = self.keys.iter_mut().find(|key| key.id == member.key);
            let key = key.ok_or_else(|| Error::at(at, "names a key that does not exist"))?;
            if !self.plans.iter().any(|plan| plan.id == member.plan) {
                return Err(Error::at(at, "names a usage plan that does not exist"));
            }
            // AWS accepts a key in only one plan of a stage, and there is one stage here.
            if !key.plans.is_empty() {
                return Err(Error::at(at, "puts a key into a second usage plan"));
            }
            key.plans.push(member.plan.clone());
        }
        for plan in &self.plans {
            for throttle in &plan.routes {
                let is_it = |route: &super::api::Route| {
                    route.path == throttle.path && route.method == throttle.method
                };
                if !api.is_some_and(|api| api.routes.iter().any(is_it)) {
                    let route = format!("{} {}", throttle.method, throttle.path);
                    let reason = format!("throttles {route}, which is no route");
                    return Err(Error::at(&plan.at, &reason));
                }
            }
        }
        Ok(self)
    }
}

fn read_limits(mut fields: Fields) -> Result<Option<(f64, f64)>, Error> {
    let limits = (fields.number("RateLimit")?, fields.number("BurstLimit")?);
    match limits {
        (Some(rate), Some(burst)) => {
            fields.finish()?;
            Ok(Some((rate, burst)))
        }
        (None, None) => fields.finish().map(|()| None),
        (Some(_), None) => Err(fields.missing("BurstLimit")),
        (None, Some(_)) => Err(fields.missing("RateLimit")),
    }
}

fn read_quota(mut fields: Fields) -> Result<Option<u64>, Error> {
    let limit = fields.integer("Limit", 1..=i64::MAX)?;
    let period = fields.text("Period")?;
    if period.is_some_and(|period| period != "DAY") {
        return Err(fields.wrong("Period", "must be DAY"));
    }
    fields.finish()?;
    Ok(limit.map(i64::unsigned_abs))
}

/// Reads the limits of a route, which is named by its path and method: `/generations/veo3/POST`.
fn read_route(name: &str, fields: Fields) -> Result<Throttle, Error> {
    let at = fields.at().to_owned();
    let (path, method) = name
        .rsplit_once('/')
        .ok_or_else(|| Error::at(&at, "must be a path and a method"))?;
    let (rate, burst) =
        read_limits(fields)?.ok_or_else(|| Error::at(&at, "must have a RateLimit"))?;
    Ok(Throttle {
        path: path.to_owned(),
        method: method.to_owned(),
        rate,
        burst,
    })
}

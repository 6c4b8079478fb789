//! Making the usage-plan keys that plans share. The template makes the first key of each plan, and this
//! module the others: hundreds of resources would not fit a CloudFormation stack. The sweep notices that
//! keys are missing, and the key worker makes them.

use std::time::Duration;

use aws::Fault;
use domain::plans::Plan;
use domain::usage_keys::{SharedKeys, UsagePlan, shared_key_value};
use plans::KeyMade;
use queue::LookAtKeys;
use store::System;

use crate::{App, Error, clock};

/// The least time that making a key takes. API Gateway makes five a second for
/// an account; two workers make four.
pub(crate) const PACE: Duration = Duration::from_millis(500);
/// The time for which one run of the worker makes keys.
const RUN_MAX: Duration = Duration::from_secs(14);

/// Asks the worker to look at the shared keys until all of them may be used. Returns whether it had to.
///
/// # Errors
/// A fault if the keys could not be read or the message not sent; the next run of the sweep tries again.
pub async fn send_missing(app: &App) -> Result<bool, Error> {
    let wanted = app.config.shared_keys.count;
    if wanted <= SharedKeys::FIRST.ready {
        return Ok(false);
    }
    let is_missing = app.store().shared_keys().await?.ready < wanted;
    if is_missing {
        app.queue().look_at_keys(&LookAtKeys::Shared).await?;
    }
    Ok(is_missing)
}

/// Makes missing shared keys, for some seconds, and marks them as ready once API Gateway has had the time
/// to learn of them all. Returns the number of keys that there are now, if it changed. Stops early when API
/// Gateway makes no more.
///
/// # Errors
/// A fault if something did not work. Doing everything again is harmless.
pub(crate) async fn make_missing(app: &App) -> Result<Option<i64>, Error> {
    let began_at = clock::now();
    let wanted = app.config.shared_keys.count;
    let SharedKeys { ready, made, .. } = app.store().shared_keys().await?;
    let mut keys = None;
    for number in made..wanted {
        if clock::now().since(began_at) >= RUN_MAX {
            return Ok(keys);
        }
        for plan in Plan::ALL {
            if !make(app, plan, number, &mut keys).await? {
                return Ok(keys);
            }
        }
        let made = app
            .store()
            .shared_keys_made(System, number + 1, clock::now());
        made.await?;
    }
    let SharedKeys { made, made_at, .. } = app.store().shared_keys().await?;
    let settles_at = made_at.plus(app.config.key_settles_after);
    if ready < wanted && made >= wanted && clock::now() >= settles_at {
        app.store().shared_keys_ready(System, made).await?;
    }
    Ok(keys)
}

/// Makes one key, and enters it in its plan. Returns `false` if it was not made.
async fn make(app: &App, plan: Plan, number: u32, keys: &mut Option<i64>) -> Result<bool, Fault> {
    let (plans, now) = (app.plans()?, clock::now());
    let value = shared_key_value(&app.config.shared_keys.prefix, plan, number);
    let key = match plans.make(&value, &value, now).await? {
        KeyMade::New(key) => {
            *keys = Some(app.store().count_keys(System, 1).await?);
            key
        }
        KeyMade::Before(key) => key,
        KeyMade::TooFast => return Ok(false),
        KeyMade::OutOfStock => {
            tracing::warn!(value, "there is no usage-plan key left; fewer are shared");
            return Ok(false);
        }
    };
    plans.enter(&key, UsagePlan::Shared(plan)).await?;
    clock::wait_until(now.plus(PACE)).await;
    Ok(true)
}

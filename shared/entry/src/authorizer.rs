//! The authorizer. It turns an `Authorization` header into a policy and the caller's usage-plan key.
//!
//! API Gateway caches the answer for a minute and applies it to every route, so the policy names the whole
//! stage, and each function checks what its caller may do. Only a failure whose message is exactly
//! `Unauthorized` becomes a 401. Any other failure becomes a 500, and then no caller is admitted.

use std::collections::HashMap;

use app::accounts::{self, Admitted};
use app::{App, Error, Service};
use domain::callers::{Caller, Credential};
use lambda_runtime::{LambdaEvent, service_fn};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::boot::{self, Exit};
use crate::failed::Failed;
use crate::measure::Measure;

/// The part of a REQUEST authorizer's event that is used.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AuthorizerEvent {
    method_arn: String,
    #[serde(default)]
    headers: Option<HashMap<String, String>>,
}

/// Runs the authorizer. It does not start without the keys that verify tokens.
#[must_use]
pub fn serve() -> Exit {
    boot::run(&[Service::Database], |app| async move {
        accounts::ready_to_authorize(app)
            .map_err(|fault| lambda_runtime::Error::from(fault.chain()))?;
        lambda_runtime::run(service_fn(move |event: LambdaEvent<AuthorizerEvent>| {
            authorize(app, event.payload)
        }))
        .await
    })
}

async fn authorize(app: &'static App, event: AuthorizerEvent) -> Result<Value, Failed> {
    let headers = event.headers.unwrap_or_default();
    let authorization = headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("authorization"));
    let authorization = authorization
        .map(|(_, value)| value.as_str())
        .unwrap_or_default();
    let measure = Measure::begin(app);
    let authorized = accounts::authorize(app, authorization).await;
    measure.end(
        "",
        1,
        u32::from(matches!(authorized, Err(Error::Faulted(_)))),
    );
    match authorized {
        Ok(admitted) => Ok(allow(&admitted, &event.method_arn)),
        Err(Error::Refused(refusal)) => Err(refusal.into()),
        Err(Error::Faulted(fault)) => {
            tracing::error!(fault = fault.chain(), "nobody can be let in");
            Err(fault.into())
        }
    }
}

fn allow(Admitted { caller, usage_key }: &Admitted, method_arn: &str) -> Value {
    json!({
        "principalId": caller.user.as_str(),
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [{"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": whole_stage(method_arn)}],
        },
        "context": context(caller),
        "usageIdentifierKey": usage_key,
    })
}

/// Returns the facts about the caller for each function: flat, and only text, as API Gateway passes them
/// on.
fn context(caller: &Caller) -> Value {
    let (shown, scopes, capped) = match &caller.credential {
        Credential::Session(session) => (session.as_str(), String::new(), false),
        Credential::Key { id, scopes, capped } => {
            let names: Vec<_> = scopes.iter().map(|scope| scope.as_str()).collect();
            (id.as_str(), names.join(" "), *capped)
        }
    };
    json!({
        "plan": caller.plan.as_str(),
        "email_verified": caller.email_verified.to_string(),
        "is_admin": caller.is_admin.to_string(),
        "shown": shown,
        "scopes": scopes,
        "capped": capped.to_string(),
    })
}

/// Returns the ARN of the whole stage: `arn:…:api/stage/GET/path` becomes `arn:…:api/stage/*`.
fn whole_stage(method_arn: &str) -> String {
    let mut parts = method_arn.splitn(3, '/');
    let (api, stage) = (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    );
    format!("{api}/{stage}/*")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_covers_the_stage_and_nothing_else() {
        assert_eq!(
            whole_stage(
                "arn:aws:execute-api:eu-west-1:123456789012:abc123/v1/GET/generations/gen_1"
            ),
            "arn:aws:execute-api:eu-west-1:123456789012:abc123/v1/*"
        );
    }
}

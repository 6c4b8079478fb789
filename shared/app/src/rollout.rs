//! Warns the operator when a changed setting did not reach the functions that are rolled out gradually.
//! They would go on with the previous one, unnoticed, until their code changes.

use aws::Fault;
use domain::rollout::Rollout;
use sha2::{Digest, Sha256};
use store::System;

use crate::{App, Config, metrics};

/// Compares the deployed settings and versions with the last ones that were in order. Only one function is
/// given the versions; in others it does nothing. Returns whether a setting is stale.
///
/// # Errors
/// A fault if the database cannot be asked.
pub async fn check(app: &App) -> Result<bool, Fault> {
    let Some(versions) = app.config.gradual_versions.clone() else {
        return Ok(false);
    };
    let settings = Config {
        gradual_versions: None,
        ..app.config.clone()
    };
    let deployed = Rollout {
        settings: hex::encode(Sha256::digest(format!("{settings:?}"))),
        versions,
    };
    let function = &app.config.function;
    let before = app.store().rollout(System, function).await?;
    let is_stale = before
        .as_ref()
        .is_some_and(|before| deployed.is_stale_after(before));
    if is_stale {
        metrics::gauge(app, "SettingsStale", 1);
        tracing::error!(
            "a setting was changed and did not reach the functions that are rolled out gradually; RUNBOOKS.md, SettingsAlarm"
        );
    } else if before.as_ref() != Some(&deployed) {
        app.store().put_rollout(System, function, &deployed).await?;
    }
    Ok(is_stale)
}

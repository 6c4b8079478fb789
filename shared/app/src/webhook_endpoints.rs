//! Webhook endpoints: making, looking at, changing and ending them, for a user or for a team.

use std::time::Duration;

use domain::Refusal;
use domain::access::Action;
use domain::accounts::Scope;
use domain::audit::{AuditAction, AuditEvent, Chain};
use domain::callers::{Caller, Credential};
use domain::ids::{KeyId, TeamId, Tenant, WebhookEndpointId};
use domain::ledger::Actor;
use domain::teams::Membership;
use domain::webhook_endpoints::{
    DisabledBecause, ENDPOINTS_MAX, EndpointChange, EndpointDetails, EndpointStatus, SecretSeeds,
    WebhookEndpoint,
};
use mail::{Letter, WebhookDisabled};
use store::{EndpointPut, MadeBy, System, WriteOutcome};

use crate::pages::{self, PageRequest, SealedPage};
use crate::webhook_secrets::{check_url, secret, seed};
use crate::{App, Error, alerts, audit, clock, teams};

/// The time that a write is tried while other writes conflict with it.
const PATIENCE: Duration = Duration::from_secs(3);
/// The time for which the worker goes on deleting the deliveries of a deleted endpoint, before it is sent
/// again.
const ENDING_TIME_MAX: Duration = Duration::from_secs(15);

/// An endpoint with its secret, to be shown.
#[derive(Debug)]
pub struct ShownEndpoint {
    /// The endpoint.
    pub endpoint: WebhookEndpoint,
    /// Its newest secret.
    pub secret: String,
}

/// Makes an endpoint, for the caller or for a team that they manage. Its secret is shown only in this
/// answer.
///
/// # Errors
/// [`Refusal::Invalid`] if nothing may be sent to the address, [`Refusal::NoSuch`] or
/// [`Refusal::Forbidden`] for a team that they do not manage, [`Refusal::Conflict`] if there are as many
/// endpoints as there may be.
pub async fn create(
    app: &App,
    caller: &Caller,
    details: EndpointDetails,
    team: Option<&TeamId>,
) -> Result<ShownEndpoint, Error> {
    check_url(app, "url", &details.url)?;
    let now = clock::now();
    let endpoint = WebhookEndpoint {
        id: WebhookEndpointId::new(now, clock::entropy()?),
        tenant: team.map_or_else(|| Tenant::from(&caller.user), Tenant::from),
        made_by: caller.user.clone(),
        details,
        status: EndpointStatus::Enabled,
        secrets: SecretSeeds::new(seed()?),
        failing_since: None,
        created_at: now,
        updated_at: now,
        version: 1,
    };
    let mut tries = clock::tries(PATIENCE);
    while tries.again().await? {
        let member = match team {
            Some(team) => Some(manager(app, caller, team).await?),
            None => None,
        };
        let by = MadeBy {
            key: key_of(caller),
            member: member.as_ref(),
        };
        let made = deed(caller, &endpoint, AuditAction::EndpointCreated);
        let put = audit::recorded(app, &made, None, |record| {
            app.store().put_webhook_endpoint(&endpoint, by, record)
        });
        match put.await? {
            EndpointPut::Done => return show(app, endpoint).await,
            EndpointPut::Stale => {}
            EndpointPut::CallerGone => return Err(Refusal::Unauthorized.into()),
            EndpointPut::TooMany => {
                let full = format!(
                    "there are {ENDPOINTS_MAX} webhook endpoints, which is all that there may be; delete one first"
                );
                return Err(Refusal::Conflict(full).into());
            }
        }
    }
    Err(Refusal::Busy.into())
}

/// Returns a page of the caller's own endpoints, or of those of a team that they manage, newest first.
///
/// # Errors
/// [`Refusal::InvalidCursor`] if the cursor is not from this list; for a team as for [`create`].
pub async fn list(
    app: &App,
    caller: &Caller,
    team: Option<&TeamId>,
    wanted: &PageRequest,
) -> Result<SealedPage<WebhookEndpoint>, Error> {
    let tenant = match team {
        Some(team) => {
            manager(app, caller, team).await?;
            Tenant::from(team)
        }
        None => Tenant::from(&caller.user),
    };
    let rows = app.store().webhook_endpoints(&tenant).await?;
    let binding = format!("{}/webhook-endpoints/{tenant}", caller.user);
    let place = |endpoint: &WebhookEndpoint| endpoint.id.clone();
    Ok(pages::of(rows, &binding, wanted, place, |id, last| {
        id < last
    })?)
}

/// Returns an endpoint of the caller, or of a team that they manage.
///
/// # Errors
/// [`Refusal::NotFound`] if there is no such endpoint that they may know of, [`Refusal::Forbidden`] if it
/// belongs to a team that they are in and do not manage.
pub async fn get(
    app: &App,
    caller: &Caller,
    id: &WebhookEndpointId,
) -> Result<WebhookEndpoint, Error> {
    let none = || Error::from(Refusal::NotFound("webhook endpoint"));
    let found = app.store().webhook_endpoint(System, id).await?;
    let is_there = |it: &WebhookEndpoint| it.status != EndpointStatus::Deleted;
    let endpoint = found.filter(is_there).ok_or_else(none)?;
    match may_manage(app, caller, &endpoint.tenant).await {
        Ok(()) => Ok(endpoint),
        Err(Error::Refused(Refusal::NotFound(_))) => Err(none()),
        Err(other) => Err(other),
    }
}

/// Checks that the caller manages the endpoints of `tenant`.
///
/// # Errors
/// [`Refusal::NotFound`] or [`Refusal::Forbidden`] if they do not.
pub(crate) async fn may_manage(app: &App, caller: &Caller, tenant: &Tenant) -> Result<(), Error> {
    match tenant {
        Tenant::User(user) if *user == caller.user => Ok(()),
        Tenant::User(_) => Err(Refusal::NotFound("webhook endpoint").into()),
        Tenant::Team(team) => {
            teams::get(app, caller, Action::Manage, team).await?;
            Ok(check_team_scope(caller)?)
        }
    }
}

/// Changes an endpoint. Returns it as it is then.
///
/// # Errors
/// As for [`get`]; [`Refusal::Invalid`] if nothing may be sent to its new address.
pub async fn update(
    app: &App,
    caller: &Caller,
    id: &WebhookEndpointId,
    change: &EndpointChange,
) -> Result<WebhookEndpoint, Error> {
    if let Some(url) = &change.url {
        check_url(app, "url", url)?;
    }
    let changed = AuditAction::EndpointChanged;
    step(app, caller, id, changed, |endpoint| {
        endpoint.changed(change.clone(), clock::now())
    })
    .await
}

/// Deletes an endpoint: it gets no more events, and its deliveries are deleted soon.
///
/// # Errors
/// As for [`get`].
pub async fn delete(app: &App, caller: &Caller, id: &WebhookEndpointId) -> Result<(), Error> {
    let deleted = AuditAction::EndpointDeleted;
    let gone = step(app, caller, id, deleted, |endpoint| {
        endpoint.deleted(clock::now())
    });
    gone.await.map(drop)
}

/// Gives an endpoint a new secret, which is shown only in this answer. The previous one signs, too, for a
/// day.
///
/// # Errors
/// As for [`get`].
pub async fn rotate(
    app: &App,
    caller: &Caller,
    id: &WebhookEndpointId,
) -> Result<ShownEndpoint, Error> {
    let seed = seed()?;
    let changed = AuditAction::EndpointChanged;
    let rotated = step(app, caller, id, changed, |endpoint| {
        endpoint.rotated(seed.clone(), clock::now())
    });
    show(app, rotated.await?).await
}

/// Writes the form that `next` gives to an endpoint that the caller manages.
async fn step(
    app: &App,
    caller: &Caller,
    id: &WebhookEndpointId,
    act: AuditAction,
    next: impl Fn(&WebhookEndpoint) -> WebhookEndpoint,
) -> Result<WebhookEndpoint, Error> {
    let mut tries = clock::tries(PATIENCE);
    while tries.again().await? {
        let before = get(app, caller, id).await?;
        let next = next(&before);
        let deed = deed(caller, &before, act);
        let written = audit::recorded(app, &deed, None, |record| {
            app.store().change_webhook_endpoint(&before, &next, record)
        });
        if written.await? == WriteOutcome::Done {
            return Ok(next);
        }
    }
    Err(Refusal::Busy.into())
}

/// Returns the record of the caller's act for the log of the endpoint's owner.
fn deed(caller: &Caller, endpoint: &WebhookEndpoint, act: AuditAction) -> AuditEvent {
    AuditEvent {
        chain: Chain::Tenant(endpoint.tenant.clone()),
        actor: Actor::User(caller.user.clone()),
        act,
        subject: endpoint.id.to_string(),
    }
}

/// Deletes the deliveries of a deleted endpoint, and finally the endpoint. The worker calls it. The sweep
/// finds what is left.
///
/// # Errors
/// A fault if something could not be deleted.
pub async fn end(app: &App, id: &WebhookEndpointId) -> Result<(), Error> {
    let give_up_at = clock::now().plus(ENDING_TIME_MAX);
    let found = app.store().webhook_endpoint(System, id).await?;
    let Some(endpoint) = found.filter(|it| it.status == EndpointStatus::Deleted) else {
        return Ok(());
    };
    while clock::now() < give_up_at {
        if app.store().end_webhook_endpoint(System, &endpoint).await? {
            return Ok(());
        }
    }
    Ok(())
}

/// Sends a letter to the owner of an endpoint that was disabled, unless it was enabled again meanwhile. The
/// mail worker calls it.
///
/// # Errors
/// A fault if the letter was not sent.
pub async fn write_letter(app: &App, id: &WebhookEndpointId) -> Result<(), Error> {
    let Some(endpoint) = app.store().webhook_endpoint(System, id).await? else {
        return Ok(());
    };
    let is_gone = match endpoint.status {
        EndpointStatus::Disabled(DisabledBecause::Gone) => true,
        EndpointStatus::Disabled(DisabledBecause::Failing) => false,
        EndpointStatus::Disabled(DisabledBecause::Asked)
        | EndpointStatus::Enabled
        | EndpointStatus::Deleted => return Ok(()),
    };
    let letter = Letter::WebhookDisabled(WebhookDisabled {
        endpoint: id.as_str(),
        team: match &endpoint.tenant {
            Tenant::User(_) => None,
            Tenant::Team(team) => Some(team.as_str()),
        },
        is_gone,
    });
    alerts::warn(app, &endpoint.tenant, letter, id.as_str()).await
}

async fn show(app: &App, endpoint: WebhookEndpoint) -> Result<ShownEndpoint, Error> {
    let secret = secret(app, endpoint.id.as_str(), &endpoint.secrets.newest).await?;
    Ok(ShownEndpoint {
        secret: secret.shown().to_string(),
        endpoint,
    })
}

/// Returns the caller's membership in a team that they manage.
async fn manager(app: &App, caller: &Caller, team: &TeamId) -> Result<Membership, Error> {
    let seen = match teams::get(app, caller, Action::Manage, team).await {
        Err(Error::Refused(Refusal::NotFound(noun))) => {
            let field = "team_id";
            return Err(Refusal::NoSuch { field, noun }.into());
        }
        seen => seen?,
    };
    check_team_scope(caller)?;
    Ok(seen.by)
}

/// Refuses an API key that may not administer teams: only those may manage a team's endpoints.
fn check_team_scope(caller: &Caller) -> Result<(), Refusal> {
    match caller.may(Scope::AdminTeam) {
        true => Ok(()),
        false => Err(Refusal::Forbidden),
    }
}

/// Returns the id of the API key that the caller uses, if they use one.
fn key_of(caller: &Caller) -> Option<&KeyId> {
    match &caller.credential {
        Credential::Key { id, .. } => Some(id),
        Credential::Session(_) => None,
    }
}

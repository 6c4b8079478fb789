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
use store::{EndpointPut, MadeBy, System, Written};

use crate::pages::{self, Page, PageRequest};
use crate::webhook_secrets::{check_url, secret, seed};
use crate::{App, Error, alerts, audit, clock, teams};

/// How long a write is tried while other writes stand in its way.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long the worker goes on deleting what an endpoint that is gone was told, before it is sent again.
const ENDING_TIME_MAX: Duration = Duration::from_secs(15);

/// An endpoint, with its secret where that is shown.
#[derive(Debug)]
pub struct ShownEndpoint {
    /// The endpoint.
    pub endpoint: WebhookEndpoint,
    /// Its newest secret.
    pub secret: String,
}

/// Makes an endpoint, the caller's own or one of a team that they manage; shows its secret this once.
///
/// # Errors
/// [`Refusal::Invalid`] if the address may not be told anything, [`Refusal::NoSuch`] or
/// [`Refusal::Forbidden`] for a team that they do not manage, [`Refusal::Conflict`] if there are as many as
/// there may be.
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

/// A page of the caller's own endpoints, or of those of a team that they manage, the newest first.
///
/// # Errors
/// [`Refusal::InvalidCursor`] if the cursor is not from this list; for a team as [`create`].
pub async fn list(
    app: &App,
    caller: &Caller,
    team: Option<&TeamId>,
    wanted: &PageRequest,
) -> Result<Page<WebhookEndpoint>, Error> {
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

/// An endpoint of the caller's own, or of a team that they manage.
///
/// # Errors
/// [`Refusal::NotFound`] if there is none that they may know of, [`Refusal::Forbidden`] if it is a team's
/// that they are in and do not manage.
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

/// Whether the caller manages what `tenant` is told.
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

/// Changes an endpoint; answers it as it is then.
///
/// # Errors
/// As [`get`]; [`Refusal::Invalid`] if its new address may not be told anything.
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

/// Deletes an endpoint: it is told nothing more, and what it was told goes soon.
///
/// # Errors
/// As [`get`].
pub async fn delete(app: &App, caller: &Caller, id: &WebhookEndpointId) -> Result<(), Error> {
    let deleted = AuditAction::EndpointDeleted;
    let gone = step(app, caller, id, deleted, |endpoint| {
        endpoint.deleted(clock::now())
    });
    gone.await.map(drop)
}

/// Gives an endpoint a new secret, and shows it this once. The one before it signs, too, for a day.
///
/// # Errors
/// As [`get`].
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

/// Writes what `next` makes of an endpoint that the caller manages.
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
        if written.await? == Written::Done {
            return Ok(next);
        }
    }
    Err(Refusal::Busy.into())
}

/// What the log of an endpoint's owner, or team, tells of what the caller does to it.
fn deed(caller: &Caller, endpoint: &WebhookEndpoint, act: AuditAction) -> AuditEvent {
    AuditEvent {
        chain: Chain::Tenant(endpoint.tenant.clone()),
        actor: Actor::User(caller.user.clone()),
        act,
        subject: endpoint.id.to_string(),
    }
}

/// The worker's part: deletes what an endpoint that is gone was told, and the endpoint at last. What is left
/// then is found by the sweep.
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

/// The mail worker's part: tells whoever an endpoint belongs to that it was disabled, unless it was enabled
/// again meanwhile.
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

/// The caller's place in a team that they manage.
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

/// What a team is told is for keys that may administer teams.
fn check_team_scope(caller: &Caller) -> Result<(), Refusal> {
    match caller.may(Scope::AdminTeam) {
        true => Ok(()),
        false => Err(Refusal::Forbidden),
    }
}

/// The API key that a caller shows, if they show one.
fn key_of(caller: &Caller) -> Option<&KeyId> {
    match &caller.credential {
        Credential::Key { id, .. } => Some(id),
        Credential::Session(_) => None,
    }
}

//! Teams: making, looking at, changing, handing over and ending them.

use std::time::Duration;

use domain::Refusal;
use domain::access::Action;
use domain::audit::{AuditAction, AuditEvent, AuditRecord, Chain, ChainHead};
use domain::callers::Caller;
use domain::generations::GenerationStats;
use domain::ids::{TeamId, Tenant, UserId};
use domain::ledger::{Actor, LedgerEvent};
use domain::teams::{
    Membership, Role, TEAMS_JOINED_MAX, TEAMS_OWNED_MAX, Team, TeamChange, TeamDetails,
};
use store::{ListScope, TeamEndOutcome, TeamSeen, TeamWritten};

use crate::pages::{self, SealedPage};
use crate::{App, Error, audit, clock};

/// The time that a write is tried while others are under way.
pub(crate) const PATIENCE: Duration = Duration::from_secs(6);

/// Returns the record of an act of `caller` for the log of a team.
pub(crate) fn event(
    team: &TeamId,
    caller: &Caller,
    act: AuditAction,
    subject: impl Into<String>,
) -> AuditEvent {
    AuditEvent {
        chain: chain(team),
        actor: Actor::User(caller.user.clone()),
        act,
        subject: subject.into(),
    }
}

/// Refuses a caller whose e-mail is not verified: the members of a team must be reachable.
pub(crate) fn check_verified(caller: &Caller) -> Result<(), Refusal> {
    if caller.email_verified {
        Ok(())
    } else {
        Err(Refusal::Conflict(
            "verify your e-mail address first".to_owned(),
        ))
    }
}

/// Returns the refusal for a user who cannot be in, or own, another team.
pub(crate) fn too_many() -> Refusal {
    Refusal::Conflict(format!(
        "one can own {TEAMS_OWNED_MAX} teams and be in {TEAMS_JOINED_MAX}; delete or leave one first"
    ))
}

/// Makes a team that the caller owns.
///
/// # Errors
/// [`Refusal::Conflict`] if their e-mail is not verified, or they have as many teams as they may have.
pub async fn create(app: &App, caller: &Caller, details: TeamDetails) -> Result<TeamSeen, Error> {
    check_verified(caller)?;
    let now = clock::now();
    let team = Team {
        id: TeamId::new(now, clock::entropy()?),
        owner: caller.user.clone(),
        details,
        members: 1,
        created_at: now,
        updated_at: now,
        version: 1,
    };
    let made = event(&team.id, caller, AuditAction::TeamCreated, team.id.as_str());
    // The log is new, so its end need not be read.
    let head = Some(ChainHead::START);
    let written = audit::recorded(app, &made, head, |record| {
        app.store().put_team(&team, record)
    });
    match written.await? {
        TeamWritten::Done => {}
        TeamWritten::AccountGone => return Err(Refusal::Unauthorized.into()),
        TeamWritten::TooManyTeams => return Err(too_many().into()),
        TeamWritten::Stale => return Err(Refusal::Busy.into()),
    }
    let by = Membership {
        team: team.id.clone(),
        user: caller.user.clone(),
        role: Role::Owner,
        credit_cap: None,
        joined_at: now,
    };
    Ok(TeamSeen { team, by })
}

/// Returns a team in which the caller may do this.
///
/// # Errors
/// [`Refusal::NotFound`] if they are not in it, [`Refusal::Forbidden`] if their role does not allow it.
pub async fn get(
    app: &App,
    caller: &Caller,
    action: Action,
    id: &TeamId,
) -> Result<TeamSeen, Error> {
    Ok(app.store().team(&caller.user, action, id).await??)
}

/// Does the same for an act that will be recorded. It also returns the end of the team's log, read at the
/// same time.
///
/// # Errors
/// As for [`get`].
pub(crate) async fn get_to_act(
    app: &App,
    caller: &Caller,
    action: Action,
    id: &TeamId,
) -> Result<(TeamSeen, Option<ChainHead>), Error> {
    let chain = chain(id);
    let (seen, head) = tokio::try_join!(
        app.store().team(&caller.user, action, id),
        app.store().audit_head(&chain)
    )?;
    Ok((seen?, Some(head)))
}

/// Returns a page of the teams that the caller is in, newest first.
///
/// # Errors
/// [`Refusal::InvalidCursor`] if the cursor is not from this list.
pub async fn list(
    app: &App,
    caller: &Caller,
    cursor: Option<&str>,
    limit: u32,
) -> Result<SealedPage<TeamSeen>, Error> {
    let binding = format!("{}/teams", caller.user);
    pages::read(cursor, &binding, |after| {
        app.store().teams(&caller.user, after, limit)
    })
    .await
}

/// Changes a team that the caller manages. Returns it as it is then.
///
/// # Errors
/// [`Refusal::NotFound`] or [`Refusal::Forbidden`] if they may not, [`Refusal::Conflict`] if it
/// would have fewer seats than members.
pub async fn update(
    app: &App,
    caller: &Caller,
    id: &TeamId,
    change: &TeamChange,
) -> Result<TeamSeen, Error> {
    let mut tries = clock::tries(PATIENCE);
    while tries.again().await? {
        let (TeamSeen { team, by }, head) = get_to_act(app, caller, Action::Manage, id).await?;
        let next = team.changed(change.clone(), clock::now())?;
        let changed = event(id, caller, AuditAction::TeamUpdated, id.as_str());
        let written = audit::recorded(app, &changed, head, |record| {
            app.store().replace_team(&next, &by, record)
        });
        if written.await? == TeamWritten::Done {
            return Ok(TeamSeen { team: next, by });
        }
    }
    Err(Refusal::Busy.into())
}

/// Hands one of the caller's teams over to another member. Returns it as it is then.
///
/// # Errors
/// [`Refusal::NotFound`] or [`Refusal::Forbidden`] if they may not, [`Refusal::NoSuch`] if that user is not
/// in it, [`Refusal::Conflict`] if that user is the caller, or cannot own another team.
pub async fn hand_over(
    app: &App,
    caller: &Caller,
    id: &TeamId,
    to: &UserId,
) -> Result<TeamSeen, Error> {
    let mut tries = clock::tries(PATIENCE);
    while tries.again().await? {
        let (TeamSeen { team, .. }, head) = get_to_act(app, caller, Action::Own, id).await?;
        if *to == caller.user {
            return Err(Refusal::Conflict("the team is yours".to_owned()).into());
        }
        let heir = app.store().membership(id, to).await?;
        let heir = heir.ok_or(NO_SUCH_MEMBER)?;
        let handed = event(id, caller, AuditAction::OwnershipTransferred, to.as_str());
        let written = audit::recorded(app, &handed, head, |record| {
            app.store().hand_over(&team, &heir, record)
        });
        match written.await? {
            TeamWritten::Done => return get(app, caller, Action::View, id).await,
            TeamWritten::Stale => {}
            TeamWritten::AccountGone => return Err(NO_SUCH_MEMBER.into()),
            TeamWritten::TooManyTeams => {
                let full = format!("they own {TEAMS_OWNED_MAX} teams, which is all that one may");
                return Err(Refusal::Conflict(full).into());
            }
        }
    }
    Err(Refusal::Busy.into())
}

/// The refusal for a user who is not in the team.
const NO_SUCH_MEMBER: Refusal = Refusal::NoSuch {
    field: "user_id",
    noun: "member",
};

/// Ends one of the caller's teams: the credits of its wallet go into theirs, and what was made in it is
/// deleted.
///
/// # Errors
/// [`Refusal::NotFound`] or [`Refusal::Forbidden`] if they may not,
/// [`Refusal::Conflict`] while a job of its wallet runs.
pub async fn delete(app: &App, caller: &Caller, id: &TeamId) -> Result<(), Error> {
    let (own, theirs) = (Tenant::from(&caller.user), Tenant::from(id));
    let mut tries = clock::tries(PATIENCE);
    while tries.again().await? {
        let (TeamSeen { team, by }, head) = get_to_act(app, caller, Action::Own, id).await?;
        let (wallet, home) =
            tokio::try_join!(app.store().wallet(&theirs), app.store().wallet(&own))?;
        if wallet.in_flight > 0 {
            let runs = format!(
                "{} of the team's generations run; cancel them or wait for their end, then delete the team",
                wallet.in_flight
            );
            return Err(Refusal::Conflict(runs).into());
        }
        let amount = wallet.spendable();
        let returned = LedgerEvent {
            id: id.ulid(),
            actor: Actor::User(caller.user.clone()),
            description: "Returned from a team that was deleted",
        };
        let transfer = match amount.get() {
            0 => None,
            _ => Some(wallet.transfer(&home, amount, &returned, clock::now())?),
        };
        let deleted = event(id, caller, AuditAction::TeamDeleted, id.as_str());
        let ended = audit::recorded(app, &deleted, head, |record| {
            app.store()
                .end_team(&team, &by, &wallet, transfer.as_ref(), record)
        });
        match ended.await? {
            TeamEndOutcome::Done => return Ok(()),
            TeamEndOutcome::Stale => {}
        }
    }
    Err(Refusal::Busy.into())
}

/// Returns sums over the newest generations of a team, and whether these are all that it has.
///
/// # Errors
/// [`Refusal::NotFound`] or [`Refusal::Forbidden`] if they may not see what these cost.
pub async fn stats(
    app: &App,
    caller: &Caller,
    id: &TeamId,
) -> Result<(GenerationStats, bool), Error> {
    let seen = get(app, caller, Action::ViewCosts, id).await?;
    let scope = ListScope::Team(&seen.team);
    Ok(app.store().generation_stats(scope).await?)
}

/// Returns a page of the audit log of a team that the caller manages, newest first.
///
/// # Errors
/// [`Refusal::NotFound`] or [`Refusal::Forbidden`] if they may not, [`Refusal::InvalidCursor`] if
/// the cursor is not from this list.
pub async fn audit(
    app: &App,
    caller: &Caller,
    id: &TeamId,
    cursor: Option<&str>,
    limit: u32,
) -> Result<SealedPage<AuditRecord>, Error> {
    get(app, caller, Action::Manage, id).await?;
    let (list, chain) = (format!("{}/team-audit", caller.user), chain(id));
    audit::page(app, &list, &chain, cursor, limit).await
}

/// Returns a page of the events in a team that the caller is in, newest first. It has the records that are
/// meant for every member, and none of invitations or of a member's cap. It may be shorter than the limit
/// and still have a next one.
///
/// # Errors
/// [`Refusal::NotFound`] if they are not in it, [`Refusal::InvalidCursor`] if the cursor is not from this
/// list.
pub async fn activity(
    app: &App,
    caller: &Caller,
    id: &TeamId,
    cursor: Option<&str>,
    limit: u32,
) -> Result<SealedPage<AuditRecord>, Error> {
    get(app, caller, Action::View, id).await?;
    let (list, chain) = (format!("{}/team-activity", caller.user), chain(id));
    let mut page = audit::page(app, &list, &chain, cursor, limit).await?;
    page.rows.retain(|record| record.deed.is_told_to_members());
    Ok(page)
}

fn chain(id: &TeamId) -> Chain {
    Chain::Tenant(Tenant::from(id))
}

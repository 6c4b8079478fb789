//! The members of a team: listing, changing and removing them, and leaving a team.

use domain::Refusal;
use domain::access::Action;
use domain::audit::AuditAction;
use domain::callers::Caller;
use domain::ids::{TeamId, UserId};
use domain::teams::{Membership, MembershipChange, Role};
use domain::time::Month;
pub use store::Member;
use store::{Removal, TeamSeen, TeamWritten};

use crate::pages::{self, SealedPage};
use crate::teams::{PATIENCE, event, get, get_to_act};
use crate::{App, Error, audit, clock};

/// Returns a page of the members of a team that the caller is in, the latest to join first, and the
/// caller's role, which decides how much is shown of each.
///
/// # Errors
/// [`Refusal::NotFound`] if they are not in it, [`Refusal::InvalidCursor`] if the cursor is not from this
/// list.
pub async fn list(
    app: &App,
    caller: &Caller,
    id: &TeamId,
    cursor: Option<&str>,
    limit: u32,
) -> Result<(SealedPage<Member>, Role), Error> {
    let seen = get(app, caller, Action::View, id).await?;
    let binding = format!("{}/teams/{id}/members", caller.user);
    let month = Month::from(clock::now());
    let page = pages::read(cursor, &binding, |after| {
        app.store().members(&seen.team, month, after, limit)
    });
    Ok((page.await?, seen.by.role))
}

/// Returns the membership of the user that the path names.
async fn place(app: &App, id: &TeamId, user: &UserId) -> Result<Membership, Error> {
    let found = app.store().membership(id, user).await?;
    Ok(found.ok_or(Refusal::NotFound("member"))?)
}

/// Changes a member's role or cap. Returns the member as they are then, and the caller's role.
///
/// # Errors
/// [`Refusal::NotFound`] or [`Refusal::Forbidden`] if the caller may not,
/// [`Refusal::Conflict`] for the owner's role.
pub async fn update(
    app: &App,
    caller: &Caller,
    id: &TeamId,
    user: &UserId,
    change: &MembershipChange,
) -> Result<(Member, Role), Error> {
    let mut tries = clock::tries(PATIENCE);
    while tries.again().await? {
        let (TeamSeen { by, .. }, head) = get_to_act(app, caller, Action::Manage, id).await?;
        let before = place(app, id, user).await?;
        by.may_change(&before, change)?;
        let next = before.changed(change);
        if next == before {
            return Ok((shown(app, before).await?, by.role));
        }
        let cap = next.credit_cap.map(|cap| cap.to_string());
        let holds = format!(
            "{user} role={} credit_cap={}",
            next.role.as_str(),
            cap.as_deref().unwrap_or("none")
        );
        let changed = event(id, caller, AuditAction::MemberChanged, holds);
        let written = audit::recorded(app, &changed, head, |record| {
            app.store().replace_member(&before, &next, &by, record)
        });
        if written.await? == TeamWritten::Done {
            return Ok((shown(app, next).await?, by.role));
        }
    }
    Err(Refusal::Busy.into())
}

async fn shown(app: &App, membership: Membership) -> Result<Member, Error> {
    let month = Month::from(clock::now());
    Ok(app.store().member(membership, month).await?)
}

/// Removes a member. Their running jobs go on, and the team keeps what they made.
///
/// # Errors
/// [`Refusal::NotFound`] or [`Refusal::Forbidden`] if the caller may not, [`Refusal::Conflict`] for the
/// owner and for the caller themselves.
pub async fn remove(app: &App, caller: &Caller, id: &TeamId, user: &UserId) -> Result<(), Error> {
    let mut tries = clock::tries(PATIENCE);
    while tries.again().await? {
        let (TeamSeen { by, .. }, head) = get_to_act(app, caller, Action::Manage, id).await?;
        let member = place(app, id, user).await?;
        by.may_remove(&member)?;
        let removed = event(id, caller, AuditAction::MemberRemoved, user.as_str());
        let written = audit::recorded(app, &removed, head, |record| {
            app.store().remove_member(&member, Removal::By(&by), record)
        });
        if written.await? == TeamWritten::Done {
            return Ok(());
        }
    }
    Err(Refusal::Busy.into())
}

/// Removes the caller from a team.
///
/// # Errors
/// [`Refusal::NotFound`] if they are not in it, [`Refusal::Conflict`] if they own the team and must hand it
/// over first.
pub async fn leave(app: &App, caller: &Caller, id: &TeamId) -> Result<(), Error> {
    let mut tries = clock::tries(PATIENCE);
    while tries.again().await? {
        let (TeamSeen { by, .. }, head) = get_to_act(app, caller, Action::View, id).await?;
        if by.role == Role::Owner {
            let owner = "the team is yours; hand it over with POST /teams/{team_id}/transfer-ownership, or delete it";
            return Err(Refusal::Conflict(owner.to_owned()).into());
        }
        let left = event(id, caller, AuditAction::MemberLeft, caller.user.as_str());
        let written = audit::recorded(app, &left, head, |record| {
            app.store().remove_member(&by, Removal::Leave, record)
        });
        if written.await? == TeamWritten::Done {
            return Ok(());
        }
    }
    Err(Refusal::Busy.into())
}

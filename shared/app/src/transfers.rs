//! A team's wallet: looking at it, and moving one's own credits into it.

use std::time::Duration;

use domain::access::{Action, Spender};
use domain::audit::{AuditAction, Chain};
use domain::callers::Caller;
use domain::idempotency::IdempotencyKey;
use domain::ids::{TeamId, Tenant, TransferId};
use domain::ledger::{Actor, Entry, LedgerEvent, Wallet};
use domain::{Credits, Refusal};
use store::{Funded, Funding, Once, TeamSeen};

use crate::pages::{self, SealedPage};
use crate::postings::{self, Booking};
use crate::teams::{check_verified, event, get};
use crate::{App, Error, api_keys, audit, clock};

/// The time that a transfer is tried while others write to the same wallets: well inside the gateway's 29
/// seconds.
const PATIENCE: Duration = Duration::from_secs(8);

/// Returns the wallet of a team whose credits the caller may see.
///
/// # Errors
/// [`Refusal::NotFound`] or [`Refusal::Forbidden`] if they may not see them.
pub async fn balance(app: &App, caller: &Caller, id: &TeamId) -> Result<Wallet, Error> {
    get(app, caller, Action::ViewCosts, id).await?;
    Ok(app.store().wallet(&Tenant::from(id)).await?)
}

/// Returns a page of the ledger of a team whose credits the caller may see, newest first.
///
/// # Errors
/// [`Refusal::NotFound`] or [`Refusal::Forbidden`] if they may not, [`Refusal::InvalidCursor`] if
/// the cursor is not from this list.
pub async fn transactions(
    app: &App,
    caller: &Caller,
    id: &TeamId,
    cursor: Option<&str>,
    limit: u32,
) -> Result<SealedPage<Entry>, Error> {
    get(app, caller, Action::ViewCosts, id).await?;
    let binding = format!("{}/teams/{id}/transactions", caller.user);
    let team = Tenant::from(id);
    pages::read(cursor, &binding, |after| {
        app.store().entries(&team, after, limit)
    })
    .await
}

/// Moves credits from the caller's own wallet into their team's, once for each of their keys. Returns the
/// entry in their own ledger.
///
/// # Errors
/// [`Refusal::NotFound`] or [`Refusal::Forbidden`] if they may not, [`Refusal::Conflict`] if their e-mail
/// is not verified, [`Refusal::OutOfCredits`] if they have less, [`Refusal::KeyCapReached`] if their API
/// key may not spend so much, [`Refusal::IdempotencyMismatch`] if the key came with another request.
pub async fn fund(
    app: &App,
    caller: &Caller,
    id: &TeamId,
    amount: Credits,
    key: Option<&IdempotencyKey>,
) -> Result<Booking, Error> {
    check_verified(caller)?;
    let once = postings::once(caller, key, &format!("transfer/{id}/{amount}"));
    let now = clock::now();
    let transfer_id = TransferId::new(now, clock::entropy()?);
    let mut tries = clock::tries(PATIENCE);
    while tries.again().await? {
        let TeamSeen { by, .. } = get(app, caller, Action::File, id).await?;
        let by = Spender::of(&caller.user, Some(by))?;
        if let Some(booking) = postings::replayed(app, once.as_ref()).await? {
            return Ok(booking);
        }
        let funded = try_fund(app, caller, &by, &transfer_id, amount, once.as_ref());
        if let Some(booking) = funded.await? {
            return Ok(booking);
        }
    }
    Err(Refusal::Busy.into())
}

/// Tries a transfer once. Returns `None` if others were first.
async fn try_fund(
    app: &App,
    caller: &Caller,
    by: &Spender,
    transfer_id: &TransferId,
    amount: Credits,
    once: Option<&Once>,
) -> Result<Option<Booking>, Error> {
    let team = &by.membership().team;
    let (own, theirs) = (Tenant::from(&caller.user), Tenant::from(team));
    let log = Chain::Tenant(theirs.clone());
    let (from, into, head, capped_key) = tokio::try_join!(
        async { Ok(app.store().wallet(&own).await?) },
        async { Ok(app.store().wallet(&theirs).await?) },
        async { Ok(app.store().audit_head(&log).await?) },
        api_keys::capped(app, caller)
    )?;
    let description = format!("Moved into the wallet of {team}");
    let moved = LedgerEvent {
        id: transfer_id.ulid(),
        actor: Actor::User(caller.user.clone()),
        description: &description,
    };
    let transfer = match from.transfer(&into, amount, &moved, clock::now()) {
        Ok(transfer) => transfer,
        // This very request, sent twice, may have moved the credits.
        Err(refusal) => return Ok(Some(postings::replayed(app, once).await?.ok_or(refusal)?)),
    };
    let left = capped_key.as_ref().and_then(|key| key.left(clock::now()));
    if left.is_some_and(|left| left < amount) {
        let refusal = Refusal::KeyCapReached;
        return Ok(Some(postings::replayed(app, once).await?.ok_or(refusal)?));
    }
    let funding = Funding {
        transfer: &transfer,
        by,
        capped_key: capped_key.as_ref(),
        once,
    };
    let subject = transfer.into.entry.id.as_str();
    let told = event(team, caller, AuditAction::CreditsTransferred, subject);
    let funded = audit::recorded(app, &told, Some(head), |record| {
        app.store().fund(&funding, record)
    });
    match funded.await? {
        Funded::Done => Ok(Some(Booking {
            entry: transfer.out.entry.clone(),
            replayed: false,
        })),
        Funded::KeyUsed(used) => postings::found(app, once, used).await.map(Some),
        Funded::CallerGone => Err(Refusal::Unauthorized.into()),
        Funded::Stale => Ok(None),
    }
}

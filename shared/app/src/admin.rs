//! The acts of platform admins: looking at users, teams and wallets, giving and taking back credits,
//! changing accounts.

use domain::Refusal;
use domain::accounts::{Email, User};
use domain::admin::{AccountChange, CreditChange, Grant};
use domain::attempts::Attempt;
use domain::audit::{AuditAction, AuditEvent, Chain};
use domain::callers::Admin;
use domain::idempotency::IdempotencyKey;
use domain::ids::{GrantId, TeamId, Tenant, UserId};
use domain::ledger::{Actor, Income, LedgerEvent, Wallet};
use domain::teams::Team;
use domain::usage_keys::KeyNote;
use store::NewEra;

use crate::pages::{self, PageRequest, SealedPage};
use crate::postings::{self, Booking, BookingOutcome, BookingRequest};
use crate::{App, Error, audit, clock, usage_keys};

/// The most attempts to suspend a user who begins new eras meanwhile. Each era takes a password or a mailed
/// token.
const SUSPEND_ATTEMPTS_MAX: u32 = 5;

/// Gives credits to a user, or takes some back. The user's audit log records it.
///
/// # Errors
/// [`Refusal::NoSuch`] if there is no such user, [`Refusal::Conflict`] if the wallet has less than is to be
/// taken, or cannot hold what is to be given.
pub async fn grant(
    app: &App,
    admin: &Admin,
    grant: &Grant,
    key: Option<&IdempotencyKey>,
) -> Result<Booking, Error> {
    if app.store().user(&grant.user).await?.is_none() {
        return Err(no_such_user().into());
    }
    let id = GrantId::new(clock::now(), clock::entropy()?);
    let event = LedgerEvent {
        id: id.ulid(),
        actor: Actor::User(admin.user.clone()),
        description: &grant.reason,
    };
    let act = match grant.change {
        CreditChange::Up(_) => AuditAction::CreditsGranted,
        CreditChange::Down(_) => AuditAction::CreditsAdjusted,
    };
    let order = BookingRequest {
        tenant: Tenant::User(grant.user.clone()),
        once: postings::once(admin, key, &grant.fingerprint),
        promo: None,
        act: Some(act),
    };
    let ended = postings::post(app, &order, |wallet, now| match grant.change {
        CreditChange::Up(amount) => wallet
            .add(Income::Grant, amount, &event, now)
            .map_err(|_| Refusal::Conflict("the wallet cannot hold that much".to_owned())),
        CreditChange::Down(amount) => wallet.take_back(amount, &event, now).map_err(|_| {
            let available = wallet.available;
            Refusal::Conflict(format!("only {available} credits are available"))
        }),
    });
    match ended.await? {
        BookingOutcome::Booked(booking) => Ok(booking),
        // The id is fresh, so an earlier try of this request made the entry, and its answer was lost.
        BookingOutcome::Before(entry) => Ok(Booking {
            entry,
            replayed: false,
        }),
        BookingOutcome::PromoClosed => Err(Refusal::Busy.into()),
    }
}

/// Changes an account. Each change is recorded as an act of its own. A suspended user is refused within the
/// minute for which the authorizer's answer is kept, with every credential: session, refresh token,
/// password and API key. After they are reinstated they must sign in again; their API keys work again.
///
/// # Errors
/// [`Refusal::NotFound`] if there is no such user, [`Refusal::Conflict`] for an admin who would suspend
/// themselves.
pub async fn change_account(
    app: &App,
    admin: &Admin,
    id: &UserId,
    change: AccountChange,
) -> Result<User, Error> {
    if admin.user == *id && change.suspended == Some(true) {
        return Err(Refusal::Conflict("you cannot suspend yourself".to_owned()).into());
    }
    let store = app.store();
    let deed = |act, subject: &str| AuditEvent {
        chain: Chain::of(id),
        actor: Actor::User(admin.user.clone()),
        act,
        subject: subject.to_owned(),
    };
    if let Some(plan) = change.plan {
        let deed = deed(AuditAction::PlanChanged, plan.as_str());
        let write = |record| store.change_plan(id, plan, record);
        there_is(audit::recorded(app, &deed, None, write).await?)?;
    }
    match change.suspended {
        Some(true) => suspend(app, id, &deed(AuditAction::Suspended, id.as_str())).await?,
        Some(false) => {
            let deed = deed(AuditAction::Reinstated, id.as_str());
            let write = |record| store.reinstate(id, record);
            there_is(audit::recorded(app, &deed, None, write).await?)?;
        }
        None => {}
    }
    let user = store.user(id).await?;
    let user = user.ok_or(Refusal::NotFound("user"))?;
    if change.plan.is_some() {
        usage_keys::tell(app, &KeyNote::of(&user)).await;
    }
    Ok(user)
}

/// Closes an account and ends its sessions for good, so that a thief of a session does not return with the
/// owner.
async fn suspend(app: &App, id: &UserId, deed: &AuditEvent) -> Result<(), Error> {
    let new = NewEra {
        is_suspension: true,
        ..NewEra::default()
    };
    for _ in 0..SUSPEND_ATTEMPTS_MAX {
        let user = app.store().user(id).await?;
        let user = user.ok_or(Refusal::NotFound("user"))?;
        let write = |record| app.store().begin_era(&user, new, record);
        if audit::recorded(app, deed, None, write).await? {
            return Ok(());
        }
    }
    Err(Refusal::Busy.into())
}

/// Clears the failed sign-ins that locked an account, from all sources.
///
/// # Errors
/// [`Refusal::NotFound`] if there is no such user.
pub async fn unlock(app: &App, admin: &Admin, id: &UserId) -> Result<(), Error> {
    let store = app.store();
    let user = store.user(id).await?.ok_or(Refusal::NotFound("user"))?;
    let deed = AuditEvent {
        chain: Chain::of(id),
        actor: Actor::User(admin.user.clone()),
        act: AuditAction::Unlocked,
        subject: id.to_string(),
    };
    let write = |record| store.record_of_account(id, record);
    there_is(audit::recorded(app, &deed, None, write).await?)?;
    tokio::try_join!(
        store.forget_failures(&user.email),
        store.forget(Attempt::PasswordCheck(id))
    )?;
    Ok(())
}

/// Returns a page of the users whose account has this e-mail: one, or none.
///
/// # Errors
/// [`Refusal::InvalidCursor`] if the cursor is not from this list.
pub async fn users_with(
    app: &App,
    admin: &Admin,
    email: &Email,
    wanted: &PageRequest,
) -> Result<SealedPage<User>, Error> {
    let user = match app.store().credential(email).await? {
        Some(credential) => app.store().user(&credential.user).await?,
        None => None,
    };
    let binding = format!("{}/admin/users?{}", admin.user, email.as_str());
    Ok(pages::numbered(
        user.into_iter().collect(),
        &binding,
        wanted,
    )?)
}

/// Returns a user and their wallet.
///
/// # Errors
/// [`Refusal::NotFound`] if there is no such user.
pub async fn user(app: &App, id: &UserId) -> Result<(User, Wallet), Error> {
    let (store, owner) = (app.store(), Tenant::from(id));
    let (user, wallet) = tokio::join!(store.user(id), store.wallet(&owner));
    // A user who does not exist has no wallet, either.
    let user = user?.ok_or(Refusal::NotFound("user"))?;
    Ok((user, wallet?))
}

/// Returns a team and its wallet.
///
/// # Errors
/// [`Refusal::NotFound`] if there is no such team.
pub async fn team(app: &App, admin: &Admin, id: &TeamId) -> Result<(Team, Wallet), Error> {
    let (store, owner) = (app.store(), Tenant::from(id));
    let (team, wallet) = tokio::join!(store.any_team(admin, id), store.wallet(&owner));
    let team = team?.ok_or(Refusal::NotFound("team"))?;
    Ok((team, wallet?))
}

fn there_is(user: bool) -> Result<(), Refusal> {
    if user {
        Ok(())
    } else {
        Err(Refusal::NotFound("user"))
    }
}

fn no_such_user() -> Refusal {
    Refusal::NoSuch {
        field: "user_id",
        noun: "user",
    }
}

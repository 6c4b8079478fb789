//! What platform admins do: giving and taking back credits, changing accounts. Whoever calls these is an admin: the
//! functions ask the request for one.

use domain::Refusal;
use domain::accounts::{Caller, User};
use domain::admin::{AccountChange, Change, Grant};
use domain::audit::{Act, Chain, Deed};
use domain::ids::{GrantId, Tenant, UserId};
use domain::ledger::{Actor, Event, Income};

use crate::generations::Key;
use crate::postings::{self, Booking, Ended, Order};
use crate::{App, Error, audit, clock};

/// Gives credits to a user, or takes some back.
///
/// # Errors
/// [`Refusal::NoSuch`] without such a user, [`Refusal::Conflict`] if less is there than is to be taken, or more would be
/// there than a wallet can hold.
pub async fn grant(
    app: &App,
    admin: &Caller,
    grant: &Grant,
    key: Option<&Key>,
) -> Result<Booking, Error> {
    if app.store().user(&grant.user).await?.is_none() {
        return Err(no_such_user().into());
    }
    let id = GrantId::new(clock::now(), clock::entropy()?);
    let event = Event {
        id: id.ulid(),
        actor: Actor::User(admin.user.clone()),
        description: &grant.reason,
    };
    let order = Order {
        tenant: Tenant::User(grant.user.clone()),
        once: postings::once(admin, key, &grant.fingerprint),
        promo: None,
    };
    let ended = postings::post(app, &order, |wallet, now| match grant.change {
        Change::Up(amount) => wallet
            .add(Income::Grant, amount, &event, now)
            .map_err(|_| Refusal::Conflict("the wallet cannot hold that much".to_owned())),
        Change::Down(amount) => wallet.take_back(amount, &event, now).map_err(|_| {
            let available = wallet.available;
            Refusal::Conflict(format!("only {available} credits are available"))
        }),
    });
    match ended.await? {
        Ended::Booked(booking) => Ok(booking),
        // The id is fresh, so this was an earlier try of our own, whose answer was lost.
        Ended::Before(entry) => Ok(Booking {
            entry,
            replayed: false,
        }),
        Ended::PromoClosed => Err(Refusal::Busy.into()),
    }
}

/// Changes an account. A suspended user is refused within the minute that the authorizer's answer is kept, whatever
/// they show: a session, a refresh token, a password or an API key.
///
/// # Errors
/// [`Refusal::NotFound`] without such a user, [`Refusal::Conflict`] for an admin who would lock themselves out.
pub async fn change_account(
    app: &App,
    admin: &Caller,
    id: &UserId,
    change: AccountChange,
) -> Result<User, Error> {
    if admin.user == *id && change.suspended == Some(true) {
        return Err(Refusal::Conflict("you cannot suspend yourself".to_owned()).into());
    }
    // One act a record: each names what changed.
    let plan = change.plan.map(|plan| {
        let only = AccountChange {
            plan: Some(plan),
            suspended: None,
        };
        (Act::PlanChanged, plan.as_str(), only)
    });
    let suspended = change.suspended.map(|suspended| {
        let only = AccountChange {
            plan: None,
            suspended: Some(suspended),
        };
        let act = if suspended {
            Act::Suspended
        } else {
            Act::Reinstated
        };
        (act, id.as_str(), only)
    });
    for (act, subject, only) in plan.into_iter().chain(suspended) {
        let deed = Deed {
            chain: Chain::of(id),
            actor: Actor::User(admin.user.clone()),
            act,
            subject: subject.to_owned(),
        };
        let changed = audit::recorded(app, &deed, None, |record| {
            app.store().change_account(id, only, record)
        });
        if !changed.await? {
            return Err(Refusal::NotFound("user").into());
        }
    }
    let user = app.store().user(id).await?;
    Ok(user.ok_or(Refusal::NotFound("user"))?)
}

fn no_such_user() -> Refusal {
    Refusal::NoSuch {
        field: "user_id",
        noun: "user",
    }
}

//! Promo codes: admins make them, users redeem them.
//!
//! The entry's id is derived from the code and its user, so the ledger itself is the record that a user
//! redeemed a code: a second redemption meets the first one's entry. The code's counter moves in the same
//! transaction.

use domain::Refusal;
use domain::audit::{AuditAction, AuditEvent, Chain};
use domain::callers::{Admin, Caller};
use domain::idempotency::IdempotencyKey;
use domain::ids::Tenant;
use domain::ledger::{Actor, Income, LedgerEvent};
use domain::promos::{Promo, PromoCode};
use sha2::{Digest as _, Sha256};

use crate::pages::{self, SealedPage};
use crate::postings::{self, Booking, BookingOutcome, BookingRequest};
use crate::{App, Error, audit, clock};

/// Records a new code.
///
/// # Errors
/// [`Refusal::Conflict`] if it exists.
pub async fn create(app: &App, promo: &Promo) -> Result<(), Error> {
    let random = u64::from_le_bytes(clock::random()?);
    let deed = AuditEvent {
        chain: Chain::Platform,
        actor: Actor::User(promo.created_by.clone()),
        act: AuditAction::PromoCodeCreated,
        subject: promo.code.as_str().to_owned(),
    };
    let made = audit::recorded(app, &deed, None, |record| {
        app.store().put_promo(promo, random, record)
    });
    if made.await? {
        Ok(())
    } else {
        Err(Refusal::Conflict("there is such a code already".to_owned()).into())
    }
}

/// Returns a page of all codes, newest first.
///
/// # Errors
/// [`Refusal::InvalidCursor`] if the cursor is not from this list.
pub async fn list(
    app: &App,
    admin: &Admin,
    cursor: Option<&str>,
    limit: u32,
) -> Result<SealedPage<Promo>, Error> {
    let binding = format!("{}/promo-codes", admin.user);
    pages::read(cursor, &binding, |after| app.store().promos(after, limit)).await
}

/// Books the credits of a code. Each user can redeem a code once.
///
/// # Errors
/// [`Refusal::NoSuch`] for a code that never existed, is used up or has ended: the refusal is the same, so
/// that nobody learns which codes exist. [`Refusal::Conflict`] if the caller redeemed it before.
pub async fn redeem(
    app: &App,
    caller: &Caller,
    code: &PromoCode,
    key: Option<&IdempotencyKey>,
) -> Result<Booking, Error> {
    let promo = app.store().promo(code).await?.ok_or_else(no_such_code)?;
    let event_id = event_id(code, caller);
    let description = format!("Promo code {}", code.as_str());
    let event = LedgerEvent {
        id: &event_id,
        actor: Actor::User(caller.user.clone()),
        description: &description,
    };
    let order = BookingRequest {
        tenant: Tenant::User(caller.user.clone()),
        once: postings::once(caller, key, &event_id),
        promo: Some(&promo),
        act: None,
    };
    let ended = postings::post(app, &order, |wallet, now| {
        wallet
            .add(Income::Redeem, promo.credits, &event, now)
            .map_err(|_| Refusal::Conflict("the wallet cannot hold that much".to_owned()))
    });
    match ended.await? {
        BookingOutcome::Booked(booking) => Ok(booking),
        BookingOutcome::Before(_) => {
            Err(Refusal::Conflict("you have redeemed this code before".to_owned()).into())
        }
        BookingOutcome::PromoClosed => Err(no_such_code().into()),
    }
}

/// Returns the id of the event that `caller` redeems `code`. It has a fixed length, and does not contain
/// the code.
fn event_id(code: &PromoCode, caller: &Caller) -> String {
    let digest = Sha256::new()
        .chain_update(caller.user.as_str())
        .chain_update(code.as_str())
        .finalize();
    hex::encode(&digest[..16])
}

fn no_such_code() -> Refusal {
    Refusal::NoSuch {
        field: "code",
        noun: "code that can be redeemed",
    }
}

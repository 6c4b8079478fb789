//! Buying credits: beginning a checkout, and booking what Stripe tells of its payment.
//!
//! What a payment buys is what we recorded when its checkout began, never what an event says: an event of a checkout
//! that we did not begin books nothing. See [`domain::purchases`] for why events may come in any order.

use aws::Fault;
use domain::accounts::Caller;
use domain::audit::{Act, Chain, Deed};
use domain::ids::Tenant;
use domain::ledger::{Actor, Booked, Event, Income, Wallet};
use domain::purchases::{Checkout, CheckoutRequest, Fact, Payment, Sale, Step};
use domain::{FieldCode, Refusal, Timestamp};
use payments::webhook::{self, Rejected};
use payments::{Began, NewCheckout, Trouble};
use sha2::{Digest as _, Sha256};
use store::{PlanChange, System, Written};

use crate::generations::Key;
use crate::{App, Error, clock, plans};

/// How often an event is tried against a payment or wallet that keeps moving, and how many steps one may take.
const ATTEMPTS_MAX: u32 = 40;

/// Begins a checkout for the caller. Credits come when Stripe says that it was paid, and only then.
///
/// # Errors
/// [`Refusal::Invalid`] for an address that Stripe does not take, [`Refusal::IdempotencyMismatch`] for a key that came
/// with another request, [`Refusal::Busy`] if Stripe cannot be reached.
pub async fn checkout(
    app: &App,
    caller: &Caller,
    wanted: &CheckoutRequest,
    key: Option<&Key>,
) -> Result<Began, Error> {
    let new = NewCheckout {
        user: &caller.user,
        pack: wanted.pack,
        success_url: &wanted.success_url,
        cancel_url: &wanted.cancel_url,
        idempotency_key: &stripe_key(caller, key)?,
    };
    let began = match app.stripe().await?.begin(&new).await {
        Ok(began) => began,
        Err(Trouble::BadAddress(field)) => {
            let message = "must be an address that a browser can open";
            return Err(Refusal::field(field, FieldCode::Malformed, message).into());
        }
        Err(Trouble::KeyReused) => return Err(Refusal::IdempotencyMismatch.into()),
        Err(Trouble::Unavailable(why)) => {
            tracing::warn!(why, "Stripe is not available");
            return Err(Refusal::Busy.into());
        }
        Err(Trouble::Refused(why)) => return Err(Fault::new("beginning a checkout", why).into()),
    };
    let checkout = Checkout {
        session: began.id.clone(),
        user: caller.user.clone(),
        pack: wanted.pack.id.to_owned(),
        credits: wanted.pack.credits,
        amount_minor: i64::from(wanted.pack.amount_minor),
        plan: wanted.pack.plan,
        created_at: clock::now(),
    };
    app.store().put_checkout(&checkout).await?;
    Ok(began)
}

/// Two buyers may use the same key, so Stripe gets a digest of both; without a key, one that nobody has.
fn stripe_key(caller: &Caller, key: Option<&Key>) -> Result<String, Fault> {
    let digest = Sha256::new().chain_update(caller.user.as_str());
    let digest = match key {
        Some(key) => digest.chain_update(key.as_str()),
        None => digest.chain_update(clock::entropy()?.to_le_bytes()),
    };
    Ok(hex::encode(digest.finalize()))
}

/// Books what an event tells, once, whatever came before it.
///
/// # Errors
/// [`Refusal::Unauthorized`] for anything that is not proven to be Stripe's and recent. A fault makes Stripe send the
/// event again.
pub async fn stripe_event(app: &App, signature: &str, body: &[u8]) -> Result<(), Error> {
    let secret = app.stripe_webhook_secret().await?;
    let event = match webhook::verify(secret, signature, body, clock::now().seconds()) {
        Ok(event) => event,
        Err(Rejected::Denied) => return Err(Refusal::Unauthorized.into()),
        Err(Rejected::Unreadable(why)) => {
            return Err(Fault::new("reading an event of Stripe's", why).into());
        }
    };
    match event {
        webhook::Event::Paid {
            session,
            payment,
            amount_minor,
        } => {
            let Some(checkout) = app.store().checkout(System, &session).await? else {
                tracing::warn!(session, "a checkout was paid that we did not begin");
                return Ok(());
            };
            let sale = Sale {
                session,
                user: checkout.user,
                credits: checkout.credits,
                paid_minor: amount_minor.unwrap_or(checkout.amount_minor),
                plan: checkout.plan,
            };
            learn(app, &payment, &Fact::Paid(sale)).await
        }
        webhook::Event::Refunded {
            payment,
            total_minor,
        } => learn(app, &payment, &Fact::Refunded(total_minor)).await,
        webhook::Event::Disputed { payment, dispute } => {
            learn(app, &payment, &Fact::Disputed(dispute)).await
        }
        webhook::Event::Other => Ok(()),
    }
}

/// Adds a fact to what is known of a payment, and books step by step what follows from it.
async fn learn(app: &App, id: &str, fact: &Fact) -> Result<(), Error> {
    for attempt in 0..ATTEMPTS_MAX {
        let known = app.store().payment(System, id).await?;
        let known = known.unwrap_or_else(|| Payment::unknown(id.to_owned()));
        let learned = known.learn(fact);
        let step = learned.step();
        if learned == known && step.is_none() {
            return Ok(());
        }
        if take(app, &learned, step).await? == Written::Stale {
            clock::back_off(attempt).await?;
        }
    }
    Err(Fault::new("booking a payment", "its records keep moving").into())
}

/// Writes the payment with its next step, if there is one.
async fn take(app: &App, payment: &Payment, step: Option<Step>) -> Result<Written, Error> {
    let now = clock::now();
    let next = |payment: Payment| Payment {
        version: payment.version + 1,
        ..payment
    };
    let (Some(step), Some(sale)) = (step, &payment.sale) else {
        let next = next(payment.clone());
        return Ok(app.store().put_payment(&next, None, None, now).await?);
    };
    let wallet = app.store().wallet(&Tenant::User(sale.user.clone())).await?;
    let booked = book(&wallet, payment, sale, step, now)?;
    let plan = match step {
        Step::Buy(_) => larger_plan(app, sale, now).await?,
        Step::TakeBack(_) | Step::GiveBack(_) => None,
    };
    let next = next(payment.booked(step));
    let written = app
        .store()
        .put_payment(&next, Some(&booked), plan.as_ref(), now)
        .await?;
    if written == Written::Done {
        if let Some(change) = &plan {
            plans::tell(app, &change.note(now)).await;
        }
        tracing::info!(payment = payment.id, user = %sale.user, entry = booked.entry.id, credits = booked.entry.amount.get(), delta = booked.entry.available_delta, "booked a payment");
    }
    Ok(written)
}

fn book(
    wallet: &Wallet,
    payment: &Payment,
    sale: &Sale,
    step: Step,
    now: Timestamp,
) -> Result<Booked, Fault> {
    let id = payment.event_id(sale, step);
    let event = |description| Event {
        id: &id,
        actor: Actor::System,
        description,
    };
    let booked = match step {
        Step::Buy(amount) => {
            wallet.add(Income::Purchase, amount, &event("Bought with Stripe"), now)
        }
        Step::TakeBack(amount) => {
            let event = event("Taken back: the payment was refunded or is disputed");
            wallet.take_back_or_owe(amount, &event, now)
        }
        Step::GiveBack(amount) => {
            wallet.give_back(amount, &event("Given back: the dispute was won"), now)
        }
    };
    booked.map_err(Fault::doing("booking a payment"))
}

/// The plan that comes with the purchase, if it is larger than the buyer's: a purchase never makes a plan smaller.
async fn larger_plan(app: &App, sale: &Sale, now: Timestamp) -> Result<Option<PlanChange>, Fault> {
    let Some(plan) = sale.plan else {
        return Ok(None);
    };
    let chain = Chain::of(&sale.user);
    let (buyer, head) =
        tokio::try_join!(app.store().user(&sale.user), app.store().audit_head(&chain))?;
    let Some(user) = buyer.filter(|buyer| plan > buyer.plan) else {
        return Ok(None);
    };
    let deed = Deed {
        chain,
        actor: Actor::System,
        act: Act::PlanChanged,
        subject: plan.as_str().to_owned(),
    };
    let record = head.append(&deed, now);
    Ok(Some(PlanChange { user, plan, record }))
}

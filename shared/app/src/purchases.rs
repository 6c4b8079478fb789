//! Buying credits: beginning a checkout, and booking Stripe's events about its payment.
//!
//! A payment buys what we recorded when its checkout began, and never what an event says: an event of a
//! checkout that we did not begin books nothing. [`domain::purchases`] explains why events may come in any
//! order.

use aws::Fault;
use domain::audit::{AuditAction, AuditEvent, Chain};
use domain::callers::Caller;
use domain::idempotency::IdempotencyKey;
use domain::ids::{Tenant, UserId};
use domain::ledger::{Actor, Booked, Income, LedgerEvent, Wallet};
use domain::purchases::{CURRENCY, Checkout, CheckoutRequest, Fact, OwedBooking, Payment, Sale};
use domain::{FieldCode, Refusal, Timestamp};
use payments::webhook::{self, EventRejection, Paid};
use payments::{Began, CheckoutError, NewCheckout};
use sha2::{Digest as _, Sha256};
use store::{BegunCheckout, Once, PlanChange, System, WriteOutcome};

use crate::{App, Error, clock, postings, usage_keys};

/// The most attempts to book an event while its payment or wallet keeps moving, and the most steps that one
/// event takes.
const ATTEMPTS_MAX: u32 = 40;

/// A checkout that was begun.
#[derive(Debug)]
pub struct CheckoutPage {
    /// The payment service's id of the checkout.
    pub session: String,
    /// The address of the page to pay on.
    pub url: String,
    /// Whether an earlier request with the same key began it.
    pub replayed: bool,
}

/// Begins a checkout for the caller. Credits come when Stripe says that it was paid, and only then. We keep
/// the client's key and do not pass it on to Stripe, because Stripe would repeat its own failures under
/// this key, too, for a day.
///
/// # Errors
/// [`Refusal::Invalid`] for an address that Stripe does not accept, [`Refusal::IdempotencyMismatch`] for a
/// key that came with another request, [`Refusal::Busy`] if Stripe cannot be reached.
pub async fn checkout(
    app: &App,
    caller: &Caller,
    wanted: &CheckoutRequest,
    key: Option<&IdempotencyKey>,
) -> Result<CheckoutPage, Error> {
    let once = postings::once(caller, key, &fingerprint(wanted));
    if let Some(once) = &once
        && let Some(begun) = app.store().begun_checkout(once).await?
    {
        return Ok(replay(once, begun)?);
    }
    let began = begin(app, caller, wanted).await?;
    let checkout = Checkout {
        session: began.id.clone(),
        user: caller.user.clone(),
        pack: wanted.pack.id.to_owned(),
        credits: wanted.pack.credits,
        amount_minor: i64::from(wanted.pack.amount_minor),
        currency: wanted.pack.currency.to_owned(),
        plan: wanted.pack.plan,
        created_at: clock::now(),
    };
    let begun = BegunCheckout {
        fingerprint: fingerprint(wanted),
        session: began.id,
        url: began.url,
    };
    let recorded = once.as_ref().map(|once| (once, &begun));
    let before = app.store().put_checkout(&checkout, recorded).await?;
    match (before, &once) {
        // Of two requests at once, the first counts. The other one's page to pay on is shown to nobody.
        (Some(before), Some(once)) => Ok(replay(once, before)?),
        (Some(_) | None, _) => Ok(CheckoutPage {
            session: begun.session,
            url: begun.url,
            replayed: false,
        }),
    }
}

fn replay(once: &Once, begun: BegunCheckout) -> Result<CheckoutPage, Refusal> {
    if begun.fingerprint != once.fingerprint {
        return Err(Refusal::IdempotencyMismatch);
    }
    Ok(CheckoutPage {
        session: begun.session,
        url: begun.url,
        replayed: true,
    })
}

async fn begin(app: &App, caller: &Caller, wanted: &CheckoutRequest) -> Result<Began, Error> {
    let new = NewCheckout {
        user: &caller.user,
        pack: wanted.pack,
        success_url: &wanted.success_url,
        cancel_url: &wanted.cancel_url,
        idempotency_key: &hex::encode(clock::entropy()?.to_le_bytes()),
    };
    match app.stripe().await?.begin(&new).await {
        Ok(began) => Ok(began),
        Err(CheckoutError::BadAddress(field)) => {
            let message = "must be an address that a browser can open";
            Err(Refusal::field(field, FieldCode::Malformed, message).into())
        }
        Err(CheckoutError::Unavailable(why)) => {
            tracing::warn!(why, "Stripe is not available");
            Err(Refusal::Busy.into())
        }
        Err(CheckoutError::Refused(why)) => Err(Fault::new("beginning a checkout", why).into()),
    }
}

/// Returns a digest of the request.
fn fingerprint(wanted: &CheckoutRequest) -> String {
    let parts = [wanted.pack.id, &wanted.success_url, &wanted.cancel_url];
    let digest = parts.iter().fold(Sha256::new(), |digest, part| {
        digest
            .chain_update((part.len() as u64).to_be_bytes())
            .chain_update(part)
    });
    hex::encode(digest.finalize())
}

/// Books what follows from an event, once, whatever came before it.
///
/// # Errors
/// [`Refusal::Unauthorized`] for anything that is not proven to be recent and from Stripe. A fault makes
/// Stripe send the event again.
pub async fn stripe_event(app: &App, signature: &str, body: &[u8]) -> Result<(), Error> {
    let secret = app.stripe_webhook_secret().await?;
    let event = match webhook::verify(secret, signature, body, clock::now().seconds()) {
        Ok(event) => event,
        Err(EventRejection::Denied) => return Err(Refusal::Unauthorized.into()),
        Err(EventRejection::Unreadable(why)) => {
            return Err(Fault::new("reading an event of Stripe's", why).into());
        }
    };
    match event {
        webhook::PaymentEvent::Paid(paid) => learn_paid(app, paid).await,
        webhook::PaymentEvent::Moved {
            payment,
            fact,
            currency,
        } => {
            let is_ours = currency.is_none_or(|currency| currency == CURRENCY);
            let fact = if is_ours { fact } else { Fact::OtherCurrency };
            learn(app, &payment, &fact).await
        }
        webhook::PaymentEvent::Other => Ok(()),
    }
}

async fn learn_paid(app: &App, paid: Paid) -> Result<(), Error> {
    let Some(checkout) = app.store().checkout(System, &paid.session).await? else {
        return unknown_checkout(app, &paid).await;
    };
    let doing = "booking a payment";
    if paid
        .currency
        .is_some_and(|currency| currency != checkout.currency)
    {
        return Err(Fault::new(doing, "it came in another currency than its checkout's").into());
    }
    let paid_minor = paid.amount_minor.unwrap_or(checkout.amount_minor);
    if paid_minor < checkout.amount_minor && !paid.is_free {
        return Err(Fault::new(doing, "it is less than its checkout asked for").into());
    }
    let sale = Sale {
        session: paid.session,
        user: checkout.user,
        credits: checkout.credits,
        paid_minor,
        plan: checkout.plan,
    };
    learn(app, &paid.payment, &Fact::Paid(sale)).await
}

/// Handles a checkout of which we have no record. It belongs to another seller with the same account,
/// unless it names one of our users: then a record is lost, and the fault makes Stripe send it again until
/// somebody has looked.
async fn unknown_checkout(app: &App, paid: &Paid) -> Result<(), Error> {
    let named = paid.named.as_deref().and_then(UserId::parse);
    let known = match &named {
        Some(user) => app.store().user(user).await?,
        None => None,
    };
    if known.is_some() {
        let problem = format!(
            "there is no record of {}, which one of our users paid",
            paid.session
        );
        return Err(Fault::new("booking a payment", problem).into());
    }
    tracing::warn!(
        session = paid.session,
        "a checkout was paid that we did not begin"
    );
    Ok(())
}

/// Adds a fact to a payment's record, and books step by step what follows from it.
async fn learn(app: &App, id: &str, fact: &Fact) -> Result<(), Error> {
    for attempt in 0..ATTEMPTS_MAX {
        let known = app.store().payment(System, id).await?;
        let known = known.unwrap_or_else(|| Payment::unknown(id.to_owned()));
        let learned = known.learn(fact);
        let step = learned.step();
        if learned == known && step.is_none() {
            return Ok(());
        }
        if take(app, &learned, step).await? == WriteOutcome::Stale {
            clock::back_off(attempt).await?;
        }
    }
    Err(Fault::new("booking a payment", "its records keep moving").into())
}

/// Writes the payment with its next step, if there is one.
async fn take(
    app: &App,
    payment: &Payment,
    step: Option<OwedBooking>,
) -> Result<WriteOutcome, Error> {
    if payment.sale.is_some() && payment.is_other_currency {
        let problem = format!(
            "money of {} moved in another currency than its checkout's",
            payment.id
        );
        return Err(Fault::new("booking a payment", problem).into());
    }
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
    let plan = plan_change(app, payment, sale, now).await?;
    let next = next(payment.booked(step));
    let written = app
        .store()
        .put_payment(&next, Some(&booked), plan.as_ref(), now)
        .await?;
    if written == WriteOutcome::Done {
        if let Some(change) = plan.as_ref().filter(|change| change.record.is_some()) {
            usage_keys::tell(app, &change.note(now)).await;
        }
        tracing::info!(payment = payment.id, user = %sale.user, entry = booked.entry.id, credits = booked.entry.amount.get(), delta = booked.entry.available_delta, "booked a payment");
    }
    Ok(written)
}

fn book(
    wallet: &Wallet,
    payment: &Payment,
    sale: &Sale,
    step: OwedBooking,
    now: Timestamp,
) -> Result<Booked, Fault> {
    let id = payment.event_id(sale, step);
    let event = |description| LedgerEvent {
        id: &id,
        actor: Actor::System,
        description,
    };
    let booked = match step {
        OwedBooking::Buy(amount) => {
            wallet.add(Income::Purchase, amount, &event("Bought with Stripe"), now)
        }
        OwedBooking::TakeBack(amount) => {
            let event = event("Taken back: the payment was refunded or is disputed");
            wallet.take_back_or_owe(amount, &event, now)
        }
        OwedBooking::GiveBack(amount) => wallet.give_back(
            amount,
            &event("Given back: the money is here after all"),
            now,
        ),
    };
    booked.map_err(Fault::doing("booking a payment"))
}

/// Returns the change that the payment, as it is known now, makes to its buyer's plan, if there is one.
async fn plan_change(
    app: &App,
    payment: &Payment,
    sale: &Sale,
    now: Timestamp,
) -> Result<Option<PlanChange>, Fault> {
    if sale.plan.is_none() {
        return Ok(None);
    }
    let chain = Chain::of(&sale.user);
    let (buyer, head) =
        tokio::try_join!(app.store().user(&sale.user), app.store().audit_head(&chain))?;
    let Some(user) = buyer else { return Ok(None) };
    let Some((plan, paid_plans)) = user.paying(&payment.id, payment.justified_plan()) else {
        return Ok(None);
    };
    let deed = AuditEvent {
        chain,
        actor: Actor::System,
        act: AuditAction::PlanChanged,
        subject: plan.as_str().to_owned(),
    };
    let record = (plan != user.plan).then(|| head.append(&deed, now));
    Ok(Some(PlanChange {
        user,
        plan,
        paid_plans,
        record,
    }))
}

//! The models as they are offered now, and the changes that admins make to them. Offers are read anew each
//! time, so a changed price applies to the next order.

use std::time::Duration;

use domain::Refusal;
use domain::audit::{AuditAction, AuditEvent, Chain};
use domain::callers::Admin;
use domain::catalogue::{self, Kind, Model, Offer, TermsChange};
use domain::ledger::Actor;

use crate::pages::{self, PageRequest, SealedPage};
use crate::{App, Error, audit, clock};

/// The time that a change is tried while other admins change models. Each try may also wait for the log,
/// and all of it is well inside a function's ten seconds.
const CONTENTION_PATIENCE: Duration = Duration::from_secs(2);

/// Returns a page of the models of this `kind`, or of all, in the catalogue's order.
///
/// # Errors
/// [`Refusal::InvalidCursor`] if the cursor is not from this list.
pub async fn list(
    app: &App,
    kind: Option<Kind>,
    wanted: &PageRequest,
) -> Result<SealedPage<Offer>, Error> {
    let offers = app.store().offers().await?;
    let models = catalogue::models().iter();
    let of_kind = models.filter(|model| kind.is_none_or(|kind| model.kind == kind));
    let binding = format!("models?kind={}", kind.map_or("", Kind::as_str));
    let rows = of_kind.map(|model| offers.of(model)).collect();
    Ok(pages::numbered(rows, &binding, wanted)?)
}

/// Returns one model as it is offered now.
///
/// # Errors
/// A fault if the offers cannot be read.
pub async fn get(app: &App, model: &'static Model) -> Result<Offer, Error> {
    Ok(app.store().offers().await?.of(model))
}

/// Changes a model's price or availability, from the next order on. Returns the offer as it is then. A
/// change that changes nothing leaves no record.
///
/// # Errors
/// [`Refusal::Busy`] if others kept coming first. Nothing is changed then.
pub async fn change(
    app: &App,
    admin: &Admin,
    model: &'static Model,
    change: TermsChange,
) -> Result<Offer, Error> {
    let chain = Chain::Platform;
    let (mut offers, head) =
        tokio::try_join!(app.store().offers(), app.store().audit_head(&chain))?;
    let mut tries = clock::tries(CONTENTION_PATIENCE);
    while tries.again().await? {
        let Some(changed) = offers.change(model, change) else {
            return Ok(offers.of(model));
        };
        let offer = changed.of(model);
        let deed = AuditEvent {
            chain: chain.clone(),
            actor: Actor::User(admin.user.clone()),
            act: AuditAction::ModelChanged,
            subject: offer.to_string(),
        };
        let kept = audit::recorded(app, &deed, Some(head), |record| {
            app.store().put_offers(&changed, record)
        });
        if kept.await? {
            return Ok(offer);
        }
        offers = app.store().offers().await?;
    }
    Err(Refusal::Busy.into())
}

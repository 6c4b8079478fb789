//! The models as they are offered now, and how admins change that. It is read anew each time: a price that
//! was changed is the price of the very next order.

use std::time::Duration;

use domain::Refusal;
use domain::audit::{AuditAction, AuditEvent, Chain};
use domain::callers::Admin;
use domain::catalogue::{self, Kind, Model, Offer, TermsChange};
use domain::ledger::Actor;

use crate::pages::{self, Page, PageRequest};
use crate::{App, Error, audit, clock};

/// How long a change may be tried while other admins change models: each try may wait for the log besides,
/// and all of it is well inside a function's ten seconds.
const CONTENTION_PATIENCE: Duration = Duration::from_secs(2);

/// A page of the models of this `kind`, or of all, in the catalogue's order.
///
/// # Errors
/// [`Refusal::InvalidCursor`] if the cursor is not from this list.
pub async fn list(
    app: &App,
    kind: Option<Kind>,
    wanted: &PageRequest,
) -> Result<Page<Offer>, Error> {
    let offers = app.store().offers().await?;
    let models = catalogue::models().iter();
    let of_kind = models.filter(|model| kind.is_none_or(|kind| model.kind == kind));
    let binding = format!("models?kind={}", kind.map_or("", Kind::as_str));
    let rows = of_kind.map(|model| offers.of(model)).collect();
    Ok(pages::numbered(rows, &binding, wanted)?)
}

/// One model.
///
/// # Errors
/// A fault if what it is offered at cannot be read.
pub async fn get(app: &App, model: &'static Model) -> Result<Offer, Error> {
    Ok(app.store().offers().await?.of(model))
}

/// Changes what a model is offered at, from the next order on; what it is offered at then. A change that
/// changes nothing leaves no record.
///
/// # Errors
/// [`Refusal::Busy`] if others kept coming first: nothing was changed then.
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

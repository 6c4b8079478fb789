//! What an owner changes on a generation: its labels, and that it exists.

use aws::Fault;
use domain::Refusal;
use domain::access::Action;
use domain::callers::Caller;
use domain::generations::{Generation, LabelChange};
use domain::ids::GenerationId;
use store::Written;

use super::get;
use crate::{App, Error};

/// The most times that a deletion is decided again because the record moved.
const DECISIONS_MAX: u32 = 20;

/// Changes labels of the caller's own generation; answers it as it is then.
///
/// # Errors
/// [`Refusal::NotFound`] or [`Refusal::Forbidden`] if they may not.
pub async fn relabel(
    app: &App,
    caller: &Caller,
    id: &GenerationId,
    relabel: &LabelChange,
) -> Result<Generation, Error> {
    let generation = get(app, caller, Action::Edit, id).await?;
    if *relabel == LabelChange::default() {
        return Ok(generation);
    }
    let relabelled = app.store().relabel(&generation.tenant, id, relabel).await?;
    relabelled.ok_or(Error::Refused(Refusal::NotFound("generation")))
}

/// Deletes the caller's own generation: first its media, then its record. Whoever is interrupted in between finds the
/// record and repeats it; the other way round nobody would know of the media any more.
///
/// # Errors
/// [`Refusal::NotFound`] if they have none with this id, [`Refusal::Conflict`] while its job runs.
pub async fn delete(app: &App, caller: &Caller, id: &GenerationId) -> Result<(), Error> {
    for _ in 0..DECISIONS_MAX {
        let generation = get(app, caller, Action::Delete, id).await?;
        generation.check_deletable()?;
        app.blobs().delete_media(&generation.tenant, id).await?;
        match app.store().delete_generation(&generation).await? {
            Written::Done => return Ok(()),
            Written::Stale => {}
        }
    }
    Err(Fault::new("deleting a generation", "its record keeps moving").into())
}

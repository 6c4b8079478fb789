//! The changes that an owner makes to a generation: its labels, its project, and its deletion.

use aws::Fault;
use domain::Refusal;
use domain::access::{self, Action, GenerationSeen, Thing};
use domain::callers::Caller;
use domain::generations::LabelChange;
use domain::ids::{GenerationId, ProjectId};
use store::WriteOutcome;

use super::get;
use super::references::project_for;
use crate::{App, Error, retention};

/// The most times that a deletion is decided again because the record moved.
const DECISIONS_MAX: u32 = 20;

/// Changes the labels of a generation that the caller may edit. Returns it as it is then.
///
/// # Errors
/// [`Refusal::NotFound`] or [`Refusal::Forbidden`] if they may not.
pub async fn relabel(
    app: &App,
    caller: &Caller,
    id: &GenerationId,
    change: &LabelChange,
) -> Result<GenerationSeen, Error> {
    let seen = get(app, caller, Action::Edit, id).await?;
    if *change == LabelChange::default() {
        return Ok(seen);
    }
    let tenant = &seen.generation.tenant;
    let generation = app.store().relabel(tenant, id, change).await?;
    let generation = generation.ok_or(Refusal::NotFound("generation"))?;
    Ok(GenerationSeen { generation, ..seen })
}

/// Moves a generation to another project, or out of its project. Returns it as it is then. It is moved, and
/// never made again.
///
/// # Errors
/// [`Refusal::NotFound`] or [`Refusal::Forbidden`] if the caller may not change it, [`Refusal::NoSuch`] if
/// they may not file anything in that project.
pub async fn file_in(
    app: &App,
    caller: &Caller,
    id: &GenerationId,
    project: Option<&ProjectId>,
) -> Result<GenerationSeen, Error> {
    for _ in 0..DECISIONS_MAX {
        let seen = get(app, caller, Action::Edit, id).await?;
        check_mover(caller, &seen)?;
        let into = match project {
            Some(project) => Some(project_for(app, caller, Action::File, project).await?),
            None => None,
        };
        let project = into.as_ref().map(|into| &into.project);
        let moved = app
            .store()
            .file_generation(&seen.generation, project)
            .await?;
        if moved == WriteOutcome::Done {
            return get(app, caller, Action::View, id).await;
        }
    }
    Err(Refusal::Busy.into())
}

/// Refuses a caller who may edit the generation only through its project. A grant lets somebody change what
/// is filed in a project, and not take it out: in a project of their own they would see it for longer than
/// the grant lasts.
fn check_mover(caller: &Caller, seen: &GenerationSeen) -> Result<(), Refusal> {
    let by_itself = GenerationSeen {
        project: None,
        ..seen.clone()
    };
    let may = access::check(&caller.user, Action::Edit, Thing::Generation(&by_itself));
    may.map_err(|_| Refusal::Forbidden)
}

/// Deletes a generation that the caller may delete: first its media, then its record. After an interruption
/// in between, the record is still there, and the deletion can be repeated. In the other order the media
/// would be lost track of.
///
/// # Errors
/// [`Refusal::NotFound`] or [`Refusal::Forbidden`] if they may not, [`Refusal::Conflict`] while its job
/// runs.
pub async fn delete(app: &App, caller: &Caller, id: &GenerationId) -> Result<(), Error> {
    for _ in 0..DECISIONS_MAX {
        let generation = get(app, caller, Action::Delete, id).await?.generation;
        generation.check_deletable()?;
        retention::delete_media(app, &generation).await?;
        match app.store().delete_generation(&generation).await? {
            WriteOutcome::Done => return Ok(()),
            WriteOutcome::Stale => {}
        }
    }
    Err(Fault::new("deleting a generation", "its record keeps moving").into())
}

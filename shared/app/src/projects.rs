//! Projects: making, looking at, changing and deleting them.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::Refusal;
use domain::access::Action;
use domain::callers::Caller;
use domain::generations::GenerationStats;
use domain::ids::{ProjectId, Tenant};
use domain::projects::{Contents, PROJECTS_MAX, Privacy, Project, ProjectChange, ProjectDetails};
use store::{ListScope, ProjectPut, WriteOutcome};

use crate::pages::{self, SealedPage};
use crate::{App, Error, clock, generations};

/// The time that a write is tried while others are under way.
const PATIENCE: Duration = Duration::from_secs(4);

/// Makes a project for the caller.
///
/// # Errors
/// [`Refusal::Conflict`] if they have as many projects as they may have.
pub async fn create(app: &App, caller: &Caller, details: ProjectDetails) -> Result<Project, Error> {
    let now = clock::now();
    let project = Project {
        id: ProjectId::new(now, clock::entropy()?),
        owner: caller.user.clone(),
        details,
        privacy: Privacy::default(),
        grants: BTreeMap::new(),
        created_at: now,
        updated_at: now,
        version: 1,
    };
    let mut tries = clock::tries(PATIENCE);
    while tries.again().await? {
        match app.store().put_project(&project).await? {
            ProjectPut::Done => return Ok(project),
            ProjectPut::Full => {
                let full = format!("you have {PROJECTS_MAX} projects, which is all that you may");
                return Err(Refusal::Conflict(format!("{full}; delete one")).into());
            }
            ProjectPut::Busy => {}
        }
    }
    Err(Refusal::Busy.into())
}

/// Returns a project that the caller may look at.
///
/// # Errors
/// [`Refusal::NotFound`] if they may not, or if there is no such project.
pub async fn get(app: &App, caller: &Caller, id: &ProjectId) -> Result<Project, Error> {
    let seen = app
        .store()
        .project(&caller.user, Action::View, id)
        .await??;
    Ok(seen.project)
}

/// Returns a page of the caller's own projects, newest first.
///
/// # Errors
/// [`Refusal::InvalidCursor`] if the cursor is not from this list.
pub async fn list(
    app: &App,
    caller: &Caller,
    cursor: Option<&str>,
    limit: u32,
) -> Result<SealedPage<Project>, Error> {
    let tenant = Tenant::User(caller.user.clone());
    let binding = format!("{tenant}/projects");
    pages::read(cursor, &binding, |after| {
        app.store().projects(&tenant, after, limit)
    })
    .await
}

/// Changes a project that the caller may change. Returns it as it is then.
///
/// # Errors
/// [`Refusal::NotFound`] or [`Refusal::Forbidden`] if they may not.
pub async fn update(
    app: &App,
    caller: &Caller,
    id: &ProjectId,
    change: &ProjectChange,
) -> Result<Project, Error> {
    let mut tries = clock::tries(PATIENCE);
    while tries.again().await? {
        let seen = app
            .store()
            .project(&caller.user, Action::Edit, id)
            .await??;
        let project = seen.project;
        // Only its owner sets the visibility, even if others may change the rest.
        if change.visibility.is_some() && project.owner != caller.user {
            return Err(Refusal::Forbidden.into());
        }
        let next = project.changed(change.clone(), clock::now());
        match app.store().replace_project(&next).await? {
            WriteOutcome::Done => return Ok(next),
            WriteOutcome::Stale => {}
        }
    }
    Err(Refusal::Busy.into())
}

/// Deletes a project that the caller may delete, and before that its generations, if that is asked for.
/// Generations that stay are then in no project, without a write to each: deleting the project is one
/// transaction, whatever their number.
///
/// # Errors
/// [`Refusal::NotFound`] or [`Refusal::Forbidden`] if they may not, [`Refusal::Conflict`] if not all of the
/// generations could be deleted.
pub async fn delete(
    app: &App,
    caller: &Caller,
    id: &ProjectId,
    contents: Contents,
) -> Result<(), Error> {
    if contents == Contents::Delete {
        let seen = app.store().project(&caller.user, Action::Delete, id);
        generations::delete_filed_in(app, caller, &seen.await??).await?;
    }
    let mut tries = clock::tries(PATIENCE);
    while tries.again().await? {
        let seen = app
            .store()
            .project(&caller.user, Action::Delete, id)
            .await??;
        let project = seen.project;
        match app.store().delete_project(&project).await? {
            WriteOutcome::Done => return Ok(()),
            WriteOutcome::Stale => {}
        }
    }
    Err(Refusal::Busy.into())
}

/// Returns sums over the newest generations in one of the caller's projects, and whether these are all that
/// it has.
///
/// # Errors
/// [`Refusal::NotFound`] or [`Refusal::Forbidden`] if they may not: what it cost is its owner's to know.
pub async fn stats(
    app: &App,
    caller: &Caller,
    id: &ProjectId,
) -> Result<(GenerationStats, bool), Error> {
    let seen = app
        .store()
        .project(&caller.user, Action::ViewCosts, id)
        .await??;
    let scope = ListScope::Project(&seen.project);
    Ok(app.store().generation_stats(scope).await?)
}

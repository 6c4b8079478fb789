//! Projects: making, looking at, changing and deleting them.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::Refusal;
use domain::access::Action;
use domain::callers::Caller;
use domain::generations::Stats;
use domain::ids::{ProjectId, Tenant};
use domain::projects::{Contents, Details, PROJECTS_MAX, Privacy, Project, ProjectChange};
use store::{ListScope, ProjectPut, Written};

use crate::pages::{self, Page};
use crate::{App, Error, clock, generations};

/// How long a write is tried while others are under way.
const PATIENCE: Duration = Duration::from_secs(4);

/// Makes a project for the caller.
///
/// # Errors
/// [`Refusal::Conflict`] if they have as many as they may.
pub async fn create(app: &App, caller: &Caller, details: Details) -> Result<Project, Error> {
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

/// A project that the caller may look at.
///
/// # Errors
/// [`Refusal::NotFound`] if they may not, or there is none.
pub async fn get(app: &App, caller: &Caller, id: &ProjectId) -> Result<Project, Error> {
    let seen = app
        .store()
        .project(&caller.user, Action::View, id)
        .await??;
    Ok(seen.project)
}

/// A page of the caller's own projects, newest first.
///
/// # Errors
/// [`Refusal::InvalidCursor`] if the cursor is not from this list.
pub async fn list(
    app: &App,
    caller: &Caller,
    cursor: Option<&str>,
    limit: u32,
) -> Result<Page<Project>, Error> {
    let tenant = Tenant::User(caller.user.clone());
    let binding = format!("{tenant}/projects");
    pages::read(cursor, &binding, |after| {
        app.store().projects(&tenant, after, limit)
    })
    .await
}

/// Changes a project that the caller may change; answers it as it is then.
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
        // Who it is shown to is its owner's to say, whoever may change the rest.
        if change.visibility.is_some() && project.owner != caller.user {
            return Err(Refusal::Forbidden.into());
        }
        let next = project.changed(change.clone(), clock::now());
        match app.store().replace_project(&next).await? {
            Written::Done => return Ok(next),
            Written::Stale => {}
        }
    }
    Err(Refusal::Busy.into())
}

/// Deletes a project that the caller may delete, and before that its generations, if that is asked for.
/// Those that stay are in no project then, without a write of their own: deleting the project is one
/// transaction, however many there are.
///
/// # Errors
/// [`Refusal::NotFound`] or [`Refusal::Forbidden`] if they may not, [`Refusal::Conflict`] if not all
/// generations that are to be deleted could be.
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
            Written::Done => return Ok(()),
            Written::Stale => {}
        }
    }
    Err(Refusal::Busy.into())
}

/// Sums over the newest generations in a project of the caller's, and whether those are all that it has.
///
/// # Errors
/// [`Refusal::NotFound`] or [`Refusal::Forbidden`] if they may not: what it cost is its owner's to know.
pub async fn stats(app: &App, caller: &Caller, id: &ProjectId) -> Result<(Stats, bool), Error> {
    let seen = app
        .store()
        .project(&caller.user, Action::ViewCosts, id)
        .await??;
    let scope = ListScope::Project(&seen.project);
    Ok(app.store().generation_stats(scope).await?)
}

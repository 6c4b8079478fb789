//! The teams that a project is shared with, and what they see of it.

use domain::Refusal;
use domain::access::Action;
use domain::audit::AuditAction;
use domain::callers::Caller;
use domain::ids::{ProjectId, TeamId};
use domain::projects::{AccessLevel, Privacy, Project, Visibility};
use store::{TeamSeen, WriteOutcome};

use crate::pages::{self, SealedPage};
use crate::teams::{PATIENCE, event, get, get_to_act};
use crate::{App, Error, audit, clock};

/// Returns the privacy flags of a project, for users who may change it.
///
/// # Errors
/// [`Refusal::NotFound`] or [`Refusal::Forbidden`] if the caller may not change it.
pub async fn privacy(app: &App, caller: &Caller, id: &ProjectId) -> Result<Privacy, Error> {
    let seen = app
        .store()
        .project(&caller.user, Action::Edit, id)
        .await??;
    Ok(seen.project.privacy)
}

/// Sets the privacy flags of one of the caller's projects.
///
/// # Errors
/// [`Refusal::NotFound`] or [`Refusal::Forbidden`] if it is not theirs.
pub async fn set_privacy(
    app: &App,
    caller: &Caller,
    id: &ProjectId,
    privacy: Privacy,
) -> Result<Privacy, Error> {
    let mut tries = clock::tries(PATIENCE);
    while tries.again().await? {
        let seen = app.store().project(&caller.user, Action::Own, id).await??;
        let next = seen.project.with_privacy(privacy, clock::now());
        if app.store().replace_project(&next).await? == WriteOutcome::Done {
            return Ok(privacy);
        }
    }
    Err(Refusal::Busy.into())
}

/// Returns the teams that a project is shared with, newest first: all of them for its owner. Other readers
/// see only the grants of their own teams if the project hides the others, and none if they are in none of
/// its teams.
///
/// # Errors
/// [`Refusal::NotFound`] if the caller may not see the project.
pub async fn list(
    app: &App,
    caller: &Caller,
    id: &ProjectId,
) -> Result<Vec<(TeamId, AccessLevel)>, Error> {
    let seen = app
        .store()
        .project(&caller.user, Action::View, id)
        .await??;
    let project = seen.project;
    let grants = project.grants.iter().rev();
    let grants = grants.map(|(team, level)| (team.clone(), *level));
    if project.owner == caller.user {
        return Ok(grants.collect());
    }
    let teams = project.grants.keys().cloned().collect();
    let own = app.store().roles(&caller.user, &teams).await?;
    let shows_all = !own.is_empty() && !project.privacy.hide_from_other_teams;
    let is_shown = |(team, _): &(TeamId, AccessLevel)| shows_all || own.contains_key(team);
    Ok(grants.filter(is_shown).collect())
}

/// Shares one of the caller's projects with a team that they manage, and sets the team's level.
///
/// # Errors
/// [`Refusal::NotFound`] or [`Refusal::Forbidden`] if the project is not theirs, or they do not manage the
/// team; [`Refusal::Conflict`] if it is private, or shared with as many teams as it may be.
pub async fn put(
    app: &App,
    caller: &Caller,
    id: &ProjectId,
    team: &TeamId,
    level: AccessLevel,
) -> Result<(), Error> {
    let mut tries = clock::tries(PATIENCE);
    while tries.again().await? {
        let (project, managed) = tokio::join!(
            app.store().project(&caller.user, Action::Own, id),
            get_to_act(app, caller, Action::Manage, team)
        );
        // The project's refusal comes first, in whatever order the reads ended.
        let seen = project??;
        let (TeamSeen { by, .. }, head) = managed?;
        let next = seen.project.shared_with(team, level, clock::now())?;
        let subject = format!("{id} access_level={}", level.as_str());
        let shared = event(team, caller, AuditAction::ProjectShared, subject);
        let written = audit::recorded(app, &shared, head, |record| {
            app.store().put_grant(&next, &by, record)
        });
        if written.await? == WriteOutcome::Done {
            return Ok(());
        }
    }
    Err(Refusal::Busy.into())
}

/// Stops sharing one of the caller's projects with a team, whether or not they are in it.
///
/// # Errors
/// [`Refusal::NotFound`] or [`Refusal::Forbidden`] if the project is not theirs, [`Refusal::NotFound`] if
/// it is not shared with the team.
pub async fn remove(
    app: &App,
    caller: &Caller,
    id: &ProjectId,
    team: &TeamId,
) -> Result<(), Error> {
    let mut tries = clock::tries(PATIENCE);
    while tries.again().await? {
        let seen = app.store().project(&caller.user, Action::Own, id).await??;
        let next = seen.project.unshared_with(team, clock::now());
        let next = next.ok_or(Refusal::NotFound("grant"))?;
        let ended = event(team, caller, AuditAction::ProjectUnshared, id.as_str());
        let written = audit::recorded(app, &ended, None, |record| {
            app.store().end_grant(&next, team, record)
        });
        if written.await? == WriteOutcome::Done {
            return Ok(());
        }
    }
    Err(Refusal::Busy.into())
}

/// Returns a page of the projects that are shared with a team which the caller is in, newest first.
///
/// # Errors
/// [`Refusal::NotFound`] if they are not in it, [`Refusal::InvalidCursor`] if the cursor is not from this
/// list.
pub async fn of_team(
    app: &App,
    caller: &Caller,
    team: &TeamId,
    cursor: Option<&str>,
    limit: u32,
) -> Result<SealedPage<Project>, Error> {
    get(app, caller, Action::View, team).await?;
    let binding = format!("{}/teams/{team}/projects", caller.user);
    let mut page = pages::read(cursor, &binding, |after| {
        app.store().shared_projects(team, after, limit)
    })
    .await?;
    page.rows
        .retain(|project| project.details.visibility != Visibility::Private);
    Ok(page)
}

//! Asking for a generation, looking at one, and changing it afterwards.

mod cancel;
mod collaborations;
mod contents;
mod edit;
mod funds;
mod open;
mod provenance;
mod references;
mod wait;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use aws::Fault;
use domain::Refusal;
use domain::access::{self, Action, Disclosure, GenerationSeen, ProjectSeen, Share, Thing};
use domain::callers::Caller;
use domain::generations::{Filter, Generation, GenerationStats, ShownGeneration, addresses_end};
use domain::ids::{GenerationId, ProjectId, TeamId, Tenant, UserId};
use domain::projects::Project;
use domain::teams::Role;
use store::{ListScope, System};

pub use cancel::{Canceled, cancel};
pub use collaborations::{SeenShare, collaborations, share, unshare};
pub(crate) use contents::delete_filed_in;
pub use edit::{delete, file_in, relabel};
pub use open::{Submitted, submit};
pub use provenance::{Ancestor, provenance};
pub(crate) use references::{check_references, check_team};

use crate::pages::{self, SealedPage};
use crate::{App, Error, clock, media};

/// The lifetime of media addresses if the client gives none.
pub const MEDIA_EXPIRY_DEFAULT: Duration = Duration::from_secs(3_600);

/// Returns a generation as the caller may see it, with addresses of its media.
///
/// # Errors
/// A fault if something cannot be read, or if there is no secret to sign with.
pub async fn show(
    app: &App,
    caller: &Caller,
    seen: GenerationSeen,
    expiry: Duration,
) -> Result<ShownGeneration, Error> {
    show_to(app, &caller.user, seen, expiry).await
}

/// Does the same for a user who does not make this request.
pub(crate) async fn show_to(
    app: &App,
    reader: &UserId,
    seen: GenerationSeen,
    expiry: Duration,
) -> Result<ShownGeneration, Error> {
    let existing = existing_projects(app, std::slice::from_ref(&seen.generation)).await?;
    let (seen, shows_author) = seen_by(reader, seen, &existing);
    Ok(show_one(reader, seen, shows_author, expiry)?)
}

/// Returns the projects that `generations` are filed in, with one read for a whole page.
async fn existing_projects(
    app: &App,
    generations: &[Generation],
) -> Result<BTreeMap<ProjectId, Project>, Error> {
    let named = generations.iter().filter_map(|it| it.project.clone());
    let named = named.collect();
    Ok(app.store().existing_projects(System, &named).await?)
}

/// Returns a generation as `reader` may see it, and whether they may see its author. A deleted project is
/// left out. If the generation is neither theirs nor their team's, its owner's private notes are left out.
/// Only the author sees an uploaded file.
fn seen_by(
    reader: &UserId,
    mut seen: GenerationSeen,
    existing: &BTreeMap<ProjectId, Project>,
) -> (GenerationSeen, bool) {
    let generation = &mut seen.generation;
    let project = generation.project.take();
    let project = project.and_then(|id| existing.get(&id));
    generation.project = project.map(|project| project.id.clone());
    if generation.tenant != Tenant::from(reader) && seen.role.is_none() {
        generation.favorite = false;
        generation.cancel_wished_at = None;
    }
    if generation.author != *reader {
        generation.request.reference_file = None;
    }
    let hides_author = project.is_some_and(|project| {
        let (author, owner) = (&generation.author, &project.owner);
        access::hides_author(reader, author, owner, project.privacy)
    });
    let told = access::told(reader, &seen);
    if told != Disclosure::All {
        seen.generation.project = None;
    }
    (seen, !hides_author && told != Disclosure::Nothing)
}

fn show_one(
    reader: &UserId,
    seen: GenerationSeen,
    shows_author: bool,
    expiry: Duration,
) -> Result<ShownGeneration, Fault> {
    let now = clock::now();
    let expires_at = addresses_end(now, expiry);
    let may = |action| access::check(reader, action, Thing::Generation(&seen)).is_ok();
    let (shows_costs, downloads) = (may(Action::ViewCosts), may(Action::Download));
    let addresses = match downloads {
        true => Some(media::sign_all(&seen.generation, expires_at)?),
        false => None,
    };
    Ok(ShownGeneration {
        generation: seen.generation,
        shows_costs,
        shows_author,
        addresses,
        expires_at,
        now,
    })
}

/// Returns the generation with this id, if the caller may do this to it.
///
/// # Errors
/// [`Refusal::NotFound`] or [`Refusal::Forbidden`] if they may not.
pub async fn get(
    app: &App,
    caller: &Caller,
    action: Action,
    id: &GenerationId,
) -> Result<GenerationSeen, Error> {
    let found = app.store().generation_for(&caller.user, action, id).await?;
    Ok(found?)
}

/// A request for a list of generations: the caller's own, a team's, those that are shared with a team, or
/// those in a project.
#[derive(Debug)]
pub struct Wanted {
    /// Only generations that are shared with this team. It excludes the other two.
    pub shared_with: Option<TeamId>,
    /// Only generations in this project.
    pub project: Option<ProjectId>,
    /// Only generations of this team. With a project, only this team's generations in it.
    pub team: Option<TeamId>,
    /// The filter for these.
    pub filter: Filter,
    /// The cursor of the page, if it is not the first.
    pub cursor: Option<String>,
    /// The greatest length of the page.
    pub limit: u32,
}

/// Returns a page of the caller's own generations, of those of a team that they are in, or of those in a
/// project that they may look into, newest first.
///
/// # Errors
/// [`Refusal::NoSuch`] if they may not know of the project or the team, [`Refusal::InvalidCursor`] if the
/// cursor is not from this list, [`Refusal::Forbidden`] if they filter by another user's favourites.
pub async fn list(
    app: &App,
    caller: &Caller,
    wanted: &Wanted,
) -> Result<SealedPage<ShownGeneration>, Error> {
    if let Some(team) = &wanted.shared_with {
        return collaborations::list(app, caller, team, wanted).await;
    }
    let (project, team) = tokio::try_join!(
        async {
            match &wanted.project {
                Some(id) => references::project_for(app, caller, Action::View, id)
                    .await
                    .map(Some),
                None => Ok(None),
            }
        },
        async {
            match &wanted.team {
                Some(id) => references::team_for(app, caller, id).await.map(Some),
                None => Ok(None),
            }
        }
    )?;
    let is_others = project
        .as_ref()
        .is_some_and(|it| it.project.owner != caller.user);
    if is_others && wanted.filter.favorite.is_some() {
        return Err(Refusal::Forbidden.into());
    }
    let scope = match (&project, &team) {
        (Some(seen), _) => ListScope::Project(&seen.project),
        (None, Some(seen)) => ListScope::Team(&seen.team),
        (None, None) => ListScope::User(&caller.user),
    };
    let filter = &Filter {
        // With a project, the team is a filter. Alone, it is the list to read.
        team: wanted.team.clone().filter(|_| project.is_some()),
        ..wanted.filter.clone()
    };
    let (in_project, of_team) = (&wanted.project, &wanted.team);
    let binding = format!(
        "{}/generations/{in_project:?}/{of_team:?}/{filter:?}",
        caller.user
    );
    let after = pages::open(wanted.cursor.as_deref(), &binding)?;
    let page = app.store().generations(scope, filter, after, wanted.limit);
    let page = page.await?;
    show_page(app, caller, page, &binding, |_| {
        (project.clone(), Vec::new())
    })
    .await
}

/// Returns a page as the caller may see it. `through` gives the project and the shares by which they may
/// see a generation.
async fn show_page(
    app: &App,
    caller: &Caller,
    page: store::Page<Generation, GenerationId>,
    binding: &str,
    through: impl Fn(&Generation) -> (Option<ProjectSeen>, Vec<Share>),
) -> Result<SealedPage<ShownGeneration>, Error> {
    let (existing, roles) = tokio::try_join!(
        existing_projects(app, &page.rows),
        roles(app, caller, &page.rows)
    )?;
    let shown = page.rows.into_iter().map(|generation| {
        let (project, shares) = through(&generation);
        let seen = GenerationSeen {
            role: match &generation.tenant {
                Tenant::Team(team) => roles.get(team).copied(),
                Tenant::User(_) => None,
            },
            project,
            shares,
            generation,
        };
        let (seen, shows_author) = seen_by(&caller.user, seen, &existing);
        show_one(&caller.user, seen, shows_author, MEDIA_EXPIRY_DEFAULT)
    });
    Ok(SealedPage {
        rows: shown.collect::<Result<_, _>>()?,
        next_cursor: page.next.map(|next| next.seal(binding)),
    })
}

/// Returns the caller's roles in the teams that own `generations`, with one read for a whole page, and with
/// none if users own all of them.
async fn roles(
    app: &App,
    caller: &Caller,
    generations: &[Generation],
) -> Result<HashMap<TeamId, Role>, Error> {
    let teams = generations.iter().filter_map(|it| match &it.tenant {
        Tenant::Team(team) => Some(team.clone()),
        Tenant::User(_) => None,
    });
    Ok(app.store().roles(&caller.user, &teams.collect()).await?)
}

/// Returns sums over the caller's newest generations, and whether these are all that they have.
///
/// # Errors
/// A fault if they cannot be read.
pub async fn stats(app: &App, caller: &Caller) -> Result<(GenerationStats, bool), Error> {
    let scope = ListScope::User(&caller.user);
    Ok(app.store().generation_stats(scope).await?)
}

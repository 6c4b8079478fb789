//! Asking for a generation, looking at one's own, and what becomes of it afterwards.

mod cancel;
mod edit;
mod open;
mod wait;

use std::collections::BTreeSet;
use std::time::Duration;

use domain::Refusal;
use domain::access::{self, Action, Thing};
use domain::callers::Caller;
use domain::generations::{Filter, Generation, Output, ShownGeneration, Stats};
use domain::ids::{GenerationId, ProjectId, Tenant};
use store::{Cursor, ListScope};

pub use cancel::{Canceled, cancel};
pub use edit::{delete, relabel};
pub(crate) use open::check_references;
pub use open::{Submitted, submit};

use crate::{App, Error, clock};

/// How long signed media URLs live unless the client says otherwise.
pub const MEDIA_EXPIRY_DEFAULT: Duration = Duration::from_secs(3_600);
/// What the caller sees of a generation, with addresses for what it delivered.
///
/// # Errors
/// A fault if something cannot be read, or there is nothing to sign with.
pub async fn show(
    app: &App,
    caller: &Caller,
    generation: Generation,
    expiry: Duration,
) -> Result<ShownGeneration, Error> {
    let existing = existing_projects(app, std::slice::from_ref(&generation)).await?;
    show_one(app, caller, seen_by(caller, generation, &existing), expiry).await
}

/// The projects that any of `generations` is filed in: one read for a whole page.
async fn existing_projects(
    app: &App,
    generations: &[Generation],
) -> Result<BTreeSet<ProjectId>, Error> {
    let named = generations.iter().filter_map(|it| it.project.clone());
    Ok(app.store().existing_projects(&named.collect()).await?)
}

/// A generation as `caller` may see it: in no project if that was deleted, and without what its owner notes for
/// themselves if it is another's.
fn seen_by(
    caller: &Caller,
    mut generation: Generation,
    existing: &BTreeSet<ProjectId>,
) -> Generation {
    generation.project = generation.project.filter(|id| existing.contains(id));
    if generation.tenant != Tenant::User(caller.user.clone()) {
        generation.favorite = false;
        generation.cancel_wished_at = None;
        generation.request.reference_file = None;
    }
    generation
}

async fn show_one(
    app: &App,
    caller: &Caller,
    generation: Generation,
    expiry: Duration,
) -> Result<ShownGeneration, Error> {
    let now = clock::now();
    // Whatever project it is filed in, what it cost is its owner's to know.
    let thing = Thing::Generation(&generation, None);
    let shows_costs = access::check(&caller.user, Action::ViewCosts, thing).is_ok();
    let sign = |output: &Output| {
        let key = output.key.clone();
        async move { app.blobs().media_url(&key, expiry).await }
    };
    let urls = futures::future::try_join_all(generation.outputs.iter().map(sign)).await?;
    Ok(ShownGeneration {
        generation,
        shows_costs,
        urls,
        expires_at: now.plus(expiry),
        now,
    })
}

/// The generation with this id, for what the caller wants to do to it.
///
/// # Errors
/// [`Refusal::NotFound`] or [`Refusal::Forbidden`] if they may not.
pub async fn get(
    app: &App,
    caller: &Caller,
    action: Action,
    id: &GenerationId,
) -> Result<Generation, Error> {
    let found = app.store().generation_for(&caller.user, action, id).await?;
    Ok(found?)
}

/// A page of generations, newest first.
#[derive(Debug)]
pub struct List {
    /// The generations.
    pub shown: Vec<ShownGeneration>,
    /// What to send for the next page, if there may be one.
    pub next_cursor: Option<String>,
}

/// Which generations are wanted: the caller's own, or those in a project.
#[derive(Debug)]
pub struct Wanted {
    /// In this project.
    pub project: Option<ProjectId>,
    /// Of these, those that fit.
    pub filter: Filter,
    /// Where to go on.
    pub cursor: Option<String>,
    /// How many.
    pub limit: u32,
}

/// A page of the caller's own generations, or of those in a project that they may look into, newest first.
///
/// # Errors
/// [`Refusal::NoSuch`] if they may not know of the project, [`Refusal::InvalidCursor`] if the cursor is not from this
/// list, [`Refusal::Forbidden`] if they ask which ones another marked.
pub async fn list(app: &App, caller: &Caller, wanted: &Wanted) -> Result<List, Error> {
    let tenant = Tenant::User(caller.user.clone());
    let project = match &wanted.project {
        Some(id) => Some(open::project_for(app, caller, Action::View, id).await?),
        None => None,
    };
    let is_others = project.as_ref().is_some_and(|it| it.tenant != tenant);
    if is_others && wanted.filter.favorite.is_some() {
        return Err(Refusal::Forbidden.into());
    }
    let scope = match &project {
        Some(project) => ListScope::Project(project),
        None => ListScope::Tenant(&tenant),
    };
    let filter = &wanted.filter;
    let binding = format!("{tenant}/generations/{:?}/{filter:?}", wanted.project);
    let cursor = wanted.cursor.as_deref();
    let after = cursor
        .map(|text| Cursor::open(text, &binding))
        .transpose()?;
    let page = app
        .store()
        .generations(scope, filter, after.as_ref(), wanted.limit)
        .await?;
    let existing = existing_projects(app, &page.generations).await?;
    let shown = page.generations.into_iter().map(|generation| {
        let generation = seen_by(caller, generation, &existing);
        show_one(app, caller, generation, MEDIA_EXPIRY_DEFAULT)
    });
    let shown = futures::future::try_join_all(shown).await?;
    Ok(List {
        shown,
        next_cursor: page.next.map(|next| next.seal(&binding)),
    })
}

/// Sums over the caller's newest generations, and whether those are all that they have.
///
/// # Errors
/// A fault if they cannot be read.
pub async fn stats(app: &App, caller: &Caller) -> Result<(Stats, bool), Error> {
    let tenant = Tenant::User(caller.user.clone());
    let scope = ListScope::Tenant(&tenant);
    Ok(app.store().generation_stats(scope).await?)
}

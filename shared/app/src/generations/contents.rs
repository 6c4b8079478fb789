//! Deleting the generations of a project, before the project itself is deleted.

use std::time::Duration;

use domain::Refusal;
use domain::access::{self, Action, GenerationSeen, ProjectSeen, Thing};
use domain::callers::Caller;
use domain::generations::{Filter, Generation};
use domain::ids::{GenerationId, Tenant};
use futures::future::try_join_all;
use store::{Cursor, ListScope};

use super::{delete, roles};
use crate::{App, Error, clock};

/// The number of generations that are read at once.
const PAGE: u32 = 100;
/// The number of generations that are deleted at once.
const AT_ONCE: usize = 10;
/// The time for which one request goes on: inside the gateway's 29 seconds.
const TIME_MAX: Duration = Duration::from_secs(20);

/// Deletes every generation in a project that the caller may delete: their own, and those of teams in which
/// their role allows it. Other generations stay. Nothing is deleted while one of them runs.
///
/// # Errors
/// [`Refusal::Conflict`] while one of them runs, and if there are more than can be deleted in time: the
/// same request, sent again, goes on.
pub(crate) async fn delete_filed_in(
    app: &App,
    caller: &Caller,
    seen: &ProjectSeen,
) -> Result<(), Error> {
    let give_up_at = clock::now().plus(TIME_MAX);
    for is_trial in [true, false] {
        let mut after = None;
        loop {
            let (found, next) = page(app, caller, seen, after).await?;
            if is_trial {
                found.iter().try_for_each(Generation::check_deletable)?;
            } else {
                for some in found.chunks(AT_ONCE) {
                    let deletions = some.iter().map(|it| delete_one(app, caller, &it.id));
                    try_join_all(deletions).await?;
                }
            }
            let Some(next) = next else { break };
            if clock::now() > give_up_at {
                let more = "not all of its generations are deleted yet; send the request again";
                return Err(Refusal::Conflict(more.to_owned()).into());
            }
            after = Some(next);
        }
    }
    Ok(())
}

/// Returns the generations of a page that the caller may delete, and where the next page starts.
async fn page(
    app: &App,
    caller: &Caller,
    seen: &ProjectSeen,
    after: Option<Cursor<GenerationId>>,
) -> Result<(Vec<Generation>, Option<Cursor<GenerationId>>), Error> {
    let (scope, all) = (ListScope::Project(&seen.project), Filter::default());
    let page = app.store().generations(scope, &all, after, PAGE);
    let page = page.await?;
    let roles = roles(app, caller, &page.rows).await?;
    let generations = page.rows.into_iter();
    let generations = generations.map(|generation| GenerationSeen {
        role: match &generation.tenant {
            Tenant::Team(team) => roles.get(team).copied(),
            Tenant::User(_) => None,
        },
        project: Some(seen.clone()),
        shares: Vec::new(),
        generation,
    });
    let may = |seen: &GenerationSeen| {
        access::check(&caller.user, Action::Delete, Thing::Generation(seen)).is_ok()
    };
    let generations = generations.filter(may).map(|seen| seen.generation);
    Ok((generations.collect(), page.next))
}

/// Deletes one generation, unless it is gone already, or the caller may no longer delete it.
async fn delete_one(app: &App, caller: &Caller, id: &GenerationId) -> Result<(), Error> {
    match delete(app, caller, id).await {
        Err(Error::Refused(Refusal::NotFound(_) | Refusal::Forbidden)) => Ok(()),
        other => other,
    }
}

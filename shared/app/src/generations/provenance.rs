//! The ancestors of a generation: its parent, that one's parent, and so on.
//!
//! Each is shown as the caller may see it. An ancestor that they may not see, or that was deleted, ends the
//! chain: its own ancestors are not shown. A parent exists before its child and stays its parent, so no
//! chain leads back into itself.

use domain::Refusal;
use domain::access::Action;
use domain::callers::Caller;
use domain::generations::Generation;
use domain::ids::GenerationId;
use store::Cursor;

use super::{existing_projects, get, seen_by};
use crate::pages::{self, PageRequest, SealedPage};
use crate::{App, Error};

/// An ancestor of a generation.
#[derive(Clone, Debug)]
pub enum Ancestor {
    /// An ancestor that the caller may see.
    Seen {
        /// The record, without the parts that they may not see.
        generation: Box<Generation>,
        /// Whether they may see who made it.
        shows_author: bool,
    },
    /// An ancestor that they may not see, or that is gone.
    Hidden(GenerationId),
}

/// Returns a page of the ancestors of a generation, the nearest first.
///
/// # Errors
/// [`Refusal::NotFound`] if the caller may not see the generation, [`Refusal::InvalidCursor`] if
/// the cursor is not from this list.
pub async fn provenance(
    app: &App,
    caller: &Caller,
    id: &GenerationId,
    wanted: &PageRequest,
) -> Result<SealedPage<Ancestor>, Error> {
    let binding = format!("{}/generations/{id}/provenance", caller.user);
    let after = pages::open::<GenerationId>(wanted.cursor.as_deref(), &binding)?;
    let mut child = get(app, caller, Action::View, id).await?.generation;
    if let Some(after) = after {
        // It was shown on the page before. A caller who may no longer see it does not get its ancestors.
        child = match get(app, caller, Action::View, after.place()).await {
            Ok(last) => last.generation,
            Err(Error::Refused(_)) => return Err(Refusal::InvalidCursor.into()),
            Err(fault) => return Err(fault),
        };
    }
    let (mut seen, mut hidden) = (Vec::new(), None);
    while seen.len() < usize::try_from(wanted.limit).unwrap_or(usize::MAX) {
        let Some(parent) = child.request.parent.clone() else {
            break;
        };
        match get(app, caller, Action::View, &parent).await {
            Ok(found) => {
                child = found.generation.clone();
                seen.push(found);
            }
            Err(Error::Refused(_)) => {
                hidden = Some(Ancestor::Hidden(parent));
                break;
            }
            Err(fault) => return Err(fault),
        }
    }
    let more = hidden.is_none() && child.request.parent.is_some();
    let next_cursor = more.then(|| Cursor::after(child.id.clone()).seal(&binding));
    let records: Vec<_> = seen.iter().map(|it| it.generation.clone()).collect();
    let existing = existing_projects(app, &records).await?;
    let seen = seen.into_iter().map(|seen| {
        let (seen, shows_author) = seen_by(&caller.user, seen, &existing);
        Ancestor::Seen {
            generation: Box::new(seen.generation),
            shows_author,
        }
    });
    Ok(SealedPage {
        rows: seen.chain(hidden).collect(),
        next_cursor,
    })
}

//! Styles: making, looking at, changing and deleting them, for a user or for a team, and applying one to a
//! prompt.

use std::time::Duration;

use domain::Refusal;
use domain::access::Action;
use domain::callers::Caller;
use domain::catalogue;
use domain::generations::Draft;
use domain::ids::{StyleId, TeamId, Tenant};
use domain::styles::{self, AnyStyle, Preset, STYLES_MAX, Style, StyleChange, StyleDetails};
use store::{StylePut, TeamSeen, WriteOutcome};

use crate::pages::{self, PageRequest, SealedPage};
use crate::{App, Error, clock, teams};

/// The time that a write is tried while others are under way.
const PATIENCE: Duration = Duration::from_secs(4);

/// Makes a style, for the caller or for a team that they may make things in.
///
/// # Errors
/// [`Refusal::NoSuch`] or [`Refusal::Forbidden`] for a team in which they may not, [`Refusal::Conflict`] if
/// there are as many styles as there may be.
pub async fn create(
    app: &App,
    caller: &Caller,
    details: StyleDetails,
    team: Option<&TeamId>,
) -> Result<Style, Error> {
    let now = clock::now();
    let style = Style {
        id: StyleId::new(now, clock::entropy()?),
        tenant: team.map_or_else(|| Tenant::from(&caller.user), Tenant::from),
        made_by: caller.user.clone(),
        details,
        created_at: now,
        updated_at: now,
        version: 1,
    };
    let mut tries = clock::tries(PATIENCE);
    while tries.again().await? {
        let member = match team {
            Some(team) => Some(team_for(app, caller, Action::File, team).await?.by),
            None => None,
        };
        match app.store().put_style(&style, member.as_ref()).await? {
            StylePut::Done => return Ok(style),
            StylePut::Full => {
                let full = format!("there are {STYLES_MAX} styles, which is all that there may be");
                return Err(Refusal::Conflict(format!("{full}; delete one")).into());
            }
            StylePut::Stale => {}
        }
    }
    Err(Refusal::Busy.into())
}

/// Returns a page of the caller's own styles, or of those of a team that they are in, newest first.
///
/// # Errors
/// [`Refusal::InvalidCursor`] if the cursor is not from this list, [`Refusal::NoSuch`] if they are not in the
/// team.
pub async fn list(
    app: &App,
    caller: &Caller,
    team: Option<&TeamId>,
    wanted: &PageRequest,
) -> Result<SealedPage<Style>, Error> {
    let tenant = match team {
        Some(team) => {
            team_for(app, caller, Action::View, team).await?;
            Tenant::from(team)
        }
        None => Tenant::from(&caller.user),
    };
    let binding = format!("{}/styles/{tenant}", caller.user);
    pages::read(wanted.cursor.as_deref(), &binding, |after| {
        app.store().styles(&tenant, after, wanted.limit)
    })
    .await
}

/// Returns a page of the presets.
///
/// # Errors
/// [`Refusal::InvalidCursor`] if the cursor is not from this list.
pub fn presets(wanted: &PageRequest) -> Result<SealedPage<Preset>, Error> {
    Ok(pages::numbered(styles::presets(), "style-presets", wanted)?)
}

/// Returns a style that the caller may use: their own, one of a team that they are in, or a preset.
///
/// # Errors
/// [`Refusal::NotFound`] if they may not, or if there is no such style.
pub async fn get(app: &App, caller: &Caller, id: &StyleId) -> Result<AnyStyle, Error> {
    if let Some(preset) = styles::preset(id) {
        return Ok(AnyStyle::Preset(preset));
    }
    let style = app.store().style(&caller.user, Action::View, id).await??;
    Ok(AnyStyle::Made(style))
}

/// Changes a style that the caller may change. Returns it as it is then.
///
/// # Errors
/// [`Refusal::NotFound`] or [`Refusal::Forbidden`] if they may not.
pub async fn update(
    app: &App,
    caller: &Caller,
    id: &StyleId,
    change: &StyleChange,
) -> Result<Style, Error> {
    let mut tries = clock::tries(PATIENCE);
    while tries.again().await? {
        let style = made(app, caller, Action::Edit, id).await?;
        let next = style.changed(change.clone(), clock::now());
        match app.store().replace_style(&next).await? {
            WriteOutcome::Done => return Ok(next),
            WriteOutcome::Stale => {}
        }
    }
    Err(Refusal::Busy.into())
}

/// Deletes a style that the caller may delete. Generations that were made with it stay as they are.
///
/// # Errors
/// [`Refusal::NotFound`] or [`Refusal::Forbidden`] if they may not.
pub async fn delete(app: &App, caller: &Caller, id: &StyleId) -> Result<(), Error> {
    let mut tries = clock::tries(PATIENCE);
    while tries.again().await? {
        let style = made(app, caller, Action::Delete, id).await?;
        match app.store().delete_style(&style).await? {
            WriteOutcome::Done => return Ok(()),
            WriteOutcome::Stale => {}
        }
    }
    Err(Refusal::Busy.into())
}

/// Returns the draft's prompt with its style applied, if it names a style.
///
/// # Errors
/// [`Refusal::NoSuch`] if the caller may not use it, [`Refusal::Invalid`] if it does not fit the model.
pub(crate) async fn adapted_prompt(
    app: &App,
    caller: &Caller,
    draft: &Draft,
) -> Result<Option<String>, Error> {
    let Some(id) = &draft.request.style else {
        return Ok(None);
    };
    let style = match get(app, caller, id).await {
        Err(Error::Refused(Refusal::NotFound(noun))) => {
            let field = "style_id";
            return Err(Refusal::NoSuch { field, noun }.into());
        }
        style => style?,
    };
    let prompt = draft.request.prompt.as_deref();
    match catalogue::find(draft.order.model) {
        Some(model) => {
            let adapted = styles::adapt(prompt, &style.details().blocks, model);
            Ok(Some(adapted?))
        }
        None => Err(Refusal::NotFound("model").into()),
    }
}

/// Returns a style that a user made, if the caller may do this to it. Presets cannot be changed or deleted.
async fn made(app: &App, caller: &Caller, action: Action, id: &StyleId) -> Result<Style, Error> {
    match styles::preset(id) {
        Some(_) => Err(Refusal::Forbidden.into()),
        None => Ok(app.store().style(&caller.user, action, id).await??),
    }
}

/// Returns the team that a request names in `team_id`.
async fn team_for(
    app: &App,
    caller: &Caller,
    action: Action,
    team: &TeamId,
) -> Result<TeamSeen, Error> {
    match teams::get(app, caller, action, team).await {
        Err(Error::Refused(Refusal::NotFound(noun))) => {
            let field = "team_id";
            Err(Refusal::NoSuch { field, noun }.into())
        }
        seen => seen,
    }
}

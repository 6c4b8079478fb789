//! What a request names by its id: it must be there for the caller, and be such that they may use it so.

use domain::access::{self, Action, ProjectSeen};
use domain::callers::Caller;
use domain::catalogue::{self, PictureLimits};
use domain::files::{File, FileState};
use domain::generations::Draft;
use domain::ids::{ProjectId, TeamId, Tenant};
use domain::projects::Project;
use domain::{FieldCode, Refusal};
use store::TeamSeen;

use crate::{App, Error, styles};

/// What is told of a project that the caller may not file anything in.
const NO_SUCH_PROJECT: Refusal = Refusal::NoSuch {
    field: "project_id",
    noun: "project",
};

/// What is told of a team that the caller is not in.
pub(super) const NO_SUCH_TEAM: Refusal = Refusal::NoSuch {
    field: "team_id",
    noun: "team",
};

/// What a request's references are for, beside being there.
#[derive(Debug)]
pub(crate) struct References {
    /// The project that it is to be filed in.
    pub(crate) project: Option<Project>,
    /// What its style makes of its prompt.
    pub(crate) adapted_prompt: Option<String>,
}

/// Checks that everything which a request names is there for the caller: files are their own, ready, and
/// such as the model takes; a parent is one that they may make others of; a style is one that they may use,
/// and fits.
pub(crate) async fn check_references(
    app: &App,
    caller: &Caller,
    draft: &Draft,
) -> Result<References, Error> {
    let own = Tenant::from(&caller.user);
    let files = draft
        .request
        .reference_file
        .iter()
        .map(|id| ("reference_file_id", id));
    let files = files.chain(draft.order.images.iter().map(|(field, _, id)| (*field, id)));
    let limits = catalogue::find(draft.order.model).and_then(|model| model.picture_limits);
    let checks = files.map(|(field, id)| {
        let own = &own;
        async move {
            let file = app.store().file(own, id).await?;
            usable(field, file.as_ref(), limits).map_err(Error::Refused)
        }
    });
    let parent = async {
        let Some(id) = &draft.request.parent else {
            return Ok(());
        };
        let found = app.store().generation_for(&caller.user, Action::View, id);
        let checked = found.await?;
        let checked = checked.and_then(|seen| access::check_parent(&caller.user, &seen));
        checked.map_err(|refusal| match refusal {
            Refusal::Forbidden => Error::Refused(Refusal::Forbidden),
            _ => Error::Refused(Refusal::NoSuch {
                field: "parent_generation_id",
                noun: "generation",
            }),
        })
    };
    let project = project_to_file_in(app, caller, draft);
    let adapted_prompt = styles::adapted_prompt(app, caller, draft);
    let files = futures::future::try_join_all(checks);
    let (_, (), project, adapted_prompt) =
        tokio::try_join!(files, parent, project, adapted_prompt)?;
    Ok(References {
        project,
        adapted_prompt,
    })
}

/// The project that a draft names, if it names one: one that the caller may file something in.
pub(super) async fn project_to_file_in(
    app: &App,
    caller: &Caller,
    draft: &Draft,
) -> Result<Option<Project>, Error> {
    match &draft.project {
        Some(id) => {
            let seen = project_for(app, caller, Action::File, id).await?;
            Ok(Some(seen.project))
        }
        None => Ok(None),
    }
}

/// The project that a request names in `project_id`. One that the caller may not do this to is not there: who
/// sees it is not thereby told anything, and who may not is not told that it exists.
pub(super) async fn project_for(
    app: &App,
    caller: &Caller,
    action: Action,
    id: &ProjectId,
) -> Result<ProjectSeen, Error> {
    let found = app.store().project(&caller.user, action, id).await?;
    found.map_err(|_| Error::Refused(NO_SUCH_PROJECT))
}

/// The team that a draft names must be one whose credits the caller may spend.
pub(crate) async fn check_team(app: &App, caller: &Caller, draft: &Draft) -> Result<(), Error> {
    let Some(team) = &draft.team else {
        return Ok(());
    };
    let found = app.store().team(&caller.user, Action::File, team).await?;
    found.map(|_| ()).map_err(|refusal| {
        Error::Refused(match refusal {
            Refusal::NotFound(_) => NO_SUCH_TEAM,
            other => other,
        })
    })
}

/// The team that a request names in `team_id`, for who may look into it.
pub(super) async fn team_for(app: &App, caller: &Caller, id: &TeamId) -> Result<TeamSeen, Error> {
    let found = app.store().team(&caller.user, Action::View, id).await?;
    found.map_err(|_| Error::Refused(NO_SUCH_TEAM))
}

fn usable(
    field: &'static str,
    file: Option<&File>,
    limits: Option<PictureLimits>,
) -> Result<(), Refusal> {
    match file {
        None => Err(Refusal::NoSuch {
            field,
            noun: "file",
        }),
        Some(file) if file.state != FileState::Ready => Err(Refusal::field(
            field,
            FieldCode::NotAllowed,
            "its upload is not completed",
        )),
        Some(file) if !file.content_type.is_image() => Err(Refusal::field(
            field,
            FieldCode::NotAllowed,
            "must be an image",
        )),
        Some(file) => match limits.map(|limits| limits.check(field, file)) {
            None | Some(Ok(())) => Ok(()),
            Some(Err(problem)) => Err(Refusal::Invalid(vec![problem])),
        },
    }
}

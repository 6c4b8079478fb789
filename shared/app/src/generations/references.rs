//! The things that a request names by their ids. They must exist for the caller, and the caller must be
//! allowed to use them.

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

/// The refusal for a project that the caller may not file anything in.
const NO_SUCH_PROJECT: Refusal = Refusal::NoSuch {
    field: "project_id",
    noun: "project",
};

/// The refusal for a team that the caller is not in.
const NO_SUCH_TEAM: Refusal = Refusal::NoSuch {
    field: "team_id",
    noun: "team",
};

/// The results of checking a request's references.
#[derive(Debug)]
pub(crate) struct References {
    /// The project that it is to be filed in.
    pub(crate) project: Option<Project>,
    /// The prompt after the style was applied, if there is a style.
    pub(crate) adapted_prompt: Option<String>,
}

/// Checks that everything that a request names exists for the caller: files are their own, ready, and
/// accepted by the model; a parent is one that they may derive others from; a style is one that they may
/// use, and fits.
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
        checked.map_err(|refusal| {
            if refusal == Refusal::Forbidden {
                return Error::Refused(refusal);
            }
            Error::Refused(Refusal::NoSuch {
                field: "parent_generation_id",
                noun: "generation",
            })
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

/// Returns the project that a draft names, if it names one. The caller must be allowed to file something in
/// it.
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

/// Returns the project that a request names in `project_id`. If the caller may not do this to it, the
/// refusal is the same as if it did not exist, so that nobody learns whether it does.
pub(super) async fn project_for(
    app: &App,
    caller: &Caller,
    action: Action,
    id: &ProjectId,
) -> Result<ProjectSeen, Error> {
    let found = app.store().project(&caller.user, action, id).await?;
    found.map_err(|_| Error::Refused(NO_SUCH_PROJECT))
}

/// Checks that the caller may spend the credits of the team that a draft names.
pub(crate) async fn check_team(app: &App, caller: &Caller, draft: &Draft) -> Result<(), Error> {
    let Some(team) = &draft.team else {
        return Ok(());
    };
    let found = app.store().team(&caller.user, Action::File, team).await?;
    found
        .map(|_| ())
        .map_err(|refusal| Error::Refused(of_named_team(refusal)))
}

/// Returns the refusal for a team that a field of the request names: not to find it concerns the field.
pub(super) fn of_named_team(refusal: Refusal) -> Refusal {
    if matches!(refusal, Refusal::NotFound(_)) {
        return NO_SUCH_TEAM;
    }
    refusal
}

/// Returns the team that a request names in `team_id`, if the caller may look into it.
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

//! Projects, as clients send and see them.

use domain::accounts::Scope;
use domain::callers::Caller;
use domain::labels::{Description, Tags};
use domain::projects::{Contents, Project, ProjectChange, ProjectDetails, ProjectName, Visibility};
use domain::{FieldCode, FieldError, Patch, Refusal};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::body::{Problems, patch};
use crate::codes::Code;
use crate::endpoint::{Created, Endpoint, Nothing};
use crate::generations::StatsView;
use crate::list::List;
use crate::operation::{Operation, tags};
use crate::query::Query;
use crate::schema;
use crate::time;
use crate::values;

/// The caller's own projects, newest first.
pub const LIST: Endpoint<Caller, List<ProjectView>> = Endpoint::user("GET /projects", Scope::Read);
/// Makes a project.
pub const CREATE: Endpoint<Caller, Created<ProjectView>, CreateProject> =
    Endpoint::user("POST /projects", Scope::Generate);
/// One project: the caller's own, or a public one.
pub const GET: Endpoint<Caller, ProjectView> =
    Endpoint::user("GET /projects/{project_id}", Scope::Read);
/// Changes a project.
pub const UPDATE: Endpoint<Caller, ProjectView, UpdateProject> =
    Endpoint::user("PATCH /projects/{project_id}", Scope::Generate);
/// Deletes a project, and its generations if that is asked for.
pub const DELETE: Endpoint<Caller, Nothing> =
    Endpoint::user("DELETE /projects/{project_id}", Scope::Generate);
/// Counts and sums over the generations in one of the caller's projects.
pub const STATS: Endpoint<Caller, StatsView> =
    Endpoint::user("GET /projects/{project_id}/stats", Scope::Read);

/// Describes these endpoints for the OpenAPI document.
pub(crate) fn operations() -> Vec<Operation> {
    let one =
        |operation: Operation| operation.names::<schema::ProjectId>("project_id", "The project.");
    vec![
        tags::PROJECTS.operation(&LIST, "projectsList", "Your projects")
            .pages()
            .answers("A page, newest first."),
        tags::PROJECTS.operation(&CREATE, "projectsCreate", "Make a project")
            .answers("The project.")
            .refuses(&[Code::Conflict]),
        one(tags::PROJECTS.operation(&GET, "projectsGet", "One project"))
            .answers("The project."),
        one(tags::PROJECTS.operation(&UPDATE, "projectsUpdate", "Change a project"))
            .says("A field that is not there keeps its value; null removes a description, tags or metadata.")
            .answers("The project as it is now."),
        one(tags::PROJECTS.operation(&DELETE, "projectsDelete", "Delete a project"))
            .asks::<schema::Contents>("generations", "Whether its generations are kept or deleted; `keep` if not given.")
            .says(
                "Its generations stay, without a project; or those that you may delete are deleted with it, unless one of them \
                 runs. If there are too many to delete at once, send the request again.",
            )
            .answers("It is gone.")
            .refuses(&[Code::Conflict]),
        one(tags::PROJECTS.operation(&STATS, "projectsStats", "Counts of a project's generations"))
            .answers("Counts and credits.")
            .refuses(&[Code::ValidationFailed]),
    ]
}

/// Reads the query of `DELETE /projects/{id}`: `generations`.
///
/// # Errors
/// [`Refusal::Invalid`] naming each parameter that is wrong.
pub fn check_deletion(mut query: Query) -> Result<Contents, Refusal> {
    let contents = query.value("generations", "keep or delete", Contents::parse);
    query.finish(contents.unwrap_or(Contents::Keep))
}

/// `POST /projects`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct CreateProject {
    /// Its name.
    #[schemars(with = "schema::ProjectName")]
    pub name: Option<String>,
    /// Its purpose.
    #[schemars(with = "Option<schema::Description>")]
    pub description: Option<String>,
    /// `private` (if not given), `team-only` or `public`.
    #[schemars(with = "Option<schema::Visibility>")]
    pub visibility: Option<String>,
    /// Its tags.
    #[schemars(with = "Option<schema::Tags>")]
    pub tags: Option<Vec<String>>,
    /// A JSON object of the owner's choice.
    #[schemars(with = "Option<schema::Metadata>")]
    pub metadata: Option<Map<String, Value>>,
}

impl CreateProject {
    /// Checks the fields and returns them as domain types.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] naming each field that is wrong.
    pub fn check(self) -> Result<ProjectDetails, Refusal> {
        let mut problems = Problems::default();
        let name = problems
            .required("name", self.name)
            .and_then(|text| problems.valid(ProjectName::parse(&text)));
        let description = self
            .description
            .and_then(|text| problems.valid(Description::parse(&text)));
        let visibility = match self.visibility {
            Some(text) => problems.valid(visibility(&text)),
            None => Some(Visibility::Private),
        };
        let tags = problems.valid(Tags::parse(&self.tags.unwrap_or_default()));
        let metadata = self
            .metadata
            .and_then(|object| problems.valid(values::metadata(&object)));
        let details = name.zip(visibility).zip(tags);
        problems.or(details.map(|((name, visibility), tags)| ProjectDetails {
            name,
            description,
            visibility,
            tags,
            metadata,
        }))
    }
}

/// `PATCH /projects/{id}`: a field that is not there keeps its value; null removes a description, tags or
/// metadata.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct UpdateProject {
    /// Its name.
    #[serde(default, deserialize_with = "patch")]
    #[schemars(with = "schema::ProjectName")]
    pub name: Patch<String>,
    /// Its purpose.
    #[serde(default, deserialize_with = "patch")]
    #[schemars(with = "Option<schema::Description>")]
    pub description: Patch<String>,
    /// `private`, `team-only` or `public`.
    #[serde(default, deserialize_with = "patch")]
    #[schemars(with = "schema::Visibility")]
    pub visibility: Patch<String>,
    /// All its tags. They replace those that it has.
    #[serde(default, deserialize_with = "patch")]
    #[schemars(with = "Option<schema::Tags>")]
    pub tags: Patch<Vec<String>>,
    /// All its metadata. They replace those that it has.
    #[serde(default, deserialize_with = "patch")]
    #[schemars(with = "Option<schema::Metadata>")]
    pub metadata: Patch<Map<String, Value>>,
}

impl UpdateProject {
    /// Checks the fields and returns them as domain types.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] naming each field that is wrong.
    pub fn check(self) -> Result<ProjectChange, Refusal> {
        let mut problems = Problems::default();
        let name = problems.given("name", self.name);
        let name = name.and_then(|text| problems.valid(ProjectName::parse(&text)));
        let description = problems.patch(self.description, |text| Description::parse(&text));
        let named = problems.given("visibility", self.visibility);
        let visibility = named.and_then(|text| problems.valid(visibility(&text)));
        let tags = self.tags.or_default();
        let tags = tags.and_then(|tags| problems.valid(Tags::parse(&tags)));
        let metadata = problems.patch(self.metadata, |object| values::metadata(&object));
        problems.or(Some(ProjectChange {
            name,
            description,
            visibility,
            tags,
            metadata,
        }))
    }
}

fn visibility(text: &str) -> Result<Visibility, FieldError> {
    let message = "must be private, team-only or public";
    let problem = || FieldError::new("visibility", FieldCode::NotAllowed, message);
    Visibility::parse(text).ok_or_else(problem)
}

/// A project, as users who may look at it see it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Project")]
pub struct ProjectView {
    /// `prj_…`.
    #[schemars(with = "schema::ProjectId")]
    pub id: String,
    /// Always `project`.
    #[schemars(extend("const" = "project"))]
    pub object: String,
    /// The owner's id.
    #[schemars(with = "schema::UserId")]
    pub owner_id: String,
    /// Its name.
    #[schemars(with = "schema::ProjectName")]
    pub name: String,
    /// Its purpose.
    #[schemars(with = "Option<schema::Description>")]
    pub description: Option<String>,
    /// `private`, `team-only` or `public`.
    #[schemars(with = "schema::Visibility")]
    pub visibility: String,
    /// Its tags.
    #[schemars(with = "schema::Tags")]
    pub tags: Vec<String>,
    /// A JSON object of the owner's choice.
    #[schemars(with = "schema::Metadata")]
    pub metadata: Map<String, Value>,
    /// The time at which the project was made.
    #[schemars(with = "schema::Time")]
    pub created_at: String,
    /// The time of the project's last change.
    #[schemars(with = "schema::Time")]
    pub updated_at: String,
}

impl From<&Project> for ProjectView {
    fn from(project: &Project) -> Self {
        let details = &project.details;
        let description = details.description.as_ref();
        Self {
            id: project.id.to_string(),
            object: "project".to_owned(),
            owner_id: project.owner.to_string(),
            name: details.name.as_str().to_owned(),
            description: description.map(|description| description.as_str().to_owned()),
            visibility: details.visibility.as_str().to_owned(),
            tags: details.tags.as_slice().to_vec(),
            metadata: values::metadata_object(details.metadata.as_ref()),
            created_at: time::format(project.created_at),
            updated_at: time::format(project.updated_at),
        }
    }
}

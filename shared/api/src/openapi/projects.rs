//! Where generations are filed, and who may look at them.

use domain::accounts::Scope;

use super::operation::{Operation, Table, Who};
use crate::generations::StatsView;
use crate::list::List;
use crate::problem::Code;
use crate::projects::{CreateProject, ProjectView, UpdateProject};
use crate::schema;

const TABLE: Table = Table { tag: "projects" };

pub(super) fn operations() -> Vec<Operation> {
    let reads = |path, id, summary| TABLE.operation(Who::User(Scope::Read), path, id, summary);
    let writes = |path, id, summary| TABLE.operation(Who::User(Scope::Generate), path, id, summary);
    let one =
        |operation: Operation| operation.names::<schema::ProjectId>("project_id", "The project.");
    vec![
        reads("GET /projects", "projectsList", "Your projects")
            .pages()
            .answers::<List<ProjectView>>(200, "A page, newest first."),
        writes("POST /projects", "projectsCreate", "Make a project")
            .takes::<CreateProject>()
            .answers::<ProjectView>(201, "The project.")
            .refuses(&[Code::Conflict]),
        one(reads("GET /projects/{project_id}", "projectsGet", "One project"))
            .answers::<ProjectView>(200, "The project."),
        one(writes("PATCH /projects/{project_id}", "projectsUpdate", "Change a project"))
            .says("What is not there stays as it is; a description, tags or metadata that are null are removed.")
            .takes::<UpdateProject>()
            .answers::<ProjectView>(200, "The project as it is now."),
        one(writes("DELETE /projects/{project_id}", "projectsDelete", "Delete a project"))
            .says("What is filed in it stays, in no project.")
            .answers_nothing(204, "It is gone."),
        one(reads("GET /projects/{project_id}/stats", "projectsStats", "What is in a project"))
            .answers::<StatsView>(200, "Counts and credits.")
            .refuses(&[Code::ValidationFailed]),
    ]
}

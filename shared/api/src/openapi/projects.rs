//! Where generations are filed, and who may look at them.

use super::operation::{Operation, Table};
use crate::problem::Code;
use crate::{projects, schema};

const TABLE: Table = Table { tag: "projects" };

pub(super) fn operations() -> Vec<Operation> {
    let one =
        |operation: Operation| operation.names::<schema::ProjectId>("project_id", "The project.");
    vec![
        TABLE.operation(&projects::LIST, "projectsList", "Your projects")
            .pages()
            .answers("A page, newest first."),
        TABLE.operation(&projects::CREATE, "projectsCreate", "Make a project")
            .answers("The project.")
            .refuses(&[Code::Conflict]),
        one(TABLE.operation(&projects::GET, "projectsGet", "One project"))
            .answers("The project."),
        one(TABLE.operation(&projects::UPDATE, "projectsUpdate", "Change a project"))
            .says("What is not there stays as it is; a description, tags or metadata that are null are removed.")
            .answers("The project as it is now."),
        one(TABLE.operation(&projects::DELETE, "projectsDelete", "Delete a project"))
            .says("What is filed in it stays, in no project.")
            .answers("It is gone."),
        one(TABLE.operation(&projects::STATS, "projectsStats", "What is in a project"))
            .answers("Counts and credits.")
            .refuses(&[Code::ValidationFailed]),
    ]
}

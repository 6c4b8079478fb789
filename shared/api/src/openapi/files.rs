//! Uploading reference images.

use domain::accounts::Scope;

use super::operation::{Operation, Table, Who};
use crate::files::{CreateFile, CreatedFile, FileView};
use crate::problem::Code;
use crate::schema;

const TABLE: Table = Table { tag: "files" };

pub(super) fn operations() -> Vec<Operation> {
    let reads = |path, id, summary| TABLE.operation(Who::User(Scope::Read), path, id, summary);
    let writes = |path, id, summary| TABLE.operation(Who::User(Scope::Generate), path, id, summary);
    let one = |operation: Operation| operation.names::<schema::FileId>("file_id", "The file.");
    vec![
        writes("POST /files", "filesCreate", "Announce an upload")
            .says("Send the bytes to `upload.url` with exactly its headers, then complete the upload. What is not completed vanishes within a day.")
            .takes::<CreateFile>()
            .answers::<CreatedFile>(201, "The file, and how to send its bytes.")
            .refuses(&[Code::Conflict]),
        one(writes("POST /files/{file_id}/complete", "filesComplete", "Complete an upload"))
            .says("Checks the size, the digest and the first bytes of what arrived.")
            .answers::<FileView>(200, "The file, ready.")
            .refuses(&[Code::Conflict]),
        one(reads("GET /files/{file_id}", "filesGet", "One file")).answers::<FileView>(200, "The file."),
        one(writes("DELETE /files/{file_id}", "filesDelete", "Delete a file"))
            .says("What was generated from it stays.")
            .answers_nothing(204, "It is deleted."),
    ]
}

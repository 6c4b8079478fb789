//! Uploading reference images.

use super::operation::{Operation, Table};
use crate::problem::Code;
use crate::{files, schema};

const TABLE: Table = Table { tag: "files" };

pub(super) fn operations() -> Vec<Operation> {
    let one = |operation: Operation| operation.names::<schema::FileId>("file_id", "The file.");
    vec![
        TABLE.operation(&files::CREATE, "filesCreate", "Announce an upload")
            .says("Send the bytes to `upload.url` with exactly its headers, then complete the upload. What is not completed vanishes within a day.")
            .answers("The file, and how to send its bytes.")
            .refuses(&[Code::Conflict]),
        one(TABLE.operation(&files::COMPLETE, "filesComplete", "Complete an upload"))
            .says("Checks the size, the digest and the first bytes of what arrived.")
            .answers("The file, ready.")
            .refuses(&[Code::Conflict]),
        one(TABLE.operation(&files::GET, "filesGet", "One file")).answers("The file."),
        one(TABLE.operation(&files::DELETE, "filesDelete", "Delete a file"))
            .says("What was generated from it stays.")
            .answers("It is deleted."),
    ]
}

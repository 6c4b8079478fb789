//! Uploading reference images.

use std::collections::BTreeMap;

use domain::accounts::Scope;
use domain::callers::Caller;
use domain::files::{
    Announced, ContentType, DELETIONS_MAX, FILES_MAX, File, FilePurpose, SIZE_BYTES_MAX, Sha256Hex,
    StorageUsage,
};
use domain::ids::FileId;
use domain::{FieldCode, Refusal, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::body::Problems;
use crate::codes::Code;
use crate::endpoint::{Created, Endpoint, Nothing};
use crate::list::List;
use crate::operation::{Operation, tags};
use crate::schema;
use crate::time;

/// Announces an upload, and answers with the one request that S3 accepts for it.
pub const CREATE: Endpoint<Caller, Created<CreatedFile>, CreateFile> =
    Endpoint::user("POST /files", Scope::Generate);
/// The caller's files, newest first.
pub const LIST: Endpoint<Caller, List<FileView>> = Endpoint::user("GET /files", Scope::Read);
/// The number and size of the caller's uploads, and their limits.
pub const STATS: Endpoint<Caller, FileStatsView> = Endpoint::user("GET /files/stats", Scope::Read);
/// Checks the uploaded bytes against the announcement.
pub const COMPLETE: Endpoint<Caller, FileView> =
    Endpoint::user("POST /files/{file_id}/complete", Scope::Generate);
/// The address where a file can be downloaded for a while.
pub const DOWNLOAD: Endpoint<Caller, FileDownload> =
    Endpoint::user("GET /files/{file_id}/download", Scope::Read);
/// Deletes several files at once.
pub const BULK_DELETE: Endpoint<Caller, FileDeletions, DeleteFiles> =
    Endpoint::user("POST /files/bulk-delete", Scope::Generate);
/// One of the caller's files.
pub const GET: Endpoint<Caller, FileView> = Endpoint::user("GET /files/{file_id}", Scope::Read);
/// Deletes a file. Generations that were made from it stay.
pub const DELETE: Endpoint<Caller, Nothing> =
    Endpoint::user("DELETE /files/{file_id}", Scope::Generate);

/// Describes these endpoints for the OpenAPI document.
pub(crate) fn operations() -> Vec<Operation> {
    let one = |operation: Operation| operation.names::<schema::FileId>("file_id", "The file.");
    vec![
        tags::FILES.operation(&CREATE, "filesCreate", "Announce an upload")
            .says("Send the bytes to `upload.url` with exactly its headers, then complete the upload. An upload that is not completed is deleted within a day.")
            .answers("The file, and how to send its bytes.")
            .refuses(&[Code::Conflict]),
        tags::FILES
            .operation(&LIST, "filesList", "Your files")
            .pages()
            .answers("A page, newest first."),
        tags::FILES
            .operation(&STATS, "filesStats", "The size of your uploads")
            .answers("The counts, and their limits."),
        one(tags::FILES.operation(&COMPLETE, "filesComplete", "Complete an upload"))
            .says("Checks the size and the digest of the uploaded bytes, and that they are one whole file of the announced type. A picture must be a still, of at most 16,384 pixels a side, and not made for print (CMYK); 16 bits a colour are accepted. Its width and height are those of the picture as it is meant to be viewed.")
            .answers("The file, ready.")
            .refuses(&[Code::Conflict]),
        one(tags::FILES.operation(&GET, "filesGet", "One file")).answers("The file."),
        one(tags::FILES.operation(&DELETE, "filesDelete", "Delete a file"))
            .says("Generations that were made from it stay.")
            .answers("It is deleted."),
        one(tags::FILES.operation(&DOWNLOAD, "filesDownload", "Download a file"))
            .says("Its URL needs no credential, and works for a quarter of an hour.")
            .answers("The address of its bytes.")
            .refuses(&[Code::Conflict]),
        tags::FILES
            .operation(&BULK_DELETE, "filesBulkDelete", "Delete several files")
            .says("If it is not finished in time, send the request again: it goes on.")
            .answers("The files that are deleted, and the ids that name no file of yours.")
            .refuses(&[Code::ProviderUnavailable]),
    ]
}

/// `POST /files`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct CreateFile {
    /// `reference`.
    #[schemars(with = "schema::Purpose")]
    pub purpose: Option<String>,
    /// One of the types that may be uploaded.
    #[schemars(with = "schema::UploadType")]
    pub content_type: Option<String>,
    /// The file's exact size in bytes, at most 20 MiB.
    #[schemars(with = "schema::FileSize")]
    pub size: Option<u64>,
    /// SHA-256 of its bytes, 64 lower-case hexadecimal digits.
    #[schemars(with = "schema::Sha256")]
    pub sha256: Option<String>,
}

impl CreateFile {
    /// Checks the fields and returns them as domain types.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] naming each field that is wrong.
    pub fn check(self) -> Result<Announced, Refusal> {
        let mut problems = Problems::default();
        let purpose = problems.required("purpose", self.purpose).and_then(|text| {
            FilePurpose::parse(&text).or_else(|| {
                problems.add("purpose", FieldCode::NotAllowed, "must be reference");
                None
            })
        });
        let content_type = problems
            .required("content_type", self.content_type)
            .and_then(|text| {
                ContentType::parse(&text).or_else(|| {
                    let names: Vec<_> = ContentType::ALL.iter().map(|kind| kind.as_str()).collect();
                    problems.add(
                        "content_type",
                        FieldCode::NotAllowed,
                        format!("must be one of {}", names.join(", ")),
                    );
                    None
                })
            });
        let size_bytes = problems.required("size", self.size);
        if size_bytes.is_some_and(|size| !(1..=SIZE_BYTES_MAX).contains(&size)) {
            problems.add(
                "size",
                FieldCode::OutOfRange,
                format!("must be from 1 to {SIZE_BYTES_MAX} bytes"),
            );
        }
        let sha256 = problems.required("sha256", self.sha256).and_then(|text| {
            Sha256Hex::parse(&text).or_else(|| {
                problems.add(
                    "sha256",
                    FieldCode::Malformed,
                    "must be 64 lower-case hexadecimal digits",
                );
                None
            })
        });
        let checked = match (purpose, content_type, size_bytes, sha256) {
            (Some(purpose), Some(content_type), Some(size_bytes), Some(sha256)) => {
                Some(Announced {
                    purpose,
                    content_type,
                    size_bytes,
                    sha256,
                })
            }
            _ => None,
        };
        problems.or(checked)
    }
}

/// A file as its owner sees it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "File")]
pub struct FileView {
    /// `fil_…`.
    #[schemars(with = "schema::FileId")]
    pub id: String,
    /// Always `file`.
    #[schemars(extend("const" = "file"))]
    pub object: String,
    /// Its purpose.
    #[schemars(with = "schema::Purpose")]
    pub purpose: String,
    /// Its kind.
    #[schemars(with = "schema::UploadType")]
    pub content_type: String,
    /// Its size in bytes.
    #[schemars(with = "schema::FileSize")]
    pub size: u64,
    /// Its digest.
    #[schemars(with = "schema::Sha256")]
    pub sha256: String,
    /// The width in pixels of a picture that is ready, as it is meant to be viewed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = 1024)]
    pub width: Option<u32>,
    /// The height in pixels of a picture that is ready, as it is meant to be viewed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = 768)]
    pub height: Option<u32>,
    /// `pending` until the upload is completed, then `ready`.
    #[schemars(extend("enum" = ["pending", "ready"]))]
    pub status: String,
    /// The time of its announcement.
    #[schemars(with = "schema::Time")]
    pub created_at: String,
}

impl From<&File> for FileView {
    fn from(file: &File) -> Self {
        Self {
            id: file.id.to_string(),
            object: "file".to_owned(),
            purpose: file.purpose.as_str().to_owned(),
            content_type: file.content_type.as_str().to_owned(),
            size: file.size_bytes,
            sha256: file.sha256.as_str().to_owned(),
            width: file.picture.map(|picture| picture.width),
            height: file.picture.map(|picture| picture.height),
            status: file.state.as_str().to_owned(),
            created_at: time::format(file.created_at),
        }
    }
}

/// The address where a file can be downloaded.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct FileDownload {
    /// The address. A browser saves what it gets there.
    #[schemars(with = "schema::Url")]
    pub url: String,
    /// The time at which the URL stops working.
    #[schemars(with = "schema::Time")]
    pub expires_at: String,
}

impl FileDownload {
    /// Returns the answer.
    #[must_use]
    pub fn new(url: String, expires_at: Timestamp) -> Self {
        Self {
            url,
            expires_at: time::format(expires_at),
        }
    }
}

/// `POST /files/bulk-delete`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct DeleteFiles {
    /// The files, at most a hundred.
    #[schemars(with = "Vec<schema::FileId>", length(min = 1, max = 100))]
    pub ids: Option<Vec<String>>,
}

impl DeleteFiles {
    /// Checks the ids and returns each once, even if it was sent twice.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] naming each id that is malformed.
    pub fn check(self) -> Result<Vec<FileId>, Refusal> {
        let mut problems = Problems::default();
        let Some(given) = problems.required("ids", self.ids) else {
            return problems.or(None);
        };
        if given.is_empty() || given.len() > DELETIONS_MAX {
            let message = format!("must be 1 to {DELETIONS_MAX} ids of files");
            problems.add("ids", FieldCode::OutOfRange, message);
            return problems.or(None);
        }
        let mut ids = Vec::with_capacity(given.len());
        for (place, text) in given.iter().enumerate() {
            match FileId::parse(text) {
                Some(id) if ids.contains(&id) => {}
                Some(id) => ids.push(id),
                None => {
                    let message = "must be the id of a file";
                    problems.add(format!("ids[{place}]"), FieldCode::Malformed, message);
                }
            }
        }
        problems.or(Some(ids))
    }
}

/// The outcome of deleting several files.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct FileDeletions {
    /// The files that are deleted.
    #[schemars(with = "Vec<schema::FileId>")]
    pub deleted: Vec<String>,
    /// The ids that name no file of yours.
    #[schemars(with = "Vec<schema::FileId>")]
    pub not_found: Vec<String>,
}

impl FileDeletions {
    /// Returns the answer.
    #[must_use]
    pub fn new(deleted: &[FileId], not_found: &[FileId]) -> Self {
        let write = |ids: &[FileId]| ids.iter().map(ToString::to_string).collect();
        Self {
            deleted: write(deleted),
            not_found: write(not_found),
        }
    }
}

/// The number and size of a user's uploads, and their limits.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "FileStats")]
pub struct FileStatsView {
    /// Always `file_stats`.
    #[schemars(extend("const" = "file_stats"))]
    pub object: String,
    /// The number of files. A deleted one counts until its bytes are gone, within the hour.
    #[schemars(with = "schema::Count")]
    pub count: u64,
    /// The most files that you may have.
    #[schemars(with = "schema::Count", extend("examples" = [5_000]))]
    pub count_max: u64,
    /// The sum of their sizes in bytes.
    #[schemars(with = "schema::Count")]
    pub size: u64,
    /// The most bytes that you may have.
    #[schemars(with = "schema::Count", extend("examples" = [1_073_741_824]))]
    pub size_max: u64,
}

impl FileStatsView {
    /// Returns the stats of a user whose plan allows them `size_bytes_max` bytes.
    #[must_use]
    pub fn new(usage: StorageUsage, size_bytes_max: u64) -> Self {
        Self {
            object: "file_stats".to_owned(),
            count: u64::from(usage.files),
            count_max: u64::from(FILES_MAX),
            size: usage.size_bytes,
            size_max: size_bytes_max,
        }
    }
}

/// The answer to `POST /files`: the file, and how to send its bytes.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct CreatedFile {
    /// The file.
    #[serde(flatten)]
    pub file: FileView,
    /// The one request that uploads it.
    pub upload: UploadView,
}

/// The one request that uploads a file.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Upload")]
pub struct UploadView {
    /// Always `PUT`.
    #[schemars(extend("const" = "PUT"))]
    pub method: String,
    /// The address to send to.
    #[schemars(with = "schema::Url")]
    pub url: String,
    /// Headers that must be sent exactly so.
    #[schemars(example = serde_json::json!({"content-type": "image/png"}))]
    pub headers: BTreeMap<String, String>,
    /// The time at which the URL stops working.
    #[schemars(with = "schema::Time")]
    pub expires_at: String,
}

impl CreatedFile {
    /// Returns the answer: `file`, and the PUT to `url` with exactly these headers.
    #[must_use]
    pub fn new(
        file: &File,
        url: String,
        headers: Vec<(String, String)>,
        expires_at: Timestamp,
    ) -> Self {
        let upload = UploadView {
            method: "PUT".to_owned(),
            url,
            headers: headers.into_iter().collect(),
            expires_at: time::format(expires_at),
        };
        Self {
            file: FileView::from(file),
            upload,
        }
    }
}

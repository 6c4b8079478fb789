//! Uploaded files, under their ids. Beside them, `count#usr_…` counts a tenant's files and bytes, and
//! `<when>#fil_…`, filed as `unfinished` in the index by tenant, are the notes of files whose bytes must
//! go. The notes sort oldest first.

use aws::Fault;
use domain::Timestamp;
use domain::files::{
    ContentType, File, FileNote, FilePurpose, FileState, Picture, Sha256Hex, StorageUsage,
};
use domain::ids::{FileId, Tenant};
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::broken;

#[skip_serializing_none]
#[derive(Serialize, Deserialize)]
pub(crate) struct FileItem {
    id: String,
    tenant: String,
    purpose: String,
    content_type: String,
    size_bytes: u64,
    sha256: String,
    state: String,
    width: Option<u32>,
    height: Option<u32>,
    created_at_ms: i64,
}

impl From<&File> for FileItem {
    fn from(file: &File) -> Self {
        Self {
            id: file.id.to_string(),
            tenant: file.tenant.to_string(),
            purpose: file.purpose.as_str().to_owned(),
            content_type: file.content_type.as_str().to_owned(),
            size_bytes: file.size_bytes,
            sha256: file.sha256.as_str().to_owned(),
            state: file.state.as_str().to_owned(),
            width: file.picture.map(|picture| picture.width),
            height: file.picture.map(|picture| picture.height),
            created_at_ms: file.created_at.ms(),
        }
    }
}

impl TryFrom<FileItem> for File {
    type Error = Fault;

    fn try_from(item: FileItem) -> Result<Self, Fault> {
        Ok(Self {
            id: FileId::parse(&item.id).ok_or_else(|| broken("id"))?,
            tenant: Tenant::parse(&item.tenant).ok_or_else(|| broken("tenant"))?,
            purpose: FilePurpose::parse(&item.purpose).ok_or_else(|| broken("purpose"))?,
            content_type: ContentType::parse(&item.content_type)
                .ok_or_else(|| broken("content_type"))?,
            size_bytes: item.size_bytes,
            sha256: Sha256Hex::parse(&item.sha256).ok_or_else(|| broken("sha256"))?,
            state: FileState::parse(&item.state).ok_or_else(|| broken("state"))?,
            picture: item
                .width
                .zip(item.height)
                .map(|(width, height)| Picture { width, height }),
            created_at: Timestamp::from_ms(item.created_at_ms),
        })
    }
}

/// The number and the size of a tenant's files.
#[derive(Deserialize)]
pub(crate) struct FileCountItem {
    #[serde(default)]
    files: u32,
    #[serde(default)]
    size_bytes: u64,
}

impl From<FileCountItem> for StorageUsage {
    fn from(item: FileCountItem) -> Self {
        Self {
            files: item.files,
            size_bytes: item.size_bytes,
        }
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct FileNoteItem {
    pub(crate) id: String,
    tenant: String,
    file: String,
    owner: String,
    size_bytes: u64,
    due_at_ms: i64,
}

impl FileNoteItem {
    /// The value of `tenant` that notes are filed under, in place of a tenant's id.
    pub(crate) const KEY: &str = "unfinished";

    /// Returns the prefix of the ids of all notes that are due at this moment. The ids of earlier notes are
    /// smaller.
    pub(crate) fn id_at(due_at: Timestamp) -> String {
        format!("{:015}#", due_at.ms())
    }
}

impl From<&FileNote> for FileNoteItem {
    fn from(note: &FileNote) -> Self {
        Self {
            id: Self::id_at(note.due_at) + note.file.as_str(),
            tenant: Self::KEY.to_owned(),
            file: note.file.to_string(),
            owner: note.tenant.to_string(),
            size_bytes: note.size_bytes,
            due_at_ms: note.due_at.ms(),
        }
    }
}

impl TryFrom<FileNoteItem> for FileNote {
    type Error = Fault;

    fn try_from(item: FileNoteItem) -> Result<Self, Fault> {
        Ok(Self {
            file: FileId::parse(&item.file).ok_or_else(|| broken("file"))?,
            tenant: Tenant::parse(&item.owner).ok_or_else(|| broken("owner"))?,
            size_bytes: item.size_bytes,
            due_at: Timestamp::from_ms(item.due_at_ms),
        })
    }
}

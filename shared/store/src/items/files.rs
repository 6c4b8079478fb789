//! Uploaded files, by their id.

use aws::Fault;
use domain::Timestamp;
use domain::files::{ContentType, File, FileState, Purpose, Sha256Hex};
use domain::ids::{FileId, Tenant};
use serde::{Deserialize, Serialize};

use super::broken;

#[derive(Serialize, Deserialize)]
pub(crate) struct FileItem {
    id: String,
    tenant: String,
    purpose: String,
    content_type: String,
    size_bytes: u64,
    sha256: String,
    state: String,
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
            purpose: Purpose::parse(&item.purpose).ok_or_else(|| broken("purpose"))?,
            content_type: ContentType::parse(&item.content_type)
                .ok_or_else(|| broken("content_type"))?,
            size_bytes: item.size_bytes,
            sha256: Sha256Hex::parse(&item.sha256).ok_or_else(|| broken("sha256"))?,
            state: FileState::parse(&item.state).ok_or_else(|| broken("state"))?,
            created_at: Timestamp::from_ms(item.created_at_ms),
        })
    }
}

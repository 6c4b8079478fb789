//! Uploaded files.

use aws::Fault;
use domain::files::{File, FileState};
use domain::ids::{FileId, Tenant};

use crate::Store;
use crate::items::{self, FileItem, text};

impl Store {
    /// Records a file that is going to be uploaded.
    ///
    /// # Errors
    /// A [`Fault`] if it was not written.
    pub async fn put_file(&self, file: &File) -> Result<(), Fault> {
        self.client
            .put_item()
            .table_name(&self.tables.files)
            .set_item(Some(items::write(&FileItem::from(file))?))
            .condition_expression("attribute_not_exists(id)")
            .send()
            .await
            .map_err(Fault::doing("recording a file"))?;
        Ok(())
    }

    /// The tenant's file, if it has one with this id.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be read.
    pub async fn file(&self, tenant: &Tenant, id: &FileId) -> Result<Option<File>, Fault> {
        let found = self
            .client
            .get_item()
            .table_name(&self.tables.files)
            .key("id", text(id.as_str()))
            .consistent_read(true)
            .send()
            .await
            .map_err(Fault::doing("reading a file"))?;
        let Some(item) = found.item else {
            return Ok(None);
        };
        let file: File = items::read::<FileItem>(item)?.try_into()?;
        Ok((file.tenant == *tenant).then_some(file))
    }

    /// Records that a file's bytes arrived and were checked. Saying it twice changes nothing.
    ///
    /// # Errors
    /// A [`Fault`] if it was not written.
    pub async fn file_ready(&self, file: &File) -> Result<(), Fault> {
        self.client
            .update_item()
            .table_name(&self.tables.files)
            .key("id", text(file.id.as_str()))
            .update_expression("SET #state = :ready")
            .condition_expression("attribute_exists(id)")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":ready", text(FileState::Ready.as_str()))
            .send()
            .await
            .map_err(Fault::doing("recording that a file is ready"))?;
        Ok(())
    }
}

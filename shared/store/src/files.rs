//! Uploaded files, and the notes of files whose bytes must go.
//!
//! A counter beside the files holds how many files and bytes a tenant has. The transaction that announces
//! or deletes a file also updates the counter, so the limit holds however many files are announced at once.
//! The same transaction leaves a note, which stays until the bytes are checked, or are gone.

use aws::Fault;
use aws_sdk_dynamodb::types::builders::{DeleteBuilder, PutBuilder};
use aws_sdk_dynamodb::types::{Delete, Put, Update};
use domain::Timestamp;
use domain::files::{FILES_MAX, File, FileNote, FileState, Picture, StorageUsage};
use domain::ids::{FileId, Tenant};

use crate::accounts::is_condition;
use crate::cursor::Cursor;
use crate::items::{self, FileCountItem, FileItem, FileNoteItem, count_key, number, text};
use crate::pages::{Index, Page};
use crate::transact::{Commit, Part, WriteTransaction};
use crate::{Store, System};

/// The outcome of announcing a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announcement {
    /// The file was recorded.
    Done,
    /// The tenant has as many files or bytes as it may have.
    Full,
    /// Other writes were under way: try again.
    Busy,
}

/// The outcome of changing a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileChange {
    /// The change was made.
    Done,
    /// There is no such file any more, or its upload was completed meanwhile.
    Gone,
    /// Other writes were under way: try again.
    Busy,
}

impl Store {
    /// Reads a page of the tenant's files, newest first.
    ///
    /// # Errors
    /// A [`Fault`] if they cannot be read.
    pub async fn files(
        &self,
        tenant: &Tenant,
        after: Option<Cursor<FileId>>,
        limit: u32,
    ) -> Result<Page<File, FileId>, Fault> {
        let index = Index {
            table: &self.tables.files,
            name: "by_tenant",
            owner: "tenant",
        };
        let after = after.as_ref().map(|last| last.place().as_str());
        let (found, more) = self
            .newest("listing files", index, tenant.as_str(), after, limit)
            .await?;
        let files = found
            .into_iter()
            .map(|item| items::read::<FileItem>(item)?.try_into())
            .collect::<Result<Vec<File>, Fault>>()?;
        Ok(Page::new(files, more, |file| file.id.clone()))
    }

    /// Returns the number and the size of the tenant's files.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be read.
    pub async fn file_usage(&self, tenant: &Tenant) -> Result<StorageUsage, Fault> {
        let key = count_key(tenant);
        let key = [("id", key.as_str())];
        let found = self.item("counting files", &self.tables.files, key).await?;
        let Some(item) = found else {
            return Ok(StorageUsage::default());
        };
        let count: FileCountItem = items::read(item)?;
        Ok(count.into())
    }

    /// Records a file that is going to be uploaded, and counts it and its bytes; the tenant may have
    /// `bytes_max` bytes. Safe to repeat with the same file.
    ///
    /// # Errors
    /// A [`Fault`] if it is not known to be written.
    pub async fn put_file(&self, file: &File, bytes_max: u64) -> Result<Announcement, Fault> {
        let Some(room) = bytes_max.checked_sub(file.size_bytes) else {
            return Ok(Announcement::Full);
        };
        let put = Put::builder()
            .table_name(&self.tables.files)
            .set_item(Some(items::write(&FileItem::from(file))?))
            .condition_expression("attribute_not_exists(id)");
        let count = Update::builder()
            .table_name(&self.tables.files)
            .key("id", text(count_key(&file.tenant)))
            .update_expression("ADD files :one, size_bytes :size")
            .condition_expression(
                "attribute_not_exists(files) OR (files < :most AND size_bytes <= :room)",
            )
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":size", number(file.size_bytes))
            .expression_attribute_values(":most", number(FILES_MAX))
            .expression_attribute_values(":room", number(room));
        let mut tx = WriteTransaction::new("announcing a file");
        tx.add(Part::File, put);
        tx.add(Part::FileCount, count);
        tx.add(Part::FileNote, self.note_file(&FileNote::unfinished(file))?);
        Ok(match self.commit(tx).await? {
            Commit::Done => Announcement::Done,
            Commit::Busy => Announcement::Busy,
            // An earlier attempt was committed, but its answer was lost.
            Commit::Refused(refused) if refused.has(Part::File) => Announcement::Done,
            Commit::Refused(_) => Announcement::Full,
        })
    }

    /// Reads the tenant's file with this id, if it has one.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be read.
    pub async fn file(&self, tenant: &Tenant, id: &FileId) -> Result<Option<File>, Fault> {
        let found = self
            .item("reading a file", &self.tables.files, [("id", id.as_str())])
            .await?;
        let Some(item) = found else {
            return Ok(None);
        };
        let file: File = items::read::<FileItem>(item)?.try_into()?;
        Ok((file.tenant == *tenant).then_some(file))
    }

    /// Records that a file's bytes arrived and were checked, with the size of its picture, if it is one,
    /// and ends the note of its announcement. Repeating it changes nothing.
    ///
    /// # Errors
    /// A [`Fault`] if it was not written.
    pub async fn mark_file_ready(&self, file: &File) -> Result<FileChange, Fault> {
        let ready = Update::builder()
            .table_name(&self.tables.files)
            .key("id", text(file.id.as_str()))
            .condition_expression("attribute_exists(id)")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":ready", text(FileState::Ready.as_str()));
        let ready = match file.picture {
            None => ready.update_expression("SET #state = :ready"),
            Some(Picture { width, height }) => ready
                .update_expression("SET #state = :ready, width = :width, height = :height")
                .expression_attribute_values(":width", number(width))
                .expression_attribute_values(":height", number(height)),
        };
        let mut tx = WriteTransaction::new("recording that a file is ready");
        tx.add(Part::File, ready);
        let note = self.drop_file_note(&FileNote::unfinished(file), None);
        tx.add(Part::FileNote, note);
        self.change_file(tx).await
    }

    /// Deletes a file for its owner, with a note that its bytes must go.
    ///
    /// # Errors
    /// A [`Fault`] if it was not written.
    pub async fn delete_file(&self, file: &File, note: &FileNote) -> Result<FileChange, Fault> {
        let delete = Delete::builder()
            .table_name(&self.tables.files)
            .key("id", text(file.id.as_str()))
            .condition_expression("attribute_exists(id)");
        let mut tx = WriteTransaction::new("deleting a file");
        tx.add(Part::File, delete);
        let unfinished = self.drop_file_note(&FileNote::unfinished(file), None);
        tx.add(Part::FileNote, unfinished);
        tx.add(Part::FileNote, self.note_file(note)?);
        self.change_file(tx).await
    }

    /// Deletes a file whose upload was not completed; returns `false` if it was completed meanwhile, or is
    /// gone. Its note stays.
    ///
    /// # Errors
    /// A [`Fault`] if it was not written.
    pub async fn give_file_up(&self, _: System, file: &File) -> Result<bool, Fault> {
        let deleted = self
            .client
            .delete_item()
            .table_name(&self.tables.files)
            .key("id", text(file.id.as_str()))
            .condition_expression("#state = :pending")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":pending", text(FileState::Pending.as_str()))
            .send()
            .await;
        match deleted {
            Ok(_) => Ok(true),
            Err(error) if is_condition(&error) => Ok(false),
            Err(error) => Err(Fault::new("giving an upload up", error)),
        }
    }

    async fn change_file(&self, tx: WriteTransaction) -> Result<FileChange, Fault> {
        Ok(match self.commit(tx).await? {
            Commit::Done => FileChange::Done,
            Commit::Busy => FileChange::Busy,
            Commit::Refused(_) => FileChange::Gone,
        })
    }

    fn drop_file_note(&self, note: &FileNote, condition: Option<&str>) -> DeleteBuilder {
        Delete::builder()
            .table_name(&self.tables.files)
            .key("id", text(FileNoteItem::from(note).id))
            .set_condition_expression(condition.map(str::to_owned))
    }

    fn note_file(&self, note: &FileNote) -> Result<PutBuilder, Fault> {
        Ok(Put::builder()
            .table_name(&self.tables.files)
            .set_item(Some(items::write(&FileNoteItem::from(note))?)))
    }

    /// Lists up to `limit` notes of files that were due before `until`, oldest first, as far as the index
    /// has them.
    ///
    /// # Errors
    /// A [`Fault`] if they cannot be read.
    pub async fn file_notes(
        &self,
        _: System,
        until: Timestamp,
        limit: i32,
    ) -> Result<Vec<FileNote>, Fault> {
        let found = self
            .client
            .query()
            .table_name(&self.tables.files)
            .index_name("by_tenant")
            .key_condition_expression("tenant = :notes AND id < :until")
            .expression_attribute_values(":notes", text(FileNoteItem::KEY))
            .expression_attribute_values(":until", text(FileNoteItem::id_at(until)))
            .limit(limit)
            .send()
            .await
            .map_err(Fault::doing("listing notes of files"))?;
        let found = found.items.unwrap_or_default().into_iter();
        found
            .map(|item| items::read::<FileNoteItem>(item)?.try_into())
            .collect()
    }

    /// Ends the note of a file that is gone with its bytes, and takes the file off the tenant's count.
    /// Ending it twice changes nothing.
    ///
    /// # Errors
    /// A [`Fault`] if it was not written.
    pub async fn end_file_note(&self, _: System, note: &FileNote) -> Result<(), Fault> {
        let doing = "ending a note of a file";
        let size = i64::try_from(note.size_bytes).map_err(Fault::doing(doing))?;
        let count = Update::builder()
            .table_name(&self.tables.files)
            .key("id", text(count_key(&note.tenant)))
            .update_expression("ADD files :less, size_bytes :size")
            .condition_expression("attribute_exists(id)")
            .expression_attribute_values(":less", number(-1))
            .expression_attribute_values(":size", number(-size));
        let mut tx = WriteTransaction::new(doing);
        let drop = self.drop_file_note(note, Some("attribute_exists(id)"));
        tx.add(Part::FileNote, drop);
        tx.add(Part::FileCount, count);
        match self.commit(tx).await? {
            Commit::Done => Ok(()),
            Commit::Busy => Err(Fault::new(doing, "another write to it is under way")),
            Commit::Refused(refused) if refused.has(Part::FileNote) => Ok(()),
            // The account was erased, and its counter with it.
            Commit::Refused(_) => self.drop_uncounted(note).await,
        }
    }

    async fn drop_uncounted(&self, note: &FileNote) -> Result<(), Fault> {
        self.client
            .delete_item()
            .table_name(&self.tables.files)
            .key("id", text(FileNoteItem::from(note).id))
            .send()
            .await
            .map_err(Fault::doing("ending a note of an erased account's file"))?;
        Ok(())
    }
}

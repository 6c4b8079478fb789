//! Uploading reference images (announce, upload to S3 directly, complete), and deleting them.

use std::time::Duration;

use aws::Fault;
use blobs::{UPLOAD_EXPIRY, Upload};
use domain::callers::Caller;
use domain::files::{Announced, FILES_MAX, File, FileNote, FileState, StorageUsage, inspect};
use domain::ids::{FileId, Tenant};
use domain::{Refusal, Timestamp};
use futures::StreamExt as _;
use store::{Announcement, FileChange, System};

use crate::pages::{self, SealedPage};
use crate::{App, Error, clock};

/// The time that a write is tried while other writes conflict with it.
const PATIENCE: Duration = Duration::from_secs(3);
/// The most notes that one run of the purge follows. A day has many runs.
const NOTES_MAX: i32 = 500;
/// The number of notes that it follows at once.
const NOTES_AT_ONCE: usize = 10;
const MEBIBYTE: u64 = 1024 * 1024;
/// The time for which one request goes on deleting: inside the gateway's 29 seconds.
const DELETIONS_TIME_MAX: Duration = Duration::from_secs(20);
/// The lifetime of a download's URL.
const DOWNLOAD_EXPIRY: Duration = Duration::from_secs(15 * 60);

/// An announced file, and how to upload it.
#[derive(Debug)]
pub struct PresignedUpload {
    /// The file.
    pub file: File,
    /// The one request that S3 will accept.
    pub upload: Upload,
    /// The time from which that request is no longer accepted.
    pub expires_at: Timestamp,
}

/// Announces a file.
///
/// # Errors
/// [`Refusal::Conflict`] if the caller has as many files, or bytes, as they may have.
pub async fn create(app: &App, caller: &Caller, new: Announced) -> Result<PresignedUpload, Error> {
    let now = clock::now();
    let file = File {
        id: FileId::new(now, clock::entropy()?),
        tenant: Tenant::User(caller.user.clone()),
        purpose: new.purpose,
        content_type: new.content_type,
        size_bytes: new.size_bytes,
        sha256: new.sha256,
        state: FileState::Pending,
        picture: None,
        created_at: now,
    };
    let upload = app.blobs().presign_upload(&file).await?;
    let bytes_max = *app.config.upload_bytes_max.of(caller.plan);
    let mut tries = clock::tries(PATIENCE);
    while tries.again().await? {
        match app.store().put_file(&file, bytes_max).await? {
            Announcement::Done => {
                let expires_at = now.plus(UPLOAD_EXPIRY);
                return Ok(PresignedUpload {
                    file,
                    upload,
                    expires_at,
                });
            }
            Announcement::Full => {
                let mebibytes = bytes_max / MEBIBYTE;
                let full = format!(
                    "your files would be more than {mebibytes} MiB or {FILES_MAX} files, which is all that you may \
                     have; delete some. What was announced and not completed goes by itself within a day"
                );
                return Err(Refusal::Conflict(full).into());
            }
            Announcement::Busy => {}
        }
    }
    Err(Refusal::Busy.into())
}

/// Checks the uploaded bytes against the announcement. Doing it again changes nothing.
///
/// # Errors
/// [`Refusal::NotFound`] if the caller has no such file, or [`Refusal::Conflict`] naming the problem with
/// the upload.
pub async fn complete(app: &App, caller: &Caller, id: &FileId) -> Result<File, Error> {
    let file = get(app, caller, id).await?;
    if file.state == FileState::Ready {
        return Ok(file);
    }
    let conflict = |what: &str| Err(Error::Refused(Refusal::Conflict(what.to_owned())));
    let Some(arrived) = app.blobs().arrived(&file).await? else {
        return conflict("nothing was uploaded yet; PUT the bytes to the upload URL first");
    };
    if arrived.size_bytes != file.size_bytes {
        return conflict("what was uploaded has another size than was announced");
    }
    if arrived.sha256.as_ref() != Some(&file.sha256) {
        return conflict("what was uploaded has another SHA-256 than was announced");
    }
    let picture = match inspect(file.content_type, &arrived.bytes) {
        Ok(picture) => picture,
        Err(trouble) => return conflict(&trouble.to_string()),
    };
    let file = File {
        state: FileState::Ready,
        picture,
        ..file
    };
    let mut tries = clock::tries(PATIENCE);
    while tries.again().await? {
        if is_done(app.store().mark_file_ready(&file).await?)? {
            return Ok(file);
        }
    }
    Err(Refusal::Busy.into())
}

/// Returns the address where a file can be downloaded for a while, and the time at which it ends.
///
/// # Errors
/// [`Refusal::NotFound`] if the caller has no file with this id, [`Refusal::Conflict`] if its bytes are not
/// there.
pub async fn download(
    app: &App,
    caller: &Caller,
    id: &FileId,
) -> Result<(String, Timestamp), Error> {
    let file = get(app, caller, id).await?;
    if file.state == FileState::Pending {
        let pending = "its upload is not completed yet; complete it, then download it";
        return Err(Refusal::Conflict(pending.to_owned()).into());
    }
    let expires_at = clock::now().plus(DOWNLOAD_EXPIRY);
    let name = file.saved_as();
    let url = app
        .blobs()
        .upload_read_url(&file.tenant, id, DOWNLOAD_EXPIRY, Some(&name));
    Ok((url.await?, expires_at))
}

/// Returns whether a change was made. If not, it can be tried again, since another write came first.
fn is_done(change: FileChange) -> Result<bool, Refusal> {
    match change {
        FileChange::Done => Ok(true),
        FileChange::Gone => Err(Refusal::NotFound("file")),
        FileChange::Busy => Ok(false),
    }
}

/// Deletes a file. Generations that were made from it stay. A job that has not read it yet fails, and costs
/// nothing.
///
/// # Errors
/// [`Refusal::NotFound`] if the caller has no file with this id.
pub async fn delete(app: &App, caller: &Caller, id: &FileId) -> Result<(), Error> {
    let file = get(app, caller, id).await?;
    let note = FileNote::deleted(&file, clock::now());
    let mut tries = clock::tries(PATIENCE);
    let mut is_deleted = false;
    while !is_deleted && tries.again().await? {
        is_deleted = is_done(app.store().delete_file(&file, &note).await?)?;
    }
    if !is_deleted {
        return Err(Refusal::Busy.into());
    }
    // The file is gone for everybody. The purge deletes its bytes if they may come again, or if this fails.
    if note.due_at <= clock::now()
        && let Err(fault) = end(app, &note).await
    {
        tracing::warn!(file = %file.id, fault = fault.chain(), "a file's bytes are left to the purge");
    }
    Ok(())
}

/// The outcome of deleting several files.
#[derive(Debug, Default)]
pub struct Deletions {
    /// The files that are deleted.
    pub deleted: Vec<FileId>,
    /// The ids of which the caller has no file.
    pub not_found: Vec<FileId>,
}

/// Deletes several files one after the other, since they share one count. If the same request is sent
/// again, it reports the deleted ones as not found, and goes on with the others.
///
/// # Errors
/// [`Refusal::Busy`] if not all of them could be deleted in time.
pub async fn delete_all(app: &App, caller: &Caller, ids: &[FileId]) -> Result<Deletions, Error> {
    let give_up_at = clock::now().plus(DELETIONS_TIME_MAX);
    let mut done = Deletions::default();
    for id in ids {
        if clock::now() > give_up_at {
            return Err(Refusal::Busy.into());
        }
        match delete(app, caller, id).await {
            Ok(()) => done.deleted.push(id.clone()),
            Err(Error::Refused(Refusal::NotFound(_))) => done.not_found.push(id.clone()),
            Err(other) => return Err(other),
        }
    }
    Ok(done)
}

/// Deletes the bytes that a note refers to, and then the note.
async fn end(app: &App, note: &FileNote) -> Result<(), Fault> {
    app.blobs().delete_upload(&note.tenant, &note.file).await?;
    app.store().end_file_note(System, note).await
}

/// Gives up every upload that was not completed in time, and deletes the rest of deleted files. Returns the
/// number of notes.
///
/// # Errors
/// A fault if the notes cannot be listed, or one could not be followed; the others are, and the next run
/// tries again.
pub async fn purge(app: &App) -> Result<usize, Error> {
    let due = app.store().file_notes(System, clock::now(), NOTES_MAX);
    let notes = futures::stream::iter(due.await?);
    let followed = notes.map(|note| follow(app, note));
    let followed: Vec<_> = followed.buffer_unordered(NOTES_AT_ONCE).collect().await;
    let count = followed.len();
    for followed in followed {
        followed?;
    }
    Ok(count)
}

async fn follow(app: &App, note: FileNote) -> Result<(), Fault> {
    let followed = give_up(app, &note).await;
    if let Err(fault) = &followed {
        tracing::error!(file = %note.file, fault = fault.chain(), "a file that must go is still there");
    }
    followed
}

async fn give_up(app: &App, note: &FileNote) -> Result<(), Fault> {
    let store = app.store();
    match store.file(&note.tenant, &note.file).await? {
        // For a moment, the index may still show a note that has ended.
        Some(file) if file.state == FileState::Ready => Ok(()),
        Some(file) => match store.give_file_up(System, &file).await? {
            true => end(app, note).await,
            // It was completed meanwhile.
            false => Ok(()),
        },
        None => end(app, note).await,
    }
}

/// Returns a page of the caller's files, newest first.
///
/// # Errors
/// [`Refusal::InvalidCursor`] if the cursor is not from this list.
pub async fn list(
    app: &App,
    caller: &Caller,
    cursor: Option<&str>,
    limit: u32,
) -> Result<SealedPage<File>, Error> {
    let binding = format!("{}/files", caller.user);
    let tenant = Tenant::from(&caller.user);
    pages::read(cursor, &binding, |after| {
        app.store().files(&tenant, after, limit)
    })
    .await
}

/// Returns the number and size of the caller's uploads, and the most bytes that they may have.
///
/// # Errors
/// A fault if it cannot be read.
pub async fn usage(app: &App, caller: &Caller) -> Result<(StorageUsage, u64), Error> {
    let tenant = Tenant::from(&caller.user);
    let usage = app.store().file_usage(&tenant).await?;
    Ok((usage, *app.config.upload_bytes_max.of(caller.plan)))
}

/// Returns the caller's own file.
///
/// # Errors
/// [`Refusal::NotFound`] if they have no file with this id.
pub async fn get(app: &App, caller: &Caller, id: &FileId) -> Result<File, Error> {
    let tenant = Tenant::User(caller.user.clone());
    app.store()
        .file(&tenant, id)
        .await?
        .ok_or(Error::Refused(Refusal::NotFound("file")))
}

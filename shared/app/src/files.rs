//! Uploading reference images: announce, upload to S3 directly, complete.

use blobs::{UPLOAD_EXPIRY, Upload};
use domain::accounts::Caller;
use domain::files::{Announced, File, FileState};
use domain::ids::{FileId, Tenant};
use domain::{Refusal, Timestamp};

use crate::{App, Error, clock};

/// How to upload it.
#[derive(Debug)]
pub struct Created {
    /// The file.
    pub file: File,
    /// The one request that S3 will take.
    pub upload: Upload,
    /// When that request is no longer taken.
    pub expires_at: Timestamp,
}

/// Announces a file.
///
/// # Errors
/// A fault if it could not be recorded or signed.
pub async fn create(app: &App, caller: &Caller, new: Announced) -> Result<Created, Error> {
    let now = clock::now();
    let file = File {
        id: FileId::new(now, clock::entropy()?),
        tenant: Tenant::User(caller.user.clone()),
        purpose: new.purpose,
        content_type: new.content_type,
        size_bytes: new.size_bytes,
        sha256: new.sha256,
        state: FileState::Pending,
        created_at: now,
    };
    let (stored, upload) = tokio::join!(
        app.store().put_file(&file),
        app.blobs().presign_upload(&file)
    );
    stored?;
    Ok(Created {
        file,
        upload: upload?,
        expires_at: now.plus(UPLOAD_EXPIRY),
    })
}

/// Checks what arrived against what was announced. Doing it again changes nothing.
///
/// # Errors
/// [`Refusal::NotFound`], or [`Refusal::Conflict`] saying what is wrong with the upload.
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
    if !file.content_type.matches(&arrived.first) {
        return conflict("what was uploaded is not of the type that was announced");
    }
    app.store().file_ready(&file).await?;
    Ok(File {
        state: FileState::Ready,
        ..file
    })
}

/// The caller's own file.
///
/// # Errors
/// [`Refusal::NotFound`] if they have none with this id.
pub async fn get(app: &App, caller: &Caller, id: &FileId) -> Result<File, Error> {
    let tenant = Tenant::User(caller.user.clone());
    app.store()
        .file(&tenant, id)
        .await?
        .ok_or(Error::Refused(Refusal::NotFound("file")))
}

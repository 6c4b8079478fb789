//! Writing media: a small file in one piece, a large one in parts.
//!
//! Owns the size of a part and the time that S3 may take for it, and makes sure that any step can be
//! repeated. Refuses to know where the bytes come from, and to hold more of them than one part.

use std::ops::Range;
use std::time::Duration;

use aws::Fault;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{Builder, RequestChecksumCalculation};
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;

use crate::Blobs;

/// The size of every part but the last: S3 takes parts from 5 MiB on, and up to 10,000 of them. A function
/// holds one part in memory, and loses at most one when it ends.
pub const PART_BYTES: usize = 8 * 1024 * 1024;
/// The time that S3 may take for one attempt. Half a minute for a part of 8 MiB is slow but has been seen.
/// With the limit of other calls, 4 s, such a part would never arrive.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(60);
/// The time that S3 may take with all attempts: one that is slow, or some that fail at once. A caller that
/// has less time drops the call.
const CALL_TIMEOUT: Duration = Duration::from_secs(70);
/// The `Content-Disposition` with which a browser shows the file and does not save it.
const SHOWN: &str = "inline";

/// The result of a step of a multipart upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UploadOutcome<T> {
    /// It was done.
    Done(T),
    /// S3 no longer knows the upload, which was completed, aborted or expired; or it does not know these
    /// parts of it.
    Vanished,
}

/// Returns the settings in which these calls differ from others. The protection against stalled streams is
/// left on. It watches a body while it is sent, not S3's answer, so a slow answer is bounded by the time of
/// the attempt.
///
/// No checksum is sent except for the SHA-256 that is signed. S3 wants a checksum that is sent with parts
/// to be announced when the upload begins, and repeated for each part when it is completed.
fn patient() -> Builder {
    Builder::new()
        .timeout_config(
            TimeoutConfig::builder()
                .operation_attempt_timeout(ATTEMPT_TIMEOUT)
                .operation_timeout(CALL_TIMEOUT)
                .build(),
        )
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
}

fn is_vanished(error: &impl ProvideErrorMetadata) -> bool {
    error.code() == Some("NoSuchUpload")
}

impl Blobs {
    /// Writes an output in one piece, in place of any older one.
    ///
    /// # Errors
    /// A [`Fault`] if S3 did not take it.
    pub async fn put_media(
        &self,
        key: &str,
        content_type: &str,
        bytes: Bytes,
    ) -> Result<(), Fault> {
        self.client
            .put_object()
            .bucket(&self.buckets.media)
            .key(key)
            .content_type(content_type)
            .content_disposition(SHOWN)
            .body(ByteStream::from(bytes))
            .customize()
            .config_override(patient())
            .send()
            .await
            .map_err(Fault::doing("writing media"))?;
        Ok(())
    }

    /// Reads these bytes of an output. Returns `None` if the output is gone.
    ///
    /// # Errors
    /// A [`Fault`] if S3 did not answer with them.
    pub async fn read_media(&self, key: &str, range: Range<u64>) -> Result<Option<Bytes>, Fault> {
        let doing = "reading media";
        // The range names its last byte, not the one after it (RFC 9110, 14.1.2).
        let last = range.end.saturating_sub(1);
        let object = self
            .client
            .get_object()
            .bucket(&self.buckets.media)
            .key(key)
            .range(format!("bytes={}-{last}", range.start))
            .customize()
            .config_override(patient())
            .send()
            .await;
        let object = match object {
            Ok(object) => object,
            Err(error) if error.code() == Some("NoSuchKey") => return Ok(None),
            Err(error) => return Err(Fault::new(doing, error)),
        };
        let bytes = object.body.collect().await.map_err(Fault::doing(doing))?;
        Ok(Some(bytes.into_bytes()))
    }

    /// Begins to write an output in parts, and returns the id of the upload. Nothing of it can be read
    /// before it is completed. If it never is, the bucket deletes it a day later.
    ///
    /// # Errors
    /// A [`Fault`] if S3 did not begin it.
    pub async fn begin_media(&self, key: &str, content_type: &str) -> Result<String, Fault> {
        let doing = "beginning to write media";
        let begun = self
            .client
            .create_multipart_upload()
            .bucket(&self.buckets.media)
            .key(key)
            .content_type(content_type)
            .content_disposition(SHOWN)
            .customize()
            .config_override(patient())
            .send()
            .await
            .map_err(Fault::doing(doing))?;
        let id = begun.upload_id.filter(|id| !id.is_empty());
        id.ok_or_else(|| Fault::new(doing, "S3 named no upload"))
    }

    /// Writes part `number` (from 1) of an upload, in place of any older one of that number, and returns
    /// its entity tag. All parts but the last must have [`PART_BYTES`].
    ///
    /// # Errors
    /// A [`Fault`] if S3 did not take it.
    pub async fn put_media_part(
        &self,
        key: &str,
        upload_id: &str,
        number: u16,
        bytes: Bytes,
    ) -> Result<UploadOutcome<String>, Fault> {
        let doing = "writing a part of media";
        let sent = self
            .client
            .upload_part()
            .bucket(&self.buckets.media)
            .key(key)
            .upload_id(upload_id)
            .part_number(number.into())
            .body(ByteStream::from(bytes))
            .customize()
            .config_override(patient())
            .send()
            .await;
        match sent {
            Ok(part) => {
                let etag = part.e_tag.filter(|etag| !etag.is_empty());
                let etag = etag.ok_or_else(|| Fault::new(doing, "S3 gave no entity tag"))?;
                Ok(UploadOutcome::Done(etag))
            }
            Err(error) if is_vanished(&error) => Ok(UploadOutcome::Vanished),
            Err(error) => Err(Fault::new(doing, error)),
        }
    }

    /// Completes an upload: its parts, whose entity tags are `etags` in order, become one object of
    /// `size_bytes`. If S3 no longer knows the upload but has an object of that size, it was completed
    /// before, and the answer was lost.
    ///
    /// # Errors
    /// A [`Fault`] if S3 did not complete it.
    pub async fn complete_media(
        &self,
        key: &str,
        upload_id: &str,
        etags: &[String],
        size_bytes: u64,
    ) -> Result<UploadOutcome<()>, Fault> {
        let part = |(number, etag): (i32, &String)| {
            let part = CompletedPart::builder().part_number(number);
            part.e_tag(etag).build()
        };
        let parts = (1..).zip(etags).map(part).collect();
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts));
        let completed = self
            .client
            .complete_multipart_upload()
            .bucket(&self.buckets.media)
            .key(key)
            .upload_id(upload_id)
            .multipart_upload(parts.build())
            .customize()
            .config_override(patient())
            .send()
            .await;
        match completed {
            Ok(_) => Ok(UploadOutcome::Done(())),
            Err(error) if is_vanished(&error) => match self.media_size(key).await? {
                Some(found) if found == size_bytes => Ok(UploadOutcome::Done(())),
                Some(_) | None => Ok(UploadOutcome::Vanished),
            },
            // A part of that number was replaced later: two runs read two versions of the source.
            Err(error) if error.code() == Some("InvalidPart") => Ok(UploadOutcome::Vanished),
            Err(error) => Err(Fault::new("completing media", error)),
        }
    }

    /// Aborts an upload, with its parts. An upload that S3 does not know was aborted before.
    ///
    /// # Errors
    /// A [`Fault`] if S3 did not abort it.
    pub async fn abort_media(&self, key: &str, upload_id: &str) -> Result<(), Fault> {
        let aborted = self
            .client
            .abort_multipart_upload()
            .bucket(&self.buckets.media)
            .key(key)
            .upload_id(upload_id)
            .send()
            .await;
        match aborted {
            Ok(_) => Ok(()),
            Err(error) if is_vanished(&error) => Ok(()),
            Err(error) => Err(Fault::new("aborting media", error)),
        }
    }

    /// Returns the size of an output, if it was written. For a missing object, S3 answers 403 if the caller
    /// may not list the bucket.
    async fn media_size(&self, key: &str) -> Result<Option<u64>, Fault> {
        let head = self
            .client
            .head_object()
            .bucket(&self.buckets.media)
            .key(key)
            .send()
            .await;
        match head {
            Ok(head) => Ok(head.content_length().and_then(|n| u64::try_from(n).ok())),
            Err(error) => match error.raw_response().map(|raw| raw.status().as_u16()) {
                Some(403 | 404) => Ok(None),
                Some(_) | None => Err(Fault::new("looking for media", error)),
            },
        }
    }
}

#[cfg(test)]
mod tests;

//! Writing media: a small file in one piece, a large one by parts.
//!
//! Owns how large a part is, how long S3 may take for it, and that any step may be done twice. Refuses to
//! know where the bytes come from, and to keep more of them than one part.

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

/// How large every part but the last is: S3 takes none below 5 MiB and up to 10,000 of them. A function holds
/// one part in memory, and loses at most one when it ends.
pub const PART_BYTES: usize = 8 * 1024 * 1024;
/// How long S3 may take for one attempt. Half a minute for a part of 8 MiB is slow but has been seen, so the
/// limit of other calls, 4 s, would let such a part never arrive.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(60);
/// How long S3 may take with all attempts: one that is slow, or some that fail at
/// once. Whoever has less time lets go.
const CALL_TIMEOUT: Duration = Duration::from_secs(70);
/// A browser shows what it gets, and does not save it.
const SHOWN: &str = "inline";

/// What became of a step of an upload by parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step<T> {
    /// It was done.
    Done(T),
    /// S3 does not know the upload any more, which was completed, aborted or
    /// expired; or not these parts of it.
    Vanished,
}

/// How these calls differ from others. The protection against stalled streams stays as it is: it watches a
/// body on its way, not S3's answer, so that what bounds a slow answer is the attempt's time.
///
/// No checksum is sent but the SHA-256 that the signature is over: S3 wants one that is sent with parts to be
/// announced when the upload begins, and told again of each part when it is completed.
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
    /// Writes one output in one piece, in place of any older one.
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

    /// These bytes of one output, or nothing if it is not there any more.
    ///
    /// # Errors
    /// A [`Fault`] if S3 did not give them.
    pub async fn read_media(&self, key: &str, range: Range<u64>) -> Result<Option<Bytes>, Fault> {
        let doing = "reading media";
        // The last byte is named, not the one after it (RFC 9110, 14.1.2).
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

    /// Begins to write one output by parts, and answers the upload's id. Nobody sees anything of it before it
    /// is completed; the bucket forgets it a day later if it never is.
    ///
    /// # Errors
    /// A [`Fault`] if S3 did not do it.
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

    /// Writes part `number` (from 1) of an upload, in place of any older one of that number, and answers its
    /// entity tag. All but the last must have [`PART_BYTES`].
    ///
    /// # Errors
    /// A [`Fault`] if S3 did not take it.
    pub async fn put_media_part(
        &self,
        key: &str,
        upload_id: &str,
        number: u16,
        bytes: Bytes,
    ) -> Result<Step<String>, Fault> {
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
                Ok(Step::Done(etag))
            }
            Err(error) if is_vanished(&error) => Ok(Step::Vanished),
            Err(error) => Err(Fault::new(doing, error)),
        }
    }

    /// Makes an upload's parts, whose entity tags are `etags` in their order, one object of
    /// `size_bytes`. An upload that S3 does not know any more was completed before if there is an object
    /// of that size: an answer may have been lost.
    ///
    /// # Errors
    /// A [`Fault`] if S3 did not do it.
    pub async fn complete_media(
        &self,
        key: &str,
        upload_id: &str,
        etags: &[String],
        size_bytes: u64,
    ) -> Result<Step<()>, Fault> {
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
            Ok(_) => Ok(Step::Done(())),
            Err(error) if is_vanished(&error) => match self.media_size(key).await? {
                Some(found) if found == size_bytes => Ok(Step::Done(())),
                Some(_) | None => Ok(Step::Vanished),
            },
            // Another part of that number came later: two runs read two versions of the source.
            Err(error) if error.code() == Some("InvalidPart") => Ok(Step::Vanished),
            Err(error) => Err(Fault::new("completing media", error)),
        }
    }

    /// Gives an upload up, and the parts that it has. One that S3 does not know is given up already.
    ///
    /// # Errors
    /// A [`Fault`] if S3 did not do it.
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

    /// How large an output is that was written, if one was. Who may not list a
    /// bucket is told 403 of what is missing.
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

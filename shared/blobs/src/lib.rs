//! Objects in S3. Owns their keys, presigned URLs, and moving bytes; refuses to know what a generation or an
//! account is.
//!
//! Every URL shows its object's key. The key of an upload begins with its tenant, and its URLs are only for
//! that tenant and the provider. Media are shown to others, so their keys name the generation and nobody.

mod media;

use std::time::Duration;

use aws::{Fault, SdkConfig};
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumMode, Delete, ObjectIdentifier};
use aws_sdk_s3::{Client, config};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::files::{File, Sha256Hex};
use domain::ids::{FileId, GenerationId, Tenant};
use domain::time::Month;

pub use media::{PART_BYTES, UploadOutcome};

/// The time for which an upload's URL can be used.
pub const UPLOAD_EXPIRY: Duration = Duration::from_secs(15 * 60);

/// The buckets' names.
#[derive(Clone, Debug)]
pub struct Buckets {
    /// The bucket for generated media.
    pub media: String,
    /// The bucket for users' uploads and for exports.
    pub uploads: String,
}

/// A presigned upload, which must be a PUT with exactly these headers.
#[derive(Clone, Debug)]
pub struct Upload {
    /// The URL.
    pub url: String,
    /// The names and values of the headers, as signed.
    pub headers: Vec<(String, String)>,
}

/// An upload that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// Its size.
    pub size_bytes: u64,
    /// Its digest, as S3 computed it on arrival.
    pub sha256: Option<Sha256Hex>,
    /// Its bytes; empty if there are more of them than were announced.
    pub bytes: Vec<u8>,
}

/// A client that reads and writes objects and signs URLs.
#[derive(Clone, Debug)]
pub struct Blobs {
    client: Client,
    buckets: Buckets,
}

impl Blobs {
    /// Makes a client for `buckets`.
    #[must_use]
    pub fn new(config: &SdkConfig, buckets: Buckets) -> Self {
        // On AWS the host names the bucket. An endpoint elsewhere may not have such hosts, so there the
        // path names it.
        let is_elsewhere = config.endpoint_url().is_some();
        let config = config::Builder::from(config).force_path_style(is_elsewhere);
        Self {
            client: Client::from_conf(config.build()),
            buckets,
        }
    }

    /// The key of output `n` of a generation. It is the same for every attempt, so a repeated copy
    /// overwrites itself.
    #[must_use]
    pub fn media_key(generation: &GenerationId, n: usize, extension: &str) -> String {
        format!("{generation}/{n}.{extension}")
    }

    fn upload_key(tenant: &Tenant, file: &FileId) -> String {
        format!("{tenant}/{file}")
    }

    fn export_key(tenant: &Tenant, month: Month) -> String {
        format!("{tenant}/credits-{month}.csv")
    }

    /// Deletes everything that was written for a generation, also by attempts that did not finish, and the
    /// objects with `other_keys`. Repeating it deletes nothing more.
    ///
    /// # Errors
    /// A [`Fault`] if S3 did not delete it.
    pub async fn delete_media(
        &self,
        generation: &GenerationId,
        other_keys: &[&str],
    ) -> Result<(), Fault> {
        let bucket = &self.buckets.media;
        // One page lists a thousand objects, and a generation has a handful.
        let mut keys = self.some_keys(bucket, format!("{generation}/")).await?;
        keys.extend(other_keys.iter().map(|key| (*key).to_owned()));
        self.delete_all(bucket, &keys).await
    }

    /// Deletes up to a thousand objects in each bucket whose keys begin with a tenant's id: uploads, and
    /// media from before their keys named only generations. Returns the number that it found.
    ///
    /// # Errors
    /// A [`Fault`] if S3 did not delete them.
    pub async fn delete_some(&self, tenant: &Tenant) -> Result<usize, Fault> {
        let (media, uploads) = futures::future::try_join(
            self.delete_page(&self.buckets.media, format!("{tenant}/")),
            self.delete_page(&self.buckets.uploads, format!("{tenant}/")),
        )
        .await?;
        Ok(media + uploads)
    }

    /// Deletes the bytes of an upload. Repeating it changes nothing.
    ///
    /// # Errors
    /// A [`Fault`] if S3 did not delete it.
    pub async fn delete_upload(&self, tenant: &Tenant, file: &FileId) -> Result<(), Fault> {
        self.client
            .delete_object()
            .bucket(&self.buckets.uploads)
            .key(Self::upload_key(tenant, file))
            .send()
            .await
            .map_err(Fault::doing("deleting an upload"))?;
        Ok(())
    }

    async fn delete_page(&self, bucket: &str, prefix: String) -> Result<usize, Fault> {
        let keys = self.some_keys(bucket, prefix).await?;
        self.delete_all(bucket, &keys).await?;
        Ok(keys.len())
    }

    /// Lists the keys that begin with `prefix`: one page, which has at most a thousand.
    async fn some_keys(&self, bucket: &str, prefix: String) -> Result<Vec<String>, Fault> {
        let found = self
            .client
            .list_objects_v2()
            .bucket(bucket)
            .prefix(prefix)
            .send()
            .await
            .map_err(Fault::doing("looking for objects"))?;
        let keys = found.contents().iter().filter_map(|object| object.key());
        Ok(keys.map(str::to_owned).collect())
    }

    /// Deletes at most a thousand objects. A missing one is no error.
    async fn delete_all(&self, bucket: &str, keys: &[String]) -> Result<(), Fault> {
        let doing = "deleting objects";
        if keys.is_empty() {
            return Ok(());
        }
        let objects = keys
            .iter()
            .map(|key| ObjectIdentifier::builder().key(key).build());
        let objects = objects
            .collect::<Result<Vec<_>, _>>()
            .map_err(Fault::doing(doing))?;
        let delete = Delete::builder()
            .set_objects(Some(objects))
            .quiet(true)
            .build()
            .map_err(Fault::doing(doing))?;
        let deleted = self
            .client
            .delete_objects()
            .bucket(bucket)
            .delete(delete)
            .send()
            .await
            .map_err(Fault::doing(doing))?;
        match deleted.errors().first() {
            None => Ok(()),
            Some(error) => Err(Fault::new(
                doing,
                error.code().unwrap_or("refused").to_owned(),
            )),
        }
    }

    /// Signs a URL of an output, valid for `expiry`. A `disposition` replaces the `Content-Disposition` of
    /// the object. No call is made.
    ///
    /// # Errors
    /// A [`Fault`] if there are no credentials to sign with.
    pub async fn media_url(
        &self,
        key: &str,
        expiry: Duration,
        disposition: Option<&str>,
    ) -> Result<String, Fault> {
        let doing = "signing a media URL";
        let request = self
            .client
            .get_object()
            .bucket(&self.buckets.media)
            .key(key)
            .set_response_content_disposition(disposition.map(str::to_owned))
            .presigned(expiring(doing, expiry)?)
            .await
            .map_err(Fault::doing(doing))?;
        Ok(request.uri().to_owned())
    }

    /// Signs a URL for HEAD requests of an output, valid for `expiry`: a signature of S3 is for one method.
    ///
    /// # Errors
    /// A [`Fault`] if there are no credentials to sign with.
    pub async fn media_head_url(&self, key: &str, expiry: Duration) -> Result<String, Fault> {
        let doing = "signing a media URL";
        let request = self
            .client
            .head_object()
            .bucket(&self.buckets.media)
            .key(key)
            .presigned(expiring(doing, expiry)?)
            .await
            .map_err(Fault::doing(doing))?;
        Ok(request.uri().to_owned())
    }

    /// Signs a URL that an upload can be read from, valid for `expiry`: for the provider, or for a browser
    /// that saves it under a name of plain ASCII.
    ///
    /// # Errors
    /// A [`Fault`] if there are no credentials to sign with.
    pub async fn upload_read_url(
        &self,
        tenant: &Tenant,
        file: &FileId,
        expiry: Duration,
        saved_as: Option<&str>,
    ) -> Result<String, Fault> {
        let doing = "signing a file URL";
        let request = self
            .client
            .get_object()
            .bucket(&self.buckets.uploads)
            .key(Self::upload_key(tenant, file))
            .set_response_content_disposition(saved_as.map(attachment))
            .presigned(expiring(doing, expiry)?)
            .await
            .map_err(Fault::doing(doing))?;
        Ok(request.uri().to_owned())
    }

    /// Signs a PUT for exactly this file: its length, type and digest are part of the signature, so S3
    /// itself refuses other bytes.
    ///
    /// # Errors
    /// A [`Fault`] if there are no credentials to sign with.
    pub async fn presign_upload(&self, file: &File) -> Result<Upload, Fault> {
        let doing = "signing an upload";
        let digest = hex::decode(file.sha256.as_str()).map_err(Fault::doing(doing))?;
        let length = i64::try_from(file.size_bytes).map_err(Fault::doing(doing))?;
        let request = self
            .client
            .put_object()
            .bucket(&self.buckets.uploads)
            .key(Self::upload_key(&file.tenant, &file.id))
            .content_type(file.content_type.as_str())
            .content_length(length)
            .checksum_sha256(STANDARD.encode(digest))
            .presigned(expiring(doing, UPLOAD_EXPIRY)?)
            .await
            .map_err(Fault::doing(doing))?;
        let url = request.uri().to_owned();
        // The SDK adds headers for tracing. The uploader need not send them, because they are not signed.
        let signed = signed_headers(&url);
        let headers = request
            .headers()
            .filter(|(name, _)| signed.contains(&name.to_ascii_lowercase().as_str()))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Ok(Upload { url, headers })
    }

    /// Writes a month of a tenant's ledger, in place of an older export of that month. It is deleted with
    /// the tenant.
    ///
    /// # Errors
    /// A [`Fault`] if S3 did not take it.
    pub async fn put_export(
        &self,
        tenant: &Tenant,
        month: Month,
        table: Vec<u8>,
    ) -> Result<(), Fault> {
        self.client
            .put_object()
            .bucket(&self.buckets.uploads)
            .key(Self::export_key(tenant, month))
            .content_type("text/csv; charset=utf-8")
            .body(ByteStream::from(table))
            .send()
            .await
            .map_err(Fault::doing("writing a month of a ledger"))?;
        Ok(())
    }

    /// Signs a URL that such an export can be downloaded from, valid for `expiry`.
    ///
    /// # Errors
    /// A [`Fault`] if there are no credentials to sign with.
    pub async fn export_url(
        &self,
        tenant: &Tenant,
        month: Month,
        expiry: Duration,
    ) -> Result<String, Fault> {
        let doing = "signing the URL of a month of a ledger";
        let request = self
            .client
            .get_object()
            .bucket(&self.buckets.uploads)
            .key(Self::export_key(tenant, month))
            .response_content_disposition(attachment(&format!("credits-{month}.csv")))
            .presigned(expiring(doing, expiry)?)
            .await
            .map_err(Fault::doing(doing))?;
        Ok(request.uri().to_owned())
    }

    /// Reads the upload of `file`. Returns `None` if nothing arrived.
    ///
    /// # Errors
    /// A [`Fault`] if S3 did not answer.
    pub async fn arrived(&self, file: &File) -> Result<Option<Arrived>, Fault> {
        let doing = "reading an upload";
        let key = Self::upload_key(&file.tenant, &file.id);
        let head = self
            .client
            .head_object()
            .bucket(&self.buckets.uploads)
            .key(&key)
            .checksum_mode(ChecksumMode::Enabled)
            .send()
            .await;
        let head = match head {
            Ok(head) => head,
            Err(error) if error.as_service_error().is_some_and(|e| e.is_not_found()) => {
                return Ok(None);
            }
            Err(error) => return Err(Fault::new(doing, error)),
        };
        let size_bytes = head
            .content_length()
            .and_then(|n| u64::try_from(n).ok())
            .unwrap_or(0);
        let sha256 = head
            .checksum_sha256()
            .and_then(|text| STANDARD.decode(text).ok())
            .and_then(|digest| Sha256Hex::parse(&hex::encode(digest)));
        let bytes = match size_bytes <= file.size_bytes {
            true => self.bytes(&key).await?,
            false => Vec::new(),
        };
        Ok(Some(Arrived {
            size_bytes,
            sha256,
            bytes,
        }))
    }

    async fn bytes(&self, key: &str) -> Result<Vec<u8>, Fault> {
        let doing = "reading an upload's bytes";
        let object = self
            .client
            .get_object()
            .bucket(&self.buckets.uploads)
            .key(key)
            .send()
            .await
            .map_err(Fault::doing(doing))?;
        let bytes = object.body.collect().await.map_err(Fault::doing(doing))?;
        Ok(bytes.to_vec())
    }

    /// Whether the media bucket answers.
    ///
    /// # Errors
    /// A [`Fault`] if it does not.
    pub async fn check(&self) -> Result<(), Fault> {
        self.client
            .head_bucket()
            .bucket(&self.buckets.media)
            .send()
            .await
            .map_err(Fault::doing("asking for a bucket"))?;
        Ok(())
    }
}

/// Sets the validity of a signature: whole seconds, at least one, as S3 counts.
fn expiring(doing: &'static str, expiry: Duration) -> Result<PresigningConfig, Fault> {
    let expiry = expiry.max(Duration::from_secs(1));
    PresigningConfig::expires_in(expiry).map_err(Fault::doing(doing))
}

/// Returns the `Content-Disposition` with which a browser saves the file, under this name of plain ASCII.
#[must_use]
pub fn attachment(name: &str) -> String {
    format!("attachment; filename=\"{name}\"")
}

/// Returns the names that the signature of a presigned URL covers (`X-Amz-SignedHeaders`, separated by
/// encoded semicolons).
fn signed_headers(url: &str) -> Vec<&str> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let names = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("X-Amz-SignedHeaders="));
    names.unwrap_or_default().split("%3B").collect()
}

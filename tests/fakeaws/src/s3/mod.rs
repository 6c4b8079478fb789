//! S3: objects in buckets, addressed by path, every request signed.
//!
//! Owns the operations and their XML. Refuses to know what an object holds, and to serve anything
//! that was not signed.

mod cors;
mod multipart;
mod objects;
mod parts;
mod read;
mod upload;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::{Method, StatusCode};
use time::OffsetDateTime;

pub use cors::CorsRule;
use objects::{Headers, Objects};
use read::set;
use upload::Upload;
pub(crate) use upload::too_large;

use crate::Error;
use crate::access;
use crate::clock::rfc3339_ms;
use crate::fault::Fault;
use crate::sigv4::{Identity, Payload, decode, query_pairs};
use crate::sqlite::Sqlite;
use crate::wire::{Reply, Request, text_reply};
use crate::xml;

/// The greatest body that is accepted: an object, or a part of one.
pub(crate) const PUT_BYTES_MAX: usize = 64 * 1_024 * 1_024;
/// The greatest object that is made of parts.
const MULTIPART_BYTES_MAX: u64 = 512 * 1_024 * 1_024;
/// The smallest part but for the last, as AWS says.
const PART_BYTES_MIN: u64 = 5 * 1_024 * 1_024;
/// The greatest number of a part, as AWS says.
const PART_NUMBER_MAX: u32 = 10_000;
const KEY_BYTES_MAX: usize = 1_024;
const KEYS_PER_CALL_MAX: usize = 1_000;
/// The headers that an object keeps from its upload, apart from its user metadata.
const KEPT: [&str; 6] = [
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-type",
    "expires",
];
/// Headers and parameters that would change what a request does, in ways that are not offered.
const UNSUPPORTED: [&str; 6] = [
    "x-amz-copy-source-if-",
    "x-amz-copy-source-range",
    "x-amz-object-lock-",
    "x-amz-server-side-encryption-customer-",
    "x-amz-tagging",
    "versionId",
];
/// Parameters that name another resource than the object or the bucket itself.
const SUBRESOURCES: [&str; 8] = [
    "acl",
    "attributes",
    "cors",
    "policy",
    "tagging",
    "versioning",
    "versions",
    "lifecycle",
];

/// The buckets. Clones share them.
#[derive(Clone)]
pub(crate) struct S3 {
    objects: Objects,
    identity: Identity,
    /// The rules of each bucket that has some.
    cors: Arc<Mutex<BTreeMap<String, Vec<CorsRule>>>>,
    /// The delay of the answer to a PUT.
    put_delay_ms: Arc<AtomicU64>,
}

/// The bucket, the key and the parameters of a request.
struct Target<'a> {
    objects: &'a Objects,
    bucket: String,
    key: String,
    query: Vec<(String, String)>,
}

impl Target<'_> {
    fn parameter(&self, wanted: &str) -> Option<&str> {
        let found = self
            .query
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.map(|(_, value)| value.as_str())
    }
}

impl S3 {
    pub(crate) fn open(
        sqlite: Sqlite,
        directory: PathBuf,
        identity: Identity,
    ) -> Result<Self, Error> {
        Ok(Self {
            objects: Objects::open(sqlite, directory)?,
            identity,
            cors: Arc::default(),
            put_delay_ms: Arc::default(),
        })
    }

    /// Delays the answers to PUTs from now on: the object is there already, and its sender does not know.
    pub(crate) fn slow_puts(&self, delay: Duration) {
        let ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        self.put_delay_ms.store(ms, Ordering::Relaxed);
    }

    /// The keys of a bucket's objects.
    pub(crate) fn keys(&self, bucket: &str) -> Vec<String> {
        self.objects.keys(bucket)
    }

    /// Creates a bucket unless it exists.
    pub(crate) async fn create_bucket(&self, name: &str) -> Result<(), Error> {
        self.objects.create_bucket(name).await
    }

    /// Sets what pages of other origins may do with a bucket.
    pub(crate) fn set_cors(&self, bucket: &str, rules: Vec<CorsRule>) {
        let mut cors = self.cors.lock().unwrap_or_else(PoisonError::into_inner);
        cors.insert(bucket.to_owned(), rules);
    }

    fn cors(&self, request: &Request) -> Vec<CorsRule> {
        let path = request.uri.path().trim_start_matches('/');
        let bucket = path.split('/').next().unwrap_or_default();
        let cors = self.cors.lock().unwrap_or_else(PoisonError::into_inner);
        cors.get(bucket).cloned().unwrap_or_default()
    }

    /// Answers one request.
    pub(crate) async fn handle(&self, request: &Request) -> Reply {
        let rules = self.cors(request);
        if request.method == Method::OPTIONS {
            let reply = cors::preflight(&rules, request);
            return reply.unwrap_or_else(|fault| fault.reply());
        }
        let reply = self.answer(request).await;
        let mut reply = reply.unwrap_or_else(|fault| fault.reply());
        let delay_ms = self.put_delay_ms.load(Ordering::Relaxed);
        if request.method == Method::PUT && delay_ms > 0 {
            tokio::time::sleep(Duration::from_millis(delay_ms)).await;
        }
        cors::mark(&rules, request, &mut reply);
        reply
    }

    async fn answer(&self, request: &Request) -> Result<Reply, Fault> {
        let (payload, key_id) = self.identity.verify(request, OffsetDateTime::now_utc())?;
        let target = self.target(request)?;
        self.check(&key_id, request, &target)?;
        if !target.key.is_empty() && multipart::is_asked(&request.method, &target) {
            return multipart::answer(&target, request, &payload).await;
        }
        if target.parameter("uploads").is_some() || target.parameter("uploadId").is_some() {
            return Err(Fault::not_implemented("Listing uploads and their parts"));
        }
        match (&request.method, target.key.is_empty()) {
            (&Method::GET | &Method::HEAD, false) => {
                let read = read::read(&target, request).await;
                read.map_err(|fault| self.as_told_to(&key_id, &target, fault))
            }
            (&Method::PUT, false) => put(&target, request, &payload).await,
            (&Method::DELETE, false) => {
                self.objects.delete(&target.bucket, &target.key).await?;
                Ok(empty(StatusCode::NO_CONTENT))
            }
            (&Method::PUT, true) => {
                self.create_bucket(&target.bucket).await?;
                Ok(empty(StatusCode::OK))
            }
            (&Method::HEAD, true) => {
                self.objects.check_bucket(&target.bucket).await?;
                Ok(empty(StatusCode::OK))
            }
            (&Method::GET, true) if target.parameter("list-type") == Some("2") => {
                list(&target).await
            }
            (&Method::POST, true) if target.parameter("delete").is_some() => {
                delete_many(&target, request, &payload).await
            }
            (method, _) => Err(Fault::not_implemented(&format!(
                "{method} of this resource"
            ))),
        }
    }

    /// Checks that the key's role may do what the request asks for.
    fn check(&self, key_id: &str, request: &Request, target: &Target<'_>) -> Result<(), Fault> {
        let access = self.identity.access();
        let needs = match multipart::is_asked(&request.method, target) {
            true => access::of_upload(&request.method, &target.bucket, &target.key),
            false => access::of_bucket(&request.method, &target.bucket, &target.key),
        };
        let checked = access.check(key_id, &needs);
        checked.map_err(|words| Fault::denied("AccessDenied", &words))
    }

    /// Turns a missing object into a refusal for a role that may not list the bucket: it must not learn which
    /// objects are missing.
    fn as_told_to(&self, key_id: &str, target: &Target<'_>, fault: Fault) -> Fault {
        let listing = access::of_bucket(&Method::GET, &target.bucket, "");
        match self.identity.access().check(key_id, &listing) {
            Err(_) if fault.is_no_such_key() => Fault::denied("AccessDenied", "Access Denied"),
            Ok(()) | Err(_) => fault,
        }
    }

    fn target(&self, request: &Request) -> Result<Target<'_>, Fault> {
        let path = String::from_utf8(decode(request.uri.path()))
            .map_err(|_| Fault::bad("InvalidURI", "Couldn't parse the specified URI."))?;
        let path = path.trim_start_matches('/');
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        let query = query_pairs(request.uri.query().unwrap_or_default());
        let names = request
            .headers
            .keys()
            .map(hyper::header::HeaderName::as_str);
        let mut names = names.chain(query.iter().map(|(name, _)| name.as_str()));
        let is_unsupported = |name: &&str| {
            UNSUPPORTED.iter().any(|prefix| name.starts_with(prefix)) || SUBRESOURCES.contains(name)
        };
        if let Some(name) = names.find(is_unsupported) {
            return Err(Fault::not_implemented(name));
        }
        if bucket.is_empty() {
            return Err(Fault::not_implemented("Listing buckets"));
        }
        if key.len() > KEY_BYTES_MAX {
            return Err(Fault::bad("KeyTooLongError", "Your key is too long"));
        }
        Ok(Target {
            objects: &self.objects,
            bucket: bucket.into(),
            key: key.into(),
            query,
        })
    }
}

fn empty(status: StatusCode) -> Reply {
    text_reply(status, "application/xml", String::new())
}

/// Whether a write is allowed only while the key is free.
fn must_be_new(request: &Request) -> Result<bool, Fault> {
    match (request.header("if-none-match"), request.header("if-match")) {
        (None, None) => Ok(false),
        (Some("*"), None) => Ok(true),
        (_, _) => Err(Fault::not_implemented(
            "A condition other than If-None-Match: *",
        )),
    }
}

async fn put(target: &Target<'_>, request: &Request, payload: &Payload) -> Result<Reply, Fault> {
    let must_be_new = must_be_new(request)?;
    if let Some(source) = request.header("x-amz-copy-source") {
        return copy(target, request, source, must_be_new).await;
    }
    if !request.headers.contains_key("content-length") {
        let message = "You must provide the Content-Length HTTP header.";
        return Err(Fault::new(
            StatusCode::LENGTH_REQUIRED,
            "MissingContentLength",
            message,
        ));
    }
    let upload = Upload::of(request, payload)?;
    let headers = kept_headers(target, request);
    let object = target
        .objects
        .put(&target.bucket, &target.key, upload, headers, must_be_new)
        .await?;
    let mut reply = empty(StatusCode::OK);
    set(&mut reply, "etag", &format!("\"{}\"", object.md5));
    for (name, value) in &object.checksums {
        set(&mut reply, name, value);
    }
    Ok(reply)
}

/// The headers that an object keeps, from an upload's headers or from the parameters of a presigned URL.
fn kept_headers(target: &Target<'_>, request: &Request) -> Headers {
    let headers = request.headers.iter().filter_map(|(name, value)| {
        Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
    });
    let parameters = target
        .query
        .iter()
        .map(|(name, value)| (name.to_lowercase(), value.clone()));
    let mut kept: Headers = headers
        .chain(parameters.filter(|(name, _)| name.starts_with("x-amz-meta-")))
        .filter(|(name, _)| KEPT.contains(&name.as_str()) || name.starts_with("x-amz-meta-"))
        .collect();
    // The framing of the upload is no property of the object.
    if let Some(encoding) = kept.remove("content-encoding") {
        let parts = encoding
            .split(',')
            .map(str::trim)
            .filter(|part| *part != "aws-chunked");
        let encoding = parts.collect::<Vec<_>>().join(",");
        if !encoding.is_empty() {
            kept.insert("content-encoding".to_owned(), encoding);
        }
    }
    kept
}

async fn copy(
    target: &Target<'_>,
    request: &Request,
    source: &str,
    must_be_new: bool,
) -> Result<Reply, Fault> {
    let bad = || {
        Fault::bad(
            "InvalidArgument",
            "Copy Source must mention the source bucket and key",
        )
    };
    let source = String::from_utf8(decode(source)).map_err(|_| bad())?;
    let (bucket, key) = source
        .trim_start_matches('/')
        .split_once('/')
        .ok_or_else(bad)?;
    let found = target.objects.find(bucket, key).await?;
    let bytes = target.objects.read(&found).await?;
    let bytes = bytes.ok_or_else(|| Fault::no_such_key(key))?.into();
    let is_replaced = request.header("x-amz-metadata-directive") == Some("REPLACE");
    let headers = if is_replaced {
        kept_headers(target, request)
    } else {
        found.headers
    };
    let upload = Upload {
        bytes,
        checksums: found.checksums,
    };
    let object = target
        .objects
        .put(&target.bucket, &target.key, upload, headers, must_be_new)
        .await?;
    let content = [
        xml::element("LastModified", &rfc3339_ms(object.modified_ms)),
        xml::element("ETag", &format!("\"{}\"", object.md5)),
    ];
    let body = xml::document("CopyObjectResult", &content.concat());
    Ok(text_reply(StatusCode::OK, "application/xml", body))
}

async fn delete_many(
    target: &Target<'_>,
    request: &Request,
    payload: &Payload,
) -> Result<Reply, Fault> {
    let upload = Upload::of(request, payload)?;
    let malformed = || Fault::bad("MalformedXML", "The XML you provided was not well-formed");
    let document = std::str::from_utf8(&upload.bytes).map_err(|_| malformed())?;
    let keys = xml::texts(document, "Key");
    if !(1..=KEYS_PER_CALL_MAX).contains(&keys.len()) {
        return Err(malformed());
    }
    let is_quiet = xml::texts(document, "Quiet")
        .iter()
        .any(|quiet| quiet == "true");
    let mut content = String::new();
    for key in keys {
        target.objects.delete(&target.bucket, &key).await?;
        if !is_quiet {
            content += &format!("<Deleted>{}</Deleted>", xml::element("Key", &key));
        }
    }
    let body = xml::document("DeleteResult", &content);
    Ok(text_reply(StatusCode::OK, "application/xml", body))
}

async fn list(target: &Target<'_>) -> Result<Reply, Fault> {
    if target.parameter("delimiter").is_some() {
        return Err(Fault::not_implemented("Listing with a delimiter"));
    }
    let most = KEYS_PER_CALL_MAX;
    let max = target
        .parameter("max-keys")
        .and_then(|max| max.parse().ok())
        .unwrap_or(most);
    let max = max.min(most);
    let prefix = target.parameter("prefix").unwrap_or_default();
    let after = target
        .parameter("continuation-token")
        .or(target.parameter("start-after"));
    let limit = u32::try_from(max + 1).unwrap_or(u32::MAX);
    let mut found = target
        .objects
        .list(&target.bucket, prefix, after.unwrap_or_default(), limit)
        .await?;
    let is_truncated = found.len() > max;
    found.truncate(max);
    let mut content = [
        xml::element("Name", &target.bucket),
        xml::element("Prefix", prefix),
        xml::element("KeyCount", &found.len().to_string()),
        xml::element("MaxKeys", &max.to_string()),
        xml::element("IsTruncated", &is_truncated.to_string()),
    ]
    .concat();
    if let Some(last) = found.last().filter(|_| is_truncated) {
        content += &xml::element("NextContinuationToken", &last.key);
    }
    for object in &found {
        let fields = [
            xml::element("Key", &object.key),
            xml::element("LastModified", &rfc3339_ms(object.modified_ms)),
            xml::element("ETag", &format!("\"{}\"", object.md5)),
            xml::element("Size", &object.size_bytes.to_string()),
            xml::element("StorageClass", "STANDARD"),
        ];
        content += &format!("<Contents>{}</Contents>", fields.concat());
    }
    let body = xml::document("ListBucketResult", &content);
    Ok(text_reply(StatusCode::OK, "application/xml", body))
}

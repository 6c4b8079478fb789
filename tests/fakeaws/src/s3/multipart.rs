//! `CreateMultipartUpload`, `UploadPart`, `CompleteMultipartUpload` and `AbortMultipartUpload`.
//!
//! Owns their parameters and XML, and the checksum that a part must have. Refuses to know where parts are
//! kept.

use hyper::{Method, StatusCode};

use super::objects::Object;
use super::parts::{Begun, Named, UploadId};
use super::read::set;
use super::upload::Upload;
use super::{Fault, PART_NUMBER_MAX, Target, empty, kept_headers, must_be_new};
use crate::sigv4::Payload;
use crate::wire::{Reply, Request, text_reply};
use crate::xml;

/// The supported checksums, as the ends of their headers' names.
const ALGORITHMS: [&str; 2] = ["crc32", "sha256"];

/// Whether a request is about an upload by parts, and not about an object.
pub(super) fn is_asked(method: &Method, target: &Target<'_>) -> bool {
    let names_upload = target.parameter("uploadId").is_some();
    match *method {
        Method::POST => names_upload || target.parameter("uploads").is_some(),
        Method::PUT | Method::DELETE => names_upload,
        _ => false,
    }
}

/// Answers the requests for which [`is_asked`] is true.
pub(super) async fn answer(
    target: &Target<'_>,
    request: &Request,
    payload: &Payload,
) -> Result<Reply, Fault> {
    let Some(id) = target.parameter("uploadId") else {
        return begin(target, request).await;
    };
    let of = UploadId {
        id: id.to_owned(),
        bucket: target.bucket.clone(),
        key: target.key.clone(),
    };
    match request.method {
        Method::PUT => put_part(target, request, payload, &of).await,
        Method::POST => complete(target, request, payload, &of).await,
        _ => {
            target.objects.abort_upload(&of).await?;
            Ok(empty(StatusCode::NO_CONTENT))
        }
    }
}

async fn begin(target: &Target<'_>, request: &Request) -> Result<Reply, Fault> {
    let algorithm = request
        .header("x-amz-checksum-algorithm")
        .map(str::to_ascii_lowercase);
    if let Some(algorithm) = &algorithm {
        if !ALGORITHMS.contains(&algorithm.as_str()) {
            return Err(Fault::not_implemented(algorithm));
        }
        let kind = request.header("x-amz-checksum-type");
        if kind.is_some_and(|kind| kind != "COMPOSITE") {
            return Err(Fault::not_implemented("A checksum of the full object"));
        }
    }
    let of = UploadId {
        id: uuid::Uuid::new_v4().simple().to_string(),
        bucket: target.bucket.clone(),
        key: target.key.clone(),
    };
    let begun = Begun {
        headers: kept_headers(target, request),
        algorithm,
    };
    target.objects.begin_upload(of.clone(), begun).await?;
    let content = [
        xml::element("Bucket", &of.bucket),
        xml::element("Key", &of.key),
        xml::element("UploadId", &of.id),
    ];
    let body = xml::document("InitiateMultipartUploadResult", &content.concat());
    Ok(text_reply(StatusCode::OK, "application/xml", body))
}

async fn put_part(
    target: &Target<'_>,
    request: &Request,
    payload: &Payload,
    of: &UploadId,
) -> Result<Reply, Fault> {
    if request.headers.contains_key("x-amz-copy-source") {
        return Err(Fault::not_implemented("Copying a part"));
    }
    let number = target.parameter("partNumber").and_then(|n| n.parse().ok());
    let Some(number) = number.filter(|number| (1..=PART_NUMBER_MAX).contains(number)) else {
        let message =
            format!("Part number must be an integer between 1 and {PART_NUMBER_MAX}, inclusive");
        return Err(Fault::bad("InvalidArgument", message));
    };
    let begun = target.objects.begun(of).await?;
    let upload = Upload::of(request, payload)?;
    check_algorithm(&begun, &upload)?;
    let checksums = upload.checksums.clone();
    let md5 = target.objects.put_part(of, number, upload).await?;
    let mut reply = empty(StatusCode::OK);
    set(&mut reply, "etag", &format!("\"{md5}\""));
    for (name, value) in &checksums {
        set(&mut reply, name, value);
    }
    Ok(reply)
}

/// Checks that a part comes with the checksum of its upload, and with no other.
fn check_algorithm(begun: &Begun, upload: &Upload) -> Result<(), Fault> {
    let expected = begun.algorithm.as_deref();
    let header = upload.checksums.keys().next();
    let actual = header.and_then(|header| header.strip_prefix("x-amz-checksum-"));
    if expected == actual && upload.checksums.len() < 2 {
        return Ok(());
    }
    let message = format!(
        "Checksum Type mismatch occurred, expected checksum Type: {}, actual checksum Type: {}",
        expected.unwrap_or("null"),
        actual.unwrap_or("null"),
    );
    Err(Fault::bad("InvalidRequest", message))
}

async fn complete(
    target: &Target<'_>,
    request: &Request,
    payload: &Payload,
    of: &UploadId,
) -> Result<Reply, Fault> {
    let must_be_new = must_be_new(request)?;
    let begun = target.objects.begun(of).await?;
    let upload = Upload::of(request, payload)?;
    if !upload.checksums.is_empty() {
        return Err(Fault::not_implemented("A checksum of the full object"));
    }
    let named = named(&upload.bytes, begun.algorithm.as_deref())?;
    let object = target
        .objects
        .complete_upload(of, named, must_be_new)
        .await?;
    let body = completed(target, request, &object);
    Ok(text_reply(StatusCode::OK, "application/xml", body))
}

/// The parts that a completion names.
fn named(body: &[u8], algorithm: Option<&str>) -> Result<Vec<Named>, Fault> {
    let malformed = || {
        Fault::bad(
            "MalformedXML",
            "The XML you provided was not well-formed or did not validate against our published schema",
        )
    };
    let document = std::str::from_utf8(body).map_err(|_| malformed())?;
    let checksum = algorithm.map(|algorithm| format!("Checksum{}", algorithm.to_ascii_uppercase()));
    let mut named = Vec::new();
    for part in xml::texts(document, "Part") {
        let first = |name: &str| xml::texts(&part, name).into_iter().next();
        let number = first("PartNumber").and_then(|number| number.parse().ok());
        named.push(Named {
            number: number.ok_or_else(malformed)?,
            etag: first("ETag").ok_or_else(malformed)?,
            checksum: checksum.as_deref().and_then(first),
        });
    }
    let most = usize::try_from(PART_NUMBER_MAX).unwrap_or(usize::MAX);
    if named.is_empty() || named.len() > most {
        return Err(malformed());
    }
    Ok(named)
}

fn completed(target: &Target<'_>, request: &Request, object: &Object) -> String {
    let host = request.header("host").unwrap_or_default();
    let content = [
        xml::element(
            "Location",
            &format!("http://{host}/{}/{}", target.bucket, target.key),
        ),
        xml::element("Bucket", &target.bucket),
        xml::element("Key", &target.key),
        xml::element("ETag", &format!("\"{}\"", object.md5)),
    ];
    xml::document("CompleteMultipartUploadResult", &content.concat())
}

//! An uploaded body, without its framing, and checked against everything that its sender stated about it.
//!
//! Owns chunked framing, digests and checksums. Refuses to know where the body goes.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::body::Bytes;
use md5::{Digest, Md5};
use sha2::Sha256;

use super::{Fault, PUT_BYTES_MAX};
use crate::sigv4::{Payload, query_pairs};
use crate::wire::Request;

const CHECKSUM: &str = "x-amz-checksum-";

/// A body that agrees with its sender's digests and checksums.
pub(super) struct Upload {
    pub(super) bytes: Bytes,
    /// The checksums that were sent with it, by header.
    pub(super) checksums: BTreeMap<String, String>,
}

impl Upload {
    /// Takes the body out of a request.
    pub(super) fn of(request: &Request, payload: &Payload) -> Result<Self, Fault> {
        let (bytes, trailers) = match payload {
            Payload::Unsigned => (request.body.clone(), Vec::new()),
            Payload::Chunked => unchunk(request)?,
            Payload::Digest(digest) => {
                if hex::encode(Sha256::digest(&request.body)) != *digest {
                    return Err(Fault::bad(
                        "XAmzContentSHA256Mismatch",
                        "The provided 'x-amz-content-sha256' header does not match what was \
                         computed.",
                    ));
                }
                (request.body.clone(), Vec::new())
            }
        };
        if bytes.len() > PUT_BYTES_MAX {
            return Err(too_large(PUT_BYTES_MAX as u64));
        }
        check_md5(request, &bytes)?;
        let checksums = stated_checksums(request, trailers);
        for (header, stated) in &checksums {
            check(header, stated, &bytes)?;
        }
        Ok(Self { bytes, checksums })
    }
}

pub(crate) fn too_large(bytes_max: u64) -> Fault {
    let message = "Your proposed upload exceeds the maximum allowed size";
    Fault::bad("EntityTooLarge", message).with("MaxSizeAllowed", &bytes_max.to_string())
}

/// Collects the stated checksums, from headers, trailers, and parameters of a presigned URL.
fn stated_checksums(
    request: &Request,
    trailers: Vec<(String, String)>,
) -> BTreeMap<String, String> {
    let headers = request.headers.iter().filter_map(|(name, value)| {
        Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
    });
    let parameters = query_pairs(request.uri.query().unwrap_or_default())
        .into_iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value));
    headers
        .chain(parameters)
        .chain(trailers)
        .filter(|(name, _)| {
            name.strip_prefix(CHECKSUM)
                .is_some_and(|kind| kind != "algorithm" && kind != "mode")
        })
        .collect()
}

/// Computes the checksum that a header of this name states.
pub(super) fn checksum(header: &str, bytes: &[u8]) -> Result<Vec<u8>, Fault> {
    match header {
        "x-amz-checksum-sha256" => Ok(Sha256::digest(bytes).to_vec()),
        "x-amz-checksum-crc32" => Ok(crc32fast::hash(bytes).to_be_bytes().to_vec()),
        other => Err(Fault::not_implemented(other)),
    }
}

fn check(header: &str, stated: &str, bytes: &[u8]) -> Result<(), Fault> {
    let computed = checksum(header, bytes)?;
    match STANDARD.decode(stated) {
        Ok(stated) if stated == computed => Ok(()),
        Ok(stated) if stated.len() == computed.len() => {
            let kind = header.trim_start_matches(CHECKSUM).to_ascii_uppercase();
            let message =
                format!("The {kind} you specified did not match the calculated checksum.");
            Err(Fault::bad("BadDigest", message))
        }
        Ok(_) | Err(_) => {
            let message = format!("Value for {header} header is invalid.");
            Err(Fault::bad("InvalidRequest", message))
        }
    }
}

fn check_md5(request: &Request, bytes: &[u8]) -> Result<(), Fault> {
    let Some(stated) = request.header("content-md5") else {
        return Ok(());
    };
    match STANDARD.decode(stated) {
        Ok(stated) if stated == Md5::digest(bytes).to_vec() => Ok(()),
        Ok(_) => {
            let message = "The Content-MD5 you specified did not match what we received.";
            Err(Fault::bad("BadDigest", message))
        }
        Err(_) => Err(Fault::bad(
            "InvalidDigest",
            "The Content-MD5 you specified was invalid.",
        )),
    }
}

/// A body and the trailers that came after it.
type Unchunked = (Bytes, Vec<(String, String)>);

/// Takes the frames off an `aws-chunked` body. Signatures of single chunks are not checked.
fn unchunk(request: &Request) -> Result<Unchunked, Fault> {
    let broken = || {
        Fault::bad(
            "IncompleteBody",
            "The request body is not well-formed aws-chunked.",
        )
    };
    let mut body = Vec::with_capacity(request.body.len());
    let mut rest: &[u8] = &request.body;
    loop {
        let (line, after) = line(rest).ok_or_else(broken)?;
        let size = line.split(';').next().unwrap_or_default();
        let size = usize::from_str_radix(size, 16).map_err(|_| broken())?;
        rest = after;
        if size == 0 {
            break;
        }
        let chunk = rest.get(..size).ok_or_else(broken)?;
        body.extend_from_slice(chunk);
        rest = rest[size..].strip_prefix(b"\r\n").ok_or_else(broken)?;
    }
    let mut trailers = Vec::new();
    while let Some((line, after)) = line(rest).filter(|(line, _)| !line.is_empty()) {
        let (name, value) = line.split_once(':').ok_or_else(broken)?;
        trailers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        rest = after;
    }
    let stated = request
        .header("x-amz-decoded-content-length")
        .and_then(|text| text.parse().ok());
    if stated.is_some_and(|stated: usize| stated != body.len()) {
        return Err(broken());
    }
    Ok((body.into(), trailers))
}

/// The first line, without its end, and what follows it.
fn line(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
    Some((std::str::from_utf8(&bytes[..end]).ok()?, &bytes[end + 2..]))
}

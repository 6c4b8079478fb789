//! The store of unfinished uploads: each part's bytes in a file, everything else about them in SQLite.
//!
//! Owns two promises: an upload becomes an object in one step, from exactly the named parts; and a completed
//! or aborted upload is gone. Refuses to know HTTP.

use std::fs::File;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::StatusCode;
use md5::{Digest, Md5};
use rusqlite::{OptionalExtension, Transaction, params};

use super::objects::{Headers, Object, Objects, blocking, check_bucket, discard, json, replace};
use super::upload::{Upload, checksum, too_large};
use super::{MULTIPART_BYTES_MAX, PART_BYTES_MIN};
use crate::Error;
use crate::clock::now_ms;
use crate::fault::Fault;

/// An upload that was begun: its id, and the object that it is for.
#[derive(Clone)]
pub(super) struct UploadId {
    pub(super) id: String,
    pub(super) bucket: String,
    pub(super) key: String,
}

/// The settings that an upload was begun with.
pub(super) struct Begun {
    /// The headers that the object will be served with.
    pub(super) headers: Headers,
    /// The checksum that every part must come with, as the end of its header's name.
    pub(super) algorithm: Option<String>,
}

/// A part, as the completion names it.
pub(super) struct Named {
    pub(super) number: u32,
    pub(super) etag: String,
    /// Its checksum, where the upload was begun with one.
    pub(super) checksum: Option<String>,
}

/// A part, as it is kept.
struct Part {
    number: u32,
    file: String,
    size_bytes: u64,
    md5: String,
    checksums: Headers,
}

impl Objects {
    /// Begins an upload.
    pub(super) async fn begin_upload(&self, of: UploadId, begun: Begun) -> Result<(), Fault> {
        self.sqlite
            .run(move |t| {
                check_bucket(t, &of.bucket)?;
                t.prepare_cached(
                    "INSERT INTO upload (id, bucket, key, headers, algorithm)
                     VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute(params![
                    of.id,
                    of.bucket,
                    of.key,
                    json(&begun.headers),
                    begun.algorithm
                ])?;
                Ok(())
            })
            .await
    }

    /// The settings of an upload that is neither completed nor aborted.
    pub(super) async fn begun(&self, of: &UploadId) -> Result<Begun, Fault> {
        let of = of.clone();
        self.sqlite.run(move |t| begun(t, &of)).await
    }

    /// Keeps a part, in place of any older one of its number.
    pub(super) async fn put_part(
        &self,
        of: &UploadId,
        number: u32,
        upload: Upload,
    ) -> Result<String, Fault> {
        let (objects, of) = (self.clone(), of.clone());
        blocking(move || objects.put_part_here(&of, number, upload)).await
    }

    fn put_part_here(&self, of: &UploadId, number: u32, upload: Upload) -> Result<String, Fault> {
        let part = Part {
            number,
            file: uuid::Uuid::new_v4().to_string(),
            size_bytes: upload.bytes.len().try_into().unwrap_or(u64::MAX),
            md5: hex::encode(Md5::digest(&upload.bytes)),
            checksums: upload.checksums,
        };
        let path = self.directory.join(&part.file);
        std::fs::write(&path, &upload.bytes)
            .map_err(|cause| Error::doing("write a part", cause))?;
        match self.sqlite.run_here(|t| keep(t, of, &part)) {
            Ok(replaced) => {
                replaced
                    .iter()
                    .for_each(|file| discard(&self.directory.join(file)));
                Ok(part.md5)
            }
            Err(fault) => {
                discard(&path);
                Err(fault)
            }
        }
    }

    /// Joins the named parts into one object, and deletes the others.
    pub(super) async fn complete_upload(
        &self,
        of: &UploadId,
        named: Vec<Named>,
        must_be_new: bool,
    ) -> Result<Object, Fault> {
        let (objects, of) = (self.clone(), of.clone());
        blocking(move || objects.complete_here(&of, &named, must_be_new)).await
    }

    fn complete_here(
        &self,
        of: &UploadId,
        named: &[Named],
        must_be_new: bool,
    ) -> Result<Object, Fault> {
        let (begun, kept) = self
            .sqlite
            .run_here(|t| Ok::<_, Fault>((begun(t, of)?, parts(t, of)?)))?;
        let chosen = choose(&kept, named, begun.algorithm.as_deref())?;
        let object = whole(of, begun, &chosen)?;
        let path = self.directory.join(&object.file);
        let joined = join(&self.directory, &chosen, &path);
        let outcome = joined.and_then(|()| {
            self.sqlite.run_here(|t| {
                // If a part was replaced or the upload ended meanwhile, another request did it.
                let files = |parts: &[Part]| parts.iter().map(|p| p.file.clone()).collect();
                let (then, now): (Vec<_>, Vec<_>) = (files(&kept), files(&parts(t, of)?));
                if then != now {
                    return Err(interrupted());
                }
                let mut left = forget(t, of)?;
                left.extend(replace(t, &of.bucket, &object, must_be_new)?);
                Ok(left)
            })
        });
        match outcome {
            Ok(left) => {
                left.iter()
                    .for_each(|file| discard(&self.directory.join(file)));
                Ok(object)
            }
            Err(fault) => {
                discard(&path);
                Err(fault)
            }
        }
    }

    /// Forgets an upload and its parts.
    pub(super) async fn abort_upload(&self, of: &UploadId) -> Result<(), Fault> {
        let (of, directory) = (of.clone(), self.directory.clone());
        let left = self.sqlite.run(move |t| {
            begun(t, &of)?;
            forget(t, &of)
        });
        left.await
            .map(|files| files.iter().for_each(|file| discard(&directory.join(file))))
    }
}

fn interrupted() -> Fault {
    let message = "A conflicting conditional operation is currently in progress against this resource. Please try again.";
    Fault::new(StatusCode::CONFLICT, "OperationAborted", message)
}

fn begun(t: &Transaction<'_>, of: &UploadId) -> Result<Begun, Fault> {
    check_bucket(t, &of.bucket)?;
    let row = t
        .prepare_cached(
            "SELECT headers, algorithm FROM upload WHERE id = ?1 AND bucket = ?2 AND key = ?3",
        )?
        .query_row(params![of.id, of.bucket, of.key], |row| {
            Ok((row.get::<_, String>(0)?, row.get(1)?))
        })
        .optional()?;
    match row {
        Some((headers, algorithm)) => Ok(Begun {
            headers: serde_json::from_str(&headers).unwrap_or_default(),
            algorithm,
        }),
        None => Err(Fault::new(
            StatusCode::NOT_FOUND,
            "NoSuchUpload",
            "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted \
             or completed.",
        )
        .with("UploadId", &of.id)),
    }
}

/// An upload's parts, in the order of their numbers.
fn parts(t: &Transaction<'_>, of: &UploadId) -> Result<Vec<Part>, Fault> {
    let mut statement = t.prepare_cached(
        "SELECT number, file, size_bytes, md5, checksums FROM part WHERE upload = ?1
         ORDER BY number",
    )?;
    let rows = statement.query_map([&of.id], |row| {
        let checksums: String = row.get(4)?;
        Ok(Part {
            number: row.get(0)?,
            file: row.get(1)?,
            size_bytes: row.get(2)?,
            md5: row.get(3)?,
            checksums: serde_json::from_str(&checksums).unwrap_or_default(),
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Writes a part's row, and returns the file that it pointed at before.
fn keep(t: &Transaction<'_>, of: &UploadId, part: &Part) -> Result<Option<String>, Fault> {
    begun(t, of)?;
    let kept = parts(t, of)?;
    let others = kept.iter().filter(|other| other.number != part.number);
    let others: u64 = others.map(|other| other.size_bytes).sum();
    if others + part.size_bytes > MULTIPART_BYTES_MAX {
        return Err(too_large(MULTIPART_BYTES_MAX));
    }
    t.prepare_cached(
        "INSERT OR REPLACE INTO part (upload, number, file, size_bytes, md5, checksums)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        of.id,
        part.number,
        part.file,
        part.size_bytes,
        part.md5,
        json(&part.checksums),
    ])?;
    let replaced = kept.into_iter().find(|other| other.number == part.number);
    Ok(replaced.map(|other| other.file))
}

/// Deletes an upload's rows, and returns the files that they pointed at.
fn forget(t: &Transaction<'_>, of: &UploadId) -> Result<Vec<String>, Fault> {
    let left = parts(t, of)?;
    t.execute("DELETE FROM part WHERE upload = ?1", [&of.id])?;
    t.execute("DELETE FROM upload WHERE id = ?1", [&of.id])?;
    Ok(left.into_iter().map(|part| part.file).collect())
}

/// Chooses the named parts, if each is there with the named tag and checksum, and large enough.
fn choose<'k>(
    kept: &'k [Part],
    named: &[Named],
    algorithm: Option<&str>,
) -> Result<Vec<&'k Part>, Fault> {
    if !named.is_sorted_by(|one, next| one.number < next.number) {
        let message =
            "The list of parts was not in ascending order. Parts must be ordered by part number.";
        return Err(Fault::bad("InvalidPartOrder", message));
    }
    let mut chosen = Vec::with_capacity(named.len());
    for name in named {
        let part = kept.iter().find(|part| part.number == name.number);
        let Some(part) = part.filter(|part| part.md5 == name.etag.trim_matches('"')) else {
            return Err(invalid_part());
        };
        if let Some(algorithm) = algorithm {
            let Some(checksum) = &name.checksum else {
                return Err(Fault::bad(
                    "InvalidRequest",
                    format!(
                        "The upload was created using a {algorithm} checksum. The complete request must include the \
                         checksum for each part. It was missing for part {} in the request.",
                        name.number
                    ),
                ));
            };
            if part.checksums.values().next() != Some(checksum) {
                return Err(invalid_part());
            }
        }
        chosen.push(part);
    }
    let before_last = chosen.len().saturating_sub(1);
    let small = chosen
        .iter()
        .take(before_last)
        .find(|part| part.size_bytes < PART_BYTES_MIN);
    match small {
        None => Ok(chosen),
        Some(part) => Err(Fault::bad(
            "EntityTooSmall",
            "Your proposed upload is smaller than the minimum allowed size",
        )
        .with("ProposedSize", &part.size_bytes.to_string())
        .with("MinSizeAllowed", &PART_BYTES_MIN.to_string())
        .with("PartNumber", &part.number.to_string())
        .with("ETag", &part.md5)),
    }
}

fn invalid_part() -> Fault {
    Fault::bad(
        "InvalidPart",
        "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified \
         entity tag may not match the part's entity tag.",
    )
}

/// The object that these parts make. Its entity tag is the MD5 of their tags and ends in their number; its
/// checksum, if it has one, is made likewise.
fn whole(of: &UploadId, begun: Begun, parts: &[&Part]) -> Result<Object, Fault> {
    let digests = parts.iter().map(|part| hex::decode(&part.md5));
    let digests: Vec<Vec<u8>> = digests.map(Result::unwrap_or_default).collect();
    let mut checksums = Headers::new();
    if let Some(algorithm) = begun.algorithm {
        let header = format!("x-amz-checksum-{algorithm}");
        let stated = parts.iter().filter_map(|part| part.checksums.get(&header));
        let stated: Vec<Vec<u8>> = stated
            .map(|text| STANDARD.decode(text).unwrap_or_default())
            .collect();
        let whole = STANDARD.encode(checksum(&header, &stated.concat())?);
        checksums.insert(header, format!("{whole}-{}", parts.len()));
    }
    Ok(Object {
        key: of.key.clone(),
        size_bytes: parts.iter().map(|part| part.size_bytes).sum(),
        md5: format!(
            "{}-{}",
            hex::encode(Md5::digest(digests.concat())),
            parts.len()
        ),
        headers: begun.headers,
        checksums,
        modified_ms: now_ms(),
        file: uuid::Uuid::new_v4().to_string(),
    })
}

/// Writes the parts one after the other into one file.
fn join(directory: &Path, parts: &[&Part], path: &Path) -> Result<(), Fault> {
    let write = || {
        let mut file = File::create(path)?;
        for part in parts {
            std::io::copy(&mut File::open(directory.join(&part.file))?, &mut file)?;
        }
        Ok(())
    };
    write().map_err(|cause: std::io::Error| {
        if cause.kind() == std::io::ErrorKind::NotFound {
            return interrupted();
        }
        Error::doing("join an upload's parts", cause).into()
    })
}

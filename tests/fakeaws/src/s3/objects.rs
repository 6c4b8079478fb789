//! The store of objects: their bytes in files, everything else about them in SQLite.
//!
//! Owns that a reader sees a whole object or none. A file is written first, under a name that
//! nothing else has; the row that names it is the commit; then the file that it replaces goes.
//! Files that a crash left without a row are deleted at the next start. Refuses to know HTTP.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use hyper::StatusCode;
use md5::{Digest, Md5};
use rusqlite::{OptionalExtension, Transaction, params};

use super::Fault;
use super::upload::Upload;
use crate::Error;
use crate::clock::now_ms;
use crate::sqlite::Sqlite;

/// Headers by their lower-case names.
pub(super) type Headers = BTreeMap<String, String>;

/// The objects. Clones share them.
#[derive(Clone)]
pub(super) struct Objects {
    pub(super) sqlite: Sqlite,
    pub(super) directory: PathBuf,
}

/// Everything about an object except its bytes.
#[derive(Clone)]
pub(super) struct Object {
    pub(super) key: String,
    pub(super) size_bytes: u64,
    pub(super) md5: String,
    /// The headers that it is served with: its type, its user metadata and the like.
    pub(super) headers: Headers,
    pub(super) checksums: Headers,
    pub(super) modified_ms: i64,
    pub(super) file: String,
}

impl Objects {
    pub(super) fn open(sqlite: Sqlite, directory: PathBuf) -> Result<Self, Error> {
        let failed = |cause| Error::doing(&format!("open {}", directory.display()), cause);
        std::fs::create_dir_all(&directory).map_err(failed)?;
        let known: HashSet<String> = sqlite.run_here(|t| {
            let mut statement = t.prepare("SELECT file FROM object UNION SELECT file FROM part")?;
            let files = statement.query_map([], |row| row.get(0))?;
            Ok::<_, Error>(files.collect::<rusqlite::Result<_>>()?)
        })?;
        for entry in std::fs::read_dir(&directory).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if !known.contains(&*entry.file_name().to_string_lossy()) {
                std::fs::remove_file(entry.path()).map_err(failed)?;
            }
        }
        Ok(Self { sqlite, directory })
    }

    pub(super) async fn create_bucket(&self, name: &str) -> Result<(), Error> {
        let name = name.to_owned();
        self.sqlite
            .run(move |t| {
                t.execute(
                    "INSERT INTO bucket (name) VALUES (?1) ON CONFLICT DO NOTHING",
                    [name],
                )?;
                Ok(())
            })
            .await
    }

    pub(super) async fn check_bucket(&self, bucket: &str) -> Result<(), Fault> {
        let bucket = bucket.to_owned();
        self.sqlite.run(move |t| check_bucket(t, &bucket)).await
    }

    /// Stores an object, in place of any older one unless `must_be_new`.
    pub(super) async fn put(
        &self,
        bucket: &str,
        key: &str,
        upload: Upload,
        headers: Headers,
        must_be_new: bool,
    ) -> Result<Object, Fault> {
        self.check_bucket(bucket).await?;
        let (objects, bucket, key) = (self.clone(), bucket.to_owned(), key.to_owned());
        blocking(move || objects.put_here(&bucket, key, upload, headers, must_be_new)).await
    }

    fn put_here(
        &self,
        bucket: &str,
        key: String,
        upload: Upload,
        headers: Headers,
        must_be_new: bool,
    ) -> Result<Object, Fault> {
        let object = Object {
            key,
            size_bytes: upload.bytes.len().try_into().unwrap_or(u64::MAX),
            md5: hex::encode(Md5::digest(&upload.bytes)),
            headers,
            checksums: upload.checksums,
            modified_ms: now_ms(),
            file: uuid::Uuid::new_v4().to_string(),
        };
        let path = self.directory.join(&object.file);
        std::fs::write(&path, &upload.bytes)
            .map_err(|cause| Error::doing("write an object", cause))?;
        match self
            .sqlite
            .run_here(|t| replace(t, bucket, &object, must_be_new))
        {
            Ok(replaced) => {
                if let Some(file) = replaced {
                    discard(&self.directory.join(file));
                }
                Ok(object)
            }
            Err(fault) => {
                discard(&path);
                Err(fault)
            }
        }
    }

    pub(super) async fn find(&self, bucket: &str, key: &str) -> Result<Object, Fault> {
        let (bucket, key) = (bucket.to_owned(), key.to_owned());
        self.sqlite
            .run(move |t| {
                check_bucket(t, &bucket)?;
                let row = t
                    .prepare_cached(&format!("{SELECT} WHERE bucket = ?1 AND key = ?2"))?
                    .query_row(params![bucket, key], object_of_row)
                    .optional()?;
                row.ok_or_else(|| Fault::no_such_key(&key))
            })
            .await
    }

    /// Opens an object's file at `start`; `None` when the object was replaced since it was found. An open
    /// file can be read to its end, even if the object is replaced or deleted meanwhile.
    pub(super) async fn open_file(
        &self,
        object: &Object,
        start: u64,
    ) -> Result<Option<File>, Fault> {
        let path = self.directory.join(&object.file);
        blocking(move || match open_here(&path, start) {
            Ok(file) => Ok(Some(file)),
            Err(cause) if cause.kind() == ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(Error::doing("read an object", cause).into()),
        })
        .await
    }

    /// Reads an object's bytes; `None` when the object was replaced since it was found.
    pub(super) async fn read(&self, object: &Object) -> Result<Option<Vec<u8>>, Fault> {
        let Some(mut file) = self.open_file(object, 0).await? else {
            return Ok(None);
        };
        blocking(move || {
            let mut bytes = Vec::new();
            let read = file.read_to_end(&mut bytes);
            read.map_err(|cause| Error::doing("read an object", cause))?;
            Ok(Some(bytes))
        })
        .await
    }

    /// Deletes an object if it is there.
    pub(super) async fn delete(&self, bucket: &str, key: &str) -> Result<(), Fault> {
        let (bucket, key) = (bucket.to_owned(), key.to_owned());
        let directory = self.directory.clone();
        self.sqlite
            .run(move |t| {
                check_bucket(t, &bucket)?;
                let file: Option<String> = t
                    .prepare_cached(
                        "DELETE FROM object WHERE bucket = ?1 AND key = ?2 RETURNING file",
                    )?
                    .query_row(params![bucket, key], |row| row.get(0))
                    .optional()?;
                Ok::<_, Fault>(file)
            })
            .await
            .map(|file| file.iter().for_each(|file| discard(&directory.join(file))))
    }

    /// The keys of a bucket's objects; none when the file cannot be read.
    pub(super) fn keys(&self, bucket: &str) -> Vec<String> {
        let read = |t: &Transaction<'_>| {
            let mut keys = t.prepare_cached("SELECT key FROM object WHERE bucket = ?1")?;
            let keys = keys.query_map([bucket], |row| row.get(0))?;
            Ok::<_, Error>(keys.collect::<rusqlite::Result<_>>()?)
        };
        self.sqlite.run_here(read).unwrap_or_default()
    }

    /// Objects whose keys start with `prefix` and come after `after`, in the order of their keys.
    pub(super) async fn list(
        &self,
        bucket: &str,
        prefix: &str,
        after: &str,
        max: u32,
    ) -> Result<Vec<Object>, Fault> {
        let (bucket, prefix, after) = (bucket.to_owned(), prefix.to_owned(), after.to_owned());
        self.sqlite
            .run(move |t| {
                check_bucket(t, &bucket)?;
                let mut statement = t.prepare_cached(&format!(
                    "{SELECT} WHERE bucket = ?1 AND key > ?3
                     AND substr(key, 1, length(?2)) = ?2 ORDER BY key LIMIT ?4"
                ))?;
                let rows =
                    statement.query_map(params![bucket, prefix, after, max], object_of_row)?;
                Ok(rows.collect::<rusqlite::Result<_>>()?)
            })
            .await
    }
}

const SELECT: &str =
    "SELECT key, file, size_bytes, md5, headers, checksums, modified_ms FROM object";

fn object_of_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Object> {
    let map = |column: usize| {
        let json: String = row.get(column)?;
        Ok::<Headers, rusqlite::Error>(serde_json::from_str(&json).unwrap_or_default())
    };
    Ok(Object {
        key: row.get(0)?,
        file: row.get(1)?,
        size_bytes: row.get(2)?,
        md5: row.get(3)?,
        headers: map(4)?,
        checksums: map(5)?,
        modified_ms: row.get(6)?,
    })
}

pub(super) fn check_bucket(t: &Transaction<'_>, bucket: &str) -> Result<(), Fault> {
    let exists = t
        .prepare_cached("SELECT 1 FROM bucket WHERE name = ?1")?
        .exists([bucket])?;
    if exists {
        Ok(())
    } else {
        Err(Fault::no_such_bucket(bucket))
    }
}

/// Points the key at the new file, and returns the file that it pointed at before.
pub(super) fn replace(
    t: &Transaction<'_>,
    bucket: &str,
    object: &Object,
    must_be_new: bool,
) -> Result<Option<String>, Fault> {
    check_bucket(t, bucket)?;
    let replaced: Option<String> = t
        .prepare_cached("SELECT file FROM object WHERE bucket = ?1 AND key = ?2")?
        .query_row(params![bucket, object.key], |row| row.get(0))
        .optional()?;
    if must_be_new && replaced.is_some() {
        let message = "At least one of the pre-conditions you specified did not hold";
        return Err(Fault::new(
            StatusCode::PRECONDITION_FAILED,
            "PreconditionFailed",
            message,
        )
        .with("Condition", "If-None-Match"));
    }
    t.prepare_cached(
        "INSERT OR REPLACE INTO object
             (bucket, key, file, size_bytes, md5, headers, checksums, modified_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        bucket,
        object.key,
        object.file,
        object.size_bytes,
        object.md5,
        json(&object.headers),
        json(&object.checksums),
        object.modified_ms,
    ])?;
    Ok(replaced)
}

/// Headers, as a row keeps them.
pub(super) fn json(headers: &Headers) -> String {
    serde_json::to_string(headers).unwrap_or_default()
}

fn open_here(path: &Path, start: u64) -> std::io::Result<File> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(start))?;
    Ok(file)
}

/// Deletes a file. A failure loses nothing: the next start deletes the file.
pub(super) fn discard(path: &Path) {
    std::fs::remove_file(path).unwrap_or_default();
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    let outcome = tokio::task::spawn_blocking(work).await;
    outcome.unwrap_or_else(|panic| Err(Error::doing("use an object's file", panic).into()))
}

//! The jobs, the webhooks that are still to be sent, and the signing key, in one SQLite file.
//!
//! Owns every statement. Calls are short, behind one lock; a commit survives the process being killed.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde_json::Value;

use crate::directives::Directives;
use crate::{Error, Job, clock, output};

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS jobs (
        request_id TEXT PRIMARY KEY,
        model TEXT NOT NULL,
        input TEXT NOT NULL,
        headers TEXT NOT NULL,
        webhook_url TEXT,
        submitted_ms INTEGER NOT NULL,
        finish_ms INTEGER,
        failure TEXT,
        webhooks_sent INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE TABLE IF NOT EXISTS webhooks (
        id INTEGER PRIMARY KEY,
        request_id TEXT NOT NULL,
        due_ms INTEGER NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE INDEX IF NOT EXISTS webhooks_due ON webhooks (due_ms);
    CREATE TABLE IF NOT EXISTS rejects (prompt TEXT PRIMARY KEY, times INTEGER NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS keys (id INTEGER PRIMARY KEY CHECK (id = 1), seed BLOB NOT NULL) STRICT;
";

/// A job as it is kept.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) request_id: String,
    pub(crate) model: String,
    pub(crate) input: Value,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) webhook_url: Option<String>,
    pub(crate) submitted_ms: i64,
    /// When it ends; `None` for never.
    pub(crate) finish_ms: Option<i64>,
    /// The type of the error that it ends with.
    pub(crate) failure: Option<String>,
    pub(crate) webhooks_sent: u32,
}

/// A webhook that is due.
#[derive(Clone, Debug)]
pub(crate) struct Due {
    pub(crate) id: i64,
    pub(crate) request_id: String,
    pub(crate) attempts: u32,
}

pub(crate) struct Store {
    connection: Mutex<Connection>,
}

impl Kept {
    pub(crate) fn directives(&self) -> Directives {
        Directives::read(output::prompt(&self.input))
    }

    pub(crate) fn state(&self, now_ms: i64) -> &'static str {
        let started_ms = self.finish_ms.map_or(self.submitted_ms + 500, |finish_ms| {
            self.submitted_ms + ((finish_ms - self.submitted_ms) / 4).min(1_000)
        });
        match self.finish_ms {
            Some(finish_ms) if now_ms >= finish_ms => "COMPLETED",
            _ if now_ms >= started_ms => "IN_PROGRESS",
            _ => "IN_QUEUE",
        }
    }

    pub(crate) fn public(self, now_ms: i64) -> Job {
        Job {
            state: self.state(now_ms),
            request_id: self.request_id,
            model: self.model,
            input: self.input,
            webhook_url: self.webhook_url,
            submitted_at: clock::rfc3339_ms(self.submitted_ms),
            headers: self.headers,
            webhooks_sent: self.webhooks_sent,
        }
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let input: String = row.get("input")?;
        let headers: String = row.get("headers")?;
        Ok(Self {
            request_id: row.get("request_id")?,
            model: row.get("model")?,
            input: serde_json::from_str(&input).unwrap_or_default(),
            headers: serde_json::from_str(&headers).unwrap_or_default(),
            webhook_url: row.get("webhook_url")?,
            submitted_ms: row.get("submitted_ms")?,
            finish_ms: row.get("finish_ms")?,
            failure: row.get("failure")?,
            webhooks_sent: row.get("webhooks_sent")?,
        })
    }
}

impl Store {
    pub(crate) fn open(folder: Option<&Path>) -> Result<Self, Error> {
        let connection = match folder {
            Some(folder) => {
                std::fs::create_dir_all(folder).map_err(|problem| {
                    Error(format!("cannot create {}: {problem}", folder.display()))
                })?;
                Connection::open(folder.join("fal.sqlite"))
            }
            None => Connection::open_in_memory(),
        };
        let opened = connection.and_then(|connection| {
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "NORMAL")?;
            connection.execute_batch(SCHEMA)?;
            Ok(connection)
        });
        Ok(Self {
            connection: Mutex::new(opened?),
        })
    }

    /// The seed of the key that signs webhooks; made once, so that a restart does not change it.
    pub(crate) fn signing_seed(&self) -> Result<[u8; 32], Error> {
        let mut fresh = [0_u8; 32];
        getrandom::fill(&mut fresh)
            .map_err(|problem| Error(format!("no random numbers: {problem}")))?;
        let connection = self.lock();
        connection.execute(
            "INSERT OR IGNORE INTO keys (id, seed) VALUES (1, ?1)",
            [fresh.as_slice()],
        )?;
        Ok(connection.query_row("SELECT seed FROM keys", [], |row| row.get(0))?)
    }

    /// Keeps a job and the webhooks that it will send, together: one for each time at which one is due. Tells the
    /// webhooks' ids.
    pub(crate) fn accept(&self, job: &Kept, due_ms: &[i64]) -> Result<Vec<i64>, Error> {
        let mut connection = self.lock();
        let transaction = connection.transaction()?;
        transaction.execute(
            "INSERT INTO jobs (request_id, model, input, headers, webhook_url, submitted_ms, finish_ms, failure)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                job.request_id,
                job.model,
                job.input.to_string(),
                serde_json::to_string(&job.headers).unwrap_or_default(),
                job.webhook_url,
                job.submitted_ms,
                job.finish_ms,
                job.failure,
            ],
        )?;
        let mut ids = Vec::with_capacity(due_ms.len());
        for due_ms in due_ms {
            transaction.execute(
                "INSERT INTO webhooks (request_id, due_ms) VALUES (?1, ?2)",
                params![job.request_id, due_ms],
            )?;
            ids.push(transaction.last_insert_rowid());
        }
        transaction.commit()?;
        Ok(ids)
    }

    pub(crate) fn job(&self, request_id: &str) -> Option<Kept> {
        let connection = self.lock();
        let found = connection.query_row(
            "SELECT * FROM jobs WHERE request_id = ?1",
            [request_id],
            Kept::read,
        );
        found.optional().ok().flatten()
    }

    pub(crate) fn jobs(&self) -> Vec<Kept> {
        let connection = self.lock();
        let found = connection
            .prepare("SELECT * FROM jobs ORDER BY submitted_ms, rowid")
            .and_then(|mut statement| statement.query_map([], Kept::read)?.collect());
        found.unwrap_or_default()
    }

    /// Ends a running job with an error now, and sends its webhook. False if it had ended.
    pub(crate) fn cancel(&self, request_id: &str, now_ms: i64) -> Result<bool, Error> {
        let mut connection = self.lock();
        let transaction = connection.transaction()?;
        let changed = transaction.execute(
            "UPDATE jobs SET finish_ms = ?2, failure = 'client_cancelled'
             WHERE request_id = ?1 AND (finish_ms IS NULL OR finish_ms > ?2)",
            params![request_id, now_ms],
        )?;
        transaction.execute(
            "UPDATE webhooks SET due_ms = ?2 WHERE request_id = ?1 AND attempts = 0 AND due_ms > ?2",
            params![request_id, now_ms],
        )?;
        transaction.commit()?;
        Ok(changed == 1)
    }

    /// Counts one more submit with this prompt, and tells how many there were.
    pub(crate) fn count_reject(&self, prompt: &str) -> Result<u32, Error> {
        Ok(self.lock().query_row(
            "INSERT INTO rejects (prompt, times) VALUES (?1, 1)
             ON CONFLICT (prompt) DO UPDATE SET times = times + 1 RETURNING times",
            [prompt],
            |row| row.get(0),
        )?)
    }

    /// The webhooks that are due, and when the next one is.
    pub(crate) fn due(&self, now_ms: i64) -> Result<(Vec<Due>, Option<i64>), Error> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(
            "SELECT id, request_id, attempts FROM webhooks WHERE due_ms <= ?1 ORDER BY due_ms LIMIT 64",
        )?;
        let due = statement
            .query_map([now_ms], |row| {
                Ok(Due {
                    id: row.get(0)?,
                    request_id: row.get(1)?,
                    attempts: row.get(2)?,
                })
            })?
            .collect::<Result<Vec<_>, _>>()?;
        let next = connection.query_row(
            "SELECT min(due_ms) FROM webhooks WHERE due_ms > ?1",
            [now_ms],
            |row| row.get(0),
        )?;
        Ok((due, next))
    }

    /// Puts a webhook off while it is on its way, so that a killed process sends it again.
    pub(crate) fn put_off(&self, id: i64, due_ms: i64) -> Result<(), Error> {
        self.lock().execute(
            "UPDATE webhooks SET due_ms = ?2, attempts = attempts + 1 WHERE id = ?1",
            params![id, due_ms],
        )?;
        Ok(())
    }

    /// A webhook that was not taken is sent again at `due_ms`.
    pub(crate) fn sooner(&self, id: i64, due_ms: i64) -> Result<(), Error> {
        self.lock().execute(
            "UPDATE webhooks SET due_ms = ?2 WHERE id = ?1",
            params![id, due_ms],
        )?;
        Ok(())
    }

    pub(crate) fn forget_webhook(&self, id: i64) -> Result<(), Error> {
        self.lock()
            .execute("DELETE FROM webhooks WHERE id = ?1", [id])?;
        Ok(())
    }

    pub(crate) fn count_webhook(&self, request_id: &str) -> Result<(), Error> {
        self.lock().execute(
            "UPDATE jobs SET webhooks_sent = webhooks_sent + 1 WHERE request_id = ?1",
            [request_id],
        )?;
        Ok(())
    }

    /// A panic elsewhere rolled its transaction back, so the connection is still good.
    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<rusqlite::Error> for Error {
    fn from(problem: rusqlite::Error) -> Self {
        Self(format!(
            "the provider's stand-in cannot use its data: {problem}"
        ))
    }
}

//! The jobs, the webhooks that are still to be sent, the uses of the scripts, and the signing key, in one
//! SQLite file.
//!
//! Owns every statement. Calls are short, behind one lock; a commit survives the process being killed.

mod queue;
mod webhooks;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde_json::Value;

use crate::directives::Directives;
use crate::{Error, Job, clock};
pub(crate) use webhooks::{Due, NOT_YET_MS};

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
        webhooks_sent INTEGER NOT NULL DEFAULT 0,
        started_ms INTEGER,
        work_ms INTEGER
    ) STRICT;
    CREATE TABLE IF NOT EXISTS webhooks (
        id INTEGER PRIMARY KEY,
        request_id TEXT NOT NULL,
        due_ms INTEGER NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE INDEX IF NOT EXISTS webhooks_due ON webhooks (due_ms);
    CREATE TABLE IF NOT EXISTS uses (
        owner TEXT NOT NULL,
        script TEXT NOT NULL,
        times INTEGER NOT NULL,
        PRIMARY KEY (owner, script)
    ) STRICT;
    CREATE TABLE IF NOT EXISTS keys (id INTEGER PRIMARY KEY CHECK (id = 1), seed BLOB NOT NULL) STRICT;
";

/// Completes jobs that were kept before there was a limit to how many work: all of them had started.
const OLDER_JOBS: &str = "
    BEGIN;
    ALTER TABLE jobs ADD COLUMN started_ms INTEGER;
    ALTER TABLE jobs ADD COLUMN work_ms INTEGER;
    UPDATE jobs SET started_ms = submitted_ms, work_ms = finish_ms - submitted_ms;
    COMMIT;
";

/// The type of the error that a cancelled job ends with.
const CANCELLED: &str = "client_cancelled";

/// A job as it is kept.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) request_id: String,
    pub(crate) model: String,
    pub(crate) input: Value,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) webhook_url: Option<String>,
    pub(crate) submitted_ms: i64,
    /// The time that it works; `None` for ever.
    pub(crate) work_ms: Option<i64>,
    /// The time at which its work begins; `None` while it waits for others.
    pub(crate) started_ms: Option<i64>,
    /// The time at which it ends; `None` for never, or while that is not known.
    pub(crate) finish_ms: Option<i64>,
    /// The type of the error that it ends with.
    pub(crate) failure: Option<String>,
    pub(crate) webhooks_sent: u32,
}

pub(crate) struct Store {
    connection: Mutex<Connection>,
}

impl Kept {
    pub(crate) fn directives(&self) -> Directives {
        Directives::read(self.prompt())
    }

    /// The prompt; empty without one.
    pub(crate) fn prompt(&self) -> &str {
        let prompt = self.input.get("prompt").and_then(Value::as_str);
        prompt.unwrap_or_default()
    }

    pub(crate) fn state(&self, now_ms: i64) -> &'static str {
        match (self.started_ms, self.finish_ms) {
            (_, Some(finish_ms)) if now_ms >= finish_ms => "COMPLETED",
            (Some(started_ms), _) if now_ms >= started_ms => "IN_PROGRESS",
            (Some(_) | None, _) => "IN_QUEUE",
        }
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.failure.as_deref() == Some(CANCELLED)
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
            work_ms: row.get("work_ms")?,
            started_ms: row.get("started_ms")?,
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
            let columns = "SELECT 1 FROM pragma_table_info('jobs') WHERE name = 'started_ms'";
            if !connection.prepare(columns)?.exists([])? {
                connection.execute_batch(OLDER_JOBS)?;
            }
            connection.execute_batch(queue::INDEX)?;
            Ok(connection)
        });
        Ok(Self {
            connection: Mutex::new(opened?),
        })
    }

    /// The seed of the key that signs webhooks. It is made once, so that a restart does not change it.
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

    /// Keeps a job and its webhooks together, and returns the webhooks' ids. A job that did not start waits,
    /// and its webhooks with it, until fewer than `concurrency` jobs work.
    pub(crate) fn accept(
        &self,
        job: &Kept,
        due_ms: &[i64],
        concurrency: Option<u32>,
    ) -> Result<Vec<i64>, Error> {
        let mut connection = self.lock();
        let transaction = connection.transaction()?;
        transaction.execute(
            "INSERT INTO jobs (request_id, model, input, headers, webhook_url, submitted_ms, work_ms, started_ms,
                 finish_ms, failure)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            params![
                job.request_id,
                job.model,
                job.input.to_string(),
                serde_json::to_string(&job.headers).unwrap_or_default(),
                job.webhook_url,
                job.submitted_ms,
                job.work_ms,
                job.started_ms,
                job.finish_ms,
                job.failure,
            ],
        )?;
        let ids = webhooks::insert(&transaction, &job.request_id, due_ms)?;
        queue::start(&transaction, concurrency, clock::now_ms())?;
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

    /// Ends a running or waiting job with an error now, and makes its webhook due. Returns false if the job
    /// had ended.
    pub(crate) fn cancel(&self, request_id: &str, now_ms: i64) -> Result<bool, Error> {
        let mut connection = self.lock();
        let transaction = connection.transaction()?;
        let changed = transaction.execute(
            "UPDATE jobs SET finish_ms = ?2, failure = ?3
             WHERE request_id = ?1 AND (finish_ms IS NULL OR finish_ms > ?2)",
            params![request_id, now_ms, CANCELLED],
        )?;
        transaction.execute(
            "UPDATE webhooks SET due_ms = ?2 WHERE request_id = ?1 AND attempts = 0 AND due_ms > ?2",
            params![request_id, now_ms],
        )?;
        transaction.commit()?;
        Ok(changed == 1)
    }

    /// Counts one more use of a script, and returns the number of uses. The owner is the job; for a submit,
    /// when there is no job yet, it is the prompt.
    pub(crate) fn count(&self, owner: &str, script: &str) -> Result<u32, Error> {
        Ok(self.lock().query_row(
            "INSERT INTO uses (owner, script, times) VALUES (?1, ?2, 1)
             ON CONFLICT (owner, script) DO UPDATE SET times = times + 1 RETURNING times",
            [owner, script],
            |row| row.get(0),
        )?)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_of_an_older_stand_in_are_found_again_and_none_of_them_waits() {
        let folder = tempfile::tempdir().unwrap();
        let older = Connection::open(folder.path().join("fal.sqlite")).unwrap();
        let schema = SCHEMA.replace(
            ",\n        started_ms INTEGER,\n        work_ms INTEGER",
            "",
        );
        assert_ne!(schema, SCHEMA);
        older.execute_batch(&schema).unwrap();
        for (id, finish_ms) in [("ended", Some(2_000)), ("lost", None)] {
            let insert =
                "INSERT INTO jobs (request_id, model, input, headers, submitted_ms, finish_ms)
                 VALUES (?1, 'fal-ai/veo3', '{}', '{}', 1000, ?2)";
            older.execute(insert, params![id, finish_ms]).unwrap();
        }
        drop(older);
        for _ in 0..2 {
            let store = Store::open(Some(folder.path())).unwrap();
            let state = |id| store.job(id).unwrap().state(1_500);
            assert_eq!(
                (state("ended"), state("lost")),
                ("IN_PROGRESS", "IN_PROGRESS")
            );
            assert_eq!(store.start_waiting(None, 1_500).unwrap(), 0);
        }
    }
}

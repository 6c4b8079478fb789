//! Statements about jobs that wait because as many jobs work as may.
//!
//! Owns the order of starting: the longest waiting job first, as soon as there is room. A job waits if it has
//! neither started nor ended; rows are numbered in the order of arrival, and none is ever deleted.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::Store;
use super::webhooks::NOT_YET_MS;
use crate::Error;

/// Makes it cheap to look for waiting jobs: most of the time there are none.
pub(super) const INDEX: &str = "
    CREATE INDEX IF NOT EXISTS jobs_waiting ON jobs (request_id) WHERE started_ms IS NULL AND finish_ms IS NULL;
";

/// Starts waiting jobs, as long as fewer than `concurrency` work, and returns the number of those it started.
pub(super) fn start(
    connection: &Connection,
    concurrency: Option<u32>,
    now_ms: i64,
) -> rusqlite::Result<u32> {
    let mut started = 0;
    while let Some((number, request_id, work_ms)) = longest_waiting(connection)? {
        let is_full = match concurrency {
            Some(concurrency) => working(connection, now_ms)? >= concurrency,
            None => false,
        };
        if is_full {
            break;
        }
        let finish_ms = work_ms.map(|work_ms| now_ms.saturating_add(work_ms));
        connection.execute(
            "UPDATE jobs SET started_ms = ?2, finish_ms = ?3 WHERE rowid = ?1",
            params![number, now_ms, finish_ms],
        )?;
        connection.execute(
            "UPDATE webhooks SET due_ms = ?2 WHERE request_id = ?1 AND due_ms = ?3",
            params![request_id, finish_ms.unwrap_or(NOT_YET_MS), NOT_YET_MS],
        )?;
        started += 1;
    }
    Ok(started)
}

/// The number, the id and the working time of the job that has waited longest.
fn longest_waiting(
    connection: &Connection,
) -> rusqlite::Result<Option<(i64, String, Option<i64>)>> {
    let mut statement = connection.prepare_cached(
        "SELECT rowid, request_id, work_ms FROM jobs WHERE started_ms IS NULL AND finish_ms IS NULL
         ORDER BY rowid LIMIT 1",
    )?;
    statement
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()
}

/// The number of working jobs.
fn working(connection: &Connection, now_ms: i64) -> rusqlite::Result<u32> {
    let mut statement = connection.prepare_cached(
        "SELECT count(*) FROM jobs WHERE started_ms IS NOT NULL AND (finish_ms IS NULL OR finish_ms > ?1)",
    )?;
    statement.query_row([now_ms], |row| row.get(0))
}

impl Store {
    /// Starts waiting jobs, as long as fewer than `concurrency` work, and returns the number of those it
    /// started.
    pub(crate) fn start_waiting(
        &self,
        concurrency: Option<u32>,
        now_ms: i64,
    ) -> Result<u32, Error> {
        let mut connection = self.lock();
        let transaction = connection.transaction()?;
        let started = start(&transaction, concurrency, now_ms)?;
        transaction.commit()?;
        Ok(started)
    }

    /// The number of waiting jobs that came before this one; 0 if it does not wait itself.
    pub(crate) fn position(&self, request_id: &str) -> Result<u32, Error> {
        Ok(self.lock().query_row(
            "SELECT count(*) FROM jobs AS ahead, jobs AS job
             WHERE job.request_id = ?1 AND job.started_ms IS NULL AND job.finish_ms IS NULL
                 AND ahead.started_ms IS NULL AND ahead.finish_ms IS NULL AND ahead.rowid < job.rowid",
            [request_id],
            |row| row.get(0),
        )?)
    }

    /// The time at which the next job ends, if others wait for it.
    pub(crate) fn next_end_ms(&self, now_ms: i64) -> Result<Option<i64>, Error> {
        let connection = self.lock();
        if longest_waiting(&connection)?.is_none() {
            return Ok(None);
        }
        Ok(connection.query_row(
            "SELECT min(finish_ms) FROM jobs WHERE finish_ms > ?1",
            [now_ms],
            |row| row.get(0),
        )?)
    }
}

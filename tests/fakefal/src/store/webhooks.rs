//! Statements about the webhooks that are still to be sent.

use rusqlite::{Transaction, params};

use super::Store;
use crate::Error;

/// The due time of the webhooks of a waiting job: it is not known yet.
pub(crate) const NOT_YET_MS: i64 = i64::MAX;

/// A webhook that is due.
#[derive(Clone, Debug)]
pub(crate) struct Due {
    pub(crate) id: i64,
    pub(crate) request_id: String,
    pub(crate) attempts: u32,
}

/// Keeps one webhook for each of these times, and returns their ids.
pub(super) fn insert(
    transaction: &Transaction<'_>,
    request_id: &str,
    due_ms: &[i64],
) -> rusqlite::Result<Vec<i64>> {
    let mut ids = Vec::with_capacity(due_ms.len());
    for due_ms in due_ms {
        transaction.execute(
            "INSERT INTO webhooks (request_id, due_ms) VALUES (?1, ?2)",
            params![request_id, due_ms],
        )?;
        ids.push(transaction.last_insert_rowid());
    }
    Ok(ids)
}

impl Store {
    /// The webhooks that are due, and the time at which the next one is.
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

    /// Makes a webhook that was not taken due again at `due_ms`.
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
}

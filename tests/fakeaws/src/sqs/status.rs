//! The state of the queues, once everything that is due has been done.
//!
//! Owns the order of that work. Refuses to know who asks.

use rusqlite::Transaction;

use super::store::{queue, queue_names};
use super::{QueueStatus, messages};

/// Does everything that is due, then reads every queue's status. Also returns the queues into which that put
/// messages.
pub(super) fn status(
    t: &Transaction<'_>,
    now_ms: i64,
) -> Result<(Vec<QueueStatus>, Vec<String>), crate::Error> {
    let mut redriven = Vec::new();
    for name in queue_names(t)? {
        let Ok(queue) = queue(t, &name) else { continue };
        messages::expire(t, &queue, now_ms)?;
        if let Some(redrive) = &queue.redrive
            && messages::redrive_all(t, &name, redrive, now_ms)?
        {
            redriven.push(redrive.dead_letter_queue.clone());
        }
    }
    let mut statement = t.prepare_cached(
        "SELECT name,
                COUNT(id) FILTER (WHERE visible_ms <= ?1),
                COUNT(id) FILTER (WHERE visible_ms > ?1 AND receipt IS NOT NULL),
                COUNT(id) FILTER (WHERE visible_ms > ?1 AND receipt IS NULL),
                COALESCE((?1 - MIN(sent_ms)) / 1000, 0), sent, received, deleted
         FROM queue LEFT JOIN message ON queue = name GROUP BY name ORDER BY name",
    )?;
    let rows = statement.query_map([now_ms], |row| {
        Ok(QueueStatus {
            name: row.get(0)?,
            visible: row.get(1)?,
            in_flight: row.get(2)?,
            delayed: row.get(3)?,
            oldest_age_s: row.get(4)?,
            sent: row.get(5)?,
            received: row.get(6)?,
            deleted: row.get(7)?,
        })
    })?;
    Ok((rows.collect::<rusqlite::Result<_>>()?, redriven))
}

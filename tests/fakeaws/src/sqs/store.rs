//! The queues' own rows: their attributes, and the counts of their messages.
//!
//! Owns every statement about queues as such. Refuses to touch a single message; `messages` does that.

use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::{QueueSpec, Redrive};
use crate::wire::Refusal;

pub(super) fn no_such_queue() -> Refusal {
    Refusal::of("QueueDoesNotExist", "The specified queue does not exist.")
}

pub(super) fn queue_names(t: &Transaction<'_>) -> rusqlite::Result<Vec<String>> {
    let mut statement = t.prepare_cached("SELECT name FROM queue ORDER BY name")?;
    statement.query_map([], |row| row.get(0))?.collect()
}

pub(super) fn queue(t: &Transaction<'_>, name: &str) -> Result<QueueSpec, Refusal> {
    let mut statement = t.prepare_cached(
        "SELECT name, visibility_timeout_s, retention_s, delay_s, receive_wait_s,
                dead_letter_queue, max_receive_count FROM queue WHERE name = ?1",
    )?;
    statement
        .query_row([name], queue_of_row)
        .optional()?
        .ok_or_else(no_such_queue)
}

fn queue_of_row(row: &Row<'_>) -> rusqlite::Result<QueueSpec> {
    let dead_letter_queue: Option<String> = row.get(5)?;
    let max_receive_count: Option<u32> = row.get(6)?;
    Ok(QueueSpec {
        name: row.get(0)?,
        visibility_timeout_s: row.get(1)?,
        retention_s: row.get(2)?,
        delay_s: row.get(3)?,
        receive_wait_s: row.get(4)?,
        redrive: dead_letter_queue
            .zip(max_receive_count)
            .map(|(dead_letter_queue, count)| Redrive {
                dead_letter_queue,
                max_receive_count: count,
            }),
    })
}

pub(super) fn put_queue(t: &Transaction<'_>, spec: &QueueSpec, now_ms: i64) -> Result<(), Refusal> {
    let dead_letter_queue = spec
        .redrive
        .as_ref()
        .map(|redrive| &redrive.dead_letter_queue);
    if let Some(name) = dead_letter_queue
        && queue(t, name).is_err()
    {
        let message = format!(
            "The dead-letter queue {name} of {} does not exist.",
            spec.name
        );
        return Err(Refusal::of("InvalidParameterValue", message));
    }
    t.prepare_cached(
        "INSERT INTO queue (name, visibility_timeout_s, retention_s, delay_s, receive_wait_s,
                            dead_letter_queue, max_receive_count, created_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (name) DO UPDATE SET
             visibility_timeout_s = excluded.visibility_timeout_s,
             retention_s = excluded.retention_s, delay_s = excluded.delay_s,
             receive_wait_s = excluded.receive_wait_s,
             dead_letter_queue = excluded.dead_letter_queue,
             max_receive_count = excluded.max_receive_count",
    )?
    .execute(params![
        spec.name,
        spec.visibility_timeout_s,
        spec.retention_s,
        spec.delay_s,
        spec.receive_wait_s,
        dead_letter_queue,
        spec.redrive
            .as_ref()
            .map(|redrive| redrive.max_receive_count),
        now_ms,
    ])?;
    Ok(())
}

pub(super) fn created_ms(t: &Transaction<'_>, name: &str) -> rusqlite::Result<i64> {
    t.prepare_cached("SELECT created_ms FROM queue WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
}

pub(super) fn purge(t: &Transaction<'_>, name: &str) -> Result<(), Refusal> {
    queue(t, name)?;
    t.execute("DELETE FROM message WHERE queue = ?1", [name])?;
    Ok(())
}

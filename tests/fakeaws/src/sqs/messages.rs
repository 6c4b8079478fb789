//! The life of a message, as rows: sent, received, hidden, moved to the dead letters, deleted.
//!
//! Owns each step, within one transaction of its caller. Refuses to know HTTP and waiting; callers pass the
//! time.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rusqlite::{OptionalExtension, Transaction, params};

use super::store::queue;
use super::{Message, QueueSpec, Redrive, attributes};
use crate::wire::Refusal;

/// A message about to be sent.
pub(super) struct Outgoing {
    pub(super) message_id: String,
    pub(super) body: String,
    pub(super) attributes: serde_json::Value,
    pub(super) group_id: Option<String>,
    /// The time for which it stays hidden; `None` for the queue's own.
    pub(super) delay_s: Option<u32>,
}

/// The result of one look at a queue.
pub(super) struct Look {
    pub(super) messages: Vec<Message>,
    pub(super) queue_wait: Duration,
    /// The time until the next hidden message becomes visible, when this look found no message.
    pub(super) next_due: Option<Duration>,
    /// The dead-letter queue, when this look moved messages there.
    pub(super) redriven_to: Option<String>,
}

/// The content of a receipt handle: the message, and the number of the receive.
pub(super) struct Receipt {
    id: i64,
    receive: String,
}

impl Receipt {
    pub(super) fn parse(handle: &str) -> Result<Self, Refusal> {
        let parts = URL_SAFE_NO_PAD.decode(handle).ok().and_then(|bytes| {
            let text = String::from_utf8(bytes).ok()?;
            let (id, receive) = text.split_once('.')?;
            Some(Self {
                id: id.parse().ok()?,
                receive: receive.to_owned(),
            })
        });
        parts.ok_or_else(|| {
            let message = format!("The input receipt handle \"{handle}\" is not a valid receipt.");
            Refusal::of("ReceiptHandleIsInvalid", message)
        })
    }

    fn handle(&self) -> String {
        URL_SAFE_NO_PAD.encode(format!("{}.{}", self.id, self.receive))
    }
}

pub(super) fn send(
    t: &Transaction<'_>,
    name: &str,
    messages: &[Outgoing],
    now_ms: i64,
) -> Result<(), Refusal> {
    let queue = queue(t, name)?;
    let mut insert = t.prepare_cached(
        "INSERT INTO message (queue, message_id, body, attributes, group_id, sent_ms, visible_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for message in messages {
        let delay_s = message.delay_s.unwrap_or(queue.delay_s);
        insert.execute(params![
            name,
            message.message_id,
            message.body,
            message.attributes.to_string(),
            message.group_id,
            now_ms,
            now_ms + i64::from(delay_s) * 1_000,
        ])?;
    }
    t.prepare_cached("UPDATE queue SET sent = sent + ?2 WHERE name = ?1")?
        .execute(params![name, count(messages.len())])?;
    Ok(())
}

pub(super) fn receive(
    t: &Transaction<'_>,
    name: &str,
    max: u32,
    visibility_timeout_s: Option<u32>,
    now_ms: i64,
) -> Result<Look, Refusal> {
    let queue = queue(t, name)?;
    expire(t, &queue, now_ms)?;
    let hidden_s = visibility_timeout_s.unwrap_or(queue.visibility_timeout_s);
    let visible_ms = now_ms + i64::from(hidden_s) * 1_000;
    let mut messages = Vec::new();
    let mut redriven_to = None;
    // Every round but the last moves at least one message away, so this ends.
    loop {
        let room = max - u32::try_from(messages.len()).unwrap_or(max);
        let found = visible(t, name, room, now_ms)?;
        if found.is_empty() {
            break;
        }
        for row in found {
            match queue
                .redrive
                .as_ref()
                .filter(|r| row.receive_count >= r.max_receive_count)
            {
                Some(redrive) => {
                    move_to_dead_letters(t, row.id, redrive, now_ms)?;
                    redriven_to = Some(redrive.dead_letter_queue.clone());
                }
                None => messages.push(take(t, row, now_ms, visible_ms)?),
            }
        }
        if messages.len() >= usize::try_from(max).unwrap_or(usize::MAX) || hidden_s == 0 {
            break;
        }
    }
    t.prepare_cached("UPDATE queue SET received = received + ?2 WHERE name = ?1 AND ?2 > 0")?
        .execute(params![name, count(messages.len())])?;
    let next_due = if messages.is_empty() {
        next_due(t, name, now_ms)?
    } else {
        None
    };
    let queue_wait = Duration::from_secs(queue.receive_wait_s.into());
    Ok(Look {
        messages,
        queue_wait,
        next_due,
        redriven_to,
    })
}

struct VisibleRow {
    id: i64,
    receive_count: u32,
    message: Message,
}

fn visible(
    t: &Transaction<'_>,
    name: &str,
    max: u32,
    now_ms: i64,
) -> rusqlite::Result<Vec<VisibleRow>> {
    let mut statement = t.prepare_cached(
        "SELECT id, receive_count, message_id, body, attributes, group_id, source_queue, sent_ms,
                first_received_ms
         FROM message WHERE queue = ?1 AND visible_ms <= ?2 ORDER BY visible_ms, id LIMIT ?3",
    )?;
    let rows = statement.query_map(params![name, now_ms, max], |row| {
        let receive_count: u32 = row.get(1)?;
        let body: String = row.get(3)?;
        let first_received_ms = row.get::<_, Option<i64>>(8)?.unwrap_or(now_ms);
        let mut attributes = BTreeMap::from([
            (
                "ApproximateReceiveCount".to_owned(),
                (receive_count + 1).to_string(),
            ),
            (
                "ApproximateFirstReceiveTimestamp".to_owned(),
                first_received_ms.to_string(),
            ),
            (
                "SentTimestamp".to_owned(),
                row.get::<_, i64>(7)?.to_string(),
            ),
        ]);
        if let Some(group_id) = row.get(5)? {
            attributes.insert("MessageGroupId".to_owned(), group_id);
        }
        if let Some(source_queue) = row.get(6)? {
            attributes.insert("DeadLetterQueueSourceArn".to_owned(), source_queue);
        }
        let message_attributes: String = row.get(4)?;
        let message = Message {
            message_id: row.get(2)?,
            receipt_handle: String::new(),
            md5_of_body: attributes::md5_hex(body.as_bytes()),
            body,
            attributes,
            message_attributes: serde_json::from_str(&message_attributes).unwrap_or_default(),
        };
        Ok(VisibleRow {
            id: row.get(0)?,
            receive_count,
            message,
        })
    })?;
    rows.collect()
}

/// Counts a receive, hides the message, and issues the receipt that alone can delete it.
fn take(
    t: &Transaction<'_>,
    row: VisibleRow,
    now_ms: i64,
    visible_ms: i64,
) -> rusqlite::Result<Message> {
    let receipt = Receipt {
        id: row.id,
        receive: uuid::Uuid::new_v4().to_string(),
    };
    t.prepare_cached(
        "UPDATE message SET receive_count = receive_count + 1, visible_ms = ?2, receipt = ?3,
                first_received_ms = COALESCE(first_received_ms, ?4) WHERE id = ?1",
    )?
    .execute(params![row.id, visible_ms, receipt.receive, now_ms])?;
    Ok(Message {
        receipt_handle: receipt.handle(),
        ..row.message
    })
}

/// Moves a message to the dead letters. It keeps its sending time, as on AWS, and its receives are counted
/// anew.
fn move_to_dead_letters(
    t: &Transaction<'_>,
    id: i64,
    redrive: &Redrive,
    now_ms: i64,
) -> rusqlite::Result<()> {
    t.prepare_cached(
        "UPDATE message SET source_queue = queue, queue = ?2, visible_ms = ?3, receive_count = 0,
                first_received_ms = NULL, receipt = NULL WHERE id = ?1",
    )?
    .execute(params![id, redrive.dead_letter_queue, now_ms])?;
    Ok(())
}

pub(super) fn expire(t: &Transaction<'_>, queue: &QueueSpec, now_ms: i64) -> rusqlite::Result<()> {
    let oldest_ms = now_ms - i64::from(queue.retention_s) * 1_000;
    t.prepare_cached("DELETE FROM message WHERE queue = ?1 AND sent_ms < ?2")?
        .execute(params![queue.name, oldest_ms])?;
    Ok(())
}

fn next_due(t: &Transaction<'_>, name: &str, now_ms: i64) -> rusqlite::Result<Option<Duration>> {
    let due_ms: Option<i64> = t
        .prepare_cached("SELECT MIN(visible_ms) FROM message WHERE queue = ?1")?
        .query_row([name], |row| row.get(0))?;
    Ok(due_ms.map(|due_ms| Duration::from_millis((due_ms - now_ms).max(0).unsigned_abs())))
}

/// Deletes the message if this receipt is its latest. Otherwise does nothing, as on AWS.
pub(super) fn delete(t: &Transaction<'_>, name: &str, receipt: &Receipt) -> Result<(), Refusal> {
    queue(t, name)?;
    let deleted = t
        .prepare_cached("DELETE FROM message WHERE id = ?1 AND queue = ?2 AND receipt = ?3")?
        .execute(params![receipt.id, name, receipt.receive])?;
    t.prepare_cached("UPDATE queue SET deleted = deleted + ?2 WHERE name = ?1 AND ?2 > 0")?
        .execute(params![name, count(deleted)])?;
    Ok(())
}

/// Hides an in-flight message for this long from now.
pub(super) fn hide(
    t: &Transaction<'_>,
    name: &str,
    receipt: &Receipt,
    now_ms: i64,
    timeout_ms: i64,
) -> Result<(), Refusal> {
    queue(t, name)?;
    let visible_ms: Option<i64> = t
        .prepare_cached(
            "SELECT visible_ms FROM message WHERE id = ?1 AND queue = ?2 AND receipt = ?3",
        )?
        .query_row(params![receipt.id, name, receipt.receive], |row| row.get(0))
        .optional()?;
    match visible_ms {
        None => Err(Refusal::of(
            "InvalidParameterValue",
            "The receipt handle is invalid. Reason: Message does not exist or is not available \
             for visibility timeout change.",
        )),
        Some(visible_ms) if visible_ms <= now_ms => Err(Refusal::of(
            "MessageNotInflight",
            "The message is not in flight.",
        )),
        Some(_) => {
            t.prepare_cached("UPDATE message SET visible_ms = ?2 WHERE id = ?1")?
                .execute(params![receipt.id, now_ms + timeout_ms])?;
            Ok(())
        }
    }
}

/// Makes every in-flight message visible. A delayed message stays delayed.
pub(super) fn release(t: &Transaction<'_>, name: &str, now_ms: i64) -> Result<(), crate::Error> {
    t.prepare_cached(
        "UPDATE message SET visible_ms = ?2
         WHERE queue = ?1 AND visible_ms > ?2 AND receipt IS NOT NULL",
    )?
    .execute(params![name, now_ms])?;
    Ok(())
}

/// Moves every message that was received too often; reports whether there was one.
pub(super) fn redrive_all(
    t: &Transaction<'_>,
    name: &str,
    redrive: &Redrive,
    now_ms: i64,
) -> rusqlite::Result<bool> {
    let mut statement = t.prepare_cached(
        "SELECT id FROM message WHERE queue = ?1 AND visible_ms <= ?2 AND receive_count >= ?3",
    )?;
    let ids: Vec<i64> = statement
        .query_map(params![name, now_ms, redrive.max_receive_count], |row| {
            row.get(0)
        })?
        .collect::<rusqlite::Result<_>>()?;
    for id in &ids {
        move_to_dead_letters(t, *id, redrive, now_ms)?;
    }
    Ok(!ids.is_empty())
}

fn count(of: usize) -> i64 {
    i64::try_from(of).unwrap_or(i64::MAX)
}

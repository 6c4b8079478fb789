//! The long poll: waiting for a message without asking again and again.
//!
//! Owns the moments at which a waiting receive looks again: at an arrival, when the next hidden message falls
//! due, and at its deadline.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::{Message, Sqs, messages, store};
use crate::clock::now_ms;
use crate::wire::Refusal;

/// The bounds of one receive.
pub(super) struct Ask {
    /// The most messages it takes.
    pub(super) max: u32,
    /// The time for which it waits; `None` for the queue's own.
    pub(super) wait: Option<Duration>,
    /// The time for which it hides the messages that it takes; `None` for the queue's own.
    pub(super) visibility_timeout_s: Option<u32>,
}

impl Sqs {
    /// Receives from a queue, waiting for the first message.
    pub(super) async fn poll(&self, name: &str, ask: Ask) -> Result<Vec<Message>, Refusal> {
        let started = Instant::now();
        let arrivals = self
            .arrivals()
            .get(name)
            .cloned()
            .ok_or_else(store::no_such_queue)?;
        loop {
            // Registered before the look, so that no message arrives unseen between the two.
            let arrival = arrivals.notified();
            tokio::pin!(arrival);
            arrival.as_mut().enable();

            let look = self.look(name, &ask).await?;
            let deadline = started + ask.wait.unwrap_or(look.queue_wait);
            if !look.messages.is_empty() || Instant::now() >= deadline {
                return Ok(look.messages);
            }
            let wake = look
                .next_due
                .map_or(deadline, |due| deadline.min(Instant::now() + due));
            tokio::select! {
                () = arrival => {}
                () = sleep_until(wake) => {}
                () = self.inner.stopping.cancelled() => return Ok(Vec::new()),
            }
        }
    }

    async fn look(&self, name: &str, ask: &Ask) -> Result<messages::Look, Refusal> {
        let queue = name.to_owned();
        let (max, visibility_timeout_s) = (ask.max, ask.visibility_timeout_s);
        let account_id = self.inner.account_id.clone();
        let mut look = self
            .inner
            .sqlite
            .run(move |t| messages::receive(t, &queue, max, visibility_timeout_s, now_ms()))
            .await?;
        if let Some(dead_letter_queue) = &look.redriven_to {
            self.announce(dead_letter_queue);
        }
        for message in &mut look.messages {
            message
                .attributes
                .insert("SenderId".to_owned(), account_id.clone());
            if let Some(source) = message.attributes.get_mut("DeadLetterQueueSourceArn") {
                *source = self.queue_arn(source);
            }
        }
        Ok(look)
    }
}

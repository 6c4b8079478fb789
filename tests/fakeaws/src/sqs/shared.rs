//! The checks that all operations share: the queue that a URL names, and the size of messages.

use super::{Sqs, store};
use crate::wire::Refusal;

/// The most bytes of a message, and of a batch.
pub(super) const MESSAGE_BYTES_MAX: usize = 1_048_576;

pub(super) fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::of("InvalidParameterValue", message)
}

/// The queue that a URL names: its last segment.
pub(super) fn queue_of(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or_default()
}

/// The queue that a URL names, if it exists.
pub(super) fn existing<'a>(sqs: &Sqs, url: &'a str) -> Result<&'a str, Refusal> {
    let name = queue_of(url);
    let is_known = sqs.arrivals().contains_key(name);
    is_known.then_some(name).ok_or_else(store::no_such_queue)
}

//! The request that work is done for. Its id goes with every message, so that all log lines of a job, of
//! any function, can be found by the one id that the client was told.

use std::future::Future;

use aws_sdk_sqs::types::MessageAttributeValue;

/// The message attribute that holds it.
pub const ATTRIBUTE: &str = "request_id";

tokio::task_local! {
    static REQUEST_ID: String;
}

/// Does `work` for the request with this id, which is empty if it is for none.
pub async fn on_behalf_of<Work: Future>(request_id: String, work: Work) -> Work::Output {
    REQUEST_ID.scope(request_id, work).await
}

/// The id of the request that the present work is for; empty if it is for none.
#[must_use]
pub fn request_id() -> String {
    REQUEST_ID.try_with(Clone::clone).unwrap_or_default()
}

/// The attribute of a message that is sent now, if the work is for a request.
pub(crate) fn attribute() -> Option<MessageAttributeValue> {
    let request_id = Some(request_id()).filter(|id| !id.is_empty())?;
    MessageAttributeValue::builder()
        .data_type("String")
        .string_value(request_id)
        .build()
        .ok()
}

//! DynamoDB's operations by their names, run by the embedded engine.
//!
//! Owns which operations are open, and the refusal of a body that is not an operation's input. Refuses to
//! know threads and clients.

use dynoxide::{Database, DynoxideError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Runs one operation on the calling thread.
pub(crate) fn answer(
    database: &Database,
    operation: &str,
    body: &[u8],
) -> Result<String, DynoxideError> {
    match operation {
        "GetItem" => call(body, |input| database.get_item(input)),
        "PutItem" => call(body, |input| database.put_item(input)),
        "UpdateItem" => call(body, |input| database.update_item(input)),
        "DeleteItem" => call(body, |input| database.delete_item(input)),
        "Query" => call(body, |input| database.query(input)),
        "Scan" => call(body, |input| database.scan(input)),
        "BatchGetItem" => call(body, |input| database.batch_get_item(input)),
        "BatchWriteItem" => call(body, |input| database.batch_write_item(input)),
        "TransactGetItems" => call(body, |input| database.transact_get_items(input)),
        "TransactWriteItems" => call(body, |input| database.transact_write_items(input)),
        "CreateTable" => call(body, |input| database.create_table(input)),
        "UpdateTable" => call(body, |input| database.update_table(input)),
        "DeleteTable" => call(body, |input| database.delete_table(input)),
        "DescribeTable" => call(body, |input| database.describe_table(input)),
        "ListTables" => call(body, |input| database.list_tables(input)),
        "UpdateTimeToLive" => call(body, |input| database.update_time_to_live(input)),
        "DescribeTimeToLive" => call(body, |input| database.describe_time_to_live(input)),
        other => Err(DynoxideError::UnsupportedCapability(other.to_owned())),
    }
}

fn call<Input: DeserializeOwned, Output: Serialize>(
    body: &[u8],
    operation: impl FnOnce(Input) -> Result<Output, DynoxideError>,
) -> Result<String, DynoxideError> {
    let input = serde_json::from_slice(body).map_err(|cause| unreadable(&cause.to_string()))?;
    let output = operation(input)?;
    serde_json::to_string(&output)
        .map_err(|cause| DynoxideError::InternalServerError(cause.to_string()))
}

/// The refusal of a body that is not the operation's input. The engine marks with a prefix what DynamoDB
/// would call a validation error.
fn unreadable(message: &str) -> DynoxideError {
    let bare = message.split(" at line ").next().unwrap_or(message);
    for marker in ["VALIDATION:", "VALIDATION_REQUEST:", "VALIDATION_AS_READ:"] {
        if let Some(rest) = bare.strip_prefix(marker) {
            return DynoxideError::ValidationException(rest.to_owned());
        }
    }
    for marker in ["SERIALIZATION:", "SERIALIZATION_AS_READ:"] {
        if let Some(rest) = bare.strip_prefix(marker) {
            return DynoxideError::SerializationException(rest.to_owned());
        }
    }
    let is_invalid = [
        "missing field",
        "unknown variant",
        "invalid type: null",
        "AttributeValue",
    ];
    if is_invalid.iter().any(|part| bare.contains(part)) {
        DynoxideError::ValidationException(bare.to_owned())
    } else {
        DynoxideError::SerializationException(bare.to_owned())
    }
}

/// Runs one operation on JSON values, for callers in this process.
pub(crate) fn answer_json(
    database: &Database,
    operation: &str,
    input: &Value,
) -> Result<Value, DynoxideError> {
    let output = answer(database, operation, input.to_string().as_bytes())?;
    Ok(serde_json::from_str(&output).unwrap_or_else(|_| json!({})))
}

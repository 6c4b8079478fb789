//! The shape of every list.

use domain::Refusal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::query::Query;
use crate::schema;

/// A page of a list, newest first.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "{T}List")]
pub struct List<T> {
    /// Always `list`.
    #[schemars(extend("const" = "list"))]
    pub object: String,
    /// The page.
    pub data: Vec<T>,
    /// Send this as `cursor` for the next page; null at the end.
    #[schemars(with = "Option<schema::Cursor>")]
    pub next_cursor: Option<String>,
}

impl<T> List<T> {
    /// Builds a page; `next_cursor` is where the next one starts.
    #[must_use]
    pub fn new(data: Vec<T>, next_cursor: Option<String>) -> Self {
        Self {
            object: "list".to_owned(),
            data,
            next_cursor,
        }
    }
}

/// Reads the query of a list without filters: `cursor` and `limit`.
///
/// # Errors
/// [`Refusal::Invalid`] naming each parameter that is wrong.
pub fn check_query(mut query: Query) -> Result<(Option<String>, u32), Refusal> {
    let checked = (query.text("cursor"), query.limit());
    query.finish(checked)
}

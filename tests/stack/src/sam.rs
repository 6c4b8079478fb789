//! The file for `--env-vars`, with which `sam local invoke` runs a function on this cloud.
//!
//! SAM fills in the template's values, with a table's logical id in place of its name; this file has the
//! values of this cloud.

use std::collections::BTreeMap;

use crate::template::functions::Function;

/// The variable in which every SDK finds the address of AWS.
const ENDPOINT: &str = "AWS_ENDPOINT_URL";
/// The beginning of this cloud's addresses.
const HERE: &str = "http://127.0.0.1:";

/// The variables of each function, by its logical id; `host` is the name of this machine for the function.
pub fn variables(
    functions: &[Function],
    endpoint: &str,
    host: Option<&str>,
) -> BTreeMap<String, BTreeMap<String, String>> {
    let seen_from_there = |value: String| match (host, value.strip_prefix(HERE)) {
        (Some(host), Some(rest)) => format!("http://{host}:{rest}"),
        _ => value,
    };
    let of = |function: &Function| {
        let own = function.environment.iter().cloned();
        own.chain([(ENDPOINT.to_owned(), endpoint.to_owned())])
            .map(|(name, value)| (name, seen_from_there(value)))
            .collect()
    };
    let each = functions.iter();
    each.map(|function| (function.id.clone(), of(function)))
        .collect()
}

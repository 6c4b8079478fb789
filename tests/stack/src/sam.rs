//! What `sam local invoke` needs in order to run a function on this cloud: the
//! file that its `--env-vars` reads.
//!
//! SAM gives a function what the template says, with a table's logical id for its
//! name; this says what each is here.

use std::collections::BTreeMap;

use crate::template::functions::Function;

/// Where functions find AWS, as every SDK reads it.
const ENDPOINT: &str = "AWS_ENDPOINT_URL";
/// Where this cloud is.
const HERE: &str = "http://127.0.0.1:";

/// The variables of each function, by its logical id, for one that knows this machine as `host`.
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

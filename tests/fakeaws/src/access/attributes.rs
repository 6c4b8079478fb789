//! The attributes that a request to DynamoDB names, as the condition key `dynamodb:Attributes` counts them
//! (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html>).
//!
//! Owns the reading of names from keys, items and expressions. Refuses to know the meaning of an expression.

use serde_json::Value;

/// Stands for all attributes of an item. No policy names it.
pub(super) const ALL: &str = "*";

const EXPRESSIONS: [&str; 3] = [
    "UpdateExpression",
    "ConditionExpression",
    "ProjectionExpression",
];

/// The words of expressions that name no attribute; an attribute of such a name must be written as `#name`.
const WORDS: [&str; 17] = [
    "add",
    "and",
    "attribute_exists",
    "attribute_not_exists",
    "attribute_type",
    "begins_with",
    "between",
    "contains",
    "delete",
    "if_not_exists",
    "in",
    "list_append",
    "not",
    "or",
    "remove",
    "set",
    "size",
];

/// Lists the top-level attributes that a write of one item names. An answer with the whole item names all.
pub(super) fn of_write(write: &Value) -> Vec<String> {
    let parts = [&write["Key"], &write["Item"]].into_iter();
    let named = parts.filter_map(Value::as_object).flatten();
    let named = named.map(|(name, _)| name.clone());
    let expressions = EXPRESSIONS.iter().filter_map(|name| write[name].as_str());
    let expressed = expressions.flat_map(paths).map(|path| {
        let known = write["ExpressionAttributeNames"][path].as_str();
        known.unwrap_or(path).to_owned()
    });
    let returned = write["ReturnValues"].as_str().unwrap_or_default();
    let returned = returned.starts_with("ALL_").then(|| ALL.to_owned());
    named.chain(expressed).chain(returned).collect()
}

/// The first elements of an expression's paths.
fn paths(expression: &str) -> impl Iterator<Item = &str> {
    let is_of_path = |c: char| c.is_ascii_alphanumeric() || "_#:.[]".contains(c);
    let words = expression.split(move |c: char| !is_of_path(c));
    let firsts = words.filter_map(|word| word.split(['.', '[']).next());
    firsts.filter(|first| {
        let begins = first.starts_with(|c: char| c.is_ascii_alphabetic() || "_#".contains(c));
        begins && !WORDS.contains(&first.to_ascii_lowercase().as_str())
    })
}

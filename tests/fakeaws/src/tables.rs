//! Bringing a table to its described form, even if it exists from an earlier run.
//!
//! Owns what may change on an existing table (indexes may be added, expiry may be set) and what may not (its
//! keys). Refuses to delete anything.

use dynoxide::{Database, DynoxideError};
use serde_json::{Value, json};

use crate::Error;
use crate::operations::answer_json;

/// Creates the table of AWS's `CreateTable` JSON, or adds to an existing one what it lacks.
pub(crate) fn ensure(
    database: &Database,
    mut create: Value,
    ttl_attribute: Option<&str>,
) -> Result<(), Error> {
    let Some(name) = create["TableName"].as_str().map(str::to_owned) else {
        return Err(Error::new("a table has no TableName"));
    };
    if let Some(create) = create.as_object_mut() {
        create.remove("StreamSpecification");
    }
    let doing = |what: &str, cause: DynoxideError| Error::doing(&format!("{what} {name}"), cause);
    match answer_json(database, "DescribeTable", &json!({ "TableName": name })) {
        Ok(described) => extend(database, &name, &create, &described["Table"])?,
        Err(DynoxideError::ResourceNotFoundException(_)) => {
            answer_json(database, "CreateTable", &create)
                .map_err(|cause| doing("create the table", cause))?;
        }
        Err(cause) => return Err(doing("describe the table", cause)),
    }
    set_expiry(database, &name, ttl_attribute)
        .map_err(|cause| doing("set the expiry of the table", cause))
}

fn extend(database: &Database, name: &str, create: &Value, existing: &Value) -> Result<(), Error> {
    let differs = |what: &str| {
        Error::new(format!(
            "the table {name} exists with another {what}: use another data directory, or delete it"
        ))
    };
    if keys(create, create) != keys(existing, existing) {
        return Err(differs("key schema"));
    }
    for index in indexes(create) {
        let index_name = index["IndexName"].as_str().unwrap_or_default();
        match indexes(existing).find(|found| found["IndexName"] == index["IndexName"]) {
            Some(found) if keys(index, create) == keys(found, existing) => {}
            Some(_) => return Err(differs(&format!("key schema of index {index_name}"))),
            None => {
                let update = json!({
                    "TableName": name,
                    "AttributeDefinitions": create["AttributeDefinitions"],
                    "GlobalSecondaryIndexUpdates": [{ "Create": index }],
                });
                answer_json(database, "UpdateTable", &update).map_err(|cause| {
                    Error::doing(&format!("add the index {index_name} to {name}"), cause)
                })?;
            }
        }
    }
    Ok(())
}

fn indexes(table: &Value) -> impl Iterator<Item = &Value> {
    table["GlobalSecondaryIndexes"]
        .as_array()
        .into_iter()
        .flatten()
}

/// A key schema as (role, attribute, type), with the types from the table's definitions.
fn keys<'a>(schema: &'a Value, table: &'a Value) -> Vec<(&'a str, &'a str, &'a str)> {
    let definitions = table["AttributeDefinitions"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    let kind = |attribute: &str| {
        let definition = definitions.iter().find(|d| d["AttributeName"] == attribute);
        definition
            .and_then(|d| d["AttributeType"].as_str())
            .unwrap_or_default()
    };
    let mut keys: Vec<_> = schema["KeySchema"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|key| {
            let attribute = key["AttributeName"].as_str().unwrap_or_default();
            (
                key["KeyType"].as_str().unwrap_or_default(),
                attribute,
                kind(attribute),
            )
        })
        .collect();
    keys.sort_unstable();
    keys
}

/// Sets the attribute of expiry. DynamoDB refuses to move expiry from one attribute to another, so it is
/// first turned off.
fn set_expiry(database: &Database, name: &str, wanted: Option<&str>) -> Result<(), DynoxideError> {
    let described = answer_json(
        database,
        "DescribeTimeToLive",
        &json!({ "TableName": name }),
    )?;
    let described = &described["TimeToLiveDescription"];
    let is_on = described["TimeToLiveStatus"] == "ENABLED";
    let current = described["AttributeName"].as_str().filter(|_| is_on);
    if current == wanted {
        return Ok(());
    }
    for (attribute, enabled) in [(current, false), (wanted, true)] {
        if let Some(attribute) = attribute {
            let update = json!({
                "TableName": name,
                "TimeToLiveSpecification": { "AttributeName": attribute, "Enabled": enabled },
            });
            answer_json(database, "UpdateTimeToLive", &update)?;
        }
    }
    Ok(())
}

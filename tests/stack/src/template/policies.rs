//! A function's policies: what its role may do.
//!
//! Owns `Policies`, in the one form that says all by itself: documents whose statements allow actions on resources.
//! Refuses the names of policies that are kept elsewhere, and every condition but `StringEquals`.

use std::collections::BTreeMap;

use fakeaws::Statement;
use serde_json::Value;

use super::fields::{Fields, text_of};
use crate::Error;

/// Takes the policies of a function.
pub fn read(function: &mut Fields) -> Result<Vec<Statement>, Error> {
    let at = format!("{}.Policies", function.at());
    let mut statements = Vec::new();
    for document in each(function.take("Policies")) {
        if !document.is_object() {
            return Err(Error::at(&at, "must spell its statements out"));
        }
        let mut document = Fields::of(document, at.as_str())?;
        document.accept(&["Version"]);
        for statement in each(document.take("Statement")) {
            statements.push(read_statement(Fields::of(statement, at.as_str())?)?);
        }
        document.finish()?;
    }
    Ok(statements)
}

fn read_statement(mut statement: Fields) -> Result<Statement, Error> {
    statement.accept(&["Sid"]);
    if statement.required_text("Effect")? != "Allow" {
        return Err(statement.wrong("Effect", "must be Allow"));
    }
    let read = Statement {
        actions: texts(&mut statement, "Action")?,
        resources: texts(&mut statement, "Resource")?,
        conditions: read_conditions(&mut statement)?,
    };
    statement.finish()?;
    Ok(read)
}

fn read_conditions(statement: &mut Fields) -> Result<BTreeMap<String, Vec<String>>, Error> {
    let mut condition = statement.object("Condition")?;
    let equals = condition.take("StringEquals");
    condition.finish()?;
    let Some(Value::Object(equals)) = equals else {
        return Ok(BTreeMap::new());
    };
    let at = format!("{}.Condition.StringEquals", statement.at());
    let read = equals.into_iter().map(|(key, values)| {
        let values = each(Some(values)).into_iter();
        let values = values.map(|value| text_of(value, &at));
        Ok((key, values.collect::<Result<Vec<_>, Error>>()?))
    });
    read.collect()
}

fn texts(statement: &mut Fields, name: &str) -> Result<Vec<String>, Error> {
    let at = format!("{}.{name}", statement.at());
    let texts = each(statement.take(name))
        .into_iter()
        .map(|text| text_of(text, &at));
    let texts = texts.collect::<Result<Vec<_>, _>>()?;
    if texts.is_empty() {
        return Err(statement.missing(name));
    }
    Ok(texts)
}

/// One thing, or a list of them, or none.
fn each(value: Option<Value>) -> Vec<Value> {
    match value {
        None => Vec::new(),
        Some(Value::Array(items)) => items,
        Some(one) => vec![one],
    }
}

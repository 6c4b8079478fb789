//! Policies: the permissions of a function's role, or of a role that is spelled out.
//!
//! Owns `Policies`, in the one self-contained form: documents whose statements allow actions on resources;
//! and `AWS::IAM::Role`. Refuses the names of policies that are kept elsewhere, and every condition but
//! `StringEquals` and `ForAllValues:StringEquals`.

use fakeaws::{Condition, Operator, Statement};
use serde_json::Value;

use super::fields::{Fields, text_of};
use crate::Error;

/// A role that the template spells out.
#[derive(Clone, Debug)]
pub struct Role {
    /// Its ARN.
    pub arn: String,
    /// The services that may act as it.
    pub services: Vec<String>,
    /// Everything that its own policies allow.
    pub statements: Vec<Statement>,
}

impl Role {
    /// Reads a role's properties.
    pub fn read(mut fields: Fields, arn: String) -> Result<Self, Error> {
        fields.accept(&["Description", "ManagedPolicyArns", "Tags"]);
        let at = format!("{}.AssumeRolePolicyDocument", fields.at());
        let mut trust = fields.object("AssumeRolePolicyDocument")?;
        trust.accept(&["Version"]);
        let mut services = Vec::new();
        for statement in each(trust.take("Statement")) {
            let mut statement = Fields::of(statement, at.as_str())?;
            statement.accept(&["Action", "Effect", "Sid"]);
            let mut principal = statement.object("Principal")?;
            services.extend(texts(&mut principal, "Service")?);
            principal.finish()?;
            statement.finish()?;
        }
        trust.finish()?;
        let at = format!("{}.Policies", fields.at());
        let mut statements = Vec::new();
        for policy in each(fields.take("Policies")) {
            let mut policy = Fields::of(policy, at.as_str())?;
            policy.accept(&["PolicyName"]);
            statements.extend(read_document(policy.object("PolicyDocument")?)?);
            policy.finish()?;
        }
        fields.finish()?;
        Ok(Self {
            arn,
            services,
            statements,
        })
    }

    /// Whether `service` may do `action` to exactly `resource` as this role.
    pub fn lets(&self, service: &str, action: &str, resource: &str) -> bool {
        let holds = |texts: &[String], text: &str| texts.iter().any(|it| it == text);
        holds(&self.services, service)
            && self.statements.iter().any(|statement| {
                holds(&statement.actions, action) && holds(&statement.resources, resource)
            })
    }
}

/// Takes the policies of a function.
pub fn read(function: &mut Fields) -> Result<Vec<Statement>, Error> {
    let at = format!("{}.Policies", function.at());
    let mut statements = Vec::new();
    for document in each(function.take("Policies")) {
        if !document.is_object() {
            return Err(Error::at(&at, "must spell its statements out"));
        }
        statements.extend(read_document(Fields::of(document, at.as_str())?)?);
    }
    Ok(statements)
}

fn read_document(mut document: Fields) -> Result<Vec<Statement>, Error> {
    document.accept(&["Version"]);
    let at = format!("{}.Statement", document.at());
    let statements = each(document.take("Statement")).into_iter();
    let statements = statements
        .map(|statement| read_statement(Fields::of(statement, at.as_str())?))
        .collect::<Result<_, Error>>()?;
    document.finish()?;
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

fn read_conditions(statement: &mut Fields) -> Result<Vec<Condition>, Error> {
    let mut operators = statement.object("Condition")?;
    let at = operators.at().to_owned();
    let mut conditions = Vec::new();
    for (name, operator) in [
        ("StringEquals", Operator::StringEquals),
        (
            "ForAllValues:StringEquals",
            Operator::ForAllValuesStringEquals,
        ),
    ] {
        let Some(Value::Object(keys)) = operators.take(name) else {
            continue;
        };
        for (key, values) in keys {
            let values = each(Some(values)).into_iter();
            let values = values.map(|value| text_of(value, &at));
            let values = values.collect::<Result<_, Error>>()?;
            conditions.push(Condition {
                operator,
                key,
                values,
            });
        }
    }
    operators.finish()?;
    Ok(conditions)
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

/// The items of a value that is one thing, a list of them, or nothing.
fn each(value: Option<Value>) -> Vec<Value> {
    match value {
        None => Vec::new(),
        Some(Value::Array(items)) => items,
        Some(one) => vec![one],
    }
}

//! IAM: the roles that keys belong to, and the actions that each role may do.
//!
//! Owns roles and the matching of their policies, which only ever allow. The owner's key may do everything.
//! [`needs`] lists the permissions of each operation; refuses to know what an operation does.

mod attributes;
mod needs;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

pub(crate) use needs::{Need, of_bucket, of_control, of_json, of_mail, of_upload};

use crate::Config;

/// A permission for each action on each resource; in both, `*` stands for any characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// `service:Operation`.
    pub actions: Vec<String>,
    /// ARNs.
    pub resources: Vec<String>,
    /// Conditions on the request, which must all hold.
    pub conditions: Vec<Condition>,
}

/// A condition on the request's values of a condition key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// The comparison.
    pub operator: Operator,
    /// Such as `ses:FromAddress`.
    pub key: String,
    /// The values that are allowed.
    pub values: Vec<String>,
}

/// The comparison of a condition
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `StringEquals`: the request has a value, and it is one of these.
    StringEquals,
    /// `ForAllValues:StringEquals`: each of the request's values is one of these. It holds for a request
    /// that has none.
    ForAllValuesStringEquals,
}

impl Condition {
    fn holds(&self, need: &Need) -> bool {
        let values = need.context.get(self.key.as_str());
        let mut values = values.into_iter().flatten().peekable();
        let is_met = match self.operator {
            Operator::StringEquals => values.peek().is_some(),
            Operator::ForAllValuesStringEquals => true,
        };
        is_met && values.all(|value| self.values.contains(value))
    }
}

/// A role with an access key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Its name, which a refusal mentions.
    pub name: String,
    /// The key's id; its secret is the owner's.
    pub access_key_id: String,
    /// Everything that it may do.
    pub statements: Vec<Statement>,
}

/// The roles and the owner's key. Clones share them.
#[derive(Clone)]
pub(crate) struct Access {
    owner: String,
    region: String,
    account_id: String,
    roles: Arc<RwLock<BTreeMap<String, Role>>>,
}

impl Access {
    pub(crate) fn of(config: &Config) -> Self {
        Self {
            owner: config.access_key_id.clone(),
            region: config.region.clone(),
            account_id: config.account_id.clone(),
            roles: Arc::default(),
        }
    }

    /// Makes a role known, or replaces it.
    pub(crate) fn add(&self, role: Role) {
        let mut roles = self.roles.write().unwrap_or_else(PoisonError::into_inner);
        roles.insert(role.access_key_id.clone(), role);
    }

    /// Whether there is such a key.
    pub(crate) fn knows(&self, key_id: &str) -> bool {
        let roles = self.roles.read().unwrap_or_else(PoisonError::into_inner);
        key_id == self.owner || roles.contains_key(key_id)
    }

    /// The name of the key's role; the owner has none.
    pub(crate) fn role_name(&self, key_id: &str) -> Option<String> {
        let roles = self.roles.read().unwrap_or_else(PoisonError::into_inner);
        roles.get(key_id).map(|role| role.name.clone())
    }

    /// Checks that the key's role may do everything in `needs`; the error is AWS's sentence about the first
    /// thing that it may not do.
    pub(crate) fn check(&self, key_id: &str, needs: &[Need]) -> Result<(), String> {
        if key_id == self.owner {
            return Ok(());
        }
        let roles = self.roles.read().unwrap_or_else(PoisonError::into_inner);
        let role = roles.get(key_id);
        for need in needs {
            let arn = need.arn(&self.region, &self.account_id);
            if !role.is_some_and(|role| role.allows(need, &arn)) {
                let name = role.map_or("unknown", |role| role.name.as_str());
                return Err(format!(
                    "User: arn:aws:sts::{account}:assumed-role/{name}/{name} is not authorized to perform: {action} on \
                     resource: {arn} because no identity-based policy allows the {action} action",
                    account = self.account_id,
                    action = need.action,
                ));
            }
        }
        Ok(())
    }
}

impl Role {
    fn allows(&self, need: &Need, arn: &str) -> bool {
        let any =
            |patterns: &[String], text: &str| patterns.iter().any(|pattern| matches(pattern, text));
        self.statements.iter().any(|statement| {
            let mut conditions = statement.conditions.iter();
            any(&statement.actions, &need.action)
                && any(&statement.resources, arn)
                && conditions.all(|condition| condition.holds(need))
        })
    }
}

/// Whether `text` fits `pattern`, in which `*` stands for any characters or none.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else {
        return false;
    };
    let mut last = None;
    for part in parts {
        if let Some(between) = last.replace(part) {
            match rest.split_once(between) {
                Some((_, after)) => rest = after,
                None => return false,
            }
        }
    }
    match last {
        Some(end) => rest.ends_with(end),
        None => rest.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_asks_what_the_request_says_of_itself() {
        let role = |from: &str| Role {
            name: "mail".to_owned(),
            access_key_id: "key".to_owned(),
            statements: vec![Statement {
                actions: vec!["ses:SendEmail".to_owned()],
                resources: vec!["arn:aws:ses:x:1:identity/*".to_owned()],
                conditions: vec![Condition {
                    operator: Operator::StringEquals,
                    key: "ses:FromAddress".to_owned(),
                    values: vec![from.to_owned()],
                }],
            }],
        };
        let body = br#"{"FromEmailAddress": "Velro <mail@example.org>",
                        "Destination": {"ToAddresses": ["ada@example.com"]}}"#;
        let needs = of_mail(body);
        let arns: Vec<_> = needs.iter().map(|need| need.arn("x", "1")).collect();
        for identity in [
            "mail@example.org",
            "example.org",
            "ada@example.com",
            "example.com",
        ] {
            let arn = format!("arn:aws:ses:x:1:identity/{identity}");
            assert!(arns.contains(&arn), "{arns:?}");
        }
        let allows = |from: &str| {
            let mut both = needs.iter().zip(&arns);
            both.all(|(need, arn)| role(from).allows(need, arn))
        };
        assert!(allows("mail@example.org"));
        assert!(!allows("other@example.org"));
    }

    #[test]
    fn a_role_that_may_write_some_attributes_writes_no_other_one() {
        let role = Role {
            name: "authorizer".to_owned(),
            access_key_id: "key".to_owned(),
            statements: vec![Statement {
                actions: vec!["dynamodb:UpdateItem".to_owned()],
                resources: vec!["*".to_owned()],
                conditions: vec![Condition {
                    operator: Operator::ForAllValuesStringEquals,
                    key: "dynamodb:Attributes".to_owned(),
                    values: ["pk", "sk", "last_used_at_ms"].map(str::to_owned).to_vec(),
                }],
            }],
        };
        let allows = |update: &str, returns: &str| {
            let body = serde_json::json!({
                "TableName": "accounts",
                "Key": {"pk": {"S": "a"}, "sk": {"S": "b"}},
                "UpdateExpression": update,
                "ConditionExpression": "attribute_exists(pk)",
                "ExpressionAttributeNames": {"#plan": "plan"},
                "ReturnValues": returns,
            });
            let needs = of_json("DynamoDB_20120810.UpdateItem", body.to_string().as_bytes());
            needs.iter().all(|need| role.allows(need, "table"))
        };
        assert!(allows("SET last_used_at_ms = :now", "NONE"));
        for update in [
            "SET plan = :enterprise",
            "SET #plan = :enterprise",
            "SET last_used_at_ms = :now REMOVE #plan",
            "SET last_used_at_ms = if_not_exists(plan, :now)",
            "SET rights.admin = :yes",
        ] {
            assert!(!allows(update, "NONE"), "{update}");
        }
        assert!(!allows("SET last_used_at_ms = :now", "ALL_NEW"));
    }

    #[test]
    fn a_star_stands_for_any_characters() {
        for (pattern, text) in [
            ("*", ""),
            ("a", "a"),
            ("a*", "abc"),
            ("*c", "abc"),
            ("a*c", "abbc"),
            ("a*b*c", "axbyc"),
            ("arn:aws:s3:::media/*", "arn:aws:s3:::media/a/b.png"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("", "a"),
            ("a", "ab"),
            ("a*", "ba"),
            ("a*c", "acb"),
            ("a*b*c", "acb"),
            ("a*a", "a"),
            ("arn:aws:s3:::media/*", "arn:aws:s3:::media"),
        ] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }
}

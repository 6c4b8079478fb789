//! Reads an authorizer's answer, and evaluates its policy.
//!
//! Owns IAM's matching as far as an authorizer needs it. Refuses to know how authorizers are called.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// An authorizer's answer about a caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The caller's id.
    pub principal_id: String,
    /// The texts about the caller that the functions receive.
    pub context: BTreeMap<String, String>,
    /// The caller's key for a usage plan.
    pub usage_key: Option<String>,
    statements: Vec<Statement>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Statement {
    allows: bool,
    resources: Vec<String>,
}

/// A policy's verdict about one method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may be called.
    Allowed,
    /// A statement forbids it.
    Denied,
    /// No statement mentions it, which also forbids it.
    NotMentioned,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Output {
    principal_id: String,
    policy_document: Document,
    #[serde(default)]
    context: Option<BTreeMap<String, Value>>,
    #[serde(default)]
    usage_identifier_key: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Document {
    statement: OneOrMany<RawStatement>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawStatement {
    effect: String,
    action: OneOrMany<String>,
    resource: OneOrMany<String>,
    #[serde(default)]
    condition: Option<Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    fn into_vec(self) -> Vec<T> {
        match self {
            Self::One(item) => vec![item],
            Self::Many(items) => items,
        }
    }
}

/// The longest ARN that AWS accepts in an authorizer's policy.
const RESOURCE_LENGTH_MAX: usize = 512;

impl Grant {
    /// Reads an authorizer's output; `None` when AWS would call the authorizer misconfigured.
    pub fn read(output: &[u8]) -> Option<Self> {
        let output: Output = serde_json::from_slice(output).ok()?;
        let statements = output.policy_document.statement.into_vec();
        let statements = statements
            .into_iter()
            .map(read_statement)
            .collect::<Option<Vec<_>>>()?;
        let context = output.context.unwrap_or_default();
        let context = context
            .into_iter()
            .map(|(name, value)| context_text(value).map(|text| (name, text)))
            .collect::<Option<BTreeMap<_, _>>>()?;
        Some(Self {
            principal_id: output.principal_id,
            context,
            usage_key: output.usage_identifier_key,
            statements: statements.into_iter().flatten().collect(),
        })
    }

    /// Judges the method with this ARN by the policy.
    pub fn verdict(&self, method_arn: &str) -> Verdict {
        let speaks = |statement: &&Statement| {
            statement
                .resources
                .iter()
                .any(|pattern| matches(pattern, method_arn))
        };
        let mut mentioned = self.statements.iter().filter(speaks).peekable();
        if mentioned.peek().is_none() {
            return Verdict::NotMentioned;
        }
        if mentioned.all(|statement| statement.allows) {
            Verdict::Allowed
        } else {
            Verdict::Denied
        }
    }
}

/// Reads a statement; `Some(None)` for a statement about another action than invoking.
fn read_statement(raw: RawStatement) -> Option<Option<Statement>> {
    let allows = match raw.effect.as_str() {
        "Allow" => true,
        "Deny" => false,
        _ => return None,
    };
    // Conditions are not evaluated here, so that a policy with one would be judged wrongly.
    if raw.condition.is_some() {
        return None;
    }
    let resources = raw.resource.into_vec();
    if resources
        .iter()
        .any(|resource| resource.len() > RESOURCE_LENGTH_MAX)
    {
        return None;
    }
    let actions = raw.action.into_vec();
    let invokes = actions
        .iter()
        .any(|action| matches(&action.to_ascii_lowercase(), "execute-api:invoke"));
    Some(invokes.then_some(Statement { allows, resources }))
}

fn context_text(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(bool) => Some(bool.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Whether `text` matches `pattern`, in which `*` stands for any text and `?` for one character.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (&[u8], &[u8]) = (pattern.as_bytes(), text.as_bytes());
    let (mut at_pattern, mut at_text) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while at_text < text.len() {
        match pattern.get(at_pattern) {
            Some(b'*') => {
                star = Some((at_pattern, at_text));
                at_pattern += 1;
            }
            Some(byte) if *byte == b'?' || *byte == text[at_text] => {
                at_pattern += 1;
                at_text += 1;
            }
            Some(_) | None => {
                // Let the last star take one character more, and try again after it.
                let Some((star_pattern, star_text)) = star else {
                    return false;
                };
                star = Some((star_pattern, star_text + 1));
                at_pattern = star_pattern + 1;
                at_text = star_text + 1;
            }
        }
    }
    pattern[at_pattern..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const METHOD: &str = "arn:aws:execute-api:us-east-1:000000000000:local/v1/GET/models/veo3";

    fn verdict(statement: Value) -> Option<Verdict> {
        let output = json!({
            "principalId": "usr_1",
            "policyDocument": { "Version": "2012-10-17", "Statement": statement },
        });
        Grant::read(output.to_string().as_bytes()).map(|grant| grant.verdict(METHOD))
    }

    fn statement(effect: &str, action: &str, resource: &str) -> Value {
        json!({ "Effect": effect, "Action": action, "Resource": resource })
    }

    #[test]
    fn a_policy_allows_only_what_it_names() {
        let invoke = "execute-api:Invoke";
        let cases = [
            (METHOD, Verdict::Allowed),
            ("*", Verdict::Allowed),
            (
                "arn:aws:execute-api:us-east-1:000000000000:local/v1/*",
                Verdict::Allowed,
            ),
            (
                "arn:aws:execute-api:*:*:local/*/GET/models/*",
                Verdict::Allowed,
            ),
            (
                "arn:aws:execute-api:us-east-?:000000000000:local/v1/GET/*",
                Verdict::Allowed,
            ),
            (
                "arn:aws:execute-api:us-east-1:000000000000:local/v1/POST/*",
                Verdict::NotMentioned,
            ),
            (
                "arn:aws:execute-api:us-east-1:000000000000:local/v1/GET/models",
                Verdict::NotMentioned,
            ),
            ("", Verdict::NotMentioned),
        ];
        for (resource, expected) in cases {
            assert_eq!(
                verdict(statement("Allow", invoke, resource)),
                Some(expected),
                "{resource}"
            );
        }
        assert_eq!(
            verdict(statement("Allow", "s3:*", "*")),
            Some(Verdict::NotMentioned)
        );
        assert_eq!(
            verdict(statement("Allow", "execute-api:*", "*")),
            Some(Verdict::Allowed)
        );
    }

    #[test]
    fn a_denial_beats_every_permission() {
        let allow = statement("Allow", "execute-api:Invoke", "*");
        let deny = statement("Deny", "execute-api:Invoke", "*/GET/models/*");
        assert_eq!(verdict(json!([allow, deny])), Some(Verdict::Denied));
        assert_eq!(verdict(json!([])), Some(Verdict::NotMentioned));
    }

    #[test]
    fn an_output_that_aws_would_not_take_is_not_read() {
        let policy = json!({ "Statement": [statement("Allow", "execute-api:Invoke", "*")] });
        let wrong = [
            json!({ "policyDocument": policy }),
            json!({ "principalId": "u" }),
            json!({ "principalId": "u", "policyDocument": policy, "context": { "a": [1] } }),
            json!({ "principalId": "u", "policyDocument": policy, "context": { "a": { "b": 1 } } }),
            json!({ "principalId": "u", "policyDocument": { "Statement": [{ "Effect": "Maybe", "Action": "*", "Resource": "*" }] } }),
            json!("nothing"),
        ];
        for output in wrong {
            assert_eq!(Grant::read(output.to_string().as_bytes()), None, "{output}");
        }
    }

    #[test]
    fn context_values_become_texts() {
        let output = json!({
            "principalId": "u",
            "policyDocument": { "Statement": statement("Allow", "*", "*") },
            "context": { "plan": "pro", "level": 3, "admin": false },
            "usageIdentifierKey": "key-value",
        });
        let grant = Grant::read(output.to_string().as_bytes()).unwrap();
        assert_eq!(grant.context["plan"], "pro");
        assert_eq!(grant.context["level"], "3");
        assert_eq!(grant.context["admin"], "false");
        assert_eq!(grant.usage_key.as_deref(), Some("key-value"));
    }
}

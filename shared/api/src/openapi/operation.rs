//! One method of one path, and how it is described.

use std::collections::BTreeSet;

use domain::accounts::Scope;
use schemars::JsonSchema;
use serde_json::{Map, Value, json};

use super::Schemas;
use super::answers::{Answer, Answers, Headers};
use crate::problem::Code;
use crate::schema;

const JSON: &str = "application/json";

/// Who may call an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Everybody.
    Public,
    /// A user, with an access token or an API key that has this scope.
    User(Scope),
    /// A user in person, with an access token.
    Person,
    /// A platform admin in person.
    Admin,
}

type SchemaOf = Box<dyn Fn(&mut Schemas) -> Value>;

struct Body {
    schema: SchemaOf,
    required: bool,
}

/// One method of one path.
pub struct Operation {
    /// The name of its function in the template, beginning small; of the eleven that share one, the model's follows.
    pub id: String,
    /// The method.
    pub method: &'static str,
    /// The path, parameters in braces.
    pub path: String,
    /// Who may call it.
    pub who: Who,
    tag: &'static str,
    summary: String,
    description: String,
    parameters: Vec<Value>,
    body: Option<Body>,
    answers: Vec<Answer>,
    codes: BTreeSet<Code>,
}

/// What the operations of a domain are made with: who may call them, and their tag.
#[derive(Clone, Copy)]
pub(crate) struct Table {
    pub(crate) tag: &'static str,
}

impl Table {
    /// `GET`, `POST`, …, a path, the function, and what it does in a few words.
    pub(crate) fn operation(
        self,
        who: Who,
        route: &'static str,
        id: &str,
        summary: &str,
    ) -> Operation {
        let (method, path) = route.split_once(' ').unwrap_or(("GET", route));
        let mut operation = Operation {
            id: id.to_owned(),
            method,
            path: String::new(),
            who,
            tag: self.tag,
            summary: summary.to_owned(),
            description: String::new(),
            parameters: Vec::new(),
            body: None,
            answers: Vec::new(),
            codes: BTreeSet::from([
                // What the gateway, or any function, may have to say to anybody.
                Code::BadRequest,
                Code::RateLimited,
                Code::Internal,
                Code::ProviderUnavailable,
            ]),
        };
        if who != Who::Public {
            let codes = [Code::Unauthorized, Code::Forbidden, Code::QuotaExceeded];
            operation.codes.extend(codes);
        }
        operation.at(path)
    }
}

impl Operation {
    /// Another path.
    pub(crate) fn at(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self
    }

    /// What there is to know beyond the summary.
    pub(crate) fn says(mut self, description: &str) -> Self {
        description.clone_into(&mut self.description);
        self
    }

    /// A path parameter of the form `T`, which may name nothing.
    pub(crate) fn names<T: JsonSchema>(self, name: &str, what: &str) -> Self {
        self.parameter::<T>("path", name, what, true)
            .refuses(&[Code::NotFound])
    }

    /// A query parameter of the form `T`.
    pub(crate) fn asks<T: JsonSchema>(self, name: &str, what: &str) -> Self {
        self.parameter::<T>("query", name, what, false)
            .refuses(&[Code::ValidationFailed])
    }

    /// A header of the form `T`.
    pub(crate) fn heeds<T: JsonSchema>(self, name: &str, what: &str) -> Self {
        self.parameter::<T>("header", name, what, false)
    }

    fn parameter<T: JsonSchema>(
        mut self,
        at: &str,
        name: &str,
        what: &str,
        required: bool,
    ) -> Self {
        let mut schemas = Schemas::new();
        let schema = schemas.read.subschema_for::<T>().to_value();
        self.parameters.push(json!({
            "in": at,
            "name": name,
            "description": what,
            "required": required,
            "schema": schema,
        }));
        self
    }

    /// `limit` and `cursor`.
    pub(crate) fn pages(self) -> Self {
        self.asks::<schema::Limit>("limit", "How long the page may be; 20 if not given.")
            .asks::<schema::Cursor>("cursor", "The `next_cursor` of the page before.")
            .refuses(&[Code::InvalidCursor])
    }

    /// An `Idempotency-Key`.
    pub(crate) fn once(mut self) -> Self {
        for answer in &mut self.answers {
            answer.headers.push("Idempotent-Replayed");
        }
        self.heeds::<schema::IdempotencyKey>(
            "Idempotency-Key",
            "Names this request, so that sending it again does nothing twice.",
        )
        .refuses(&[Code::IdempotencyMismatch, Code::ValidationFailed])
    }

    /// A JSON body that the function reads as `T`.
    pub(crate) fn takes<T: JsonSchema>(self) -> Self {
        self.takes_schema(|schemas| schemas.read.subschema_for::<T>().to_value())
    }

    /// A JSON body that the function reads as `T`, and that may be left out.
    pub(crate) fn may_take<T: JsonSchema>(self) -> Self {
        let mut operation = self.takes::<T>();
        if let Some(body) = &mut operation.body {
            body.required = false;
        }
        operation
    }

    /// A JSON body of a schema that is worked out.
    pub(crate) fn takes_schema(self, schema: impl Fn(&mut Schemas) -> Value + 'static) -> Self {
        self.takes_any(schema).refuses(&[
            Code::MalformedJson,
            Code::UnsupportedMediaType,
            Code::ValidationFailed,
        ])
    }

    /// A body that is not refused for its form.
    pub(crate) fn takes_any(mut self, schema: impl Fn(&mut Schemas) -> Value + 'static) -> Self {
        self.body = Some(Body {
            schema: Box::new(schema),
            required: true,
        });
        self.refuses(&[Code::PayloadTooLarge])
    }

    /// An answer that the function writes as `T`.
    pub(crate) fn answers<T: JsonSchema + 'static>(self, status: u16, what: &str) -> Self {
        self.answers_schema(status, what, JSON, Schemas::of_answer::<T>)
    }

    /// An answer of a schema that is worked out.
    pub(crate) fn answers_schema(
        mut self,
        status: u16,
        what: &str,
        media_type: &'static str,
        schema: impl Fn(&mut Schemas) -> Value + 'static,
    ) -> Self {
        let content = (media_type, Box::new(schema) as SchemaOf);
        self.answers.push(Answer::new(status, what, Some(content)));
        self
    }

    /// An answer without a body.
    pub(crate) fn answers_nothing(mut self, status: u16, what: &str) -> Self {
        self.answers.push(Answer::new(status, what, None));
        self
    }

    /// Headers of the answer that was described last.
    pub(crate) fn with(mut self, headers: Headers) -> Self {
        if let Some(answer) = self.answers.last_mut() {
            answer.headers.extend(headers);
        }
        self
    }

    /// Codes beyond those that follow from what it takes and who may call it.
    pub(crate) fn refuses(mut self, codes: &[Code]) -> Self {
        self.codes.extend(codes);
        self
    }

    /// Every code that it may answer.
    #[cfg(test)]
    pub(super) fn codes(&self) -> &BTreeSet<Code> {
        &self.codes
    }

    /// The operation object.
    pub(super) fn describe(&self, schemas: &mut Schemas, answers: &mut Answers) -> Value {
        let mut described = json!({
            "operationId": self.id,
            "tags": [self.tag],
            "summary": self.summary,
            "description": self.who_and_what(),
            "security": self.security(),
            "responses": answers.describe(&self.answers, &self.codes, schemas),
        });
        if !self.parameters.is_empty() {
            described["parameters"] = json!(self.parameters);
        }
        if let Some(body) = &self.body {
            let content =
                Map::from_iter([(JSON.to_owned(), json!({"schema": (body.schema)(schemas)}))]);
            described["requestBody"] = json!({"required": body.required, "content": content});
        }
        described
    }

    fn who_and_what(&self) -> String {
        let who = match self.who {
            Who::Public => "Public.".to_owned(),
            Who::User(scope) => format!(
                "For an access token, or an API key with the scope `{}`.",
                scope.as_str()
            ),
            Who::Person => "For an access token; an API key is not enough.".to_owned(),
            Who::Admin => "For a platform admin's access token.".to_owned(),
        };
        if self.description.is_empty() {
            who
        } else {
            format!("{}\n\n{who}", self.description)
        }
    }

    fn security(&self) -> Value {
        match self.who {
            Who::Public => json!([]),
            Who::User(scope) => json!([{"accessToken": []}, {"apiKey": [scope.as_str()]}]),
            Who::Person | Who::Admin => json!([{"accessToken": []}]),
        }
    }
}

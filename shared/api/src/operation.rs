//! One method of one path, and its description.

pub(crate) mod answers;
pub(crate) mod schemas;
pub(crate) mod tags;

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde_json::{Map, Value, json};

use answers::{Answers, Headers, ResponseObject};
use schemas::Schemas;

use crate::codes::Code;
use crate::endpoint::{self, Audience, Endpoint};
use crate::schema;

const JSON: &str = "application/json";
/// The status of an answer that is text.
const TEXT_STATUS: u16 = 200;

type SchemaOf = Box<dyn Fn(&mut Schemas) -> Value>;

struct RequestBody {
    schema: SchemaOf,
    required: bool,
}

/// One method of one path.
pub struct Operation {
    /// The name of its function in the template, with a small first letter. Eleven operations share a
    /// function: in theirs, the name of the model follows.
    pub id: String,
    /// The method.
    pub method: &'static str,
    /// The path, parameters in braces.
    pub path: String,
    /// The audience.
    pub audience: Audience,
    tag: &'static str,
    summary: String,
    description: String,
    parameters: Vec<Value>,
    body: Option<RequestBody>,
    /// The declared answers of its endpoint: the status of each, and where the schema of its body comes
    /// from.
    declared: Vec<(u16, Option<SchemaOf>)>,
    answers: Vec<ResponseObject>,
    codes: BTreeSet<Code>,
}

/// A group of operations.
#[derive(Clone, Copy)]
pub(crate) struct Table {
    /// Its name.
    pub(crate) tag: &'static str,
    /// The subject of the group.
    pub(crate) about: &'static str,
}

impl Table {
    /// Describes an endpoint: `id` names its function, `summary` says in a few words what it does.
    pub(crate) fn operation<Who, A, B>(
        self,
        endpoint: &Endpoint<Who, A, B>,
        id: &str,
        summary: &str,
    ) -> Operation
    where
        A: endpoint::Answer + 'static,
        B: endpoint::Body + 'static,
    {
        let operation = Operation {
            id: id.to_owned(),
            method: endpoint.method(),
            path: endpoint.path().to_owned(),
            audience: endpoint.audience(),
            tag: self.tag,
            summary: summary.to_owned(),
            description: String::new(),
            parameters: Vec::new(),
            body: None,
            declared: declared::<A>(),
            answers: Vec::new(),
            codes: BTreeSet::from([
                // Problems that the gateway, or any function, may answer to anybody.
                Code::BadRequest,
                Code::RateLimited,
                Code::Internal,
                Code::ProviderUnavailable,
            ]),
        };
        let operation = match operation.audience {
            Audience::Public => operation,
            Audience::User(_) | Audience::Person | Audience::Admin => {
                operation.refuses(&[Code::Unauthorized, Code::Forbidden, Code::QuotaExceeded])
            }
        };
        if B::schema(&mut Schemas::new().read).is_some() {
            let schema = |schemas: &mut Schemas| B::schema(&mut schemas.read).unwrap_or_default();
            operation.takes(B::absent().is_none(), schema)
        } else {
            operation
        }
    }
}

/// Returns the answers that an endpoint's type declares.
fn declared<A: endpoint::Answer + 'static>() -> Vec<(u16, Option<SchemaOf>)> {
    let each = A::each(&mut Schemas::new().written).into_iter().enumerate();
    each.map(|(place, (status, schema))| {
        let of_place = move |schemas: &mut Schemas| {
            let mut each = A::each(&mut schemas.written);
            each.swap_remove(place).1.unwrap_or_default()
        };
        (status, schema.map(|_| Box::new(of_place) as SchemaOf))
    })
    .collect()
}

impl Operation {
    /// Describes the endpoint under another path.
    pub(crate) fn at(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self
    }

    /// Adds a description beyond the summary.
    pub(crate) fn says(mut self, description: &str) -> Self {
        description.clone_into(&mut self.description);
        self
    }

    /// Adds a path parameter of the form `T`. There may be nothing that it names.
    pub(crate) fn names<T: JsonSchema>(self, name: &str, what: &str) -> Self {
        self.parameter::<T>("path", name, what, true)
            .refuses(&[Code::NotFound])
    }

    /// Adds a query parameter of the form `T`.
    pub(crate) fn asks<T: JsonSchema>(self, name: &str, what: &str) -> Self {
        self.parameter::<T>("query", name, what, false)
            .refuses(&[Code::ValidationFailed])
    }

    /// Adds a query parameter of the form `T` that must be given.
    pub(crate) fn requires<T: JsonSchema>(self, name: &str, what: &str) -> Self {
        self.parameter::<T>("query", name, what, true)
            .refuses(&[Code::ValidationFailed])
    }

    /// Adds a header of the form `T`.
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

    /// Adds `limit` and `cursor`.
    pub(crate) fn pages(self) -> Self {
        self.asks::<schema::Limit>("limit", "The greatest length of the page; 20 if not given.")
            .asks::<schema::Cursor>("cursor", "The `next_cursor` of the page before.")
            .refuses(&[Code::InvalidCursor])
    }

    /// Adds an `Idempotency-Key`.
    pub(crate) fn once(mut self) -> Self {
        for answer in &mut self.answers {
            answer.headers.push("Idempotent-Replayed");
        }
        self.heeds::<schema::IdempotencyKey>(
            "Idempotency-Key",
            "Identifies this request, so that sending it again does nothing twice.",
        )
        .refuses(&[Code::IdempotencyMismatch, Code::ValidationFailed])
    }

    /// Replaces the schema that the body's type has with this one.
    pub(crate) fn takes_schema(self, schema: impl Fn(&mut Schemas) -> Value + 'static) -> Self {
        self.takes(true, schema)
    }

    fn takes(self, required: bool, schema: impl Fn(&mut Schemas) -> Value + 'static) -> Self {
        let mut operation = self.takes_any(schema).refuses(&[
            Code::MalformedJson,
            Code::UnsupportedMediaType,
            Code::ValidationFailed,
        ]);
        if let Some(body) = &mut operation.body {
            body.required = required;
        }
        operation
    }

    /// Adds a body that is not refused for its form.
    pub(crate) fn takes_any(mut self, schema: impl Fn(&mut Schemas) -> Value + 'static) -> Self {
        self.body = Some(RequestBody {
            schema: Box::new(schema),
            required: true,
        });
        self.refuses(&[Code::PayloadTooLarge])
    }

    /// Describes the next of the answers that its endpoint declares.
    pub(crate) fn answers(mut self, what: &str) -> Self {
        if !self.declared.is_empty() {
            let (status, schema) = self.declared.remove(0);
            let content = schema.map(|schema| (JSON, schema));
            self.answers
                .push(ResponseObject::new(status, what, content));
        }
        self
    }

    /// Describes its answer that is text: its meaning, its media type and its schema.
    pub(crate) fn answers_text(
        mut self,
        what: &str,
        media_type: &'static str,
        schema: impl Fn(&mut Schemas) -> Value + 'static,
    ) -> Self {
        self.declared.retain(|(status, _)| *status != TEXT_STATUS);
        let content = (media_type, Box::new(schema) as SchemaOf);
        self.answers
            .push(ResponseObject::new(TEXT_STATUS, what, Some(content)));
        self
    }

    /// Returns the statuses that its endpoint declares and that have no description.
    #[must_use]
    pub fn undescribed(&self) -> Vec<u16> {
        self.declared.iter().map(|(status, _)| *status).collect()
    }

    /// Adds headers to the answer that was described last.
    pub(crate) fn with(mut self, headers: Headers) -> Self {
        if let Some(answer) = self.answers.last_mut() {
            answer.headers.extend(headers);
        }
        self
    }

    /// Adds codes beyond those that follow from its parameters, its body and its audience.
    pub(crate) fn refuses(mut self, codes: &[Code]) -> Self {
        self.codes.extend(codes);
        self
    }

    /// Returns every code that it may answer.
    #[cfg(test)]
    pub(crate) fn codes(&self) -> &BTreeSet<Code> {
        &self.codes
    }

    /// Builds the operation object.
    pub(crate) fn describe(&self, schemas: &mut Schemas, answers: &mut Answers) -> Value {
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
        let who = match self.audience {
            Audience::Public => "Public.".to_owned(),
            Audience::User(scope) => format!(
                "For an access token, or an API key with the scope `{}`.",
                scope.as_str()
            ),
            Audience::Person => "For an access token; an API key is not enough.".to_owned(),
            Audience::Admin => "For a platform admin's access token.".to_owned(),
        };
        if self.description.is_empty() {
            who
        } else {
            format!("{}\n\n{who}", self.description)
        }
    }

    fn security(&self) -> Value {
        match self.audience {
            Audience::Public => json!([]),
            Audience::User(scope) => json!([{"accessToken": []}, {"apiKey": [scope.as_str()]}]),
            Audience::Person | Audience::Admin => json!([{"accessToken": []}]),
        }
    }
}

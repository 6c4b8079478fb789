//! Asking for a price, with the model and the body of a generation together.

use domain::accounts::Scope;
use domain::callers::Caller;
use domain::catalogue::{self, Model};
use domain::generations::Draft;
use domain::quotes::Quote;
use domain::{FieldCode, Refusal};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::codes::Code;
use crate::endpoint::{Created, Endpoint};
use crate::generations::CreateGeneration;
use crate::operation::{Operation, tags};
use crate::schema;
use crate::{body, time};

/// Quotes the price of a generation. It charges nothing.
pub const CREATE: Endpoint<Caller, Created<QuoteView>, CreateQuote> =
    Endpoint::user("POST /quotes", Scope::Generate);

/// Describes these endpoints for the OpenAPI document.
pub(crate) fn operations() -> Vec<Operation> {
    vec![
        tags::MODELS.operation(&CREATE, "modelsQuote", "Ask for a price")
            .says(
                "Takes `model` and the body of a generation, and charges nothing. A generation that names the quote \
                 before it expires costs this price, or is refused.",
            )
            .takes_schema(crate::generations::quote_schema)
            .answers("The price.")
            .refuses(&[Code::NotFound, Code::Conflict]),
    ]
}

/// `POST /quotes`: `model`, and beside it every field of `POST /generations/{model}`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct CreateQuote(Map<String, Value>);

impl CreateQuote {
    /// Checks the fields and returns the order, with the same check that the generation would get.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] naming each field that is wrong, [`Refusal::NoSuch`] for a malformed id.
    pub fn check(mut self) -> Result<(&'static Model, Draft), Refusal> {
        let model = match self.0.remove("model") {
            None => Err((FieldCode::Required, "must be given")),
            Some(Value::String(id)) => {
                catalogue::find(&id).ok_or((FieldCode::NotAllowed, "must be the id of a model"))
            }
            Some(_) => Err((FieldCode::WrongType, "must be the id of a model")),
        };
        let model = model.map_err(|(code, message)| Refusal::field("model", code, message))?;
        // The body is written out and read again, so that unknown and wrong fields get the same names as in
        // a generation.
        let text = Value::Object(self.0).to_string();
        let draft = body::parse::<CreateGeneration>(text.as_bytes())?.check(model)?;
        Ok((model, draft))
    }
}

/// A price, as its caller sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Quote")]
pub struct QuoteView {
    /// `qte_…`, for the field `quote_id` of a generation.
    #[schemars(with = "schema::QuoteId")]
    pub quote_id: String,
    /// Always `quote`.
    #[schemars(extend("const" = "quote"))]
    pub object: String,
    /// The model's id.
    #[schemars(with = "schema::ModelId")]
    pub model: String,
    /// The price.
    #[schemars(with = "schema::Credits")]
    pub credits: i64,
    /// The prompt that the model would be given, after the style is applied; null without a style.
    #[schemars(extend("examples" = [null]))]
    pub adapted_prompt: Option<String>,
    /// The time until which a generation can name the quote.
    #[schemars(with = "schema::Time")]
    pub expires_at: String,
}

impl QuoteView {
    /// Returns the view of `quote` for `model`; `adapted_prompt` is the prompt after the style, if one is
    /// named.
    #[must_use]
    pub fn new(model: &Model, quote: &Quote, adapted_prompt: Option<String>) -> Self {
        Self {
            quote_id: quote.id.to_string(),
            object: "quote".to_owned(),
            model: model.id.to_owned(),
            credits: quote.credits.get(),
            adapted_prompt,
            expires_at: time::format(quote.expires_at),
        }
    }
}

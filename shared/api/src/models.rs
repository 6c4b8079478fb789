//! The catalogue as clients see it, with each model's parameters as JSON Schema, and the changes that
//! admins make to it.

use domain::callers::{Admin, Everybody};
use domain::catalogue::{
    Kind, Model, Offer, PRICE_MAX, Parameter, PictureLimits, Prompt, Reference, Takes, TermsChange,
    When,
};
use domain::{Credits, FieldCode, FieldError, Patch, Refusal};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::body::{Problems, patch};
use crate::endpoint::Endpoint;
use crate::list::List;
use crate::operation::{Operation, tags};
use crate::query::Query;
use crate::schema;

/// The whole catalogue.
pub const LIST: Endpoint<Everybody, List<ModelView>> = Endpoint::public("GET /models");
/// One model: its price and its parameters.
pub const GET: Endpoint<Everybody, ModelView> = Endpoint::public("GET /models/{model}");
/// Changes the price of a model, or whether it is offered.
pub const CHANGE: Endpoint<Admin, ModelView, ChangeModel> =
    Endpoint::admin("PATCH /admin/models/{model}");

/// Describes these endpoints for the OpenAPI document.
pub(crate) fn operations() -> Vec<Operation> {
    vec![
        tags::ADMIN
            .operation(
                &CHANGE,
                "adminModelsUpdate",
                "Change a model's price, or withdraw it",
            )
            .says("A field that is not there keeps its value; null brings the catalogue's value back.")
            .names::<schema::AnyModelId>("model", "The model's id.")
            .answers("The model as it is offered now."),
        tags::MODELS
            .operation(&LIST, "modelsList", "Every model")
            .asks::<schema::Kind>("kind", "Only those of this kind.")
            .pages()
            .answers("A page, in the catalogue's order."),
        tags::MODELS
            .operation(&GET, "modelsGet", "One model")
            .names::<schema::AnyModelId>("model", "The model's id.")
            .answers("The model."),
    ]
}

/// A model as clients see it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Model")]
pub struct ModelView {
    /// The last segment of its route.
    #[schemars(with = "schema::ModelId")]
    pub id: String,
    /// Always `model`.
    #[schemars(extend("const" = "model"))]
    pub object: String,
    /// Its name for people.
    #[schemars(example = &"FLUX.1 [dev]")]
    pub name: String,
    /// One sentence for people.
    #[schemars(example = &"Pictures for every day.")]
    pub description: String,
    /// `image`, `video` or `audio`.
    #[schemars(with = "schema::Kind")]
    pub kind: String,
    /// The price of one unit.
    #[schemars(with = "schema::Credits")]
    pub credits: i64,
    /// The unit: `image`, `video` or `audio`.
    #[schemars(with = "schema::Kind")]
    pub unit: String,
    /// Whether it can be used now.
    pub available: bool,
    /// The time that it usually takes, in seconds.
    #[schemars(example = 15)]
    pub expected_seconds: u32,
    /// Its rate limit.
    pub rate_limit: RateLimit,
    /// Whether `prompt` is `required`, `optional` or not accepted (`none`).
    #[schemars(with = "schema::Takes")]
    pub prompt: String,
    /// Whether `negative_prompt` is accepted.
    pub negative_prompt: bool,
    /// Whether `reference_file_id` is `required`, `optional` or not accepted (`none`).
    #[schemars(with = "schema::Takes")]
    pub reference_image: String,
    /// The limits for pictures; null if the model's maker names none.
    #[schemars(extend("examples" = [null]))]
    pub image_limits: Option<ImageLimits>,
    /// JSON Schema of `parameters`.
    #[schemars(extend("type" = "object"), example = json!({"type": "object"}))]
    pub parameters: Value,
}

/// The limits for the pictures that a model starts from.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ImageLimits {
    /// The shortest side, in pixels.
    #[schemars(example = 300)]
    pub side_min: u32,
    /// The greatest ratio of the longer side to the shorter one: `5:2`.
    #[schemars(example = &"5:2")]
    pub ratio_max: String,
    /// The largest file, in bytes; null if every file that may be uploaded is accepted.
    #[schemars(example = 10_485_760)]
    pub size_max: Option<u64>,
}

impl From<PictureLimits> for ImageLimits {
    fn from(limits: PictureLimits) -> Self {
        let (most, to) = limits.ratio_max;
        Self {
            side_min: limits.side_px_min,
            ratio_max: format!("{most}:{to}"),
            size_max: limits.size_bytes_max,
        }
    }
}

/// The rate limit of a model.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RateLimit {
    /// The number of generations that may be started in a minute.
    #[schemars(example = 25)]
    pub per_minute: u32,
}

impl From<&Offer> for ModelView {
    fn from(offer: &Offer) -> Self {
        let model = offer.model;
        Self {
            id: model.id.to_owned(),
            object: "model".to_owned(),
            name: model.name.to_owned(),
            description: model.description.to_owned(),
            kind: model.kind.as_str().to_owned(),
            credits: offer.credits.get(),
            unit: model.kind.as_str().to_owned(),
            available: offer.available,
            expected_seconds: model.expected_s,
            rate_limit: RateLimit {
                per_minute: model.rate_per_minute,
            },
            prompt: match model.prompt {
                Prompt::Required => "required",
                Prompt::Optional => "optional",
                Prompt::None => "none",
            }
            .to_owned(),
            negative_prompt: model.negative_prompt,
            reference_image: match model.reference {
                Reference::Required { .. } => "required",
                Reference::Optional { .. } => "optional",
                Reference::None => "none",
            }
            .to_owned(),
            image_limits: model.picture_limits.map(ImageLimits::from),
            parameters: parameters_schema(model),
        }
    }
}

/// Returns the JSON Schema (2020-12) of a model's `parameters`.
#[must_use]
pub fn parameters_schema(model: &Model) -> Value {
    let properties: Map<String, Value> = model
        .parameters
        .iter()
        .map(|parameter| (parameter.name.to_owned(), schema_of(parameter)))
        .collect();
    let required: Vec<_> = model
        .parameters
        .iter()
        .filter(|p| p.required)
        .map(|p| p.name)
        .collect();
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn schema_of(parameter: &Parameter) -> Value {
    let mut schema = match parameter.takes {
        Takes::Boolean => json!({"type": "boolean"}),
        Takes::Integer { min, max } => json!({"type": "integer", "minimum": min, "maximum": max}),
        Takes::Number { min, max } => json!({"type": "number", "minimum": min, "maximum": max}),
        Takes::Choice(choices) => json!({"type": "string", "enum": choices}),
        Takes::Image => schema::id("fil_").to_value(),
    };
    let when = match parameter.when {
        When::Always => "",
        When::WithReference => " Only together with a reference image.",
        When::WithoutReference => " Not together with a reference image.",
    };
    schema["description"] = json!(format!("{}{when}", parameter.description));
    if let Some(default) = parameter
        .default
        .and_then(|text| serde_json::from_str::<Value>(text).ok())
    {
        schema["default"] = default;
    }
    schema
}

/// Reads the query of `GET /models`.
///
/// # Errors
/// [`Refusal::Invalid`] naming each parameter that is wrong.
pub fn check_query(mut query: Query) -> Result<(Option<Kind>, Option<String>, u32), Refusal> {
    let kind = query.value("kind", "image, video or audio", Kind::parse);
    let checked = (kind, query.text("cursor"), query.limit());
    query.finish(checked)
}

/// `PATCH /admin/models/{model}`: a field that is not there keeps its value, and null brings the
/// catalogue's value back.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields, extend("minProperties" = 1))]
pub struct ChangeModel {
    /// The price of one unit.
    #[serde(default, deserialize_with = "patch")]
    #[schemars(with = "Option<schema::UnitPrice>")]
    pub credits: Patch<i64>,
    /// Whether it can be used.
    #[serde(default, deserialize_with = "patch")]
    #[schemars(with = "Option<bool>", example = false)]
    pub available: Patch<bool>,
}

impl ChangeModel {
    /// Checks the fields and returns them as domain types.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] naming each field that is wrong.
    pub fn check(self) -> Result<TermsChange, Refusal> {
        let mut problems = Problems::default();
        if self.credits.is_keep() && self.available.is_keep() {
            let message = "must have credits, available or both";
            problems.add("body", FieldCode::Required, message);
        }
        let credits = problems.patch(self.credits, |amount| {
            let message = "must be from 1 to 1000000, or null for the catalogue's";
            let problem = || FieldError::new("credits", FieldCode::OutOfRange, message);
            let price = Credits::new(amount).filter(|_| (1..=PRICE_MAX).contains(&amount));
            price.ok_or_else(problem)
        });
        problems.or(Some(TermsChange {
            credits,
            available: self.available,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_in_the_catalogue_is_valid_by_its_own_schema() {
        for model in domain::catalogue::models() {
            for parameter in model.parameters {
                let Some(default) = parameter.default else {
                    continue;
                };
                let schema = schema_of(parameter);
                let default: Value = serde_json::from_str(default).expect("defaults are JSON");
                match parameter.takes {
                    Takes::Boolean => assert!(default.is_boolean()),
                    Takes::Integer { .. } | Takes::Number { .. } => {
                        let number = default.as_f64().expect("a number");
                        assert!(
                            number >= schema["minimum"].as_f64().expect("a minimum"),
                            "{}",
                            parameter.name
                        );
                        assert!(
                            number <= schema["maximum"].as_f64().expect("a maximum"),
                            "{}",
                            parameter.name
                        );
                    }
                    Takes::Choice(choices) => {
                        assert!(
                            choices.contains(&default.as_str().expect("text")),
                            "{}",
                            parameter.name
                        );
                    }
                    Takes::Image => panic!("an image has no default"),
                }
            }
        }
    }
}

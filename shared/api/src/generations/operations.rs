//! The operations that make and show images, videos and sound. Each model has its own route, and its own
//! body from the catalogue.

use domain::catalogue::{self, Model, Prompt, Reference};
use domain::styles::takes_style;
use schemars::{JsonSchema as _, Schema};
use serde_json::{Value, json};

use super::{
    CANCEL, COLLABORATIONS, CREATE, CreateGeneration, DELETE, FAVORITE, GET, LIST, MEDIA, MOVE,
    PROVENANCE, SHARE, STATS, UNFAVORITE, UNSHARE, UPDATE,
};
use crate::codes::Code;
use crate::models::parameters_schema;
use crate::operation::schemas::Schemas;
use crate::operation::{Operation, tags};
use crate::schema;

pub(crate) fn operations() -> Vec<Operation> {
    let models = catalogue::models().iter().map(create);
    models.chain(several()).chain(one()).collect()
}

fn create(model: &'static Model) -> Operation {
    let id = format!("generationsCreate{}", camel(model.id));
    let price = model.credits.get();
    let unit = model.kind.as_str();
    tags::GENERATIONS.operation(&CREATE, &id, model.name)
        .at(&format!("/generations/{}", model.id))
        .says(&format!(
            "{} Listed at {price} credits a{} {unit}; usually {} seconds; {} a minute.",
            model.description,
            if unit.starts_with(['a', 'i']) { "n" } else { "" },
            model.expected_s,
            model.rate_per_minute
        ))
        .heeds::<schema::Prefer>(
            "Prefer",
            "`wait=N`: answer with the finished generation, if it is ready within N seconds, at most 25.",
        )
        .takes_schema(move |schemas| {
            let schema = body(model, schemas);
            schemas.name(&format!("CreateGeneration-{}", model.id), schema)
        })
        .answers("Accepted: its price is held, and it is on its way.")
        .with(vec!["Location"])
        .answers("Finished within the time that you would wait.")
        .with(vec!["Location"])
        .once()
        .refuses(&[
            Code::OutOfCredits,
            Code::MemberCapReached,
            Code::KeyCapReached,
            Code::Forbidden,
            Code::NotFound,
            Code::Conflict,
            Code::PriceChanged,
            Code::ConcurrencyLimit,
        ])
}

fn several() -> Vec<Operation> {
    vec![
        tags::GENERATIONS
            .operation(&LIST, "generationsList", "Your generations")
            .asks::<schema::ProjectId>("project_id", "Only those in this project.")
            .asks::<schema::TeamId>("team_id", "Only those of this team.")
            .asks::<schema::TeamId>(
                "shared_with_team_id",
                "Instead, those that are shared with this team. A page may be shorter than `limit` and still have a next one.",
            )
            .asks::<schema::ModelId>("model", "Only those of this model.")
            .asks::<schema::Kind>("kind", "Only those of this kind.")
            .asks::<schema::Status>("status", "Only those with this status.")
            .asks::<schema::Flag>("favorite", "Only those that you marked as favourites, or only the others.")
            .asks::<schema::GenerationId>("parent_id", "Only those that are derived from this one.")
            .pages()
            .answers("A page, newest first.")
            .refuses(&[Code::NotFound]),
        tags::GENERATIONS
            .operation(
                &STATS,
                "generationsStats",
                "Counts of your generations",
            )
            .answers("Counts and credits.")
            .refuses(&[Code::ValidationFailed]),
    ]
}

fn one() -> Vec<Operation> {
    let named = |operation: Operation| {
        operation.names::<schema::GenerationId>("generation_id", "The generation.")
    };
    let operations = [
        tags::GENERATIONS
            .operation(&GET, "generationsGet", "One generation")
            .answers("Its progress, or its results.")
            .with(vec!["Retry-After"]),
        tags::GENERATIONS
            .operation(&UPDATE, "generationsUpdate", "Name and tag a generation")
            .says("A field that is not there keeps its value; null removes it.")
            .answers("The generation as it is now."),
        tags::GENERATIONS
            .operation(&MOVE, "generationsMove", "Move a generation to another project")
            .says("It is moved, and never made again. It must be yours, or your role in its team must let you change it, and you must be able to file something in that project.")
            .answers("The generation as it is now."),
        tags::GENERATIONS
            .operation(&DELETE, "generationsDelete", "Delete a generation")
            .says("Deletes its record and its media. A generation that runs must be cancelled first.")
            .answers("It is gone.")
            .refuses(&[Code::Conflict]),
        tags::GENERATIONS
            .operation(&CANCEL, "generationsCancel", "Cancel a generation")
            .answers("It is over, and its credits were given back.")
            .answers("The provider is asked to cancel it. The hold stays until it replies.")
            .refuses(&[Code::TooLate]),
        tags::GENERATIONS
            .operation(&FAVORITE, "generationsFavorite", "Mark a generation")
            .answers("It is marked."),
        tags::GENERATIONS
            .operation(&UNFAVORITE, "generationsUnfavorite", "Unmark a generation")
            .answers("It is not marked."),
        tags::GENERATIONS
            .operation(&MEDIA, "generationsMedia", "The media of a generation")
            .asks::<schema::Expiry>(
                "expires_in",
                "The lifetime of the URLs, in seconds; 3600 if not given.",
            )
            .pages()
            .answers("A page, with URLs that work for a while."),
        tags::GENERATIONS
            .operation(&PROVENANCE, "generationsProvenance", "The ancestors of a generation")
            .says(
                "Its parent first, then that one's parent, and so on. A generation that you may not see, or that was deleted, ends the \
                 chain.",
            )
            .pages()
            .answers("A page, nearest first."),
    ];
    operations.into_iter().chain(sharing()).map(named).collect()
}

fn sharing() -> Vec<Operation> {
    vec![
        tags::GENERATIONS
            .operation(
                &COLLABORATIONS,
                "generationsCollaborationsList",
                "The teams that a generation is shared with",
            )
            .says(
                "All of them for its owner, or for members of the team that owns it; for others the teams that they are in.",
            )
            .pages()
            .answers("A page, newest first."),
        tags::GENERATIONS
            .operation(
                &SHARE,
                "generationsCollaborationsCreate",
                "Share a generation with a team",
            )
            .says(
                "It must be yours, or your role in its team must let you share it, and you must be able to file something in the \
                 team that you share it with. Its members then look at it, and download it and make others of it if their role \
                 lets them. It is listed with `GET /generations?shared_with_team_id=`.",
            )
            .answers("It is shared.")
            .refuses(&[Code::Conflict]),
        tags::GENERATIONS
            .operation(
                &UNSHARE,
                "generationsCollaborationsDelete",
                "Stop sharing a generation",
            )
            .names::<schema::TeamId>("team_id", "The team.")
            .says("For users who may share it, and for members who manage the team.")
            .answers("It is not shared any more."),
    ]
}

/// Returns the schema of `POST /quotes`: the body of each model, with `model` added.
pub(crate) fn quote_schema(schemas: &mut Schemas) -> Value {
    let choices: Vec<_> = catalogue::models()
        .iter()
        .map(|model| {
            let mut schema = body(model, schemas);
            schema["properties"]["model"] = json!({"const": model.id});
            match schema["required"].as_array_mut() {
                Some(required) => required.push(json!("model")),
                None => schema["required"] = json!(["model"]),
            }
            schemas.name(&format!("CreateQuote-{}", model.id), schema)
        })
        .collect();
    json!({"oneOf": choices})
}

/// Returns the schema of [`CreateGeneration`] for this model.
fn body(model: &'static Model, schemas: &mut Schemas) -> Value {
    let mut schema = Schema::to_value(CreateGeneration::json_schema(&mut schemas.read));
    schema["description"] = json!(model.description);
    let mut required = Vec::new();
    if let Some(properties) = schema["properties"].as_object_mut() {
        let mut takes = |field: &str, takes: bool, needs: bool| {
            if needs {
                forbid_null(&mut properties[field]);
                required.push(field.to_owned());
            } else if !takes {
                properties.remove(field);
            }
        };
        takes(
            "prompt",
            model.prompt != Prompt::None,
            model.prompt == Prompt::Required,
        );
        takes("style_id", takes_style(model), false);
        takes("negative_prompt", model.negative_prompt, false);
        let reference = model.reference;
        let needs_reference = matches!(reference, Reference::Required { .. });
        takes(
            "reference_file_id",
            reference != Reference::None,
            needs_reference,
        );
        let parameters = parameters_schema(model);
        takes("parameters", true, parameters["required"] != json!([]));
        let described = properties["parameters"]["description"].clone();
        properties["parameters"] = parameters;
        properties["parameters"]["description"] = described;
    }
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

/// Removes null from a field's types. An optional field may be null, a required one may not.
fn forbid_null(schema: &mut Value) {
    if let Some(kind) = schema["type"]
        .as_array()
        .and_then(|kinds| kinds.first())
        .cloned()
    {
        schema["type"] = kind;
    }
}

fn camel(id: &str) -> String {
    let words = id.split('-');
    words
        .map(|word| word[..1].to_uppercase() + &word[1..])
        .collect()
}

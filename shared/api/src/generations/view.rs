//! What clients see of a generation.

use std::time::Duration;

use domain::Timestamp;
use domain::catalogue;
use domain::generations::{Generation, Hold, Output, State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::list::List;
use crate::schema;
use crate::{time, values};

/// How often a client may ask for a job that runs.
const POLL_MIN: Duration = Duration::from_secs(1);
const POLL_MAX: Duration = Duration::from_secs(10);

/// A generation as its owner sees it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Generation")]
pub struct GenerationView {
    /// `gen_…`.
    #[schemars(with = "schema::GenerationId")]
    pub id: String,
    /// Always `generation`.
    #[schemars(extend("const" = "generation"))]
    pub object: String,
    /// The model's id.
    #[schemars(with = "schema::ModelId")]
    pub model: String,
    /// `image`, `video` or `audio`.
    #[schemars(with = "schema::Kind")]
    pub kind: String,
    /// `queued`, `running`, `storing`, `succeeded`, `failed`, `canceled` or `unknown`.
    #[schemars(with = "schema::Status")]
    pub status: String,
    /// A guess at how far it is, in percent.
    #[schemars(range(max = 100), example = 100)]
    pub progress: u8,
    /// What was asked for.
    #[schemars(example = &"A red fox runs through deep snow at dawn")]
    pub prompt: Option<String>,
    /// What must not be in it.
    #[schemars(extend("examples" = [null]))]
    pub negative_prompt: Option<String>,
    /// The model's parameters, as they were given.
    #[schemars(example = serde_json::json!({"seed": 7}))]
    pub parameters: Map<String, Value>,
    /// The uploaded image that it started from.
    #[schemars(with = "Option<schema::FileId>", extend("examples" = [null]))]
    pub reference_file_id: Option<String>,
    /// The generation that it grew out of.
    #[schemars(with = "Option<schema::GenerationId>", extend("examples" = [null]))]
    pub parent_generation_id: Option<String>,
    /// How it relates to its parent.
    #[schemars(with = "schema::GenerationIntent")]
    pub intent: String,
    /// What was changed.
    #[schemars(extend("examples" = [null]))]
    pub change_description: Option<String>,
    /// Who asked for it.
    #[schemars(with = "schema::UserId")]
    pub author_id: String,
    /// The project that it is filed in.
    #[schemars(with = "Option<schema::ProjectId>")]
    pub project_id: Option<String>,
    /// What its owner calls it.
    #[schemars(with = "Option<schema::Title>")]
    pub title: Option<String>,
    /// Its owner's tags.
    #[schemars(with = "schema::Tags")]
    pub tags: Vec<String>,
    /// Whether its owner marked it.
    pub favorite: bool,
    /// Why it was not delivered.
    #[schemars(extend("examples" = [null]))]
    pub error: Option<FailureView>,
    /// What was delivered.
    pub outputs: Vec<MediaView>,
    /// What became of the credits.
    pub receipt: Receipt,
    /// When its owner asked to cancel it, if the provider still has a say in that.
    #[schemars(with = "Option<schema::Time>", extend("examples" = [null]))]
    pub cancel_requested_at: Option<String>,
    /// When it was accepted.
    #[schemars(with = "schema::Time")]
    pub created_at: String,
    /// When the provider took it.
    #[schemars(with = "Option<schema::Time>")]
    pub started_at: Option<String>,
    /// When it came to rest.
    #[schemars(with = "Option<schema::Time>")]
    pub finished_at: Option<String>,
}

/// What a cancel came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Cancellation")]
pub struct CancelView {
    /// `canceled`, or `cancel_requested` while the provider decides.
    #[schemars(extend("enum" = ["canceled", "cancel_requested"]))]
    pub status: String,
}

impl CancelView {
    /// It is over, and its credits were given back.
    #[must_use]
    pub fn over() -> Self {
        Self {
            status: State::Canceled.as_str().to_owned(),
        }
    }

    /// The provider is asked; the hold stays until its word.
    #[must_use]
    pub fn requested() -> Self {
        Self {
            status: "cancel_requested".to_owned(),
        }
    }
}

/// Why a generation was not delivered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Failure")]
pub struct FailureView {
    /// The stable name to branch on.
    #[schemars(with = "schema::Failure")]
    pub code: String,
    /// One sentence for people.
    #[schemars(example = &"the provider refused the prompt")]
    pub message: String,
}

/// One delivered file.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Media")]
pub struct MediaView {
    /// Shows it until `expires_at`.
    #[schemars(with = "schema::Url")]
    pub url: String,
    /// Its media type.
    #[schemars(example = &"image/jpeg")]
    pub content_type: String,
    /// Its width in pixels, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = 1024)]
    pub width: Option<u32>,
    /// Its height in pixels, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = 768)]
    pub height: Option<u32>,
    /// Its size in bytes.
    #[schemars(with = "schema::Count")]
    pub size: u64,
    /// SHA-256 of its bytes, hexadecimal.
    #[schemars(with = "schema::Sha256")]
    pub sha256: String,
    /// When the URL stops working.
    #[schemars(with = "schema::Time")]
    pub expires_at: String,
}

/// What became of a generation's credits: exactly one of `held`, `captured` and `released` is its price.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Receipt {
    /// The price.
    #[schemars(with = "schema::Credits", extend("examples" = [25]))]
    pub quoted: i64,
    /// Still set aside.
    #[schemars(with = "schema::Credits", extend("examples" = [0]))]
    pub held: i64,
    /// Spent.
    #[schemars(with = "schema::Credits", extend("examples" = [25]))]
    pub captured: i64,
    /// Given back.
    #[schemars(with = "schema::Credits", extend("examples" = [0]))]
    pub released: i64,
    /// Given back after it was spent. No way of ending a job does that today: what is not delivered is released.
    #[schemars(with = "schema::Credits", extend("examples" = [0]))]
    pub refunded: i64,
    /// Why they were given back, or why it was delivered free.
    #[schemars(extend("examples" = [null]))]
    pub reason: Option<String>,
}

impl GenerationView {
    /// What is shown at `now`, with one URL for each output.
    #[must_use]
    pub fn new(
        generation: &Generation,
        urls: &[String],
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Self {
        let model = catalogue::find(&generation.model);
        let expected = Duration::from_secs(model.map_or(60, |model| u64::from(model.expected_s)));
        let request = &generation.request;
        Self {
            id: generation.id.to_string(),
            object: "generation".to_owned(),
            model: generation.model.clone(),
            kind: model
                .map_or("image", |model| model.kind.as_str())
                .to_owned(),
            status: generation.status().to_owned(),
            progress: generation.progress_percent(now, expected),
            prompt: request.prompt.clone(),
            negative_prompt: request.negative_prompt.clone(),
            parameters: values::object(&request.parameters),
            reference_file_id: request.reference_file.as_ref().map(ToString::to_string),
            parent_generation_id: request.parent.as_ref().map(ToString::to_string),
            intent: request.intent.as_str().to_owned(),
            change_description: request.change_description.clone(),
            author_id: generation.author.to_string(),
            project_id: generation.project.as_ref().map(ToString::to_string),
            title: generation
                .title
                .as_ref()
                .map(|title| title.as_str().to_owned()),
            tags: generation.tags.as_slice().to_vec(),
            favorite: generation.favorite,
            error: generation.failure.as_ref().map(|failure| FailureView {
                code: failure.code.as_str().to_owned(),
                message: failure.message.clone(),
            }),
            outputs: media(generation, urls, expires_at),
            receipt: Receipt::from(generation),
            cancel_requested_at: generation.cancel_wished_at.map(time::format),
            created_at: time::format(generation.created_at),
            started_at: generation.started_at.map(time::format),
            finished_at: generation.finished_at.map(time::format),
        }
    }
}

impl From<&Generation> for Receipt {
    fn from(generation: &Generation) -> Self {
        let price = generation.cost.get();
        let when = |hold: Hold| if generation.hold == hold { price } else { 0 };
        let reason = match (generation.hold, generation.state) {
            (Hold::Released, State::Succeeded | State::Storing) => {
                Some("delivered_free".to_owned())
            }
            (Hold::Released, _) => generation
                .failure
                .as_ref()
                .map(|failure| failure.code.as_str().to_owned()),
            (Hold::Open | Hold::Captured, _) => None,
        };
        Self {
            quoted: price,
            held: when(Hold::Open),
            captured: when(Hold::Captured),
            released: when(Hold::Released),
            refunded: 0,
            reason,
        }
    }
}

fn media(generation: &Generation, urls: &[String], expires_at: Timestamp) -> Vec<MediaView> {
    let view = |(output, url): (&Output, &String)| MediaView {
        url: url.clone(),
        content_type: output.content_type.clone(),
        width: output.width,
        height: output.height,
        size: output.size_bytes,
        sha256: output.sha256.clone(),
        expires_at: time::format(expires_at),
    };
    generation.outputs.iter().zip(urls).map(view).collect()
}

/// What `GET /generations/{id}/media` answers.
#[must_use]
pub fn media_list(
    generation: &Generation,
    urls: &[String],
    expires_at: Timestamp,
) -> List<MediaView> {
    List::new(media(generation, urls, expires_at), None)
}

/// When to ask again for a generation that has not come to rest.
#[must_use]
pub fn poll_after(generation: &Generation) -> Option<Duration> {
    let expected =
        catalogue::find(&generation.model).map_or(60, |model| u64::from(model.expected_s));
    (!generation.state.is_final())
        .then(|| Duration::from_secs(expected / 20).clamp(POLL_MIN, POLL_MAX))
}

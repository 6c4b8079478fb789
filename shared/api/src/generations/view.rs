//! The view of a generation.

use std::time::Duration;

use domain::Timestamp;
use domain::catalogue;
use domain::generations::{Generation, Hold, ShownGeneration, State, Withheld};
use domain::ids::Tenant;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::outputs::{MediaView, outputs};
use crate::{schema, time, values};

/// The shortest and the longest wait that a client is told before it asks again about a running job.
const POLL_AFTER_MIN: Duration = Duration::from_secs(1);
const POLL_AFTER_MAX: Duration = Duration::from_secs(30);

/// A generation, as its owner, its team, and others who may see its project see it.
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
    /// The number of jobs ahead of it in the provider's queue, while it waits there.
    #[schemars(extend("examples" = [null]))]
    pub queue_position: Option<u64>,
    /// An estimate of its progress, in percent.
    #[schemars(range(max = 100), example = 100)]
    pub progress: u8,
    /// The prompt.
    #[schemars(example = &"A red fox runs through deep snow at dawn")]
    pub prompt: Option<String>,
    /// The style that the prompt was adapted to.
    #[schemars(with = "Option<schema::StyleId>", extend("examples" = [null]))]
    pub style_id: Option<String>,
    /// The prompt that the model was given, after the style was applied; null without a style.
    #[schemars(extend("examples" = [null]))]
    pub adapted_prompt: Option<String>,
    /// Things that must not be in the result.
    #[schemars(extend("examples" = [null]))]
    pub negative_prompt: Option<String>,
    /// The model's parameters, as they were given.
    #[schemars(example = serde_json::json!({"seed": 7}))]
    pub parameters: Map<String, Value>,
    /// The uploaded image that it started from.
    #[schemars(with = "Option<schema::FileId>", extend("examples" = [null]))]
    pub reference_file_id: Option<String>,
    /// The generation that it is derived from.
    #[schemars(with = "Option<schema::GenerationId>", extend("examples" = [null]))]
    pub parent_generation_id: Option<String>,
    /// Its relation to its parent.
    #[schemars(with = "schema::GenerationIntent")]
    pub intent: String,
    /// A description of the change.
    #[schemars(extend("examples" = [null]))]
    pub change_description: Option<String>,
    /// The user who asked for it; null if its project, or the user who shares it with your team, hides
    /// that.
    #[schemars(with = "Option<schema::UserId>")]
    pub author_id: Option<String>,
    /// The project that it is filed in; null if you see it only because it is shared with your team.
    #[schemars(with = "Option<schema::ProjectId>")]
    pub project_id: Option<String>,
    /// The team that paid for it and owns it; null if its author owns it.
    #[schemars(with = "Option<schema::TeamId>", extend("examples" = [null]))]
    pub team_id: Option<String>,
    /// The name that its owner gave it.
    #[schemars(with = "Option<schema::Title>")]
    pub title: Option<String>,
    /// Its owner's tags.
    #[schemars(with = "schema::Tags")]
    pub tags: Vec<String>,
    /// Whether its owner marked it as a favourite.
    pub favorite: bool,
    /// The reason why it was not delivered.
    #[schemars(extend("examples" = [null]))]
    pub error: Option<FailureView>,
    /// The delivered media.
    pub outputs: Vec<MediaView>,
    /// The media that were made and then withheld.
    #[schemars(extend("examples" = [[]]))]
    pub withheld: Vec<WithheldView>,
    /// Its credits, for its owner, or for members who may spend its team's credits.
    pub receipt: Option<Receipt>,
    /// The time at which its owner asked to cancel it, while the provider has not answered yet.
    #[schemars(with = "Option<schema::Time>", extend("examples" = [null]))]
    pub cancel_requested_at: Option<String>,
    /// The time at which it was accepted.
    #[schemars(with = "schema::Time")]
    pub created_at: String,
    /// The time at which the provider took it.
    #[schemars(with = "Option<schema::Time>")]
    pub started_at: Option<String>,
    /// The time at which it ended.
    #[schemars(with = "Option<schema::Time>")]
    pub finished_at: Option<String>,
    /// The time at which its media are deleted, by its author's plan; null if they are kept. It may still
    /// change until a week before, if the author's plan keeps media for longer; `media.expiring` announces
    /// the final time.
    #[schemars(with = "Option<schema::Time>")]
    pub media_expires_at: Option<String>,
}

/// The outcome of a cancel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Cancellation")]
pub struct CancelView {
    /// `canceled`, or `cancel_requested` while the provider decides.
    #[schemars(extend("enum" = ["canceled", "cancel_requested"]))]
    pub status: String,
}

impl CancelView {
    /// Returns the answer for a generation that is over, and whose credits were given back.
    #[must_use]
    pub fn over() -> Self {
        Self {
            status: State::Canceled.as_str().to_owned(),
        }
    }

    /// Returns the answer while the provider is asked. The hold stays until it replies.
    #[must_use]
    pub fn requested() -> Self {
        Self {
            status: "cancel_requested".to_owned(),
        }
    }
}

/// The reason why a generation was not delivered.
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

/// One file that was withheld from a delivered generation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Withheld")]
pub struct WithheldView {
    /// Its place among all files that were ordered, from 0.
    pub index: u32,
    /// The reason: the stable name to branch on.
    #[schemars(with = "schema::Failure")]
    pub code: String,
}

impl From<&Withheld> for WithheldView {
    fn from(withheld: &Withheld) -> Self {
        Self {
            index: withheld.index,
            code: withheld.code.as_str().to_owned(),
        }
    }
}

/// The credits of a generation. Its price is `held`, or the sum of `captured` and `released`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Receipt {
    /// The price.
    #[schemars(with = "schema::Credits", extend("examples" = [25]))]
    pub quoted: i64,
    /// The credits that are still set aside.
    #[schemars(with = "schema::Credits", extend("examples" = [0]))]
    pub held: i64,
    /// The credits that were spent.
    #[schemars(with = "schema::Credits", extend("examples" = [25]))]
    pub captured: i64,
    /// The credits that were given back: all of them, or the share of what was withheld.
    #[schemars(with = "schema::Credits", extend("examples" = [0]))]
    pub released: i64,
    /// The part of `captured` that the platform gave back later. The share of media that are not delivered
    /// is not part of it: it is released.
    #[schemars(with = "schema::Credits", extend("examples" = [0]))]
    pub refunded: i64,
    /// The reason why credits were given back; if only some were, that of the first withheld file. It may
    /// be `delivered_free`.
    #[schemars(extend("examples" = [null]))]
    pub reason: Option<String>,
}

impl GenerationView {
    /// Returns the view of a generation by the API at `base_url`.
    #[must_use]
    pub fn new(shown: &ShownGeneration, base_url: &str) -> Self {
        let ShownGeneration {
            generation,
            shows_costs,
            shows_author,
            addresses: _,
            expires_at: _,
            now,
        } = shown;
        let model = catalogue::find(&generation.model);
        let request = &generation.request;
        Self {
            id: generation.id.to_string(),
            object: "generation".to_owned(),
            model: generation.model.clone(),
            kind: model
                .map_or("image", |model| model.kind.as_str())
                .to_owned(),
            status: generation.status().to_owned(),
            queue_position: generation.place_in_queue(),
            progress: generation.progress_percent(*now, expected(generation)),
            prompt: request.prompt.clone(),
            style_id: request.style.as_ref().map(ToString::to_string),
            adapted_prompt: request.adapted_prompt.clone(),
            negative_prompt: request.negative_prompt.clone(),
            parameters: values::object(&request.parameters),
            reference_file_id: request.reference_file.as_ref().map(ToString::to_string),
            parent_generation_id: request.parent.as_ref().map(ToString::to_string),
            intent: request.intent.as_str().to_owned(),
            change_description: request.change_description.clone(),
            author_id: shows_author.then(|| generation.author.to_string()),
            project_id: generation.project.as_ref().map(ToString::to_string),
            team_id: match &generation.tenant {
                Tenant::User(_) => None,
                Tenant::Team(team) => Some(team.to_string()),
            },
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
            outputs: outputs(shown, base_url),
            withheld: generation.withheld.iter().map(WithheldView::from).collect(),
            receipt: shows_costs.then(|| Receipt::from(generation)),
            cancel_requested_at: generation.cancel_wished_at.map(time::format),
            created_at: time::format(generation.created_at),
            started_at: generation.started_at.map(time::format),
            finished_at: generation.finished_at.map(time::format),
            media_expires_at: generation.media_expires_at.map(time::format),
        }
    }
}

impl From<&Generation> for Receipt {
    fn from(generation: &Generation) -> Self {
        let parts = generation.parts();
        let code = match (generation.hold, generation.state) {
            (Hold::Released, State::Succeeded | State::Storing) => Some("delivered_free"),
            (Hold::Released, _) => generation.failure.as_ref().map(|it| it.code.as_str()),
            (Hold::Captured, _) => generation.withheld.first().map(|it| it.code.as_str()),
            (Hold::Open, _) => None,
        };
        Self {
            quoted: generation.cost.get(),
            held: parts.held.get(),
            captured: parts.captured.get(),
            released: parts.released.get(),
            refunded: generation.refunded.get(),
            reason: code.map(str::to_owned),
        }
    }
}

/// Returns the wait before a client asks again for a generation that has not come to rest: the time until
/// it is expected to end, or, if that is past, until we check it next ourselves. It is kept within bounds,
/// since the generation may end earlier.
#[must_use]
pub fn poll_after(generation: &Generation, now: Timestamp) -> Option<Duration> {
    let wait = generation.expected_in(now, expected(generation))?;
    Some(wait.clamp(POLL_AFTER_MIN, POLL_AFTER_MAX))
}

/// Returns the time that its model usually takes.
fn expected(generation: &Generation) -> Duration {
    let model = catalogue::find(&generation.model);
    Duration::from_secs(model.map_or(60, |model| u64::from(model.expected_s)))
}

#[cfg(test)]
#[path = "view_tests.rs"]
mod tests;

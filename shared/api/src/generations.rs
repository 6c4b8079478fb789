//! The bodies that ask for a generation, and those that show one.

mod collaborations;
mod filing;
mod operations;
mod outputs;
mod provenance;
mod stats;
mod update;
mod view;

use std::time::Duration;

use domain::accounts::Scope;
use domain::callers::Caller;
use domain::catalogue::{Asked, Kind, Model};
use domain::generations::{Draft, Filter, GenerationRequest, Intent, MEDIA_EXPIRY_S, State};
use domain::ids::{FileId, GenerationId, ProjectId, QuoteId, StyleId, TeamId};
use domain::styles::takes_style;
use domain::text::with_line_feeds;
use domain::{Credits, FieldCode, FieldError, Refusal};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Map;
use sha2::{Digest as _, Sha256};

use crate::body::Problems;
use crate::endpoint::{Accepted, Created, Either, Endpoint, Nothing};
use crate::list::List;
use crate::query::Query;
use crate::schema;
use crate::values;

/// Sets the price aside, records the job, and hands it to the workers.
pub const CREATE: Endpoint<
    Caller,
    Either<Accepted<GenerationView>, Created<GenerationView>>,
    CreateGeneration,
> = Endpoint::user("POST /generations/{model}", Scope::Generate);
/// The caller's generations, or those in a project, newest first.
pub const LIST: Endpoint<Caller, List<GenerationView>> =
    Endpoint::user("GET /generations", Scope::Read);
/// Counts and sums over the caller's generations.
pub const STATS: Endpoint<Caller, StatsView> =
    Endpoint::user("GET /generations/stats", Scope::Read);
/// One generation: its progress, or its results.
pub const GET: Endpoint<Caller, GenerationView> =
    Endpoint::user("GET /generations/{generation_id}", Scope::Read);
/// Changes the title and the tags of a generation.
pub const UPDATE: Endpoint<Caller, GenerationView, UpdateGeneration> =
    Endpoint::user("PATCH /generations/{generation_id}", Scope::Generate);
/// Moves a generation to another project, or out of its project.
pub const MOVE: Endpoint<Caller, GenerationView, MoveGeneration> =
    Endpoint::user("POST /generations/{generation_id}/move", Scope::Generate);
/// Deletes a generation that has come to rest, and its media.
pub const DELETE: Endpoint<Caller, Nothing> =
    Endpoint::user("DELETE /generations/{generation_id}", Scope::Generate);
/// Cancels a generation, or asks the provider to cancel it.
pub const CANCEL: Endpoint<Caller, Either<CancelView, Accepted<CancelView>>> =
    Endpoint::user("POST /generations/{generation_id}/cancel", Scope::Generate);
/// Marks a generation as a favourite.
pub const FAVORITE: Endpoint<Caller, Nothing> =
    Endpoint::user("PUT /generations/{generation_id}/favorite", Scope::Generate);
/// Removes the mark of a favourite from a generation.
pub const UNFAVORITE: Endpoint<Caller, Nothing> = Endpoint::user(
    "DELETE /generations/{generation_id}/favorite",
    Scope::Generate,
);
/// The media of a generation, with URLs that work for a while.
pub const MEDIA: Endpoint<Caller, List<MediaView>> =
    Endpoint::user("GET /generations/{generation_id}/media", Scope::Read);

/// The ancestors of a generation, the nearest first.
pub const PROVENANCE: Endpoint<Caller, List<AncestorView>> =
    Endpoint::user("GET /generations/{generation_id}/provenance", Scope::Read);
/// The teams that a generation is shared with.
pub const COLLABORATIONS: Endpoint<Caller, List<CollaborationView>> = Endpoint::user(
    "GET /generations/{generation_id}/collaborations",
    Scope::Read,
);
/// Shares a generation with a team.
pub const SHARE: Endpoint<Caller, Created<CollaborationView>, ShareGeneration> = Endpoint::user(
    "POST /generations/{generation_id}/collaborations",
    Scope::Generate,
);
/// Stops sharing a generation with a team.
pub const UNSHARE: Endpoint<Caller, Nothing> = Endpoint::user(
    "DELETE /generations/{generation_id}/collaborations/{team_id}",
    Scope::Generate,
);

pub use collaborations::{CollaborationView, ShareGeneration};
pub use filing::MoveGeneration;
pub(crate) use operations::{operations, quote_schema};
pub use outputs::{MediaView, ThumbnailView, outputs};
pub use provenance::AncestorView;
pub use stats::{CreditSums, StatsView};
pub use update::UpdateGeneration;
pub use view::{CancelView, FailureView, GenerationView, Receipt, WithheldView, poll_after};

/// The longest description of a change.
const CHANGE_DESCRIPTION_CHARS_MAX: usize = 1_000;

/// `POST /generations/{model}`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct CreateGeneration {
    /// A description of the wanted result.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schema::Prompt>")]
    pub prompt: Option<String>,
    /// The style that the prompt is adapted to: one of yours, of a team that you are in, or a preset.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schema::StyleId>")]
    pub style_id: Option<String>,
    /// Things that must not be in the result.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schema::NegativePrompt>")]
    pub negative_prompt: Option<String>,
    /// The model's own parameters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Map<String, serde_json::Value>>,
    /// An uploaded image to start from.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schema::FileId>")]
    pub reference_file_id: Option<String>,
    /// The project to file it in.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schema::ProjectId>")]
    pub project_id: Option<String>,
    /// The team that pays for the generation and will own it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schema::TeamId>")]
    pub team_id: Option<String>,
    /// The generation that it is derived from.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schema::GenerationId>")]
    pub parent_generation_id: Option<String>,
    /// Its relation to its parent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schema::GenerationIntent>")]
    pub intent: Option<String>,
    /// A description of the change.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schema::ChangeDescription>")]
    pub change_description: Option<String>,
    /// The most that the caller agrees to pay.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schema::Price>")]
    pub max_credits: Option<i64>,
    /// The quote whose price the caller agrees to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schema::QuoteId>")]
    pub quote_id: Option<String>,
    /// The address to which the end of the generation is reported, in a message that is signed as a webhook
    /// with the secret of `POST /me/webhook-secret`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schema::WebhookUrl>")]
    pub webhook_url: Option<String>,
}

impl CreateGeneration {
    /// Checks the fields and returns the order for `model`.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] naming each field that is wrong, [`Refusal::NoSuch`] for a malformed id.
    pub fn check(mut self, model: &'static Model) -> Result<Draft, Refusal> {
        let mut problems = Problems::default();
        for text in [
            &mut self.prompt,
            &mut self.negative_prompt,
            &mut self.change_description,
        ] {
            *text = text.as_deref().map(with_line_feeds);
        }
        let fingerprint = self.fingerprint(model);
        let order_fingerprint = Self {
            max_credits: None,
            quote_id: None,
            webhook_url: None,
            ..self.clone()
        }
        .fingerprint(model);
        let parameters = values::parameters(self.parameters.clone().unwrap_or_default());
        let asked = Asked {
            prompt: self.prompt.as_deref(),
            negative_prompt: self.negative_prompt.as_deref(),
            parameters: &parameters,
            has_reference: self.reference_file_id.is_some(),
        };
        let order = model
            .check(&asked)
            .map_err(|errors| errors.into_iter().for_each(|e| problems.push(e)))
            .ok();
        self.check_style(model, &mut problems);
        let intent = self.check_intent(&mut problems);
        let max_credits = self.max_credits.and_then(|max| {
            let credits = Credits::new(max);
            if credits.is_none() {
                let message = "must not be negative, nor absurdly large";
                problems.add("max_credits", FieldCode::OutOfRange, message);
            }
            credits
        });
        let order = problems.or(order)?;
        let Named {
            reference_file,
            parent,
            project,
            team,
            quote,
            style,
        } = self.check_ids()?;
        let request = GenerationRequest {
            prompt: self.prompt,
            style,
            adapted_prompt: None,
            negative_prompt: self.negative_prompt,
            parameters,
            reference_file,
            parent,
            intent,
            change_description: self.change_description,
        };
        Ok(Draft {
            order,
            request,
            project,
            team,
            webhook_url: self.webhook_url,
            max_credits,
            quote,
            fingerprint,
            order_fingerprint,
        })
    }

    fn check_style(&self, model: &Model, problems: &mut Problems) {
        if self.style_id.is_some() && !takes_style(model) {
            let message = format!("{} takes no style", model.id);
            problems.add("style_id", FieldCode::Unsupported, message);
        }
    }

    fn check_intent(&self, problems: &mut Problems) -> Intent {
        check_change_description(problems, self.change_description.as_deref());
        let has_parent = self.parent_generation_id.is_some();
        let default = if has_parent {
            Intent::Iterate
        } else {
            Intent::Original
        };
        let Some(text) = &self.intent else {
            return default;
        };
        match Intent::parse(text) {
            Some(intent) if (intent == Intent::Original) != has_parent => intent,
            Some(Intent::Original) => {
                problems.add(
                    "intent",
                    FieldCode::NotAllowed,
                    "cannot be original together with parent_generation_id",
                );
                default
            }
            Some(_) => {
                problems.add(
                    "intent",
                    FieldCode::NotAllowed,
                    "needs a parent_generation_id",
                );
                default
            }
            None => {
                let message = "must be one of original, improve, iterate, fork, remix";
                problems.add("intent", FieldCode::NotAllowed, message);
                default
            }
        }
    }

    /// Parses the ids. A malformed id is reported like an unknown one, so that its sender learns nothing.
    fn check_ids(&self) -> Result<Named, Refusal> {
        fn id<Id>(
            field: &'static str,
            noun: &'static str,
            text: Option<&String>,
            parse: impl FnOnce(&str) -> Option<Id>,
        ) -> Result<Option<Id>, Refusal> {
            text.map(|text| parse(text).ok_or(Refusal::NoSuch { field, noun }))
                .transpose()
        }
        let reference_file = self.reference_file_id.as_ref();
        let parent = self.parent_generation_id.as_ref();
        let project = self.project_id.as_ref();
        let team = self.team_id.as_ref();
        let quote = self.quote_id.as_ref();
        let style = self.style_id.as_ref();
        Ok(Named {
            reference_file: id("reference_file_id", "file", reference_file, FileId::parse)?,
            parent: id(
                "parent_generation_id",
                "generation",
                parent,
                GenerationId::parse,
            )?,
            project: id("project_id", "project", project, ProjectId::parse)?,
            team: id("team_id", "team", team, TeamId::parse)?,
            quote: id("quote_id", "quote", quote, QuoteId::parse)?,
            style: id("style_id", "style", style, StyleId::parse)?,
        })
    }

    /// Returns a digest of the whole request. The order of its fields makes no difference.
    fn fingerprint(&self, model: &Model) -> String {
        // `Value` sorts maps by name.
        let canonical = serde_json::to_value(self)
            .map(|value| value.to_string())
            .unwrap_or_default();
        hex::encode(
            Sha256::new()
                .chain_update(model.id)
                .chain_update("\n")
                .chain_update(canonical)
                .finalize(),
        )
    }
}

fn check_change_description(problems: &mut Problems, text: Option<&str>) {
    if let Some(text) = text
        && (text.chars().count() > CHANGE_DESCRIPTION_CHARS_MAX
            || text.chars().any(|c| c.is_control() && c != '\n'))
    {
        let message = "must have at most 1000 characters, and no control characters";
        problems.add("change_description", FieldCode::TooLong, message);
    }
}

/// The things that a request names by their ids.
struct Named {
    reference_file: Option<FileId>,
    parent: Option<GenerationId>,
    project: Option<ProjectId>,
    team: Option<TeamId>,
    quote: Option<QuoteId>,
    style: Option<StyleId>,
}

/// The query of `GET /generations`.
#[derive(Debug)]
pub struct ListQuery {
    /// Only generations in this project.
    pub project: Option<ProjectId>,
    /// Only generations of this team.
    pub team: Option<TeamId>,
    /// Only generations that are shared with this team. It excludes the other two.
    pub shared_with: Option<TeamId>,
    /// The filter for the generations.
    pub filter: Filter,
    /// The cursor of the page, if it is not the first.
    pub cursor: Option<String>,
    /// The greatest length of the page.
    pub limit: u32,
}

impl ListQuery {
    /// Checks the parameters and returns them as domain types.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] naming each parameter that is wrong, [`Refusal::NoSuch`] for a malformed id.
    pub fn check(mut query: Query) -> Result<Self, Refusal> {
        let filter = Filter {
            team: None,
            model: query.value("model", "the id of a model", |text| {
                domain::catalogue::find(text).map(|model| model.id)
            }),
            kind: query.value("kind", "image, video or audio", Kind::parse),
            status: query.value(
                "status",
                "one of queued, running, storing, succeeded, failed, canceled, unknown",
                |text| {
                    State::ALL
                        .map(State::status)
                        .into_iter()
                        .find(|status| *status == text)
                },
            ),
            favorite: query.value("favorite", "true or false", |text| text.parse().ok()),
            parent: query.value("parent_id", "the id of a generation", GenerationId::parse),
        };
        let (project, team) = (query.text("project_id"), query.text("team_id"));
        let shared_with = query.text("shared_with_team_id");
        if shared_with.is_some() && (project.is_some() || team.is_some()) {
            let message = "cannot be given together with project_id or team_id";
            let alone = FieldError::new("shared_with_team_id", FieldCode::NotAllowed, message);
            query.problem(alone);
        }
        let cursor = query.text("cursor");
        let limit = query.limit();
        query.finish(())?;
        // A malformed id is reported like an unknown one.
        let team_id = |field, text: Option<String>| {
            let named = text.map(|text| {
                let noun = "team";
                TeamId::parse(&text).ok_or(Refusal::NoSuch { field, noun })
            });
            named.transpose()
        };
        let project = project.map(|text| {
            ProjectId::parse(&text).ok_or(Refusal::NoSuch {
                field: "project_id",
                noun: "project",
            })
        });
        Ok(Self {
            project: project.transpose()?,
            team: team_id("team_id", team)?,
            shared_with: team_id("shared_with_team_id", shared_with)?,
            filter,
            cursor,
            limit,
        })
    }
}

/// The query of `GET /generations/{id}/media`, checked.
pub struct MediaQuery {
    /// The lifetime of the URLs.
    pub expiry: Option<Duration>,
    /// Where the page starts.
    pub cursor: Option<String>,
    /// The greatest length of the page.
    pub limit: u32,
}

/// Reads the query of `GET /generations/{id}/media`.
///
/// # Errors
/// [`Refusal::Invalid`] naming each parameter that is wrong.
pub fn check_media(mut query: Query) -> Result<MediaQuery, Refusal> {
    let seconds = query.number("expires_in", MEDIA_EXPIRY_S);
    let checked = MediaQuery {
        expiry: seconds.map(|seconds| Duration::from_secs(u64::from(seconds))),
        cursor: query.text("cursor"),
        limit: query.limit(),
    };
    query.finish(checked)
}

#[cfg(test)]
mod tests;

//! Generations.
//!
//! Sparse indexes: `by_tenant` (tenant, id) and `by_project` (project_id, id) list newest first;
//! `by_holder` (holder, id) has only jobs with an open hold, since only they have a holder; `due`
//! (due_shard, due_at_ms) has only jobs that must be looked at; `waiting` (waiting_line, waiting_place) has
//! only jobs in line for the provider.

use std::collections::BTreeMap;

use aws::Fault;
use domain::generations::StatsRow;
use domain::generations::{
    Attribution, Failure, FailureCode, Generation, GenerationRequest, Hold, Intent, MediaSecret,
    Retention, State, Ticket,
};
use domain::ids::{FileId, GenerationId, KeyId, ProjectId, StyleId, TeamId, Tenant, UserId};
use domain::labels::{Tags, Title};
use domain::lanes::{Lane, Priority};
use domain::{Credits, Timestamp};
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::broken;
use super::due::due_shard;
use super::lanes::{line, place};
use super::parameters::{self, Parameters};
use super::sources::{OutputItem, SourceItem, WithheldItem};

/// Returns the lane of a job from before there were lanes. It holds no slot in any.
fn lane_before_lanes() -> String {
    Lane::Image.as_str().to_owned()
}

/// Returns the priority of such a job.
fn priority_before_lanes() -> String {
    Priority::Low.as_str().to_owned()
}

#[skip_serializing_none]
#[derive(Serialize, Deserialize)]
pub(crate) struct GenerationItem {
    id: String,
    tenant: String,
    author: String,
    paid_with: Option<String>,
    has_own_address: Option<bool>,
    model: String,
    kind: String,
    prompt: Option<String>,
    style_id: Option<String>,
    adapted_prompt: Option<String>,
    negative_prompt: Option<String>,
    parameters: Parameters,
    reference_file_id: Option<String>,
    parent_id: Option<String>,
    intent: String,
    change_description: Option<String>,
    cost: i64,
    state: String,
    status: String,
    hold: String,
    /// The tenant whose credits are held; absent once the hold is captured or released.
    holder: Option<String>,
    #[serde(default = "lane_before_lanes")]
    lane: String,
    #[serde(default = "priority_before_lanes")]
    priority: String,
    #[serde(default)]
    turn: u64,
    #[serde(default)]
    in_line: bool,
    /// Its line and its place there; absent unless it waits.
    waiting_line: Option<String>,
    waiting_place: Option<String>,
    #[serde(default)]
    correlation_id: String,
    attempts: u32,
    webhook_digest: String,
    media_secret: Option<String>,
    ticket: Option<TicketItem>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    sources: Vec<SourceItem>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    outputs: Vec<OutputItem>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    withheld: Vec<WithheldItem>,
    #[serde(default)]
    released: i64,
    #[serde(default)]
    refunded: i64,
    failure: Option<FailureItem>,
    cancel_wished_at_ms: Option<i64>,
    cancel_requested_at_ms: Option<i64>,
    due_shard: Option<String>,
    due_at_ms: Option<i64>,
    created_at_ms: i64,
    started_at_ms: Option<i64>,
    made_at_ms: Option<i64>,
    queue_position: Option<u64>,
    finished_at_ms: Option<i64>,
    media_days: Option<u32>,
    media_expires_at_ms: Option<i64>,
    is_expiry_told: Option<bool>,
    #[serde(default)]
    preview_tries: u32,
    project_id: Option<String>,
    /// `visible` or `hidden` for each team: whether the team is told who made it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    shares: BTreeMap<String, String>,
    title: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
    favorite: bool,
    version: u64,
}

/// The part of a [`GenerationItem`] that is counted.
#[derive(Deserialize)]
pub(crate) struct CountedItem {
    state: String,
    model: String,
    kind: String,
    cost: i64,
    hold: String,
    #[serde(default)]
    released: i64,
    favorite: bool,
}

impl CountedItem {
    /// The names of its attributes.
    pub(crate) const ATTRIBUTES: [&str; 7] = [
        "state", "model", "kind", "cost", "hold", "released", "favorite",
    ];
}

impl TryFrom<CountedItem> for StatsRow {
    type Error = Fault;

    fn try_from(item: CountedItem) -> Result<Self, Fault> {
        Ok(Self {
            state: State::parse(&item.state).ok_or_else(|| broken("state"))?,
            model: item.model,
            kind: item.kind,
            cost: Credits::new(item.cost).ok_or_else(|| broken("cost"))?,
            hold: Hold::parse(&item.hold).ok_or_else(|| broken("hold"))?,
            released: share(item.released, item.cost)?,
            favorite: item.favorite,
        })
    }
}

#[derive(Serialize, Deserialize)]
struct TicketItem {
    request_id: String,
    status_url: String,
    response_url: String,
    cancel_url: String,
}

#[derive(Serialize, Deserialize)]
struct FailureItem {
    code: String,
    message: String,
}

impl From<&Generation> for GenerationItem {
    /// Its `kind` comes from the catalogue and is kept for filtering.
    fn from(job: &Generation) -> Self {
        let kind = domain::catalogue::find(&job.model).map_or("", |model| model.kind.as_str());
        let waiting = job.waiting();
        Self {
            id: job.id.to_string(),
            tenant: job.tenant.to_string(),
            author: job.author.to_string(),
            paid_with: job.paid_with.as_ref().map(ToString::to_string),
            has_own_address: job.has_own_address.then_some(true),
            model: job.model.clone(),
            kind: kind.to_owned(),
            prompt: job.request.prompt.clone(),
            style_id: job.request.style.as_ref().map(ToString::to_string),
            adapted_prompt: job.request.adapted_prompt.clone(),
            negative_prompt: job.request.negative_prompt.clone(),
            parameters: parameters::write(&job.request.parameters),
            reference_file_id: job.request.reference_file.as_ref().map(ToString::to_string),
            parent_id: job.request.parent.as_ref().map(ToString::to_string),
            intent: job.request.intent.as_str().to_owned(),
            change_description: job.request.change_description.clone(),
            cost: job.cost.get(),
            state: job.state.as_str().to_owned(),
            status: job.status().to_owned(),
            hold: job.hold.as_str().to_owned(),
            holder: (job.hold == Hold::Open).then(|| job.tenant.to_string()),
            lane: job.lane.as_str().to_owned(),
            priority: job.priority.as_str().to_owned(),
            turn: job.turn,
            in_line: job.in_line,
            waiting_line: waiting.as_ref().map(|_| line(job.lane, job.priority)),
            waiting_place: waiting.as_ref().map(place),
            correlation_id: job.correlation_id.clone(),
            attempts: job.attempts,
            webhook_digest: job.webhook_digest.clone(),
            media_secret: job
                .media_secret
                .as_ref()
                .map(|secret| secret.as_str().to_owned()),
            ticket: job.ticket.clone().map(TicketItem::from),
            sources: job.sources.iter().cloned().map(SourceItem::from).collect(),
            outputs: job.outputs.iter().cloned().map(OutputItem::from).collect(),
            withheld: job.withheld.iter().map(WithheldItem::from).collect(),
            released: job.released.get(),
            refunded: job.refunded.get(),
            failure: job.failure.clone().map(|failure| FailureItem {
                code: failure.code.as_str().to_owned(),
                message: failure.message,
            }),
            cancel_wished_at_ms: job.cancel_wished_at.map(Timestamp::ms),
            cancel_requested_at_ms: job.cancel_requested_at.map(Timestamp::ms),
            due_shard: job.due_at.map(|_| due_shard(job)),
            due_at_ms: job.due_at.map(Timestamp::ms),
            created_at_ms: job.created_at.ms(),
            started_at_ms: job.started_at.map(Timestamp::ms),
            made_at_ms: job.made_at.map(Timestamp::ms),
            queue_position: job.queue_position,
            finished_at_ms: job.finished_at.map(Timestamp::ms),
            media_days: job.retention.days(),
            media_expires_at_ms: job.media_expires_at.map(Timestamp::ms),
            is_expiry_told: job.is_expiry_told.then_some(true),
            preview_tries: job.preview_tries,
            project_id: job.project.as_ref().map(ToString::to_string),
            shares: shares(job),
            title: job.title.as_ref().map(|title| title.as_str().to_owned()),
            tags: job.tags.as_slice().to_vec(),
            favorite: job.favorite,
            version: job.version,
        }
    }
}

impl GenerationItem {
    fn request(&mut self) -> Result<GenerationRequest, Fault> {
        let file = self.reference_file_id.as_deref();
        let parent = self.parent_id.as_deref();
        let style = self.style_id.as_deref();
        Ok(GenerationRequest {
            prompt: self.prompt.take(),
            style: optional("style_id", style, StyleId::parse)?,
            adapted_prompt: self.adapted_prompt.take(),
            negative_prompt: self.negative_prompt.take(),
            parameters: parameters::read(std::mem::take(&mut self.parameters)),
            reference_file: optional("reference_file_id", file, FileId::parse)?,
            parent: optional("parent_id", parent, GenerationId::parse)?,
            intent: Intent::parse(&self.intent).ok_or_else(|| broken("intent"))?,
            change_description: self.change_description.take(),
        })
    }
}

impl TryFrom<GenerationItem> for Generation {
    type Error = Fault;

    fn try_from(mut item: GenerationItem) -> Result<Self, Fault> {
        let request = item.request()?;
        let failure = match item.failure {
            Some(FailureItem { code, message }) => Some(Failure {
                code: FailureCode::parse(&code).ok_or_else(|| broken("failure"))?,
                message,
            }),
            None => None,
        };
        Ok(Self {
            id: GenerationId::parse(&item.id).ok_or_else(|| broken("id"))?,
            tenant: Tenant::parse(&item.tenant).ok_or_else(|| broken("tenant"))?,
            author: UserId::parse(&item.author).ok_or_else(|| broken("author"))?,
            has_own_address: item.has_own_address.unwrap_or(false),
            paid_with: optional("paid_with", item.paid_with.as_deref(), KeyId::parse)?,
            model: item.model,
            request,
            cost: Credits::new(item.cost).ok_or_else(|| broken("cost"))?,
            state: State::parse(&item.state).ok_or_else(|| broken("state"))?,
            hold: Hold::parse(&item.hold).ok_or_else(|| broken("hold"))?,
            lane: Lane::parse(&item.lane).ok_or_else(|| broken("lane"))?,
            priority: Priority::parse(&item.priority).ok_or_else(|| broken("priority"))?,
            turn: item.turn,
            in_line: item.in_line,
            correlation_id: item.correlation_id,
            attempts: item.attempts,
            webhook_digest: item.webhook_digest,
            media_secret: optional(
                "media_secret",
                item.media_secret.as_deref(),
                MediaSecret::parse,
            )?,
            ticket: item.ticket.map(Ticket::from),
            sources: read_all(item.sources)?,
            outputs: read_all(item.outputs)?,
            withheld: read_all(item.withheld)?,
            released: share(item.released, item.cost)?,
            refunded: share(item.refunded, item.cost)?,
            failure,
            cancel_wished_at: item.cancel_wished_at_ms.map(Timestamp::from_ms),
            cancel_requested_at: item.cancel_requested_at_ms.map(Timestamp::from_ms),
            due_at: item.due_at_ms.map(Timestamp::from_ms),
            created_at: Timestamp::from_ms(item.created_at_ms),
            started_at: item.started_at_ms.map(Timestamp::from_ms),
            made_at: item.made_at_ms.map(Timestamp::from_ms),
            queue_position: item.queue_position,
            finished_at: item.finished_at_ms.map(Timestamp::from_ms),
            retention: match item.media_days {
                Some(days) => Retention::of_days(days).ok_or_else(|| broken("media_days"))?,
                None => Retention::Forever,
            },
            media_expires_at: item.media_expires_at_ms.map(Timestamp::from_ms),
            is_expiry_told: item.is_expiry_told.unwrap_or(false),
            preview_tries: item.preview_tries,
            project: optional("project_id", item.project_id.as_deref(), ProjectId::parse)?,
            shares: item
                .shares
                .iter()
                .map(|(team, attribution)| TeamId::parse(team).zip(Attribution::parse(attribution)))
                .collect::<Option<_>>()
                .ok_or_else(|| broken("shares"))?,
            title: match &item.title {
                Some(text) => Some(Title::parse(text).map_err(|_| broken("title"))?),
                None => None,
            },
            tags: Tags::parse(&item.tags).map_err(|_| broken("tags"))?,
            favorite: item.favorite,
            version: item.version,
        })
    }
}

/// Parses a text that may be absent.
fn optional<T>(
    name: &'static str,
    text: Option<&str>,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, Fault> {
    text.map(|text| parse(text).ok_or_else(|| broken(name)))
        .transpose()
}

/// Returns the teams that a generation is shared with, in their stored form.
pub(crate) fn shares(job: &Generation) -> BTreeMap<String, String> {
    let shares = job.shares.iter();
    shares
        .map(|(team, attribution)| (team.to_string(), attribution.as_str().to_owned()))
        .collect()
}

/// Returns a part of the cost that was given back. It must not exceed the cost.
fn share(given_back: i64, cost: i64) -> Result<Credits, Fault> {
    let share = Credits::new(given_back).filter(|_| given_back <= cost);
    share.ok_or_else(|| broken("share of the cost"))
}

fn read_all<I, T: TryFrom<I, Error = Fault>>(items: Vec<I>) -> Result<Vec<T>, Fault> {
    items.into_iter().map(T::try_from).collect()
}

impl From<Ticket> for TicketItem {
    fn from(
        Ticket {
            request_id,
            status_url,
            response_url,
            cancel_url,
        }: Ticket,
    ) -> Self {
        Self {
            request_id,
            status_url,
            response_url,
            cancel_url,
        }
    }
}

impl From<TicketItem> for Ticket {
    fn from(
        TicketItem {
            request_id,
            status_url,
            response_url,
            cancel_url,
        }: TicketItem,
    ) -> Self {
        Self {
            request_id,
            status_url,
            response_url,
            cancel_url,
        }
    }
}

//! The life of a generation: queued → submitting → running → storing →
//! succeeded | failed | canceled, and unknown.
//!
//! Owns the record and every transition (`steps`), as a pure function from one record to the next. `None`
//! means that the transition does not start from this state. In this way, a second webhook, a late worker
//! or a repeated message changes nothing. Refuses to know how a record is stored or a wallet is changed;
//! [`Generation::settlement`] says which booking a transition needs.

mod address;
mod cancel;
mod names;
mod outcome;
mod patience;
mod previews;
mod refund;
mod retention;
mod sharing;
mod source;
mod state;
mod stats;
mod steps;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

pub use address::{
    Addresses, MEDIA_EXPIRY_S, MediaAddress, MediaFile, MediaSecret, SignedAddress, addresses_end,
};
pub use cancel::Cancellation;
pub use names::MediaName;
pub use outcome::{Failure, FailureCode, Media, Outcome, Piece, Ticket};
pub use patience::{Need, Patience};
pub use previews::{NoPreviews, Previewed, Previews, Thumbnail};
pub use retention::{Keeping, Retention};
pub use sharing::{Attribution, Collaboration, Proposal, SHARES_MAX};
pub use source::{CopyProgress, ProviderFile, Withheld};
pub use state::{Hold, Intent, Parts, Settlement, State};
pub use stats::{GenerationStats, StatsRow};

use crate::catalogue::{Kind, Order, Value};
use crate::credits::Credits;
use crate::ids::{
    FileId, GenerationId, KeyId, ProjectId, QuoteId, StyleId, TeamId, Tenant, UserId,
};
use crate::labels::{Tags, Title};
use crate::lanes::{Lane, Priority, Waiting};
use crate::patch::Patch;
use crate::refusal::Refusal;
use crate::time::{Day, Timestamp};

/// A client's request, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct GenerationRequest {
    /// The prompt, if the model takes one.
    pub prompt: Option<String>,
    /// The style to apply.
    pub style: Option<StyleId>,
    /// The prompt after the style was applied, at the time of the request. This is the prompt that the
    /// provider gets.
    pub adapted_prompt: Option<String>,
    /// The negative prompt.
    pub negative_prompt: Option<String>,
    /// The model's own parameters, as the client gave them.
    pub parameters: Vec<(String, Value)>,
    /// The uploaded picture to start from.
    pub reference_file: Option<FileId>,
    /// The generation that this one was derived from.
    pub parent: Option<GenerationId>,
    /// The relation to its parent.
    pub intent: Intent,
    /// The change from its parent, in the author's words.
    pub change_description: Option<String>,
}

/// A requested generation that passed its model's check.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The order.
    pub order: Order,
    /// The request.
    pub request: GenerationRequest,
    /// The project to file it in.
    pub project: Option<ProjectId>,
    /// The team that pays and owns it; `None` if the caller does.
    pub team: Option<TeamId>,
    /// The address that is told when it ends.
    pub webhook_url: Option<String>,
    /// The highest price that the caller agreed to.
    pub max_credits: Option<Credits>,
    /// The quote whose price the caller agreed to.
    pub quote: Option<QuoteId>,
    /// A digest of the client's whole request.
    pub fingerprint: String,
    /// A digest of the order without the agreed price, which a quote is bound to.
    pub order_fingerprint: String,
}

impl GenerationRequest {
    /// The prompt for the provider: the author's own, or the one that a style was applied to.
    #[must_use]
    pub fn told_prompt(&self) -> Option<&str> {
        self.adapted_prompt.as_deref().or(self.prompt.as_deref())
    }
}

/// A filter of a tenant's generations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only those of this team, in a project that also holds others'.
    pub team: Option<TeamId>,
    /// Only those of this model.
    pub model: Option<&'static str>,
    /// Only those of this kind.
    pub kind: Option<Kind>,
    /// Only those with this status.
    pub status: Option<&'static str>,
    /// Only favourites, or only the others.
    pub favorite: Option<bool>,
    /// Only children of this one.
    pub parent: Option<GenerationId>,
}

impl Filter {
    /// Whether `generation` passes the filter, where the store cannot select.
    #[must_use]
    pub fn takes(&self, generation: &Generation) -> bool {
        let kind = crate::catalogue::find(&generation.model).map(|model| model.kind);
        let of_team = self.team.as_ref().map(Tenant::from);
        of_team.is_none_or(|team| team == generation.tenant)
            && self.model.is_none_or(|model| model == generation.model)
            && self.kind.is_none_or(|wanted| Some(wanted) == kind)
            && self
                .status
                .is_none_or(|status| status == generation.status())
            && self
                .favorite
                .is_none_or(|marked| marked == generation.favorite)
            && (self.parent.is_none() || self.parent == generation.request.parent)
    }
}

/// A generation as a caller may see it, with the addresses of its media.
#[derive(Clone, Debug)]
pub struct ShownGeneration {
    /// The record, without the parts that the caller may not see.
    pub generation: Generation,
    /// Whether the caller may see its cost.
    pub shows_costs: bool,
    /// Whether the caller may see its author.
    pub shows_author: bool,
    /// The addresses of each output, in order; `None` if the caller may view the generation but not
    /// download its media.
    pub addresses: Option<Vec<Addresses<SignedAddress>>>,
    /// When the addresses end.
    pub expires_at: Timestamp,
    /// When they were made.
    pub now: Timestamp,
}

/// An owner's change of the labels of a generation. A field that is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelChange {
    /// The new title.
    pub title: Patch<Title>,
    /// The new tags, all of them.
    pub tags: Option<Tags>,
    /// Whether it is a favourite.
    pub favorite: Option<bool>,
}

/// A delivered file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Its key in the media bucket.
    pub key: String,
    /// Its media type, by its first bytes.
    pub content_type: String,
    /// Its size.
    pub size_bytes: u64,
    /// SHA-256, hexadecimal.
    pub sha256: String,
    /// Its width in pixels, if known.
    pub width: Option<u32>,
    /// Its height in pixels, if known.
    pub height: Option<u32>,
    /// Its small pictures.
    pub previews: Previews,
}

/// A generation and the job that makes it: one record.
#[derive(Clone, Debug, PartialEq)]
pub struct Generation {
    /// Its id.
    pub id: GenerationId,
    /// The owner, whose wallet pays.
    pub tenant: Tenant,
    /// The user who ordered it.
    pub author: UserId,
    /// The capped API key that it was ordered with. Credits that are given back are given back to the key's
    /// cap, too.
    pub paid_with: Option<KeyId>,
    /// Whether its author gave an address that is told when it ends, besides endpoints.
    pub has_own_address: bool,
    /// The model's id in the catalogue.
    pub model: String,
    /// The request.
    pub request: GenerationRequest,
    /// Its price: held, then captured, released, or divided between the two for good.
    pub cost: Credits,
    /// The state of its job.
    pub state: State,
    /// The state of its credits.
    pub hold: Hold,
    /// The lane that hands it over.
    pub lane: Lane,
    /// Its priority in the lane and at the provider.
    pub priority: Priority,
    /// Its turn in its line.
    pub turn: u64,
    /// While it is queued: whether it is in line. It is out of line after the provider refused it for now,
    /// until it may be sent again.
    pub in_line: bool,
    /// The id of the API request that ordered it, which goes with every message about it.
    pub correlation_id: String,
    /// The number of times that a worker began to submit it.
    pub attempts: u32,
    /// SHA-256 (hex) of the secret in this job's webhook URL; empty before the first submit.
    pub webhook_digest: String,
    /// The secret that signs the addresses of its media; `None` in a record from before there were such
    /// addresses.
    pub media_secret: Option<MediaSecret>,
    /// The provider's references to it, once it accepted.
    pub ticket: Option<Ticket>,
    /// The files that the provider made, with the progress of each copy; empty once the job is at rest.
    pub sources: Vec<ProviderFile>,
    /// The delivered files.
    pub outputs: Vec<Output>,
    /// The files that were not delivered, in a generation that was delivered without them.
    pub withheld: Vec<Withheld>,
    /// The part of the cost that is released when the rest is captured: the share of the withheld files.
    pub released: Credits,
    /// The part of the captured credits that an admin gave back.
    pub refunded: Credits,
    /// The reason why it was not delivered.
    pub failure: Option<Failure>,
    /// When its owner first asked to cancel it while it was, or might have been, at the provider.
    pub cancel_wished_at: Option<Timestamp>,
    /// When the provider was asked to stop, because of that wish or because the deadline had passed.
    pub cancel_requested_at: Option<Timestamp>,
    /// When the sweep must look at it or at its media again; `None` for a job at rest whose media stay.
    pub due_at: Option<Timestamp>,
    /// When it was accepted here.
    pub created_at: Timestamp,
    /// When the provider accepted it.
    pub started_at: Option<Timestamp>,
    /// When the provider reported that it was made.
    pub made_at: Option<Timestamp>,
    /// The number of jobs ahead of it in the provider's queue, while the provider reports that it waits
    /// there.
    pub queue_position: Option<u64>,
    /// When it came to rest.
    pub finished_at: Option<Timestamp>,
    /// The retention of its media, by its author's plan at the time of the order.
    pub retention: Retention,
    /// When its media expire, or expired.
    pub media_expires_at: Option<Timestamp>,
    /// Whether the expiry was announced.
    pub is_expiry_told: bool,
    /// The number of messages sent for its small pictures, not counting the first.
    pub preview_tries: u32,
    /// The project that it is filed in, or was filed in until that was deleted.
    pub project: Option<ProjectId>,
    /// The teams that it is shared with, and whether each is told the author.
    pub shares: BTreeMap<TeamId, Attribution>,
    /// The title that its owner gave it.
    pub title: Option<Title>,
    /// The tags that its owner gave it.
    pub tags: Tags,
    /// Whether its owner marked it as a favourite.
    pub favorite: bool,
    /// Incremented by each write, on condition of the previous value.
    pub version: u64,
}

impl Generation {
    /// The status that the API reports. A job that waits in the provider's queue is reported as queued.
    #[must_use]
    pub fn status(&self) -> &'static str {
        match self.place_in_queue() {
            Some(_) => State::Queued.status(),
            None => self.state.status(),
        }
    }

    /// Returns its entry in line, if it waits there.
    #[must_use]
    pub fn waiting(&self) -> Option<Waiting> {
        (self.state == State::Queued && self.in_line).then(|| Waiting {
            id: self.id.clone(),
            tenant: self.tenant.clone(),
            priority: self.priority,
            turn: self.turn,
            correlation_id: self.correlation_id.clone(),
        })
    }

    /// Whether the provider refused it for now, and it may not be sent again yet.
    #[must_use]
    pub fn stands_aside(&self, now: Timestamp) -> bool {
        self.state == State::Queued && !self.in_line && self.due_at.is_some_and(|at| at > now)
    }

    /// Returns the number of jobs ahead of it in the provider's queue; `None` unless it waits there.
    #[must_use]
    pub fn place_in_queue(&self) -> Option<u64> {
        self.queue_position.filter(|_| self.state == State::Running)
    }

    /// Whether the provider's `request_id` can belong to this job: it is the known one, or none is known
    /// yet.
    #[must_use]
    pub fn is_named(&self, request_id: &str) -> bool {
        self.ticket
            .as_ref()
            .is_none_or(|ticket| ticket.request_id == request_id)
    }

    /// Checks that its record may be deleted: nothing more happens to it, and no credits are held for it.
    /// So no hold is left behind without its job.
    ///
    /// # Errors
    /// [`Refusal::Conflict`] if it has not come to rest.
    pub fn check_deletable(&self) -> Result<(), Refusal> {
        match (self.state.is_final(), self.hold) {
            (true, Hold::Captured | Hold::Released) => Ok(()),
            (false, _) | (_, Hold::Open) => Err(Refusal::Conflict(
                "it has not come to rest; cancel it first, and delete it when it has ended"
                    .to_owned(),
            )),
        }
    }

    /// Whether the provider's report of an outcome would still change it.
    #[must_use]
    pub fn awaits_outcome(&self) -> bool {
        match self.state {
            State::Queued | State::Submitting | State::Running | State::Unknown => true,
            State::Failed => self
                .failure
                .as_ref()
                .is_some_and(|failure| failure.code == FailureCode::OutcomeUnknown),
            State::Storing | State::Succeeded | State::Canceled => false,
        }
    }

    /// Returns the parts of its cost.
    #[must_use]
    pub fn parts(&self) -> Parts {
        self.hold.parts(self.cost, self.released)
    }

    /// Returns the day on which it came to rest, if the provider refused its content, wholly or in part.
    /// The operator, and nobody else, pays for such work.
    #[must_use]
    pub fn content_refused_on(&self) -> Option<Day> {
        let is_refusal = |code: FailureCode| match code {
            FailureCode::ContentPolicyViolation | FailureCode::ContentFlagged => true,
            FailureCode::InvalidInput
            | FailureCode::NoMedia
            | FailureCode::MediaUnavailable
            | FailureCode::ProviderError
            | FailureCode::ProviderUnavailable
            | FailureCode::ProviderTimeout
            | FailureCode::Canceled
            | FailureCode::OutcomeUnknown => false,
        };
        let failed = self.failure.iter().map(|failure| failure.code);
        let mut codes = failed.chain(self.withheld.iter().map(|file| file.code));
        let at = self.finished_at.filter(|_| codes.any(is_refusal));
        at.map(Day::from)
    }

    /// Returns the booking that the step from `self` to `next` needs.
    #[must_use]
    pub fn settlement(&self, next: &Self) -> Settlement {
        match (self.hold, next.hold) {
            (Hold::Open, Hold::Captured) => Settlement::Capture {
                released: next.released,
            },
            (Hold::Open, Hold::Released) => Settlement::Release,
            (Hold::Open, Hold::Open) | (Hold::Captured | Hold::Released, _) => Settlement::None,
        }
    }

    /// Estimates how long it will still take from `now`: its model's `usual` time for each job ahead of it
    /// and for itself, less the time that has passed. If it should have ended by now, the time until it is
    /// looked at next. `None` once it has come to rest.
    #[must_use]
    pub fn expected_in(&self, now: Timestamp, usual: Duration) -> Option<Duration> {
        let next_look = self.due_at.map_or(usual, |at| at.since(now));
        match (self.state, self.place_in_queue()) {
            (State::Succeeded | State::Failed | State::Canceled, _) => None,
            (State::Queued | State::Submitting, _) => Some(usual),
            (State::Running, Some(ahead)) => {
                let jobs = u32::try_from(ahead.saturating_add(1)).unwrap_or(u32::MAX);
                Some(usual.saturating_mul(jobs))
            }
            (State::Running, None) => {
                let passed = self.started_at.map_or(Duration::ZERO, |at| now.since(at));
                let left = usual.checked_sub(passed).filter(|left| !left.is_zero());
                Some(left.unwrap_or(next_look))
            }
            // The estimate is as long as the copy has taken so far: a copy takes a moment, unless something
            // delays it.
            (State::Storing, _) => Some(self.made_at.map_or(Duration::ZERO, |at| now.since(at))),
            (State::Unknown, _) => Some(next_look),
        }
    }

    /// Estimates its progress, in percent; 100 only when it is delivered.
    #[must_use]
    pub fn progress_percent(&self, now: Timestamp, expected: Duration) -> u8 {
        match self.state {
            State::Queued
            | State::Submitting
            | State::Unknown
            | State::Failed
            | State::Canceled => 0,
            State::Running if self.place_in_queue().is_some() => 0,
            State::Running => {
                let elapsed_ms = self.started_at.map_or(0, |at| now.since(at).as_millis());
                let percent = elapsed_ms * 100 / expected.as_millis().max(1);
                u8::try_from(percent.min(95)).unwrap_or(95)
            }
            State::Storing => 97,
            State::Succeeded => 100,
        }
    }
}

//! The life of a generation: queued → submitting → running → storing →
//! succeeded | failed | canceled, and unknown.
//!
//! Owns the record and every transition (`steps`), as a pure function from one record to the next: `None`
//! says "not from this state", which is how a second webhook, a late worker or a repeated message becomes a
//! no-op. Refuses to know how a record is stored or a wallet is changed; [`Generation::settlement`] says
//! what a transition owes the ledger.

mod address;
mod cancel;
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
    Addresses, MediaAddress, MediaFile, MediaName, MediaSecret, SignedAddress, addresses_end,
};
pub use cancel::Cancellation;
pub use outcome::{Failure, FailureCode, Media, Outcome, Piece, Ticket};
pub use patience::{Need, Patience};
pub use previews::{NoPreviews, Previewed, Previews, Thumbnail};
pub use retention::{Keeping, Retention};
pub use sharing::{Attribution, Collaboration, Proposal, SHARES_MAX};
pub use source::{CopyProgress, Source, Withheld};
pub use state::{Hold, Intent, Parts, Settlement, State};
pub use stats::{Counted, Stats};

use crate::catalogue::{Kind, Order, Value};
use crate::credits::Credits;
use crate::ids::{
    FileId, GenerationId, KeyId, ProjectId, QuoteId, StyleId, TeamId, Tenant, UserId,
};
use crate::labels::{Tags, Title};
use crate::patch::Patch;
use crate::refusal::Refusal;
use crate::time::{Day, Timestamp};
use crate::turns::{Lane, Priority, Waiting};

/// What the client asked for, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The prompt, if the model takes one.
    pub prompt: Option<String>,
    /// The style that it was asked for in.
    pub style: Option<StyleId>,
    /// What that style made of the prompt when it was asked for: this is what the provider is told.
    pub adapted_prompt: Option<String>,
    /// What must not be in the picture.
    pub negative_prompt: Option<String>,
    /// The model's own parameters, as the client gave them.
    pub parameters: Vec<(String, Value)>,
    /// The uploaded picture to start from.
    pub reference_file: Option<FileId>,
    /// The generation that this one grew out of.
    pub parent: Option<GenerationId>,
    /// How it relates to its parent.
    pub intent: Intent,
    /// What was changed, in the author's words.
    pub change_description: Option<String>,
}

/// A generation asked for, checked against its model.
#[derive(Clone, Debug)]
pub struct Draft {
    /// What is ordered.
    pub order: Order,
    /// The request.
    pub request: Request,
    /// The project to file it in.
    pub project: Option<ProjectId>,
    /// The team that pays, and whose it will be; the caller's own otherwise.
    pub team: Option<TeamId>,
    /// The address that is told when it ends.
    pub webhook_url: Option<String>,
    /// The most that the caller agreed to pay.
    pub max_credits: Option<Credits>,
    /// The quote whose price the caller agreed to.
    pub quote: Option<QuoteId>,
    /// A digest of everything that the client sent.
    pub fingerprint: String,
    /// A digest of what is ordered, whatever price was agreed to: what a quote is for.
    pub order_fingerprint: String,
}

impl Request {
    /// The prompt that the provider is told: the author's own, or what a style made of it.
    #[must_use]
    pub fn told_prompt(&self) -> Option<&str> {
        self.adapted_prompt.as_deref().or(self.prompt.as_deref())
    }
}

/// Which of a tenant's generations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this team, in a project that holds others', too.
    pub team: Option<TeamId>,
    /// Of this model.
    pub model: Option<&'static str>,
    /// Of this kind.
    pub kind: Option<Kind>,
    /// With this status.
    pub status: Option<&'static str>,
    /// Favourites, or the others.
    pub favorite: Option<bool>,
    /// Children of this one.
    pub parent: Option<GenerationId>,
}

impl Filter {
    /// Whether `generation` is one of them, where the store cannot pick.
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

/// A generation as a caller is shown it, with addresses for what it delivered.
#[derive(Clone, Debug)]
pub struct ShownGeneration {
    /// The record, without what the caller may not see.
    pub generation: Generation,
    /// Whether the caller may see what it cost.
    pub shows_costs: bool,
    /// Whether the caller may see who made it.
    pub shows_author: bool,
    /// The addresses of each output, in order; none at all for who may look at it and not fetch them.
    pub addresses: Option<Vec<Addresses<SignedAddress>>>,
    /// When the addresses end.
    pub expires_at: Timestamp,
    /// When they were made.
    pub now: Timestamp,
}

/// A change of what an owner writes on a generation; what is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelChange {
    /// Its title, or none any more.
    pub title: Patch<Title>,
    /// All of its tags.
    pub tags: Option<Tags>,
    /// Whether it is marked.
    pub favorite: Option<bool>,
}

/// One file that was delivered.
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
    /// Small pictures of it.
    pub previews: Previews,
}

/// A generation and the job that makes it: one record.
#[derive(Clone, Debug, PartialEq)]
pub struct Generation {
    /// Its id.
    pub id: GenerationId,
    /// Whose wallet paid, and whose it is.
    pub tenant: Tenant,
    /// Who asked for it.
    pub author: UserId,
    /// The capped API key that pays for it, too: what is given back goes back there.
    pub paid_with: Option<KeyId>,
    /// Whether its author gave an address that is told when it ends, besides endpoints.
    pub has_own_address: bool,
    /// The model's id in the catalogue.
    pub model: String,
    /// The request.
    pub request: Request,
    /// What it costs: set aside, then captured or released, or divided between the two for good.
    pub cost: Credits,
    /// Its place.
    pub state: State,
    /// What became of the credits.
    pub hold: Hold,
    /// The lane that hands it over.
    pub lane: Lane,
    /// Its line there, and at the provider.
    pub priority: Priority,
    /// Its turn in that line.
    pub turn: u64,
    /// While it is queued: whether it is in line. It stands aside after the provider refused it for
    /// now, until it is time to ask again.
    pub in_line: bool,
    /// The id of the API request that asked for it, which goes with every message about it.
    pub correlation_id: String,
    /// How many times a worker began to submit it.
    pub attempts: u32,
    /// SHA-256 (hex) of the secret in this job's webhook URL; empty before the first submit.
    pub webhook_digest: String,
    /// Signs the addresses of its media; none in a record from before there were such addresses.
    pub media_secret: Option<MediaSecret>,
    /// The provider's names for it, once it accepted.
    pub ticket: Option<Ticket>,
    /// The files that the provider made, and how far each one is; empty once the job is at rest.
    pub sources: Vec<Source>,
    /// What was delivered.
    pub outputs: Vec<Output>,
    /// What was made and not delivered, of a generation that was delivered otherwise.
    pub withheld: Vec<Withheld>,
    /// The part of the cost that is given back when the rest is captured: the share of what is withheld.
    pub released: Credits,
    /// The part of what was spent on it that an admin gave back.
    pub refunded: Credits,
    /// Why it was not delivered.
    pub failure: Option<Failure>,
    /// When its owner first asked to cancel it while it was, or might have been, at the provider.
    pub cancel_wished_at: Option<Timestamp>,
    /// When the provider was asked to stop, by that wish or because the deadline had passed.
    pub cancel_requested_at: Option<Timestamp>,
    /// When somebody must look at it again, or at its media; a job at rest whose media stay has none.
    pub due_at: Option<Timestamp>,
    /// When it was accepted here.
    pub created_at: Timestamp,
    /// When the provider accepted it.
    pub started_at: Option<Timestamp>,
    /// When the provider's word came that it was made.
    pub made_at: Option<Timestamp>,
    /// How many jobs are ahead of it in the provider's queue, while the provider says that it waits there.
    pub queue_position: Option<u64>,
    /// When it came to rest.
    pub finished_at: Option<Timestamp>,
    /// How long its media are kept, by its author's plan when they ordered.
    pub retention: Retention,
    /// When its media expire, or did.
    pub media_expires_at: Option<Timestamp>,
    /// Whether that was announced.
    pub is_expiry_told: bool,
    /// How many messages were sent for small pictures after the first.
    pub preview_tries: u32,
    /// The project that it is filed in, or was until that one was deleted.
    pub project: Option<ProjectId>,
    /// The teams that it is shared with, and whether each is told who made it.
    pub shares: BTreeMap<TeamId, Attribution>,
    /// What its owner calls it.
    pub title: Option<Title>,
    /// Its owner's tags.
    pub tags: Tags,
    /// Marked by its owner.
    pub favorite: bool,
    /// Incremented by each write, whose condition is the value before.
    pub version: u64,
}

impl Generation {
    /// The status that its owner sees: a job that waits at the provider is
    /// queued to them, wherever the queue is.
    #[must_use]
    pub fn status(&self) -> &'static str {
        match self.place_in_queue() {
            Some(_) => State::Queued.status(),
            None => self.state.status(),
        }
    }

    /// Its place in line, if it waits there.
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

    /// Whether the provider refused it for now, and it is not yet time to ask again.
    #[must_use]
    pub fn stands_aside(&self, now: Timestamp) -> bool {
        self.state == State::Queued && !self.in_line && self.due_at.is_some_and(|at| at > now)
    }

    /// How many jobs are ahead of it in the provider's queue: nothing unless it waits there.
    #[must_use]
    pub fn place_in_queue(&self) -> Option<u64> {
        self.queue_position.filter(|_| self.state == State::Running)
    }

    /// Whether the provider's `request_id` can be this job's: it is, or none is known yet.
    #[must_use]
    pub fn is_named(&self, request_id: &str) -> bool {
        self.ticket
            .as_ref()
            .is_none_or(|ticket| ticket.request_id == request_id)
    }

    /// Whether its record may be deleted: only once nothing more happens and nothing is set aside for it, so
    /// that no hold is left behind without its job.
    ///
    /// # Errors
    /// [`Refusal::Conflict`] while it still runs.
    pub fn check_deletable(&self) -> Result<(), Refusal> {
        match (self.state.is_final(), self.hold) {
            (true, Hold::Captured | Hold::Released) => Ok(()),
            (false, _) | (_, Hold::Open) => Err(Refusal::Conflict(
                "it has not come to rest; cancel it first, and delete it when it has ended"
                    .to_owned(),
            )),
        }
    }

    /// Whether an outcome from the provider still changes something.
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

    /// What became of its cost.
    #[must_use]
    pub fn parts(&self) -> Parts {
        self.hold.parts(self.cost, self.released)
    }

    /// On which day it came to rest as one whose content the provider refused, wholly or in part: work that
    /// the operator pays for, and nobody else.
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

    /// What the step from `self` to `next` owes the ledger.
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

    /// How long from `now` it is likely to take: its model's `usual` time for each job ahead of it and for
    /// itself, less what has passed of that; if it should have ended by now, how long until it is looked at
    /// next. Nothing once it has come to rest.
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
            // As long again as it has been copied: a copy takes a moment, unless something holds it up.
            (State::Storing, _) => Some(self.made_at.map_or(Duration::ZERO, |at| now.since(at))),
            (State::Unknown, _) => Some(next_look),
        }
    }

    /// A guess at how far it is, in percent; 100 only when it is delivered.
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

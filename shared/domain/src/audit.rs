//! The audit log: who did what, when, and to what. There is one chain for each tenant, and one for the
//! platform.
//!
//! Owns the acts, the form of a record and the fields that its hash covers. A record holds ids and codes
//! only: no name, no address, nothing that would have to be erased with a person. Refuses to know how it is
//! kept: the store puts a record and its chain's new head into the transaction of the act itself, so that
//! neither is ever there without the other. Credits have the ledger, which is a chain of its own; credits
//! that an admin moves are recorded here, too.

use std::fmt;

use crate::chain::{Encoding, Flaw, Link};
use crate::generations::Attribution;
use crate::ids::{GenerationId, TeamId, Tenant, UserId};
use crate::ledger::Actor;
use crate::time::Timestamp;

/// An act that is recorded. Its name is stable, because it is hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AuditAction {
    /// An account was made.
    Registered,
    /// A session began.
    SignedIn,
    /// A session was ended by its owner.
    SignedOut,
    /// All sessions were ended by their owner.
    SignedOutEverywhere,
    /// A password was changed by somebody who knew it.
    PasswordChanged,
    /// A password was reset through its owner's mailbox.
    PasswordReset,
    /// Somebody showed that the e-mail address is theirs.
    EmailVerified,
    /// A personal API key was made.
    KeyCreated,
    /// A new signing secret was made for the webhook addresses of single generations.
    WebhookSecretMade,
    /// A webhook endpoint was made.
    EndpointCreated,
    /// A webhook endpoint was changed, or got a new secret.
    EndpointChanged,
    /// A webhook endpoint was deleted.
    EndpointDeleted,
    /// A personal API key was deleted.
    KeyDeleted,
    /// An admin moved an account to another plan, or its owner bought one.
    PlanChanged,
    /// An admin suspended an account.
    Suspended,
    /// An admin lifted a suspension.
    Reinstated,
    /// An admin gave credits.
    CreditsGranted,
    /// An admin took credits back.
    CreditsAdjusted,
    /// An admin gave back credits that were spent on a generation.
    CreditsRefunded,
    /// An admin cleared the failed attempts that had locked an account.
    Unlocked,
    /// An account was deleted by its owner.
    Erased,
    /// An account that was never verified was removed by the owner of its mailbox.
    Declined,
    /// An admin made a promo code.
    PromoCodeCreated,
    /// An admin changed the terms that a model is offered at.
    ModelChanged,
    /// A team was made.
    TeamCreated,
    /// A team was changed.
    TeamUpdated,
    /// A team was deleted by its owner.
    TeamDeleted,
    /// Somebody was invited into a team.
    MemberInvited,
    /// An invitation was sent again.
    InvitationResent,
    /// An invitation was withdrawn.
    InvitationCanceled,
    /// An invitation was declined.
    InvitationDeclined,
    /// Somebody accepted an invitation.
    MemberJoined,
    /// A member left.
    MemberLeft,
    /// A member was removed.
    MemberRemoved,
    /// A member got another role or credit cap.
    MemberChanged,
    /// A team was handed over to another member.
    OwnershipTransferred,
    /// A member moved credits into a team's wallet.
    CreditsTransferred,
    /// A project was shared with a team, or the team's access to it was changed.
    ProjectShared,
    /// The sharing of a project with a team ended.
    ProjectUnshared,
    /// A generation was shared with a team.
    GenerationShared,
    /// The sharing of a generation with a team ended.
    GenerationUnshared,
}

impl AuditAction {
    /// Every act.
    pub const ALL: [Self; 41] = [
        Self::Registered,
        Self::SignedIn,
        Self::SignedOut,
        Self::SignedOutEverywhere,
        Self::PasswordChanged,
        Self::PasswordReset,
        Self::EmailVerified,
        Self::KeyCreated,
        Self::WebhookSecretMade,
        Self::EndpointCreated,
        Self::EndpointChanged,
        Self::EndpointDeleted,
        Self::KeyDeleted,
        Self::PlanChanged,
        Self::Suspended,
        Self::Reinstated,
        Self::CreditsGranted,
        Self::CreditsAdjusted,
        Self::CreditsRefunded,
        Self::Unlocked,
        Self::Erased,
        Self::Declined,
        Self::PromoCodeCreated,
        Self::ModelChanged,
        Self::TeamCreated,
        Self::TeamUpdated,
        Self::TeamDeleted,
        Self::MemberInvited,
        Self::InvitationResent,
        Self::InvitationCanceled,
        Self::InvitationDeclined,
        Self::MemberJoined,
        Self::MemberLeft,
        Self::MemberRemoved,
        Self::MemberChanged,
        Self::OwnershipTransferred,
        Self::CreditsTransferred,
        Self::ProjectShared,
        Self::ProjectUnshared,
        Self::GenerationShared,
        Self::GenerationUnshared,
    ];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::SignedIn => "signed_in",
            Self::SignedOut => "signed_out",
            Self::SignedOutEverywhere => "signed_out_everywhere",
            Self::PasswordChanged => "password_changed",
            Self::PasswordReset => "password_reset",
            Self::EmailVerified => "email_verified",
            Self::KeyCreated => "key_created",
            Self::WebhookSecretMade => "webhook_secret_made",
            Self::EndpointCreated => "webhook_endpoint_created",
            Self::EndpointChanged => "webhook_endpoint_changed",
            Self::EndpointDeleted => "webhook_endpoint_deleted",
            Self::KeyDeleted => "key_deleted",
            Self::PlanChanged => "plan_changed",
            Self::Suspended => "suspended",
            Self::Reinstated => "reinstated",
            Self::CreditsGranted => "credits_granted",
            Self::CreditsAdjusted => "credits_adjusted",
            Self::CreditsRefunded => "credits_refunded",
            Self::Unlocked => "unlocked",
            Self::Erased => "erased",
            Self::Declined => "declined",
            Self::PromoCodeCreated => "promo_code_created",
            Self::ModelChanged => "model_changed",
            Self::TeamCreated => "team_created",
            Self::TeamUpdated => "team_updated",
            Self::TeamDeleted => "team_deleted",
            Self::MemberInvited => "member_invited",
            Self::InvitationResent => "invitation_resent",
            Self::InvitationCanceled => "invitation_canceled",
            Self::InvitationDeclined => "invitation_declined",
            Self::MemberJoined => "member_joined",
            Self::MemberLeft => "member_left",
            Self::MemberRemoved => "member_removed",
            Self::MemberChanged => "member_changed",
            Self::OwnershipTransferred => "ownership_transferred",
            Self::CreditsTransferred => "credits_transferred",
            Self::ProjectShared => "project_shared",
            Self::ProjectUnshared => "project_unshared",
            Self::GenerationShared => "generation_shared",
            Self::GenerationUnshared => "generation_unshared",
        }
    }

    /// Whether all members of a team may read this act. They may read who joins and leaves, and changes of
    /// the team, but not who was invited and how much somebody may spend.
    #[must_use]
    const fn is_told_to_members(self) -> bool {
        match self {
            Self::TeamCreated
            | Self::TeamUpdated
            | Self::MemberJoined
            | Self::MemberLeft
            | Self::MemberRemoved
            | Self::OwnershipTransferred
            | Self::ProjectShared
            | Self::ProjectUnshared
            | Self::GenerationShared
            | Self::GenerationUnshared => true,
            Self::Registered
            | Self::SignedIn
            | Self::SignedOut
            | Self::SignedOutEverywhere
            | Self::PasswordChanged
            | Self::PasswordReset
            | Self::EmailVerified
            | Self::KeyCreated
            | Self::WebhookSecretMade
            | Self::EndpointCreated
            | Self::EndpointChanged
            | Self::EndpointDeleted
            | Self::KeyDeleted
            | Self::PlanChanged
            | Self::Suspended
            | Self::Reinstated
            | Self::CreditsGranted
            | Self::CreditsAdjusted
            | Self::CreditsRefunded
            | Self::Unlocked
            | Self::Erased
            | Self::Declined
            | Self::PromoCodeCreated
            | Self::ModelChanged
            | Self::TeamDeleted
            | Self::MemberInvited
            | Self::InvitationResent
            | Self::InvitationCanceled
            | Self::InvitationDeclined
            | Self::MemberChanged
            | Self::CreditsTransferred => false,
        }
    }

    /// Returns the act named `text`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|act| act.as_str() == text)
    }
}

/// The owner of a log.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Chain {
    /// A tenant.
    Tenant(Tenant),
    /// The platform: acts that concern no account.
    Platform,
}

impl Chain {
    /// Returns the log of a person's account.
    #[must_use]
    pub fn of(user: &UserId) -> Self {
        Self::Tenant(Tenant::User(user.clone()))
    }

    /// Its name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Tenant(tenant) => tenant.as_str(),
            Self::Platform => "platform",
        }
    }

    /// Reads a chain's name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text == "platform" {
            Some(Self::Platform)
        } else {
            Tenant::parse(text).map(Self::Tenant)
        }
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The end of a subject that was shared without its author's name.
const UNNAMED: &str = " attribution=hidden";

/// An act, before it has a place in its chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEvent {
    /// The log that it goes into.
    pub chain: Chain,
    /// The actor.
    pub actor: Actor,
    /// The act.
    pub act: AuditAction,
    /// The object of the act: an id or a code. For a model or a member, it also says the new state.
    pub subject: String,
}

impl AuditEvent {
    /// Makes the event that `by` shared a generation with a team, or ended that.
    #[must_use]
    pub fn of_share(
        act: AuditAction,
        generation: &GenerationId,
        team: &TeamId,
        attribution: Attribution,
        by: &UserId,
    ) -> Self {
        let subject = match attribution {
            Attribution::Visible => generation.to_string(),
            Attribution::Hidden => format!("{generation}{UNNAMED}"),
        };
        Self {
            chain: Chain::Tenant(Tenant::from(team)),
            actor: Actor::User(by.clone()),
            act,
            subject,
        }
    }

    /// Whether all members of a team may read it. They may not if a generation was shared without its
    /// author's name, since the record names them.
    #[must_use]
    pub fn is_told_to_members(&self) -> bool {
        self.act.is_told_to_members() && !self.subject.ends_with(UNNAMED)
    }

    /// Makes the event of a person's act on their own account.
    #[must_use]
    pub fn own(user: &UserId, act: AuditAction, subject: &str) -> Self {
        Self {
            chain: Chain::of(user),
            actor: Actor::User(user.clone()),
            act,
            subject: subject.to_owned(),
        }
    }
}

/// One record of the log, which is written once and never changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// The act.
    pub deed: AuditEvent,
    /// Its place in the chain, from 1, without gaps.
    pub sequence: u64,
    /// When it was done.
    pub at: Timestamp,
    /// The hash of all this and of the previous record.
    pub hash: Link,
}

impl AuditRecord {
    fn link(&self, previous: Link) -> Link {
        Encoding::after(previous, "audit-1")
            .text(self.deed.chain.as_str())
            .count(self.sequence)
            .number(self.at.ms())
            .text(&self.deed.actor.to_string())
            .text(self.deed.act.as_str())
            .text(&self.deed.subject)
            .link()
    }
}

/// The end of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainHead {
    /// The last record's place; zero for a chain without a record.
    pub sequence: u64,
    /// The last record's hash.
    pub hash: Link,
}

impl ChainHead {
    /// The head of a chain without a record.
    pub const START: Self = Self {
        sequence: 0,
        hash: Link::START,
    };

    /// Makes the record of `deed` that comes next in the chain.
    #[must_use]
    pub fn append(&self, deed: &AuditEvent, now: Timestamp) -> AuditRecord {
        let mut record = AuditRecord {
            deed: deed.clone(),
            sequence: self.sequence + 1,
            at: now,
            hash: Link::START,
        };
        record.hash = record.link(self.hash);
        record
    }

    /// Returns the head of `chain` after `record`, if that comes next.
    ///
    /// # Errors
    /// The first [`Flaw`] found.
    pub fn follow(&self, chain: &Chain, record: &AuditRecord) -> Result<Self, Flaw> {
        if record.sequence != self.sequence.saturating_add(1) {
            return Err(Flaw::OutOfPlace);
        }
        if record.deed.chain != *chain || record.hash != record.link(self.hash) {
            return Err(Flaw::Altered);
        }
        Ok(Self::from(record))
    }
}

impl From<&AuditRecord> for ChainHead {
    fn from(record: &AuditRecord) -> Self {
        Self {
            sequence: record.sequence,
            hash: record.hash,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn user(n: u128) -> UserId {
        UserId::new(Timestamp::from_ms(5), n)
    }

    fn log(length: usize) -> Vec<AuditRecord> {
        let mut head = ChainHead::START;
        let record = |n: usize| {
            let deed = AuditEvent {
                chain: Chain::of(&user(1)),
                actor: Actor::User(user(2)),
                act: AuditAction::ALL[n % AuditAction::ALL.len()],
                subject: format!("key_{n}"),
            };
            let record = head.append(&deed, Timestamp::from_ms(9));
            head = ChainHead::from(&record);
            record
        };
        (0..length).map(record).collect()
    }

    fn followed(records: &[AuditRecord]) -> Result<ChainHead, Flaw> {
        let chain = Chain::of(&user(1));
        let mut records = records.iter();
        records.try_fold(ChainHead::START, |head, record| head.follow(&chain, record))
    }

    fn change(record: &mut AuditRecord, field: usize) {
        match field {
            0 => record.deed.chain = Chain::Platform,
            1 => record.deed.actor = Actor::System,
            2 => {
                let mut others = AuditAction::ALL.into_iter();
                let other = others.find(|act| *act != record.deed.act);
                record.deed.act = other.expect("there are others");
            }
            3 => record.deed.subject.push('x'),
            4 => record.sequence += 1,
            5 => record.at = Timestamp::from_ms(10),
            _ => record.hash = Link::START,
        }
    }

    proptest! {
        #[test]
        fn no_record_can_be_changed_removed_swapped_or_inserted(
            length in 1_usize..30,
            a: prop::sample::Index,
            b: prop::sample::Index,
            field in 0_usize..7,
        ) {
            let records = log(length);
            let whole = followed(&records);
            prop_assert!(whole.is_ok());
            let (a, b) = (a.index(length), b.index(length));
            let mut changed = records.clone();
            change(&mut changed[a], field);
            prop_assert!(followed(&changed).is_err());
            let mut removed = records.clone();
            removed.remove(a);
            prop_assert_ne!(followed(&removed), whole);
            let mut swapped = records.clone();
            swapped.swap(a, b);
            prop_assert_eq!(followed(&swapped).is_ok(), a == b);
            let mut inserted = records.clone();
            inserted.insert(a, records[b].clone());
            prop_assert!(followed(&inserted).is_err());
        }
    }

    #[test]
    fn every_act_has_a_name_of_its_own_and_is_found_by_it() {
        for act in AuditAction::ALL {
            assert_eq!(AuditAction::parse(act.as_str()), Some(act));
        }
        assert_eq!(AuditAction::parse("danced"), None);
    }
}

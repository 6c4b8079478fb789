//! Reconciliation: checking that every wallet is what its ledger says, and that no
//! ledger and no log was tampered with.
//!
//! Owns how a chain is walked and what can be found on the way, when a run is due, and its summary. Refuses
//! to know how anything is read, and to repair anything: what is broken is told to people.

use std::time::Duration;

use crate::audit::{Chain, ChainHead, Record};
use crate::chain::Flaw;
use crate::ledger::{Entry, Wallet};
use crate::time::Timestamp;

/// How many findings a run's summary keeps; all of them are counted and logged.
pub const FINDINGS_KEPT_MAX: usize = 100;
/// How long after the last run began the next one begins by itself: a day, less what a schedule may be late.
const RUN_EVERY: Duration = Duration::from_secs(23 * 3_600 + 1_800);
/// The time after which a run that begins by itself ignores the checkpoints.
const WHOLE_EVERY: Duration = Duration::from_secs(30 * 24 * 3_600);

/// The end of a chain, which says where the next link belongs.
pub trait End: Clone + PartialEq {
    /// What is chained.
    type Link: Clone;

    /// How many links there are up to here.
    fn sequence(&self) -> u64;

    /// The place that a link says it has.
    fn place(link: &Self::Link) -> u64;

    /// The end after `link`, if that is the next one; `before` is the one that led here, if it was read.
    ///
    /// # Errors
    /// The first [`Flaw`] found.
    fn follow(&self, before: Option<&Self::Link>, link: &Self::Link) -> Result<Self, Flaw>;
}

impl End for Wallet {
    type Link = Entry;

    fn sequence(&self) -> u64 {
        self.version
    }

    fn place(link: &Entry) -> u64 {
        link.sequence
    }

    fn follow(&self, before: Option<&Entry>, link: &Entry) -> Result<Self, Flaw> {
        self.replay(before, link)
    }
}

/// An audit log, as far as its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// The owner.
    pub chain: Chain,
    /// Where it ends.
    pub head: ChainHead,
}

impl Log {
    /// A log without a record.
    #[must_use]
    pub const fn empty(chain: Chain) -> Self {
        Self {
            chain,
            head: ChainHead::START,
        }
    }
}

impl End for Log {
    type Link = Record;

    fn sequence(&self) -> u64 {
        self.head.sequence
    }

    fn place(link: &Record) -> u64 {
        link.sequence
    }

    fn follow(&self, _: Option<&Record>, link: &Record) -> Result<Self, Flaw> {
        Ok(Self {
            chain: self.chain.clone(),
            head: self.head.follow(&self.chain, link)?,
        })
    }
}

/// The kind of finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BooksError {
    /// A link is not where it should be: one is missing, or one is there twice.
    OutOfPlace,
    /// A link was changed after it was written.
    Altered,
    /// An entry did something else than its kind and its amount say.
    Amounts,
    /// Something cannot be read: an amount below zero, for example.
    Unreadable,
    /// A link is there that the end of the chain does not know of.
    Unexpected,
    /// The end of the chain, the wallet or the log's head, is gone.
    Missing,
    /// The end of the chain is not what its links lead to.
    Differs,
    /// The chain no longer leads through where it was when it was last found in order: it was written anew.
    Rewritten,
}

impl BooksError {
    /// Every trouble.
    pub const ALL: [Self; 8] = [
        Self::OutOfPlace,
        Self::Altered,
        Self::Amounts,
        Self::Unreadable,
        Self::Unexpected,
        Self::Missing,
        Self::Differs,
        Self::Rewritten,
    ];

    /// Its stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OutOfPlace => "out_of_place",
            Self::Altered => "altered",
            Self::Amounts => "amounts",
            Self::Unreadable => "unreadable",
            Self::Unexpected => "unexpected",
            Self::Missing => "missing",
            Self::Differs => "differs",
            Self::Rewritten => "rewritten",
        }
    }

    /// The trouble named `text`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|trouble| trouble.as_str() == text)
    }
}

impl From<Flaw> for BooksError {
    fn from(flaw: Flaw) -> Self {
        match flaw {
            Flaw::OutOfPlace => Self::OutOfPlace,
            Flaw::Altered => Self::Altered,
            Flaw::Amounts => Self::Amounts,
        }
    }
}

/// A walk along a chain to its end, as that was when the walk began: what is
/// written meanwhile lies beyond it.
#[derive(Clone, Debug)]
pub struct Walk<'a, E: End> {
    at: E,
    before: Option<E::Link>,
    end: &'a E,
    checkpoint: Option<&'a E>,
    beyond: Option<u64>,
}

impl<'a, E: End> Walk<'a, E> {
    /// A walk from `from` to `end`, which must lead through `checkpoint`.
    pub fn new(from: E, end: &'a E, checkpoint: Option<&'a E>) -> Self {
        Self {
            at: from,
            before: None,
            end,
            checkpoint,
            beyond: None,
        }
    }

    /// How many links there are up to where it is.
    pub fn sequence(&self) -> u64 {
        self.at.sequence()
    }

    /// Takes the next link. A link that cannot be read counts as missing.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn step(&mut self, link: Option<&E::Link>) -> Result<(), BooksError> {
        let link = link.ok_or(BooksError::Unreadable)?;
        if self.at.sequence() >= self.end.sequence() {
            let place = E::place(link);
            self.beyond = self.beyond.max(Some(place));
            return if place > self.end.sequence() {
                Ok(())
            } else {
                Err(BooksError::OutOfPlace)
            };
        }
        self.at = self.at.follow(self.before.as_ref(), link)?;
        self.before = Some(link.clone());
        match self.checkpoint {
            Some(known) if known.sequence() == self.at.sequence() && *known != self.at => {
                Err(BooksError::Rewritten)
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Checks that the chain led to its end. Answers the last place beyond that, if links were found there:
    /// if the end has not moved so far by now, they are not the chain's.
    ///
    /// # Errors
    /// The kind of finding.
    pub fn finish(&self) -> Result<Option<u64>, BooksError> {
        let end = self.end.sequence();
        if self.checkpoint.is_some_and(|known| known.sequence() > end) {
            Err(BooksError::Rewritten)
        } else if self.at.sequence() < end {
            Err(BooksError::OutOfPlace)
        } else if self.at != *self.end {
            Err(BooksError::Differs)
        } else {
            Ok(self.beyond)
        }
    }
}

/// Where trouble was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// In a wallet and its ledger.
    Ledger,
    /// In an audit log.
    AuditLog,
}

impl Part {
    /// Its stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ledger => "ledger",
            Self::AuditLog => "audit_log",
        }
    }

    /// The part named `text`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut all = [Self::Ledger, Self::AuditLog].into_iter();
        all.find(|part| part.as_str() == text)
    }
}

/// Trouble, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Whose books: a tenant's id, or `platform`.
    pub chain: String,
    /// In which of them.
    pub part: Part,
    /// The kind of finding.
    pub trouble: BooksError,
    /// After which link: up to there all is in order.
    pub sequence: u64,
}

/// How far a tenant's books were found in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The wallet as it was then; the platform has none.
    pub wallet: Option<Wallet>,
    /// The log as it was then.
    pub log: Log,
}

/// From where a run checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckedFrom {
    /// From the first entry and record of everybody.
    Beginning,
    /// From where everybody was last found in order.
    Checkpoints,
}

impl CheckedFrom {
    /// Its stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Beginning => "beginning",
            Self::Checkpoints => "checkpoints",
        }
    }

    /// What `text` names.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut all = [Self::Beginning, Self::Checkpoints].into_iter();
        all.find(|from| from.as_str() == text)
    }
}

/// What somebody who runs it by hand may ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunRequest {
    /// Begin a run anew, from here.
    pub from: Option<CheckedFrom>,
    /// Stop after about so many wallets; the next invocation goes on.
    pub wallets_max: Option<u64>,
}

/// What many wallets have in them together, as far as they were found in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Credits that can be spent.
    pub available: i64,
    /// Credits that are set aside for jobs in flight.
    pub held: i64,
    /// What is owed.
    pub owed: i64,
    /// All that was ever granted or bought.
    pub granted: i64,
    /// All that was ever captured.
    pub spent: i64,
    /// Jobs whose hold is open.
    pub in_flight: i64,
    /// How many bookings there were.
    pub bookings: i64,
}

impl Totals {
    /// Adds a wallet. Sums that would exceed what there can be stay there.
    pub fn add(&mut self, wallet: &Wallet) {
        let bookings = i64::try_from(wallet.version).unwrap_or(i64::MAX);
        for (sum, more) in [
            (&mut self.available, wallet.available.get()),
            (&mut self.held, wallet.held.get()),
            (&mut self.owed, wallet.owed.get()),
            (&mut self.granted, wallet.lifetime_granted.get()),
            (&mut self.spent, wallet.lifetime_spent.get()),
            (&mut self.in_flight, i64::from(wallet.in_flight)),
            (&mut self.bookings, bookings),
        ] {
            *sum = sum.saturating_add(more);
        }
    }
}

/// A run through everybody's books, which may take several invocations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Incremented by each write, whose condition is the value before.
    pub version: u64,
    /// From where it checks.
    pub scope: CheckedFrom,
    /// The time at which it began.
    pub started_at: Timestamp,
    /// When it was through.
    pub finished_at: Option<Timestamp>,
    /// When the last run from the beginning began.
    pub whole_at: Option<Timestamp>,
    /// Which part of the tenants it is at.
    pub shard: u32,
    /// The last tenant there that it has checked.
    pub after: Option<String>,
    /// How many wallets it has checked.
    pub wallets: u64,
    /// How many entries it has read.
    pub entries: u64,
    /// How many records it has read.
    pub records: u64,
    /// What the wallets have in them together.
    pub totals: Totals,
    /// How many findings there were.
    pub broken: u64,
    /// The first of them.
    pub findings: Vec<Finding>,
}

impl Run {
    /// The run to work on now: the one that somebody asks for, the `last` one if it is not
    /// through, or a new one if that is due.
    #[must_use]
    pub fn due(last: Option<Self>, asked: Option<CheckedFrom>, now: Timestamp) -> Option<Self> {
        let (version, whole_at) = match &last {
            Some(last) => (last.version, last.whole_at),
            None => (0, None),
        };
        let due_whole = whole_at.is_none_or(|at| now.since(at) >= WHOLE_EVERY);
        let scope = match (asked, last) {
            (Some(scope), _) => scope,
            (None, Some(last)) if last.finished_at.is_none() => return Some(last),
            (None, Some(last)) if now.since(last.started_at) < RUN_EVERY => return None,
            (None, _) if due_whole => CheckedFrom::Beginning,
            (None, _) => CheckedFrom::Checkpoints,
        };
        Some(Self {
            version,
            scope,
            started_at: now,
            finished_at: None,
            whole_at: match scope {
                CheckedFrom::Beginning => Some(now),
                CheckedFrom::Checkpoints => whole_at,
            },
            shard: 0,
            after: None,
            wallets: 0,
            entries: 0,
            records: 0,
            totals: Totals::default(),
            broken: 0,
            findings: Vec::new(),
        })
    }

    /// Adds a finding.
    pub fn found(&mut self, finding: Finding) {
        self.broken += 1;
        if self.findings.len() < FINDINGS_KEPT_MAX {
            self.findings.push(finding);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{AuditAction, AuditEvent};
    use crate::ids::UserId;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn log(length: usize, subject: &str) -> (Vec<Record>, Log) {
        let user = UserId::new(Timestamp::from_ms(1), 1);
        let deed = AuditEvent::own(&user, AuditAction::SignedIn, subject);
        let mut log = Log::empty(Chain::of(&user));
        let records = (0..length).map(|_| {
            let record = log.head.append(&deed, Timestamp::from_ms(2));
            log.head = ChainHead::from(&record);
            record
        });
        (records.collect(), log)
    }

    fn walk(records: &[Record], end: &Log, known: Option<&Log>) -> Result<Option<u64>, BooksError> {
        let mut walk = Walk::new(Log::empty(end.chain.clone()), end, known);
        for record in records {
            walk.step(Some(record))?;
        }
        walk.finish()
    }

    #[test]
    fn what_is_wrong_has_a_name() {
        let (records, end) = log(4, "a");
        assert_eq!(walk(&records, &end, None), Ok(None));
        assert_eq!(walk(&records[..3], &end, None), Err(BooksError::OutOfPlace));
        assert_eq!(walk(&records[1..], &end, None), Err(BooksError::OutOfPlace));
        let (_, shorter) = log(3, "a");
        assert_eq!(walk(&records, &shorter, None), Ok(Some(4)));
        let twice = [&records[..], &records[3..]].concat();
        assert_eq!(walk(&twice, &end, None), Err(BooksError::OutOfPlace));
        let (others, other) = log(4, "b");
        assert_eq!(walk(&records, &other, None), Err(BooksError::Differs));
        // Written anew, or cut off: in itself in order, but not what it was.
        let (_, checkpoint) = log(2, "a");
        assert_eq!(
            walk(&others, &other, Some(&checkpoint)),
            Err(BooksError::Rewritten)
        );
        assert_eq!(
            walk(&records[..3], &shorter, Some(&end)),
            Err(BooksError::Rewritten)
        );
        assert_eq!(walk(&records, &end, Some(&checkpoint)), Ok(None));
        let mut unread = Walk::new(Log::empty(end.chain.clone()), &end, None);
        assert_eq!(unread.step(None), Err(BooksError::Unreadable));
    }

    #[test]
    fn a_run_begins_once_a_day_goes_on_until_it_is_through_and_starts_anew_when_asked() {
        let start = Timestamp::from_ms(1_000_000);
        let mut run = Run::due(None, None, start).expect("nothing was ever checked");
        assert_eq!(run.scope, CheckedFrom::Beginning);
        run.shard = 3;
        run.version = 7;
        let later = start.plus(HOUR);
        assert_eq!(Run::due(Some(run.clone()), None, later), Some(run.clone()));
        let asked =
            Run::due(Some(run.clone()), Some(CheckedFrom::Checkpoints), later).expect("asked");
        assert_eq!(
            (asked.shard, asked.started_at, asked.version),
            (0, later, 7)
        );
        run.finished_at = Some(later);
        assert_eq!(Run::due(Some(run.clone()), None, later), None);
        let next = Run::due(Some(run.clone()), None, start.plus(24 * HOUR)).expect("a day later");
        assert_eq!(
            (next.scope, next.whole_at),
            (CheckedFrom::Checkpoints, Some(start))
        );
        let whole = Run::due(Some(run), None, start.plus(31 * 24 * HOUR)).expect("a month later");
        assert_eq!(whole.scope, CheckedFrom::Beginning);
    }

    #[test]
    fn a_summary_counts_everything_and_keeps_the_first_hundred() {
        let mut run = Run::due(None, None, Timestamp::from_ms(1)).expect("due");
        for sequence in 0..150 {
            run.found(Finding {
                chain: "usr_1".to_owned(),
                part: Part::Ledger,
                trouble: BooksError::Altered,
                sequence,
            });
        }
        assert_eq!((run.broken, run.findings.len()), (150, FINDINGS_KEPT_MAX));
    }
}

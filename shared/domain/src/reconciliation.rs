//! Reconciliation: the check that every wallet agrees with its ledger, and that no ledger and no audit log
//! was tampered with.
//!
//! Owns how a chain is walked, the kinds of findings, when a run is due, and its summary. Refuses to know
//! how anything is read. Refuses to repair: a finding is reported to people.

use std::time::Duration;

use crate::audit::{AuditRecord, Chain, ChainHead};
use crate::chain::Flaw;
use crate::ledger::{Entry, Wallet};
use crate::time::Timestamp;

/// The most findings that a run's summary keeps; all of them are counted and logged.
pub const FINDINGS_KEPT_MAX: usize = 100;
/// The time after the beginning of a run when the next one begins by itself: a day, less the possible delay
/// of the schedule.
const RUN_EVERY: Duration = Duration::from_secs(23 * 3_600 + 1_800);
/// The time after which a run that begins by itself ignores the checkpoints.
const WHOLE_EVERY: Duration = Duration::from_secs(30 * 24 * 3_600);

/// The end of a chain, which determines the place of the next link.
pub trait End: Clone + PartialEq {
    /// A link of the chain.
    type Link: Clone;

    /// The number of links up to here.
    fn sequence(&self) -> u64;

    /// The place that a link states.
    fn place(link: &Self::Link) -> u64;

    /// Returns the end after `link`, if that is the next one; `before` is the link that led here, if it was
    /// read.
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

/// The end of an audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditLog {
    /// The owner.
    pub chain: Chain,
    /// The log's head.
    pub head: ChainHead,
}

impl AuditLog {
    /// The end of a log without a record.
    #[must_use]
    pub const fn empty(chain: Chain) -> Self {
        Self {
            chain,
            head: ChainHead::START,
        }
    }
}

impl End for AuditLog {
    type Link = AuditRecord;

    fn sequence(&self) -> u64 {
        self.head.sequence
    }

    fn place(link: &AuditRecord) -> u64 {
        link.sequence
    }

    fn follow(&self, _: Option<&AuditRecord>, link: &AuditRecord) -> Result<Self, Flaw> {
        Ok(Self {
            chain: self.chain.clone(),
            head: self.head.follow(&self.chain, link)?,
        })
    }
}

/// The kind of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BooksError {
    /// A link is in the wrong place: one is missing, or one is there twice.
    OutOfPlace,
    /// A link was changed after it was written.
    Altered,
    /// The deltas of an entry do not follow from its kind and its amount.
    Amounts,
    /// Something cannot be read, such as an amount below zero.
    Unreadable,
    /// There is a link after the end of the chain.
    Unexpected,
    /// The end of the chain (the wallet or the log's head) is missing.
    Missing,
    /// The end of the chain is not the one that its links lead to.
    Differs,
    /// The chain no longer leads through its checkpoint: it was rewritten.
    Rewritten,
}

impl BooksError {
    /// Every kind.
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

    /// Returns the kind named `text`.
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

/// A walk along a chain to the end that it had when the walk began. Links that are written meanwhile lie
/// beyond that end.
#[derive(Clone, Debug)]
pub struct Walk<'a, E: End> {
    at: E,
    before: Option<E::Link>,
    end: &'a E,
    checkpoint: Option<&'a E>,
    beyond: Option<u64>,
}

impl<'a, E: End> Walk<'a, E> {
    /// Begins a walk from `from` to `end`, which must lead through `checkpoint`.
    pub fn new(from: E, end: &'a E, checkpoint: Option<&'a E>) -> Self {
        Self {
            at: from,
            before: None,
            end,
            checkpoint,
            beyond: None,
        }
    }

    /// The number of links up to the present position.
    pub fn sequence(&self) -> u64 {
        self.at.sequence()
    }

    /// Takes the next link; `None` is a link that cannot be read.
    ///
    /// # Errors
    /// The kind of the finding.
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

    /// Checks that the walk reached the end. Returns the last place beyond the end, if links were found
    /// there: if the end has not moved that far by now, those links do not belong to the chain.
    ///
    /// # Errors
    /// The kind of the finding.
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

/// The part of the books that a finding is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Book {
    /// A wallet and its ledger.
    Ledger,
    /// An audit log.
    AuditLog,
}

impl Book {
    /// Its stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ledger => "ledger",
            Self::AuditLog => "audit_log",
        }
    }

    /// Returns the part named `text`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut all = [Self::Ledger, Self::AuditLog].into_iter();
        all.find(|part| part.as_str() == text)
    }
}

/// A finding, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The owner of the books: a tenant's id, or `platform`.
    pub chain: String,
    /// The part of the books.
    pub part: Book,
    /// The kind of the finding.
    pub trouble: BooksError,
    /// The place of the last link before it: up to there everything is in order.
    pub sequence: u64,
}

/// A checkpoint: the state up to which a tenant's books were found in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The wallet at that time; `None` for the platform.
    pub wallet: Option<Wallet>,
    /// The log at that time.
    pub log: AuditLog,
}

/// The start of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckedFrom {
    /// The first entry and record of each tenant.
    Beginning,
    /// Each tenant's checkpoint.
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

    /// Returns the start named `text`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut all = [Self::Beginning, Self::Checkpoints].into_iter();
        all.find(|from| from.as_str() == text)
    }
}

/// A request of somebody who invokes it by hand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunRequest {
    /// Begin a new run, with this start.
    pub from: Option<CheckedFrom>,
    /// Stop after about this many wallets; the next invocation continues.
    pub wallets_max: Option<u64>,
}

/// The sums over many wallets, as far as they were found in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Credits that can be spent.
    pub available: i64,
    /// Credits that are held for jobs in flight.
    pub held: i64,
    /// Owed credits.
    pub owed: i64,
    /// The sum of all credits ever granted or bought.
    pub granted: i64,
    /// The sum of all credits ever captured.
    pub spent: i64,
    /// The number of jobs whose hold is open.
    pub in_flight: i64,
    /// The number of bookings.
    pub bookings: i64,
}

impl Totals {
    /// Adds a wallet. The sums saturate.
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

/// A run through the books of all tenants, which may take several invocations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Incremented by each write, on condition of the previous value.
    pub version: u64,
    /// Its start.
    pub scope: CheckedFrom,
    /// When it began.
    pub started_at: Timestamp,
    /// When it was finished.
    pub finished_at: Option<Timestamp>,
    /// When the last run from the beginning began.
    pub whole_at: Option<Timestamp>,
    /// The shard of tenants that it is at.
    pub shard: u32,
    /// The last tenant of the shard that it has checked.
    pub after: Option<String>,
    /// The number of wallets that it has checked.
    pub wallets: u64,
    /// The number of entries that it has read.
    pub entries: u64,
    /// The number of records that it has read.
    pub records: u64,
    /// The sums over the wallets.
    pub totals: Totals,
    /// The number of findings.
    pub broken: u64,
    /// The first findings.
    pub findings: Vec<Finding>,
}

impl Run {
    /// Returns the run to work on now: a new one if somebody `asked` for it, the `last` one if it is not
    /// finished, or a new one if that is due.
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

    fn log(length: usize, subject: &str) -> (Vec<AuditRecord>, AuditLog) {
        let user = UserId::new(Timestamp::from_ms(1), 1);
        let deed = AuditEvent::own(&user, AuditAction::SignedIn, subject);
        let mut log = AuditLog::empty(Chain::of(&user));
        let records = (0..length).map(|_| {
            let record = log.head.append(&deed, Timestamp::from_ms(2));
            log.head = ChainHead::from(&record);
            record
        });
        (records.collect(), log)
    }

    fn walk(
        records: &[AuditRecord],
        end: &AuditLog,
        known: Option<&AuditLog>,
    ) -> Result<Option<u64>, BooksError> {
        let mut walk = Walk::new(AuditLog::empty(end.chain.clone()), end, known);
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
        // A chain that was rewritten or cut off is in order by itself, but does not lead through the
        // checkpoint.
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
        let mut unread = Walk::new(AuditLog::empty(end.chain.clone()), &end, None);
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
                part: Book::Ledger,
                trouble: BooksError::Altered,
                sequence,
            });
        }
        assert_eq!((run.broken, run.findings.len()), (150, FINDINGS_KEPT_MAX));
    }
}

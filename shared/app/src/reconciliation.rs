//! Reconciliation: checks the books of every tenant and reports what is broken. It repairs nothing.
//!
//! A wallet and a log that have not changed since their checkpoint cost one read each. A run saves its
//! place after each page of tenants and stops when its time is used up; the next invocation goes on there.
//! Two runs at once do no harm: checkpoints only move forward, and the run that was overtaken stops.

use std::time::Duration;

use aws::Fault;
use domain::audit::Chain;
use domain::ids::Tenant;
use domain::ledger::Wallet;
use domain::reconciliation::{
    AuditLog, Book, BooksError, CheckedFrom, Checkpoint, End, Finding, Run, RunRequest, Walk,
};
use futures::future::join_all;
use store::{ChainPage, Position, ReadOutcome, Store, System, WriteOutcome};

use crate::{App, Error, clock, metrics};

/// The time for which one invocation begins new pages: well inside its function's fifteen minutes.
const TIME_MAX: Duration = Duration::from_secs(10 * 60);
/// The number of tenants that are checked between two saves.
const PAGE: u32 = 96;
/// The number of tenants that are checked at a time.
const AT_ONCE: usize = 16;
/// The most readings of a chain with a missing link, which may be missing only in an index.
const LOOKS_MAX: u32 = 10;
/// The waits between these readings begin at their longest.
const PATIENT: u32 = 5;

/// Works on the run that is due. Returns the last run, with its progress.
///
/// # Errors
/// A fault if something could not be read or written; the next invocation goes on where the run was saved.
pub async fn run(app: &App, asked: RunRequest) -> Result<Option<Run>, Error> {
    let store = app.store();
    let last = store.last_run().await?;
    let Some(mut run) = Run::due(last.clone(), asked.from, clock::now()) else {
        return Ok(last);
    };
    let give_up_at = clock::now().plus(TIME_MAX);
    let mut left = asked.wallets_max.unwrap_or(u64::MAX);
    while run.finished_at.is_none() && left > 0 && clock::now() < give_up_at {
        let before = run.wallets;
        check_page(store, &mut run, left).await?;
        if run.finished_at.is_some() {
            store.keep_rollup(System, &run).await?;
            let broken = i64::try_from(run.broken).unwrap_or(i64::MAX);
            metrics::gauge(app, "BooksBroken", broken);
        }
        left = left.saturating_sub(run.wallets - before);
        if store.save_run(System, &mut run).await? == WriteOutcome::Stale {
            tracing::warn!("another run overtook this one");
            return Ok(store.last_run().await?);
        }
    }
    tracing::info!(
        scope = run.scope.as_str(),
        finished = run.finished_at.is_some(),
        wallets = run.wallets,
        entries = run.entries,
        records = run.records,
        broken = run.broken,
        "reconciled"
    );
    Ok(Some(run))
}

/// Returns the last run, with its progress.
///
/// # Errors
/// A fault if it cannot be read.
pub async fn last(app: &App) -> Result<Option<Run>, Error> {
    Ok(app.store().last_run().await?)
}

/// Returns the last finished run, with its sums over all wallets.
///
/// # Errors
/// A fault if it cannot be read.
pub async fn rollup(app: &App) -> Result<Option<Run>, Error> {
    Ok(app.store().rollup().await?)
}

/// Checks the next tenants, or at the very end the platform's log.
async fn check_page(store: &Store, run: &mut Run, wallets_max: u64) -> Result<(), Fault> {
    let limit = u32::try_from(wallets_max).unwrap_or(PAGE).min(PAGE);
    let after = run.after.as_deref();
    let Some(tenants) = store.tenants(System, run.shard, after, limit).await? else {
        let known = store.checkpoint(System, &Chain::Platform).await?;
        let platform = Chain::Platform;
        let checked = check(store, run.scope, platform.as_str(), known.as_ref());
        note(run, checked.await?);
        run.finished_at = Some(clock::now());
        return Ok(());
    };
    let page: Vec<_> = tenants.page.iter().collect();
    for some in page.chunks(AT_ONCE) {
        let checks = some
            .iter()
            .map(|(tenant, known)| check(store, run.scope, tenant, known.as_ref()));
        for checked in join_all(checks).await {
            note(run, checked?);
            run.wallets += 1;
        }
    }
    match tenants.last {
        Some(last) => run.after = Some(last),
        None => {
            run.shard += 1;
            run.after = None;
        }
    }
    Ok(())
}

/// The outcome of a check of one tenant's books.
#[derive(Default)]
struct Checked {
    entries: u64,
    records: u64,
    wallet: Option<Wallet>,
    findings: Vec<Finding>,
}

fn note(run: &mut Run, checked: Checked) {
    run.entries += checked.entries;
    run.records += checked.records;
    if let Some(wallet) = &checked.wallet {
        run.totals.add(wallet);
    }
    for finding in checked.findings {
        tracing::error!(
            chain = finding.chain,
            part = finding.part.as_str(),
            trouble = finding.trouble.as_str(),
            sequence = finding.sequence,
            "the books are broken"
        );
        run.found(finding);
    }
}

/// Checks one chain's books, and moves its checkpoint if all is in order and something is new.
async fn check(
    store: &Store,
    scope: CheckedFrom,
    name: &str,
    known: Option<&Checkpoint>,
) -> Result<Checked, Fault> {
    let mut checked = Checked::default();
    let Some(chain) = Chain::parse(name) else {
        checked.findings.push(Finding {
            chain: name.chars().take(64).collect(),
            part: Book::Ledger,
            trouble: BooksError::Unreadable,
            sequence: 0,
        });
        return Ok(checked);
    };
    let ledger = async {
        match &chain {
            Chain::Tenant(tenant) => check_ledger(store, scope, tenant, known).await.map(Some),
            Chain::Platform => Ok(None),
        }
    };
    let (ledger, log) = tokio::try_join!(ledger, check_log(store, scope, &chain, known))?;
    let finding = |part, (trouble, sequence)| Finding {
        chain: name.to_owned(),
        part,
        trouble,
        sequence,
    };
    let mut wallet = None;
    if let Some(ledger) = ledger {
        checked.entries = ledger.read;
        match ledger.end {
            Ok(end) => {
                checked.wallet = Some(end.clone());
                wallet = Some(end);
            }
            Err(trouble) => checked.findings.push(finding(Book::Ledger, trouble)),
        }
    }
    checked.records = log.read;
    match log.end {
        Ok(log) if checked.findings.is_empty() => {
            let now = Checkpoint { wallet, log };
            if known != Some(&now) {
                store.move_checkpoint(System, &now).await?;
            }
        }
        Ok(_) => {}
        Err(trouble) => checked.findings.push(finding(Book::AuditLog, trouble)),
    }
    Ok(checked)
}

async fn check_ledger(
    store: &Store,
    scope: CheckedFrom,
    tenant: &Tenant,
    known: Option<&Checkpoint>,
) -> Result<Followed<Wallet>, Fault> {
    follow(
        scope,
        Wallet::empty(tenant.clone()),
        known.and_then(|known| known.wallet.as_ref()),
        || store.kept_wallet(System, tenant),
        |sequence, position| store.entries_after(System, tenant, sequence, position),
    )
    .await
}

async fn check_log(
    store: &Store,
    scope: CheckedFrom,
    chain: &Chain,
    known: Option<&Checkpoint>,
) -> Result<Followed<AuditLog>, Fault> {
    let empty = AuditLog::empty(chain.clone());
    let kept = || async {
        let kept = store.kept_log(System, chain).await?;
        // Every account has a record of its making. The platform's log may still be empty.
        if matches!(kept, ReadOutcome::Nothing) && *chain == Chain::Platform {
            return Ok(ReadOutcome::Is(AuditLog::empty(Chain::Platform)));
        }
        Ok(kept)
    };
    follow(
        scope,
        empty,
        known.map(|known| &known.log),
        kept,
        |sequence, position| store.records_after(System, chain, sequence, position),
    )
    .await
}

/// The result of following a chain: the number of links that were read, and its end or the first trouble
/// and its place.
struct Followed<E> {
    read: u64,
    end: Result<E, (BooksError, u64)>,
}

/// Follows a chain to its end, from its `known` point or from its `start`.
async fn follow<E, Ends, Pages>(
    scope: CheckedFrom,
    start: E,
    known: Option<&E>,
    kept: impl Fn() -> Ends,
    links: impl Fn(u64, Option<Position>) -> Pages,
) -> Result<Followed<E>, Fault>
where
    E: End,
    Ends: Future<Output = Result<ReadOutcome<E>, Fault>>,
    Pages: Future<Output = Result<ChainPage<E::Link>, Fault>>,
{
    let from = match (scope, known) {
        (CheckedFrom::Checkpoints, Some(known)) => known.clone(),
        (CheckedFrom::Checkpoints | CheckedFrom::Beginning, _) => start,
    };
    // The end is read once, and before its links: each of them exists, though perhaps not in the index yet.
    let end = match kept().await? {
        ReadOutcome::Is(end) => end,
        ReadOutcome::Nothing => return Ok(broken(BooksError::Missing, from.sequence())),
        ReadOutcome::Unreadable => return Ok(broken(BooksError::Unreadable, from.sequence())),
    };
    if scope == CheckedFrom::Checkpoints && known == Some(&end) {
        return Ok(Followed {
            read: 0,
            end: Ok(end),
        });
    }
    let mut looks = 1;
    loop {
        let mut walk = Walk::new(from.clone(), &end, known);
        let (read, finished) = follow_links(&mut walk, &links).await?;
        let trouble = match finished {
            Ok(None) => return Ok(Followed { read, end: Ok(end) }),
            Ok(Some(beyond)) => match kept().await? {
                ReadOutcome::Is(now) if now.sequence() >= beyond => {
                    return Ok(Followed { read, end: Ok(end) });
                }
                ReadOutcome::Is(_) | ReadOutcome::Nothing | ReadOutcome::Unreadable => {
                    BooksError::Unexpected
                }
            },
            Err(trouble) => trouble,
        };
        if trouble != BooksError::OutOfPlace || looks == LOOKS_MAX {
            return Ok(broken(trouble, walk.sequence()));
        }
        clock::back_off(PATIENT).await?;
        looks += 1;
    }
}

/// Takes links until there are no more or one is wrong. Returns their number, and whether they led to the
/// end.
async fn follow_links<E, Pages>(
    walk: &mut Walk<'_, E>,
    links: &impl Fn(u64, Option<Position>) -> Pages,
) -> Result<(u64, Result<Option<u64>, BooksError>), Fault>
where
    E: End,
    Pages: Future<Output = Result<ChainPage<E::Link>, Fault>>,
{
    let from = walk.sequence();
    let (mut read, mut position) = (0, None);
    loop {
        let found = links(from, position).await?;
        for link in found.page {
            read += 1;
            if let Err(trouble) = walk.step(link.as_ref()) {
                return Ok((read, Err(trouble)));
            }
        }
        position = found.next;
        if position.is_none() {
            return Ok((read, walk.finish()));
        }
    }
}

/// Returns the result for trouble after link number `after`.
fn broken<E>(trouble: BooksError, after: u64) -> Followed<E> {
    Followed {
        read: 0,
        end: Err((trouble, after)),
    }
}

//! The sweep: finds the jobs that are due and has each looked at, and puts the lanes in order. It decides
//! nothing of a job itself, so that it stays quick and a slow provider cannot hold it up.
//!
//! A due job is leased before its message is sent: until the lease ends, no other message is. A lease
//! outlasts all that waits before it, so a due job has one message at most, however long the provider hangs.

use std::time::Duration;

use aws::Fault;
use domain::Timestamp;
use domain::turns::Lane;
use futures::StreamExt as _;
use futures::TryStreamExt as _;
use store::System;

use crate::jobs::lanes;
use crate::{App, Error, clock};

/// The most due jobs that one run takes from each shard of the index; the next run takes more.
const DUE_MAX: u32 = 250;
/// How long a lease lasts at least: longer than the provider's answers to a look may take. A look that died
/// is made again after it; a copy of media takes a lease of its own.
const LEASE_MIN: Duration = Duration::from_secs(60);
/// How long a lease lasts longer for each message that waits before it: a hundred seconds for a copy of
/// media, the slowest that a look can be, shared by the twenty workers that the template allows.
const LEASE_EACH: Duration = Duration::from_secs(5);
/// How long a lease lasts at most: a message that was given up must not keep its job for a day.
const LEASE_MAX: Duration = Duration::from_secs(3_600);
/// The most leases that are written at once.
const LEASES_AT_ONCE: usize = 32;

/// Has every due job looked at, and every lane go on; answers how many jobs were due.
///
/// # Errors
/// A fault if they could not be found or sent; those that were not sent are due again after their lease.
pub async fn sweep(app: &App) -> Result<usize, Error> {
    let now = clock::now();
    let (due, waiting) = tokio::try_join!(
        app.store().due(System, now, DUE_MAX),
        app.queue().looks_waiting()
    )?;
    let lease = |place: usize| {
        let place = u32::try_from(place).unwrap_or(u32::MAX);
        let before = waiting.saturating_add(place);
        let lease = LEASE_MIN.saturating_add(LEASE_EACH.saturating_mul(before));
        now.plus(lease.min(LEASE_MAX))
    };
    let leases = due
        .into_iter()
        .enumerate()
        .map(|(place, (id, due_at))| async move {
            let until: Timestamp = lease(place);
            let is_ours = app.store().lease_due(System, &id, due_at, until).await?;
            Ok::<_, Fault>(is_ours.then_some((id, until)))
        });
    let leased: Vec<_> = futures::stream::iter(leases)
        .buffered(LEASES_AT_ONCE)
        .try_filter_map(|lease| async move { Ok(lease) })
        .try_collect()
        .await?;
    app.queue().look_at_all(&leased).await?;
    for lane in Lane::ALL {
        lanes::heal(app, lane).await?;
    }
    tracing::info!(due = leased.len(), waiting, "swept");
    Ok(leased.len())
}

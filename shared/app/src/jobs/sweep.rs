//! The sweep: finds the jobs that are due, asks for a look at each, and puts the lanes in order. It decides
//! nothing about a job itself, so it stays quick, and a slow provider cannot hold it up.
//!
//! A due job is leased before its message is sent: until the lease ends, no other message is sent. A lease
//! is longer than all the work that waits before it, so a due job has one message at most, however long the
//! provider hangs.

use std::time::Duration;

use aws::Fault;
use domain::Timestamp;
use domain::lanes::Lane;
use futures::StreamExt as _;
use futures::TryStreamExt as _;
use store::System;

use crate::jobs::lanes;
use crate::{App, Error, clock};

/// The most due jobs that one run takes from each shard of the index; the next run takes more.
const DUE_MAX: u32 = 250;
/// The shortest lease: longer than the provider may take to answer a look. After a look that died, the next
/// one is made when the lease ends. A copy of media takes a lease of its own.
const LEASE_MIN: Duration = Duration::from_secs(60);
/// The time that each message waiting before it adds to a lease: a hundred seconds for a copy of media, the
/// slowest kind of look, divided by the twenty workers that the template allows.
const LEASE_EACH: Duration = Duration::from_secs(5);
/// The longest lease: a message that was given up must not keep its job for a day.
const LEASE_MAX: Duration = Duration::from_secs(3_600);
/// The most leases that are written at once.
const LEASES_AT_ONCE: usize = 32;

/// Asks for a look at every due job, and heals every lane. Returns the number of jobs that were due.
///
/// # Errors
/// A fault if they could not be found or sent. Jobs that were not sent are due again after their lease.
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

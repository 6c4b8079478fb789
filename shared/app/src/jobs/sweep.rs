//! The sweep: finds the jobs that are due and has each looked at. It decides nothing itself, so that it stays quick
//! and a slow provider cannot hold it up.

use store::System;

use crate::{App, Error, clock};

/// How many due jobs one run takes from each shard of the index; the next run takes more.
const DUE_MAX: u32 = 250;

/// Has every due job looked at; answers how many.
///
/// # Errors
/// A fault if they could not be found or sent; they stay due.
pub async fn sweep(app: &App) -> Result<usize, Error> {
    let due = app.store().due(System, clock::now(), DUE_MAX).await?;
    app.queue().settle_all(&due).await?;
    tracing::info!(due = due.len(), "swept");
    Ok(due.len())
}

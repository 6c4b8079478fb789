//! Reading the wallet and the ledger.

use domain::callers::Caller;
use domain::ids::Tenant;
use domain::ledger::{Entry, Wallet};
use domain::spending::{OpenHold, Spent};
use domain::time::Day;

use crate::pages::{self, SealedPage};
use crate::{App, Error, clock};

/// Returns the caller's own wallet.
///
/// # Errors
/// A fault if it cannot be read.
pub async fn balance(app: &App, caller: &Caller) -> Result<Wallet, Error> {
    Ok(app
        .store()
        .wallet(&Tenant::User(caller.user.clone()))
        .await?)
}

/// Returns a page of the caller's own ledger, newest first.
///
/// # Errors
/// [`domain::Refusal::InvalidCursor`] if the cursor is not from this list.
pub async fn transactions(
    app: &App,
    caller: &Caller,
    cursor: Option<&str>,
    limit: u32,
) -> Result<SealedPage<Entry>, Error> {
    let tenant = Tenant::User(caller.user.clone());
    let binding = format!("{tenant}/transactions");
    pages::read(cursor, &binding, |after| {
        app.store().entries(&tenant, after, limit)
    })
    .await
}

/// Returns a page of the holds in the caller's own wallet, newest first.
///
/// # Errors
/// [`domain::Refusal::InvalidCursor`] if the cursor is not from this list.
pub async fn holds(
    app: &App,
    caller: &Caller,
    cursor: Option<&str>,
    limit: u32,
) -> Result<SealedPage<OpenHold>, Error> {
    let tenant = Tenant::User(caller.user.clone());
    let binding = format!("{tenant}/holds");
    pages::read(cursor, &binding, |after| {
        app.store().holds(&tenant, after, limit)
    })
    .await
}

/// The spending of some days, of which today is the last.
#[derive(Debug)]
pub struct Spending {
    /// The first day.
    pub first: Day,
    /// Today.
    pub last: Day,
    /// The sums, the earliest day first. Days and models without a capture are not there.
    pub spent: Vec<Spent>,
}

/// Returns the spending from the caller's own wallet in the last `days`, today included.
///
/// # Errors
/// A fault if it cannot be read.
pub async fn spending(app: &App, caller: &Caller, days: u32) -> Result<Spending, Error> {
    let last = Day::from(clock::now());
    let first = Day::from_number(last.number() - i64::from(days.saturating_sub(1)));
    let tenant = Tenant::User(caller.user.clone());
    let spent = app.store().spending(&tenant, first, last).await?;
    Ok(Spending { first, last, spent })
}

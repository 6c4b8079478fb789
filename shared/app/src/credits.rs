//! The wallet and the ledger, to be looked at.

use domain::callers::Caller;
use domain::ids::Tenant;
use domain::ledger::{Entry, Wallet};
use domain::spending::{OpenHold, Spent};
use domain::time::Day;
use store::Cursor;

use crate::{App, Error, clock};

/// The caller's own wallet.
///
/// # Errors
/// A fault if it cannot be read.
pub async fn balance(app: &App, caller: &Caller) -> Result<Wallet, Error> {
    Ok(app
        .store()
        .wallet(&Tenant::User(caller.user.clone()))
        .await?)
}

/// A page of a ledger, newest first.
#[derive(Debug)]
pub struct Entries {
    /// The entries.
    pub entries: Vec<Entry>,
    /// The cursor of the next page, if there is one.
    pub next_cursor: Option<String>,
}

/// A page of the caller's own ledger, newest first.
///
/// # Errors
/// [`domain::Refusal::InvalidCursor`] if the cursor is not from this list.
pub async fn transactions(
    app: &App,
    caller: &Caller,
    cursor: Option<&str>,
    limit: u32,
) -> Result<Entries, Error> {
    let tenant = Tenant::User(caller.user.clone());
    let binding = format!("{tenant}/transactions");
    let after = cursor
        .map(|text| Cursor::open(text, &binding))
        .transpose()?;
    let page = app.store().entries(&tenant, after.as_ref(), limit).await?;
    Ok(Entries {
        entries: page.entries,
        next_cursor: page.next.map(|next| next.seal(&binding)),
    })
}

/// A page of open holds, newest first.
#[derive(Debug)]
pub struct Holds {
    /// The holds.
    pub holds: Vec<OpenHold>,
    /// The cursor of the next page, if there is one.
    pub next_cursor: Option<String>,
}

/// A page of what is set aside in the caller's own wallet, newest first.
///
/// # Errors
/// [`domain::Refusal::InvalidCursor`] if the cursor is not from this list.
pub async fn holds(
    app: &App,
    caller: &Caller,
    cursor: Option<&str>,
    limit: u32,
) -> Result<Holds, Error> {
    let tenant = Tenant::User(caller.user.clone());
    let binding = format!("{tenant}/holds");
    let after = cursor
        .map(|text| Cursor::open(text, &binding))
        .transpose()?;
    let page = app.store().holds(&tenant, after.as_ref(), limit).await?;
    Ok(Holds {
        holds: page.holds,
        next_cursor: page.next.map(|next| next.seal(&binding)),
    })
}

/// What was spent in some days that end today.
#[derive(Debug)]
pub struct Spending {
    /// The first day.
    pub first: Day,
    /// Today.
    pub last: Day,
    /// What was spent, the earliest day first; days and models without a capture are not there.
    pub spent: Vec<Spent>,
}

/// What the caller's own wallet spent in the last `days`, today included.
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

//! The wallet and the ledger, to be looked at.

use domain::accounts::Caller;
use domain::ids::Tenant;
use domain::ledger::{Entry, Wallet};
use store::Cursor;

use crate::{App, Error};

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
    /// What to send for the next page, if there is one.
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

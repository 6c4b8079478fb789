//! Alerts. The thresholds that an owner sets are two attributes of the wallet, which no booking writes. The
//! notes of alerts to be sent have a table of their own: `notes / <the crossing of the threshold>`.

use aws::Fault;
use domain::Credits;
use domain::alerts::{Alert, AlertNote, CapOwner, Watch};
use domain::ids::Tenant;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::broken;

/// The part of a wallet's item that its owner writes.
#[derive(Serialize, Deserialize)]
pub(crate) struct WatchItem {
    #[serde(default)]
    pub(crate) watch_balance_below: Vec<i64>,
    #[serde(default)]
    pub(crate) watch_cap_percent: Vec<u8>,
}

impl TryFrom<WatchItem> for Watch {
    type Error = Fault;

    fn try_from(item: WatchItem) -> Result<Self, Fault> {
        let thresholds = item.watch_balance_below.into_iter().map(Credits::new);
        Ok(Self {
            balance_below: thresholds
                .collect::<Option<_>>()
                .ok_or_else(|| broken("watch_balance_below"))?,
            cap_percent: item.watch_cap_percent,
        })
    }
}

#[skip_serializing_none]
#[derive(Serialize, Deserialize)]
pub(crate) struct AlertNoteItem {
    list: String,
    id: String,
    owner: String,
    /// The threshold: credits of a balance, percent of a cap.
    threshold: i64,
    /// The credits that were available, or the cap.
    credits: i64,
    /// The owner of the cap; absent for a balance.
    whose: Option<String>,
    /// The number of times that the note was taken up.
    #[serde(default)]
    pub(crate) taken: u32,
}

impl AlertNoteItem {
    /// The hash key of every note.
    pub(crate) const KEY: &str = "notes";
}

impl From<&AlertNote> for AlertNoteItem {
    fn from(note: &AlertNote) -> Self {
        let (threshold, credits, whose) = match &note.alert {
            Alert::BalanceBelow {
                threshold,
                available,
            } => (threshold.get(), available.get(), None),
            Alert::CapUsed {
                percent,
                cap,
                whose,
            } => (i64::from(*percent), cap.get(), Some(whose.as_str())),
        };
        Self {
            list: Self::KEY.to_owned(),
            id: note.id.clone(),
            owner: note.tenant.to_string(),
            threshold,
            credits,
            whose: whose.map(str::to_owned),
            taken: 0,
        }
    }
}

impl TryFrom<AlertNoteItem> for AlertNote {
    type Error = Fault;

    fn try_from(item: AlertNoteItem) -> Result<Self, Fault> {
        let credits = |amount| Credits::new(amount).ok_or_else(|| broken("amount"));
        let alert = match &item.whose {
            None => Alert::BalanceBelow {
                threshold: credits(item.threshold)?,
                available: credits(item.credits)?,
            },
            Some(whose) => Alert::CapUsed {
                percent: u8::try_from(item.threshold).map_err(|_| broken("threshold"))?,
                cap: credits(item.credits)?,
                whose: CapOwner::parse(whose).ok_or_else(|| broken("whose"))?,
            },
        };
        Ok(Self {
            tenant: Tenant::parse(&item.owner).ok_or_else(|| broken("owner"))?,
            id: item.id,
            alert,
        })
    }
}

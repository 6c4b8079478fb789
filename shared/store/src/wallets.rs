//! Wallets and their ledger. A wallet is only ever written together with the entries that explain the change, on
//! condition that it still has the version that the booking was worked out from.

use aws::Fault;
use aws_sdk_dynamodb::types::{
    AttributeValue, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
};
use domain::ids::Tenant;
use domain::ledger::{Booked, Entry, Settled, Wallet};

use crate::Store;
use crate::cursor::{Cursor, Place as _, Sequence, cut};
use crate::items::{self, EntryItem, Item, WALLET, WalletItem, number, text};
use crate::overwrite::Overwrite;

/// A page of the ledger, newest first.
#[derive(Debug)]
pub struct EntryPage {
    /// The entries.
    pub entries: Vec<Entry>,
    /// Where the next page starts, if there is one.
    pub next: Option<Cursor<Sequence>>,
}

/// A wallet by its item: every tenant gets one when it comes to be.
pub(crate) fn wallet_in(item: Option<Item>, tenant: &Tenant) -> Result<Wallet, Fault> {
    let none = || Fault::new("reading a wallet", format!("{tenant} has none"));
    items::read::<WalletItem>(item.ok_or_else(none)?)?.try_into()
}

impl Store {
    /// The tenant's wallet as it is now (strongly consistent).
    ///
    /// # Errors
    /// A [`Fault`], also if there is none: every tenant gets one when it comes to be.
    pub async fn wallet(&self, tenant: &Tenant) -> Result<Wallet, Fault> {
        let doing = "reading a wallet";
        let found = self
            .client
            .get_item()
            .table_name(&self.tables.credits)
            .key("tenant", text(tenant.as_str()))
            .key("entry", text(WALLET))
            .consistent_read(true)
            .send()
            .await
            .map_err(Fault::doing(doing))?;
        wallet_in(found.item, tenant)
    }

    /// A page of the tenant's ledger, newest first.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be read.
    pub async fn entries(
        &self,
        tenant: &Tenant,
        after: Option<&Cursor<Sequence>>,
        limit: u32,
    ) -> Result<EntryPage, Fault> {
        let (found, next) = self.by_sequence(tenant.as_str(), after, limit).await?;
        let entries = found
            .into_iter()
            .map(|item| items::read::<EntryItem>(item)?.try_into());
        Ok(EntryPage {
            entries: entries.collect::<Result<_, Fault>>()?,
            next,
        })
    }

    /// A page of what has a sequence under one key of the credits table, the last first.
    pub(crate) async fn by_sequence(
        &self,
        key: &str,
        after: Option<&Cursor<Sequence>>,
        limit: u32,
    ) -> Result<(Vec<Item>, Option<Cursor<Sequence>>), Fault> {
        let doing = "reading a list of the credits table";
        let before = match after {
            Some(cursor) => cursor.place().number(),
            None => i64::MAX.unsigned_abs(),
        };
        let found = self
            .client
            .query()
            .table_name(&self.tables.credits)
            .index_name("by_sequence")
            .key_condition_expression("tenant = :key AND #sequence < :before")
            .expression_attribute_names("#sequence", "sequence")
            .expression_attribute_values(":key", text(key))
            .expression_attribute_values(":before", number(before))
            .scan_index_forward(false)
            .limit(i32::try_from(limit.saturating_add(1)).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(Fault::doing(doing))?;
        let stopped_at = found.last_evaluated_key.as_ref();
        let (found, more) = cut(found.items.unwrap_or_default(), stopped_at, limit);
        let last = found.last().filter(|_| more).map(|item| {
            let sequence = item.get("sequence").and_then(|value| value.as_n().ok());
            sequence
                .and_then(|text| Sequence::read(text))
                .ok_or_else(|| items::broken("sequence"))
        });
        let next = last.transpose()?.map(Cursor::after);
        Ok((found, next))
    }

    /// The two writes of a booking: the wallet, if it has not moved, and the entry, if it was never booked.
    pub(crate) fn booking(&self, booked: &Booked) -> Result<[TransactWriteItem; 2], Fault> {
        let before = booked.wallet.version.saturating_sub(1);
        Ok([
            self.write_wallet(&booked.wallet, before)?,
            self.put_entry(&booked.entry)?,
        ])
    }

    /// The writes of a hold's end: the wallet once, if it has not moved, and each entry, if it was never booked.
    pub(crate) fn end_of_hold(&self, settled: &Settled) -> Result<Vec<TransactWriteItem>, Fault> {
        let booked = u64::try_from(settled.entries.len()).unwrap_or(u64::MAX);
        let before = settled.wallet.version.saturating_sub(booked);
        let mut actions = vec![self.write_wallet(&settled.wallet, before)?];
        for entry in &settled.entries {
            actions.push(self.put_entry(entry)?);
        }
        Ok(actions)
    }

    /// The write of a new tenant's wallet, in which nothing is booked.
    pub(crate) fn put_empty_wallet(&self, tenant: &Tenant) -> Result<TransactWriteItem, Fault> {
        let wallet = WalletItem::from(&Wallet::empty(tenant.clone()));
        let put = Put::builder()
            .table_name(&self.tables.credits)
            .set_item(Some(items::write(&wallet)?))
            .condition_expression("attribute_not_exists(tenant)")
            .build()
            .map_err(Fault::doing("building a wallet"))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// The write of a wallet, on condition that it still has the version `before`.
    fn write_wallet(&self, wallet: &Wallet, before: u64) -> Result<TransactWriteItem, Fault> {
        let write = Overwrite::by(["tenant", "entry"], &WalletItem::from(wallet))?;
        let write = write
            .in_transaction(&self.tables.credits)
            .condition_expression("version = :before")
            .expression_attribute_values(":before", AttributeValue::N(before.to_string()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(Fault::doing("building a wallet's write"))?;
        Ok(TransactWriteItem::builder().update(write).build())
    }

    fn put_entry(&self, entry: &Entry) -> Result<TransactWriteItem, Fault> {
        let put = Put::builder()
            .table_name(&self.tables.credits)
            .set_item(Some(items::write(&EntryItem::from(entry))?))
            .condition_expression("attribute_not_exists(tenant)")
            .build()
            .map_err(Fault::doing("building a ledger entry"))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }
}

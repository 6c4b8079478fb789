//! Wallets and their ledger. A wallet is written only together with the entries that explain the change, on
//! condition that it still has the version that the booking was worked out from.

use aws::Fault;
use aws_sdk_dynamodb::types::builders::{PutBuilder, UpdateBuilder};
use aws_sdk_dynamodb::types::{Put, ReturnValuesOnConditionCheckFailure};
use domain::Timestamp;
use domain::alerts::AlertNote;
use domain::chain::Flaw;
use domain::ids::Tenant;
use domain::ledger::{Booked, Entry, Settled, Wallet};

use crate::Store;
use crate::cursor::{Cursor, Place as _, Sequence, cut};
use crate::items::{self, EntryItem, Item, WALLET, WalletItem, WatchItem, number, text};
use crate::overwrite::Overwrite;
use crate::pages::Page;
use crate::transact::{Part, Refused, WriteTransaction};

/// Reads a wallet from its item. Every tenant gets a wallet when it is created, so a missing one is a
/// fault.
pub(crate) fn wallet_in(item: Option<Item>, tenant: &Tenant) -> Result<Wallet, Fault> {
    let none = || Fault::new("reading a wallet", format!("{tenant} has none"));
    read_wallet(item.ok_or_else(none)?)
}

/// Reads a wallet with its owner's alert thresholds, which have a form of their own, because no booking
/// writes them.
fn read_wallet(item: Item) -> Result<Wallet, Fault> {
    let watch = items::read::<WatchItem>(item.clone())?.try_into()?;
    let wallet: Wallet = items::read::<WalletItem>(item)?.try_into()?;
    Ok(Wallet { watch, ..wallet })
}

/// Returns the present state of a wallet that has changed since it was read; a fault if something else
/// prevented the booking.
pub(crate) fn moved(refused: &mut Refused, doing: &'static str) -> Result<Wallet, Fault> {
    let item = refused.item(Part::Wallet);
    let none = || {
        Fault::new(
            doing,
            "neither the wallet nor what was asked for stood in the way",
        )
    };
    read_wallet(item.ok_or_else(none)?)
}

/// Builds the fault for a booking that its own entries do not explain. Such a booking is never sent.
fn unsound(flaw: Flaw) -> Fault {
    Fault::new("checking a booking", format!("{flaw:?}"))
}

impl Store {
    /// Reads the tenant's wallet (strongly consistent).
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be read, or if there is none: every tenant gets a wallet when it is
    /// created.
    pub async fn wallet(&self, tenant: &Tenant) -> Result<Wallet, Fault> {
        let doing = "reading a wallet";
        let found = self
            .item(
                doing,
                &self.tables.credits,
                [("tenant", tenant.as_str()), ("entry", WALLET)],
            )
            .await?;
        wallet_in(found, tenant)
    }

    /// Reads a page of the tenant's ledger, newest first.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be read.
    pub async fn entries(
        &self,
        tenant: &Tenant,
        after: Option<Cursor<Sequence>>,
        limit: u32,
    ) -> Result<Page<Entry, Sequence>, Fault> {
        let (found, next) = self.by_sequence(tenant.as_str(), after, limit).await?;
        let entries = found.into_iter();
        let entries = entries.map(|item| items::read::<EntryItem>(item)?.try_into());
        let rows = entries.collect::<Result<_, Fault>>()?;
        Ok(Page { rows, next })
    }

    /// Returns the time at which the entry with this sequence number was booked; `None` if there is no such
    /// entry, or if the index does not have it yet.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be read.
    pub async fn booked_at(
        &self,
        tenant: &Tenant,
        sequence: u64,
    ) -> Result<Option<Timestamp>, Fault> {
        let (found, _) = self.some_entries(tenant, sequence, 1).await?;
        let entry = found.first().filter(|entry| entry.sequence == sequence);
        Ok(entry.map(|entry| entry.created_at))
    }

    /// Reads entries from this sequence number on, oldest first: as many as one answer holds, and at most
    /// `limit`. The flag says whether there may be more.
    ///
    /// # Errors
    /// A [`Fault`] if they cannot be read.
    pub async fn some_entries(
        &self,
        tenant: &Tenant,
        from: u64,
        limit: usize,
    ) -> Result<(Vec<Entry>, bool), Fault> {
        let found = self
            .client
            .query()
            .table_name(&self.tables.credits)
            .index_name("by_sequence")
            .key_condition_expression("tenant = :tenant AND #sequence >= :from")
            .expression_attribute_names("#sequence", "sequence")
            .expression_attribute_values(":tenant", text(tenant.as_str()))
            .expression_attribute_values(":from", number(from))
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(Fault::doing("reading a part of a ledger"))?;
        let has_more = found.last_evaluated_key.is_some();
        let entries = found.items.unwrap_or_default().into_iter();
        let entries = entries.map(|item| items::read::<EntryItem>(item)?.try_into());
        Ok((entries.collect::<Result<_, Fault>>()?, has_more))
    }

    /// Reads a page of the items under one key of the credits table that have a sequence number, highest
    /// first.
    pub(crate) async fn by_sequence(
        &self,
        key: &str,
        after: Option<Cursor<Sequence>>,
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

    /// Adds a booking to a transaction: the wallet, on condition that it has not changed, the entry, on
    /// condition that it was never booked, and a note for the owner if the balance falls below one of their
    /// thresholds.
    pub(crate) fn book(&self, tx: &mut WriteTransaction, booked: &Booked) -> Result<(), Fault> {
        booked.check().map_err(unsound)?;
        let before = booked.wallet.version.saturating_sub(1);
        tx.add(Part::Wallet, self.write_wallet(&booked.wallet, before)?);
        tx.add(Part::Entry, self.put_entry(&booked.entry)?);
        let (was, is) = (booked.before(), &booked.wallet);
        let balances = (was.available, is.available);
        let of = (&is.tenant, is.version);
        if let Some(note) = AlertNote::of_balance(&is.watch, of, balances) {
            tx.add(Part::AlertNote, self.note_alert(&note)?);
        }
        Ok(())
    }

    /// Ends a hold: the wallet once, if it has not moved, and each entry, if it was never booked.
    pub(crate) fn end_hold(
        &self,
        tx: &mut WriteTransaction,
        settled: &Settled,
    ) -> Result<(), Fault> {
        settled.check().map_err(unsound)?;
        let booked = u64::try_from(settled.entries.len()).unwrap_or(u64::MAX);
        let before = settled.wallet.version.saturating_sub(booked);
        tx.add(Part::Wallet, self.write_wallet(&settled.wallet, before)?);
        for entry in &settled.entries {
            tx.add(Part::Entry, self.put_entry(entry)?);
        }
        Ok(())
    }

    /// Builds the write of a new tenant's empty wallet.
    pub(crate) fn put_empty_wallet(&self, tenant: &Tenant) -> Result<PutBuilder, Fault> {
        let wallet = WalletItem::from(&Wallet::empty(tenant.clone()));
        Ok(Put::builder()
            .table_name(&self.tables.credits)
            .set_item(Some(items::write(&wallet)?))
            .condition_expression("attribute_not_exists(tenant)"))
    }

    /// Builds the write of a wallet, on condition that it still has the version `before`.
    fn write_wallet(&self, wallet: &Wallet, before: u64) -> Result<UpdateBuilder, Fault> {
        let write = Overwrite::by(["tenant", "entry"], &WalletItem::from(wallet))?;
        Ok(write
            .in_transaction(&self.tables.credits)
            .condition_expression("version = :before")
            .expression_attribute_values(":before", number(before))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld))
    }

    fn put_entry(&self, entry: &Entry) -> Result<PutBuilder, Fault> {
        Ok(Put::builder()
            .table_name(&self.tables.credits)
            .set_item(Some(items::write(&EntryItem::from(entry))?))
            .condition_expression("attribute_not_exists(tenant)"))
    }
}

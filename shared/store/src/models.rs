//! The terms that models are offered at: one item, which is read with every order. It is written only in
//! the transaction that records who changed it.

use aws::Fault;
use domain::audit::AuditRecord;
use domain::catalogue::Offers;

use crate::items::{self, Item, OFFERS, OffersItem, number};
use crate::overwrite::Overwrite;
use crate::transact::{Part, WriteTransaction};
use crate::{Recorded, Store};

impl Store {
    /// Reads the terms that admins set for models (strongly consistent).
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be read.
    pub async fn offers(&self) -> Result<Offers, Fault> {
        let found = self
            .item(
                "reading what models are offered at",
                &self.tables.models,
                [("id", OFFERS)],
            )
            .await?;
        offers_in(found)
    }

    /// Writes new terms and records the act; returns `false` if the terms were changed since the previous
    /// version.
    ///
    /// # Errors
    /// A [`Fault`] if it was not written.
    pub async fn put_offers(
        &self,
        offers: &Offers,
        record: AuditRecord,
    ) -> Result<Recorded<bool>, Fault> {
        let before = offers.version.saturating_sub(1);
        let write = Overwrite::by(["id"], &OffersItem::from(offers))?;
        let write = write.in_transaction(&self.tables.models);
        let write = if before == 0 {
            write.condition_expression("attribute_not_exists(id)")
        } else {
            write
                .condition_expression("version = :before")
                .expression_attribute_values(":before", number(before))
        };
        let mut tx = WriteTransaction::new("changing what models are offered at");
        tx.add(Part::Offers, write);
        let sent = self.commit_recorded(tx, &record).await?;
        Ok(sent.map(|written| written.is_ok()))
    }
}

/// Returns the terms by their item. They are empty until an admin first sets some.
pub(crate) fn offers_in(item: Option<Item>) -> Result<Offers, Fault> {
    match item {
        Some(item) => items::read::<OffersItem>(item)?.try_into(),
        None => Ok(Offers::default()),
    }
}

//! What models are offered at: one item, read with every order, and written only in the transaction of the
//! record that tells who changed it.

use aws::Fault;
use domain::audit::Record;
use domain::catalogue::Offers;

use crate::items::{self, Item, OFFERS, OffersItem, number};
use crate::overwrite::Overwrite;
use crate::transact::{Part, Transaction};
use crate::{Recorded, Store};

impl Store {
    /// What admins set of the models (strongly consistent).
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

    /// Keeps what was set, with the record of it; `false` if something else was set since the version before.
    ///
    /// # Errors
    /// A [`Fault`] if it was not written.
    pub async fn put_offers(
        &self,
        offers: &Offers,
        record: Record,
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
        let mut tx = Transaction::new("changing what models are offered at");
        tx.add(Part::Offers, write);
        let sent = self.commit_recorded(tx, &record).await?;
        Ok(sent.map(|written| written.is_ok()))
    }
}

/// What was set, by its item; nothing before an admin first set anything.
pub(crate) fn offers_in(item: Option<Item>) -> Result<Offers, Fault> {
    match item {
        Some(item) => items::read::<OffersItem>(item)?.try_into(),
        None => Ok(Offers::default()),
    }
}

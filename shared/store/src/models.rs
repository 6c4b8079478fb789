//! What models are offered at: one item, read with every order, and written only in the transaction of the record that
//! tells who changed it.

use aws::Fault;
use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::audit::Record;
use domain::catalogue::Offers;

use crate::items::{self, Item, OFFERS, OffersItem, number, text};
use crate::overwrite::Overwrite;
use crate::{Recorded, Store};

impl Store {
    /// What admins set of the models (strongly consistent).
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be read.
    pub async fn offers(&self) -> Result<Offers, Fault> {
        let found = self
            .client
            .get_item()
            .table_name(&self.tables.models)
            .key("id", text(OFFERS))
            .consistent_read(true)
            .send()
            .await
            .map_err(Fault::doing("reading what models are offered at"))?;
        offers_in(found.item)
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
        let doing = "changing what models are offered at";
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
        let write = write.build().map_err(Fault::doing(doing))?;
        let write = TransactWriteItem::builder().update(write).build();
        let sent = self.transact_recorded(doing, vec![write], &record).await?;
        Ok(sent.map(|refused| refused.is_none()))
    }
}

/// What was set, by its item; nothing before an admin first set anything.
pub(crate) fn offers_in(item: Option<Item>) -> Result<Offers, Fault> {
    match item {
        Some(item) => items::read::<OffersItem>(item)?.try_into(),
        None => Ok(Offers::default()),
    }
}

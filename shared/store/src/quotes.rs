//! Quotes. A quote is written once, is read when an order refers to it, and is expired by the database some
//! time after its end.

use aws::Fault;
use domain::ids::QuoteId;
use domain::quotes::Quote;

use crate::Store;
use crate::items::{self, QuoteItem};

impl Store {
    /// Records a new quote.
    ///
    /// # Errors
    /// A [`Fault`] if it was not written.
    pub async fn put_quote(&self, quote: &Quote) -> Result<(), Fault> {
        self.client
            .put_item()
            .table_name(&self.tables.generations)
            .set_item(Some(items::write(&QuoteItem::from(quote))?))
            .condition_expression("attribute_not_exists(id)")
            .send()
            .await
            .map_err(Fault::doing("recording a quote"))?;
        Ok(())
    }

    /// Reads a quote, if it is still kept. [`Quote::holds`] decides whether it is the caller's.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be read.
    pub async fn quote(&self, id: &QuoteId) -> Result<Option<Quote>, Fault> {
        let found = self
            .item(
                "reading a quote",
                &self.tables.generations,
                [("id", id.as_str())],
            )
            .await?;
        found
            .map(|item| items::read::<QuoteItem>(item)?.try_into())
            .transpose()
    }
}

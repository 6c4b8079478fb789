//! Promo codes: making, listing and finding them. Redeeming one is a posting.

use aws::Fault;
use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use aws_sdk_dynamodb::types::{Put, Update};
use domain::Timestamp;
use domain::audit::AuditRecord;
use domain::promos::{Promo, PromoCode};

use crate::cursor::{Cursor, Sequence};
use crate::items::{self, PROMOS, PromoItem, number, text};
use crate::pages::Page;
use crate::transact::{Part, WriteTransaction};
use crate::{Recorded, Store};

/// The number of random bits that tell codes of the same millisecond apart.
const TIE_BITS: u32 = 20;

impl Store {
    /// Stores a new code and records it; returns `false` if the code exists. `random` breaks the tie with
    /// other codes of the same millisecond.
    ///
    /// # Errors
    /// A [`Fault`] if it was not written.
    pub async fn put_promo(
        &self,
        promo: &Promo,
        random: u64,
        record: AuditRecord,
    ) -> Result<Recorded<bool>, Fault> {
        let ms = u64::try_from(promo.created_at.ms()).unwrap_or(0);
        let sequence = (ms << TIE_BITS) | (random & ((1 << TIE_BITS) - 1));
        let put = Put::builder()
            .table_name(&self.tables.credits)
            .set_item(Some(items::write(&PromoItem::new(promo, sequence))?))
            .condition_expression("attribute_not_exists(tenant)");
        let mut tx = WriteTransaction::new("keeping a promo code");
        tx.add(Part::Promo, put);
        let sent = self.commit_recorded(tx, &record).await?;
        Ok(sent.map(|written| written.is_ok()))
    }

    /// Reads a page of all codes, newest first.
    ///
    /// # Errors
    /// A [`Fault`] if they cannot be read.
    pub async fn promos(
        &self,
        after: Option<Cursor<Sequence>>,
        limit: u32,
    ) -> Result<Page<Promo, Sequence>, Fault> {
        let (found, next) = self.by_sequence(PROMOS, after, limit).await?;
        let promos = found.into_iter();
        let promos = promos.map(|item| items::read::<PromoItem>(item)?.try_into());
        let rows = promos.collect::<Result<_, Fault>>()?;
        Ok(Page { rows, next })
    }

    /// Reads a code, if it exists.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be read.
    pub async fn promo(&self, code: &PromoCode) -> Result<Option<Promo>, Fault> {
        let found = self
            .item(
                "reading a promo code",
                &self.tables.credits,
                [("tenant", PROMOS), ("entry", code.as_str())],
            )
            .await?;
        found
            .map(|item| items::read::<PromoItem>(item)?.try_into())
            .transpose()
    }

    /// Builds the update that counts one more redemption, on condition that the code is open and is worth
    /// the credits that are being booked.
    pub(crate) fn count_redemption(&self, promo: &Promo, now: Timestamp) -> UpdateBuilder {
        Update::builder()
            .table_name(&self.tables.credits)
            .key("tenant", text(PROMOS))
            .key("entry", text(promo.code.as_str()))
            .update_expression("SET redeemed = redeemed + :one")
            .condition_expression(
                "redeemed < max_redemptions AND credits = :credits AND (attribute_not_exists(expires_at_ms) OR expires_at_ms > :now)",
            )
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":credits", number(promo.credits.get()))
            .expression_attribute_values(":now", number(now.ms()))
    }
}

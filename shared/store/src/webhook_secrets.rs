//! The addresses of single generations, and the seeds of the secrets that sign events sent to them. Each
//! user has one secret.

use aws::Fault;
use aws_sdk_dynamodb::types::Put;
use aws_sdk_dynamodb::types::builders::PutBuilder;
use domain::audit::AuditRecord;
use domain::generations::Generation;
use domain::ids::{UserId, WebhookEndpointId};
use domain::webhook_endpoints::SecretSeeds;

use crate::generations::WriteOutcome;
use crate::items::{self, OwnAddressItem, WebhookSecretItem, text};
use crate::reads::keys;
use crate::transact::{Part, WriteTransaction};
use crate::webhook_endpoints::webhook_key;
use crate::{Recorded, Store, System};

impl Store {
    /// Reads the seeds of a user's own secret, if they made one.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be read.
    pub async fn webhook_secret_seeds(&self, user: &UserId) -> Result<Option<SecretSeeds>, Fault> {
        let key = [("owner", user.as_str()), ("item", WebhookSecretItem::SORT)];
        let table = &self.tables.webhooks;
        let found = self.item("reading a webhook secret", table, key).await?;
        let read = |item| Ok(SecretSeeds::from(items::read::<WebhookSecretItem>(item)?));
        found.map(read).transpose()
    }

    /// Reads the address that a generation's author wants its end reported to, and the seeds of the
    /// author's secret; `None` if either is gone.
    ///
    /// # Errors
    /// A [`Fault`] if they cannot be read.
    pub async fn own_address(
        &self,
        _: System,
        author: &UserId,
        endpoint: &WebhookEndpointId,
    ) -> Result<Option<(String, SecretSeeds)>, Fault> {
        let sorts = [endpoint.as_str(), WebhookSecretItem::SORT];
        let wanted = keys(sorts.map(|sort| webhook_key(author.as_str(), sort)));
        let wanted = [(self.tables.webhooks.as_str(), wanted)];
        let found = self.batch("reading an own address", wanted).await?;
        let (mut address, mut seeds) = (None, None);
        for item in found.into_values().flatten() {
            match item.contains_key("address") {
                true => address = Some(items::read::<OwnAddressItem>(item)?.address),
                false => seeds = Some(items::read::<WebhookSecretItem>(item)?.into()),
            }
        }
        Ok(address.zip(seeds))
    }

    pub(crate) fn put_own_address(
        &self,
        job: &Generation,
        address: &str,
    ) -> Result<PutBuilder, Fault> {
        let item = OwnAddressItem::new(job, address.to_owned());
        Ok(Put::builder()
            .table_name(&self.tables.webhooks)
            .set_item(Some(items::write(&item)?)))
    }

    /// Writes the seeds of a user's own secret, if the stored ones are still those of `before`. The result
    /// is `None` if the user's account is gone or suspended.
    ///
    /// # Errors
    /// A [`Fault`] if it is not known to be written.
    pub async fn put_webhook_secret_seeds(
        &self,
        user: &UserId,
        before: Option<&SecretSeeds>,
        next: &SecretSeeds,
        record: AuditRecord,
    ) -> Result<Recorded<Option<WriteOutcome>>, Fault> {
        let put = Put::builder()
            .table_name(&self.tables.webhooks)
            .set_item(Some(items::write(&WebhookSecretItem::new(user, next))?));
        let put = match before {
            None => put
                .condition_expression("attribute_not_exists(#owner)")
                .expression_attribute_names("#owner", "owner"),
            Some(before) => put
                .condition_expression("seed = :before")
                .expression_attribute_values(":before", text(&before.newest)),
        };
        let mut tx = WriteTransaction::new("making a webhook secret");
        tx.add(Part::WebhookSecret, put);
        tx.add(Part::Account, self.check_good_standing(user, None));
        let sent = self.commit_recorded(tx, &record).await?;
        Ok(sent.map(|written| match written {
            Ok(()) => Some(WriteOutcome::Done),
            Err(refused) if refused.has(Part::Account) => None,
            Err(_) => Some(WriteOutcome::Stale),
        }))
    }
}

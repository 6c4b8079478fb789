//! What users' own webhook secrets follow from, which sign what addresses of single generations are told.

use aws::Fault;
use aws_sdk_dynamodb::types::Put;
use domain::audit::Record;
use domain::ids::UserId;
use domain::webhook_endpoints::SecretSeeds;

use crate::generations::Written;
use crate::items::{self, WebhookSecretItem, text};
use crate::transact::{Part, Transaction};
use crate::{Recorded, Store};

impl Store {
    /// What a user's own secret follows from, if they made one.
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

    /// Writes what a user's own secret follows from, if it still does from `before`; nothing if they have no
    /// account any more.
    ///
    /// # Errors
    /// A [`Fault`] if it is not known to be written.
    pub async fn put_webhook_secret_seeds(
        &self,
        user: &UserId,
        before: Option<&SecretSeeds>,
        next: &SecretSeeds,
        record: Record,
    ) -> Result<Recorded<Option<Written>>, Fault> {
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
        let mut tx = Transaction::new("making a webhook secret");
        tx.add(Part::WebhookSecret, put);
        tx.add(Part::Account, self.check_good_standing(user, None));
        let sent = self.commit_recorded(tx, &record).await?;
        Ok(sent.map(|written| match written {
            Ok(()) => Some(Written::Done),
            Err(refused) if refused.has(Part::Account) => None,
            Err(_) => Some(Written::Stale),
        }))
    }
}

//! Tokens that were mailed. Each works once, for one purpose, for a limited time.

use aws::Fault;
use aws_sdk_dynamodb::types::builders::DeleteBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, Delete, Update};
use domain::Timestamp;
use domain::accounts::{MailedToken, TokenPurpose, User};
use domain::audit::AuditRecord;
use domain::bonuses::BonusNote;

use crate::items::{self, MailedTokenItem, UserItem, number, text, token_key};
use crate::transact::{Part, WriteTransaction};
use crate::{Recorded, Store};

impl Store {
    /// Records a token, before it is mailed.
    ///
    /// # Errors
    /// A [`Fault`] if it was not written.
    pub async fn put_mailed_token(&self, token: &MailedToken) -> Result<(), Fault> {
        self.client
            .put_item()
            .table_name(&self.tables.accounts)
            .set_item(Some(items::write(&MailedTokenItem::from(token))?))
            .condition_expression("attribute_not_exists(pk)")
            .send()
            .await
            .map_err(Fault::doing("recording a token to mail"))?;
        Ok(())
    }

    /// Reads the token with this digest and purpose, if it is valid `now`.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be read.
    pub async fn mailed_token(
        &self,
        purpose: TokenPurpose,
        digest: &str,
        now: Timestamp,
    ) -> Result<Option<MailedToken>, Fault> {
        let doing = "reading a mailed token";
        let item = self
            .account_item(&token_key(digest), purpose.as_str(), doing)
            .await?;
        let Some(item) = item else { return Ok(None) };
        let token = items::read::<MailedTokenItem>(item)?.read(purpose, digest)?;
        Ok(Some(token).filter(|token| now < token.expires_at))
    }

    /// Builds the write that uses a token up, on condition that it was not used before and has not expired.
    pub(crate) fn use_up(&self, token: &MailedToken, now: Timestamp) -> DeleteBuilder {
        Delete::builder()
            .table_name(&self.tables.accounts)
            .key("pk", text(token_key(&token.digest)))
            .key("sk", text(token.purpose.as_str()))
            .condition_expression("expires_at_ms > :now")
            .expression_attribute_values(":now", number(now.ms()))
    }

    /// Marks a user's e-mail address as verified, all or nothing: it uses up the token, notes the bonus
    /// that becomes due, and records the act. Returns `false` if the token was used before, or if the era
    /// that `user` was read with is over.
    ///
    /// # Errors
    /// A [`Fault`] if it could not be written.
    pub async fn verify_email(
        &self,
        user: &User,
        token: &MailedToken,
        bonus: Option<&BonusNote>,
        record: AuditRecord,
    ) -> Result<Recorded<bool>, Fault> {
        let verified = Update::builder()
            .table_name(&self.tables.accounts)
            .key("pk", text(user.id.as_str()))
            .key("sk", text(UserItem::SORT))
            .update_expression("SET email_verified = :yes, updated_at_ms = :now")
            .condition_expression("era = :era")
            .expression_attribute_values(":yes", AttributeValue::Bool(true))
            .expression_attribute_values(":era", number(user.era))
            .expression_attribute_values(":now", number(record.at.ms()));
        let mut tx = WriteTransaction::new("verifying an e-mail");
        tx.add(Part::MailedToken, self.use_up(token, record.at));
        tx.add(Part::Account, verified);
        if let Some(bonus) = bonus {
            tx.add(Part::BonusNote, self.note_bonus(bonus)?);
        }
        let sent = self.commit_recorded(tx, &record).await?;
        Ok(sent.map(|written| written.is_ok()))
    }
}

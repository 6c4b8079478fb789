//! Settling a job: ending its hold in one transaction with everything that follows from it.

use aws::Fault;
use domain::Credits;
use domain::generations::Generation;
use domain::ledger::{EntryKind, Settled};
use domain::webhook_deliveries::WebhookDelivery;

use super::{WriteOutcome, key_return};
use crate::Store;
use crate::api_keys::KeyReturn;
use crate::transact::{Commit, Part, WriteTransaction};

impl Store {
    /// Moves a job on and settles it, all or nothing: its record, the wallet, one or two ledger entries,
    /// the day's spending, the credits given back to the member's allowance and to the API key, the count
    /// of content refusals, and the webhooks. Repeating it writes nothing more, because the record has
    /// moved on and the entries exist.
    ///
    /// # Errors
    /// A [`Fault`] if it could not be written.
    pub async fn settle(
        &self,
        next: &Generation,
        settled: &Settled,
        told: &[WebhookDelivery],
    ) -> Result<WriteOutcome, Fault> {
        let given_back = key_return(next, settled.amount(EntryKind::Release));
        let given_back = given_back.filter(|back| back.amount > Credits::ZERO);
        let tx = self.settlement(next, settled, given_back.as_ref(), told)?;
        match self.commit(tx).await? {
            Commit::Done => return Ok(WriteOutcome::Done),
            Commit::Refused(refused) if refused.has(Part::ApiKey) => {}
            Commit::Busy | Commit::Refused(_) => return Ok(WriteOutcome::Stale),
        }
        // The key's record is gone, and with it the credits that it might have spent; or a new period of
        // its cap has begun.
        let without_key = Generation {
            paid_with: None,
            ..next.clone()
        };
        let tx = self.settlement(&without_key, settled, None, told)?;
        match self.commit(tx).await? {
            Commit::Done => Ok(WriteOutcome::Done),
            Commit::Busy | Commit::Refused(_) => Ok(WriteOutcome::Stale),
        }
    }

    fn settlement(
        &self,
        next: &Generation,
        settled: &Settled,
        given_back: Option<&KeyReturn>,
        told: &[WebhookDelivery],
    ) -> Result<WriteTransaction, Fault> {
        let mut tx = WriteTransaction::new("settling a job");
        tx.add(Part::Generation, self.replace_generation(next)?);
        self.end_hold(&mut tx, settled)?;
        let mut entries = settled.entries.iter();
        if let Some(capture) = entries.find(|entry| entry.kind == EntryKind::Capture) {
            tx.add(Part::Spending, self.count_spent(capture, &next.model));
        }
        let released = settled.amount(EntryKind::Release);
        if released > Credits::ZERO
            && let Some(allowance) = self.give_back_allowance(next, released)
        {
            tx.add(Part::Allowance, allowance);
        }
        if let Some(day) = next.content_refused_on() {
            let count = self.count_content_refusal(&next.author, day);
            tx.add(Part::ContentRefusals, count);
        }
        if let Some(back) = given_back {
            tx.add(Part::ApiKey, self.give_back_to_key(back));
        }
        self.tell(&mut tx, told)?;
        Ok(tx)
    }
}

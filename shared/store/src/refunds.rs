//! Refunds. The credits that were spent on a generation go back to the wallet that paid, to the member's
//! allowance of that month and to the API key that the job was opened with, and are taken off the day's
//! spending. All of it is one transaction with the job's record.

use aws::Fault;
use domain::audit::AuditRecord;
use domain::generations::Generation;
use domain::ids::Tenant;
use domain::ledger::Booked;
use domain::time::Day;
use domain::webhook_deliveries::WebhookDelivery;

use crate::generations::key_return;
use crate::items::{self, OnceItem};
use crate::once::{Once, UsedKey};
use crate::transact::{Part, Refused, WriteTransaction};
use crate::{Recorded, Store};

/// A refund, and the items that are written with it.
#[derive(Debug)]
pub struct GenerationRefund<'a> {
    /// The generation, already marked as refunded.
    pub job: &'a Generation,
    /// The booking, worked out from the wallet as it was read.
    pub booked: &'a Booked,
    /// The day on which the credits were spent.
    pub spent_on: Day,
    /// The client's key, if it gave one.
    pub once: Option<&'a Once>,
    /// The webhook deliveries that announce it.
    pub told: &'a [WebhookDelivery],
}

/// The outcome of a refund.
#[derive(Debug)]
pub enum RefundWritten {
    /// The credits were given back.
    Done,
    /// The client's key was used before, for this.
    KeyUsed(UsedKey),
    /// The owner's account is gone, or their team is deleted.
    OwnerGone,
    /// The generation or its wallet has changed since it was read. Read again, and decide again.
    Stale,
}

/// The places that get credits back in addition to the wallet. Either may be gone, or count in another
/// period by now; then it is left out.
#[derive(Clone, Copy)]
struct AlsoGiven {
    allowance: bool,
    key: bool,
}

impl Store {
    /// Gives back the credits that were spent on a generation, if its owner still exists.
    ///
    /// # Errors
    /// A [`Fault`] if it is not known to be written.
    pub async fn refund(
        &self,
        refund: &GenerationRefund<'_>,
        record: AuditRecord,
    ) -> Result<Recorded<RefundWritten>, Fault> {
        let mut also = AlsoGiven {
            allowance: true,
            key: true,
        };
        loop {
            let tx = self.refunding(refund, also, &record)?;
            let mut refused = match self.commit_recorded(tx, &record).await? {
                Recorded::Behind(head) => return Ok(Recorded::Behind(head)),
                Recorded::Done(Ok(())) => return Ok(Recorded::Done(RefundWritten::Done)),
                Recorded::Done(Err(refused)) => refused,
            };
            if let Some(item) = refused.item(Part::IdempotencyKey) {
                let used = items::read::<OnceItem>(item)?.try_into()?;
                return Ok(Recorded::Done(RefundWritten::KeyUsed(used)));
            }
            if refused.has(Part::Account) || refused.has(Part::Team) {
                return Ok(Recorded::Done(RefundWritten::OwnerGone));
            }
            match also.without(&refused) {
                Some(rest) => also = rest,
                None => return Ok(Recorded::Done(RefundWritten::Stale)),
            }
        }
    }

    fn refunding(
        &self,
        refund: &GenerationRefund<'_>,
        also: AlsoGiven,
        record: &AuditRecord,
    ) -> Result<WriteTransaction, Fault> {
        let (job, entry) = (refund.job, &refund.booked.entry);
        let mut tx = WriteTransaction::new("refunding a generation");
        tx.add(Part::Generation, self.replace_generation(job)?);
        self.book(&mut tx, refund.booked)?;
        match &job.tenant {
            Tenant::User(user) => tx.add(Part::Account, self.check_account(user)),
            Tenant::Team(team) => tx.add(Part::Team, self.check_team(team)),
        }
        let spent = self.uncount_spent(entry, refund.spent_on, &job.model);
        tx.add(Part::Spending, spent);
        let allowance = also
            .allowance
            .then(|| self.give_back_allowance(job, entry.amount));
        if let Some(allowance) = allowance.flatten() {
            tx.add(Part::Allowance, allowance);
        }
        if let Some(back) = key_return(job, entry.amount).filter(|_| also.key) {
            tx.add(Part::ApiKey, self.give_back_to_key(&back));
        }
        if let Some(once) = refund.once {
            tx.add(Part::IdempotencyKey, self.put_once(once, entry, record.at)?);
        }
        self.tell(&mut tx, refund.told)?;
        Ok(tx)
    }
}

impl AlsoGiven {
    /// Returns the places that remain after one was refused; `None` if none of them was.
    fn without(self, refused: &Refused) -> Option<Self> {
        let rest = Self {
            allowance: self.allowance && !refused.has(Part::Allowance),
            key: self.key && !refused.has(Part::ApiKey),
        };
        (rest.allowance != self.allowance || rest.key != self.key).then_some(rest)
    }
}

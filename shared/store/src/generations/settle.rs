//! Ending a job's hold, in one transaction with everything that follows from it.

use aws::Fault;
use domain::Credits;
use domain::generations::Generation;
use domain::ledger::{EntryKind, Settled};

use super::{Written, key_spend};
use crate::Store;
use crate::transact::{Outcome, Reason};

impl Store {
    /// Moves a job on together with what it owes the ledger, all or nothing: its record, the wallet, one entry or two,
    /// what was spent on that day, what its API key may spend again, and that its content was refused. Repeating it
    /// writes nothing more: the record has moved on, and the entries are there.
    ///
    /// # Errors
    /// A [`Fault`] if it could not be written.
    pub async fn settle(&self, next: &Generation, settled: &Settled) -> Result<Written, Fault> {
        let mut actions = vec![self.replace_generation(next)?];
        actions.extend(self.end_of_hold(settled)?);
        let mut entries = settled.entries.iter();
        if let Some(capture) = entries.find(|entry| entry.kind == EntryKind::Capture) {
            actions.push(self.count_spent(capture, &next.model)?);
        }
        if let Some(day) = next.content_refused_on() {
            actions.push(self.count_content_refusal(&next.author, day)?);
        }
        let given_back = key_spend(next, settled.amount(EntryKind::Release));
        let given_back = given_back.filter(|spend| spend.amount > Credits::ZERO);
        let key_place = given_back.as_ref().map(|_| actions.len());
        if let Some(spend) = &given_back {
            actions.push(self.give_back_to_key(spend)?);
        }
        match self.transact("settling a job", actions).await? {
            Outcome::Committed => Ok(Written::Done),
            Outcome::Cancelled(reasons) if stood_in_the_way(&reasons, key_place) => {
                // Its key is long gone, and with it what it might still have spent.
                let without = Generation {
                    paid_with: None,
                    ..next.clone()
                };
                Box::pin(self.settle(&without, settled)).await
            }
            Outcome::Busy | Outcome::Cancelled(_) => Ok(Written::Stale),
        }
    }
}

/// Whether the condition of the action at `place` was not met.
fn stood_in_the_way(reasons: &[Reason], place: Option<usize>) -> bool {
    let reason = place.and_then(|place| reasons.get(place));
    matches!(reason, Some(Reason::Condition(_)))
}

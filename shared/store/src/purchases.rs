//! Checkouts and payments. One transaction writes a payment's record and the booking that follows from it,
//! on condition of the record's version. So each step is booked once, however many events arrive at the
//! same moment.

use std::collections::BTreeMap;

use aws::Fault;
use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, Put, ReturnValuesOnConditionCheckFailure, Update};
use domain::Timestamp;
use domain::accounts::User;
use domain::audit::AuditRecord;
use domain::ledger::Booked;
use domain::plans::Plan;
use domain::purchases::{Checkout, Payment};
use domain::usage_keys::KeyNote;

use crate::items::{
    self, CheckoutItem, CheckoutOnceItem, Item, OnceItem, PaymentItem, UserItem, number, text,
};
use crate::once::{BegunCheckout, Once};
use crate::overwrite::Overwrite;
use crate::transact::{Commit, Part, WriteTransaction};
use crate::{Recorded, Store, System, WriteOutcome};

/// The change of a buyer's plan that follows from a payment.
#[derive(Debug)]
pub struct PlanChange {
    /// The buyer as they were read. The change requires that their plan and payments are still the same.
    pub user: User,
    /// The buyer's plan after the change.
    pub plan: Plan,
    /// The payments that justify a plan after the change.
    pub paid_plans: BTreeMap<String, Plan>,
    /// The record for the buyer's audit log, if the plan changes.
    pub record: Option<AuditRecord>,
}

impl PlanChange {
    /// Returns the note that belongs to the change.
    #[must_use]
    pub fn note(&self, now: Timestamp) -> KeyNote {
        KeyNote {
            user: self.user.id.clone(),
            due_at: now,
        }
    }
}

impl Store {
    /// Records a checkout and the client's key that it was begun with. If that key began a checkout before,
    /// returns that checkout, and records nothing.
    ///
    /// # Errors
    /// A [`Fault`] if it is not known to be written.
    pub async fn put_checkout(
        &self,
        checkout: &Checkout,
        once: Option<(&Once, &BegunCheckout)>,
    ) -> Result<Option<BegunCheckout>, Fault> {
        let doing = "recording a checkout";
        let put = |item: Item| {
            Put::builder()
                .table_name(&self.tables.credits)
                .set_item(Some(item))
                .condition_expression("attribute_not_exists(tenant)")
                .return_values_on_condition_check_failure(
                    ReturnValuesOnConditionCheckFailure::AllOld,
                )
        };
        let mut tx = WriteTransaction::new(doing);
        tx.add(
            Part::Checkout,
            put(items::write(&CheckoutItem::from(checkout))?),
        );
        if let Some((once, begun)) = once {
            let record = items::write(&CheckoutOnceItem::new(once, begun))?;
            tx.add(Part::IdempotencyKey, put(record));
        }
        match self.commit(tx).await? {
            Commit::Done => Ok(None),
            Commit::Busy => Err(Fault::new(doing, "another write is under way")),
            Commit::Refused(mut refused) => match refused.item(Part::IdempotencyKey) {
                Some(item) => Ok(Some(items::read::<CheckoutOnceItem>(item)?.into())),
                // Stripe's ids are new, so this one cannot exist already.
                None => Err(Fault::new(doing, "there is such a checkout")),
            },
        }
    }

    /// Reads the checkout that the caller's key began, if the key was used.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be read.
    pub async fn begun_checkout(&self, once: &Once) -> Result<Option<BegunCheckout>, Fault> {
        let found = self
            .item(
                "reading an idempotency record",
                &self.tables.credits,
                [
                    ("tenant", &CheckoutOnceItem::key(&once.caller, &once.key)),
                    ("entry", OnceItem::SORT),
                ],
            )
            .await?;
        let begun = found.map(items::read::<CheckoutOnceItem>).transpose()?;
        Ok(begun.map(BegunCheckout::from))
    }

    /// Reads a checkout, if we began it.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be read.
    pub async fn checkout(&self, _: System, session: &str) -> Result<Option<Checkout>, Fault> {
        let found = self
            .item(
                "reading a checkout",
                &self.tables.credits,
                [
                    ("tenant", &CheckoutItem::key(session)),
                    ("entry", CheckoutItem::SORT),
                ],
            )
            .await?;
        found
            .map(|item| items::read::<CheckoutItem>(item)?.try_into())
            .transpose()
    }

    /// Reads the record of a payment, if there is one.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be read.
    pub async fn payment(&self, _: System, id: &str) -> Result<Option<Payment>, Fault> {
        let found = self
            .item(
                "reading a payment",
                &self.tables.credits,
                [
                    ("tenant", &PaymentItem::key(id)),
                    ("entry", PaymentItem::SORT),
                ],
            )
            .await?;
        found
            .map(|item| items::read::<PaymentItem>(item)?.try_into())
            .transpose()
    }

    /// Writes a payment's next record, with the booking and the change of plan that go with it, all or
    /// nothing.
    ///
    /// # Errors
    /// A [`Fault`] if it could not be written.
    pub async fn put_payment(
        &self,
        next: &Payment,
        booked: Option<&Booked>,
        plan: Option<&PlanChange>,
        now: Timestamp,
    ) -> Result<WriteOutcome, Fault> {
        let before = next.version - 1;
        let write = Overwrite::by(["tenant", "entry"], &PaymentItem::from(next))?;
        let write = write.in_transaction(&self.tables.credits);
        let write = if before == 0 {
            write.condition_expression("attribute_not_exists(tenant)")
        } else {
            write
                .condition_expression("version = :before")
                .expression_attribute_values(":before", number(before))
        };
        let mut tx = WriteTransaction::new("booking a payment");
        tx.add(Part::Payment, write);
        if let Some(booked) = booked {
            self.book(&mut tx, booked)?;
        }
        let mut record = None;
        if let Some(change) = plan {
            tx.add(Part::Account, self.set_plan(change, now));
            record = change.record.as_ref();
            if record.is_some() {
                tx.add(Part::KeyNote, self.note_keys(&change.note(now))?);
            }
        }
        let is_done = match record {
            Some(record) => {
                let sent = self.commit_recorded(tx, record).await?;
                matches!(sent, Recorded::Done(Ok(())))
            }
            None => matches!(self.commit(tx).await?, Commit::Done),
        };
        Ok(if is_done {
            WriteOutcome::Done
        } else {
            WriteOutcome::Stale
        })
    }

    fn set_plan(&self, change: &PlanChange, now: Timestamp) -> UpdateBuilder {
        let set = |plans: &BTreeMap<String, Plan>| {
            AttributeValue::Ss(items::paid_plans(plans).into_iter().collect())
        };
        let mut sets = "SET updated_at_ms = :now".to_owned();
        let mut update = Update::builder()
            .expression_attribute_names("#plan", "plan")
            .expression_attribute_values(":before", text(change.user.plan.as_str()))
            .expression_attribute_values(":now", number(now.ms()));
        if change.record.is_some() {
            sets.push_str(", #plan = :plan, plan_since_ms = :now");
            update = update
                .expression_attribute_values(":plan", text(change.plan.as_str()))
                .expression_attribute_values(":one", number(1));
        }
        if !change.paid_plans.is_empty() {
            sets.push_str(", paid_plans = :paid");
            update = update.expression_attribute_values(":paid", set(&change.paid_plans));
        } else if !change.user.paid_plans.is_empty() {
            sets.push_str(" REMOVE paid_plans");
        }
        if change.record.is_some() {
            sets.push_str(" ADD plan_term :one");
        }
        let update = if change.user.paid_plans.is_empty() {
            update.condition_expression("#plan = :before AND attribute_not_exists(paid_plans)")
        } else {
            update
                .condition_expression("#plan = :before AND paid_plans = :paid_before")
                .expression_attribute_values(":paid_before", set(&change.user.paid_plans))
        };
        update
            .table_name(&self.tables.accounts)
            .key("pk", text(change.user.id.as_str()))
            .key("sk", text(UserItem::SORT))
            .update_expression(sets)
    }
}

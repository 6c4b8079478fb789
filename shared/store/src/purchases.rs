//! Checkouts and payments. A payment's record and the booking that it owes are one transaction, on condition of the
//! record's version: so each step is booked once, however many events arrive at the same moment.

use std::collections::BTreeMap;

use aws::Fault;
use aws_sdk_dynamodb::types::{
    AttributeValue, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use domain::Timestamp;
use domain::accounts::{Plan, User};
use domain::audit::Record;
use domain::ledger::Booked;
use domain::plans::KeyNote;
use domain::purchases::{Checkout, Payment};

use crate::items::{
    self, CheckoutItem, CheckoutOnceItem, Item, OnceItem, PaymentItem, UserItem, number, text,
};
use crate::overwrite::Overwrite;
use crate::postings::Once;
use crate::transact::{Outcome, Reason};
use crate::{Recorded, Store, System, Written};

/// What a client's key began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BegunCheckout {
    /// A digest of the request that it came with.
    pub fingerprint: String,
    /// The payment service's id of it.
    pub session: String,
    /// Where its buyer pays.
    pub url: String,
}

/// What a payment does to its buyer's plan.
#[derive(Debug)]
pub struct PlanChange {
    /// The buyer as they were read: another plan since then, or another payment, stands in the way.
    pub user: User,
    /// What they pay for then.
    pub plan: Plan,
    /// The payments that justify a plan then.
    pub paid_plans: BTreeMap<String, Plan>,
    /// What their audit log will tell of it, if their plan is another.
    pub record: Option<Record>,
}

impl PlanChange {
    /// The note that belongs to it.
    #[must_use]
    pub fn note(&self, now: Timestamp) -> KeyNote {
        KeyNote {
            user: self.user.id.clone(),
            due_at: now,
        }
    }
}

impl Store {
    /// Records what a checkout offers, and the client's key that it was begun with; or answers what that key began before,
    /// and then nothing is recorded.
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
            let put = Put::builder()
                .table_name(&self.tables.credits)
                .set_item(Some(item))
                .condition_expression("attribute_not_exists(tenant)")
                .return_values_on_condition_check_failure(
                    ReturnValuesOnConditionCheckFailure::AllOld,
                )
                .build()
                .map_err(Fault::doing(doing))?;
            Ok::<_, Fault>(TransactWriteItem::builder().put(put).build())
        };
        let mut actions = vec![put(items::write(&CheckoutItem::from(checkout))?)?];
        if let Some((once, begun)) = once {
            actions.push(put(items::write(&CheckoutOnceItem::new(once, begun))?)?);
        }
        match self.transact(doing, actions).await? {
            Outcome::Committed => Ok(None),
            Outcome::Busy => Err(Fault::new(doing, "another write is under way")),
            Outcome::Cancelled(reasons) => match reasons.into_iter().nth(1) {
                Some(Reason::Condition(Some(item))) => {
                    Ok(Some(items::read::<CheckoutOnceItem>(item)?.into()))
                }
                // Stripe's ids are new.
                _ => Err(Fault::new(doing, "there is such a checkout")),
            },
        }
    }

    /// What the caller's key began, if it was used.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be read.
    pub async fn begun_checkout(&self, once: &Once) -> Result<Option<BegunCheckout>, Fault> {
        let found = self
            .client
            .get_item()
            .table_name(&self.tables.credits)
            .key(
                "tenant",
                text(CheckoutOnceItem::key(&once.caller, &once.key)),
            )
            .key("entry", text(OnceItem::SORT))
            .consistent_read(true)
            .send()
            .await
            .map_err(Fault::doing("reading an idempotency record"))?;
        let begun = found
            .item
            .map(items::read::<CheckoutOnceItem>)
            .transpose()?;
        Ok(begun.map(BegunCheckout::from))
    }

    /// What a checkout offered, if we began it.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be read.
    pub async fn checkout(&self, _: System, session: &str) -> Result<Option<Checkout>, Fault> {
        let found = self
            .client
            .get_item()
            .table_name(&self.tables.credits)
            .key("tenant", text(CheckoutItem::key(session)))
            .key("entry", text(CheckoutItem::SORT))
            .consistent_read(true)
            .send()
            .await
            .map_err(Fault::doing("reading a checkout"))?;
        found
            .item
            .map(|item| items::read::<CheckoutItem>(item)?.try_into())
            .transpose()
    }

    /// What is known of a payment, if anything is.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be read.
    pub async fn payment(&self, _: System, id: &str) -> Result<Option<Payment>, Fault> {
        let found = self
            .client
            .get_item()
            .table_name(&self.tables.credits)
            .key("tenant", text(PaymentItem::key(id)))
            .key("entry", text(PaymentItem::SORT))
            .consistent_read(true)
            .send()
            .await
            .map_err(Fault::doing("reading a payment"))?;
        found
            .item
            .map(|item| items::read::<PaymentItem>(item)?.try_into())
            .transpose()
    }

    /// Writes a payment's next record, with the booking and the recorded plan that go with it, all or nothing.
    ///
    /// # Errors
    /// A [`Fault`] if it could not be written.
    pub async fn put_payment(
        &self,
        next: &Payment,
        booked: Option<&Booked>,
        plan: Option<&PlanChange>,
        now: Timestamp,
    ) -> Result<Written, Fault> {
        let doing = "booking a payment";
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
        let write = write.build().map_err(Fault::doing(doing))?;
        let mut actions = vec![TransactWriteItem::builder().update(write).build()];
        if let Some(booked) = booked {
            actions.extend(self.booking(booked)?);
        }
        let is_done = match plan {
            Some(change) => {
                actions.push(self.set_plan(change, now)?);
                match &change.record {
                    Some(record) => {
                        actions.push(self.note_keys(&change.note(now))?);
                        let sent = self.transact_recorded(doing, actions, record).await?;
                        matches!(sent, Recorded::Done(None))
                    }
                    None => matches!(self.transact(doing, actions).await?, Outcome::Committed),
                }
            }
            None => matches!(self.transact(doing, actions).await?, Outcome::Committed),
        };
        Ok(if is_done {
            Written::Done
        } else {
            Written::Stale
        })
    }

    fn set_plan(&self, change: &PlanChange, now: Timestamp) -> Result<TransactWriteItem, Fault> {
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
        let update = update
            .table_name(&self.tables.accounts)
            .key("pk", text(change.user.id.as_str()))
            .key("sk", text(UserItem::SORT))
            .update_expression(sets)
            .build()
            .map_err(Fault::doing("building a change of plan"))?;
        Ok(TransactWriteItem::builder().update(update).build())
    }
}

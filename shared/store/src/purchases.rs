//! Checkouts and payments. A payment's record and the booking that it owes are one transaction, on condition of the
//! record's version: so each step is booked once, however many events arrive at the same moment.

use aws::Fault;
use aws_sdk_dynamodb::types::{Put, TransactWriteItem, Update};
use domain::Timestamp;
use domain::accounts::{Plan, User};
use domain::audit::Record;
use domain::ledger::Booked;
use domain::plans::KeyNote;
use domain::purchases::{Checkout, Payment};

use crate::accounts::is_condition;
use crate::items::{self, CheckoutItem, PaymentItem, UserItem, number, text};
use crate::transact::Outcome;
use crate::{Recorded, Store, System, Written};

/// A plan that came with a purchase.
#[derive(Debug)]
pub struct PlanChange {
    /// The buyer as they were read: another plan since then stands in the way.
    pub user: User,
    /// What they bought.
    pub plan: Plan,
    /// What their audit log will tell of it.
    pub record: Record,
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
    /// Records what a checkout offers. Recording it again for the same buyer changes nothing.
    ///
    /// # Errors
    /// A [`Fault`] if it was not written, or the checkout is somebody else's.
    pub async fn put_checkout(&self, checkout: &Checkout) -> Result<(), Fault> {
        let doing = "recording a checkout";
        let written = self
            .client
            .put_item()
            .table_name(&self.tables.credits)
            .set_item(Some(items::write(&CheckoutItem::from(checkout))?))
            .condition_expression("attribute_not_exists(tenant)")
            .send()
            .await;
        match written {
            Ok(_) => Ok(()),
            Err(error) if is_condition(&error) => {
                let known = self.checkout(System, &checkout.session).await?;
                match known.is_some_and(|known| known.user == checkout.user) {
                    true => Ok(()),
                    false => Err(Fault::new(doing, "it is somebody else's")),
                }
            }
            Err(error) => Err(Fault::new(doing, error)),
        }
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
        let put = Put::builder()
            .table_name(&self.tables.credits)
            .set_item(Some(items::write(&PaymentItem::from(next))?));
        let put = if before == 0 {
            put.condition_expression("attribute_not_exists(tenant)")
        } else {
            put.condition_expression("version = :before")
                .expression_attribute_values(":before", number(before))
        };
        let put = put.build().map_err(Fault::doing(doing))?;
        let mut actions = vec![TransactWriteItem::builder().put(put).build()];
        if let Some(booked) = booked {
            actions.extend(self.booking(booked)?);
        }
        let is_done = match plan {
            Some(change) => {
                actions.push(self.set_plan(change, now)?);
                actions.push(self.note_keys(&change.note(now))?);
                let sent = self
                    .transact_recorded(doing, actions, &change.record)
                    .await?;
                matches!(sent, Recorded::Done(None))
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
        let update = Update::builder()
            .table_name(&self.tables.accounts)
            .key("pk", text(change.user.id.as_str()))
            .key("sk", text(UserItem::SORT))
            .update_expression(
                "SET #plan = :plan, plan_since_ms = :now, updated_at_ms = :now ADD plan_term :one",
            )
            .condition_expression("#plan = :before")
            .expression_attribute_names("#plan", "plan")
            .expression_attribute_values(":plan", text(change.plan.as_str()))
            .expression_attribute_values(":before", text(change.user.plan.as_str()))
            .expression_attribute_values(":now", number(now.ms()))
            .expression_attribute_values(":one", number(1))
            .build()
            .map_err(Fault::doing("building a change of plan"))?;
        Ok(TransactWriteItem::builder().update(update).build())
    }
}

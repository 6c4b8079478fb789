//! Generations: opening one with its hold, moving it on, ending it with its money, and finding those that are due.
//! Every write is on condition of the version that the decision was made from.

mod edits;
mod lists;
mod settle;
mod stats;

use aws::Fault;
use aws_sdk_dynamodb::types::{Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem};
use domain::access::{self, Action, Thing};
use domain::generations::Generation;
use domain::ids::{GenerationId, KeyId, Tenant, UserId};
use domain::ledger::{Booked, Wallet};
use domain::{Credits, Refusal, Timestamp};

pub use lists::{Page, Shelf};

use crate::accounts::is_condition;
use crate::api_keys::KeySpend;
use crate::items::{self, GenerationItem, IdempotencyItem, Item, WalletItem, number, text};
use crate::overwrite::Overwrite;
use crate::transact::{Outcome, Reason};
use crate::{Store, System};

/// What an idempotency key was used for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyRecord {
    /// The client's key.
    pub key: String,
    /// A digest of the request that it came with.
    pub fingerprint: String,
    /// What it made.
    pub generation: GenerationId,
    /// Whether that was finished while its client waited.
    pub in_time: bool,
}

/// A job to open: the record, what it books, and the client's key.
#[derive(Debug)]
pub struct Opening<'a> {
    /// The new job.
    pub job: &'a Generation,
    /// Its hold, worked out from the wallet as it was read.
    pub hold: &'a Booked,
    /// The API key that the caller shows, if they show one: it must still live.
    pub by_key: Option<&'a KeyId>,
    /// The client's key, if it gave one.
    pub idempotency: Option<&'a IdempotencyRecord>,
}

/// What became of an opening.
#[derive(Debug)]
pub enum Opened {
    /// The job is open and its cost is set aside.
    Done,
    /// The key was used before, for this.
    KeyUsed(IdempotencyRecord),
    /// The API key may not spend so much.
    KeyCapReached,
    /// The project that it was to be filed in is gone.
    ProjectGone,
    /// Who asks has no account any more, or a suspended one.
    CallerGone,
    /// The wallet moved meanwhile; this is how it is now.
    WalletMoved(Wallet),
    /// Other writes were under way: read again and try again.
    Busy,
}

/// What became of a conditional write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// It was written.
    Done,
    /// Somebody else wrote first: read again, and decide again.
    Stale,
}

impl Store {
    /// Opens a job: idempotency record, wallet, ledger entry and job, all or nothing, for an account in good standing:
    /// who was let in a moment ago may have been suspended or erased since.
    ///
    /// Safe to repeat with the same job: its own record, found in the way, says that an earlier try was committed
    /// although its answer was lost.
    ///
    /// # Errors
    /// A [`Fault`] if it is not known to be written.
    pub async fn open(&self, opening: &Opening<'_>) -> Result<Opened, Fault> {
        let doing = "opening a job";
        let mut actions = vec![self.put_generation(opening.job)?];
        actions.push(self.check_good_standing(&opening.job.author, opening.by_key)?);
        actions.extend(self.booking(opening.hold)?);
        let spend = key_spend(opening.job, opening.job.cost);
        if let Some(spend) = &spend {
            actions.push(self.spend_from_key(spend)?);
        }
        if let Some(record) = opening.idempotency {
            actions.push(self.put_idempotency(
                &opening.job.tenant,
                record,
                opening.job.created_at,
            )?);
        }
        if let Some(project) = &opening.job.project {
            actions.push(self.check_project(&opening.job.tenant, project)?);
        }
        let reasons = match self.transact(doing, actions).await? {
            Outcome::Committed => return Ok(Opened::Done),
            Outcome::Busy => return Ok(Opened::Busy),
            Outcome::Cancelled(reasons) => reasons,
        };
        let mut reasons = reasons.into_iter();
        let (job, caller, wallet) = (reasons.next(), reasons.next(), reasons.next());
        if matches!(job, Some(Reason::Condition(_))) {
            return Ok(Opened::Done);
        }
        if matches!(caller, Some(Reason::Condition(_))) {
            return Ok(Opened::CallerGone);
        }
        // The ledger entry's place says nothing: its id is the job's.
        let (_entry, key) = (reasons.next(), spend.and_then(|_| reasons.next()));
        let record = opening.idempotency.and_then(|_| reasons.next());
        if let (Some(asked), Some(Reason::Condition(item))) = (opening.idempotency, record) {
            let item =
                item.ok_or_else(|| Fault::new(doing, "the idempotency record was not returned"))?;
            return Ok(Opened::KeyUsed(idempotency_record(&asked.key, item)?));
        }
        if matches!(key, Some(Reason::Condition(_))) {
            return Ok(Opened::KeyCapReached);
        }
        if matches!(reasons.next(), Some(Reason::Condition(_))) {
            return Ok(Opened::ProjectGone);
        }
        match wallet {
            Some(Reason::Condition(Some(item))) => Ok(Opened::WalletMoved(
                items::read::<WalletItem>(item)?.try_into()?,
            )),
            Some(Reason::Condition(None) | Reason::None) | None => {
                Err(Fault::new(doing, "a ledger entry was there before its job"))
            }
        }
    }

    /// Moves a job on, without money.
    ///
    /// # Errors
    /// A [`Fault`] if it could not be written.
    pub async fn replace(&self, next: &Generation) -> Result<Written, Fault> {
        let doing = "moving a job on";
        let write = Overwrite::by(["id"], &GenerationItem::new(next))?;
        let written = write
            .alone(self, &self.tables.generations)
            .condition_expression("version = :before")
            .expression_attribute_values(":before", number(next.version - 1))
            .send()
            .await;
        match written {
            Ok(_) => Ok(Written::Done),
            Err(error) if is_condition(&error) => Ok(Written::Stale),
            Err(error) => Err(Fault::new(doing, error)),
        }
    }

    /// The tenant's generation, if it has one with this id.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be read.
    pub async fn generation(
        &self,
        tenant: &Tenant,
        id: &GenerationId,
    ) -> Result<Option<Generation>, Fault> {
        let found = self.job(System, id).await?;
        Ok(found.filter(|generation| generation.tenant == *tenant))
    }

    /// The generation with this id, for what `caller` wants to do to it: their own, or one filed in a project that
    /// lets them.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be read; inside, the refusal if they may not.
    pub async fn generation_for(
        &self,
        caller: &UserId,
        action: Action,
        id: &GenerationId,
    ) -> Result<Result<Generation, Refusal>, Fault> {
        let Some(generation) = self.job(System, id).await? else {
            return Ok(Err(Refusal::NotFound("generation")));
        };
        let Tenant::User(owner) = &generation.tenant;
        // Its owner needs no project to stand on, which saves a read.
        let project = match &generation.project {
            Some(project) if owner != caller => self.project_record(project).await?,
            Some(_) | None => None,
        };
        let thing = Thing::Generation(&generation, project.as_ref());
        Ok(access::check(caller, action, thing).map(|()| generation))
    }

    /// Any tenant's job, for a worker.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be read.
    pub async fn job(&self, _: System, id: &GenerationId) -> Result<Option<Generation>, Fault> {
        let found = self
            .client
            .get_item()
            .table_name(&self.tables.generations)
            .key("id", text(id.as_str()))
            .consistent_read(true)
            .send()
            .await
            .map_err(Fault::doing("reading a generation"))?;
        found
            .item
            .map(|item| items::read::<GenerationItem>(item)?.try_into())
            .transpose()
    }

    /// What the tenant's idempotency key was used for, if it was.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be read.
    pub async fn idempotency(
        &self,
        tenant: &Tenant,
        key: &str,
    ) -> Result<Option<IdempotencyRecord>, Fault> {
        let found = self
            .client
            .get_item()
            .table_name(&self.tables.generations)
            .key("id", text(IdempotencyItem::key(tenant, key)))
            .consistent_read(true)
            .send()
            .await
            .map_err(Fault::doing("reading an idempotency record"))?;
        found
            .item
            .map(|item| idempotency_record(key, item))
            .transpose()
    }

    /// Remembers that what a key opened was finished while its client waited.
    ///
    /// # Errors
    /// A [`Fault`] if it was not written.
    pub async fn mark_finished_in_time(&self, tenant: &Tenant, key: &str) -> Result<(), Fault> {
        self.client
            .update_item()
            .table_name(&self.tables.generations)
            .key("id", text(IdempotencyItem::key(tenant, key)))
            .update_expression("SET #status = :status")
            .condition_expression("attribute_exists(id)")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":status", number(IdempotencyItem::IN_TIME))
            .send()
            .await
            .map_err(Fault::doing("marking a job as finished in time"))?;
        Ok(())
    }

    /// The write of a new job.
    fn put_generation(&self, job: &Generation) -> Result<TransactWriteItem, Fault> {
        let put = Put::builder()
            .table_name(&self.tables.generations)
            .set_item(Some(items::write(&GenerationItem::new(job))?))
            .condition_expression("attribute_not_exists(id)")
            .build()
            .map_err(Fault::doing("building a job's write"))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// The write of a job's next record, on condition that it still is as before.
    fn replace_generation(&self, next: &Generation) -> Result<TransactWriteItem, Fault> {
        let write = Overwrite::by(["id"], &GenerationItem::new(next))?
            .in_transaction(&self.tables.generations)
            .condition_expression("version = :before")
            .expression_attribute_values(":before", number(next.version - 1))
            .build()
            .map_err(Fault::doing("building a job's write"))?;
        Ok(TransactWriteItem::builder().update(write).build())
    }

    fn put_idempotency(
        &self,
        tenant: &Tenant,
        record: &IdempotencyRecord,
        now: Timestamp,
    ) -> Result<TransactWriteItem, Fault> {
        let item = IdempotencyItem {
            id: IdempotencyItem::key(tenant, &record.key),
            generation_id: record.generation.to_string(),
            fingerprint: record.fingerprint.clone(),
            status: IdempotencyItem::status(record.in_time),
            created_at_ms: now.ms(),
        };
        let put = Put::builder()
            .table_name(&self.tables.generations)
            .set_item(Some(items::write(&item)?))
            .condition_expression("attribute_not_exists(id)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(Fault::doing("building an idempotency record"))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }
}

/// The part of a job's cost that the API key which it was opened with pays, or gets back, if that one is capped.
fn key_spend(job: &Generation, amount: Credits) -> Option<KeySpend> {
    job.paid_with.as_ref().map(|key| KeySpend {
        user: job.author.clone(),
        key: key.clone(),
        amount,
    })
}

/// What a key opened, by its item.
pub(crate) fn idempotency_record(key: &str, item: Item) -> Result<IdempotencyRecord, Fault> {
    let item: IdempotencyItem = items::read(item)?;
    Ok(IdempotencyRecord {
        key: key.to_owned(),
        fingerprint: item.fingerprint,
        generation: GenerationId::parse(&item.generation_id)
            .ok_or_else(|| items::broken("generation_id"))?,
        in_time: item.status == IdempotencyItem::IN_TIME,
    })
}

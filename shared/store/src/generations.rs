//! Generations: opening one with its hold, moving it on, settling it, and finding those that are due. Every
//! write requires that the record still has the version that the decision was made from.

mod edits;
mod lists;
mod settle;
mod stats;

use aws::Fault;
use aws_sdk_dynamodb::types::builders::{PutBuilder, UpdateBuilder};
use aws_sdk_dynamodb::types::{Put, ReturnValuesOnConditionCheckFailure};
use domain::access::{self, Action, GenerationSeen, Spender, Thing};
use domain::alerts::AlertNote;
use domain::api_keys::ApiKey;
use domain::generations::Generation;
use domain::ids::{GenerationId, KeyId, Tenant, UserId};
use domain::ledger::{Booked, Wallet};
use domain::projects::Project;
use domain::webhook_deliveries::WebhookDelivery;
use domain::{Credits, Refusal};

pub use lists::ListScope;

use crate::accounts::is_condition;
use crate::api_keys::KeyReturn;
use crate::items::{self, GenerationItem, IdempotencyItem, Item, number, text};
use crate::overwrite::Overwrite;
use crate::reads::keys;
use crate::transact::{Commit, Part, WriteTransaction};
use crate::{Store, System, wallets};

/// The request and the job that an idempotency key was used for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyRecord {
    /// The client's key.
    pub key: String,
    /// A digest of the request that it came with.
    pub fingerprint: String,
    /// The generation that the request created.
    pub generation: GenerationId,
    /// Whether it was finished while its client waited.
    pub in_time: bool,
}

/// A job to open: its record, its booking, and the client's key.
#[derive(Debug)]
pub struct Opening<'a> {
    /// The new job.
    pub job: &'a Generation,
    /// The hold on its cost, worked out from the wallet as it was read.
    pub hold: &'a Booked,
    /// The member who spends a team's credits, if a team pays.
    pub spender: Option<&'a Spender>,
    /// The project that it is filed in, as it was when that was allowed.
    pub project: Option<&'a Project>,
    /// The API key that the caller used, if any. It must still live.
    pub by_key: Option<&'a KeyId>,
    /// The same key as it was read, if it has a cap. The cost is taken from it, too.
    pub capped_key: Option<&'a ApiKey>,
    /// The address that is told of the job's end, in addition to all endpoints.
    pub own_address: Option<&'a str>,
    /// The client's idempotency key, if it sent one.
    pub idempotency: Option<&'a IdempotencyRecord>,
    /// The alerts that this job causes.
    pub alerts: &'a [AlertNote],
    /// The use of the caps as it was read, if somebody watches it. It must then be unchanged.
    pub watched: Option<Watched>,
}

/// The use of caps that somebody watches.
#[derive(Clone, Copy, Debug)]
pub struct Watched {
    /// The credits that the member has committed this month.
    pub committed: Credits,
}

/// The outcome of opening a job.
#[derive(Debug)]
pub enum Opened {
    /// The job is open, and its cost is held.
    Done,
    /// The idempotency key was used before, for this.
    KeyUsed(IdempotencyRecord),
    /// The credits that the API key may still spend have changed since they were read.
    KeyMoved,
    /// The member's role, cap or committed credits have changed since they were read.
    SpenderMoved,
    /// The project is gone, or has changed since it was read.
    ProjectMoved,
    /// The caller's account is gone or suspended, or their API key is dead.
    CallerGone,
    /// The wallet has changed since it was read; this is its present state.
    WalletMoved(Wallet),
    /// Other writes were under way. Read again, and try again.
    Busy,
}

/// The outcome of a conditional write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteOutcome {
    /// It was written.
    Done,
    /// Somebody else wrote first. Read again, and decide again.
    Stale,
}

impl Store {
    /// Opens a job, all or nothing: idempotency record, wallet, ledger entry and job. The caller's account
    /// must be in good standing, because it may have been suspended or erased since the request was let in.
    ///
    /// Safe to repeat with the same job. If the job's own record already exists, an earlier attempt was
    /// committed, but its answer was lost.
    ///
    /// # Errors
    /// A [`Fault`] if it is not known to be written.
    pub async fn open(&self, opening: &Opening<'_>) -> Result<Opened, Fault> {
        let doing = "opening a job";
        let mut tx = WriteTransaction::new(doing);
        tx.add(Part::Generation, self.put_generation(opening.job)?);
        let good_standing = self.check_good_standing(&opening.job.author, opening.by_key);
        tx.add(Part::Account, good_standing);
        self.book(&mut tx, opening.hold)?;
        if let Some(key) = opening.capped_key {
            let job = opening.job;
            let is_watched = opening.watched.is_some();
            let spent = self.spend_from_key(key, job.cost, job.created_at, is_watched);
            tx.add(Part::ApiKey, spent);
        }
        if let Some(spender) = opening.spender {
            tx.add(Part::Member, self.check_spender(spender));
            tx.add(
                Part::Allowance,
                self.spend_allowance(opening.job, spender, opening.watched),
            );
        }
        if let Some(address) = opening.own_address {
            tx.add(
                Part::OwnAddress,
                self.put_own_address(opening.job, address)?,
            );
        }
        if let Some(record) = opening.idempotency {
            let record = self.put_idempotency(opening.job, record)?;
            tx.add(Part::IdempotencyKey, record);
        }
        for note in opening.alerts {
            tx.add(Part::AlertNote, self.note_alert(note)?);
        }
        if let Some(project) = opening.project {
            let check = self.check_project(&opening.job.author, project);
            tx.add(Part::Project, check);
        }
        let mut refused = match self.commit(tx).await? {
            Commit::Done => return Ok(Opened::Done),
            Commit::Busy => return Ok(Opened::Busy),
            Commit::Refused(refused) => refused,
        };
        if refused.has(Part::Generation) {
            return Ok(Opened::Done);
        }
        if refused.has(Part::Account) {
            return Ok(Opened::CallerGone);
        }
        if let (Some(asked), Some(item)) = (opening.idempotency, refused.item(Part::IdempotencyKey))
        {
            return Ok(Opened::KeyUsed(idempotency_record(&asked.key, item)?));
        }
        if refused.has(Part::ApiKey) {
            return Ok(Opened::KeyMoved);
        }
        if refused.has(Part::Member) || refused.has(Part::Allowance) {
            return Ok(Opened::SpenderMoved);
        }
        if refused.has(Part::Project) {
            return Ok(Opened::ProjectMoved);
        }
        Ok(Opened::WalletMoved(wallets::moved(&mut refused, doing)?))
    }

    /// Moves a job on, without moving credits, and queues the webhooks that announce it.
    ///
    /// # Errors
    /// A [`Fault`] if it could not be written.
    pub async fn replace_and_tell(
        &self,
        next: &Generation,
        told: &[WebhookDelivery],
    ) -> Result<WriteOutcome, Fault> {
        if told.is_empty() {
            return self.replace(next).await;
        }
        let mut tx = WriteTransaction::new("moving a job on");
        tx.add(Part::Generation, self.replace_generation(next)?);
        self.tell(&mut tx, told)?;
        Ok(match self.commit(tx).await? {
            Commit::Done => WriteOutcome::Done,
            Commit::Busy | Commit::Refused(_) => WriteOutcome::Stale,
        })
    }

    /// Moves a job on, without moving credits.
    ///
    /// # Errors
    /// A [`Fault`] if it could not be written.
    pub async fn replace(&self, next: &Generation) -> Result<WriteOutcome, Fault> {
        let doing = "moving a job on";
        let write = Overwrite::by(["id"], &GenerationItem::from(next))?;
        let written = write
            .alone(self, &self.tables.generations)
            .condition_expression("version = :before")
            .expression_attribute_values(":before", number(next.version - 1))
            .send()
            .await;
        match written {
            Ok(_) => Ok(WriteOutcome::Done),
            Err(error) if is_condition(&error) => Ok(WriteOutcome::Stale),
            Err(error) => Err(Fault::new(doing, error)),
        }
    }

    /// Reads the tenant's generation with this id, if it has one.
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

    /// Reads the generation with this id, if `caller` may do `action` to it: because it is their own, or
    /// because its project or a team lets them.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be read; inside, the refusal if they may not.
    pub async fn generation_for(
        &self,
        caller: &UserId,
        action: Action,
        id: &GenerationId,
    ) -> Result<Result<GenerationSeen, Refusal>, Fault> {
        let Some(generation) = self.job(System, id).await? else {
            return Ok(Err(Refusal::NotFound("generation")));
        };
        // The owner's rights do not depend on the project, which saves a read.
        let is_own = generation.tenant == Tenant::from(caller);
        let project = async {
            match &generation.project {
                Some(project) if !is_own => self.project_seen(project, caller).await,
                Some(_) | None => Ok(None),
            }
        };
        let role = async {
            match &generation.tenant {
                Tenant::Team(team) => self.team_seen(team, caller).await,
                Tenant::User(_) => Ok(None),
            }
        };
        let shares = async {
            match generation.shares.is_empty() || is_own {
                true => Ok(Vec::new()),
                false => self.shares_for(caller, &generation).await,
            }
        };
        let (project, team, shares) = tokio::try_join!(project, role, shares)?;
        let seen = GenerationSeen {
            role: team.map(|team| team.by.role),
            project,
            shares,
            generation,
        };
        let may = access::check(caller, action, Thing::Generation(&seen));
        Ok(may.map(|()| seen))
    }

    /// Reads the job of any tenant, for a worker.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be read.
    pub async fn job(&self, _: System, id: &GenerationId) -> Result<Option<Generation>, Fault> {
        let found = self
            .item(
                "reading a generation",
                &self.tables.generations,
                [("id", id.as_str())],
            )
            .await?;
        found
            .map(|item| items::read::<GenerationItem>(item)?.try_into())
            .transpose()
    }

    /// Reads those of at most a hundred generations that belong to a tenant, in no order.
    ///
    /// # Errors
    /// A [`Fault`] if they cannot be read.
    pub async fn generations_of(
        &self,
        tenant: &Tenant,
        ids: &[GenerationId],
    ) -> Result<Vec<Generation>, Fault> {
        let mut found = self.generations_named(ids).await?;
        found.retain(|generation| generation.tenant == *tenant);
        Ok(found)
    }

    /// Reads at most a hundred generations of any tenants, in no order.
    pub(crate) async fn generations_named(
        &self,
        ids: &[GenerationId],
    ) -> Result<Vec<Generation>, Fault> {
        let by_id = |id: &GenerationId| Item::from([("id".to_owned(), text(id.as_str()))]);
        let wanted = [(
            self.tables.generations.as_str(),
            keys(ids.iter().map(by_id)),
        )];
        let found = self.batch("reading several generations", wanted).await?;
        let found = found.into_values().flatten();
        found
            .map(|item| items::read::<GenerationItem>(item)?.try_into())
            .collect()
    }

    /// Reads the record of the tenant's idempotency key, if the key was used.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be read.
    pub async fn idempotency(
        &self,
        tenant: &Tenant,
        key: &str,
    ) -> Result<Option<IdempotencyRecord>, Fault> {
        let found = self
            .item(
                "reading an idempotency record",
                &self.tables.generations,
                [("id", &IdempotencyItem::key(tenant, key))],
            )
            .await?;
        found.map(|item| idempotency_record(key, item)).transpose()
    }

    /// Records that the job that a key opened was finished while its client waited.
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

    /// Builds the write of a new job.
    fn put_generation(&self, job: &Generation) -> Result<PutBuilder, Fault> {
        Ok(Put::builder()
            .table_name(&self.tables.generations)
            .set_item(Some(items::write(&GenerationItem::from(job))?))
            .condition_expression("attribute_not_exists(id)"))
    }

    /// Builds the write of a job's next record, on condition that the stored one has not changed.
    pub(crate) fn replace_generation(&self, next: &Generation) -> Result<UpdateBuilder, Fault> {
        Ok(Overwrite::by(["id"], &GenerationItem::from(next))?
            .in_transaction(&self.tables.generations)
            .condition_expression("version = :before")
            .expression_attribute_values(":before", number(next.version - 1)))
    }

    fn put_idempotency(
        &self,
        job: &Generation,
        record: &IdempotencyRecord,
    ) -> Result<PutBuilder, Fault> {
        let item = IdempotencyItem {
            id: IdempotencyItem::key(&job.tenant, &record.key),
            generation_id: record.generation.to_string(),
            fingerprint: record.fingerprint.clone(),
            status: IdempotencyItem::status(record.in_time),
            created_at_ms: job.created_at.ms(),
        };
        Ok(Put::builder()
            .table_name(&self.tables.generations)
            .set_item(Some(items::write(&item)?))
            .condition_expression("attribute_not_exists(id)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld))
    }
}

/// Returns the credits that go back to the API key that a job was opened with, if that key is capped.
pub(crate) fn key_return(job: &Generation, amount: Credits) -> Option<KeyReturn> {
    job.paid_with.as_ref().map(|key| KeyReturn {
        user: job.author.clone(),
        key: key.clone(),
        amount,
        taken_at: job.created_at,
    })
}

/// Reads the record of an idempotency key from its item.
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

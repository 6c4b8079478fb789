//! Generations: opening one with its hold, moving it on, ending it with its money, and finding those that are
//! due. Every write is on condition of the version that the decision was made from.

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
use crate::transact::{Commit, Part, Transaction};
use crate::{Store, System, wallets};

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
    /// The member who spends a team's credits, where a team pays.
    pub spender: Option<&'a Spender>,
    /// The project that it is filed in, as it was read when that was allowed.
    pub project: Option<&'a Project>,
    /// The API key that the caller shows, if they show one: it must still live.
    pub by_key: Option<&'a KeyId>,
    /// The same as it was read, if it has a cap: it pays, too.
    pub capped_key: Option<&'a ApiKey>,
    /// The address that its end is told to, beside all endpoints.
    pub own_address: Option<&'a str>,
    /// The client's key, if it gave one.
    pub idempotency: Option<&'a IdempotencyRecord>,
    /// What owners of caps are told of because of it.
    pub alerts: &'a [AlertNote],
    /// What was used of the caps, as it was read: there if it must still be so, since somebody watches it.
    pub watched: Option<Watched>,
}

/// What was used of caps that somebody watches.
#[derive(Clone, Copy, Debug)]
pub struct Watched {
    /// What the member committed to this month.
    pub committed: Credits,
}

/// What became of an opening.
#[derive(Debug)]
pub enum Opened {
    /// The job is open and its cost is set aside.
    Done,
    /// The key was used before, for this.
    KeyUsed(IdempotencyRecord),
    /// What the API key may still spend is not as it was read.
    KeyMoved,
    /// The member's place in the team, or what they committed to, is not as it was read.
    SpenderMoved,
    /// The project that it was to be filed in is gone, or not as it was read.
    ProjectMoved,
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
    /// Opens a job: idempotency record, wallet, ledger entry and job, all or nothing, for an account in good
    /// standing: who was let in a moment ago may have been suspended or erased since.
    ///
    /// Safe to repeat with the same job: its own record, found in the way, says that an earlier try was
    /// committed although its answer was lost.
    ///
    /// # Errors
    /// A [`Fault`] if it is not known to be written.
    pub async fn open(&self, opening: &Opening<'_>) -> Result<Opened, Fault> {
        let doing = "opening a job";
        let mut tx = Transaction::new(doing);
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

    /// Moves a job on, without money, and tells it.
    ///
    /// # Errors
    /// A [`Fault`] if it could not be written.
    pub async fn replace_and_tell(
        &self,
        next: &Generation,
        told: &[WebhookDelivery],
    ) -> Result<Written, Fault> {
        if told.is_empty() {
            return self.replace(next).await;
        }
        let mut tx = Transaction::new("moving a job on");
        tx.add(Part::Generation, self.replace_generation(next)?);
        self.tell(&mut tx, told)?;
        Ok(match self.commit(tx).await? {
            Commit::Done => Written::Done,
            Commit::Busy | Commit::Refused(_) => Written::Stale,
        })
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

    /// The generation with this id, for what `caller` wants to do to it: their own, or one that
    /// its project or a team lets them.
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
        // Its owner needs no project to stand on, which saves a read.
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

    /// Any tenant's job, for a worker.
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

    /// Those that a tenant has of at most a hundred generations, in no order.
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

    /// At most a hundred generations, whose ever they are, in no order.
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
            .item(
                "reading an idempotency record",
                &self.tables.generations,
                [("id", &IdempotencyItem::key(tenant, key))],
            )
            .await?;
        found.map(|item| idempotency_record(key, item)).transpose()
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
    fn put_generation(&self, job: &Generation) -> Result<PutBuilder, Fault> {
        Ok(Put::builder()
            .table_name(&self.tables.generations)
            .set_item(Some(items::write(&GenerationItem::new(job))?))
            .condition_expression("attribute_not_exists(id)"))
    }

    /// The write of a job's next record, on condition that it still is as before.
    pub(crate) fn replace_generation(&self, next: &Generation) -> Result<UpdateBuilder, Fault> {
        Ok(Overwrite::by(["id"], &GenerationItem::new(next))?
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

/// The part of a job's cost that the API key which it was opened with gets back, if that one is capped.
pub(crate) fn key_return(job: &Generation, amount: Credits) -> Option<KeyReturn> {
    job.paid_with.as_ref().map(|key| KeyReturn {
        user: job.author.clone(),
        key: key.clone(),
        amount,
        taken_at: job.created_at,
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

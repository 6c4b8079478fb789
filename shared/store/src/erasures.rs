//! The erasure of an account. One transaction ends the account itself; then everything that is filed under
//! it is deleted, in steps that can be repeated.

use aws::Fault;
use aws_sdk_dynamodb::types::builders::{ConditionCheckBuilder, DeleteBuilder, PutBuilder};
use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, Delete, Put};
use domain::accounts::{MailedToken, User};
use domain::audit::AuditRecord;
use domain::erasure::Erasure;
use domain::ids::{GenerationId, TeamId, Tenant, UserId, WebhookEndpointId};
use domain::plans::RETIRED_AFTER;
use domain::usage_keys::KeyNote;

use crate::accounts::is_condition;
use crate::items::{
    self, COUNT, CredentialItem, ErasureItem, Item, UserItem, WALLET, addressed_in, count_key,
    email_key, is_in_work, named_in, number, own_endpoint, shared_by, shares_of, text,
};
use crate::transact::{Part, WriteTransaction};
use crate::webhook_endpoints::webhook_key;
use crate::{Recorded, Store, System};

/// The number of items of a kind that are deleted in one step.
const STEP: usize = 50;
/// The number of memberships that are ended in one step.
const SOME: u32 = 50;
/// The number of erasures that one run looks at.
const ERASURES_MAX: i32 = 500;

/// The person who ends an account, with the proof that they may.
#[derive(Clone, Copy, Debug)]
pub enum EndedBy<'a> {
    /// Its owner, in person.
    Owner,
    /// The owner of its mailbox. Their token is used up. This ends only accounts whose e-mail address was
    /// never verified.
    Mailbox(&'a MailedToken),
}

/// The outcome of an erasure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Erased {
    /// The account is gone.
    Done,
    /// The account was already gone, or in another era than it was read with; or the token was already
    /// used, or the e-mail address is verified.
    Gone,
    /// A job of the account is running. Nothing was done.
    JobRuns,
    /// The account owns a team. Nothing was done.
    OwnsTeam,
}

impl Store {
    /// Ends an account, all or nothing. It deletes the profile and the credential (which frees the e-mail
    /// address), records the act, and writes notes of the data that is left to delete and of the usage-plan
    /// keys. A bonus that was due is cancelled. The era must be the one that `user` was read with, no job
    /// of the wallet may be running, and the account may own no team. No job can begin afterwards, because
    /// opening one requires the profile.
    ///
    /// # Errors
    /// A [`Fault`] if it was not written.
    pub async fn erase(
        &self,
        user: &User,
        by: EndedBy<'_>,
        record: AuditRecord,
    ) -> Result<Recorded<Erased>, Fault> {
        let credential = self.delete_account_item(&email_key(&user.email), CredentialItem::SORT);
        let credential = credential
            .condition_expression("user_id = :user")
            .expression_attribute_values(":user", text(user.id.as_str()));
        let mut tx = WriteTransaction::new("erasing an account");
        tx.add(Part::Account, self.end_profile(user, by));
        tx.add(Part::Wallet, self.check_no_job(user));
        tx.add(Part::MemberCount, self.check_no_team(user));
        tx.add(Part::Credential, credential);
        let note = Erasure {
            tenant: Tenant::from(&user.id),
            began_at: record.at,
        };
        tx.add(Part::ErasureNote, self.note_erasure(&note)?);
        tx.add(Part::BonusNote, self.unnote_bonus(&user.id));
        // The keys are retired later: the authorizer's cached answer may still let a request in, which must
        // not be refused for its key.
        let keys = KeyNote {
            user: user.id.clone(),
            due_at: record.at.plus(RETIRED_AFTER),
        };
        tx.add(Part::KeyNote, self.note_keys(&keys)?);
        if let EndedBy::Mailbox(token) = by {
            tx.add(Part::MailedToken, self.use_up(token, record.at));
        }
        let sent = self.commit_recorded(tx, &record).await?;
        Ok(sent.map(|written| match written {
            Ok(()) => Erased::Done,
            Err(refused) if refused.has(Part::Account) => Erased::Gone,
            Err(refused) if refused.has(Part::MemberCount) => Erased::OwnsTeam,
            Err(refused) if refused.has(Part::Wallet) => Erased::JobRuns,
            Err(_) => Erased::Gone,
        }))
    }

    fn delete_account_item(&self, pk: &str, sk: &str) -> DeleteBuilder {
        Delete::builder()
            .table_name(&self.tables.accounts)
            .key("pk", text(pk))
            .key("sk", text(sk))
    }

    /// Builds the deletion of a profile, on condition of the era that it was read with and of what `by`
    /// requires.
    fn end_profile(&self, user: &User, by: EndedBy<'_>) -> DeleteBuilder {
        let profile = self
            .delete_account_item(user.id.as_str(), UserItem::SORT)
            .expression_attribute_values(":era", number(user.era));
        match by {
            EndedBy::Owner => profile.condition_expression("era = :era"),
            EndedBy::Mailbox(_) => profile
                .condition_expression("era = :era AND email_verified = :no")
                .expression_attribute_values(":no", AttributeValue::Bool(false)),
        }
    }

    /// Builds the condition that no job of the user's wallet is running.
    fn check_no_job(&self, user: &User) -> ConditionCheckBuilder {
        ConditionCheck::builder()
            .table_name(&self.tables.credits)
            .key("tenant", text(user.id.as_str()))
            .key("entry", text(WALLET))
            .condition_expression("in_flight = :none")
            .expression_attribute_values(":none", number(0))
    }

    /// Builds the condition that the user owns no team.
    fn check_no_team(&self, user: &User) -> ConditionCheckBuilder {
        ConditionCheck::builder()
            .table_name(&self.tables.teams)
            .key("team", text(user.id.as_str()))
            .key("item", text(COUNT))
            .condition_expression("attribute_not_exists(owned) OR owned < :one")
            .expression_attribute_values(":one", number(1))
    }

    pub(crate) fn note_erasure(&self, erasure: &Erasure) -> Result<PutBuilder, Fault> {
        Ok(Put::builder()
            .table_name(&self.tables.accounts)
            .set_item(Some(items::write(&ErasureItem::from(erasure))?)))
    }

    /// Lists the erasures that are not complete, oldest first.
    ///
    /// # Errors
    /// A [`Fault`] if they cannot be read.
    pub async fn erasures(&self, _: System) -> Result<Vec<Erasure>, Fault> {
        let found = self
            .client
            .query()
            .table_name(&self.tables.accounts)
            .key_condition_expression("pk = :erasures")
            .expression_attribute_values(":erasures", text(ErasureItem::KEY))
            .consistent_read(true)
            .limit(ERASURES_MAX)
            .send()
            .await
            .map_err(Fault::doing("listing erasures"))?;
        let found = found.items.unwrap_or_default().into_iter();
        found
            .map(|item| items::read::<ErasureItem>(item)?.try_into())
            .collect()
    }

    /// Deletes the note of an erasure, because nothing is left of the account. Deleting it twice changes
    /// nothing.
    ///
    /// # Errors
    /// A [`Fault`] if it was not written.
    pub async fn end_erasure(&self, _: System, erasure: &Erasure) -> Result<(), Fault> {
        let item = ErasureItem::from(erasure);
        self.client
            .delete_item()
            .table_name(&self.tables.accounts)
            .key("pk", text(item.pk))
            .key("sk", text(item.sk))
            .send()
            .await
            .map_err(Fault::doing("ending an erasure"))?;
        Ok(())
    }

    /// Reads some of the generations that are filed under an account or a team that is gone.
    ///
    /// # Errors
    /// A [`Fault`] if they cannot be read.
    pub async fn generations_left(
        &self,
        _: System,
        tenant: &Tenant,
    ) -> Result<GenerationsLeft, Fault> {
        let generations = of_tenant(&self.tables.generations);
        let found = self.some_filed(generations, tenant.as_str()).await?;
        Ok(GenerationsLeft(found))
    }

    /// Deletes the records of these generations; returns their number.
    ///
    /// # Errors
    /// A [`Fault`] if one could not be deleted; the rest may have been.
    pub async fn delete_left(&self, _: System, left: GenerationsLeft) -> Result<usize, Fault> {
        let generations = of_tenant(&self.tables.generations);
        self.delete_all_filed(generations, &left.0).await
    }

    /// Deletes some of the items that are filed under an account or a team that is gone, except its
    /// generations. Returns the number that it found; 0 means that nothing is left, as far as the indexes
    /// know at this moment.
    ///
    /// # Errors
    /// A [`Fault`] if something could not be deleted; the rest may have been.
    pub async fn delete_some(&self, system: System, tenant: &Tenant) -> Result<usize, Fault> {
        match tenant {
            Tenant::User(user) => self.delete_some_of_user(system, user).await,
            Tenant::Team(team) => self.delete_some_of_team(system, team).await,
        }
    }

    /// Deletes some of a team's memberships, invitations, allowances, styles and webhooks.
    async fn delete_some_of_team(&self, system: System, team: &TeamId) -> Result<usize, Fault> {
        let own = Filed {
            table: &self.tables.teams,
            index: None,
            owner: "team",
            key: &["team", "item"],
        };
        // The count of each member's teams must go down, so memberships are ended one by one. The rest
        // counts for nobody.
        let places = self.some_places(team).await?;
        for place in &places {
            self.drop_member(system, place).await?;
        }
        let tenant = Tenant::from(team);
        let (own, styles, webhooks) = futures::try_join!(
            self.delete_filed(own, team.as_str()),
            self.delete_some_styles(&tenant),
            self.delete_some_webhooks(&tenant),
        )?;
        Ok(places.len() + own + styles + webhooks)
    }

    /// Deletes some of a user's sessions, keys, files, projects, styles, memberships and webhooks.
    async fn delete_some_of_user(&self, system: System, user: &UserId) -> Result<usize, Fault> {
        let tenant = Tenant::from(user);
        let accounts = Filed {
            table: &self.tables.accounts,
            index: None,
            owner: "pk",
            key: &["pk", "sk"],
        };
        let (files, projects) = (&self.tables.files, &self.tables.projects);
        let (accounts, files, projects, styles, places, webhooks, ()) = futures::try_join!(
            self.delete_filed(accounts, user.as_str()),
            self.delete_filed(of_tenant(files), tenant.as_str()),
            self.delete_filed(of_tenant(projects), tenant.as_str()),
            self.delete_some_styles(&tenant),
            self.forget_some_places(system, user),
            self.delete_some_webhooks(&tenant),
            self.delete_counts(&tenant),
        )?;
        Ok(accounts + files + projects + styles + places + webhooks)
    }

    /// Deletes some of the styles that are filed under a tenant, and their count.
    async fn delete_some_styles(&self, tenant: &Tenant) -> Result<usize, Fault> {
        let styles = of_tenant(&self.tables.styles);
        let count = Item::from([("id".to_owned(), text(count_key(tenant)))]);
        let (deleted, ()) = futures::try_join!(
            self.delete_filed(styles, tenant.as_str()),
            self.delete_one(&self.tables.styles, count),
        )?;
        Ok(deleted)
    }

    /// Deletes some of the deliveries to a tenant's webhook endpoints and own addresses, and the endpoints.
    /// Once none of these is left, it deletes the items that name them, and a user's own secret.
    async fn delete_some_webhooks(&self, tenant: &Tenant) -> Result<usize, Fault> {
        let told = of_endpoint(&self.tables.webhooks);
        let own = self.some_filed(told, tenant.as_str()).await?;
        let endpoints = own.iter().flat_map(named_in).map(|(id, _)| id);
        let ids = endpoints.chain(own.iter().filter_map(addressed_in));
        let each = ids.map(|id| async move { self.delete_filed(told, id.as_str()).await });
        let deleted = futures::future::try_join_all(each).await?;
        match deleted.into_iter().sum() {
            0 => self.delete_all_filed(told, &own).await,
            deleted => Ok(deleted),
        }
    }

    /// Takes an erased user out of some of their teams.
    async fn forget_some_places(&self, system: System, user: &UserId) -> Result<usize, Fault> {
        let places = self.teams_of(user, SOME).await?;
        for place in &places {
            self.forget_member(system, place).await?;
        }
        Ok(places.len())
    }

    async fn delete_filed(&self, filed: Filed<'_>, owner: &str) -> Result<usize, Fault> {
        let found = self.some_filed(filed, owner).await?;
        self.delete_all_filed(filed, &found).await
    }

    async fn some_filed(&self, filed: Filed<'_>, owner: &str) -> Result<Vec<Item>, Fault> {
        let found = self
            .client
            .query()
            .table_name(filed.table)
            .set_index_name(filed.index.map(str::to_owned))
            .key_condition_expression("#owner = :owner")
            .expression_attribute_names("#owner", filed.owner)
            .expression_attribute_values(":owner", text(owner))
            // An index cannot be read with strong consistency.
            .consistent_read(filed.index.is_none())
            .limit(i32::try_from(STEP).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(Fault::doing("looking for what an erased account left"))?;
        Ok(found.items.unwrap_or_default())
    }

    async fn delete_all_filed(&self, filed: Filed<'_>, found: &[Item]) -> Result<usize, Fault> {
        let deletions = found.iter().map(|item| {
            let attribute = |name: &&str| Some(((*name).to_owned(), item.get(*name)?.clone()));
            let key: Item = filed.key.iter().filter_map(attribute).collect();
            async move {
                // Items elsewhere that refer to this one go first. After its deletion nothing would lead to
                // them.
                for (team, sort) in shares_of(item) {
                    let told = [("team", text(team)), ("item", text(sort))];
                    let told = told.map(|(name, value)| (name.to_owned(), value));
                    self.delete_one(&self.tables.teams, Item::from(told))
                        .await?;
                }
                if let Some((author, endpoint)) = own_endpoint(item) {
                    self.forget_told(&author, &endpoint).await?;
                }
                if let Some((generation, team)) = shared_by(item) {
                    self.forget_share(generation, team).await?;
                }
                self.delete_one(filed.table, key).await
            }
        });
        futures::future::try_join_all(deletions).await?;
        Ok(found.len())
    }

    /// Deletes the address that is told of a generation's end, and its deliveries: one event, or two.
    pub(crate) async fn forget_told(
        &self,
        author: &Tenant,
        endpoint: &WebhookEndpointId,
    ) -> Result<(), Fault> {
        let told = of_endpoint(&self.tables.webhooks);
        let found = self.some_filed(told, endpoint.as_str()).await?;
        let keys = found.into_iter().filter_map(|item| {
            let owner = item.get("owner")?.as_s().ok()?;
            Some(webhook_key(owner, item.get("item")?.as_s().ok()?))
        });
        let address = webhook_key(author.as_str(), endpoint.as_str());
        let keys = keys.chain([address]);
        let each = keys.map(|key| self.delete_one(&self.tables.webhooks, key));
        futures::future::try_join_all(each).await.map(drop)
    }

    /// Removes a team that is gone from the record of a generation that was shared with it.
    async fn forget_share(&self, generation: &str, team: &str) -> Result<(), Fault> {
        let written = self
            .client
            .update_item()
            .table_name(&self.tables.generations)
            .key("id", text(generation))
            .update_expression("SET version = version + :one REMOVE shares.#team")
            .condition_expression("attribute_exists(shares.#team)")
            .expression_attribute_names("#team", team)
            .expression_attribute_values(":one", number(1))
            .send()
            .await;
        match written {
            Ok(_) => Ok(()),
            Err(error) if is_condition(&error) => Ok(()),
            Err(error) => Err(Fault::new("ending the shares of a team", error)),
        }
    }

    /// Deletes the counts of projects, files and teams.
    async fn delete_counts(&self, tenant: &Tenant) -> Result<(), Fault> {
        let count = || Item::from([("id".to_owned(), text(count_key(tenant)))]);
        let teams = Item::from([
            ("team".to_owned(), text(tenant.as_str())),
            ("item".to_owned(), text(COUNT)),
        ]);
        futures::try_join!(
            self.delete_one(&self.tables.projects, count()),
            self.delete_one(&self.tables.files, count()),
            self.delete_one(&self.tables.teams, teams),
        )?;
        Ok(())
    }

    async fn delete_one(&self, table: &str, key: Item) -> Result<(), Fault> {
        self.client
            .delete_item()
            .table_name(table)
            .set_key(Some(key))
            .send()
            .await
            .map_err(Fault::doing("deleting what an erased account left"))?;
        Ok(())
    }
}

/// Some of the generations of an account or a team that is gone.
#[derive(Debug)]
pub struct GenerationsLeft(Vec<Item>);

impl GenerationsLeft {
    /// Returns their ids.
    ///
    /// # Errors
    /// A [`Fault`] if a record has none.
    pub fn ids(&self) -> Result<Vec<GenerationId>, Fault> {
        self.0.iter().map(id_of).collect()
    }

    /// Returns the ids of those that a worker may be writing media of at this moment.
    ///
    /// # Errors
    /// A [`Fault`] if a record has none.
    pub fn ids_in_work(&self) -> Result<Vec<GenerationId>, Fault> {
        let in_work = self.0.iter().filter(|item| is_in_work(item));
        in_work.map(id_of).collect()
    }
}

fn id_of(generation: &Item) -> Result<GenerationId, Fault> {
    let id = generation.get("id").and_then(|id| id.as_s().ok());
    let id = id.and_then(|id| GenerationId::parse(id));
    id.ok_or_else(|| items::broken("id"))
}

/// The place where items of one kind are filed by their owner.
#[derive(Clone, Copy)]
struct Filed<'a> {
    table: &'a str,
    index: Option<&'static str>,
    owner: &'static str,
    key: &'static [&'static str],
}

/// Returns where the items of a webhook endpoint are filed: the endpoint and its deliveries.
const fn of_endpoint(table: &str) -> Filed<'_> {
    Filed {
        table,
        index: None,
        owner: "owner",
        key: &["owner", "item"],
    }
}

/// Returns where items with an owning tenant are filed.
const fn of_tenant(table: &str) -> Filed<'_> {
    Filed {
        table,
        index: Some("by_tenant"),
        owner: "tenant",
        key: &["id"],
    }
}

//! The changes that an owner makes to a generation: changing its labels, moving it to a project, deleting
//! it.

use aws::Fault;
use aws_sdk_dynamodb::types::{AttributeValue, Delete, ReturnValue, Update as TransactUpdate};
use domain::Patch;
use domain::generations::{Generation, LabelChange};
use domain::ids::{GenerationId, Tenant, WebhookEndpointId};
use domain::labels::Tags;
use domain::projects::Project;

use super::WriteOutcome;
use crate::Store;
use crate::accounts::is_condition;
use crate::items::{self, GenerationItem, Item, number, text};
use crate::transact::{Commit, Part, WriteTransaction};

/// The parts of an update expression.
struct Update {
    sets: Vec<String>,
    removes: Vec<&'static str>,
    values: Item,
}

impl Update {
    fn new(relabel: &LabelChange) -> Self {
        let mut update = Self {
            sets: vec!["version = version + :one".to_owned()],
            removes: Vec::new(),
            values: Item::from([(":one".to_owned(), number(1))]),
        };
        update.put("title", relabel.title.map(|title| text(title.as_str())));
        let tags = relabel.tags.as_ref().map(Tags::as_slice);
        let tags = tags.map_or(Patch::Keep, |tags| match tags {
            [] => Patch::Clear,
            tags => Patch::Set(AttributeValue::L(tags.iter().map(text).collect())),
        });
        update.put("tags", tags);
        let favorite = relabel.favorite.map(AttributeValue::Bool);
        update.put("favorite", favorite.map_or(Patch::Keep, Patch::Set));
        update
    }

    fn put(&mut self, attribute: &'static str, value: Patch<AttributeValue>) {
        match value {
            Patch::Set(value) => {
                self.sets.push(format!("{attribute} = :{attribute}"));
                self.values.insert(format!(":{attribute}"), value);
            }
            Patch::Clear => self.removes.push(attribute),
            Patch::Keep => {}
        }
    }

    fn expression(&self) -> String {
        let sets = format!("SET {}", self.sets.join(", "));
        if self.removes.is_empty() {
            sets
        } else {
            format!("{sets} REMOVE {}", self.removes.join(", "))
        }
    }
}

impl Store {
    /// Changes the labels of the tenant's generation in any state of its job. The write moves the version
    /// on, so a worker that read the record before decides again and overwrites nothing. Repeating it has
    /// no further effect. Returns `None` if the tenant has no such generation.
    ///
    /// # Errors
    /// A [`Fault`] if it was not written.
    pub async fn relabel(
        &self,
        tenant: &Tenant,
        id: &GenerationId,
        relabel: &LabelChange,
    ) -> Result<Option<Generation>, Fault> {
        let doing = "relabelling a generation";
        let update = Update::new(relabel);
        let mut request = self
            .client
            .update_item()
            .table_name(&self.tables.generations)
            .key("id", text(id.as_str()))
            .update_expression(update.expression())
            .condition_expression("tenant = :tenant")
            .expression_attribute_values(":tenant", text(tenant.as_str()))
            .return_values(ReturnValue::AllNew);
        for (name, value) in update.values {
            request = request.expression_attribute_values(name, value);
        }
        match request.send().await {
            Ok(written) => {
                let item = written.attributes.unwrap_or_default();
                Ok(Some(items::read::<GenerationItem>(item)?.try_into()?))
            }
            Err(error) if is_condition(&error) => Ok(None),
            Err(error) => Err(Fault::new(doing, error)),
        }
    }

    /// Files a generation in `project`, or takes it out of its project, if neither has changed since it was
    /// read.
    ///
    /// # Errors
    /// A [`Fault`] if it is not known to be written.
    pub async fn file_generation(
        &self,
        generation: &Generation,
        project: Option<&Project>,
    ) -> Result<WriteOutcome, Fault> {
        let moved = TransactUpdate::builder()
            .table_name(&self.tables.generations)
            .key("id", text(generation.id.as_str()))
            .condition_expression("version = :version")
            .expression_attribute_values(":version", number(generation.version))
            .expression_attribute_values(":one", number(1));
        let mut tx = WriteTransaction::new("moving a generation");
        match project {
            Some(project) => {
                let moved = moved
                    .update_expression("SET project_id = :project, version = version + :one")
                    .expression_attribute_values(":project", text(project.id.as_str()));
                tx.add(Part::Generation, moved);
                // The project must be exactly as it was read: a change by its owner counts, too.
                tx.add(Part::Project, self.check_project_as_read(project));
            }
            None => {
                let moved =
                    moved.update_expression("SET version = version + :one REMOVE project_id");
                tx.add(Part::Generation, moved);
            }
        }
        match self.commit(tx).await? {
            Commit::Done => Ok(WriteOutcome::Done),
            Commit::Busy | Commit::Refused(_) => Ok(WriteOutcome::Stale),
        }
    }

    /// Deletes a generation's record, and the items that share it with teams, if it has not changed since
    /// it was read. Its ledger entries stay, because the books are never rewritten. Its idempotency record
    /// stays, so a client that repeats the request is told that the generation is gone, and pays nothing.
    ///
    /// # Errors
    /// A [`Fault`] if it was not written.
    pub async fn delete_generation(&self, generation: &Generation) -> Result<WriteOutcome, Fault> {
        let deletion = Delete::builder()
            .table_name(&self.tables.generations)
            .key("id", text(generation.id.as_str()))
            .condition_expression("tenant = :tenant AND version = :version")
            .expression_attribute_values(":tenant", text(generation.tenant.as_str()))
            .expression_attribute_values(":version", number(generation.version));
        let mut tx = WriteTransaction::new("deleting a generation");
        tx.add(Part::Generation, deletion);
        for team in generation.shares.keys() {
            tx.add(Part::Share, self.delete_share(team, &generation.id));
        }
        match self.commit(tx).await? {
            Commit::Done => {
                // If this fails, the items expire by themselves within a month.
                if generation.has_own_address {
                    let author = Tenant::from(&generation.author);
                    let endpoint = WebhookEndpointId::of(&generation.id);
                    self.forget_told(&author, &endpoint).await?;
                }
                Ok(WriteOutcome::Done)
            }
            Commit::Busy | Commit::Refused(_) => Ok(WriteOutcome::Stale),
        }
    }
}

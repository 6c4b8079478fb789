//! Lists of generations: a tenant's, newest first, and those that are due. It uses queries only.

use std::collections::HashMap;

use aws::Fault;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::Timestamp;
use domain::generations::{Filter, Generation};
use domain::ids::{GenerationId, UserId};
use domain::projects::Project;
use domain::teams::Team;

use crate::accounts::is_condition;
use crate::cursor::Cursor;
use crate::items::{self, DueItem, GenerationItem, due_shards, kept_shards, number, text};
use crate::pages::Page;
use crate::{Store, System};

/// The number of records that one page may read while it filters. It bounds the cost of a page.
const LOOKED_AT_MAX: u32 = 1_000;
/// The number of records that one query may read.
const QUERY_LIMIT_MAX: u32 = 250;

/// The source of a list of generations: one query of one partition of one index, whatever its size.
#[derive(Clone, Copy, Debug)]
pub enum ListScope<'a> {
    /// The generations of a user.
    User(&'a UserId),
    /// The generations of a team. The caller holds the [`Team`] because they were allowed to read it.
    Team(&'a Team),
    /// The generations filed in a project. The caller holds the [`Project`] because they were allowed to
    /// read it.
    Project(&'a Project),
}

impl ListScope<'_> {
    /// The index.
    pub(super) const fn index(self) -> &'static str {
        match self {
            Self::User(_) | Self::Team(_) => "by_tenant",
            Self::Project(_) => "by_project",
        }
    }

    /// The condition on the index's hash key; `:scope` is the value.
    pub(super) const fn condition(self) -> &'static str {
        match self {
            Self::User(_) | Self::Team(_) => "tenant = :scope",
            Self::Project(_) => "project_id = :scope",
        }
    }

    /// The hash key's value.
    pub(super) fn value(self) -> AttributeValue {
        match self {
            Self::User(user) => text(user.as_str()),
            Self::Team(team) => text(team.id.as_str()),
            Self::Project(project) => text(project.id.as_str()),
        }
    }
}

/// A filter in the form of a DynamoDB expression.
#[derive(Default)]
struct Expression {
    terms: Vec<String>,
    names: HashMap<String, String>,
    values: HashMap<String, AttributeValue>,
}

impl Expression {
    fn new(filter: &Filter) -> Self {
        let mut expression = Self::default();
        expression.equal("model", filter.model.map(text));
        expression.equal("kind", filter.kind.map(|kind| text(kind.as_str())));
        expression.equal("status", filter.status.map(text));
        expression.equal("favorite", filter.favorite.map(AttributeValue::Bool));
        expression.equal("tenant", filter.team.as_ref().map(|id| text(id.as_str())));
        expression.equal(
            "parent_id",
            filter.parent.as_ref().map(|id| text(id.as_str())),
        );
        expression
    }

    fn equal(&mut self, attribute: &str, value: Option<AttributeValue>) {
        if let Some(value) = value {
            self.terms.push(format!("#{attribute} = :{attribute}"));
            self.names
                .insert(format!("#{attribute}"), attribute.to_owned());
            self.values.insert(format!(":{attribute}"), value);
        }
    }
}

impl Store {
    /// Reads a page of the scope's generations, newest first. A page may be shorter than asked for and
    /// still have a next one, because filtering reads a bounded number of records.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be read.
    pub async fn generations(
        &self,
        scope: ListScope<'_>,
        filter: &Filter,
        after: Option<Cursor<GenerationId>>,
        limit: u32,
    ) -> Result<Page<Generation, GenerationId>, Fault> {
        // `~` sorts after every id.
        let before = after.as_ref().map_or("~", |last| last.place().as_str());
        let mut before = before.to_owned();
        let mut generations: Vec<Generation> = Vec::new();
        let mut looked_at = 0;
        loop {
            let ask = if *filter == Filter::default() {
                limit.saturating_add(1)
            } else {
                QUERY_LIMIT_MAX
            };
            let (found, last) = self.query_shelf(scope, filter, &before, ask).await?;
            looked_at += ask;
            for generation in found {
                if generations.len() >= limit as usize {
                    return Ok(Page::new(generations, true, |last| last.id.clone()));
                }
                generations.push(generation);
            }
            let Some(last) = last else {
                return Ok(Page {
                    rows: generations,
                    next: None,
                });
            };
            if generations.len() >= limit as usize || looked_at >= LOOKED_AT_MAX {
                return Ok(Page {
                    rows: generations,
                    next: Some(Cursor::after(last)),
                });
            }
            before = last.to_string();
        }
    }

    /// Runs one query. Returns the generations that it found, and the id that it stopped at if there is
    /// more.
    async fn query_shelf(
        &self,
        scope: ListScope<'_>,
        filter: &Filter,
        before: &str,
        limit: u32,
    ) -> Result<(Vec<Generation>, Option<GenerationId>), Fault> {
        let doing = "listing generations";
        let Expression {
            terms,
            names,
            values,
        } = Expression::new(filter);
        let mut query = self
            .client
            .query()
            .table_name(&self.tables.generations)
            .index_name(scope.index())
            .key_condition_expression(format!("{} AND id < :before", scope.condition()))
            .expression_attribute_values(":scope", scope.value())
            .expression_attribute_values(":before", text(before))
            .scan_index_forward(false)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX));
        if !terms.is_empty() {
            query = query.filter_expression(terms.join(" AND "));
            for (name, attribute) in names {
                query = query.expression_attribute_names(name, attribute);
            }
            for (name, value) in values {
                query = query.expression_attribute_values(name, value);
            }
        }
        let found = query.send().await.map_err(Fault::doing(doing))?;
        let last = found.last_evaluated_key.map(|key| {
            let id = key.get("id").and_then(|id| id.as_s().ok());
            id.and_then(|id| GenerationId::parse(id))
                .ok_or_else(|| items::broken("id"))
        });
        let last = last.transpose()?;
        let generations = found
            .items
            .unwrap_or_default()
            .into_iter()
            .map(|item| items::read::<GenerationItem>(item)?.try_into())
            .collect::<Result<_, Fault>>()?;
        Ok((generations, last))
    }

    /// Lists jobs that must be looked at by `now`, each with the time at which it fell due: at most `limit`
    /// for each shard of the index, longest due first.
    ///
    /// # Errors
    /// A [`Fault`] if the index cannot be read.
    pub async fn due(
        &self,
        _: System,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<(GenerationId, Timestamp)>, Fault> {
        self.due_in(due_shards(), now, limit).await
    }

    /// Lists generations whose media must be looked at by `now`, in the same way.
    ///
    /// # Errors
    /// A [`Fault`] if the index cannot be read.
    pub async fn due_media(
        &self,
        _: System,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<(GenerationId, Timestamp)>, Fault> {
        self.due_in(kept_shards(), now, limit).await
    }

    async fn due_in(
        &self,
        shards: impl Iterator<Item = String>,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<(GenerationId, Timestamp)>, Fault> {
        let doing = "finding due jobs";
        let queries = shards.map(|shard| {
            self.client
                .query()
                .table_name(&self.tables.generations)
                .index_name("due")
                .key_condition_expression("due_shard = :shard AND due_at_ms <= :now")
                .expression_attribute_values(":shard", text(shard))
                .expression_attribute_values(":now", number(now.ms()))
                .limit(i32::try_from(limit).unwrap_or(i32::MAX))
                .send()
        });
        let mut due = Vec::new();
        for found in futures::future::join_all(queries).await {
            for item in found
                .map_err(Fault::doing(doing))?
                .items
                .unwrap_or_default()
            {
                due.push(items::read::<DueItem>(item)?.try_into()?);
            }
        }
        Ok(due)
    }

    /// Moves the next look at a due job to `leased_until`, because somebody is sent to look at it now.
    /// Returns `false` if the job is no longer due at `due_at`. The record's version stays the same: a
    /// worker that has the job decides from the record that it read.
    ///
    /// # Errors
    /// A [`Fault`] if it was not written.
    pub async fn lease_due(
        &self,
        _: System,
        id: &GenerationId,
        due_at: Timestamp,
        leased_until: Timestamp,
    ) -> Result<bool, Fault> {
        let written = self
            .client
            .update_item()
            .table_name(&self.tables.generations)
            .key("id", text(id.as_str()))
            .update_expression("SET due_at_ms = :until")
            .condition_expression("due_at_ms = :due")
            .expression_attribute_values(":due", number(due_at.ms()))
            .expression_attribute_values(":until", number(leased_until.ms()))
            .send()
            .await;
        match written {
            Ok(_) => Ok(true),
            Err(error) if is_condition(&error) => Ok(false),
            Err(error) => Err(Fault::new("leasing a due job", error)),
        }
    }
}

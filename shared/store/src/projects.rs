//! Projects. A record is handed out only to a caller who may do the requested action with it.
//!
//! A counter beside the projects holds the number that a tenant has. The transaction that makes or deletes
//! a project also updates it, so the limit holds however many are made at once.

use std::collections::{BTreeMap, BTreeSet};

use aws::Fault;
use aws_sdk_dynamodb::types::builders::ConditionCheckBuilder;
use aws_sdk_dynamodb::types::{ConditionCheck, Delete, Put, Update};
use domain::Refusal;
use domain::access::{self, Action, ProjectSeen, Thing, Tie};
use domain::ids::{ProjectId, TeamId, Tenant, UserId};
use domain::projects::{AccessLevel, PROJECTS_MAX, Project, Visibility};

use crate::accounts::is_condition;
use crate::cursor::Cursor;
use crate::generations::WriteOutcome;
use crate::items::{self, Item, ProjectItem, count_key, number, text};
use crate::overwrite::Overwrite;
use crate::pages::{Index, Page};
use crate::reads::keys;
use crate::transact::{Commit, Part, WriteTransaction};
use crate::{Store, System};

/// The outcome of making a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProjectPut {
    /// The project exists.
    Done,
    /// The tenant has as many projects as it may have.
    Full,
    /// Other writes were under way: try again.
    Busy,
}

impl Store {
    /// Makes a project, and counts it. Safe to repeat with the same project.
    ///
    /// # Errors
    /// A [`Fault`] if it is not known to be written.
    pub async fn put_project(&self, project: &Project) -> Result<ProjectPut, Fault> {
        let put = Put::builder()
            .table_name(&self.tables.projects)
            .set_item(Some(items::write(&ProjectItem::from(project))?))
            .condition_expression("attribute_not_exists(id)");
        let count = Update::builder()
            .table_name(&self.tables.projects)
            .key("id", text(count_key(&Tenant::from(&project.owner))))
            .update_expression("ADD projects :one")
            .condition_expression("attribute_not_exists(projects) OR projects < :max")
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":max", number(PROJECTS_MAX));
        let mut tx = WriteTransaction::new("making a project");
        tx.add(Part::Project, put);
        tx.add(Part::ProjectCount, count);
        Ok(match self.commit(tx).await? {
            Commit::Done => ProjectPut::Done,
            Commit::Busy => ProjectPut::Busy,
            // An earlier attempt was committed, but its answer was lost.
            Commit::Refused(refused) if refused.has(Part::Project) => ProjectPut::Done,
            Commit::Refused(_) => ProjectPut::Full,
        })
    }

    /// Reads the project with this id, if `caller` may do `action` with it.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be read; inside, the refusal if they may not.
    pub async fn project(
        &self,
        caller: &UserId,
        action: Action,
        id: &ProjectId,
    ) -> Result<Result<ProjectSeen, Refusal>, Fault> {
        let Some(seen) = self.project_seen(id, caller).await? else {
            return Ok(Err(Refusal::NotFound("project")));
        };
        Ok(access::check(caller, action, Thing::Project(&seen)).map(|()| seen))
    }

    /// Reads a project with the ties of `user` to it.
    pub(crate) async fn project_seen(
        &self,
        id: &ProjectId,
        user: &UserId,
    ) -> Result<Option<ProjectSeen>, Fault> {
        let Some(project) = self.project_record(id).await? else {
            return Ok(None);
        };
        let ties = self.ties(&project, user).await?;
        Ok(Some(ProjectSeen { project, ties }))
    }

    /// Reads the ties of `user` to a project: their roles in the teams that it is shared with. For a
    /// project that all of its owner's teams may read, those are all of the owner's teams. The owner needs
    /// no ties, and nobody else has access to a private project.
    async fn ties(&self, project: &Project, user: &UserId) -> Result<Vec<Tie>, Fault> {
        if project.owner == *user || project.details.visibility == Visibility::Private {
            return Ok(Vec::new());
        }
        let mut teams: BTreeSet<TeamId> = project.grants.keys().cloned().collect();
        let is_team_only = project.details.visibility == Visibility::TeamOnly;
        if is_team_only && !project.privacy.restrict_to_specific_teams {
            teams.extend(self.owned_teams(&project.owner).await?);
        }
        let roles = self.roles(user, &teams).await?;
        let tie = |(team, role)| Tie {
            level: project
                .grants
                .get(&team)
                .copied()
                .unwrap_or(AccessLevel::Read),
            role,
        };
        Ok(roles.into_iter().map(tie).collect())
    }

    /// Reads the record of a project without checking that anybody may see it.
    pub(crate) async fn project_record(&self, id: &ProjectId) -> Result<Option<Project>, Fault> {
        let found = self
            .item(
                "reading a project",
                &self.tables.projects,
                [("id", id.as_str())],
            )
            .await?;
        found
            .map(|item| items::read::<ProjectItem>(item)?.try_into())
            .transpose()
    }

    /// Reads those of `ids`, at most a hundred, that still exist, in one batch. The records are input for
    /// `domain::access`, and must not be shown to anybody.
    ///
    /// # Errors
    /// A [`Fault`] if they cannot be read.
    pub async fn existing_projects(
        &self,
        _: System,
        ids: &BTreeSet<ProjectId>,
    ) -> Result<BTreeMap<ProjectId, Project>, Fault> {
        let doing = "looking for projects";
        if ids.is_empty() {
            return Ok(BTreeMap::new());
        }
        let wanted = ids
            .iter()
            .map(|id| Item::from([("id".to_owned(), text(id.as_str()))]));
        let wanted = [(self.tables.projects.as_str(), keys(wanted))];
        let mut found = self.batch(doing, wanted).await?;
        let items = found.remove(&self.tables.projects).unwrap_or_default();
        let project = |item| {
            let project: Project = items::read::<ProjectItem>(item)?.try_into()?;
            Ok((project.id.clone(), project))
        };
        items.into_iter().map(project).collect()
    }

    /// Builds the condition that a project exists, and is the author's or has not changed since it was
    /// read, for the transaction that files something in it.
    ///
    /// Because it is a condition on the project's item, openings in one project conflict with each other
    /// and with changes of it. The openings are all by one author, and already wait for each other at the
    /// author's wallet or allowance.
    pub(crate) fn check_project(&self, author: &UserId, read: &Project) -> ConditionCheckBuilder {
        ConditionCheck::builder()
            .table_name(&self.tables.projects)
            .key("id", text(read.id.as_str()))
            .condition_expression("tenant = :author OR version = :read")
            .expression_attribute_values(":author", text(author.as_str()))
            .expression_attribute_values(":read", number(read.version))
    }

    /// Builds the condition that a project has not changed since it was read.
    pub(crate) fn check_project_as_read(&self, read: &Project) -> ConditionCheckBuilder {
        ConditionCheck::builder()
            .table_name(&self.tables.projects)
            .key("id", text(read.id.as_str()))
            .condition_expression("version = :read")
            .expression_attribute_values(":read", number(read.version))
    }

    /// Reads a page of the tenant's own projects, newest first.
    ///
    /// # Errors
    /// A [`Fault`] if they cannot be read.
    pub async fn projects(
        &self,
        tenant: &Tenant,
        after: Option<Cursor<ProjectId>>,
        limit: u32,
    ) -> Result<Page<Project, ProjectId>, Fault> {
        let index = Index {
            table: &self.tables.projects,
            name: "by_tenant",
            owner: "tenant",
        };
        let after = after.as_ref().map(|last| last.place().as_str());
        let (found, more) = self
            .newest("listing projects", index, tenant.as_str(), after, limit)
            .await?;
        let projects = found
            .into_iter()
            .map(|item| items::read::<ProjectItem>(item)?.try_into())
            .collect::<Result<Vec<Project>, Fault>>()?;
        Ok(Page::new(projects, more, |project| project.id.clone()))
    }

    /// Writes a project's next record, if the project has not changed since it was read.
    ///
    /// # Errors
    /// A [`Fault`] if it was not written.
    pub async fn replace_project(&self, next: &Project) -> Result<WriteOutcome, Fault> {
        let write = Overwrite::by(["id"], &ProjectItem::from(next))?;
        let written = write
            .alone(self, &self.tables.projects)
            .condition_expression("version = :before")
            .expression_attribute_values(":before", number(next.version - 1))
            .send()
            .await;
        match written {
            Ok(_) => Ok(WriteOutcome::Done),
            Err(error) if is_condition(&error) => Ok(WriteOutcome::Stale),
            Err(error) => Err(Fault::new("changing a project", error)),
        }
    }

    /// Deletes a project, if it has not changed since it was read, and takes it off the count. Generations
    /// filed in it are left alone: ids are never used again, so a generation that names this one is in no
    /// project.
    ///
    /// # Errors
    /// A [`Fault`] if it is not known to be written.
    pub async fn delete_project(&self, project: &Project) -> Result<WriteOutcome, Fault> {
        let doing = "deleting a project";
        let delete = Delete::builder()
            .table_name(&self.tables.projects)
            .key("id", text(project.id.as_str()))
            .condition_expression("version = :version")
            .expression_attribute_values(":version", number(project.version));
        let count = Update::builder()
            .table_name(&self.tables.projects)
            .key("id", text(count_key(&Tenant::from(&project.owner))))
            .update_expression("ADD projects :less")
            .condition_expression("projects >= :one")
            .expression_attribute_values(":less", number(-1))
            .expression_attribute_values(":one", number(1));
        let mut tx = WriteTransaction::new(doing);
        tx.add(Part::Project, delete);
        tx.add(Part::ProjectCount, count);
        for team in project.grants.keys() {
            tx.add(Part::Grant, self.delete_grant(team, &project.id));
        }
        match self.commit(tx).await? {
            Commit::Done => Ok(WriteOutcome::Done),
            Commit::Busy => Ok(WriteOutcome::Stale),
            Commit::Refused(refused) if refused.has(Part::Project) => Ok(WriteOutcome::Stale),
            Commit::Refused(_) => Err(Fault::new(doing, "it was never counted")),
        }
    }
}

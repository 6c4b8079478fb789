//! The projects that are shared with teams. The project's own record names the teams, and decides. Each
//! team also has an item by which it finds the project. Both are written in one transaction, with the
//! record in the team's audit log.

use aws::Fault;
use aws_sdk_dynamodb::types::builders::DeleteBuilder;
use aws_sdk_dynamodb::types::{Delete, Put};
use domain::audit::AuditRecord;
use domain::ids::{ProjectId, TeamId};
use domain::projects::Project;
use domain::teams::Membership;

use crate::cursor::Cursor;
use crate::generations::WriteOutcome;
use crate::items::{self, GRANT_PREFIX, GrantItem, ProjectItem, number};
use crate::overwrite::Overwrite;
use crate::pages::Page;
use crate::teams::team_key;
use crate::transact::{Part, WriteTransaction};
use crate::{Recorded, Store, System};

impl Store {
    /// Shares a project with a team, as `next` says, if the project has not changed since it was read and
    /// `by` still has their role in the team.
    ///
    /// # Errors
    /// A [`Fault`] if it is not known to be written.
    pub async fn put_grant(
        &self,
        next: &Project,
        by: &Membership,
        record: AuditRecord,
    ) -> Result<Recorded<WriteOutcome>, Fault> {
        let grant = Put::builder()
            .table_name(&self.tables.teams)
            .set_item(Some(items::write(&GrantItem::new(&by.team, &next.id))?));
        let mut tx = self.regrant("sharing a project", next)?;
        tx.add(Part::Grant, grant);
        tx.add(Part::Team, self.check_team(&by.team));
        tx.add(Part::Member, self.check_member(by));
        self.commit_grant(tx, &record).await
    }

    /// Stops sharing a project with a team, as `next` says, if the project has not changed since it was
    /// read.
    ///
    /// # Errors
    /// A [`Fault`] if it is not known to be written.
    pub async fn end_grant(
        &self,
        next: &Project,
        team: &TeamId,
        record: AuditRecord,
    ) -> Result<Recorded<WriteOutcome>, Fault> {
        let mut tx = self.regrant("ending the sharing of a project", next)?;
        tx.add(Part::Grant, self.delete_grant(team, &next.id));
        self.commit_grant(tx, &record).await
    }

    fn regrant(&self, doing: &'static str, next: &Project) -> Result<WriteTransaction, Fault> {
        let write = Overwrite::by(["id"], &ProjectItem::from(next))?
            .in_transaction(&self.tables.projects)
            .condition_expression("version = :before")
            .expression_attribute_values(":before", number(next.version - 1));
        let mut tx = WriteTransaction::new(doing);
        tx.add(Part::Project, write);
        Ok(tx)
    }

    async fn commit_grant(
        &self,
        tx: WriteTransaction,
        record: &AuditRecord,
    ) -> Result<Recorded<WriteOutcome>, Fault> {
        let sent = self.commit_recorded(tx, record).await?;
        Ok(sent.map(|written| match written {
            Ok(()) => WriteOutcome::Done,
            Err(_) => WriteOutcome::Stale,
        }))
    }

    /// Builds the deletion of the item by which a team finds a project.
    pub(crate) fn delete_grant(&self, team: &TeamId, project: &ProjectId) -> DeleteBuilder {
        Delete::builder()
            .table_name(&self.tables.teams)
            .set_key(Some(team_key(team, &GrantItem::sort(project))))
    }

    /// Reads a page of the projects that are shared with a team, newest first. A project whose own record
    /// no longer names the team is left out.
    ///
    /// # Errors
    /// A [`Fault`] if they cannot be read.
    pub async fn shared_projects(
        &self,
        team: &TeamId,
        after: Option<Cursor<ProjectId>>,
        limit: u32,
    ) -> Result<Page<Project, ProjectId>, Fault> {
        let after = after.as_ref().map(|last| last.place().as_str());
        let (items, more) = self.by_id(team, GRANT_PREFIX, after, limit).await?;
        let ids = items
            .into_iter()
            .map(|item| items::read::<GrantItem>(item)?.project())
            .collect::<Result<Vec<ProjectId>, Fault>>()?;
        let next = ids.last().filter(|_| more).cloned().map(Cursor::after);
        let wanted = ids.iter().cloned().collect();
        let mut projects = self.existing_projects(System, &wanted).await?;
        let shared = ids.iter().filter_map(|id| projects.remove(id));
        let rows = shared
            .filter(|project| project.grants.contains_key(team))
            .collect();
        Ok(Page { rows, next })
    }
}

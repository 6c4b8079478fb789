//! Generations that are shared with teams. The generation's own record names the teams, and decides. Each
//! team also has an item by which it finds the generation and which says what the team is told of it. Both
//! are written in one transaction, with the record in the team's audit log.

use std::collections::BTreeSet;

use aws::Fault;
use aws_sdk_dynamodb::types::builders::{DeleteBuilder, UpdateBuilder};
use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, Update};
use domain::access::Share;
use domain::audit::AuditRecord;
use domain::generations::{Collaboration, Generation};
use domain::ids::{GenerationId, TeamId, UserId};
use domain::teams::Membership;

use crate::cursor::Cursor;
use crate::generations::WriteOutcome;
use crate::items::{self, CollaborationItem, SHARE_PREFIX, number, text};
use crate::pages::Page;
use crate::reads::keys;
use crate::teams::team_key;
use crate::transact::{Part, WriteTransaction};
use crate::{Recorded, Store};

impl Store {
    /// Shares a generation with a team, as `next` says, if the generation has not changed since it was read
    /// and each of `members` still has their role: the member who shares it, in that team and in the team
    /// that owns it.
    ///
    /// # Errors
    /// A [`Fault`] if it is not known to be written.
    pub async fn share(
        &self,
        next: &Generation,
        share: &Collaboration,
        members: &[Membership],
        record: AuditRecord,
    ) -> Result<Recorded<WriteOutcome>, Fault> {
        let put = Put::builder()
            .table_name(&self.tables.teams)
            .set_item(Some(items::write(&CollaborationItem::from(share))?));
        let mut tx = WriteTransaction::new("sharing a generation");
        tx.add(Part::Generation, self.put_shares(next));
        tx.add(Part::Share, put);
        tx.add(Part::Team, self.check_team(&share.team));
        self.commit_share(tx, members, &record).await
    }

    /// Stops sharing a generation with a team, as `next` says, if the generation has not changed since it
    /// was read and each of `members` still has their role.
    ///
    /// # Errors
    /// A [`Fault`] if it is not known to be written.
    pub async fn end_share(
        &self,
        next: &Generation,
        team: &TeamId,
        members: &[Membership],
        record: AuditRecord,
    ) -> Result<Recorded<WriteOutcome>, Fault> {
        let mut tx = WriteTransaction::new("ending the sharing of a generation");
        tx.add(Part::Generation, self.put_shares(next));
        tx.add(Part::Share, self.delete_share(team, &next.id));
        self.commit_share(tx, members, &record).await
    }

    async fn commit_share(
        &self,
        mut tx: WriteTransaction,
        members: &[Membership],
        record: &AuditRecord,
    ) -> Result<Recorded<WriteOutcome>, Fault> {
        for member in members {
            tx.add(Part::Member, self.check_member(member));
        }
        let sent = self.commit_recorded(tx, record).await?;
        Ok(sent.map(|written| match written {
            Ok(()) => WriteOutcome::Done,
            Err(_) => WriteOutcome::Stale,
        }))
    }

    /// Builds the update of the teams that a generation is shared with. It touches no attribute that a
    /// worker may be writing.
    fn put_shares(&self, next: &Generation) -> UpdateBuilder {
        let update = Update::builder()
            .table_name(&self.tables.generations)
            .key("id", text(next.id.as_str()))
            .condition_expression("version = :before")
            .expression_attribute_values(":before", number(next.version - 1))
            .expression_attribute_values(":version", number(next.version));
        if next.shares.is_empty() {
            return update.update_expression("SET version = :version REMOVE shares");
        }
        let shares = items::shares(next).into_iter();
        let shares = shares.map(|(team, attribution)| (team, text(attribution)));
        update
            .update_expression("SET version = :version, shares = :shares")
            .expression_attribute_values(":shares", AttributeValue::M(shares.collect()))
    }

    /// Builds the deletion of the item by which a team finds a generation.
    pub(crate) fn delete_share(&self, team: &TeamId, generation: &GenerationId) -> DeleteBuilder {
        Delete::builder()
            .table_name(&self.tables.teams)
            .set_key(Some(team_key(team, &CollaborationItem::sort(generation))))
    }

    /// Reads the shares through which `user` has access to a generation.
    pub(crate) async fn shares_for(
        &self,
        user: &UserId,
        generation: &Generation,
    ) -> Result<Vec<Share>, Fault> {
        let teams = generation.shares.keys().cloned().collect();
        let roles = self.roles(user, &teams).await?;
        let shares = generation.shares.iter();
        let share = |(team, attribution): (&TeamId, &_)| {
            let (role, attribution) = (*roles.get(team)?, *attribution);
            Some(Share { role, attribution })
        };
        Ok(shares.filter_map(share).collect())
    }

    /// Reads what each of `teams`, at most twenty, is told of a generation, newest first.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be read.
    pub async fn collaborations(
        &self,
        generation: &GenerationId,
        teams: &BTreeSet<TeamId>,
    ) -> Result<Vec<Collaboration>, Fault> {
        if teams.is_empty() {
            return Ok(Vec::new());
        }
        let sort = CollaborationItem::sort(generation);
        let wanted = keys(teams.iter().map(|team| team_key(team, &sort)));
        let wanted = [(self.tables.teams.as_str(), wanted)];
        let found = self.batch("reading what teams are told", wanted).await?;
        let mut shares = found
            .into_values()
            .flatten()
            .map(|item| items::read::<CollaborationItem>(item)?.try_into())
            .collect::<Result<Vec<Collaboration>, Fault>>()?;
        shares.sort_by(|one, other| {
            let place = |share: &Collaboration| (share.shared_at, share.team.clone());
            place(other).cmp(&place(one))
        });
        Ok(shares)
    }

    /// Reads a page of the generations that are shared with a team, newest first. A generation whose own
    /// record no longer names the team is left out.
    ///
    /// # Errors
    /// A [`Fault`] if they cannot be read.
    pub async fn shared_generations(
        &self,
        team: &TeamId,
        after: Option<Cursor<GenerationId>>,
        limit: u32,
    ) -> Result<Page<Generation, GenerationId>, Fault> {
        let after = after.as_ref().map(|last| last.place().as_str());
        let (found, more) = self.by_id(team, SHARE_PREFIX, after, limit).await?;
        let ids = found
            .into_iter()
            .map(|item| items::read::<CollaborationItem>(item)?.generation())
            .collect::<Result<Vec<GenerationId>, Fault>>()?;
        let next = ids.last().filter(|_| more).cloned().map(Cursor::after);
        if ids.is_empty() {
            let rows = Vec::new();
            return Ok(Page { rows, next });
        }
        let mut generations = self.generations_named(&ids).await?;
        generations.retain(|generation| generation.shares.contains_key(team));
        generations.sort_by(|one, other| other.id.cmp(&one.id));
        Ok(Page {
            rows: generations,
            next,
        })
    }
}

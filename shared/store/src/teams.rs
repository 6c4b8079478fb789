//! Teams and their members. A team is handed out only to a caller who may do the requested action with it.
//!
//! A membership is one item. It is written on condition that it is unchanged since the decision. The number
//! of a team's members and the number of a user's teams are counted in the same transactions, so both
//! limits hold however many join at once. Every write includes its record in the team's audit log.

use std::collections::HashMap;

use aws::Fault;
use aws_sdk_dynamodb::types::builders::{
    ConditionCheckBuilder, DeleteBuilder, PutBuilder, UpdateBuilder,
};
use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, Delete, Put, Update};
use domain::Refusal;
use domain::access::{self, Action, Thing};
use domain::audit::AuditRecord;
use domain::callers::Admin;
use domain::ids::{TeamId, Tenant, UserId};
use domain::teams::{Membership, Role, TEAMS_JOINED_MAX, TEAMS_OWNED_MAX, Team};

use crate::cursor::{Cursor, cut};
use crate::items::{self, COUNT, Item, MemberItem, TeamItem, number, text};
use crate::overwrite::Overwrite;
use crate::pages::Page;
use crate::reads::keys;
use crate::transact::{Part, WriteTransaction};
use crate::{Recorded, Store, System};

/// A team, and the membership of the user who reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TeamSeen {
    /// The team.
    pub team: Team,
    /// The user's membership.
    pub by: Membership,
}

/// The outcome of a write to a team.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TeamWritten {
    /// It is written.
    Done,
    /// The team or a membership has changed since it was read. Read again, and decide again.
    Stale,
    /// The account of the user who gets the team is gone or suspended.
    AccountGone,
    /// The user is in as many teams as a user may be in, or owns as many as a user may own.
    TooManyTeams,
}

impl Store {
    /// Creates a team with its owner's membership, an empty wallet, and the first record of its audit log.
    ///
    /// # Errors
    /// A [`Fault`] if it is not known to be written.
    pub async fn put_team(
        &self,
        team: &Team,
        record: AuditRecord,
    ) -> Result<Recorded<TeamWritten>, Fault> {
        let owner = Membership {
            team: team.id.clone(),
            user: team.owner.clone(),
            role: Role::Owner,
            credit_cap: None,
            joined_at: team.created_at,
        };
        let mut tx = WriteTransaction::new("making a team");
        let put = Put::builder()
            .table_name(&self.tables.teams)
            .set_item(Some(items::write(&TeamItem::from(team))?))
            .condition_expression("attribute_not_exists(team)");
        tx.add(Part::Team, put);
        tx.add(Part::Member, self.put_member(&owner)?);
        tx.add(Part::MemberCount, self.count_teams(&team.owner, 1, 1));
        tx.add(
            Part::Wallet,
            self.put_empty_wallet(&Tenant::from(&team.id))?,
        );
        tx.add(Part::Account, self.check_good_standing(&team.owner, None));
        let sent = self.commit_recorded(tx, &record).await?;
        Ok(sent.map(|written| match written {
            Ok(()) => TeamWritten::Done,
            Err(refused) if refused.has(Part::Account) => TeamWritten::AccountGone,
            // An earlier attempt was committed, but its answer was lost.
            Err(refused) if refused.has(Part::Team) => TeamWritten::Done,
            Err(_) => TeamWritten::TooManyTeams,
        }))
    }

    /// Reads the team with this id, if `caller` may do `action` in it. The team and the membership are one
    /// read.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be read; inside, the refusal if they may not.
    pub async fn team(
        &self,
        caller: &UserId,
        action: Action,
        id: &TeamId,
    ) -> Result<Result<TeamSeen, Refusal>, Fault> {
        let seen = self.team_seen(id, caller).await?;
        let role = seen.as_ref().map(|seen| seen.by.role);
        Ok(access::check(caller, action, Thing::Team(role))
            .and_then(|()| seen.ok_or(Refusal::NotFound("team"))))
    }

    /// Reads any team, for an admin of the platform.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be read.
    pub async fn any_team(&self, _: &Admin, id: &TeamId) -> Result<Option<Team>, Fault> {
        self.read_team(id).await
    }

    /// Reads the owner of any team, for a worker.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be read.
    pub async fn team_owner(&self, _: System, id: &TeamId) -> Result<Option<UserId>, Fault> {
        Ok(self.read_team(id).await?.map(|team| team.owner))
    }

    async fn read_team(&self, id: &TeamId) -> Result<Option<Team>, Fault> {
        let found = self
            .item(
                "reading a team",
                &self.tables.teams,
                [("team", id.as_str()), ("item", TeamItem::SORT)],
            )
            .await?;
        found
            .map(|item| items::read::<TeamItem>(item)?.try_into())
            .transpose()
    }

    /// Reads a team and the membership of `user`, if both exist.
    pub(crate) async fn team_seen(
        &self,
        id: &TeamId,
        user: &UserId,
    ) -> Result<Option<TeamSeen>, Fault> {
        let wanted = [TeamItem::SORT.to_owned(), MemberItem::sort(user)];
        let wanted = keys(wanted.map(|sort| team_key(id, &sort)));
        let wanted = [(self.tables.teams.as_str(), wanted)];
        let mut found = self.batch("reading a team", wanted).await?;
        let found = found.remove(&self.tables.teams).unwrap_or_default();
        let (mut team, mut by) = (None, None);
        for item in found {
            if item.get("item") == Some(&text(TeamItem::SORT)) {
                team = Some(items::read::<TeamItem>(item)?.try_into()?);
            } else {
                by = Some(items::read::<MemberItem>(item)?.try_into()?);
            }
        }
        Ok(team.zip(by).map(|(team, by)| TeamSeen { team, by }))
    }

    /// Reads a page of the teams that `user` is in, newest first.
    ///
    /// # Errors
    /// A [`Fault`] if they cannot be read.
    pub async fn teams(
        &self,
        user: &UserId,
        after: Option<Cursor<TeamId>>,
        limit: u32,
    ) -> Result<Page<TeamSeen, TeamId>, Fault> {
        let doing = "listing teams";
        // `~` sorts after every id.
        let before = after.as_ref().map_or("~", |last| last.place().as_str());
        let found = self
            .client
            .query()
            .table_name(&self.tables.teams)
            .index_name("by_user")
            .key_condition_expression("#user = :user AND team < :before")
            .expression_attribute_names("#user", "user")
            .expression_attribute_values(":user", text(user.as_str()))
            .expression_attribute_values(":before", text(before))
            .scan_index_forward(false)
            .limit(i32::try_from(limit.saturating_add(1)).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(Fault::doing(doing))?;
        let stopped_at = found.last_evaluated_key.as_ref();
        let (found, more) = cut(found.items.unwrap_or_default(), stopped_at, limit);
        let places = found
            .into_iter()
            .map(|item| items::read::<MemberItem>(item)?.try_into())
            .collect::<Result<Vec<Membership>, Fault>>()?;
        let next = places.last().filter(|_| more);
        let next = next.map(|place| Cursor::after(place.team.clone()));
        let mut teams = self.team_records(&places).await?;
        // After a team is deleted, its memberships remain for a moment.
        let seen = |by: Membership| teams.remove(&by.team).map(|team| TeamSeen { team, by });
        Ok(Page {
            rows: places.into_iter().filter_map(seen).collect(),
            next,
        })
    }

    async fn team_records(&self, places: &[Membership]) -> Result<HashMap<TeamId, Team>, Fault> {
        if places.is_empty() {
            return Ok(HashMap::new());
        }
        let wanted = places
            .iter()
            .map(|place| team_key(&place.team, TeamItem::SORT));
        let wanted = [(self.tables.teams.as_str(), keys(wanted))];
        let mut found = self.batch("reading teams", wanted).await?;
        let found = found.remove(&self.tables.teams).unwrap_or_default();
        let team = |item| {
            let team: Team = items::read::<TeamItem>(item)?.try_into()?;
            Ok((team.id.clone(), team))
        };
        found.into_iter().map(team).collect()
    }

    /// Reads a page of a team's items with sort keys of `prefix` and an id, newest first, starting below
    /// the id `after`; the flag says whether there are more.
    pub(crate) async fn by_id(
        &self,
        team: &TeamId,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<(Vec<Item>, bool), Fault> {
        // `~` sorts after every id.
        let end = format!("{prefix}{}", after.unwrap_or("~"));
        let found = self
            .client
            .query()
            .table_name(&self.tables.teams)
            .key_condition_expression("team = :team AND #item BETWEEN :first AND :end")
            .expression_attribute_names("#item", "item")
            .expression_attribute_values(":team", text(team.as_str()))
            .expression_attribute_values(":first", text(prefix))
            .expression_attribute_values(":end", text(&end))
            .scan_index_forward(false)
            .consistent_read(true)
            .limit(i32::try_from(limit.saturating_add(2)).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(Fault::doing("listing what a team has"))?;
        let stopped_at = found.last_evaluated_key.as_ref();
        let mut items = found.items.unwrap_or_default();
        // BETWEEN includes its ends, and the last row seen is one of them.
        items.retain(|item| item.get("item") != Some(&text(&end)));
        Ok(cut(items, stopped_at, limit))
    }

    /// Writes a team's next record, if the team has not changed since it was read and `by` still has their
    /// role.
    ///
    /// # Errors
    /// A [`Fault`] if it is not known to be written.
    pub async fn replace_team(
        &self,
        next: &Team,
        by: &Membership,
        record: AuditRecord,
    ) -> Result<Recorded<TeamWritten>, Fault> {
        let write = Overwrite::by(["team", "item"], &TeamItem::from(next))?
            .in_transaction(&self.tables.teams)
            .condition_expression("version = :before")
            .expression_attribute_values(":before", number(next.version - 1));
        let mut tx = WriteTransaction::new("changing a team");
        tx.add(Part::Team, write);
        tx.add(Part::Member, self.check_member(by));
        let sent = self.commit_recorded(tx, &record).await?;
        Ok(sent.map(|written| match written {
            Ok(()) => TeamWritten::Done,
            Err(_) => TeamWritten::Stale,
        }))
    }

    /// Hands a team over from its owner, who becomes an admin, to another member, whose credit cap is
    /// removed.
    ///
    /// # Errors
    /// A [`Fault`] if it is not known to be written.
    pub async fn hand_over(
        &self,
        team: &Team,
        to: &Membership,
        record: AuditRecord,
    ) -> Result<Recorded<TeamWritten>, Fault> {
        let handed = self
            .update_team(&team.id)
            .expression_attribute_values(":now", number(record.at.ms()))
            .condition_expression("version = :before")
            .expression_attribute_values(":before", number(team.version))
            .update_expression("SET #owner = :to, updated_at_ms = :now ADD version :one")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_values(":to", text(to.user.as_str()));
        let role = |user: &UserId, role: Role| {
            Update::builder()
                .table_name(&self.tables.teams)
                .set_key(Some(team_key(&team.id, &MemberItem::sort(user))))
                .expression_attribute_names("#role", "role")
                .expression_attribute_values(":role", text(role.as_str()))
        };
        let from = role(&team.owner, Role::Admin)
            .update_expression("SET #role = :role")
            .condition_expression("attribute_exists(team)");
        let into = role(&to.user, Role::Owner)
            .update_expression("SET #role = :role REMOVE credit_cap")
            .condition_expression("attribute_exists(team)");
        let mut tx = WriteTransaction::new("handing a team over");
        tx.add(Part::Team, handed);
        tx.add(Part::Member, from);
        tx.add(Part::Member, into);
        tx.add(Part::MemberCount, self.count_teams(&team.owner, -1, 0));
        tx.add(Part::MemberCount, self.count_teams(&to.user, 1, 0));
        tx.add(Part::Account, self.check_good_standing(&to.user, None));
        let sent = self.commit_recorded(tx, &record).await?;
        Ok(sent.map(|written| match written {
            Ok(()) => TeamWritten::Done,
            Err(refused) if refused.has(Part::Team) || refused.has(Part::Member) => {
                TeamWritten::Stale
            }
            Err(refused) if refused.has(Part::Account) => TeamWritten::AccountGone,
            Err(_) => TeamWritten::TooManyTeams,
        }))
    }

    /// Builds the deletion of a team's record, on condition that it has not changed since it was read.
    pub(crate) fn delete_team(&self, team: &Team) -> DeleteBuilder {
        Delete::builder()
            .table_name(&self.tables.teams)
            .set_key(Some(team_key(&team.id, TeamItem::SORT)))
            .condition_expression("version = :version")
            .expression_attribute_values(":version", number(team.version))
    }

    /// Builds the deletion of the owner's membership.
    pub(crate) fn delete_owner(&self, owner: &Membership) -> DeleteBuilder {
        Delete::builder()
            .table_name(&self.tables.teams)
            .set_key(Some(team_key(&owner.team, &MemberItem::sort(&owner.user))))
            .condition_expression("#role = :role")
            .expression_attribute_names("#role", "role")
            .expression_attribute_values(":role", text(Role::Owner.as_str()))
    }

    /// Builds the write of a new membership.
    pub(crate) fn put_member(&self, member: &Membership) -> Result<PutBuilder, Fault> {
        Ok(Put::builder()
            .table_name(&self.tables.teams)
            .set_item(Some(items::write(&MemberItem::from(member))?))
            .condition_expression("attribute_not_exists(team)"))
    }

    /// Builds the condition that a member still has the role that a decision was based on.
    pub(crate) fn check_member(&self, member: &Membership) -> ConditionCheckBuilder {
        ConditionCheck::builder()
            .table_name(&self.tables.teams)
            .set_key(Some(team_key(
                &member.team,
                &MemberItem::sort(&member.user),
            )))
            .condition_expression("#role = :role")
            .expression_attribute_names("#role", "role")
            .expression_attribute_values(":role", text(member.role.as_str()))
    }

    /// Builds the condition that the team exists.
    pub(crate) fn check_team(&self, id: &TeamId) -> ConditionCheckBuilder {
        ConditionCheck::builder()
            .table_name(&self.tables.teams)
            .set_key(Some(team_key(id, TeamItem::SORT)))
            .condition_expression("attribute_exists(team)")
    }

    /// Builds an update of a team's record without its expressions; `:one` is defined, for its version.
    pub(crate) fn update_team(&self, id: &TeamId) -> UpdateBuilder {
        Update::builder()
            .table_name(&self.tables.teams)
            .set_key(Some(team_key(id, TeamItem::SORT)))
            .expression_attribute_values(":one", number(1))
    }

    /// Builds the update that adds to the number of teams that a user owns, and is in. The numbers may be
    /// negative.
    pub(crate) fn count_teams(&self, user: &UserId, owned: i32, joined: i32) -> UpdateBuilder {
        let update = Update::builder()
            .table_name(&self.tables.teams)
            .key("team", text(user.as_str()))
            .key("item", text(COUNT))
            .update_expression("ADD owned :owned, joined :joined")
            .expression_attribute_values(":owned", number(owned))
            .expression_attribute_values(":joined", number(joined));
        let mut conditions = Vec::new();
        let mut values: Vec<(&str, AttributeValue)> = Vec::new();
        if owned > 0 {
            conditions.push("(attribute_not_exists(owned) OR owned < :owned_max)");
            values.push((":owned_max", number(TEAMS_OWNED_MAX)));
        }
        if joined > 0 {
            conditions.push("(attribute_not_exists(joined) OR joined < :joined_max)");
            values.push((":joined_max", number(TEAMS_JOINED_MAX)));
        }
        if conditions.is_empty() {
            return update.condition_expression("attribute_exists(team)");
        }
        let update = update.condition_expression(conditions.join(" AND "));
        values.into_iter().fold(update, |update, (name, value)| {
            update.expression_attribute_values(name, value)
        })
    }
}

/// Returns the key of one of a team's items.
pub(crate) fn team_key(id: &TeamId, sort: &str) -> Item {
    Item::from([
        ("team".to_owned(), text(id.as_str())),
        ("item".to_owned(), text(sort)),
    ])
}

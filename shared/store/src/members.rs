//! The memberships of a team: listing, changing and ending them.

use std::collections::HashMap;

use aws::Fault;
use aws_sdk_dynamodb::types::builders::DeleteBuilder;
use aws_sdk_dynamodb::types::{Delete, Update};
use domain::Credits;
use domain::accounts::User;
use domain::audit::AuditRecord;
use domain::ids::{TeamId, UserId};
use domain::teams::{MEMBERS_MAX, Membership, Role, Team};
use domain::time::Month;

use crate::cursor::{Cursor, Joined};
use crate::items::{self, AllowanceItem, Item, MEMBER_PREFIX, MemberItem, UserItem, number, text};
use crate::pages::Page;
use crate::reads::keys;
use crate::teams::{TeamWritten, team_key};
use crate::transact::{Commit, Part, WriteTransaction};
use crate::{Recorded, Store, System};

/// A member, as the team's other members see them.
#[derive(Debug)]
pub struct Member {
    /// Their membership of the team.
    pub membership: Membership,
    /// Their account; `None` if it was just erased.
    pub user: Option<User>,
    /// The credits of the team that they have committed this month.
    pub committed: Credits,
}

/// The way in which a membership ends.
#[derive(Clone, Copy, Debug)]
pub enum Removal<'a> {
    /// The member leaves.
    Leave,
    /// This other member removes them.
    By(&'a Membership),
}

impl Store {
    /// Reads a page of a team's members, last to join first, each with the credits that they committed in
    /// `month`. A team has at most a hundred members, so one query reads all memberships.
    ///
    /// # Errors
    /// A [`Fault`] if they cannot be read.
    pub async fn members(
        &self,
        team: &Team,
        month: Month,
        after: Option<Cursor<Joined>>,
        limit: u32,
    ) -> Result<Page<Member, Joined>, Fault> {
        let (places, mut committed) = tokio::try_join!(
            self.some_places(&team.id),
            self.committed_in(&team.id, month)
        )?;
        let joined = |place: &Membership| Joined {
            at: place.joined_at,
            user: place.user.clone(),
        };
        let is_left = |place: &Membership| {
            after
                .as_ref()
                .is_none_or(|last| joined(place) < *last.place())
        };
        let mut places: Vec<Membership> = places.into_iter().filter(is_left).collect();
        places.sort_by_key(|place| std::cmp::Reverse(joined(place)));
        let more = places.len() > limit as usize;
        places.truncate(limit as usize);
        let next = places
            .last()
            .filter(|_| more)
            .map(|last| Cursor::after(joined(last)));
        let users = places.iter().map(|place| &place.user);
        let mut users = self.users(users).await?;
        let member = |membership: Membership| Member {
            user: users.remove(&membership.user),
            committed: committed.remove(&membership.user).unwrap_or(Credits::ZERO),
            membership,
        };
        Ok(Page {
            rows: places.into_iter().map(member).collect(),
            next,
        })
    }

    /// Reads the account of a member, and the credits that they committed in `month`.
    ///
    /// # Errors
    /// A [`Fault`] if they cannot be read.
    pub async fn member(&self, membership: Membership, month: Month) -> Result<Member, Fault> {
        let (user, committed) = tokio::try_join!(
            self.user(&membership.user),
            self.committed(&membership.team, &membership.user, month)
        )?;
        Ok(Member {
            membership,
            user,
            committed,
        })
    }

    /// Reads the membership of `user` in a team, if they are in it.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be read.
    pub async fn membership(
        &self,
        team: &TeamId,
        user: &UserId,
    ) -> Result<Option<Membership>, Fault> {
        let key = [("team", team.as_str()), ("item", &MemberItem::sort(user))];
        let found = self
            .item("reading a place in a team", &self.tables.teams, key)
            .await?;
        found
            .map(|item| items::read::<MemberItem>(item)?.try_into())
            .transpose()
    }

    pub(crate) async fn some_places(&self, team: &TeamId) -> Result<Vec<Membership>, Fault> {
        let found = self.of_team(team, MEMBER_PREFIX).await?;
        found
            .into_iter()
            .map(|item| items::read::<MemberItem>(item)?.try_into())
            .collect()
    }

    /// Reads the credits that each member committed in a month, for the members who committed some.
    async fn committed_in(
        &self,
        team: &TeamId,
        month: Month,
    ) -> Result<HashMap<UserId, Credits>, Fault> {
        let prefix = AllowanceItem::prefix(month);
        let found = self.of_team(team, &prefix).await?;
        let allowance = |item| {
            let item: AllowanceItem = items::read(item)?;
            let user = item.item.strip_prefix(&prefix).and_then(UserId::parse);
            let user = user.ok_or_else(|| items::broken("member"))?;
            let committed = Credits::new(item.committed);
            Ok((user, committed.ok_or_else(|| items::broken("committed"))?))
        };
        found.into_iter().map(allowance).collect()
    }

    /// Reads a team's items whose sort keys start with `prefix`. The limit leaves room for members who left
    /// during a month.
    async fn of_team(&self, team: &TeamId, prefix: &str) -> Result<Vec<Item>, Fault> {
        let found = self
            .client
            .query()
            .table_name(&self.tables.teams)
            .key_condition_expression("team = :team AND begins_with(#item, :prefix)")
            .expression_attribute_names("#item", "item")
            .expression_attribute_values(":team", text(team.as_str()))
            .expression_attribute_values(":prefix", text(prefix))
            .consistent_read(true)
            .limit(
                i32::try_from(MEMBERS_MAX)
                    .unwrap_or(i32::MAX)
                    .saturating_mul(10),
            )
            .send()
            .await
            .map_err(Fault::doing("reading the members of a team"))?;
        Ok(found.items.unwrap_or_default())
    }

    /// Reads the accounts of `users`, at most a hundred, as far as they exist.
    async fn users(
        &self,
        users: impl Iterator<Item = &UserId>,
    ) -> Result<HashMap<UserId, User>, Fault> {
        let key = |user: &UserId| {
            Item::from([
                ("pk".to_owned(), text(user.as_str())),
                ("sk".to_owned(), text(UserItem::SORT)),
            ])
        };
        let wanted: Vec<Item> = users.map(key).collect();
        if wanted.is_empty() {
            return Ok(HashMap::new());
        }
        let wanted = [(self.tables.accounts.as_str(), keys(wanted))];
        let mut found = self.batch("reading members' accounts", wanted).await?;
        let found = found.remove(&self.tables.accounts).unwrap_or_default();
        let user = |item| {
            let user: User = items::read::<UserItem>(item)?.try_into()?;
            Ok((user.id.clone(), user))
        };
        found.into_iter().map(user).collect()
    }

    /// Writes a member's changed membership, if it has not changed since it was read and `by`, who changes
    /// it, still has their role.
    ///
    /// # Errors
    /// A [`Fault`] if it is not known to be written.
    pub async fn replace_member(
        &self,
        before: &Membership,
        next: &Membership,
        by: &Membership,
        record: AuditRecord,
    ) -> Result<Recorded<TeamWritten>, Fault> {
        let update = Update::builder()
            .table_name(&self.tables.teams)
            .set_key(Some(team_key(&next.team, &MemberItem::sort(&next.user))))
            .condition_expression("#role = :before")
            .expression_attribute_names("#role", "role")
            .expression_attribute_values(":before", text(before.role.as_str()))
            .expression_attribute_values(":role", text(next.role.as_str()));
        let update = match next.credit_cap {
            Some(cap) => update
                .update_expression("SET #role = :role, credit_cap = :cap")
                .expression_attribute_values(":cap", number(cap.get())),
            None => update.update_expression("SET #role = :role REMOVE credit_cap"),
        };
        let mut tx = WriteTransaction::new("changing a member");
        tx.add(Part::Member, update);
        if by.user != next.user {
            tx.add(Part::Member, self.check_member(by));
        }
        let sent = self.commit_recorded(tx, &record).await?;
        Ok(sent.map(|written| match written {
            Ok(()) => TeamWritten::Done,
            Err(_) => TeamWritten::Stale,
        }))
    }

    /// Ends a membership, if it has not changed since it was read and the member who ends it still has
    /// their role. An owner's membership cannot be ended: they hand the team over first.
    ///
    /// # Errors
    /// A [`Fault`] if it is not known to be written.
    pub async fn remove_member(
        &self,
        member: &Membership,
        removal: Removal<'_>,
        record: AuditRecord,
    ) -> Result<Recorded<TeamWritten>, Fault> {
        let mut tx = self.end_membership(member);
        tx.add(Part::MemberCount, self.count_teams(&member.user, 0, -1));
        if let Removal::By(by) = removal {
            tx.add(Part::Member, self.check_member(by));
        }
        let sent = self.commit_recorded(tx, &record).await?;
        Ok(sent.map(|written| match written {
            Ok(()) => TeamWritten::Done,
            Err(_) => TeamWritten::Stale,
        }))
    }

    /// Takes a user whose account is gone out of a team. Repeating it changes nothing. It leaves the count
    /// of the user's teams alone, which no longer matters and may be deleted already.
    ///
    /// # Errors
    /// A [`Fault`] if it is not known to be written.
    pub(crate) async fn forget_member(&self, _: System, member: &Membership) -> Result<(), Fault> {
        match self.commit(self.end_membership(member)).await? {
            Commit::Done | Commit::Refused(_) => Ok(()),
            Commit::Busy => Err(Fault::new("forgetting a member", "the team is busy")),
        }
    }

    /// Takes a member out of a team that is gone. Repeating it changes nothing.
    ///
    /// # Errors
    /// A [`Fault`] if it is not known to be written.
    pub(crate) async fn drop_member(&self, _: System, member: &Membership) -> Result<(), Fault> {
        let mut tx = WriteTransaction::new("dropping a member of a team that is gone");
        tx.add(Part::Member, self.delete_member(member));
        tx.add(Part::MemberCount, self.count_teams(&member.user, 0, -1));
        match self.commit(tx).await? {
            Commit::Done | Commit::Refused(_) => Ok(()),
            Commit::Busy => Err(Fault::new("dropping a member", "their count is busy")),
        }
    }

    fn end_membership(&self, member: &Membership) -> WriteTransaction {
        let fewer = self
            .update_team(&member.team)
            .update_expression("ADD members :less, version :one")
            .condition_expression("members > :one")
            .expression_attribute_values(":less", number(-1));
        let mut tx = WriteTransaction::new("ending a place in a team");
        tx.add(Part::Member, self.delete_member(member));
        tx.add(Part::Team, fewer);
        tx
    }

    fn delete_member(&self, member: &Membership) -> DeleteBuilder {
        Delete::builder()
            .table_name(&self.tables.teams)
            .set_key(Some(team_key(
                &member.team,
                &MemberItem::sort(&member.user),
            )))
            .condition_expression("#role = :role AND #role <> :owner")
            .expression_attribute_names("#role", "role")
            .expression_attribute_values(":role", text(member.role.as_str()))
            .expression_attribute_values(":owner", text(Role::Owner.as_str()))
    }

    /// Reads the credits of a team that a member committed in a month.
    async fn committed(
        &self,
        team: &TeamId,
        user: &UserId,
        month: Month,
    ) -> Result<Credits, Fault> {
        let sort = AllowanceItem::sort(month, user);
        let key = [("team", team.as_str()), ("item", sort.as_str())];
        let found = self
            .item("reading an allowance", &self.tables.teams, key)
            .await?;
        found.map_or(Ok(Credits::ZERO), committed_in)
    }
}

/// Returns the committed credits in an allowance's item.
pub(crate) fn committed_in(item: Item) -> Result<Credits, Fault> {
    let item: AllowanceItem = items::read(item)?;
    Credits::new(item.committed).ok_or_else(|| items::broken("committed"))
}

//! The roles of users in teams, for `domain::access`.

use std::collections::{BTreeSet, HashMap};

use aws::Fault;
use domain::ids::{TeamId, UserId};
use domain::teams::{Membership, Role, TEAMS_JOINED_MAX};

use crate::Store;
use crate::items::{self, Item, MemberItem, TeamItem, text};
use crate::reads::{BATCH_MAX, keys};
use crate::teams::team_key;

impl Store {
    /// Lists the teams that a user owns: at most twenty, of at most a hundred that they are in.
    ///
    /// # Errors
    /// A [`Fault`] if they cannot be read.
    pub(crate) async fn owned_teams(&self, user: &UserId) -> Result<Vec<TeamId>, Fault> {
        let places = self.teams_of(user, TEAMS_JOINED_MAX).await?.into_iter();
        let owned = places.filter(|place| place.role == Role::Owner);
        Ok(owned.map(|place| place.team).collect())
    }

    /// Lists up to `limit` memberships of a user, as the index has them.
    pub(crate) async fn teams_of(
        &self,
        user: &UserId,
        limit: u32,
    ) -> Result<Vec<Membership>, Fault> {
        let found = self
            .client
            .query()
            .table_name(&self.tables.teams)
            .index_name("by_user")
            .key_condition_expression("#user = :user")
            .expression_attribute_names("#user", "user")
            .expression_attribute_values(":user", text(user.as_str()))
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(Fault::doing("looking for a user's teams"))?;
        let places = found.items.unwrap_or_default().into_iter();
        places
            .map(|item| items::read::<MemberItem>(item)?.try_into())
            .collect()
    }

    /// Reads the roles of `user` in those of `teams` that exist and that they are a member of.
    ///
    /// # Errors
    /// A [`Fault`] if they cannot be read.
    pub async fn roles(
        &self,
        user: &UserId,
        teams: &BTreeSet<TeamId>,
    ) -> Result<HashMap<TeamId, Role>, Fault> {
        let sort = MemberItem::sort(user);
        let wanted: Vec<&TeamId> = teams.iter().collect();
        let mut roles = HashMap::new();
        for some in wanted.chunks(BATCH_MAX / 2) {
            let of_team = |team: &&TeamId| [team_key(team, TeamItem::SORT), team_key(team, &sort)];
            let wanted = keys(some.iter().flat_map(of_team));
            let wanted = [(self.tables.teams.as_str(), wanted)];
            let mut found = self.batch("reading a caller's roles", wanted).await?;
            let found = found.remove(&self.tables.teams).unwrap_or_default();
            let (teams, places): (Vec<Item>, Vec<Item>) = found
                .into_iter()
                .partition(|item| item.get("item") == Some(&text(TeamItem::SORT)));
            let is_there = |place: &Membership| {
                let id = text(place.team.as_str());
                teams.iter().any(|team| team.get("team") == Some(&id))
            };
            for place in places {
                let place: Membership = items::read::<MemberItem>(place)?.try_into()?;
                if is_there(&place) {
                    roles.insert(place.team, place.role);
                }
            }
        }
        Ok(roles)
    }
}

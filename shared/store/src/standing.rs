//! The standing of a caller before a job is opened: everything that decides whether it may be opened, in
//! one read.

use aws::Fault;
use domain::Credits;
use domain::api_keys::ApiKey;
use domain::breaker::Breaker;
use domain::callers::Caller;
use domain::catalogue::Offers;
use domain::ids::{TeamId, Tenant, UserId};
use domain::lanes::{Lane, Priority};
use domain::ledger::Wallet;
use domain::teams::Membership;
use domain::time::{Day, Month};

use crate::api_keys::record_key;
use crate::generations::IdempotencyRecord;
use crate::items::{
    self, AllowanceItem, ApiKeyItem, IdempotencyItem, Item, LaneItem, MEMBER_PREFIX, MemberItem,
    OFFERS, TeamItem, WALLET, text,
};
use crate::reads::keys;
use crate::teams::team_key;
use crate::{Store, breaker, content_refusals, generations, lanes, members, models, wallets};

/// A request to open a job.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    /// The user.
    pub caller: &'a Caller,
    /// The tenant that the job will belong to.
    pub tenant: &'a Tenant,
    /// The client's idempotency key.
    pub key: Option<&'a str>,
    /// The lane that it will wait in.
    pub lane: Lane,
    /// The line of the lane.
    pub priority: Priority,
    /// The day that refused content counts on.
    pub today: Day,
    /// The month that a member's spending counts in.
    pub month: Month,
}

/// The standing at one moment (strongly consistent, but not one snapshot).
#[derive(Debug)]
pub struct Standing {
    /// The job that the idempotency key opened before.
    pub replayed: Option<IdempotencyRecord>,
    /// The number of the author's jobs that ended today with their content refused.
    pub content_refusals: u64,
    /// The circuit breaker.
    pub breaker: Breaker,
    /// The terms on which models are offered.
    pub offers: Offers,
    /// The last turn that was handed over in the line.
    pub served: u64,
    /// The tenant's wallet.
    pub wallet: Wallet,
    /// The user's standing in the team that is to pay, if they are a member.
    pub team: Option<TeamStanding>,
    /// The API key that the caller uses, if it has a cap and its record exists.
    pub key: Option<ApiKey>,
}

/// A member's standing in a team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TeamStanding {
    /// Their membership.
    pub membership: Membership,
    /// The credits of the team that they have committed this month.
    pub committed: Credits,
}

impl Store {
    /// Reads the standing for a job that somebody asks for.
    ///
    /// # Errors
    /// A [`Fault`] if something cannot be read, or if a tenant that exists has no wallet.
    pub async fn standing(&self, asking: &Asking<'_>) -> Result<Standing, Fault> {
        let doing = "reading how things stand";
        let refused = content_refusals::item_id(&asking.caller.user, asking.today);
        let lane = LaneItem::key(asking.lane);
        let used = asking
            .key
            .map(|key| IdempotencyItem::key(asking.tenant, key));
        let ids = [refused.as_str(), breaker::KEY, &lane];
        let ids = ids.into_iter().chain(used.as_deref());
        let id = |id: &str| Item::from([("id".to_owned(), text(id))]);
        let wallet = Item::from([
            ("tenant".to_owned(), text(asking.tenant.as_str())),
            ("entry".to_owned(), text(WALLET)),
        ]);
        let tables = &self.tables;
        let mut wanted = vec![
            (tables.generations.as_str(), keys(ids.map(id))),
            (&tables.models, keys([id(OFFERS)])),
            (&tables.credits, keys([wallet])),
        ];
        if let Tenant::Team(team) = asking.tenant {
            let user = &asking.caller.user;
            let allowance = AllowanceItem::sort(asking.month, user);
            let sorts = [TeamItem::SORT, &MemberItem::sort(user), &allowance];
            let of_team = sorts.map(|sort| team_key(team, sort));
            wanted.push((&tables.teams, keys(of_team)));
        }
        let capped = asking.caller.capped_key();
        if let Some(key) = capped {
            let record = record_key(&asking.caller.user, key);
            wanted.push((&tables.accounts, keys([record])));
        }
        let mut found = self.batch(doing, wanted).await?;
        let team = read_team(found.remove(&tables.teams).unwrap_or_default())?;
        let key = found
            .remove(&tables.accounts)
            .and_then(|mut items| items.pop());
        let key = key.map(|item| ApiKey::try_from(items::read::<ApiKeyItem>(item)?));
        let key = key.transpose()?;
        let mut only = |table: &String| found.remove(table).and_then(|mut items| items.pop());
        let (offers, wallet) = (only(&tables.models), only(&tables.credits));
        let mut items = found.remove(&tables.generations).unwrap_or_default();
        let mut named = |id: &str| {
            let is_it = |item: &Item| item.get("id") == Some(&text(id));
            items
                .iter()
                .position(is_it)
                .map(|place| items.swap_remove(place))
        };
        Ok(Standing {
            replayed: match (asking.key, used.as_deref().and_then(&mut named)) {
                (Some(key), Some(item)) => Some(generations::idempotency_record(key, item)?),
                _ => None,
            },
            content_refusals: content_refusals::count_in(named(&refused))?,
            breaker: breaker::state_in(named(breaker::KEY))?,
            offers: models::offers_in(offers)?,
            served: lanes::served_in(named(&lane), asking.priority)?,
            wallet: match (wallet, asking.tenant) {
                // A team that does not exist is reported by the absence of `team`.
                (None, Tenant::Team(_)) if team.is_none() => Wallet::empty(asking.tenant.clone()),
                (wallet, tenant) => wallets::wallet_in(wallet, tenant)?,
            },
            team,
            key,
        })
    }

    /// Reads the user's standing in a team again.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be read.
    pub async fn team_standing(
        &self,
        team: &TeamId,
        user: &UserId,
        month: Month,
    ) -> Result<Option<TeamStanding>, Fault> {
        let allowance = AllowanceItem::sort(month, user);
        let sorts = [TeamItem::SORT, &MemberItem::sort(user), &allowance];
        let wanted = keys(sorts.map(|sort| team_key(team, sort)));
        let wanted = [(self.tables.teams.as_str(), wanted)];
        let mut found = self.batch("reading how a member stands", wanted).await?;
        read_team(found.remove(&self.tables.teams).unwrap_or_default())
    }
}

/// Returns a member's standing, by the items of the team, the membership and the allowance, as far as they
/// exist.
fn read_team(items: Vec<Item>) -> Result<Option<TeamStanding>, Fault> {
    let (mut is_there, mut membership, mut committed) = (false, None, Credits::ZERO);
    for item in items {
        let sort = item.get("item").and_then(|sort| sort.as_s().ok());
        let sort = sort.ok_or_else(|| items::broken("item"))?;
        if sort == TeamItem::SORT {
            is_there = true;
        } else if sort.starts_with(MEMBER_PREFIX) {
            membership = Some(items::read::<MemberItem>(item)?.try_into()?);
        } else {
            committed = members::committed_in(item)?;
        }
    }
    Ok(membership
        .filter(|_| is_there)
        .map(|membership| TeamStanding {
            membership,
            committed,
        }))
}

//! How things stand before a job is opened: everything that decides whether it may be, in one read.

use aws::Fault;
use domain::breaker::Breaker;
use domain::callers::Caller;
use domain::catalogue::Offers;
use domain::ids::Tenant;
use domain::ledger::Wallet;
use domain::time::Day;
use domain::turns::{Lane, Priority};

use crate::generations::IdempotencyRecord;
use crate::items::{IdempotencyItem, Item, LaneItem, OFFERS, WALLET, text};
use crate::reads::keys;
use crate::{Store, breaker, content_refusals, generations, lanes, models, wallets};

/// Who wants to open which kind of job.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    /// The user.
    pub caller: &'a Caller,
    /// Whose it will be.
    pub tenant: &'a Tenant,
    /// Their idempotency key.
    pub key: Option<&'a str>,
    /// Where it will wait.
    pub lane: Lane,
    /// In which line.
    pub priority: Priority,
    /// The day that refused content counts on.
    pub today: Day,
}

/// How things stood at one moment (strongly consistent, though not one snapshot).
#[derive(Debug)]
pub struct Standing {
    /// What the key opened before.
    pub replayed: Option<IdempotencyRecord>,
    /// How many of the author's jobs ended today with their content refused.
    pub content_refusals: u64,
    /// The circuit breaker.
    pub breaker: Breaker,
    /// The terms on which models are offered.
    pub offers: Offers,
    /// The last turn that was handed over in the line.
    pub served: u64,
    /// What the tenant has.
    pub wallet: Wallet,
}

impl Store {
    /// How things stand for a job that somebody asks for.
    ///
    /// # Errors
    /// A [`Fault`] if something cannot be read, and if the tenant has no wallet.
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
        let wanted = [
            (tables.generations.as_str(), keys(ids.map(id))),
            (&tables.models, keys([id(OFFERS)])),
            (&tables.credits, keys([wallet])),
        ];
        let mut found = self.batch(doing, wanted).await?;
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
            wallet: wallets::wallet_in(wallet, asking.tenant)?,
        })
    }
}

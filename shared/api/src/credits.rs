//! The wallet and the ledger as their owner sees them.

use std::collections::BTreeMap;

use domain::accounts::Scope;
use domain::callers::Caller;
use domain::ledger::{Entry, Wallet};
use domain::spending::{DAYS_MAX, OpenHold, Spent};
use domain::time::Day;
use domain::{Credits, FieldCode, FieldError, Refusal};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::endpoint::Endpoint;
use crate::list::List;
use crate::operation::{Operation, tags};
use crate::query::Query;
use crate::schema;
use crate::time;

/// The caller's wallet.
pub const BALANCE: Endpoint<Caller, Balance> = Endpoint::user("GET /credits", Scope::Read);
/// The caller's ledger, newest first.
pub const TRANSACTIONS: Endpoint<Caller, List<Transaction>> =
    Endpoint::user("GET /credits/transactions", Scope::Read);
/// The credits that are set aside for jobs in flight, newest first.
pub const HOLDS: Endpoint<Caller, List<HoldView>> =
    Endpoint::user("GET /credits/holds", Scope::Read);
/// The caller's spending, by day and by model.
pub const STATS: Endpoint<Caller, CreditStats> = Endpoint::user("GET /credits/stats", Scope::Read);

/// Describes these endpoints for the OpenAPI document.
pub(crate) fn operations() -> Vec<Operation> {
    vec![
        tags::CREDITS
            .operation(&BALANCE, "creditsBalance", "Your wallet")
            .answers("The wallet."),
        tags::CREDITS
            .operation(&TRANSACTIONS, "creditsTransactions", "Your ledger")
            .says("Append-only: the sum of its deltas is the wallet.")
            .pages()
            .answers("A page, newest first."),
        tags::CREDITS
            .operation(&HOLDS, "creditsHolds", "The credits set aside")
            .pages()
            .answers("A page, newest first."),
        tags::CREDITS
            .operation(&STATS, "creditsStats", "Your spending")
            .asks::<schema::Days>(
                "days",
                "The number of days, today included; 30 if not given.",
            )
            .answers("By day and by model."),
    ]
}

/// The number of days that `GET /credits/stats` looks back if the client gives none.
const DAYS_DEFAULT: u32 = 30;

/// Returns the amount of credits that a client wrote.
///
/// # Errors
/// The problem with `field`, unless `number` is above zero.
pub(crate) fn amount(field: &str, number: i64) -> Result<Credits, FieldError> {
    let credits = Credits::new(number).filter(|credits| *credits > Credits::ZERO);
    let message = "must be a whole number above zero";
    credits.ok_or_else(|| FieldError::new(field, FieldCode::OutOfRange, message))
}

/// `GET /credits`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Balance {
    /// Credits that can be spent.
    #[schemars(with = "schema::Credits")]
    pub available: i64,
    /// Credits that are set aside for jobs in flight.
    #[schemars(with = "schema::Credits")]
    pub held: i64,
    /// All that was ever granted or bought.
    #[schemars(with = "schema::Credits")]
    pub lifetime_granted: i64,
    /// All that was ever spent.
    #[schemars(with = "schema::Credits")]
    pub lifetime_spent: i64,
    /// The part of `available` that cannot be spent: credits whose payment was refunded or disputed after
    /// they had been spent.
    #[schemars(with = "schema::Credits")]
    pub owed: i64,
}

impl From<&Wallet> for Balance {
    fn from(wallet: &Wallet) -> Self {
        Self {
            available: wallet.available.get(),
            held: wallet.held.get(),
            lifetime_granted: wallet.lifetime_granted.get(),
            lifetime_spent: wallet.lifetime_spent.get(),
            owed: wallet.owed.get(),
        }
    }
}

/// A line of `GET /credits/transactions`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Transaction {
    /// `txn_<ulid>-<kind>`, or `txn_<ulid>-withheld` for the share of what was withheld. The same event
    /// always has the same id.
    #[schemars(with = "schema::TransactionId")]
    pub id: String,
    /// The kind of booking.
    #[schemars(with = "schema::LedgerKind")]
    pub kind: String,
    /// The credits that were booked.
    #[schemars(with = "schema::Credits")]
    pub amount: i64,
    /// The change of `available`.
    #[schemars(with = "schema::Delta")]
    pub available_delta: i64,
    /// The change of `held`.
    #[schemars(with = "schema::Delta")]
    pub held_delta: i64,
    /// The change of `owed`.
    #[schemars(with = "schema::Delta")]
    pub owed_delta: i64,
    /// `available` afterwards.
    #[schemars(with = "schema::Credits")]
    pub available_after: i64,
    /// `held` afterwards.
    #[schemars(with = "schema::Credits")]
    pub held_after: i64,
    /// The generation that it is for.
    #[schemars(with = "Option<schema::GenerationId>")]
    pub generation_id: Option<String>,
    /// The user who caused it, or `system`.
    #[schemars(with = "schema::Actor")]
    pub actor: String,
    /// One line for people.
    #[schemars(example = &"Spent on flux-dev")]
    pub description: String,
    /// The time of the booking.
    #[schemars(with = "schema::Time")]
    pub created_at: String,
}

impl From<&Entry> for Transaction {
    fn from(entry: &Entry) -> Self {
        Self {
            id: entry.id.clone(),
            kind: entry.kind.as_str().to_owned(),
            amount: entry.amount.get(),
            available_delta: entry.available_delta,
            held_delta: entry.held_delta,
            owed_delta: entry.owed_delta,
            available_after: entry.available_after.get(),
            held_after: entry.held_after.get(),
            generation_id: entry.generation.as_ref().map(ToString::to_string),
            actor: entry.actor.to_string(),
            description: entry.description.clone(),
            created_at: time::format(entry.created_at),
        }
    }
}

/// A line of `GET /credits/holds`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Hold")]
pub struct HoldView {
    /// The ledger entry that booked it: `txn_<ulid>-hold`.
    #[schemars(with = "schema::TransactionId")]
    pub id: String,
    /// Always `hold`.
    #[schemars(extend("const" = "hold"))]
    pub object: String,
    /// The generation that the credits are set aside for.
    #[schemars(with = "schema::GenerationId")]
    pub generation_id: String,
    /// The model's id.
    #[schemars(with = "schema::ModelId")]
    pub model: String,
    /// The credits that are set aside.
    #[schemars(with = "schema::Credits")]
    pub amount: i64,
    /// The time at which they were set aside.
    #[schemars(with = "schema::Time")]
    pub created_at: String,
}

impl From<&OpenHold> for HoldView {
    fn from(hold: &OpenHold) -> Self {
        Self {
            id: format!("txn_{}-hold", hold.generation.ulid()),
            object: "hold".to_owned(),
            generation_id: hold.generation.to_string(),
            model: hold.model.clone(),
            amount: hold.amount.get(),
            created_at: time::format(hold.created_at),
        }
    }
}

/// Reads the query of `GET /credits/stats`: the number of days, today included.
///
/// # Errors
/// [`Refusal::Invalid`] naming the wrong parameter.
pub fn check_days(mut query: Query) -> Result<u32, Refusal> {
    let days = query.number("days", 1..=DAYS_MAX).unwrap_or(DAYS_DEFAULT);
    query.finish(days)
}

/// `GET /credits/stats`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CreditStats {
    /// Always `credit_stats`.
    #[schemars(extend("const" = "credit_stats"))]
    pub object: String,
    /// The first day, UTC.
    #[schemars(with = "schema::Date")]
    pub from: String,
    /// The last day: today, UTC.
    #[schemars(with = "schema::Date")]
    pub to: String,
    /// All that was spent in these days.
    #[schemars(with = "schema::Credits")]
    pub spent: i64,
    /// The number of generations that they were spent on.
    #[schemars(with = "schema::Count")]
    pub generations: u64,
    /// Each day, the earliest first, including those on which nothing was spent.
    pub by_day: Vec<DayStats>,
    /// Each model that credits were spent on, the one with the highest sum first.
    pub by_model: Vec<ModelStats>,
}

/// The spending of one day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DayStats {
    /// The day, UTC: `2026-01-31`.
    #[schemars(with = "schema::Date")]
    pub date: String,
    /// The credits that were spent.
    #[schemars(with = "schema::Credits")]
    pub spent: i64,
    /// The number of generations that they were spent on.
    #[schemars(with = "schema::Count")]
    pub generations: u64,
}

/// The spending on one model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ModelStats {
    /// The model's id.
    #[schemars(with = "schema::ModelId")]
    pub model: String,
    /// The credits that were spent.
    #[schemars(with = "schema::Credits")]
    pub spent: i64,
    /// The number of generations that they were spent on.
    #[schemars(with = "schema::Count")]
    pub generations: u64,
}

impl CreditStats {
    /// Sums up the credits `spent` from `first` to `last`.
    #[must_use]
    pub fn new(first: Day, last: Day, spent: &[Spent]) -> Self {
        let mut days: BTreeMap<Day, (i64, u64)> = (first.number()..=last.number())
            .map(|number| (Day::from_number(number), (0, 0)))
            .collect();
        let mut models: BTreeMap<&str, (i64, u64)> = BTreeMap::new();
        for line in spent {
            for sum in [
                days.entry(line.day).or_default(),
                models.entry(&line.model).or_default(),
            ] {
                sum.0 += line.credits.get();
                sum.1 += line.generations;
            }
        }
        let mut by_model: Vec<_> = models
            .into_iter()
            .map(|(model, (spent, generations))| ModelStats {
                model: model.to_owned(),
                spent,
                generations,
            })
            .collect();
        by_model.sort_by_key(|model| std::cmp::Reverse(model.spent));
        Self {
            object: "credit_stats".to_owned(),
            from: time::date(first),
            to: time::date(last),
            spent: spent.iter().map(|line| line.credits.get()).sum(),
            generations: spent.iter().map(|line| line.generations).sum(),
            by_day: days
                .into_iter()
                .map(|(day, (spent, generations))| DayStats {
                    date: time::date(day),
                    spent,
                    generations,
                })
                .collect(),
            by_model,
        }
    }
}

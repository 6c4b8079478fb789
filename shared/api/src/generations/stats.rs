//! Counts and sums over many generations.

use std::collections::BTreeMap;

use crate::schema;
use domain::generations::{GenerationStats, State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `GET /generations/stats` and `GET /projects/{id}/stats`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "GenerationStats")]
pub struct StatsView {
    /// Always `generation_stats`.
    #[schemars(extend("const" = "generation_stats"))]
    pub object: String,
    /// The number of generations that were counted, beginning with the newest.
    #[schemars(with = "schema::Count")]
    pub counted: u64,
    /// Whether all generations were counted; beyond a few thousand, older ones are left out.
    pub complete: bool,
    /// The number of generations with each status.
    #[schemars(example = serde_json::json!({"succeeded": 3}))]
    pub by_status: BTreeMap<String, u64>,
    /// The number of generations of each model.
    #[schemars(example = serde_json::json!({"flux-dev": 3}))]
    pub by_model: BTreeMap<String, u64>,
    /// The number of generations of each kind.
    #[schemars(example = serde_json::json!({"image": 3}))]
    pub by_kind: BTreeMap<String, u64>,
    /// The sums of their credits.
    pub credits: CreditSums,
    /// The share that succeeded of those that succeeded or failed, in whole percent; null if there are none
    /// of either.
    #[schemars(range(max = 100), example = 98)]
    pub success_percent: Option<u64>,
    /// The number of generations that are marked as favourites.
    #[schemars(with = "schema::Count")]
    pub favorites: u64,
}

/// Sums of credits, by their state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CreditSums {
    /// Credits that are still set aside.
    #[schemars(with = "schema::Credits")]
    pub held: i64,
    /// Credits that were spent.
    #[schemars(with = "schema::Credits")]
    pub captured: i64,
    /// Credits that were given back, including the shares of withheld media.
    #[schemars(with = "schema::Credits")]
    pub released: i64,
}

impl StatsView {
    /// Returns the view of `stats`; `complete` says whether they cover every generation.
    #[must_use]
    pub fn new(stats: GenerationStats, complete: bool) -> Self {
        let count = |state: State| stats.by_status.get(state.status()).copied();
        let by_status = State::ALL.map(|state| {
            let status = state.status().to_owned();
            (status, count(state).unwrap_or(0))
        });
        Self {
            object: "generation_stats".to_owned(),
            counted: stats.total,
            complete,
            by_status: BTreeMap::from(by_status),
            success_percent: stats.success_percent(),
            by_model: stats.by_model,
            by_kind: stats.by_kind,
            credits: CreditSums {
                held: stats.held,
                captured: stats.captured,
                released: stats.released,
            },
            favorites: stats.favorites,
        }
    }
}

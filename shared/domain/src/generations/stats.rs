//! Statistics of generations. Owns the sums; refuses to know the number of generations: the caller sets the
//! bound.

use std::collections::BTreeMap;

use super::{Hold, State};
use crate::credits::Credits;

/// The counted part of a generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatsRow {
    /// The state of its job.
    pub state: State,
    /// The model's id.
    pub model: String,
    /// The model's kind, as it is stored.
    pub kind: String,
    /// The price.
    pub cost: Credits,
    /// The state of its credits.
    pub hold: Hold,
    /// The part of the cost that was released when the rest was captured.
    pub released: Credits,
    /// Whether it is a favourite.
    pub favorite: bool,
}

/// Sums over generations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GenerationStats {
    /// The number of generations.
    pub total: u64,
    /// The number with each status.
    pub by_status: BTreeMap<&'static str, u64>,
    /// The number of each model.
    pub by_model: BTreeMap<String, u64>,
    /// The number of each kind.
    pub by_kind: BTreeMap<String, u64>,
    /// Held credits.
    pub held: i64,
    /// Captured credits.
    pub captured: i64,
    /// Released credits.
    pub released: i64,
    /// The number of favourites.
    pub favorites: u64,
}

impl GenerationStats {
    /// Counts one more. Every cost is at most [`Credits::MAX`], so the sums of any list that can be read do
    /// not overflow; they saturate in any case.
    pub fn add(&mut self, counted: &StatsRow) {
        self.total += 1;
        *self.by_status.entry(counted.state.status()).or_default() += 1;
        *self.by_model.entry(counted.model.clone()).or_default() += 1;
        *self.by_kind.entry(counted.kind.clone()).or_default() += 1;
        let parts = counted.hold.parts(counted.cost, counted.released);
        for (sum, more) in [
            (&mut self.held, parts.held),
            (&mut self.captured, parts.captured),
            (&mut self.released, parts.released),
        ] {
            *sum = sum.saturating_add(more.get());
        }
        self.favorites += u64::from(counted.favorite);
    }

    /// Returns the share of succeeded generations among those that succeeded or failed, in whole percent;
    /// `None` if there are none. Cancelled ones say nothing about the rate of success.
    #[must_use]
    pub fn success_percent(&self) -> Option<u64> {
        let of = |state: State| self.by_status.get(state.status()).copied().unwrap_or(0);
        let succeeded = of(State::Succeeded);
        (succeeded * 100).checked_div(succeeded + of(State::Failed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_generation_is_counted_once_under_each_heading() {
        let mut stats = GenerationStats::default();
        assert_eq!(stats.success_percent(), None);
        for (state, hold, share, favorite) in [
            (State::Succeeded, Hold::Captured, 0, true),
            (State::Succeeded, Hold::Captured, 10, false),
            (State::Failed, Hold::Released, 0, false),
            (State::Canceled, Hold::Released, 0, false),
            (State::Submitting, Hold::Open, 0, false),
        ] {
            stats.add(&StatsRow {
                state,
                model: "flux-dev".to_owned(),
                kind: "image".to_owned(),
                cost: Credits::new(25).expect("small"),
                hold,
                released: Credits::of(share),
                favorite,
            });
        }
        assert_eq!((stats.total, stats.favorites), (5, 1));
        assert_eq!(
            (stats.held, stats.captured, stats.released),
            (25, 40, 60),
            "{stats:?}"
        );
        assert_eq!(stats.by_status["queued"], 1);
        assert_eq!(stats.by_model["flux-dev"], 5);
        assert_eq!(stats.success_percent(), Some(66));
    }
}

//! Measured durations, and the values that stand for all of them.

use std::time::Duration;

/// Durations in ascending order; there is at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Samples(Vec<Duration>);

impl Samples {
    /// Sorts `durations`; `None` when there are none.
    #[must_use]
    pub fn new(mut durations: Vec<Duration>) -> Option<Self> {
        durations.sort_unstable();
        (!durations.is_empty()).then_some(Self(durations))
    }

    /// The number of samples.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The smallest sample that is at least as long as `percent` of all.
    #[must_use]
    pub fn percentile(&self, percent: usize) -> Duration {
        let rank = (self.count() * percent).div_ceil(100);
        self.0[rank.clamp(1, self.count()) - 1]
    }

    /// The sample in the middle.
    #[must_use]
    pub fn median(&self) -> Duration {
        self.percentile(50)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(milliseconds: impl IntoIterator<Item = u64>) -> Samples {
        Samples::new(
            milliseconds
                .into_iter()
                .map(Duration::from_millis)
                .collect(),
        )
        .unwrap()
    }

    #[test]
    fn a_percentile_is_the_nearest_sample_whatever_the_order() {
        let hundred = samples((1..=100).rev());
        assert_eq!(hundred.median(), Duration::from_millis(50));
        assert_eq!(hundred.percentile(99), Duration::from_millis(99));
        assert_eq!(hundred.percentile(100), Duration::from_millis(100));
        assert_eq!(hundred.percentile(0), Duration::from_millis(1));
        assert_eq!(samples([3, 1, 2]).median(), Duration::from_millis(2));
        assert_eq!(samples([3, 1, 2]).percentile(99), Duration::from_millis(3));
    }

    #[test]
    fn one_sample_stands_for_itself_and_none_for_nothing() {
        assert_eq!(samples([7]).percentile(99), Duration::from_millis(7));
        assert_eq!(Samples::new(Vec::new()), None);
    }
}

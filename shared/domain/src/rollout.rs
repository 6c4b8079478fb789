//! The check that a change of settings has reached the functions that are deployed gradually.
//!
//! A version keeps the settings that it was published with. SAM publishes one when a function's code or its
//! part of the template changes, but not when only the value of a parameter does (measured;
//! aws/serverless-application-model#3820).

/// The deployed settings and versions, as seen at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rollout {
    /// A digest of every setting.
    pub settings: String,
    /// The published version of each function that is deployed gradually, in the template's order.
    pub versions: Vec<String>,
}

impl Rollout {
    /// Whether a setting changed after `before` without a new version of each function.
    #[must_use]
    pub fn is_stale_after(&self, before: &Self) -> bool {
        let mut kept = self.versions.iter().zip(&before.versions);
        self.settings != before.settings && kept.any(|(now, before)| now == before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rollout(settings: &str, versions: [&str; 2]) -> Rollout {
        Rollout {
            settings: settings.to_owned(),
            versions: versions.map(str::to_owned).to_vec(),
        }
    }

    #[test]
    fn a_setting_that_reached_some_functions_or_none_is_stale() {
        let before = rollout("a", ["1", "4"]);
        assert!(rollout("b", ["1", "4"]).is_stale_after(&before));
        assert!(rollout("b", ["2", "4"]).is_stale_after(&before));
    }

    #[test]
    fn a_setting_that_reached_all_and_code_alone_are_not() {
        let before = rollout("a", ["1", "4"]);
        assert!(!rollout("b", ["2", "5"]).is_stale_after(&before));
        assert!(!rollout("a", ["2", "4"]).is_stale_after(&before));
        assert!(!before.is_stale_after(&before));
    }
}

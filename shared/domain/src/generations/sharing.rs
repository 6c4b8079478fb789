//! Sharing a generation with teams. The generation's own record says which teams can see it; a second
//! record for each team says what its members are told about it.

use super::{Generation, Intent};
use crate::ids::{GenerationId, TeamId, Tenant, UserId};
use crate::refusal::Refusal;
use crate::time::Timestamp;

/// The most teams that a generation may be shared with.
pub const SHARES_MAX: usize = 20;

/// Whether a team is told the author of a generation that is shared with it, and who shared it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attribution {
    /// The team is told.
    Visible,
    /// The team is not told.
    Hidden,
}

impl Attribution {
    /// Its name in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Visible => "visible",
            Self::Hidden => "hidden",
        }
    }

    /// Returns the attribution named `text`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Visible, Self::Hidden]
            .into_iter()
            .find(|attribution| attribution.as_str() == text)
    }
}

/// A proposal to share a generation with a team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The team.
    pub team: TeamId,
    /// The purpose of the sharing.
    pub intent: Intent,
    /// The change that is asked for, or that was made.
    pub change_description: Option<String>,
    /// Whether the team is told who shares it.
    pub attribution: Attribution,
}

/// A record of a generation that is shared with a team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collaboration {
    /// The generation.
    pub generation: GenerationId,
    /// The team.
    pub team: TeamId,
    /// The user who shared it.
    pub contributor: UserId,
    /// The purpose of the sharing.
    pub intent: Intent,
    /// The change that is asked for, or that was made, in their words.
    pub change_description: Option<String>,
    /// Whether the team is told who shared it.
    pub attribution: Attribution,
    /// When it was shared.
    pub shared_at: Timestamp,
}

impl Generation {
    /// Returns the generation, shared with `team`, too.
    ///
    /// # Errors
    /// [`Refusal::Conflict`] if the team owns it, it is shared with the team already, or it is shared with
    /// the most teams already.
    pub fn shared_with(&self, team: &TeamId, attribution: Attribution) -> Result<Self, Refusal> {
        let conflict = |message: String| Err(Refusal::Conflict(message));
        if self.tenant == Tenant::from(team) {
            return conflict("it is this team's already".to_owned());
        }
        if self.shares.contains_key(team) {
            return conflict("it is shared with this team already".to_owned());
        }
        if self.shares.len() >= SHARES_MAX {
            return conflict(format!(
                "it is shared with {SHARES_MAX} teams, which is all that it may be"
            ));
        }
        let mut next = self.clone();
        next.shares.insert(team.clone(), attribution);
        next.version += 1;
        Ok(next)
    }

    /// Returns the generation, not shared with `team` any more, and whether the team was told the author;
    /// `None` if it was not shared with it.
    #[must_use]
    pub fn unshared_with(&self, team: &TeamId) -> Option<(Self, Attribution)> {
        let mut next = self.clone();
        let attribution = next.shares.remove(team)?;
        next.version += 1;
        Some((next, attribution))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::queued;
    use super::*;

    fn team(n: u128) -> TeamId {
        TeamId::new(Timestamp::from_ms(1), n)
    }

    #[test]
    fn a_generation_is_shared_once_with_each_of_so_many_teams_and_never_with_its_own() {
        let mut generation = queued();
        for n in 0..20 {
            let next = generation.shared_with(&team(n), Attribution::Visible);
            let next = next.expect("it may be shared with twenty");
            assert_eq!(next.version, generation.version + 1);
            let again = next.shared_with(&team(n), Attribution::Hidden);
            assert!(matches!(again, Err(Refusal::Conflict(_))));
            generation = next;
        }
        let one_more = generation.shared_with(&team(20), Attribution::Visible);
        assert!(matches!(one_more, Err(Refusal::Conflict(_))));
        let (ended, _) = generation.unshared_with(&team(7)).expect("it was shared");
        assert_eq!(ended.unshared_with(&team(7)), None);
        assert!(ended.shared_with(&team(20), Attribution::Visible).is_ok());
        generation.tenant = Tenant::Team(team(30));
        generation.shares.clear();
        let with_its_own = generation.shared_with(&team(30), Attribution::Visible);
        assert!(matches!(with_its_own, Err(Refusal::Conflict(_))));
    }
}

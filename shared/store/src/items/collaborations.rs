//! The items that share a generation with a team, under the team's id (`generation#gen_…`). The
//! generation's own record decides whether it is still shared.

use aws::Fault;
use domain::Timestamp;
use domain::generations::{Attribution, Collaboration, Intent};
use domain::ids::{GenerationId, TeamId, UserId};
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::{Item, broken};

/// The prefix of the sort key of every generation that is shared with a team.
pub(crate) const SHARE_PREFIX: &str = "generation#";

#[skip_serializing_none]
#[derive(Serialize, Deserialize)]
pub(crate) struct CollaborationItem {
    team: String,
    item: String,
    contributor: String,
    intent: String,
    change_description: Option<String>,
    attribution: String,
    shared_at_ms: i64,
}

impl CollaborationItem {
    /// Returns the sort key of a generation.
    pub(crate) fn sort(generation: &GenerationId) -> String {
        format!("{SHARE_PREFIX}{generation}")
    }

    /// Returns the generation.
    pub(crate) fn generation(&self) -> Result<GenerationId, Fault> {
        let id = self.item.strip_prefix(SHARE_PREFIX);
        id.and_then(GenerationId::parse)
            .ok_or_else(|| broken("item"))
    }
}

/// Returns the keys (team and sort key) of the items that share a generation with teams, given the
/// generation's item.
pub(crate) fn shares_of(generation: &Item) -> Vec<(String, String)> {
    let Some(Ok(id)) = generation.get("id").map(|id| id.as_s()) else {
        return Vec::new();
    };
    let shares = generation.get("shares").and_then(|it| it.as_m().ok());
    let teams = shares.into_iter().flat_map(|shares| shares.keys());
    teams
        .map(|team| (team.clone(), format!("{SHARE_PREFIX}{id}")))
        .collect()
}

/// Returns the generation and the team of an item that shares one, if it is such an item.
pub(crate) fn shared_by(item: &Item) -> Option<(&str, &str)> {
    let text = |name| item.get(name)?.as_s().ok();
    Some((text("item")?.strip_prefix(SHARE_PREFIX)?, text("team")?))
}

impl From<&Collaboration> for CollaborationItem {
    fn from(share: &Collaboration) -> Self {
        Self {
            team: share.team.to_string(),
            item: Self::sort(&share.generation),
            contributor: share.contributor.to_string(),
            intent: share.intent.as_str().to_owned(),
            change_description: share.change_description.clone(),
            attribution: share.attribution.as_str().to_owned(),
            shared_at_ms: share.shared_at.ms(),
        }
    }
}

impl TryFrom<CollaborationItem> for Collaboration {
    type Error = Fault;

    fn try_from(item: CollaborationItem) -> Result<Self, Fault> {
        Ok(Self {
            generation: item.generation()?,
            team: TeamId::parse(&item.team).ok_or_else(|| broken("team"))?,
            contributor: UserId::parse(&item.contributor).ok_or_else(|| broken("contributor"))?,
            intent: Intent::parse(&item.intent).ok_or_else(|| broken("intent"))?,
            change_description: item.change_description,
            attribution: Attribution::parse(&item.attribution)
                .ok_or_else(|| broken("attribution"))?,
            shared_at: Timestamp::from_ms(item.shared_at_ms),
        })
    }
}

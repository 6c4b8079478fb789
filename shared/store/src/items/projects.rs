//! Projects under their ids, and beside them the number that each tenant has (key `count#<tenant>`). The
//! sparse index `by_tenant` (tenant, id) lists only projects, because a count has no tenant attribute.

use std::collections::BTreeMap;
use std::ops::Not;

use aws::Fault;
use domain::Timestamp;
use domain::ids::{ProjectId, TeamId, Tenant, UserId};
use domain::labels::{Description, METADATA_KEYS_MAX, Metadata, Tags};
use domain::projects::{AccessLevel, Privacy, Project, ProjectDetails, ProjectName, Visibility};
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::broken;

/// Returns the key of the count of a tenant's projects, files or styles, in the respective table.
pub(crate) fn count_key(tenant: &Tenant) -> String {
    format!("count#{tenant}")
}

#[skip_serializing_none]
#[derive(Serialize, Deserialize)]
pub(crate) struct ProjectItem {
    id: String,
    tenant: String,
    name: String,
    description: Option<String>,
    visibility: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
    /// JSON text.
    metadata: Option<String>,
    #[serde(default, skip_serializing_if = "Not::not")]
    hide_from_other_teams: bool,
    #[serde(default, skip_serializing_if = "Not::not")]
    restrict_to_specific_teams: bool,
    #[serde(default, skip_serializing_if = "Not::not")]
    no_attribution: bool,
    #[serde(default, skip_serializing_if = "Not::not")]
    no_improvements: bool,
    /// Access levels by team.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    grants: BTreeMap<String, String>,
    created_at_ms: i64,
    updated_at_ms: i64,
    version: u64,
}

impl From<&Project> for ProjectItem {
    fn from(project: &Project) -> Self {
        let details = &project.details;
        let description = details.description.as_ref();
        let metadata = details.metadata.as_ref();
        Self {
            id: project.id.to_string(),
            tenant: project.owner.to_string(),
            name: details.name.as_str().to_owned(),
            description: description.map(|description| description.as_str().to_owned()),
            visibility: details.visibility.as_str().to_owned(),
            tags: details.tags.as_slice().to_vec(),
            metadata: metadata.map(|metadata| metadata.as_json().to_owned()),
            hide_from_other_teams: project.privacy.hide_from_other_teams,
            restrict_to_specific_teams: project.privacy.restrict_to_specific_teams,
            no_attribution: !project.privacy.allow_generation_attribution,
            no_improvements: !project.privacy.allow_generation_improvements,
            grants: project
                .grants
                .iter()
                .map(|(team, level)| (team.to_string(), level.as_str().to_owned()))
                .collect(),
            created_at_ms: project.created_at.ms(),
            updated_at_ms: project.updated_at.ms(),
            version: project.version,
        }
    }
}

impl TryFrom<ProjectItem> for Project {
    type Error = Fault;

    fn try_from(item: ProjectItem) -> Result<Self, Fault> {
        let description = item.description.as_deref().map(Description::parse);
        // The number of keys was checked when it was written.
        let metadata = item
            .metadata
            .map(|json| Metadata::new(json, METADATA_KEYS_MAX));
        Ok(Self {
            id: ProjectId::parse(&item.id).ok_or_else(|| broken("id"))?,
            owner: UserId::parse(&item.tenant).ok_or_else(|| broken("tenant"))?,
            details: ProjectDetails {
                name: ProjectName::parse(&item.name).map_err(|_| broken("name"))?,
                description: description.transpose().map_err(|_| broken("description"))?,
                visibility: Visibility::parse(&item.visibility)
                    .ok_or_else(|| broken("visibility"))?,
                tags: Tags::parse(&item.tags).map_err(|_| broken("tags"))?,
                metadata: metadata.transpose().map_err(|_| broken("metadata"))?,
            },
            privacy: Privacy {
                hide_from_other_teams: item.hide_from_other_teams,
                restrict_to_specific_teams: item.restrict_to_specific_teams,
                allow_generation_attribution: !item.no_attribution,
                allow_generation_improvements: !item.no_improvements,
            },
            grants: item
                .grants
                .iter()
                .map(|(team, level)| TeamId::parse(team).zip(AccessLevel::parse(level)))
                .collect::<Option<_>>()
                .ok_or_else(|| broken("grants"))?,
            created_at: Timestamp::from_ms(item.created_at_ms),
            updated_at: Timestamp::from_ms(item.updated_at_ms),
            version: item.version,
        })
    }
}

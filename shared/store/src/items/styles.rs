//! Styles under their ids, and beside them the number that each tenant has (key `count#<tenant>`). The
//! sparse index `by_tenant` (tenant, id) lists only styles, because a count has no tenant attribute.

use std::collections::BTreeMap;

use aws::Fault;
use domain::Timestamp;
use domain::ids::{StyleId, Tenant, UserId};
use domain::styles::{
    Block, BlockText, Blocks, Keywords, Style, StyleDescription, StyleDetails, StyleName, StyleTags,
};
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::broken;

#[skip_serializing_none]
#[derive(Serialize, Deserialize)]
pub(crate) struct StyleItem {
    id: String,
    tenant: String,
    made_by: String,
    name: String,
    description: Option<String>,
    /// The texts, by block.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    blocks: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    keywords: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
    created_at_ms: i64,
    updated_at_ms: i64,
    version: u64,
}

impl From<&Style> for StyleItem {
    fn from(style: &Style) -> Self {
        let details = &style.details;
        let description = details.description.as_ref();
        let texts = Block::ALL.into_iter().filter_map(|block| {
            let text = details.blocks.text(block)?;
            Some((block.as_str().to_owned(), text.to_owned()))
        });
        Self {
            id: style.id.to_string(),
            tenant: style.tenant.to_string(),
            made_by: style.made_by.to_string(),
            name: details.name.as_str().to_owned(),
            description: description.map(|description| description.as_str().to_owned()),
            blocks: texts.collect(),
            keywords: details.blocks.keywords().as_slice().to_vec(),
            tags: details.tags.as_slice().to_vec(),
            created_at_ms: style.created_at.ms(),
            updated_at_ms: style.updated_at.ms(),
            version: style.version,
        }
    }
}

impl TryFrom<StyleItem> for Style {
    type Error = Fault;

    fn try_from(item: StyleItem) -> Result<Self, Fault> {
        let description = item.description.as_deref().map(StyleDescription::parse);
        let texts = item.blocks.iter().map(|(name, text)| {
            let block = Block::parse(name)?;
            Some((block, BlockText::parse(block, text).ok()?))
        });
        let texts = texts.collect::<Option<BTreeMap<_, _>>>();
        let keywords = Keywords::parse(&item.keywords).map_err(|_| broken("keywords"))?;
        Ok(Self {
            id: StyleId::parse(&item.id).ok_or_else(|| broken("id"))?,
            tenant: Tenant::parse(&item.tenant).ok_or_else(|| broken("tenant"))?,
            made_by: UserId::parse(&item.made_by).ok_or_else(|| broken("made_by"))?,
            details: StyleDetails {
                name: StyleName::parse(&item.name).map_err(|_| broken("name"))?,
                description: description.transpose().map_err(|_| broken("description"))?,
                blocks: Blocks::new(texts.ok_or_else(|| broken("blocks"))?, keywords)
                    .map_err(|_| broken("blocks"))?,
                tags: StyleTags::parse(&item.tags).map_err(|_| broken("tags"))?,
            },
            created_at: Timestamp::from_ms(item.created_at_ms),
            updated_at: Timestamp::from_ms(item.updated_at_ms),
            version: item.version,
        })
    }
}

//! The terms that models are offered at: one item for all of them, so that the whole catalogue is one read.

use std::collections::BTreeMap;

use aws::Fault;
use domain::Credits;
use domain::catalogue::{self, Offers, PRICE_MAX, Terms};
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::broken;

/// The id of that item.
pub(crate) const OFFERS: &str = "offers";

#[derive(Serialize, Deserialize)]
pub(crate) struct OffersItem {
    id: String,
    version: u64,
    terms: BTreeMap<String, TermsItem>,
}

#[skip_serializing_none]
#[derive(Serialize, Deserialize)]
struct TermsItem {
    credits: Option<i64>,
    available: Option<bool>,
}

impl From<&Offers> for OffersItem {
    fn from(offers: &Offers) -> Self {
        let item = |terms: &Terms| TermsItem {
            credits: terms.credits.map(Credits::get),
            available: terms.available,
        };
        let terms = offers.terms.iter();
        Self {
            id: OFFERS.to_owned(),
            version: offers.version,
            terms: terms
                .map(|(id, terms)| ((*id).to_owned(), item(terms)))
                .collect(),
        }
    }
}

impl TryFrom<OffersItem> for Offers {
    type Error = Fault;

    fn try_from(item: OffersItem) -> Result<Self, Fault> {
        let mut terms = BTreeMap::new();
        for (id, set) in item.terms {
            // Terms of a model that the catalogue no longer has are ignored, and disappear with the next
            // change.
            let Some(model) = catalogue::find(&id) else {
                continue;
            };
            let price = |amount| {
                let price = Credits::new(amount).filter(|_| (1..=PRICE_MAX).contains(&amount));
                price.ok_or_else(|| broken("credits"))
            };
            let set = Terms {
                credits: set.credits.map(price).transpose()?,
                available: set.available,
            };
            terms.insert(model.id, set);
        }
        Ok(Self {
            version: item.version,
            terms,
        })
    }
}

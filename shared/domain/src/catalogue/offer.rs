//! Offers of models: the catalogue's terms, unless admins set others. Owns the price of an order and
//! whether it is taken; refuses to know who may change the terms.

use std::collections::BTreeMap;
use std::fmt;

use super::{Model, Order, find};
use crate::credits::Credits;
use crate::patch::Patch;
use crate::refusal::Refusal;

/// The highest price of a unit that an admin may set: two thousand times the highest price in the
/// catalogue. It catches slips of the keyboard.
pub const PRICE_MAX: i64 = 1_000_000;

/// The terms of a model that an admin set. A field that is `None` is as in the catalogue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// The price of one unit.
    pub credits: Option<Credits>,
    /// Whether it can be ordered.
    pub available: Option<bool>,
}

/// An admin's change of a model's terms. A field that is cleared goes back to the catalogue's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TermsChange {
    /// The price of one unit.
    pub credits: Patch<Credits>,
    /// Whether it can be ordered.
    pub available: Patch<bool>,
}

/// A model on its present terms.
#[derive(Clone, Copy, Debug)]
pub struct Offer {
    /// The model.
    pub model: &'static Model,
    /// The price of one unit.
    pub credits: Credits,
    /// Whether it can be ordered.
    pub available: bool,
}

/// A line for people and the audit log: `veo3 credits=450 available=true`.
impl fmt::Display for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (id, credits, available) = (self.model.id, self.credits, self.available);
        write!(f, "{id} credits={credits} available={available}")
    }
}

/// The terms that admins set, of all models.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offers {
    /// Incremented by each change.
    pub version: u64,
    /// The terms that are set, by the model's id.
    pub terms: BTreeMap<&'static str, Terms>,
}

impl Offers {
    /// Returns the present terms of `model`.
    #[must_use]
    pub fn of(&self, model: &'static Model) -> Offer {
        let set = self.terms(model);
        Offer {
            model,
            credits: set.credits.unwrap_or(model.credits),
            available: set.available.unwrap_or(true),
        }
    }

    /// Returns the price of `order`. A job keeps the price that it was opened at, even if the price changes
    /// later.
    ///
    /// # Errors
    /// [`Refusal::Conflict`] if its model is not offered.
    pub fn price(&self, order: &Order) -> Result<Credits, Refusal> {
        let offer = find(order.model).map(|model| self.of(model));
        let offer = offer.filter(|offer| offer.available).ok_or_else(|| {
            let message = format!("{} is not offered at the moment", order.model);
            Refusal::Conflict(message)
        })?;
        let price = offer.credits.checked_mul(order.units);
        price.ok_or_else(|| Refusal::Conflict("no wallet can hold that much".to_owned()))
    }

    /// Returns the terms after `change`; `None` if nothing changes.
    #[must_use]
    pub fn change(&self, model: &Model, change: TermsChange) -> Option<Self> {
        let before = self.terms(model);
        let after = Terms {
            credits: change.credits.apply(before.credits),
            available: change.available.apply(before.available),
        };
        if after == before {
            return None;
        }
        let mut changed = self.clone();
        changed.version += 1;
        if after == Terms::default() {
            changed.terms.remove(model.id);
        } else {
            changed.terms.insert(model.id, after);
        }
        Some(changed)
    }

    fn terms(&self, model: &Model) -> Terms {
        self.terms.get(model.id).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Asked, Value, models};
    use super::*;
    use proptest::prelude::*;

    const NOTHING: TermsChange = TermsChange {
        credits: Patch::Keep,
        available: Patch::Keep,
    };

    fn model(id: &str) -> &'static Model {
        find(id).expect("a model")
    }

    fn order(model: &'static Model, images: i64) -> Order {
        let parameters = [("num_images".to_owned(), Value::Integer(images))];
        let asked = Asked {
            prompt: Some("a lighthouse"),
            negative_prompt: None,
            parameters: &parameters,
            has_reference: false,
        };
        model.check(&asked).expect("in range")
    }

    proptest! {
        #[test]
        fn more_images_cost_that_many_times_what_one_is_offered_at(
            images in 1_i64..=4,
            set in prop::option::of(1..=PRICE_MAX),
        ) {
            let flux = model("flux-dev");
            let set = set.and_then(Credits::new);
            let change = TermsChange { credits: set.map_or(Patch::Clear, Patch::Set), ..NOTHING };
            let offers = Offers::default();
            let offers = offers.change(flux, change).unwrap_or(offers);
            let unit = set.unwrap_or(flux.credits);
            let price = offers.price(&order(flux, images)).expect("offered");
            prop_assert_eq!(price.get(), unit.get() * images);
        }
    }

    #[test]
    fn what_nobody_set_is_the_catalogues() {
        for model in models() {
            let offer = Offers::default().of(model);
            assert_eq!((offer.credits, offer.available), (model.credits, true));
        }
    }

    #[test]
    fn what_is_not_named_stays_and_null_goes_back_to_the_catalogues() {
        let flux = model("flux-dev");
        let change = |offers: &Offers, change| offers.change(flux, change).expect("a change");
        let dearer = TermsChange {
            credits: Patch::Set(Credits::of(30)),
            ..NOTHING
        };
        let off = TermsChange {
            available: Patch::Set(false),
            ..NOTHING
        };
        let set = change(&change(&Offers::default(), dearer), off);
        assert_eq!(
            set.of(flux).to_string(),
            "flux-dev credits=30 available=false"
        );
        assert!(set.price(&order(flux, 1)).is_err());
        assert!(set.price(&order(model("imagen4-ultra"), 1)).is_ok());
        for same in [dearer, off, NOTHING] {
            assert_eq!(set.change(flux, same), None);
        }
        let reset = TermsChange {
            credits: Patch::Clear,
            available: Patch::Clear,
        };
        let reset = change(&set, reset);
        assert_eq!((reset.version, reset.terms.len()), (3, 0));
        assert_eq!(reset.price(&order(flux, 1)).ok(), Some(flux.credits));
    }
}

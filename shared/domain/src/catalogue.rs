//! The catalogue of models: data, one check over it, and the terms that admins set instead.
//!
//! Owns: prices, limits, parameters, and the provider's path of each model. Refuses to know JSON, the
//! provider's protocol, and whether somebody can pay.

mod check;
mod data;
mod offer;
mod pictures;

pub use check::{Asked, Order};
pub use offer::{Offer, Offers, PRICE_MAX, Terms, TermsChange};
pub use pictures::PictureLimits;

use crate::credits::Credits;

/// The kind of media that a model makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Still pictures.
    Image,
    /// Moving pictures.
    Video,
    /// Sound.
    Audio,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Image, Self::Video, Self::Audio];

    /// The name in the API, and of the unit that a price is for.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Video => "video",
            Self::Audio => "audio",
        }
    }

    /// Returns the kind named `text`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// The value of a parameter, as a client gave it.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `null`, which no parameter takes.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction.
    Number(f64),
    /// Text.
    Text(String),
    /// A list or an object, which no parameter takes.
    Nested,
}

impl Value {
    /// Returns the whole number that it is; `None` if it is anything else.
    #[must_use]
    pub fn integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) | Self::Nested => None,
        }
    }
}

/// The values that a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Takes {
    /// `true` or `false`.
    Boolean,
    /// A whole number in a range.
    Integer {
        /// The least.
        min: i64,
        /// The most.
        max: i64,
    },
    /// A number in a range.
    Number {
        /// The least.
        min: f64,
        /// The most.
        max: f64,
    },
    /// One of these texts.
    Choice(&'static [&'static str]),
    /// The id of an uploaded image; the provider gets an address to read the image from.
    Image,
}

/// One of a model's parameters.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Its name in the API, which is the provider's, too, except for a [`Takes::Image`].
    pub name: &'static str,
    /// The provider's name.
    pub upstream: &'static str,
    /// The values that it takes.
    pub takes: Takes,
    /// Whether it must be given.
    pub required: bool,
    /// The provider's default, as JSON, for people to read. We send only the parameters that were given.
    pub default: Option<&'static str>,
    /// Its description.
    pub description: &'static str,
    /// Whether it is taken with a reference image, without one, or in both cases.
    pub when: When,
}

/// The condition on which a parameter is taken: some models are two endpoints, with and without a reference
/// image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Always.
    Always,
    /// Only together with a reference image.
    WithReference,
    /// Only without a reference image.
    WithoutReference,
}

/// Whether a model takes a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prompt {
    /// It must be given.
    Required,
    /// It may be given.
    Optional,
    /// The model does not take a prompt.
    None,
}

/// Whether a model takes a reference image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reference {
    /// The model does not take a reference image.
    None,
    /// It may be given, in this field of the provider's. The model is then at these paths.
    Optional {
        /// The provider's field.
        field: &'static str,
        /// The paths of the model with a reference image, the preferred one first.
        paths: &'static [&'static str],
    },
    /// It must be given, in this field of the provider's.
    Required {
        /// The provider's field.
        field: &'static str,
    },
}

/// A model.
#[derive(Clone, Copy, Debug)]
pub struct Model {
    /// Its id: the last segment of its route.
    pub id: &'static str,
    /// Its name for people.
    pub name: &'static str,
    /// One sentence for people.
    pub description: &'static str,
    /// The kind of media that it makes.
    pub kind: Kind,
    /// The price of one unit, unless an admin set another.
    pub credits: Credits,
    /// The time that it usually takes, in seconds.
    pub expected_s: u32,
    /// The submits in a minute that its route's throttle allows each key.
    pub rate_per_minute: u32,
    /// Whether it takes a prompt.
    pub prompt: Prompt,
    /// Whether it takes a negative prompt.
    pub negative_prompt: bool,
    /// Whether it takes a reference image.
    pub reference: Reference,
    /// Its own parameters.
    pub parameters: &'static [Parameter],
    /// The limits on pictures to start from, if the model's maker publishes them.
    pub picture_limits: Option<PictureLimits>,
    /// The provider's paths without a reference image, the preferred one first. The next path is tried only
    /// when the provider says that there is no such endpoint: providers retire models.
    pub paths: &'static [&'static str],
}

/// The longest prompt, in characters.
pub const PROMPT_CHARS_MAX: usize = 2_000;
/// The longest negative prompt, in characters.
pub const NEGATIVE_PROMPT_CHARS_MAX: usize = 1_000;
/// The parameter that multiplies the price.
pub const NUM_IMAGES: &str = "num_images";

/// Every model.
#[must_use]
pub fn models() -> &'static [Model] {
    data::MODELS
}

/// Returns the model with this id.
#[must_use]
pub fn find(id: &str) -> Option<&'static Model> {
    data::MODELS.iter().find(|model| model.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_has_the_eleven_routes_at_their_prices_and_rates() {
        let found: Vec<_> = models()
            .iter()
            .map(|model| (model.id, model.credits.get(), model.rate_per_minute))
            .collect();
        assert_eq!(
            found,
            [
                ("flux-pro-ultra", 50, 20),
                ("flux-pro-kontext", 60, 15),
                ("imagen4-ultra", 45, 20),
                ("flux-dev", 25, 25),
                ("veo3", 500, 5),
                ("minimax-hailuo", 400, 6),
                ("kling-video", 350, 6),
                ("wan-pro", 300, 6),
                ("face-swap", 30, 15),
                ("image-enhance", 20, 25),
                ("audio-gen", 40, 15),
            ]
        );
    }

    #[test]
    fn every_model_is_whole_and_never_asks_for_data_uris() {
        for model in models() {
            assert!(
                !model.paths.is_empty() && model.expected_s > 0,
                "{}",
                model.id
            );
            let mut names: Vec<_> = model
                .parameters
                .iter()
                .map(|parameter| parameter.name)
                .collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(
                names.len(),
                model.parameters.len(),
                "{} names a parameter twice",
                model.id
            );
            assert!(
                !names.contains(&"sync_mode") && !names.contains(&"enable_safety_checker"),
                "{}",
                model.id
            );
        }
    }
}

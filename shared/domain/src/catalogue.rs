//! The catalogue: which models there are, what they cost, what they take. Data, one check over it, and
//! what of it admins set otherwise.
//!
//! Owns: prices, limits, parameters, and where each model is at the provider. Refuses to know JSON, the
//! provider's protocol, and whether somebody can pay.

mod check;
mod data;
mod offer;
mod pictures;

pub use check::{Asked, Order};
pub use offer::{Offer, Offers, PRICE_MAX, Terms, TermsChange};
pub use pictures::PictureLimits;

use crate::credits::Credits;

/// What a model makes.
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

    /// The kind named `text`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// A parameter's value as a client gave it.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `null`: no parameter takes it.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction.
    Number(f64),
    /// Text.
    Text(String),
    /// A list or an object: no parameter takes one.
    Nested,
}

/// What a parameter takes.
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
    /// The id of an uploaded image; the provider gets an address to read it from.
    Image,
}

/// One of a model's parameters.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Its name, ours and the provider's (an [`Takes::Image`] has another one there).
    pub name: &'static str,
    /// The provider's name.
    pub upstream: &'static str,
    /// What it takes.
    pub takes: Takes,
    /// Whether it must be given.
    pub required: bool,
    /// What the provider does if it is not given, as JSON; for people to read.
    /// We send only what was asked for.
    pub default: Option<&'static str>,
    /// What it does.
    pub description: &'static str,
    /// Whether it goes with a reference image, without one, or both.
    pub when: When,
}

/// When a parameter is taken: some models are two endpoints, with and without a reference image.
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
    /// The model takes none.
    None,
}

/// Whether a model takes a reference image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reference {
    /// The model takes none.
    None,
    /// It may be given, as the provider's field of this name; then the model is at these paths.
    Optional {
        /// The provider's field.
        field: &'static str,
        /// Where the model is then, the preferred path first.
        paths: &'static [&'static str],
    },
    /// It must be given, as the provider's field of this name.
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
    /// What one unit costs, unless an admin set another price.
    pub credits: Credits,
    /// How long it usually takes, in seconds.
    pub expected_s: u32,
    /// How many submits a minute its route's throttle allows each key.
    pub rate_per_minute: u32,
    /// Whether it takes a prompt.
    pub prompt: Prompt,
    /// Whether it takes a negative prompt.
    pub negative_prompt: bool,
    /// Whether it takes a reference image.
    pub reference: Reference,
    /// Its own parameters.
    pub parameters: &'static [Parameter],
    /// What it asks of pictures to start from, where its maker says so.
    pub picture_limits: Option<PictureLimits>,
    /// Where it is at the provider without a reference image, the preferred path first. The next one is tried
    /// only when the provider says that there is no such endpoint: providers retire models.
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

/// The model with this id.
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

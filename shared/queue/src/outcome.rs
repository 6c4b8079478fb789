//! The outcome of a job, on the wire. A code that only a newer version knows can still be read.

use domain::generations::{Failure, FailureCode, Media, Outcome, Piece};
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

/// [`Outcome`] on the wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum WireOutcome {
    /// It made these files, in order.
    Made(Vec<WirePiece>),
    /// It was refused: a code of [`FailureCode`], and a message.
    Refused {
        /// The stable code.
        code: String,
        /// One sentence.
        message: String,
    },
}

/// [`Piece`] on the wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum WirePiece {
    /// It was made.
    Made(WireMedia),
    /// It is withheld, for a code of [`FailureCode`].
    Withheld(String),
}

/// [`Media`] on the wire.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WireMedia {
    url: String,
    content_type: Option<String>,
    width: Option<u32>,
    height: Option<u32>,
}

impl From<Outcome> for WireOutcome {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Made(pieces) => Self::Made(pieces.into_iter().map(WirePiece::from).collect()),
            Outcome::Refused(Failure { code, message }) => Self::Refused {
                code: code.as_str().to_owned(),
                message,
            },
        }
    }
}

impl From<WireOutcome> for Outcome {
    fn from(outcome: WireOutcome) -> Self {
        match outcome {
            WireOutcome::Made(pieces) => Self::Made(pieces.into_iter().map(Piece::from).collect()),
            WireOutcome::Refused { code, message } => {
                Self::Refused(Failure::new(code_of(&code), message))
            }
        }
    }
}

/// Reads a code. A code that only a newer version knows is a failure at the provider.
fn code_of(text: &str) -> FailureCode {
    FailureCode::parse(text).unwrap_or(FailureCode::ProviderError)
}

impl From<Piece> for WirePiece {
    fn from(piece: Piece) -> Self {
        match piece {
            Piece::Made(Media {
                url,
                content_type,
                width,
                height,
            }) => Self::Made(WireMedia {
                url,
                content_type,
                width,
                height,
            }),
            Piece::Withheld(code) => Self::Withheld(code.as_str().to_owned()),
        }
    }
}

impl From<WirePiece> for Piece {
    fn from(piece: WirePiece) -> Self {
        match piece {
            WirePiece::Made(WireMedia {
                url,
                content_type,
                width,
                height,
            }) => Self::Made(Media {
                url,
                content_type,
                width,
                height,
            }),
            WirePiece::Withheld(code) => Self::Withheld(code_of(&code)),
        }
    }
}

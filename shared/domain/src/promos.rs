//! Promo codes: each gives credits to a limited number of users, until it ends. Owns what makes a code
//! valid; refuses to know who redeemed it (the ledger knows: an entry's id is derived from the code and its
//! user).

use crate::credits::Credits;
use crate::ids::UserId;
use crate::refusal::{FieldCode, FieldError};
use crate::time::Timestamp;

/// The length of the shortest code. Shorter codes could be guessed.
pub const CODE_CHARS_MIN: usize = 6;
/// The longest code.
pub const CODE_CHARS_MAX: usize = 40;
/// The highest limit of redemptions of one code.
pub const REDEMPTIONS_MAX: u32 = 1_000_000;

/// A code in its normal form: upper-case letters, digits and hyphens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromoCode(String);

impl PromoCode {
    /// Reads `text` as a code, in any case and with space around it.
    ///
    /// # Errors
    /// The problem with `code`.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let text = text.trim();
        let problem = |code, message: &str| Err(FieldError::new("code", code, message));
        let is_good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        match text.chars().count() {
            0..CODE_CHARS_MIN => problem(FieldCode::TooShort, "must have at least 6 characters"),
            CODE_CHARS_MIN..=CODE_CHARS_MAX if text.bytes().all(is_good) => {
                Ok(Self(text.to_ascii_uppercase()))
            }
            CODE_CHARS_MIN..=CODE_CHARS_MAX => problem(
                FieldCode::Malformed,
                "must have only letters, digits and hyphens",
            ),
            _ => problem(FieldCode::TooLong, "must have at most 40 characters"),
        }
    }

    /// The normal form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A code with its terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promo {
    /// The code.
    pub code: PromoCode,
    /// The credits that each user gets for it, once.
    pub credits: Credits,
    /// The most users who may redeem it.
    pub max_redemptions: u32,
    /// The number of users who redeemed it.
    pub redeemed: u32,
    /// When it ends, if it does.
    pub expires_at: Option<Timestamp>,
    /// The admin who made it.
    pub created_by: UserId,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Promo {
    /// Whether it can be redeemed `now`.
    #[must_use]
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.redeemed < self.max_redemptions && self.expires_at.is_none_or(|at| now < at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_one_however_it_is_written() {
        let code = PromoCode::parse(" Spring-2030 ").expect("valid");
        assert_eq!(code.as_str(), "SPRING-2030");
        for bad in [
            "",
            "ABC",
            "with space",
            "ÄÖÜÄÖÜ",
            "a_b_c_d",
            &"A".repeat(41),
        ] {
            assert!(PromoCode::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_code_ends_when_it_is_used_up_or_its_time_is() {
        let now = Timestamp::from_ms(1_000);
        let promo = |redeemed, expires_at| Promo {
            code: PromoCode::parse("SPRING").expect("valid"),
            credits: Credits::of(5),
            max_redemptions: 2,
            redeemed,
            expires_at,
            created_by: UserId::new(now, 1),
            created_at: now,
        };
        assert!(promo(1, None).is_open(now));
        assert!(!promo(2, None).is_open(now));
        assert!(promo(0, Some(Timestamp::from_ms(1_001))).is_open(now));
        assert!(!promo(0, Some(now)).is_open(now));
    }
}

//! Refunds: giving back credits that were spent on a delivered generation.
//!
//! Owns the rules that a refund happens at most once and never exceeds the captured credits. Its media stay
//! with their owner.

use super::Generation;
use crate::credits::Credits;
use crate::refusal::{FieldCode, FieldError, Refusal};

impl Generation {
    /// Returns the record after a refund of `amount`, or of everything that was spent on it, and the amount
    /// of the refund.
    ///
    /// # Errors
    /// [`Refusal::Conflict`] if nothing was spent on it, or a part was given back before, and
    /// [`Refusal::Invalid`] if `amount` is more than was spent.
    pub fn refund(&self, amount: Option<Credits>) -> Result<(Self, Credits), Refusal> {
        let spent = self.parts().captured;
        if spent == Credits::ZERO {
            let refusal = "no credits were spent on this generation";
            return Err(Refusal::Conflict(refusal.to_owned()));
        }
        if self.refunded > Credits::ZERO {
            let refusal = format!("{} credits were refunded before", self.refunded);
            return Err(Refusal::Conflict(refusal));
        }
        let amount = amount.unwrap_or(spent);
        if amount > spent {
            let message = format!("must be at most {spent}, which was spent on it");
            let error = FieldError::new("amount", FieldCode::OutOfRange, message);
            return Err(Refusal::Invalid(vec![error]));
        }
        let next = Self {
            refunded: amount,
            ..self.next()
        };
        Ok((next, amount))
    }
}

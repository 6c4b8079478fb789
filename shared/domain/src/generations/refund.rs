//! Giving back what was spent on a generation that was delivered.
//!
//! Owns that it happens at most once, and never gives more than was spent. Its media stay with their owner.

use super::Generation;
use crate::credits::Credits;
use crate::refusal::{FieldCode, FieldError, Refusal};

impl Generation {
    /// The record once `amount` of what was spent on it is given back, or all of that; and how much that is.
    ///
    /// # Errors
    /// [`Refusal::Conflict`] if nothing was spent on it, or some of it was given back before, and
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

//! Hash chains, which make lists of records tamper-evident: each record has a hash over itself and the
//! previous hash.
//!
//! Owns the encoding that is hashed, and the names of the flaws of a chain. Every field is written after
//! its length, so that two different records are never the same bytes. Refuses to know what is chained: the
//! ledger and the audit log are. A chain reveals that a record was changed, removed, swapped or inserted,
//! unless everything after it was rewritten, too. Against that, reconciliation keeps checkpoints in a place
//! where no other function can write.

use sha2::{Digest as _, Sha256};

/// The hash of a record, and through it of everything before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link([u8; 32]);

impl Link {
    /// The link before the first record.
    pub const START: Self = Self([0; 32]);

    /// The link with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// A record that is being hashed.
pub(crate) struct Encoding(Sha256);

impl Encoding {
    /// Begins a record that follows `previous`; `form` names the kind of record and the version of its
    /// encoding.
    pub(crate) fn after(previous: Link, form: &'static str) -> Self {
        Self(Sha256::new()).bytes(&previous.0).text(form)
    }

    /// Adds a field that is text.
    pub(crate) fn text(self, text: &str) -> Self {
        self.bytes(text.as_bytes())
    }

    /// Adds a field that is a number.
    pub(crate) fn number(self, number: i64) -> Self {
        self.bytes(&number.to_be_bytes())
    }

    /// Adds a field that is a count.
    pub(crate) fn count(self, count: u64) -> Self {
        self.bytes(&count.to_be_bytes())
    }

    /// Adds a field that may be missing; a missing field differs from an empty one.
    pub(crate) fn optional(self, text: Option<&str>) -> Self {
        match text {
            None => self.bytes(&[0]),
            Some(text) => self.bytes(&[1]).text(text),
        }
    }

    /// Returns the hash of all fields.
    pub(crate) fn link(self) -> Link {
        Link(self.0.finalize().into())
    }

    fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.update((bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
        self
    }
}

/// A flaw of a record, seen from the records before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Its place is not the next one: a record is missing or duplicated.
    OutOfPlace,
    /// Its hash is not the hash of its fields and of the previous hash.
    Altered,
    /// Its amounts do not follow from its kind, or the balance would be negative.
    Amounts,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moving_a_character_between_fields_makes_another_hash() {
        let one = Encoding::after(Link::START, "t").text("ab").text("c");
        let two = Encoding::after(Link::START, "t").text("a").text("bc");
        assert_ne!(one.link(), two.link());
        let none = Encoding::after(Link::START, "t").optional(None);
        let empty = Encoding::after(Link::START, "t").optional(Some(""));
        assert_ne!(none.link(), empty.link());
    }
}

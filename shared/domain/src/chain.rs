//! What makes a list of records tamper-evident: each one carries a hash over itself and the hash before it.
//!
//! Owns the encoding that is hashed, and the names of what can be wrong with a chain. Every field is written
//! with its length before it, so that no two different records are the same bytes. Refuses to know what is
//! chained: the ledger and the audit log are. A chain finds out whoever changes, removes, swaps or inserts a
//! record without the right to rewrite everything after it; against that, reconciliation keeps checkpoints
//! where no other function can write.

use sha2::{Digest as _, Sha256};

/// The hash of a record, and through it of everything before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link([u8; 32]);

impl Link {
    /// What the first record follows.
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

/// A record on its way into its hash.
pub(crate) struct Encoding(Sha256);

impl Encoding {
    /// A record that follows `previous`; `form` names the kind of record and the version of its encoding.
    pub(crate) fn after(previous: Link, form: &'static str) -> Self {
        Self(Sha256::new()).bytes(&previous.0).text(form)
    }

    /// A field that is text.
    pub(crate) fn text(self, text: &str) -> Self {
        self.bytes(text.as_bytes())
    }

    /// A field that is a number.
    pub(crate) fn number(self, number: i64) -> Self {
        self.bytes(&number.to_be_bytes())
    }

    /// A field that counts.
    pub(crate) fn count(self, count: u64) -> Self {
        self.bytes(&count.to_be_bytes())
    }

    /// A field that may be missing, which is not the same as empty.
    pub(crate) fn optional(self, text: Option<&str>) -> Self {
        match text {
            None => self.bytes(&[0]),
            Some(text) => self.bytes(&[1]).text(text),
        }
    }

    /// The hash of all fields.
    pub(crate) fn link(self) -> Link {
        Link(self.0.finalize().into())
    }

    fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.update((bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
        self
    }
}

/// What is wrong with a record, seen from the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// It has another place than the next one: one is missing, or one is there twice.
    OutOfPlace,
    /// Its hash is not the hash of what it says and of what came before.
    Altered,
    /// What it did is not what its kind and its amount say, or would leave less than nothing.
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

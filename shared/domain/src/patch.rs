//! A change of one field that may be empty.
//!
//! Owns the difference between a field that nobody named and one that was named to be emptied. Refuses to
//! know how a change is written, and of which field it is.

/// A change of a field that may be empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Patch<T> {
    /// It stays as it is.
    #[default]
    Keep,
    /// It is emptied.
    Clear,
    /// It has this value from now on.
    Set(T),
}

impl<T> Patch<T> {
    /// Whether nothing changes.
    #[must_use]
    pub const fn is_keep(&self) -> bool {
        matches!(self, Self::Keep)
    }

    /// The same change of what `read` makes of the value.
    pub fn map<'a, U>(&'a self, read: impl FnOnce(&'a T) -> U) -> Patch<U> {
        match self {
            Self::Keep => Patch::Keep,
            Self::Clear => Patch::Clear,
            Self::Set(value) => Patch::Set(read(value)),
        }
    }

    /// The field after this change.
    #[must_use]
    pub fn apply(self, before: Option<T>) -> Option<T> {
        match self {
            Self::Keep => before,
            Self::Clear => None,
            Self::Set(value) => Some(value),
        }
    }

    /// The new value of a field that is never empty: clearing it gives it its default. `None` if it stays.
    #[must_use]
    pub fn or_default(self) -> Option<T>
    where
        T: Default,
    {
        match self {
            Self::Keep => None,
            Self::Clear => Some(T::default()),
            Self::Set(value) => Some(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_kept_cleared_or_set() {
        for before in [None, Some(1)] {
            assert_eq!(Patch::Keep.apply(before), before);
            assert_eq!(Patch::Clear.apply(before), None);
            assert_eq!(Patch::Set(2).apply(before), Some(2));
        }
        let new: [Patch<u8>; 3] = [Patch::default(), Patch::Clear, Patch::Set(2)];
        assert_eq!(new.map(Patch::or_default), [None, Some(0), Some(2)]);
    }
}

//! The cursors of lists. A cursor is opaque, typed, and bound to its caller and query by a digest, so a
//! cursor that was altered or used for another list is recognised. It grants nothing: the query stays in
//! its caller's own partition, so the digest needs no key. Anybody can therefore seal a cursor, and a place
//! that no row of the list can have is refused like an altered one.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::Refusal;
use domain::Timestamp;
use domain::ids::{
    EventId, FileId, GenerationId, InvitationId, KeyId, ProjectId, StyleId, TeamId, UserId,
    WebhookEndpointId,
};
use sha2::{Digest as _, Sha256};

use crate::items::Item;

const DIGEST_BYTES: usize = 12;
const CURSOR_CHARS_MAX: usize = 256;

/// The value that the rows of a list are sorted by.
pub trait Place: Sized {
    /// Reads the place written as `text`, if a row can have it.
    fn read(text: &str) -> Option<Self>;
    /// Writes the place. There is only one way to write it.
    fn write(&self) -> String;
}

/// The place of a row with a number, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sequence(u64);

impl Sequence {
    /// Returns the place of row `number`.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// Returns the number of the row.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
}

impl Place for Sequence {
    fn read(text: &str) -> Option<Self> {
        let number: u64 = text.parse().ok()?;
        let is_possible = (1..=i64::MAX.unsigned_abs()).contains(&number);
        // There is only one way to write a number: no sign and no leading zeros.
        (is_possible && number.to_string() == text).then_some(Self(number))
    }

    fn write(&self) -> String {
        self.0.to_string()
    }
}

macro_rules! place_by_id {
    ($($id:ident),+) => {$(
        impl Place for $id {
            fn read(text: &str) -> Option<Self> {
                Self::parse(text)
            }

            fn write(&self) -> String {
                self.to_string()
            }
        }
    )+};
}

place_by_id!(
    EventId,
    FileId,
    GenerationId,
    InvitationId,
    KeyId,
    ProjectId,
    StyleId,
    TeamId,
    WebhookEndpointId
);

/// The place of a member in a team: members are sorted by the time at which they joined.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Joined {
    /// The time.
    pub at: Timestamp,
    /// The member, which tells members apart who joined at the same moment.
    pub user: UserId,
}

impl Place for Joined {
    fn read(text: &str) -> Option<Self> {
        let (at, user) = text.split_once('/')?;
        Some(Self {
            at: Timestamp::from_ms(i64::try_from(Sequence::read(at)?.number()).ok()?),
            user: UserId::parse(user)?,
        })
    }

    fn write(&self) -> String {
        format!("{}/{}", self.at.ms(), self.user)
    }
}

/// A place in a list: the place of the last row seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor<P>(P);

impl<P: Place> Cursor<P> {
    /// Returns the cursor that continues after the row at `place`.
    pub const fn after(place: P) -> Self {
        Self(place)
    }

    /// Returns the place of the last row seen.
    pub const fn place(&self) -> &P {
        &self.0
    }

    /// Returns the cursor in the form that the client gets; `binding` names the caller and the query.
    #[must_use]
    pub fn seal(&self, binding: &str) -> String {
        seal(binding, &self.0.write())
    }

    /// Reads a cursor that a client sent.
    ///
    /// # Errors
    /// [`Refusal::InvalidCursor`] if the cursor was not sealed with this `binding`, or if no row of the
    /// list can be at its place.
    pub fn open(text: &str, binding: &str) -> Result<Self, Refusal> {
        let refuse = || Refusal::InvalidCursor;
        if text.len() > CURSOR_CHARS_MAX {
            return Err(refuse());
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| refuse())?;
        let (sealed, place) = bytes.split_at_checked(DIGEST_BYTES).ok_or_else(refuse)?;
        let place = std::str::from_utf8(place).map_err(|_| refuse())?;
        if sealed != digest(binding, place) {
            return Err(refuse());
        }
        P::read(place).map(Self).ok_or_else(refuse)
    }
}

/// Returns the first `limit` of the items that a query found, and whether there are more: the query found
/// more than that, or the database stopped before the end of the list, as it does after 1 MB.
pub(crate) fn cut(
    mut found: Vec<Item>,
    stopped_at: Option<&Item>,
    limit: u32,
) -> (Vec<Item>, bool) {
    let more = found.len() > limit as usize || stopped_at.is_some();
    found.truncate(limit as usize);
    (found, more)
}

fn seal(binding: &str, place: &str) -> String {
    let mut bytes = digest(binding, place).to_vec();
    bytes.extend_from_slice(place.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

fn digest(binding: &str, place: &str) -> [u8; DIGEST_BYTES] {
    let full = Sha256::new()
        .chain_update((binding.len() as u64).to_be_bytes())
        .chain_update(binding)
        .chain_update(place)
        .finalize();
    let mut short = [0; DIGEST_BYTES];
    short.copy_from_slice(&full[..DIGEST_BYTES]);
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Timestamp;
    use proptest::prelude::*;

    fn place() -> GenerationId {
        GenerationId::new(Timestamp::from_ms(1), 2)
    }

    #[test]
    fn a_cursor_opens_only_for_the_list_it_came_from_and_only_unaltered() {
        let open = |text: &str, binding: &str| Cursor::<GenerationId>::open(text, binding);
        let sealed = Cursor::after(place()).seal("usr_1?model=veo3");
        assert_eq!(
            open(&sealed, "usr_1?model=veo3"),
            Ok(Cursor::after(place()))
        );
        assert_eq!(
            open(&sealed, "usr_2?model=veo3"),
            Err(Refusal::InvalidCursor)
        );
        for at in 0..sealed.len() {
            let mut altered = sealed.clone().into_bytes();
            altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
            let altered = String::from_utf8(altered).expect("ASCII");
            let opened = open(&altered, "usr_1?model=veo3");
            assert_eq!(opened, Err(Refusal::InvalidCursor), "{altered}");
        }
        for junk in ["", "x", "💥", &"A".repeat(10_000)] {
            assert_eq!(open(junk, "usr_1"), Err(Refusal::InvalidCursor));
        }
    }

    #[test]
    fn a_place_that_no_row_can_have_is_refused_whoever_sealed_it() {
        let refused = Err(Refusal::InvalidCursor);
        for forged in [
            "",
            "x",
            "0",
            "-1",
            "+1",
            "01",
            "1.0",
            "~",
            "head",
            "9223372036854775808",
            "18446744073709551616",
        ] {
            let opened = Cursor::<Sequence>::open(&seal("b", forged), "b");
            assert_eq!(
                opened,
                refused.clone().map(|()| Cursor::after(Sequence(1))),
                "{forged}"
            );
        }
        let other = KeyId::new(Timestamp::from_ms(1), 2).to_string();
        for forged in ["", "~", "gen_", &other, "gen_01arz3ndektsv4rrffq69g5fav"] {
            let opened = Cursor::<GenerationId>::open(&seal("b", forged), "b");
            assert_eq!(opened, Err(Refusal::InvalidCursor), "{forged}");
        }
        let opened = Cursor::<Sequence>::open(&seal("b", "9223372036854775807"), "b");
        assert!(opened.is_ok());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]
        #[test]
        fn whatever_is_sealed_opens_as_a_place_that_a_row_can_have_or_not_at_all(
            place in prop_oneof![
                "\\PC*",
                "[-+]?[0-9]{1,22}",
                "(gen|key|prj|usr)_[0-9A-HJKMNP-TV-Z]{26}",
            ]
        ) {
            let sealed = seal("usr_1/list", &place);
            if let Ok(opened) = Cursor::<Sequence>::open(&sealed, "usr_1/list") {
                prop_assert!(opened.place().number() >= 1);
                prop_assert!(i64::try_from(opened.place().number()).is_ok());
                prop_assert_eq!(opened.seal("usr_1/list"), sealed.clone());
            }
            if let Ok(opened) = Cursor::<GenerationId>::open(&sealed, "usr_1/list") {
                prop_assert_eq!(opened.place().as_str(), place.as_str());
                prop_assert!(place.starts_with(GenerationId::PREFIX));
            }
        }
    }

    #[test]
    fn what_the_database_held_back_is_more() {
        let item = || Item::from([("id".to_owned(), crate::items::text("x"))]);
        assert!(!cut(vec![item(), item()], None, 2).1);
        assert_eq!(
            cut(vec![item(), item(), item()], None, 2),
            (vec![item(), item()], true)
        );
        assert_eq!(cut(vec![item()], Some(&item()), 2), (vec![item()], true));
    }
}

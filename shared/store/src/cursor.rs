//! Where a list goes on. A cursor is opaque and bound to its caller and query by a digest, so one that was altered or
//! carried to another list is recognised. It grants nothing: whatever it says, the query stays in its caller's own
//! partition, which is why the digest needs no key.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::Refusal;
use sha2::{Digest as _, Sha256};

const DIGEST_BYTES: usize = 12;
const CURSOR_CHARS_MAX: usize = 256;

/// A place in a list: the sort key of the last thing seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(String);

impl Cursor {
    /// The place after the thing whose sort key is `position`.
    pub(crate) fn after(position: impl Into<String>) -> Self {
        Self(position.into())
    }

    pub(crate) fn position(&self) -> &str {
        &self.0
    }

    /// The cursor as the client sees it; `binding` names the caller and the query.
    #[must_use]
    pub fn seal(&self, binding: &str) -> String {
        let mut bytes = digest(binding, &self.0).to_vec();
        bytes.extend_from_slice(self.0.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The place that the client's `text` stands for.
    ///
    /// # Errors
    /// [`Refusal::InvalidCursor`] if it was not sealed with this `binding`.
    pub fn open(text: &str, binding: &str) -> Result<Self, Refusal> {
        let refuse = || Refusal::InvalidCursor;
        if text.len() > CURSOR_CHARS_MAX {
            return Err(refuse());
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| refuse())?;
        let (sealed, position) = bytes.split_at_checked(DIGEST_BYTES).ok_or_else(refuse)?;
        let position = std::str::from_utf8(position).map_err(|_| refuse())?;
        if sealed == digest(binding, position) {
            Ok(Self(position.to_owned()))
        } else {
            Err(refuse())
        }
    }
}

fn digest(binding: &str, position: &str) -> [u8; DIGEST_BYTES] {
    let full = Sha256::new()
        .chain_update((binding.len() as u64).to_be_bytes())
        .chain_update(binding)
        .chain_update(position)
        .finalize();
    let mut short = [0; DIGEST_BYTES];
    short.copy_from_slice(&full[..DIGEST_BYTES]);
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_opens_only_for_the_list_it_came_from_and_only_unaltered() {
        let sealed = Cursor::after("gen_1").seal("usr_1?model=veo3");
        assert_eq!(
            Cursor::open(&sealed, "usr_1?model=veo3"),
            Ok(Cursor::after("gen_1"))
        );
        assert_eq!(
            Cursor::open(&sealed, "usr_2?model=veo3"),
            Err(Refusal::InvalidCursor)
        );
        for at in 0..sealed.len() {
            let mut altered = sealed.clone().into_bytes();
            altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
            let altered = String::from_utf8(altered).expect("ASCII");
            assert_eq!(
                Cursor::open(&altered, "usr_1?model=veo3"),
                Err(Refusal::InvalidCursor),
                "{altered}"
            );
        }
        for junk in ["", "x", "💥", &"A".repeat(10_000)] {
            assert_eq!(Cursor::open(junk, "usr_1"), Err(Refusal::InvalidCursor));
        }
    }
}

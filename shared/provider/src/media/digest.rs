//! The SHA-256 of a file that is read in several runs. Owns the form in which its state is stored between
//! runs.

use sha2_resumable::digest::common::hazmat::{SerializableState, SerializedState};
use sha2_resumable::{Digest as _, Sha256};

/// The prefix of the text of a digest. The library only promises to read states that a release of the same
/// `0.x` wrote.
const WRITTEN_BY: &str = "sha2-0.11:";

/// The SHA-256 of the bytes read so far.
#[derive(Clone, Debug, Default)]
pub struct RunningDigest(Sha256);

impl RunningDigest {
    /// Reads a digest from the text of [`to_text`](Self::to_text); `None` if the text is malformed, or was
    /// written by a release with another form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = hex::decode(text.strip_prefix(WRITTEN_BY)?).ok()?;
        let state = SerializedState::<Sha256>::try_from(bytes.as_slice()).ok()?;
        Sha256::deserialize(&state).ok().map(Self)
    }

    /// Returns the state as text of about 220 characters, to be continued later. It may contain the last 63
    /// bytes that were read.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!("{WRITTEN_BY}{}", hex::encode(self.0.serialize()))
    }

    /// Adds bytes to the digest.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Returns the digest of all bytes in hexadecimal.
    #[must_use]
    pub fn finish(self) -> String {
        hex::encode(self.0.finalize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computes the digest with another release of the library.
    fn sha256(bytes: &[u8]) -> String {
        hex::encode(<sha2::Sha256 as sha2::Digest>::digest(bytes))
    }

    #[test]
    fn a_digest_that_is_taken_up_again_equals_the_whole_ones() {
        let bytes: Vec<u8> = (0..1_000u32).map(|n| (n % 251) as u8).collect();
        let whole = sha256(&bytes);
        // At and around every border of a block, which has 64 bytes.
        for stop in (0..=bytes.len()).filter(|stop| matches!(stop % 64, 0 | 1 | 55 | 56 | 63)) {
            let mut first = RunningDigest::default();
            first.update(&bytes[..stop]);
            let mut second = RunningDigest::parse(&first.to_text()).unwrap();
            second.update(&bytes[stop..]);
            assert_eq!(second.finish(), whole, "stopped at {stop}");
        }
    }

    #[test]
    fn a_digest_is_stopped_as_often_as_it_takes() {
        let mut digest = RunningDigest::default();
        for byte in b"a file that arrives byte by byte" {
            digest.update(&[*byte]);
            digest = RunningDigest::parse(&digest.to_text()).unwrap();
        }
        let whole = sha256(b"a file that arrives byte by byte");
        assert_eq!(digest.finish(), whole);
    }

    #[test]
    fn the_form_of_what_waits_does_not_change_unnoticed() {
        let mut digest = RunningDigest::default();
        digest.update(b"abc");
        let text = digest.to_text();
        assert!(text.starts_with(
            "sha2-0.11:67e6096a85ae67bb72f36e3c3af54fa57f520e518c68059babd9831f19cde05b"
        ));
        assert_eq!(text.len(), WRITTEN_BY.len() + 2 * 104);
    }

    #[test]
    fn what_is_no_digest_is_refused() {
        let text = RunningDigest::default().to_text();
        let (cut, other) = (&text[..text.len() - 2], text.replace("0.11", "0.12"));
        let impossible = format!("{WRITTEN_BY}{}", "ff".repeat(104));
        for wrong in ["", "sha2-0.11:", "sha2-0.11:xx", cut, &other, &impossible] {
            assert!(RunningDigest::parse(wrong).is_none(), "{wrong}");
        }
    }
}

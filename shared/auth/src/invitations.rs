//! The token in an invitation's letter: `it_<team>_<invitation>_<256 random bits>`.
//!
//! Team and invitation are readable, so that finding the invitation is one read. The secret alone proves
//! the token, and only a digest of it is ever stored.

use std::fmt;

use domain::ids::{InvitationId, TeamId};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::CryptoFault;
use crate::opaque::Bits;

const PREFIX: &str = "it_";
/// `it_`, the team's and the invitation's ULIDs, each with a `_`, and 32 bytes in base64url.
const TOKEN_CHARS: usize = PREFIX.len() + 26 + 1 + 26 + 1 + 43;

/// The token of one letter.
pub struct InvitationToken {
    team: TeamId,
    invitation: InvitationId,
    secret: Bits,
}

impl InvitationToken {
    /// Makes a fresh token of an invitation.
    ///
    /// # Errors
    /// A [`CryptoFault`] if the operating system has no randomness.
    pub fn generate(team: TeamId, invitation: InvitationId) -> Result<Self, CryptoFault> {
        let secret = Bits::generate()?;
        Ok(Self {
            team,
            invitation,
            secret,
        })
    }

    /// Reads `text` as a token.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != TOKEN_CHARS {
            return None;
        }
        let mut parts = text.strip_prefix(PREFIX)?.splitn(3, '_');
        let (team, invitation, secret) = (parts.next()?, parts.next()?, parts.next()?);
        let team = TeamId::parse(&format!("{}{team}", TeamId::PREFIX))?;
        let invitation = InvitationId::parse(&format!("{}{invitation}", InvitationId::PREFIX))?;
        Bits::read(secret).map(|secret| Self {
            team,
            invitation,
            secret,
        })
    }

    /// The team that it names; unproven until the secret is checked.
    #[must_use]
    pub fn team(&self) -> &TeamId {
        &self.team
    }

    /// The invitation that it names; unproven until the secret is checked.
    #[must_use]
    pub fn invitation(&self) -> &InvitationId {
        &self.invitation
    }

    /// Returns the SHA-256 (hexadecimal) of the secret, which is stored.
    #[must_use]
    pub fn digest(&self) -> String {
        self.secret.digest()
    }

    /// Whether one of the stored `digests` belongs to this token, each compared in constant time.
    #[must_use]
    pub fn matches_any(&self, digests: &[String]) -> bool {
        let own = self.digest();
        let is_own = |digest: &String| bool::from(own.as_bytes().ct_eq(digest.as_bytes()));
        digests.iter().any(is_own)
    }

    /// Returns the token as it is mailed.
    #[must_use]
    pub fn reveal(&self) -> Zeroizing<String> {
        Zeroizing::new(format!(
            "{PREFIX}{}_{}_{}",
            self.team.ulid(),
            self.invitation.ulid(),
            *self.secret.write()
        ))
    }
}

impl fmt::Debug for InvitationToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InvitationToken({})", self.invitation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Timestamp;
    use proptest::prelude::*;

    fn token() -> InvitationToken {
        let at = Timestamp::from_ms(1);
        InvitationToken::generate(TeamId::new(at, 3), InvitationId::new(at, 7)).expect("randomness")
    }

    #[test]
    fn a_token_reads_back_and_matches_only_its_own_digest() {
        let (one, other) = (token(), token());
        let again = InvitationToken::parse(&one.reveal()).expect("canonical");
        assert_eq!(
            (again.team(), again.invitation()),
            (one.team(), one.invitation())
        );
        assert!(again.matches_any(&[other.digest(), one.digest()]));
        assert!(!again.matches_any(&[other.digest()]) && !again.matches_any(&[]));
        assert!(!format!("{one:?}").contains(&one.reveal()[57..]));
    }

    proptest! {
        #[test]
        fn no_text_at_all_makes_parsing_panic(text in "\\PC*", tail in "[ -~]{97}") {
            let _ = InvitationToken::parse(&text);
            let _ = InvitationToken::parse(&format!("it_{tail}"));
        }
    }
}

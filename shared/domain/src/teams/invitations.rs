//! Invitations: who was asked into a team, as what, and until when.

use std::time::Duration;

use crate::accounts::Email;
use crate::ids::{InvitationId, TeamId, UserId};
use crate::refusal::Refusal;
use crate::teams::Role;
use crate::time::Timestamp;

/// How long an invitation can be accepted after it was sent, or sent again.
pub const LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// An invitation that is open: it ends when it is accepted, declined or cancelled, and is forgotten then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// Its id.
    pub id: InvitationId,
    /// Into this team.
    pub team: TeamId,
    /// Whoever can show that this address is theirs.
    pub email: Email,
    /// As this.
    pub role: Role,
    /// By this member.
    pub invited_by: UserId,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it can no longer be accepted.
    pub expires_at: Timestamp,
    /// Incremented by each sending: a letter that was sent before opens nothing.
    pub version: u64,
}

impl Invitation {
    /// Whether it can be accepted `now`.
    #[must_use]
    pub fn is_open(&self, now: Timestamp) -> bool {
        now < self.expires_at
    }

    /// The same one, sent again: it lasts from now on, and letters that were sent before open nothing.
    #[must_use]
    pub fn sent_again(&self, now: Timestamp) -> Self {
        Self {
            expires_at: now.plus(LIFETIME),
            version: self.version + 1,
            ..self.clone()
        }
    }

    /// Whether the user with this address may answer it.
    ///
    /// # Errors
    /// [`Refusal::Conflict`] if it is for another address, or they have not shown that theirs is theirs.
    pub fn check_invited(&self, email: &Email, verified: bool) -> Result<(), Refusal> {
        if *email != self.email {
            return Err(Refusal::Conflict(
                "this invitation is for another e-mail address; sign in with the account that has it".to_owned(),
            ));
        }
        if !verified {
            return Err(Refusal::Conflict(
                "verify your e-mail address first".to_owned(),
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invitation_lasts_a_week_from_its_last_letter_and_is_for_one_address() {
        let now = Timestamp::from_ms(1_000);
        let email = Email::parse("ada@example.org").expect("an address");
        let invitation = Invitation {
            id: InvitationId::new(now, 1),
            team: TeamId::new(now, 2),
            email: email.clone(),
            role: Role::Editor,
            invited_by: UserId::new(now, 3),
            created_at: now,
            expires_at: now.plus(LIFETIME),
            version: 1,
        };
        let end = now.plus(LIFETIME);
        assert!(invitation.is_open(now) && !invitation.is_open(end));
        assert!(invitation.sent_again(end).is_open(end));
        let other = Email::parse("eve@example.org").expect("an address");
        assert!(invitation.check_invited(&email, true).is_ok());
        assert!(invitation.check_invited(&email, false).is_err());
        assert!(invitation.check_invited(&other, true).is_err());
    }
}

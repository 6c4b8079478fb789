//! Invitations into a team.

use std::time::Duration;

use crate::accounts::Email;
use crate::ids::{InvitationId, TeamId, UserId};
use crate::refusal::Refusal;
use crate::teams::Role;
use crate::time::Timestamp;

/// The time for which an invitation can be accepted after it was sent, or sent again.
pub const LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// An open invitation. Its record is deleted when it is accepted, declined or cancelled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// Its id.
    pub id: InvitationId,
    /// The team.
    pub team: TeamId,
    /// The address that is invited. Its owner must verify it.
    pub email: Email,
    /// The role that the invited person gets.
    pub role: Role,
    /// The member who invited.
    pub invited_by: UserId,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it expires.
    pub expires_at: Timestamp,
    /// Incremented by each sending: earlier letters open nothing.
    pub version: u64,
}

impl Invitation {
    /// Whether it can be accepted `now`.
    #[must_use]
    pub fn is_open(&self, now: Timestamp) -> bool {
        now < self.expires_at
    }

    /// Returns the invitation, sent again: it lasts from now on, and earlier letters open nothing.
    #[must_use]
    pub fn sent_again(&self, now: Timestamp) -> Self {
        Self {
            expires_at: now.plus(LIFETIME),
            version: self.version + 1,
            ..self.clone()
        }
    }

    /// Checks that the user with this address may answer it.
    ///
    /// # Errors
    /// [`Refusal::Conflict`] if it is for another address, or theirs is not verified.
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

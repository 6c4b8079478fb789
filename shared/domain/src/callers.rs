//! Who makes a request.
//!
//! Owns the credential that was shown, and the ranks that follow from it as types: whoever holds
//! a [`Person`] or an [`Admin`] need not ask again. Refuses to know how a credential is
//! verified, and what belongs to whom.

use std::ops::Deref;

use crate::accounts::{Plan, Scope};
use crate::ids::{KeyId, SessionId, UserId};
use crate::refusal::Refusal;

/// What a caller showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// An access token of this session: its owner in person, who may do everything that they may.
    Session(SessionId),
    /// A personal API key.
    Key {
        /// Which one.
        id: KeyId,
        /// What it may be used for.
        scopes: Vec<Scope>,
        /// Whether there is a limit to what it may spend.
        capped: bool,
    },
}

/// A user who makes a request, as the authorizer established.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The user.
    pub user: UserId,
    /// The plan that they pay for.
    pub plan: Plan,
    /// Whether they have shown that their e-mail is theirs.
    pub email_verified: bool,
    /// Whether they administer the platform.
    pub is_admin: bool,
    /// What they showed.
    pub credential: Credential,
}

/// Nobody in particular.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Everybody;

/// A user in person, who showed an access token and no API key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    caller: Caller,
    session: SessionId,
}

/// An admin of the platform in person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin(Person);

impl Caller {
    /// Whether the credential may be used for `scope`.
    #[must_use]
    pub fn may(&self, scope: Scope) -> bool {
        match &self.credential {
            Credential::Session(_) => true,
            Credential::Key { scopes, .. } => scopes.contains(&scope),
        }
    }

    /// The API key that was shown, if there is a limit to what it may spend.
    #[must_use]
    pub const fn capped_key(&self) -> Option<&KeyId> {
        match &self.credential {
            Credential::Key {
                id, capped: true, ..
            } => Some(id),
            Credential::Key { capped: false, .. } | Credential::Session(_) => None,
        }
    }

    /// The user in person.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`] with an API key.
    pub fn in_person(self) -> Result<Person, Refusal> {
        match &self.credential {
            Credential::Session(session) => Ok(Person {
                session: session.clone(),
                caller: self,
            }),
            Credential::Key { .. } => Err(Refusal::Forbidden),
        }
    }
}

impl Person {
    /// The session whose access token was shown.
    #[must_use]
    pub fn session(&self) -> &SessionId {
        &self.session
    }

    /// The admin.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`] for everybody else.
    pub fn as_admin(self) -> Result<Admin, Refusal> {
        if self.caller.is_admin {
            Ok(Admin(self))
        } else {
            Err(Refusal::Forbidden)
        }
    }
}

impl Deref for Person {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.caller
    }
}

impl Deref for Admin {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.0
    }
}

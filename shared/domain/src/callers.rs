//! The callers of the API.
//!
//! Owns the credential that was shown, and the ranks that follow from it. The ranks are types: a function
//! that is given a [`Person`] or an [`Admin`] need not check again. Refuses to know how a credential is
//! verified, and which things belong to whom.

use std::ops::Deref;

use crate::accounts::Scope;
use crate::ids::{KeyId, SessionId, UserId};
use crate::plans::Plan;
use crate::refusal::Refusal;

/// A caller's credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// An access token of this session. The owner acts in person and has all of their rights.
    Session(SessionId),
    /// A personal API key.
    Key {
        /// The key's id.
        id: KeyId,
        /// The key's scopes.
        scopes: Vec<Scope>,
        /// Whether the key has a cap.
        capped: bool,
    },
}

/// The user who makes a request, as the authorizer established.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The user.
    pub user: UserId,
    /// The user's plan.
    pub plan: Plan,
    /// Whether the user has verified their e-mail.
    pub email_verified: bool,
    /// Whether the user administers the platform.
    pub is_admin: bool,
    /// The credential that was shown.
    pub credential: Credential,
}

/// The caller of an endpoint that is open to everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Everybody;

/// A user in person: the credential is an access token, not an API key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    caller: Caller,
    session: SessionId,
}

/// An admin of the platform, in person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin(Person);

impl Caller {
    /// Whether the credential allows `scope`.
    #[must_use]
    pub fn may(&self, scope: Scope) -> bool {
        match &self.credential {
            Credential::Session(_) => true,
            Credential::Key { scopes, .. } => scopes.contains(&scope),
        }
    }

    /// Returns the API key that was shown, if it has a cap.
    #[must_use]
    pub const fn capped_key(&self) -> Option<&KeyId> {
        match &self.credential {
            Credential::Key {
                id, capped: true, ..
            } => Some(id),
            Credential::Key { capped: false, .. } | Credential::Session(_) => None,
        }
    }

    /// Returns the user in person.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`] if an API key was shown.
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
    /// The session of the access token.
    #[must_use]
    pub fn session(&self) -> &SessionId {
        &self.session
    }

    /// Returns the admin.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`] if the user is not an admin.
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

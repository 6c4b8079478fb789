//! Accounts: `usr_… / profile`, `email#… / credential`, `email#… / attempts`, `ses_… / session`.

use aws::Fault;
use domain::Timestamp;
use domain::accounts::{Email, FullName, Plan, Session, User};
use domain::ids::{SessionId, UserId};
use serde::{Deserialize, Serialize};

use super::broken;

/// The hash key of what belongs to an e-mail address.
pub(crate) fn email_key(email: &Email) -> String {
    format!("email#{}", email.as_str())
}

#[derive(Serialize, Deserialize)]
pub(crate) struct UserItem {
    pk: String,
    sk: String,
    email: String,
    email_verified: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    full_name: Option<String>,
    plan: String,
    suspended: bool,
    created_at_ms: i64,
    updated_at_ms: i64,
}

impl UserItem {
    /// The sort key.
    pub(crate) const SORT: &str = "profile";
}

impl From<&User> for UserItem {
    fn from(user: &User) -> Self {
        Self {
            pk: user.id.to_string(),
            sk: Self::SORT.to_owned(),
            email: user.email.as_str().to_owned(),
            email_verified: user.email_verified,
            full_name: user.full_name.as_ref().map(|name| name.as_str().to_owned()),
            plan: user.plan.as_str().to_owned(),
            suspended: user.suspended,
            created_at_ms: user.created_at.ms(),
            updated_at_ms: user.updated_at.ms(),
        }
    }
}

impl TryFrom<UserItem> for User {
    type Error = Fault;

    fn try_from(item: UserItem) -> Result<Self, Fault> {
        let full_name = match item.full_name {
            Some(name) => {
                Some(FullName::parse("full_name", &name).map_err(|_| broken("full_name"))?)
            }
            None => None,
        };
        Ok(Self {
            id: UserId::parse(&item.pk).ok_or_else(|| broken("id"))?,
            email: Email::parse(&item.email).ok_or_else(|| broken("email"))?,
            email_verified: item.email_verified,
            full_name,
            plan: Plan::parse(&item.plan).ok_or_else(|| broken("plan"))?,
            suspended: item.suspended,
            created_at: Timestamp::from_ms(item.created_at_ms),
            updated_at: Timestamp::from_ms(item.updated_at_ms),
        })
    }
}

/// What proves that somebody is the owner of an e-mail address; its key makes the address unique.
#[derive(Serialize, Deserialize)]
pub(crate) struct CredentialItem {
    pub(crate) pk: String,
    pub(crate) sk: String,
    pub(crate) user_id: String,
    pub(crate) password_hash: String,
}

impl CredentialItem {
    /// The sort key.
    pub(crate) const SORT: &str = "credential";
}

#[derive(Serialize, Deserialize)]
pub(crate) struct SessionItem {
    pk: String,
    sk: String,
    user_id: String,
    refresh_digest: String,
    created_at_ms: i64,
    expires_at_ms: i64,
    ended: bool,
    /// DynamoDB's TTL, epoch seconds: housekeeping only, never what decides whether a session lives.
    ttl: i64,
}

impl SessionItem {
    /// The sort key.
    pub(crate) const SORT: &str = "session";
}

impl From<&Session> for SessionItem {
    fn from(session: &Session) -> Self {
        Self {
            pk: session.id.to_string(),
            sk: Self::SORT.to_owned(),
            user_id: session.user.to_string(),
            refresh_digest: session.refresh_digest.clone(),
            created_at_ms: session.created_at.ms(),
            expires_at_ms: session.expires_at.ms(),
            ended: session.ended,
            ttl: session.expires_at.seconds(),
        }
    }
}

impl TryFrom<SessionItem> for Session {
    type Error = Fault;

    fn try_from(item: SessionItem) -> Result<Self, Fault> {
        Ok(Self {
            id: SessionId::parse(&item.pk).ok_or_else(|| broken("id"))?,
            user: UserId::parse(&item.user_id).ok_or_else(|| broken("user_id"))?,
            refresh_digest: item.refresh_digest,
            created_at: Timestamp::from_ms(item.created_at_ms),
            expires_at: Timestamp::from_ms(item.expires_at_ms),
            ended: item.ended,
        })
    }
}

//! Accounts: `usr_… / profile`, `usr_… / session#ses_…`, `email#… / credential`, `token#… / verify-email`.

use std::collections::{BTreeMap, BTreeSet};

use aws::Fault;
use domain::Timestamp;
use domain::accounts::{
    AvatarUrl, Email, FullName, MailedToken, Replaced, Session, TokenPurpose, User,
};
use domain::ids::{KeyId, SessionId, UserId};
use domain::plans::{Plan, Term};
use domain::time::Day;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::broken;

/// Returns the hash key of the items that belong to an e-mail address.
pub(crate) fn email_key(email: &Email) -> String {
    format!("email#{}", email.as_str())
}

#[skip_serializing_none]
#[derive(Serialize, Deserialize)]
pub(crate) struct UserItem {
    pk: String,
    sk: String,
    email: String,
    email_verified: bool,
    full_name: Option<String>,
    avatar_url: Option<String>,
    plan: String,
    #[serde(default)]
    plan_term: u64,
    #[serde(default)]
    plan_since_ms: i64,
    keyed_term: Option<u64>,
    seen_on: Option<i64>,
    /// Absent in items from the time before payments were kept apart from it; `plan` holds then.
    granted_plan: Option<String>,
    /// Elements `<payment>=<plan>`. A string set; DynamoDB has no empty ones.
    #[serde(
        default,
        skip_serializing_if = "BTreeSet::is_empty",
        with = "serde_dynamo::string_set"
    )]
    paid_plans: BTreeSet<String>,
    suspended: bool,
    era: u64,
    /// A string set; DynamoDB has no empty ones.
    #[serde(
        default,
        skip_serializing_if = "BTreeSet::is_empty",
        with = "serde_dynamo::string_set"
    )]
    api_keys: BTreeSet<String>,
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
            avatar_url: user.avatar_url.as_ref().map(|url| url.as_str().to_owned()),
            plan: user.plan.as_str().to_owned(),
            plan_term: user.term.number,
            plan_since_ms: user.term.since.ms(),
            keyed_term: user.term.keyed,
            seen_on: user.seen_on.map(Day::number),
            granted_plan: Some(user.granted_plan.as_str().to_owned()),
            paid_plans: paid_plans(&user.paid_plans),
            suspended: user.suspended,
            era: user.era,
            api_keys: user.api_keys.iter().map(KeyId::to_string).collect(),
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
        let avatar_url = match item.avatar_url {
            Some(url) => {
                Some(AvatarUrl::parse("avatar_url", &url).map_err(|_| broken("avatar_url"))?)
            }
            None => None,
        };
        Ok(Self {
            id: UserId::parse(&item.pk).ok_or_else(|| broken("id"))?,
            email: Email::parse(&item.email).ok_or_else(|| broken("email"))?,
            email_verified: item.email_verified,
            full_name,
            avatar_url,
            plan: Plan::parse(&item.plan).ok_or_else(|| broken("plan"))?,
            term: Term {
                number: item.plan_term,
                since: Timestamp::from_ms(item.plan_since_ms),
                keyed: item.keyed_term,
            },
            seen_on: item.seen_on.map(Day::from_number),
            granted_plan: Plan::parse(item.granted_plan.as_ref().unwrap_or(&item.plan))
                .ok_or_else(|| broken("granted_plan"))?,
            paid_plans: item
                .paid_plans
                .iter()
                .map(|text| read_paid_plan(text).ok_or_else(|| broken("paid_plans")))
                .collect::<Result<_, Fault>>()?,
            suspended: item.suspended,
            era: item.era,
            api_keys: item
                .api_keys
                .iter()
                .map(|id| KeyId::parse(id).ok_or_else(|| broken("api_keys")))
                .collect::<Result<_, Fault>>()?,
            created_at: Timestamp::from_ms(item.created_at_ms),
            updated_at: Timestamp::from_ms(item.updated_at_ms),
        })
    }
}

/// Returns the plans that came with payments, in their stored form.
pub(crate) fn paid_plans(plans: &BTreeMap<String, Plan>) -> BTreeSet<String> {
    let write = |(payment, plan): (&String, &Plan)| format!("{payment}={}", plan.as_str());
    plans.iter().map(write).collect()
}

fn read_paid_plan(text: &str) -> Option<(String, Plan)> {
    let (payment, plan) = text.rsplit_once('=')?;
    Some((payment.to_owned(), Plan::parse(plan)?))
}

/// The credential of an account. Its key makes the e-mail address unique.
#[derive(Serialize, Deserialize)]
pub(crate) struct CredentialItem {
    pub(crate) pk: String,
    pub(crate) sk: String,
    pub(crate) user_id: String,
    pub(crate) password_hash: String,
    /// The user's era, which is thus read together with the password. A sign-in with a password that is
    /// changed meanwhile gets a session of the era that has ended.
    pub(crate) era: u64,
}

impl CredentialItem {
    /// The sort key.
    pub(crate) const SORT: &str = "credential";
}

#[skip_serializing_none]
#[derive(Serialize, Deserialize)]
pub(crate) struct SessionItem {
    pk: String,
    sk: String,
    era: u64,
    refresh_digest: String,
    replaced_digest: Option<String>,
    replaced_at_ms: Option<i64>,
    created_at_ms: i64,
    expires_at_ms: i64,
    /// DynamoDB's TTL in epoch seconds. It is for housekeeping only, and never decides whether a session
    /// lives.
    ttl: i64,
}

/// The prefix of the sort key of every session. Session ids sort by the time at which they began.
pub(crate) const SESSION_SORT_PREFIX: &str = "session#";

/// Returns the sort key of a session.
pub(crate) fn session_sort(id: &SessionId) -> String {
    format!("{SESSION_SORT_PREFIX}{id}")
}

impl From<&Session> for SessionItem {
    fn from(session: &Session) -> Self {
        Self {
            pk: session.user.to_string(),
            sk: session_sort(&session.id),
            era: session.era,
            refresh_digest: session.refresh_digest.clone(),
            replaced_digest: session.replaced.as_ref().map(|old| old.digest.clone()),
            replaced_at_ms: session.replaced.as_ref().map(|old| old.at.ms()),
            created_at_ms: session.created_at.ms(),
            expires_at_ms: session.expires_at.ms(),
            ttl: session.expires_at.seconds(),
        }
    }
}

impl TryFrom<SessionItem> for Session {
    type Error = Fault;

    fn try_from(item: SessionItem) -> Result<Self, Fault> {
        let id = item.sk.strip_prefix(SESSION_SORT_PREFIX);
        let replaced = item.replaced_digest.zip(item.replaced_at_ms);
        Ok(Self {
            id: id
                .and_then(SessionId::parse)
                .ok_or_else(|| broken("sort key"))?,
            user: UserId::parse(&item.pk).ok_or_else(|| broken("key"))?,
            era: item.era,
            refresh_digest: item.refresh_digest,
            replaced: replaced.map(|(digest, at_ms)| Replaced {
                digest,
                at: Timestamp::from_ms(at_ms),
            }),
            created_at: Timestamp::from_ms(item.created_at_ms),
            expires_at: Timestamp::from_ms(item.expires_at_ms),
        })
    }
}

/// Returns the hash key of a token that was mailed.
pub(crate) fn token_key(digest: &str) -> String {
    format!("token#{digest}")
}

/// A token that was mailed. Its sort key is its purpose, so it cannot be used for another.
#[derive(Serialize, Deserialize)]
pub(crate) struct MailedTokenItem {
    pk: String,
    sk: String,
    user_id: String,
    era: u64,
    expires_at_ms: i64,
    /// DynamoDB's TTL in epoch seconds. It is for housekeeping only, and never decides whether a token
    /// works.
    ttl: i64,
}

impl From<&MailedToken> for MailedTokenItem {
    fn from(token: &MailedToken) -> Self {
        Self {
            pk: token_key(&token.digest),
            sk: token.purpose.as_str().to_owned(),
            user_id: token.user.to_string(),
            era: token.era,
            expires_at_ms: token.expires_at.ms(),
            ttl: token.expires_at.seconds(),
        }
    }
}

impl MailedTokenItem {
    /// Converts the item to the token that has this purpose and digest.
    pub(crate) fn read(self, purpose: TokenPurpose, digest: &str) -> Result<MailedToken, Fault> {
        Ok(MailedToken {
            purpose,
            digest: digest.to_owned(),
            user: UserId::parse(&self.user_id).ok_or_else(|| broken("user_id"))?,
            era: self.era,
            expires_at: Timestamp::from_ms(self.expires_at_ms),
        })
    }
}

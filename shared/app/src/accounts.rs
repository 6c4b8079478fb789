//! Registering, signing in, the caller's own profile, and establishing who a caller is.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use auth::api_keys::PersonalKey;
use auth::opaque::Secret;
use auth::passwords::{self, Password};
use aws::Fault;
use domain::Refusal;
use domain::accounts::{Email, FullName, ProfileChange, SESSIONS_MAX, User};
use domain::attempts::{Attempt, Source};
use domain::audit::{AuditAction, AuditEvent, Chain, ChainHead};
use domain::callers::{Caller, Credential};
use domain::ids::UserId;
use domain::plans::{Plan, Term};
use store::{PasswordRecord, Registered};

use crate::sessions::{SignedInUser, new_session, signed_in};
use crate::{App, Error, attempts, audit, bonuses, challenge, clock, emails, usage_keys};

/// The time that a registration is tried while others of the same e-mail are under way.
const REGISTER_PATIENCE: Duration = Duration::from_secs(2);

/// The precision of a key's last use. A write for each use would double the cost of a key.
const LAST_USED_RESOLUTION: Duration = Duration::from_secs(300);

/// A person who wants an account.
pub struct Newcomer {
    /// The address for mail.
    pub email: Email,
    /// The password to sign in with.
    pub password: Password,
    /// The name that they want to be called by.
    pub full_name: Option<FullName>,
    /// The answer to the challenge, if they gave one.
    pub challenge: Option<String>,
}

/// Makes an account, asks for its verification letter, and signs it in.
///
/// # Errors
/// [`Refusal::Conflict`] if the e-mail has an account, [`Refusal::RateLimited`] if there are too many from
/// `source`, [`Refusal::Invalid`] if there is a challenge that they did not solve.
pub async fn register(
    app: &App,
    source: &Source,
    Newcomer {
        email,
        password,
        full_name,
        challenge,
    }: Newcomer,
) -> Result<SignedInUser, Error> {
    let now = clock::now();
    let most = app.config.registrations_per_hour;
    attempts::count(app, Attempt::RegisterFrom(source, most)).await?;
    challenge::pass(app, challenge.as_deref()).await?;
    let (hash, issuer) = tokio::join!(passwords::hash(password), app.issuer());
    let (hash, issuer) = (hash.map_err(Fault::doing("hashing a password"))?, issuer?);
    let user = User {
        id: UserId::new(now, clock::entropy()?),
        email,
        email_verified: false,
        full_name,
        avatar_url: None,
        plan: Plan::Free,
        term: Term::first(now),
        seen_on: None,
        granted_plan: Plan::Free,
        paid_plans: BTreeMap::new(),
        suspended: false,
        era: 0,
        api_keys: BTreeSet::new(),
        created_at: now,
        updated_at: now,
    };
    let (session, refresh_token) = new_session(&user.id, user.era, now)?;
    let bonus = bonuses::due_at_registration(app, &user, now);
    let deed = AuditEvent::own(&user.id, AuditAction::Registered, user.id.as_str());
    let record = ChainHead::START.append(&deed, now);
    let store = app.store();
    let mut tries = clock::tries(REGISTER_PATIENCE);
    while tries.again().await? {
        let registered = store.register(&user, &hash, &session, bonus.as_ref(), &record);
        match registered.await? {
            Registered::Done => {
                tokio::join!(
                    emails::welcome(app, &user),
                    bonuses::book_now(app, bonus.as_ref())
                );
                return Ok(signed_in(issuer, user, &session, refresh_token, now)?);
            }
            Registered::EmailTaken => {
                let taken = "this e-mail has an account; sign in instead";
                return Err(Refusal::Conflict(taken.to_owned()).into());
            }
            Registered::Busy => {}
        }
    }
    Err(Refusal::Busy.into())
}

/// Signs in. The attempt is counted before the password is checked, so that parallel guesses do not get
/// more tries than the limit. A success clears the count, and correct parallel sign-ins wait for that. If
/// there are more sessions than allowed, the oldest end.
///
/// # Errors
/// [`Refusal::Unauthorized`] in the same way for an unknown e-mail and for a wrong password,
/// [`Refusal::RateLimited`] when `email` is locked or too many guesses come from `source`.
pub async fn login(
    app: &App,
    source: &Source,
    email: &Email,
    password: Secret,
) -> Result<SignedInUser, Error> {
    let store = app.store();
    let (counted, credential, issuer) = tokio::join!(
        attempts::count_source(app, email, source),
        store.credential(email),
        app.issuer()
    );
    let ((), credential, issuer) = (counted?, credential?, issuer?);
    let hash = credential
        .as_ref()
        .map(|credential| credential.password_hash.clone());
    let profile = async {
        let Some(PasswordRecord { user, .. }) = &credential else {
            return Ok::<_, Fault>(None);
        };
        let chain = Chain::of(user);
        let (user, head) = tokio::try_join!(store.user(user), store.audit_head(&chain))?;
        Ok(user.zip(Some(head)))
    };
    let (counted, profile) = tokio::join!(attempts::count_anywhere(app, email, source), profile);
    counted?;
    let matches = passwords::verify(password, hash).await;
    let matches = matches.map_err(Fault::doing("checking a password"))?;
    let (user, head, era) = match (profile?, credential) {
        (Some((user, head)), Some(credential)) if matches && !user.suspended => {
            (user, head, credential.era)
        }
        _ => return Err(Refusal::Unauthorized.into()),
    };
    let now = clock::now();
    let (session, refresh_token) = new_session(&user.id, era, now)?;
    let deed = AuditEvent::own(&user.id, AuditAction::SignedIn, session.id.as_str());
    let begun = audit::recorded(app, &deed, Some(head), |record| {
        store.put_session(&session, record)
    });
    let (stored, forgotten) = tokio::join!(begun, attempts::signed_in(app, email, source));
    stored?;
    forgotten?;
    store.end_oldest_sessions(&user.id, SESSIONS_MAX).await?;
    Ok(signed_in(issuer, user, &session, refresh_token, now)?)
}

/// Returns the caller's own account.
///
/// # Errors
/// [`Refusal::Unauthorized`] if the account is gone.
pub async fn me(app: &App, caller: &Caller) -> Result<User, Error> {
    Ok(app
        .store()
        .user(&caller.user)
        .await?
        .ok_or(Refusal::Unauthorized)?)
}

/// Changes the caller's own profile. Returns the account as it is then.
///
/// # Errors
/// [`Refusal::Unauthorized`] if the account is gone.
pub async fn change_profile(
    app: &App,
    caller: &Caller,
    change: &ProfileChange,
) -> Result<User, Error> {
    if *change == ProfileChange::default() {
        return me(app, caller).await;
    }
    let changed = app
        .store()
        .change_profile(&caller.user, change, clock::now())
        .await?;
    Ok(changed.ok_or(Refusal::Unauthorized)?)
}

/// Returns whether `user` administers the platform: the operator names their e-mail, and it is verified.
#[must_use]
pub fn is_admin(app: &App, user: &User) -> bool {
    user.email_verified && app.config.admin_emails.contains(&user.email)
}

/// Checks that the keys which verify tokens can be read. Without them no caller can be admitted.
///
/// # Errors
/// A fault that says what is wrong with them.
pub fn ready_to_authorize(app: &App) -> Result<(), Fault> {
    app.verifier().map(|_| ())
}

/// Returns the public keys that verify access tokens, as a JWKS document.
#[must_use]
pub fn public_keys(app: &App) -> &str {
    &app.config.tokens.public_keys
}

/// A caller, and the key by which the gateway counts their calls.
#[derive(Debug)]
pub struct Admitted {
    /// The user.
    pub caller: Caller,
    /// The value of their own usage-plan key, or of one that their plan shares.
    pub usage_key: String,
}

/// Establishes the sender of this `Authorization` header: one check of its form or signature, then one
/// read. The call is also noted, so that the gateway's keys follow the user's calls.
///
/// # Errors
/// [`Refusal::Unauthorized`] unless it is a living session or key of a user who is not suspended.
pub async fn authorize(app: &App, authorization: &str) -> Result<Admitted, Error> {
    let token = bearer(authorization).ok_or(Refusal::Unauthorized)?;
    let (user, caller) = match token.starts_with(auth::api_keys::PREFIX) {
        true => by_key(app, token).await?,
        false => by_session(app, token).await?,
    };
    let (usage_key, ()) = tokio::join!(
        usage_keys::usage_key(app, &user),
        usage_keys::saw(app, &user)
    );
    Ok(Admitted {
        usage_key: usage_key?,
        caller,
    })
}

async fn by_session(app: &App, token: &str) -> Result<(User, Caller), Error> {
    let now = clock::now();
    let access = app
        .verifier()?
        .verify(token, now.seconds())
        .map_err(|_| Refusal::Unauthorized)?;
    let found = app
        .store()
        .user_and_session(&access.user, &access.session)
        .await?;
    match found {
        Some((user, session)) if session.is_alive(&user, now) => {
            let caller = Caller {
                is_admin: is_admin(app, &user),
                user: user.id.clone(),
                plan: user.plan,
                email_verified: user.email_verified,
                credential: Credential::Session(session.id),
            };
            Ok((user, caller))
        }
        Some(_) | None => Err(Refusal::Unauthorized.into()),
    }
}

/// Returns the user who is signed in with this `Authorization` header, at an endpoint that needs none.
/// Returns `None` without a header.
///
/// # Errors
/// [`Refusal::Unauthorized`] if the header is not of a living session.
pub async fn signed_in_caller(
    app: &App,
    authorization: Option<&str>,
) -> Result<Option<Caller>, Error> {
    let Some(authorization) = authorization else {
        return Ok(None);
    };
    let token = bearer(authorization).ok_or(Refusal::Unauthorized)?;
    let (_, caller) = by_session(app, token).await?;
    Ok(Some(caller))
}

async fn by_key(app: &App, token: &str) -> Result<(User, Caller), Error> {
    let presented = PersonalKey::parse(token).ok_or(Refusal::Unauthorized)?;
    let now = clock::now();
    let found = app
        .store()
        .user_and_api_key(presented.user(), presented.key())
        .await?;
    let known = found
        .filter(|known| presented.matches(&known.digest))
        .filter(|known| known.key.is_alive(&known.user, now))
        .ok_or(Refusal::Unauthorized)?;
    let last_used_at = known.key.last_used_at;
    if last_used_at.is_none_or(|at| now.since(at) >= LAST_USED_RESOLUTION) {
        // Only the key's owner sees this time: a key works even if its use cannot be noted.
        if let Err(fault) = app.store().touch_api_key(&known.key, now).await {
            tracing::warn!(fault = fault.chain(), "an API key's use was not noted");
        }
    }
    let caller = Caller {
        is_admin: false,
        user: known.user.id.clone(),
        plan: known.user.plan,
        email_verified: known.user.email_verified,
        credential: Credential::Key {
            capped: known.key.request.cap.is_some(),
            id: known.key.id,
            scopes: known.key.request.scopes,
        },
    };
    Ok((known.user, caller))
}

/// Returns the token in `Bearer <token>`. The scheme is case-insensitive (RFC 9110, 11.1).
fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

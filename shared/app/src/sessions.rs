//! Staying signed in, and signing out.

use auth::opaque::RefreshToken;
use auth::tokens::{Issuer, LIFETIME_S, Pair};
use aws::Fault;
use domain::accounts::{Replaced, SESSION_LIFETIME, Session, User};
use domain::audit::{AuditAction, AuditEvent};
use domain::callers::Caller;
use domain::ids::{SessionId, UserId};
use domain::{Refusal, Timestamp};
use store::NewEra;

use crate::{App, Error, audit, clock};

/// The most looks of a refresh when another one came first. One look sees what that one wrote, and one is
/// to spare.
const REFRESH_ATTEMPTS_MAX: u32 = 3;

/// A user who is signed in now.
pub struct SignedInUser {
    /// The user.
    pub user: User,
    /// The tokens that prove it from now on.
    pub tokens: Pair,
}

/// Exchanges a refresh token for a new pair. The old token is dead from then on. If a dead token is used,
/// somebody copied it, so the whole session ends. There is one exception: within seconds of its exchange a
/// token gets the same new token again, since two tabs of a browser may refresh at once.
///
/// # Errors
/// [`Refusal::Unauthorized`] for any token but the living one.
pub async fn refresh(app: &App, token: &str) -> Result<SignedInUser, Error> {
    let presented = RefreshToken::parse(token).ok_or(Refusal::Unauthorized)?;
    let store = app.store();
    for _ in 0..REFRESH_ATTEMPTS_MAX {
        let now = clock::now();
        let found = store.user_and_session(presented.user(), presented.session());
        let (found, issuer) = tokio::try_join!(found, app.issuer())?;
        let successors = || {
            let made = issuer.successors(&presented);
            made.map_err(Fault::doing("making a refresh token"))
        };
        let (user, session) = found
            .filter(|(user, session)| session.is_alive(user, now))
            .ok_or(Refusal::Unauthorized)?;
        if presented.matches(&session.refresh_digest) {
            let fresh = successors()?.into_iter().next();
            let fresh = fresh.ok_or_else(|| Fault::new("making a refresh token", "no key"))?;
            let next = next_form(&session, &fresh, now);
            if store.replace_session(&session, &next).await? {
                return Ok(signed_in(issuer, user, &next, fresh, now)?);
            }
        } else if session
            .just_replaced(now)
            .is_some_and(|replaced| presented.matches(replaced))
        {
            let living = successors()?
                .into_iter()
                .find(|successor| successor.matches(&session.refresh_digest));
            let living = living.ok_or(Refusal::Unauthorized)?;
            return Ok(signed_in(issuer, user, &session, living, now)?);
        } else {
            tracing::warn!(session = %session.id, "a dead refresh token was used; the session ends");
            store.end_session(&session.user, &session.id).await?;
            return Err(Refusal::Unauthorized.into());
        }
    }
    Err(Refusal::Busy.into())
}

fn next_form(session: &Session, fresh: &RefreshToken, now: Timestamp) -> Session {
    Session {
        refresh_digest: fresh.digest(),
        replaced: Some(Replaced {
            digest: session.refresh_digest.clone(),
            at: now,
        }),
        expires_at: now.plus(SESSION_LIFETIME),
        ..session.clone()
    }
}

/// Ends the caller's session. Ending it again changes nothing.
///
/// # Errors
/// A fault if it could not be ended.
pub async fn end(app: &App, caller: &Caller, session: &SessionId) -> Result<(), Error> {
    let deed = AuditEvent::own(&caller.user, AuditAction::SignedOut, session.as_str());
    audit::recorded(app, &deed, None, |record| {
        app.store().sign_out(&caller.user, session, record)
    })
    .await
}

/// Ends every session and API key of the caller.
///
/// # Errors
/// [`Refusal::Unauthorized`] if the account is gone.
pub async fn end_all(app: &App, caller: &Caller) -> Result<(), Error> {
    let user = app.store().user(&caller.user).await?;
    let user = user.ok_or(Refusal::Unauthorized)?;
    // If this was overtaken, another new era began meanwhile, and ended every session that there was.
    let act = AuditAction::SignedOutEverywhere;
    let new = NewEra {
        ends_keys: true,
        ..NewEra::default()
    };
    begin_era(app, &user, new, act).await.map(drop)
}

/// Begins the next era of `user` with `act`. Returns `false` if the era in which they were read is over, or
/// if the session to keep has ended.
///
/// # Errors
/// [`Refusal::Busy`] if other writes kept coming first.
pub(crate) async fn begin_era(
    app: &App,
    user: &User,
    new: NewEra<'_>,
    act: AuditAction,
) -> Result<bool, Error> {
    let deed = AuditEvent::own(&user.id, act, user.id.as_str());
    let began = audit::recorded(app, &deed, None, |record| {
        app.store().begin_era(user, new, record)
    })
    .await?;
    if began && new.ends_keys {
        forget_keys(app, user).await;
    }
    Ok(began)
}

/// Lets the database forget the records of keys that have ended. The keys do not work, whether or not this
/// succeeds.
async fn forget_keys(app: &App, user: &User) {
    let now = clock::now();
    let keys = user.api_keys.iter();
    let forgotten = keys.map(|key| app.store().forget_api_key(&user.id, key, now));
    for forgotten in futures::future::join_all(forgotten).await {
        if let Err(fault) = forgotten {
            tracing::warn!(user = %user.id, fault = fault.chain(), "a dead API key's record stays");
        }
    }
}

/// Makes a session that begins now, in this era of the user.
pub(crate) fn new_session(
    user: &UserId,
    era: u64,
    now: Timestamp,
) -> Result<(Session, RefreshToken), Fault> {
    let id = SessionId::new(now, clock::entropy()?);
    let token = RefreshToken::generate(user.clone(), id.clone())
        .map_err(Fault::doing("making a refresh token"))?;
    let session = Session {
        id,
        user: user.clone(),
        era,
        refresh_digest: token.digest(),
        replaced: None,
        created_at: now,
        expires_at: now.plus(SESSION_LIFETIME),
    };
    Ok((session, token))
}

/// Returns the answer for a user who signed in.
pub(crate) fn signed_in(
    issuer: &Issuer,
    user: User,
    session: &Session,
    refresh: RefreshToken,
    now: Timestamp,
) -> Result<SignedInUser, Fault> {
    let access = issuer
        .issue(&user.id, &session.id, now.seconds())
        .map_err(Fault::doing("signing an access token"))?;
    let tokens = Pair {
        access,
        refresh: refresh.reveal(),
        expires_in_s: LIFETIME_S,
    };
    Ok(SignedInUser { user, tokens })
}

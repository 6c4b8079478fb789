//! Erasing an account. First one transaction ends it. Then its data are deleted, at once as far as there is
//! time, and by the purge for as long as data can still arrive.

use std::time::Duration;

use auth::opaque::Secret;
use aws::Fault;
use domain::accounts::User;
use domain::audit::{AuditAction, AuditEvent};
use domain::callers::Caller;
use domain::ids::{GenerationId, Tenant};
use domain::{Refusal, Timestamp};
use store::{EndedBy, Erased, System};

use crate::passwords::with_password;
use crate::{App, Error, audit, clock};

/// The time that the owner waits for the deletion. Most accounts are empty long before.
const PATIENCE: Duration = Duration::from_secs(5);
/// The time for which one run of the purge begins new steps. Together with the steps before, it is well
/// inside its function's five minutes.
const TIME_MAX: Duration = Duration::from_secs(3 * 60);

/// Erases the caller's account. It needs the password, because it cannot be undone: an access token is not
/// enough.
///
/// # Errors
/// [`Refusal::Invalid`] if the password is wrong, [`Refusal::Conflict`] while one of its jobs runs or it
/// owns a team, [`Refusal::Unauthorized`] if the account is gone.
pub async fn erase(app: &App, caller: &Caller, password: Secret) -> Result<(), Error> {
    let user = with_password(app, caller, "password", password).await?;
    match end(app, &user, EndedBy::Owner).await? {
        Erased::Done => Ok(()),
        Erased::Gone => Err(Refusal::Unauthorized.into()),
        Erased::OwnsTeam => {
            let owns = "you own a team; hand it over or delete it, then delete the account";
            Err(Refusal::Conflict(owns.to_owned()).into())
        }
        Erased::JobRuns => {
            let runs = "a job is running; cancel it or wait for its end, then delete the account";
            Err(Refusal::Conflict(runs.to_owned()).into())
        }
    }
}

/// Ends an account, and deletes its data as far as there is time.
///
/// # Errors
/// A fault, or [`Refusal::Busy`], if it was not ended.
pub(crate) async fn end(app: &App, user: &User, by: EndedBy<'_>) -> Result<Erased, Error> {
    let act = match by {
        EndedBy::Owner => AuditAction::Erased,
        EndedBy::Mailbox(_) => AuditAction::Declined,
    };
    let deed = AuditEvent::own(&user.id, act, user.id.as_str());
    let erased = audit::recorded(app, &deed, None, |record| {
        app.store().erase(user, by, record)
    })
    .await?;
    if erased == Erased::Done {
        let tenant = Tenant::from(&user.id);
        // The account is gone, even if this fails: counts expire by themselves, and the purge goes on where
        // it stops.
        let (purged, forgotten) = tokio::join!(
            purge(app, &tenant, clock::now().plus(PATIENCE)),
            app.store().forget_sign_ins(&user.email)
        );
        if let Err(fault) = purged.and(forgotten) {
            tracing::warn!(user = %user.id, fault = fault.chain(), "an erasure is left to the purge");
        }
    }
    Ok(erased)
}

/// The results of a run of the purge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// The number of things that it deleted.
    pub deleted: usize,
    /// The number of erasures that are complete.
    pub ended: usize,
    /// The number of erasures that are not: data were left, or may still arrive.
    pub open: usize,
}

/// Continues every erasure that is not complete.
///
/// # Errors
/// A fault if the erasures cannot be listed, or one could not be continued; the others are, and the next
/// run tries again.
pub async fn resume_all(app: &App) -> Result<Purged, Error> {
    let store = app.store();
    let give_up_at = clock::now().plus(TIME_MAX);
    let (mut done, mut failed) = (Purged::default(), None);
    for erasure in store.erasures(System).await? {
        let is_settled = erasure.is_settled(clock::now());
        match purge(app, &erasure.tenant, give_up_at).await {
            Ok((deleted, true)) if is_settled => {
                store.end_erasure(System, &erasure).await?;
                done.deleted += deleted;
                done.ended += 1;
            }
            Ok((deleted, _)) => {
                done.deleted += deleted;
                done.open += 1;
            }
            Err(fault) => {
                tracing::error!(tenant = %erasure.tenant, fault = fault.chain(), "an erasure is stuck");
                done.open += 1;
                failed = Some(fault);
            }
        }
    }
    match failed {
        None => Ok(done),
        Some(fault) => Err(fault.into()),
    }
}

/// Deletes the data of `tenant`. Returns the number of things deleted, and whether nothing is left.
async fn purge(app: &App, tenant: &Tenant, give_up_at: Timestamp) -> Result<(usize, bool), Fault> {
    let mut deleted = 0;
    let mut attempt = 0;
    while clock::now() < give_up_at {
        let (generations, records, objects) = tokio::try_join!(
            purge_generations(app, tenant),
            app.store().delete_some(System, tenant),
            app.blobs().delete_some(tenant),
        )?;
        if generations + records + objects == 0 {
            return Ok((deleted, true));
        }
        deleted += generations + records + objects;
        // An index may show deleted items for a moment.
        clock::back_off(attempt).await?;
        attempt += 1;
    }
    Ok((deleted, false))
}

/// Deletes some of the generations that `tenant` left: first their media, which only their records lead to,
/// then the records, then once more the media that a worker wrote meanwhile. Media that it writes later are
/// deleted when it finds that there is no record any more.
async fn purge_generations(app: &App, tenant: &Tenant) -> Result<usize, Fault> {
    let left = app.store().generations_left(System, tenant).await?;
    let in_work = left.ids_in_work()?;
    delete_media(app, &left.ids()?).await?;
    let deleted = app.store().delete_left(System, left).await?;
    delete_media(app, &in_work).await?;
    Ok(deleted)
}

async fn delete_media(app: &App, generations: &[GenerationId]) -> Result<(), Fault> {
    let media = generations
        .iter()
        .map(|id| app.blobs().delete_media(id, &[]));
    futures::future::try_join_all(media).await.map(drop)
}

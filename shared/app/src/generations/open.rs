//! Opening a job: one transaction sets its cost aside and records it, then a worker is told.

use std::collections::BTreeMap;
use std::time::Duration;

use aws::Fault;
use domain::access::GenerationSeen;
use domain::callers::{Caller, Credential};
use domain::generations::{Draft, Generation, Hold, MediaSecret, ShownGeneration, State};
use domain::idempotency::IdempotencyKey;
use domain::ids::{GenerationId, Tenant};
use domain::labels::Tags;
use domain::lanes::{Lane, Priority};
use domain::teams::Role;
use domain::time::{Day, Month};
use domain::turns;
use domain::{Credits, Refusal};
use queue::correlation;
use store::{Asking, IdempotencyRecord, Opened, Opening};

use super::funds::{Funds, TeamFunds, cap_alerts, hold, team_funds};
use super::references::{check_references, project_to_file_in};
use super::{MEDIA_EXPIRY_DEFAULT, show, show_one, wait};
use crate::{App, Error, api_keys, breaker, clock, quotes, webhook_secrets};

/// The time that opening a job is tried while other jobs of the same wallet are opened, before the client
/// is told to come back: well inside the gateway's 29 seconds.
const CONTENTION_PATIENCE: Duration = Duration::from_secs(15);

/// A job that was opened, or found as an earlier request opened it.
#[derive(Debug)]
pub struct Submitted {
    /// The job.
    pub shown: ShownGeneration,
    /// Whether it was finished while the client that first sent the request waited.
    pub in_time: bool,
    /// Whether an earlier request with the same key opened it.
    pub replayed: bool,
}

/// Opens a job, or finds the one that the same key opened before, and waits for it as long as the client
/// would like.
///
/// # Errors
/// A refusal if too much content was refused today, if the request names something that does not exist, if
/// the model is not offered, for its price, for too few credits or for too many jobs in flight.
pub async fn submit(
    app: &App,
    caller: &Caller,
    draft: Draft,
    key: Option<&IdempotencyKey>,
    patience: Option<Duration>,
) -> Result<Submitted, Error> {
    let found = open_or_find(app, caller, &draft, key).await?;
    let mut in_time = found.in_time;
    let mut generation = found.generation;
    let patience = patience.filter(|_| !found.replayed);
    let begun = match patience {
        Some(patience) => wait::begin(app).await.then_some(patience),
        None => None,
    };
    if let Some(patience) = begun {
        generation = wait::wait(app, generation, patience).await;
        wait::end(app).await;
        if generation.state == State::Succeeded {
            in_time = true;
            if let Some(key) = key {
                app.store()
                    .mark_finished_in_time(&generation.tenant, key.as_str())
                    .await?;
            }
        }
    }
    let seen = GenerationSeen {
        generation,
        project: None,
        role: found.role,
        shares: Vec::new(),
    };
    let shown = match found.replayed || begun.is_some() {
        true => show(app, caller, seen, MEDIA_EXPIRY_DEFAULT).await?,
        // Its project was there when it was opened, in the same transaction, and its author sees that they
        // made it.
        false => show_one(&caller.user, seen, true, MEDIA_EXPIRY_DEFAULT)?,
    };
    Ok(Submitted {
        shown,
        in_time,
        replayed: found.replayed,
    })
}

struct Found {
    generation: Generation,
    /// The caller's role in the team that owns it.
    role: Option<Role>,
    in_time: bool,
    replayed: bool,
}

async fn open_or_find(
    app: &App,
    caller: &Caller,
    draft: &Draft,
    key: Option<&IdempotencyKey>,
) -> Result<Found, Error> {
    let tenant = match &draft.team {
        Some(team) => Tenant::from(team),
        None => Tenant::from(&caller.user),
    };
    let lane = Lane::of(draft.order.kind);
    let priority = Priority::of(caller.plan, caller.email_verified);
    let asking = Asking {
        caller,
        tenant: &tenant,
        key: key.map(IdempotencyKey::as_str),
        lane,
        priority,
        today: Day::from(clock::now()),
        month: Month::from(clock::now()),
    };
    let (standing, references, address) = tokio::join!(
        app.store().standing(&asking),
        check_references(app, caller, draft),
        webhook_secrets::check_address(app, caller, draft)
    );
    let standing = standing?;
    let team = match &draft.team {
        Some(_) => Some(TeamFunds::of(caller, standing.team)?),
        None => None,
    };
    let role = team.as_ref().map(TeamFunds::role);
    if let Some(record) = standing.replayed {
        return replay(app, &tenant, role, draft, record).await;
    }
    check_content_refusals(app, standing.content_refusals)?;
    let references = references?;
    address?;
    breaker::check_order(&standing.breaker, clock::now())?;
    if caller.capped_key().is_some() && standing.key.is_none() {
        return Err(Refusal::Unauthorized.into());
    }
    let price = standing.offers.price(&draft.order)?;
    quotes::check_price(app, caller, draft, price).await?;
    let mut job = new_job(app, &tenant, caller, draft, price)?;
    job.request.adapted_prompt = references.adapted_prompt;
    let funds = Funds {
        wallet: standing.wallet,
        team,
        key: standing.key,
        project: references.project,
    };
    match open(app, caller, &mut job, funds, standing.served, draft, key).await? {
        Some(record) => replay(app, &tenant, role, draft, record).await,
        None => {
            tell_worker(app, &job).await;
            Ok(Found {
                generation: job,
                role,
                in_time: false,
                replayed: false,
            })
        }
    }
}

/// Refuses an author with too many jobs whose content the provider refused today: the operator alone pays
/// for those. Jobs that are in flight when the limit is reached end as usual.
fn check_content_refusals(app: &App, today: u64) -> Result<(), Refusal> {
    let limit = app.config.jobs.content_refusals_per_day;
    if today < limit {
        Ok(())
    } else {
        Err(Refusal::TooManyRefused { limit })
    }
}

/// Tries until the job is open, or the key turns out to be used: then it returns the key's record. The
/// job's turn, in a line that has come to `served`, is computed from the same wallet as its hold.
async fn open(
    app: &App,
    caller: &Caller,
    job: &mut Generation,
    mut funds: Funds,
    served: u64,
    draft: &Draft,
    key: Option<&IdempotencyKey>,
) -> Result<Option<IdempotencyRecord>, Error> {
    let record = key.map(|key| IdempotencyRecord {
        key: key.as_str().to_owned(),
        fingerprint: draft.fingerprint.clone(),
        generation: job.id.clone(),
        in_time: false,
    });
    let mut tries = clock::tries(CONTENTION_PATIENCE);
    while tries.again().await? {
        let hold = match hold(app, caller, job, &funds) {
            Ok(hold) => hold,
            // This very request, sent twice, may have taken the credits.
            Err(refusal) => return Ok(Some(used_key(app, job, key).await?.ok_or(refusal)?)),
        };
        let alerts = cap_alerts(job, &funds);
        let is_watched = !funds.wallet.watch.cap_percent.is_empty();
        job.turn = turns::turn(served, funds.wallet.in_flight, caller.plan);
        let opening = Opening {
            job,
            hold: &hold,
            spender: funds.team.as_ref().map(|team| &team.spender),
            project: funds.project.as_ref(),
            by_key: match &caller.credential {
                Credential::Key { id, .. } => Some(id),
                Credential::Session(_) => None,
            },
            capped_key: funds.key.as_ref(),
            own_address: draft.webhook_url.as_deref(),
            idempotency: record.as_ref(),
            alerts: &alerts,
            watched: is_watched.then(|| funds.watched()),
        };
        match app.store().open(&opening).await? {
            Opened::Done => return Ok(None),
            Opened::KeyUsed(record) => return Ok(Some(record)),
            Opened::WalletMoved(moved) if !is_watched => funds.wallet = moved,
            // It was there a moment ago, and was changed or deleted meanwhile.
            Opened::ProjectMoved => {
                funds.project = project_to_file_in(app, caller, draft).await?;
            }
            Opened::CallerGone => return Err(Refusal::Unauthorized.into()),
            Opened::KeyMoved => funds.key = api_keys::capped(app, caller).await?,
            // If the caps are watched, everything must be as it was read, so all is read again.
            Opened::WalletMoved(_) | Opened::SpenderMoved | Opened::Busy => {
                let (wallet, team, key) = tokio::try_join!(
                    async { Ok(app.store().wallet(&job.tenant).await?) },
                    team_funds(app, caller, job),
                    api_keys::capped(app, caller)
                )?;
                (funds.wallet, funds.team, funds.key) = (wallet, team, key);
            }
        }
    }
    Err(Refusal::Busy.into())
}

async fn used_key(
    app: &App,
    job: &Generation,
    key: Option<&IdempotencyKey>,
) -> Result<Option<IdempotencyRecord>, Fault> {
    match key {
        Some(key) => app.store().idempotency(&job.tenant, key.as_str()).await,
        None => Ok(None),
    }
}

/// Returns the job of a key that was used before, as it is now, if the request is the same.
async fn replay(
    app: &App,
    tenant: &Tenant,
    role: Option<Role>,
    draft: &Draft,
    record: IdempotencyRecord,
) -> Result<Found, Error> {
    if record.fingerprint != draft.fingerprint {
        return Err(Refusal::IdempotencyMismatch.into());
    }
    let found = app.store().generation(tenant, &record.generation).await?;
    let generation = found.ok_or(Refusal::NotFound("generation; it was deleted"))?;
    Ok(Found {
        generation,
        role,
        in_time: record.in_time,
        replayed: true,
    })
}

fn new_job(
    app: &App,
    tenant: &Tenant,
    caller: &Caller,
    draft: &Draft,
    price: Credits,
) -> Result<Generation, Fault> {
    let now = clock::now();
    Ok(Generation {
        id: GenerationId::new(now, clock::entropy()?),
        tenant: tenant.clone(),
        author: caller.user.clone(),
        paid_with: caller.capped_key().cloned(),
        has_own_address: draft.webhook_url.is_some(),
        model: draft.order.model.to_owned(),
        request: draft.request.clone(),
        cost: price,
        state: State::Queued,
        hold: Hold::Open,
        lane: Lane::of(draft.order.kind),
        priority: Priority::of(caller.plan, caller.email_verified),
        turn: 0,
        in_line: true,
        correlation_id: correlation::request_id(),
        attempts: 0,
        webhook_digest: String::new(),
        media_secret: Some(MediaSecret::new(clock::entropy()?)),
        ticket: None,
        sources: Vec::new(),
        outputs: Vec::new(),
        withheld: Vec::new(),
        released: Credits::ZERO,
        refunded: Credits::ZERO,
        failure: None,
        cancel_wished_at: None,
        cancel_requested_at: None,
        due_at: Some(now.plus(app.config.jobs.submit_patience)),
        created_at: now,
        started_at: None,
        made_at: None,
        queue_position: None,
        finished_at: None,
        retention: *app.config.retention.of(caller.plan),
        media_expires_at: None,
        is_expiry_told: false,
        preview_tries: 0,
        project: draft.project.clone(),
        shares: BTreeMap::new(),
        title: None,
        tags: Tags::default(),
        favorite: false,
        version: 1,
    })
}

/// Sends the job to a worker. If the message cannot be sent, the request still succeeds: the job is in
/// line, and the sweep finds it there.
async fn tell_worker(app: &App, job: &Generation) {
    if let Err(fault) = app.queue().submit(job.lane, &job.tenant, &job.id).await {
        tracing::error!(generation = %job.id, fault = fault.chain(), "a job waits for the sweep");
    }
}

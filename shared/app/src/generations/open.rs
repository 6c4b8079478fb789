//! Opening a job: one transaction sets its cost aside and records it; then a worker is told.

use std::time::Duration;

use aws::Fault;
use domain::access::Action;
use domain::callers::{Caller, Credential};
use domain::files::{File, FileState};
use domain::generations::{Draft, Generation, Hold, ShownGeneration, State};
use domain::idempotency::IdempotencyKey;
use domain::ids::{GenerationId, ProjectId, Tenant};
use domain::labels::Tags;
use domain::ledger::{Charge, Limits, Wallet};
use domain::projects::Project;
use domain::time::Day;
use domain::turns::{self, Lane, Priority};
use domain::{Credits, FieldCode, Refusal};
use queue::correlation;
use store::{Asking, IdempotencyRecord, Opened, Opening};

use super::{MEDIA_EXPIRY_DEFAULT, show, show_one, wait};
use crate::{App, Error, breaker, clock, quotes};

/// How long opening a job may be tried while other jobs of the same wallet are opened, before the client is told to
/// come back: well inside the gateway's 29 seconds.
const CONTENTION_PATIENCE: Duration = Duration::from_secs(15);

/// What is told of a project that the caller may not file anything in.
const NO_SUCH_PROJECT: Refusal = Refusal::NoSuch {
    field: "project_id",
    noun: "project",
};

/// A job, new or as it was found.
#[derive(Debug)]
pub struct Submitted {
    /// The job.
    pub shown: ShownGeneration,
    /// Whether it was finished while the client waited that sent it first.
    pub in_time: bool,
    /// Whether an earlier request with the same key made it.
    pub replayed: bool,
}

/// Opens a job, or finds the one that the same key opened before, and waits for it as long as the client likes.
///
/// # Errors
/// Refused for too much content refused today, for what it names that does not exist, for a model not offered, for its
/// price, for too little credit or too many jobs in flight.
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
    let shown = match found.replayed || begun.is_some() {
        true => show(app, caller, generation, MEDIA_EXPIRY_DEFAULT).await?,
        // Its project was there when it was opened, in the same transaction.
        false => show_one(app, caller, generation, MEDIA_EXPIRY_DEFAULT).await?,
    };
    Ok(Submitted {
        shown,
        in_time,
        replayed: found.replayed,
    })
}

struct Found {
    generation: Generation,
    in_time: bool,
    replayed: bool,
}

async fn open_or_find(
    app: &App,
    caller: &Caller,
    draft: &Draft,
    key: Option<&IdempotencyKey>,
) -> Result<Found, Error> {
    let tenant = Tenant::User(caller.user.clone());
    let lane = Lane::of(draft.order.kind);
    let priority = Priority::of(caller.plan, caller.email_verified);
    let asking = Asking {
        caller,
        tenant: &tenant,
        key: key.map(IdempotencyKey::as_str),
        lane,
        priority,
        today: Day::from(clock::now()),
    };
    let (standing, references) = tokio::join!(
        app.store().standing(&asking),
        check_references(app, caller, &tenant, draft)
    );
    let standing = standing?;
    if let Some(record) = standing.replayed {
        return replay(app, &tenant, draft, record).await;
    }
    check_content_refusals(app, standing.content_refusals)?;
    references?;
    breaker::check_order(&standing.breaker, clock::now())?;
    let price = standing.offers.price(&draft.order)?;
    quotes::check_price(app, caller, draft, price).await?;
    let (wallet, served) = (standing.wallet, standing.served);
    let mut job = new_job(app, &tenant, caller, draft, price)?;
    match open(app, caller, &mut job, wallet, served, draft, key).await? {
        Some(record) => replay(app, &tenant, draft, record).await,
        None => {
            tell_worker(app, &job).await;
            Ok(Found {
                generation: job,
                in_time: false,
                replayed: false,
            })
        }
    }
}

/// What the provider refuses for its content costs the operator and nobody else, so it is bounded. Jobs in flight when
/// the bound is reached still end as they end.
fn check_content_refusals(app: &App, today: u64) -> Result<(), Refusal> {
    let limit = app.config.jobs.content_refusals_per_day;
    if today < limit {
        Ok(())
    } else {
        Err(Refusal::TooManyRefused { limit })
    }
}

/// Tries until the job is open, or the key turns out to be used (its record is answered then). Its turn in a line that
/// has come to `served` follows from the wallet that is booked, as its hold does.
async fn open(
    app: &App,
    caller: &Caller,
    job: &mut Generation,
    mut wallet: Wallet,
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
    let what = Charge {
        generation: &job.id,
        cost: job.cost,
        model: &job.model,
    };
    let limits = Limits {
        in_flight_max: caller.plan.in_flight_max(),
        unverified_max: (!caller.email_verified).then_some(app.config.sign_up_bonus.amount),
    };
    let mut tries = clock::tries(CONTENTION_PATIENCE);
    while tries.again().await? {
        let hold = match wallet.hold(&what, &caller.user, limits, clock::now()) {
            Ok(hold) => hold,
            // Perhaps it was this very request, sent twice, that took the credits.
            Err(refusal) => return Ok(Some(used_key(app, job, key).await?.ok_or(refusal)?)),
        };
        job.turn = turns::turn(served, wallet.in_flight, caller.plan);
        let opening = Opening {
            job,
            hold: &hold,
            by_key: match &caller.credential {
                Credential::Key { id, .. } => Some(id),
                Credential::Session(_) => None,
            },
            idempotency: record.as_ref(),
        };
        match app.store().open(&opening).await? {
            Opened::Done => return Ok(None),
            Opened::KeyUsed(record) => return Ok(Some(record)),
            Opened::WalletMoved(moved) => wallet = moved,
            // It was there a moment ago, and was deleted meanwhile.
            Opened::ProjectGone => return Err(NO_SUCH_PROJECT.into()),
            Opened::CallerGone => return Err(Refusal::Unauthorized.into()),
            Opened::KeyCapReached => return Err(Refusal::KeyCapReached.into()),
            Opened::Busy => wallet = app.store().wallet(&job.tenant).await?,
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

/// What a key that was used before answers: its job as it is now, for the same request only.
async fn replay(
    app: &App,
    tenant: &Tenant,
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
        in_time: record.in_time,
        replayed: true,
    })
}

/// Everything that the request names must be the tenant's own, and ready.
pub(crate) async fn check_references(
    app: &App,
    caller: &Caller,
    tenant: &Tenant,
    draft: &Draft,
) -> Result<(), Error> {
    let files = draft
        .request
        .reference_file
        .iter()
        .map(|id| ("reference_file_id", id));
    let files = files.chain(draft.order.images.iter().map(|(field, _, id)| (*field, id)));
    let checks = files.map(|(field, id)| async move {
        let file = app.store().file(tenant, id).await?;
        usable(field, file.as_ref()).map_err(Error::Refused)
    });
    let parent = async {
        let Some(id) = &draft.request.parent else {
            return Ok(());
        };
        match app.store().generation(tenant, id).await? {
            Some(_) => Ok(()),
            None => Err(Error::Refused(Refusal::NoSuch {
                field: "parent_generation_id",
                noun: "generation",
            })),
        }
    };
    let project = async {
        match &draft.project {
            Some(id) => project_for(app, caller, Action::File, id).await.map(|_| ()),
            None => Ok(()),
        }
    };
    tokio::try_join!(futures::future::try_join_all(checks), parent, project).map(|_| ())
}

/// The project that a request names in `project_id`. One that the caller may not do this to is not there: who sees it
/// is not thereby told anything, and who may not is not told that it exists.
pub(super) async fn project_for(
    app: &App,
    caller: &Caller,
    action: Action,
    id: &ProjectId,
) -> Result<Project, Error> {
    let found = app.store().project(&caller.user, action, id).await?;
    found.map_err(|_| Error::Refused(NO_SUCH_PROJECT))
}

fn usable(field: &'static str, file: Option<&File>) -> Result<(), Refusal> {
    match file {
        None => Err(Refusal::NoSuch {
            field,
            noun: "file",
        }),
        Some(file) if file.state != FileState::Ready => Err(Refusal::field(
            field,
            FieldCode::NotAllowed,
            "its upload is not completed",
        )),
        Some(file) if !file.content_type.is_image() => Err(Refusal::field(
            field,
            FieldCode::NotAllowed,
            "must be an image",
        )),
        Some(_) => Ok(()),
    }
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
        paid_with: match &caller.credential {
            Credential::Key { id, capped, .. } => capped.then(|| id.clone()),
            Credential::Session(_) => None,
        },
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
        ticket: None,
        sources: Vec::new(),
        outputs: Vec::new(),
        withheld: Vec::new(),
        released: Credits::ZERO,
        failure: None,
        cancel_wished_at: None,
        cancel_requested_at: None,
        due_at: Some(now.plus(app.config.jobs.submit_patience)),
        created_at: now,
        started_at: None,
        made_at: None,
        queue_position: None,
        finished_at: None,
        project: draft.project.clone(),
        title: None,
        tags: Tags::default(),
        favorite: false,
        version: 1,
    })
}

/// If the message cannot be sent, the request still succeeds: the job is in line, and the sweep finds it there.
async fn tell_worker(app: &App, job: &Generation) {
    if let Err(fault) = app.queue().submit(job.lane, &job.tenant, &job.id).await {
        tracing::error!(generation = %job.id, fault = fault.chain(), "a job waits for the sweep");
    }
}

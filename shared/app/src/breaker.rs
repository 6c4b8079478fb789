//! The circuit breaker in front of the provider: which jobs may be handed over, and what the provider's
//! answer means for the next one. A fault in noting an answer stops nothing: it is logged, and the job goes
//! on as if the provider worked.

use aws::Fault;
use domain::breaker::{Breaker, Gate};
use domain::{Refusal, Timestamp};
use provider::{Evidence, ProviderError};
use store::{System, WriteOutcome};

use crate::{App, clock, metrics};

/// The most times that a state is decided again because another worker wrote one first.
const DECISIONS_MAX: u32 = 5;

/// The permission to hand a job over. The breaker is then told the provider's answer to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pass {
    breaker: Breaker,
    is_probe: bool,
}

/// Returns the permission to hand a job over now, or `None` while the provider is left alone, by the
/// breaker as it was read.
///
/// # Errors
/// A fault if the breaker cannot be written.
pub(crate) async fn pass(app: &App, breaker: Breaker) -> Result<Option<Pass>, Fault> {
    let now = clock::now();
    match breaker.gate(now) {
        Gate::Closed => Ok(Some(Pass {
            breaker,
            is_probe: false,
        })),
        Gate::Open(_) => Ok(None),
        Gate::HalfOpen => {
            let probing = breaker.probing(now);
            Ok(match app.store().put_breaker(System, &probing).await? {
                WriteOutcome::Done => Some(Pass {
                    breaker: probing,
                    is_probe: true,
                }),
                // Another worker sends the probe.
                WriteOutcome::Stale => None,
            })
        }
    }
}

/// Tells the breaker the provider's answer to the job that had `pass`. Returns whether the provider works
/// again.
pub(crate) async fn told(app: &App, pass: Pass, evidence: &Evidence) -> bool {
    match note(app, pass, evidence).await {
        Ok(works_again) => works_again,
        Err(fault) => {
            tracing::error!(fault = fault.chain(), "the circuit breaker was not told");
            false
        }
    }
}

async fn note(app: &App, pass: Pass, evidence: &Evidence) -> Result<bool, Fault> {
    let rule = app.config.jobs.breaker;
    let mut breaker = pass.breaker;
    for _ in 0..DECISIONS_MAX {
        let next = match evidence {
            Evidence::Accepted { .. } | Evidence::Refused(_) => match breaker.succeeded() {
                Some(next) => next,
                None => return Ok(false),
            },
            Evidence::NotAccepted(trouble) | Evidence::NotYet(trouble)
                if trouble.is_everybodys() || pass.is_probe =>
            {
                breaker.failed(pass.is_probe, clock::now(), rule)
            }
            Evidence::NotAccepted(_)
            | Evidence::NotYet(_)
            | Evidence::Working { .. }
            | Evidence::Made(_) => return Ok(false),
        };
        if app.store().put_breaker(System, &next).await? == WriteOutcome::Done {
            tell_operator(&breaker, &next, evidence);
            return Ok(breaker.open_until.is_some() && next.open_until.is_none());
        }
        breaker = app.store().breaker().await?;
    }
    Ok(false)
}

fn tell_operator(before: &Breaker, after: &Breaker, evidence: &Evidence) {
    match (before.open_until, after.open_until, evidence) {
        (None, Some(_), Evidence::NotAccepted(ProviderError { why, .. }))
        | (None, Some(_), Evidence::NotYet(ProviderError { why, .. })) => {
            tracing::error!(
                why,
                "the provider fails every job; orders are refused, and accepted jobs wait"
            );
        }
        (Some(_), None, _) => tracing::info!("the provider works again"),
        _ => {}
    }
}

/// Refuses an order while the provider is left alone, before anything is set aside for it.
///
/// # Errors
/// [`Refusal::ProviderDown`], with the time after which to come back.
pub(crate) fn check_order(breaker: &Breaker, now: Timestamp) -> Result<(), Refusal> {
    breaker
        .takes_orders(now)
        .map_err(|retry_after| Refusal::ProviderDown { retry_after })
}

/// Measures for the operator's alarm whether the provider is left alone.
///
/// # Errors
/// A fault if the breaker cannot be read.
pub async fn measure(app: &App) -> Result<(), Fault> {
    let breaker = app.store().breaker().await?;
    metrics::gauge(app, "ProviderDown", i64::from(breaker.open_until.is_some()));
    Ok(())
}

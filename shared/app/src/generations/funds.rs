//! The wallet and caps that pay for a job, and the check that its cost fits into all of them.

use domain::access::Spender;
use domain::alerts::{AlertNote, CapOwner};
use domain::api_keys::ApiKey;
use domain::callers::Caller;
use domain::generations::Generation;
use domain::ids::Tenant;
use domain::ledger::{Booked, Charge, Limits, Wallet};
use domain::projects::Project;
use domain::spending::{Allowance, Bounds};
use domain::teams::{self, Role};
use domain::time::Month;
use domain::{Credits, Refusal};
use store::{TeamStanding, Watched};

use super::references::of_named_team;
use crate::{App, Error, clock};

/// A member's standing in the team that is to pay.
pub(super) struct TeamFunds {
    /// The member who spends.
    pub(super) spender: Spender,
    allowance: Allowance,
}

impl TeamFunds {
    /// Returns the standing of `caller`, if they may spend the team's credits.
    pub(super) fn of(caller: &Caller, standing: Option<TeamStanding>) -> Result<Self, Refusal> {
        let committed = standing.as_ref().map(|standing| standing.committed);
        let spender = Spender::of(&caller.user, standing.map(|standing| standing.membership));
        let spender = spender.map_err(of_named_team)?;
        let allowance = Allowance {
            cap: spender.membership().credit_cap,
            committed: committed.unwrap_or(Credits::ZERO),
        };
        Ok(Self { spender, allowance })
    }

    pub(super) fn role(&self) -> Role {
        self.spender.membership().role
    }
}

/// Everything that a job is paid from, as it was last read, and the project that it is filed in.
pub(super) struct Funds {
    pub(super) wallet: Wallet,
    pub(super) team: Option<TeamFunds>,
    pub(super) key: Option<ApiKey>,
    /// The project that the job is filed in.
    pub(super) project: Option<Project>,
}

impl Funds {
    /// Returns the used part of the caps, as it was read.
    pub(super) fn watched(&self) -> Watched {
        let committed = self.team.as_ref().map(|team| team.allowance.committed);
        Watched {
            committed: committed.unwrap_or(Credits::ZERO),
        }
    }

    fn bounds(&self, job: &Generation) -> Bounds {
        Bounds {
            wallet: self.wallet.spendable(),
            member: self.team.as_ref().map(|team| team.allowance),
            key: self.key.as_ref().and_then(|key| key.left(job.created_at)),
        }
    }
}

/// Books the hold of a job's cost, if the cost fits into the wallet and every cap.
pub(super) fn hold(
    app: &App,
    caller: &Caller,
    job: &Generation,
    funds: &Funds,
) -> Result<Booked, Refusal> {
    funds.bounds(job).check(job.cost)?;
    let what = Charge {
        generation: &job.id,
        cost: job.cost,
        model: &job.model,
    };
    let limits = Limits {
        in_flight_max: match job.tenant {
            Tenant::User(_) => caller.plan.in_flight_max(),
            Tenant::Team(_) => teams::IN_FLIGHT_MAX,
        },
        unverified_max: (!caller.email_verified).then_some(app.config.sign_up_bonus.amount),
    };
    funds.wallet.hold(&what, &caller.user, limits, clock::now())
}

/// Returns the alerts that a job's cost causes for the owner of the wallet: a member's cap, or an API
/// key's, is used up to a threshold. An alert about a key is sent only if the key's owner pays.
pub(super) fn cap_alerts(job: &Generation, funds: &Funds) -> Vec<AlertNote> {
    let (watch, of) = (&funds.wallet.watch, (&job.tenant, &job.id));
    let of_member = funds.team.as_ref().and_then(|team| {
        let allowance = team.allowance;
        let whose = CapOwner::Member(job.author.clone());
        let amounts = (allowance.cap?, allowance.committed, job.cost);
        AlertNote::of_cap(watch, of, amounts, whose)
    });
    let of_key = funds.key.as_ref().filter(|_| funds.team.is_none());
    let of_key = of_key.and_then(|key| {
        let cap = key.request.cap?.credits;
        let used = cap.checked_sub(key.left(job.created_at)?)?;
        AlertNote::of_cap(
            watch,
            of,
            (cap, used, job.cost),
            CapOwner::Key(key.id.clone()),
        )
    });
    of_member.into_iter().chain(of_key).collect()
}

/// Reads the standing of a team job's author again.
pub(super) async fn team_funds(
    app: &App,
    caller: &Caller,
    job: &Generation,
) -> Result<Option<TeamFunds>, Error> {
    let Tenant::Team(team) = &job.tenant else {
        return Ok(None);
    };
    let month = Month::from(job.created_at);
    let standing = app.store().team_standing(team, &caller.user, month).await?;
    Ok(Some(TeamFunds::of(caller, standing)?))
}

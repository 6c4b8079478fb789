//! Sharing a generation with a team, whose members may then look at it and derive others from it.

use std::collections::BTreeSet;

use domain::Refusal;
use domain::access::{self, Action, GenerationSeen, Share, Thing};
use domain::audit::{AuditAction, AuditEvent};
use domain::callers::Caller;
use domain::generations::{Attribution, Collaboration, Filter, Proposal, ShownGeneration};
use domain::ids::{GenerationId, TeamId, Tenant};
use domain::teams::Membership;
use store::WriteOutcome;

use super::references::{of_named_team, team_for};
use super::{Wanted, get, show_page};
use crate::pages::{self, SealedPage};
use crate::teams::{PATIENCE, get_to_act};
use crate::{App, Error, audit, clock, teams};

/// The refusal for a generation that is not shared with a team.
const NOT_SHARED: Refusal = Refusal::NotFound("collaboration");

/// The sharing of a generation with a team, as a reader may see it.
#[derive(Clone, Debug)]
pub struct SeenShare {
    /// The share.
    pub share: Collaboration,
    /// Whether the reader may see who shared it.
    pub shows_contributor: bool,
}

/// Shares a generation that the caller may share with a team that they may file something in.
///
/// # Errors
/// [`Refusal::NotFound`] or [`Refusal::Forbidden`] if they may not share it, [`Refusal::NoSuch`] if they
/// are not in the team, [`Refusal::Forbidden`] if they may only look there, [`Refusal::Conflict`] if it is
/// shared with the team already.
pub async fn share(
    app: &App,
    caller: &Caller,
    id: &GenerationId,
    proposal: &Proposal,
) -> Result<Collaboration, Error> {
    let mut tries = clock::tries(PATIENCE);
    while tries.again().await? {
        let (seen, into) = tokio::join!(
            get(app, caller, Action::Share, id),
            get_to_act(app, caller, Action::File, &proposal.team)
        );
        let seen = seen?;
        let (into, head) = into.map_err(|error| match error {
            Error::Refused(refusal) => Error::Refused(of_named_team(refusal)),
            Error::Faulted(fault) => Error::Faulted(fault),
        })?;
        let next = seen
            .generation
            .shared_with(&proposal.team, proposal.attribution)?;
        let mut members = vec![into.by];
        members.extend(membership(app, caller, &seen).await?);
        let share = Collaboration {
            generation: id.clone(),
            team: proposal.team.clone(),
            contributor: caller.user.clone(),
            intent: proposal.intent,
            change_description: proposal.change_description.clone(),
            attribution: proposal.attribution,
            shared_at: clock::now(),
        };
        let act = AuditAction::GenerationShared;
        let shared = AuditEvent::of_share(act, id, &share.team, share.attribution, &caller.user);
        let written = audit::recorded(app, &shared, head, |record| {
            app.store().share(&next, &share, &members, record)
        });
        if written.await? == WriteOutcome::Done {
            return Ok(share);
        }
    }
    Err(Refusal::Busy.into())
}

/// Returns the caller's membership in the team that owns a generation, if a team owns it.
async fn membership(
    app: &App,
    caller: &Caller,
    seen: &GenerationSeen,
) -> Result<Option<Membership>, Error> {
    match &seen.generation.tenant {
        Tenant::User(_) => Ok(None),
        Tenant::Team(team) => Ok(Some(teams::get(app, caller, Action::View, team).await?.by)),
    }
}

/// Stops sharing a generation with a team. Users who may share it may do this, and members who manage the
/// team.
///
/// # Errors
/// [`Refusal::NotFound`] if the caller may not know of it, [`Refusal::Forbidden`] if they may neither share
/// it nor manage the team.
pub async fn unshare(
    app: &App,
    caller: &Caller,
    id: &GenerationId,
    team: &TeamId,
) -> Result<(), Error> {
    let mut tries = clock::tries(PATIENCE);
    while tries.again().await? {
        let seen = get(app, caller, Action::View, id).await?;
        let may_share = access::check(&caller.user, Action::Share, Thing::Generation(&seen));
        let member = match may_share {
            Ok(()) => membership(app, caller, &seen).await?,
            Err(_) => match teams::get(app, caller, Action::Manage, team).await {
                Ok(managed) => Some(managed.by),
                Err(Error::Refused(Refusal::NotFound(_))) => return Err(NOT_SHARED.into()),
                Err(other) => return Err(other),
            },
        };
        let (next, attribution) = seen.generation.unshared_with(team).ok_or(NOT_SHARED)?;
        let act = AuditAction::GenerationUnshared;
        let ended = AuditEvent::of_share(act, id, team, attribution, &caller.user);
        let members: Vec<Membership> = member.into_iter().collect();
        let written = audit::recorded(app, &ended, None, |record| {
            app.store().end_share(&next, team, &members, record)
        });
        if written.await? == WriteOutcome::Done {
            return Ok(());
        }
    }
    Err(Refusal::Busy.into())
}

/// Returns the shares of a generation, newest first: all of them for its owner or for members of the team
/// that owns it, otherwise those with teams that the caller is in.
///
/// # Errors
/// [`Refusal::NotFound`] if the caller may not see the generation.
pub async fn collaborations(
    app: &App,
    caller: &Caller,
    id: &GenerationId,
) -> Result<Vec<SeenShare>, Error> {
    let seen = get(app, caller, Action::View, id).await?;
    let teams: BTreeSet<TeamId> = seen.generation.shares.keys().cloned().collect();
    let is_own = seen.role.is_some() || seen.generation.tenant == Tenant::from(&caller.user);
    let teams = match is_own {
        true => teams,
        false => {
            let roles = app.store().roles(&caller.user, &teams).await?;
            roles.into_keys().collect()
        }
    };
    let shares = app.store().collaborations(id, &teams).await?;
    let seen = shares.into_iter().map(|share| SeenShare {
        shows_contributor: is_own
            || share.contributor == caller.user
            || share.attribution == Attribution::Visible,
        share,
    });
    Ok(seen.collect())
}

/// Returns a page of the generations that are shared with a team which the caller is in, newest first. It
/// may be shorter than the limit and still have a next one.
///
/// # Errors
/// [`Refusal::NoSuch`] if they are not in it, [`Refusal::InvalidCursor`] if the cursor is not from this
/// list, [`Refusal::Forbidden`] if they filter by favourites, which are another user's.
pub(super) async fn list(
    app: &App,
    caller: &Caller,
    team: &TeamId,
    wanted: &Wanted,
) -> Result<SealedPage<ShownGeneration>, Error> {
    let filter: &Filter = &wanted.filter;
    if filter.favorite.is_some() {
        return Err(Refusal::Forbidden.into());
    }
    let binding = format!("{}/generations/shared/{team}/{filter:?}", caller.user);
    let after = pages::open(wanted.cursor.as_deref(), &binding)?;
    let (seen, page) = tokio::join!(
        team_for(app, caller, team),
        app.store().shared_generations(team, after, wanted.limit)
    );
    // The team's refusal comes first: a caller who is not in it learns nothing of what was read meanwhile.
    let role = seen?.by.role;
    let mut page = page?;
    page.rows.retain(|it| filter.takes(it));
    show_page(app, caller, page, &binding, |generation| {
        let attribution = generation.shares.get(team).copied();
        let share = attribution.map(|attribution| Share { role, attribution });
        (None, share.into_iter().collect())
    })
    .await
}

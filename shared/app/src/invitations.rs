//! Invitations into a team: sending, cancelling, and answering them.
//!
//! A worker writes the letter and makes its token. The letter goes to an address that somebody else wrote
//! down, so it counts as a letter to a stranger and contains no words of the sender.

use auth::invitations::InvitationToken;
use aws::Fault;
use domain::access::Action;
use domain::accounts::Email;
use domain::attempts::Attempt;
use domain::audit::{AuditAction, AuditEvent, Chain, ChainHead};
use domain::callers::{Caller, Person};
use domain::events::{EventKind, Subject};
use domain::ids::{InvitationId, TeamId, Tenant};
use domain::teams::{INVITATION_LIFETIME, INVITATIONS_MAX, Invitation, Membership, Role};
use domain::{FieldCode, Refusal};
use mail::Letter;
use queue::SendMail;
use store::{Answered, Invited, System, TeamSeen};

use crate::pages::{self, SealedPage};
use crate::teams::{PATIENCE, event, get, get_to_act, too_many};
use crate::{App, Error, attempts, audit, clock, events, letters};

/// Invites the owner of this address into a team that the caller manages.
///
/// # Errors
/// [`Refusal::NotFound`] or [`Refusal::Forbidden`] if they may not, [`Refusal::Conflict`] if that address
/// is invited already or a member has it, or if too many invitations are open, [`Refusal::RateLimited`]
/// after too many letters in a day.
pub async fn create(
    app: &App,
    caller: &Caller,
    id: &TeamId,
    email: &Email,
    role: Role,
) -> Result<Invitation, Error> {
    let mut tries = clock::tries(PATIENCE);
    while tries.again().await? {
        let (TeamSeen { by, .. }, head) = get_to_act(app, caller, Action::Manage, id).await?;
        check_newcomer(app, id, email).await?;
        count_letter(app, caller).await?;
        let now = clock::now();
        let invitation = Invitation {
            id: InvitationId::new(now, clock::entropy()?),
            team: id.clone(),
            email: email.clone(),
            role,
            invited_by: caller.user.clone(),
            created_at: now,
            expires_at: now.plus(INVITATION_LIFETIME),
            version: 1,
        };
        let invited = event(
            id,
            caller,
            AuditAction::MemberInvited,
            invitation.id.as_str(),
        );
        let written = audit::recorded(app, &invited, head, |record| {
            app.store().put_invitation(&invitation, &by, record)
        });
        match written.await? {
            Invited::Done => {
                // The invitation exists now, and can be sent again: an error here would only hide it.
                if let Err(fault) = ask_for_letter(app, &invitation).await {
                    let fault = fault.chain();
                    tracing::error!(invitation = %invitation.id, fault, "an invitation must be sent again");
                }
                return Ok(invitation);
            }
            Invited::Before => return Err(invited_before().into()),
            Invited::Stale => {}
        }
    }
    Err(Refusal::Busy.into())
}

fn invited_before() -> Refusal {
    Refusal::Conflict(
        "this address has an open invitation; send that one again, or cancel it first".to_owned(),
    )
}

/// Counts a letter that the caller causes, so that no user alone uses up the letters that all users
/// together may send to strangers in a day.
async fn count_letter(app: &App, caller: &Caller) -> Result<(), Error> {
    attempts::count(app, Attempt::Invite(&caller.user)).await
}

/// Refuses if a member of the team has this address, or if the team can have no more invitations.
async fn check_newcomer(app: &App, id: &TeamId, email: &Email) -> Result<(), Error> {
    let known = async {
        match app.store().credential(email).await? {
            Some(known) => app.store().membership(id, &known.user).await,
            None => Ok(None),
        }
    };
    let (member, is_full) = tokio::try_join!(known, app.store().has_all_invitations(id))?;
    if member.is_some() {
        let member = "whoever has this address is a member of the team".to_owned();
        return Err(Refusal::Conflict(member).into());
    }
    if is_full {
        let full = format!("{INVITATIONS_MAX} invitations are open; cancel some first");
        return Err(Refusal::Conflict(full).into());
    }
    Ok(())
}

/// Returns a page of the invitations into a team that the caller manages, newest first.
///
/// # Errors
/// [`Refusal::NotFound`] or [`Refusal::Forbidden`] if they may not, [`Refusal::InvalidCursor`] if
/// the cursor is not from this list.
pub async fn list(
    app: &App,
    caller: &Caller,
    id: &TeamId,
    cursor: Option<&str>,
    limit: u32,
) -> Result<SealedPage<Invitation>, Error> {
    get(app, caller, Action::Manage, id).await?;
    let binding = format!("{}/teams/{id}/invitations", caller.user);
    pages::read(cursor, &binding, |after| {
        app.store().invitations(id, after, limit)
    })
    .await
}

/// Returns the invitation that the path names, and the member who manages it.
async fn managed(
    app: &App,
    caller: &Caller,
    team: &TeamId,
    id: &InvitationId,
) -> Result<(Membership, Invitation, Option<ChainHead>), Error> {
    let (TeamSeen { by, .. }, head) = get_to_act(app, caller, Action::Manage, team).await?;
    let sent = app.store().invitation(team, id).await?;
    let sent = sent.ok_or(Refusal::NotFound("invitation"))?;
    Ok((by, sent.invitation, head))
}

/// Sends an invitation again. It lasts for another week, and the tokens in earlier letters stop working.
///
/// # Errors
/// As for [`cancel`]; [`Refusal::Conflict`] if another invitation of that address is open.
pub async fn resend(
    app: &App,
    caller: &Caller,
    team: &TeamId,
    id: &InvitationId,
) -> Result<Invitation, Error> {
    let mut tries = clock::tries(PATIENCE);
    while tries.again().await? {
        let (by, invitation, head) = managed(app, caller, team, id).await?;
        count_letter(app, caller).await?;
        let next = invitation.sent_again(clock::now());
        let again = event(team, caller, AuditAction::InvitationResent, id.as_str());
        let written = audit::recorded(app, &again, head, |record| {
            app.store().renew_invitation(&next, &by, record)
        });
        match written.await? {
            Invited::Done => {
                ask_for_letter(app, &next).await?;
                return Ok(next);
            }
            Invited::Before => return Err(invited_before().into()),
            Invited::Stale => {}
        }
    }
    Err(Refusal::Busy.into())
}

/// Cancels an invitation.
///
/// # Errors
/// [`Refusal::NotFound`] if there is no such invitation that the caller may know of, [`Refusal::Forbidden`]
/// if they may not manage it.
pub async fn cancel(
    app: &App,
    caller: &Caller,
    team: &TeamId,
    id: &InvitationId,
) -> Result<(), Error> {
    let mut tries = clock::tries(PATIENCE);
    while tries.again().await? {
        let (by, invitation, head) = managed(app, caller, team, id).await?;
        let canceled = event(team, caller, AuditAction::InvitationCanceled, id.as_str());
        let written = audit::recorded(app, &canceled, head, |record| {
            app.store().end_invitation(&invitation, Some(&by), record)
        });
        if written.await? == Answered::Done {
            return Ok(());
        }
    }
    Err(Refusal::Busy.into())
}

/// Returns the invitation that a token opens, if it is for the caller's address, and the end of its team's
/// log.
async fn invited(
    app: &App,
    caller: &Person,
    token: &str,
) -> Result<(Invitation, Option<ChainHead>), Error> {
    let token = InvitationToken::parse(token).ok_or_else(not_valid)?;
    let log = Chain::Tenant(Tenant::from(token.team()));
    let (sent, user, head) = tokio::try_join!(
        app.store().invitation(token.team(), token.invitation()),
        app.store().user(&caller.user),
        app.store().audit_head(&log)
    )?;
    let sent = sent.filter(|sent| token.matches_any(&sent.digests));
    let invitation = sent.ok_or_else(not_valid)?.invitation;
    if !invitation.is_open(clock::now()) {
        return Err(not_valid().into());
    }
    let user = user.ok_or(Refusal::Unauthorized)?;
    invitation.check_invited(&user.email, user.email_verified)?;
    Ok((invitation, Some(head)))
}

fn not_valid() -> Refusal {
    let message = "is not valid, was used before, or has expired; ask for another invitation";
    Refusal::field("token", FieldCode::NotAllowed, message)
}

/// Takes the caller into the team that they were invited into.
///
/// # Errors
/// [`Refusal::Invalid`] if the token opens nothing, [`Refusal::Conflict`] if it is for another address, if
/// the caller's address is not verified, if the team has no seat left, or if they are in it or in too many
/// teams.
pub async fn accept(app: &App, caller: &Person, token: &str) -> Result<TeamSeen, Error> {
    let team = InvitationToken::parse(token).ok_or_else(not_valid)?;
    let team = team.team().clone();
    let subject = Subject::Member {
        team: team.clone(),
        user: caller.user.clone(),
    };
    let tenants = [Tenant::from(&team)];
    let told = events::of(app, &tenants, EventKind::MemberJoined, subject);
    let (invited, told) = tokio::join!(invited(app, caller, token), told);
    let ((invitation, head), told) = (invited?, told?);
    let member = Membership {
        team: invitation.team.clone(),
        user: caller.user.clone(),
        role: invitation.role,
        credit_cap: None,
        joined_at: clock::now(),
    };
    let joined = event(
        &invitation.team,
        caller,
        AuditAction::MemberJoined,
        caller.user.as_str(),
    );
    let conflict = |words: &str| Error::Refused(Refusal::Conflict(words.to_owned()));
    let accepted = audit::recorded(app, &joined, head, |record| {
        app.store()
            .accept_invitation(&invitation, &member, &told, record)
    });
    match accepted.await? {
        Answered::Done => get(app, caller, Action::View, &invitation.team).await,
        Answered::Gone => Err(not_valid().into()),
        Answered::IsMember => Err(conflict("you are a member of this team")),
        Answered::Full => Err(conflict(
            "the team has no seat left; ask whoever invited you to make room",
        )),
        Answered::TooManyTeams => Err(too_many().into()),
        Answered::AccountGone => Err(Refusal::Unauthorized.into()),
    }
}

/// Declines an invitation.
///
/// # Errors
/// [`Refusal::Invalid`] if the token opens nothing, [`Refusal::Conflict`] if it is for another address.
pub async fn decline(app: &App, caller: &Person, token: &str) -> Result<(), Error> {
    let (invitation, head) = invited(app, caller, token).await?;
    let act = AuditAction::InvitationDeclined;
    let declined: AuditEvent = event(&invitation.team, caller, act, invitation.id.as_str());
    let ended = audit::recorded(app, &declined, head, |record| {
        app.store().end_invitation(&invitation, None, record)
    });
    match ended.await? {
        Answered::Done => Ok(()),
        Answered::Gone
        | Answered::IsMember
        | Answered::Full
        | Answered::TooManyTeams
        | Answered::AccountGone => Err(not_valid().into()),
    }
}

/// Asks for a letter. The invitation exists whether or not this works, and can be sent again.
async fn ask_for_letter(app: &App, invitation: &Invitation) -> Result<(), Fault> {
    let message = SendMail::Invitation {
        team_id: invitation.team.clone(),
        invitation_id: invitation.id.clone(),
        version: invitation.version,
    };
    app.queue().send_mail(&message).await
}

/// Sends the letter of an invitation, unless the invitation was answered, cancelled or sent again
/// meanwhile. The worker calls it. A message that comes twice sends two letters, and either opens the
/// invitation.
///
/// # Errors
/// A fault if the letter was not sent.
pub async fn write_letter(
    app: &App,
    team: &TeamId,
    id: &InvitationId,
    version: u64,
) -> Result<(), Error> {
    let sent = app.store().invitation(team, id).await?;
    let is_due =
        |invitation: &Invitation| invitation.version == version && invitation.is_open(clock::now());
    let invitation = sent.map(|sent| sent.invitation).filter(is_due);
    let Some(invitation) = invitation else {
        return Ok(());
    };
    letters::send_to_stranger(app, &invitation.email, async || {
        let token = InvitationToken::generate(team.clone(), id.clone());
        let token = token.map_err(Fault::doing("making a token to mail"))?;
        let digest = token.digest();
        if !app
            .store()
            .add_invitation_letter(System, &invitation, &digest)
            .await?
        {
            return Ok(());
        }
        let token = token.reveal();
        app.mail()
            .send(&invitation.email, Letter::Invitation { token: &token })
            .await
    })
    .await
}

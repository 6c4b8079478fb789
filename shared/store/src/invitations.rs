//! Invitations into a team. An open one is two items: itself, and a mark for its address, of which there is
//! one a team. Both go when it is answered or taken back. What a letter carries is kept as a digest alone.

use aws::Fault;
use aws_sdk_dynamodb::types::builders::{DeleteBuilder, PutBuilder};
use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put};
use domain::audit::Record;
use domain::ids::{InvitationId, TeamId};
use domain::teams::{INVITATIONS_MAX, Invitation, Membership};
use domain::webhook_deliveries::WebhookDelivery;

use crate::accounts::is_condition;
use crate::cursor::Cursor;
use crate::items::{self, INVITATION_PREFIX, InvitationItem, InvitedItem, number, text};
use crate::overwrite::Overwrite;
use crate::pages::Page;
use crate::teams::team_key;
use crate::transact::{Part, Transaction};
use crate::{Recorded, Store, System};

/// An open invitation, with the digests of the secrets in its letters.
#[derive(Debug)]
pub struct SentInvitation {
    /// The invitation.
    pub invitation: Invitation,
    /// SHA-256 (hexadecimal) of the secret in each letter since it was last sent.
    pub digests: Vec<String>,
}

/// What became of inviting somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invited {
    /// They are invited.
    Done,
    /// They were before, and can still accept.
    Before,
    /// The team or the inviter's place in it is not as it was read, or the invitation was answered.
    Stale,
}

/// What became of an answer to an invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    /// It is answered, and gone.
    Done,
    /// It was answered or taken back before, or its team is gone.
    Gone,
    /// Whoever accepts is in the team.
    IsMember,
    /// The team has no seat left.
    Full,
    /// Whoever accepts is in as many teams as one may be in.
    TooManyTeams,
    /// Whoever accepts has no account any more, or a suspended one.
    AccountGone,
}

impl Store {
    /// Invites somebody, if nobody invited that address before and `by` still has their role.
    ///
    /// # Errors
    /// A [`Fault`] if it is not known to be written.
    pub async fn put_invitation(
        &self,
        invitation: &Invitation,
        by: &Membership,
        record: Record,
    ) -> Result<Recorded<Invited>, Fault> {
        let put = Put::builder()
            .table_name(&self.tables.teams)
            .set_item(Some(items::write(&InvitationItem::from(invitation))?))
            .condition_expression("attribute_not_exists(team)");
        let mark = self
            .mark_invited(invitation)?
            .condition_expression("attribute_not_exists(team) OR expires_at_ms <= :now")
            .expression_attribute_values(":now", number(record.at.ms()));
        let mut tx = Transaction::new("inviting somebody");
        tx.add(Part::Invitation, put);
        tx.add(Part::InvitationMark, mark);
        tx.add(Part::Team, self.check_team(&invitation.team));
        tx.add(Part::Member, self.check_member(by));
        let sent = self.commit_recorded(tx, &record).await?;
        Ok(sent.map(|written| match written {
            Ok(()) => Invited::Done,
            // An earlier try was committed although its answer was lost.
            Err(refused) if refused.has(Part::Invitation) => Invited::Done,
            Err(refused) if refused.has(Part::InvitationMark) => Invited::Before,
            Err(_) => Invited::Stale,
        }))
    }

    /// Writes that an invitation is sent again: the letters before open nothing.
    ///
    /// # Errors
    /// A [`Fault`] if it is not known to be written.
    pub async fn renew_invitation(
        &self,
        next: &Invitation,
        by: &Membership,
        record: Record,
    ) -> Result<Recorded<Invited>, Fault> {
        let write = Overwrite::by(["team", "item"], &InvitationItem::from(next))?
            .in_transaction(&self.tables.teams)
            .condition_expression("version = :before")
            .expression_attribute_values(":before", number(next.version - 1));
        let mark = self
            .mark_invited(next)?
            .condition_expression(
                "attribute_not_exists(team) OR invitation_id = :id OR expires_at_ms <= :now",
            )
            .expression_attribute_values(":id", text(next.id.as_str()))
            .expression_attribute_values(":now", number(record.at.ms()));
        let mut tx = Transaction::new("inviting somebody again");
        tx.add(Part::Invitation, write);
        tx.add(Part::InvitationMark, mark);
        tx.add(Part::Member, self.check_member(by));
        let sent = self.commit_recorded(tx, &record).await?;
        Ok(sent.map(|written| match written {
            Ok(()) => Invited::Done,
            Err(refused) if refused.has(Part::InvitationMark) => Invited::Before,
            Err(_) => Invited::Stale,
        }))
    }

    /// A team's invitation, if it is open or has expired not long ago.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be read.
    pub async fn invitation(
        &self,
        team: &TeamId,
        id: &InvitationId,
    ) -> Result<Option<SentInvitation>, Fault> {
        let sort = InvitationItem::sort(id);
        let key = [("team", team.as_str()), ("item", sort.as_str())];
        let found = self
            .item("reading an invitation", &self.tables.teams, key)
            .await?;
        let read = |item| {
            let mut item: InvitationItem = items::read(item)?;
            let digests = std::mem::take(&mut item.digests).into_iter().collect();
            let invitation = item.try_into()?;
            Ok(SentInvitation {
                invitation,
                digests,
            })
        };
        found.map(read).transpose()
    }

    /// A page of a team's invitations, newest first: the open ones, and those that expired not long ago.
    ///
    /// # Errors
    /// A [`Fault`] if they cannot be read.
    pub async fn invitations(
        &self,
        team: &TeamId,
        after: Option<Cursor<InvitationId>>,
        limit: u32,
    ) -> Result<Page<Invitation, InvitationId>, Fault> {
        let after = after.as_ref().map(|last| last.place().as_str());
        let (items, more) = self.by_id(team, INVITATION_PREFIX, after, limit).await?;
        let invitations = items
            .into_iter()
            .map(|item| items::read::<InvitationItem>(item)?.try_into())
            .collect::<Result<Vec<Invitation>, Fault>>()?;
        Ok(Page::new(invitations, more, |invitation| {
            invitation.id.clone()
        }))
    }

    /// Whether a team has as many invitations as it may have open at a time.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be told.
    pub async fn has_all_invitations(&self, team: &TeamId) -> Result<bool, Fault> {
        let page = self.invitations(team, None, INVITATIONS_MAX).await?;
        Ok(page.rows.len() >= INVITATIONS_MAX as usize)
    }

    /// Remembers what a letter carries; `false` if the invitation was answered,
    /// taken back or sent again meanwhile.
    ///
    /// # Errors
    /// A [`Fault`] if it was not written.
    pub async fn add_invitation_letter(
        &self,
        _: System,
        invitation: &Invitation,
        digest: &str,
    ) -> Result<bool, Fault> {
        let written = self
            .client
            .update_item()
            .table_name(&self.tables.teams)
            .set_key(Some(team_key(
                &invitation.team,
                &InvitationItem::sort(&invitation.id),
            )))
            .update_expression("ADD digests :digest")
            .condition_expression("version = :version")
            .expression_attribute_values(":digest", AttributeValue::Ss(vec![digest.to_owned()]))
            .expression_attribute_values(":version", number(invitation.version))
            .send()
            .await;
        match written {
            Ok(_) => Ok(true),
            Err(error) if is_condition(&error) => Ok(false),
            Err(error) => Err(Fault::new("noting a letter", error)),
        }
    }

    /// Takes an invitation back, or notes that nobody wants it; `by` is the member who does, if it is one.
    ///
    /// # Errors
    /// A [`Fault`] if it is not known to be written.
    pub async fn end_invitation(
        &self,
        invitation: &Invitation,
        by: Option<&Membership>,
        record: Record,
    ) -> Result<Recorded<Answered>, Fault> {
        let mut tx = Transaction::new("ending an invitation");
        self.end(&mut tx, invitation);
        if let Some(by) = by {
            tx.add(Part::Member, self.check_member(by));
        }
        let sent = self.commit_recorded(tx, &record).await?;
        Ok(sent.map(|written| match written {
            Ok(()) => Answered::Done,
            Err(_) => Answered::Gone,
        }))
    }

    /// Gives whoever accepts an invitation their place in the team, if there is a seat.
    ///
    /// # Errors
    /// A [`Fault`] if it is not known to be written.
    pub async fn accept_invitation(
        &self,
        invitation: &Invitation,
        member: &Membership,
        told: &[WebhookDelivery],
        record: Record,
    ) -> Result<Recorded<Answered>, Fault> {
        let seat = self
            .update_team(&invitation.team)
            .update_expression("ADD members :one, version :one")
            .condition_expression("members < max_members");
        let mut tx = Transaction::new("accepting an invitation");
        self.end(&mut tx, invitation);
        tx.add(Part::Member, self.put_member(member)?);
        tx.add(Part::Team, seat);
        tx.add(Part::MemberCount, self.count_teams(&member.user, 0, 1));
        tx.add(Part::Account, self.check_good_standing(&member.user, None));
        self.tell(&mut tx, told)?;
        let sent = self.commit_recorded(tx, &record).await?;
        Ok(sent.map(|written| match written {
            Ok(()) => Answered::Done,
            Err(refused) if refused.has(Part::Account) => Answered::AccountGone,
            Err(refused) if refused.has(Part::Member) => Answered::IsMember,
            Err(refused) if refused.has(Part::Invitation) => Answered::Gone,
            Err(refused) if refused.has(Part::Team) => Answered::Full,
            Err(_) => Answered::TooManyTeams,
        }))
    }

    /// Ends an invitation, if it is as it was read, and its mark, if that is of this one.
    fn end(&self, tx: &mut Transaction, invitation: &Invitation) {
        let invited = self
            .delete_of_team(&invitation.team, &InvitationItem::sort(&invitation.id))
            .condition_expression("version = :version")
            .expression_attribute_values(":version", number(invitation.version));
        let mark = self
            .delete_of_team(&invitation.team, &InvitedItem::sort(&invitation.email))
            .condition_expression("attribute_not_exists(team) OR invitation_id = :id")
            .expression_attribute_values(":id", text(invitation.id.as_str()));
        tx.add(Part::Invitation, invited);
        tx.add(Part::InvitationMark, mark);
    }

    fn delete_of_team(&self, team: &TeamId, sort: &str) -> DeleteBuilder {
        Delete::builder()
            .table_name(&self.tables.teams)
            .set_key(Some(team_key(team, sort)))
    }

    fn mark_invited(&self, invitation: &Invitation) -> Result<PutBuilder, Fault> {
        Ok(Put::builder()
            .table_name(&self.tables.teams)
            .set_item(Some(items::write(&InvitedItem::from(invitation))?)))
    }
}

//! Invitations into a team. An open invitation is two items: the invitation, and a mark for its address, of
//! which a team has at most one. Both are deleted when it is answered or taken back. The secrets in its
//! letters are kept as digests only.

use aws::Fault;
use aws_sdk_dynamodb::types::builders::{DeleteBuilder, PutBuilder};
use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put};
use domain::audit::AuditRecord;
use domain::ids::{InvitationId, TeamId};
use domain::teams::{INVITATIONS_MAX, Invitation, Membership};
use domain::webhook_deliveries::WebhookDelivery;

use crate::accounts::is_condition;
use crate::cursor::Cursor;
use crate::items::{self, INVITATION_PREFIX, InvitationItem, InvitedItem, number, text};
use crate::overwrite::Overwrite;
use crate::pages::Page;
use crate::teams::team_key;
use crate::transact::{Part, WriteTransaction};
use crate::{Recorded, Store, System};

/// An open invitation, with the digests of the secrets in its letters.
#[derive(Debug)]
pub struct SentInvitation {
    /// The invitation.
    pub invitation: Invitation,
    /// SHA-256 (hexadecimal) of the secret in each letter since the invitation was last sent.
    pub digests: Vec<String>,
}

/// The outcome of inviting somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invited {
    /// The invitation was written.
    Done,
    /// The address has an open invitation already.
    Before,
    /// The team or the inviter's role has changed since it was read, or the invitation was answered.
    Stale,
}

/// The outcome of answering an invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    /// The answer was recorded, and the invitation is gone.
    Done,
    /// The invitation was answered or taken back before, or its team is gone.
    Gone,
    /// The user who accepts is a member already.
    IsMember,
    /// The team has no free seat.
    Full,
    /// The user who accepts is in as many teams as a user may be in.
    TooManyTeams,
    /// The account of the user who accepts is gone or suspended.
    AccountGone,
}

impl Store {
    /// Writes an invitation, if the team has no open one for that address and `by` still has their role.
    ///
    /// # Errors
    /// A [`Fault`] if it is not known to be written.
    pub async fn put_invitation(
        &self,
        invitation: &Invitation,
        by: &Membership,
        record: AuditRecord,
    ) -> Result<Recorded<Invited>, Fault> {
        let put = Put::builder()
            .table_name(&self.tables.teams)
            .set_item(Some(items::write(&InvitationItem::from(invitation))?))
            .condition_expression("attribute_not_exists(team)");
        let mark = self
            .mark_invited(invitation)?
            .condition_expression("attribute_not_exists(team) OR expires_at_ms <= :now")
            .expression_attribute_values(":now", number(record.at.ms()));
        let mut tx = WriteTransaction::new("inviting somebody");
        tx.add(Part::Invitation, put);
        tx.add(Part::InvitationMark, mark);
        tx.add(Part::Team, self.check_team(&invitation.team));
        tx.add(Part::Member, self.check_member(by));
        let sent = self.commit_recorded(tx, &record).await?;
        Ok(sent.map(|written| match written {
            Ok(()) => Invited::Done,
            // An earlier attempt was committed, but its answer was lost.
            Err(refused) if refused.has(Part::Invitation) => Invited::Done,
            Err(refused) if refused.has(Part::InvitationMark) => Invited::Before,
            Err(_) => Invited::Stale,
        }))
    }

    /// Records that an invitation is sent again. Its earlier letters stop working.
    ///
    /// # Errors
    /// A [`Fault`] if it is not known to be written.
    pub async fn renew_invitation(
        &self,
        next: &Invitation,
        by: &Membership,
        record: AuditRecord,
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
        let mut tx = WriteTransaction::new("inviting somebody again");
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

    /// Reads a team's invitation, if it is open or expired not long ago.
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

    /// Reads a page of a team's invitations, newest first: open ones, and those that expired not long ago.
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

    /// Returns whether a team has as many open invitations as it may have.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be told.
    pub async fn has_all_invitations(&self, team: &TeamId) -> Result<bool, Fault> {
        let page = self.invitations(team, None, INVITATIONS_MAX).await?;
        Ok(page.rows.len() >= INVITATIONS_MAX as usize)
    }

    /// Adds the digest of a letter's secret; returns `false` if the invitation was answered, taken back or
    /// sent again meanwhile.
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

    /// Ends an invitation that is taken back or declined; `by` is the member who takes it back, if one
    /// does.
    ///
    /// # Errors
    /// A [`Fault`] if it is not known to be written.
    pub async fn end_invitation(
        &self,
        invitation: &Invitation,
        by: Option<&Membership>,
        record: AuditRecord,
    ) -> Result<Recorded<Answered>, Fault> {
        let mut tx = WriteTransaction::new("ending an invitation");
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

    /// Gives the user who accepts an invitation their place in the team, if there is a free seat.
    ///
    /// # Errors
    /// A [`Fault`] if it is not known to be written.
    pub async fn accept_invitation(
        &self,
        invitation: &Invitation,
        member: &Membership,
        told: &[WebhookDelivery],
        record: AuditRecord,
    ) -> Result<Recorded<Answered>, Fault> {
        let seat = self
            .update_team(&invitation.team)
            .update_expression("ADD members :one, version :one")
            .condition_expression("members < max_members");
        let mut tx = WriteTransaction::new("accepting an invitation");
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

    /// Adds two deletions to a transaction: the invitation, if it has not changed since it was read, and
    /// its mark, if the mark belongs to this invitation.
    fn end(&self, tx: &mut WriteTransaction, invitation: &Invitation) {
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

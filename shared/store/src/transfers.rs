//! Transfers of credits between two wallets. Both wallets and both entries are written in one transaction,
//! so no credits are lost or invented on the way.

use aws::Fault;
use aws_sdk_dynamodb::types::ConditionCheck;
use aws_sdk_dynamodb::types::builders::ConditionCheckBuilder;
use domain::access::Spender;
use domain::api_keys::ApiKey;
use domain::audit::AuditRecord;
use domain::erasure::Erasure;
use domain::ids::Tenant;
use domain::ledger::{Transfer, Wallet};
use domain::teams::{Membership, Team};

use crate::items::{self, OnceItem, WALLET, number, text};
use crate::once::{Once, UsedKey};
use crate::transact::{Part, WriteTransaction};
use crate::{Recorded, Store};

/// Credits that a member moves into their team's wallet, and the items that are written with it.
#[derive(Debug)]
pub struct Funding<'a> {
    /// The transfer from the member's own wallet into the team's, worked out from both as they were read.
    pub transfer: &'a Transfer,
    /// The member.
    pub by: &'a Spender,
    /// The API key that the caller uses, as it was read, if it has a cap. The credits are taken from it,
    /// too.
    pub capped_key: Option<&'a ApiKey>,
    /// The client's key, if it gave one.
    pub once: Option<&'a Once>,
}

/// The outcome of funding a team.
#[derive(Debug)]
pub enum Funded {
    /// The credits are in the team's wallet.
    Done,
    /// The client's key was used before, for this.
    KeyUsed(UsedKey),
    /// The member's account is gone or suspended.
    CallerGone,
    /// A wallet, the key, the team or the member's role has changed since it was read. Read again, and
    /// decide again.
    Stale,
}

/// The outcome of ending a team.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TeamEndOutcome {
    /// The team is gone.
    Done,
    /// The team, its owner's membership or a wallet has changed since it was read. Read again, and decide
    /// again.
    Stale,
}

impl Store {
    /// Moves credits from a member's own wallet into their team's.
    ///
    /// # Errors
    /// A [`Fault`] if it is not known to be written.
    pub async fn fund(
        &self,
        funding: &Funding<'_>,
        record: AuditRecord,
    ) -> Result<Recorded<Funded>, Fault> {
        let member = funding.by.membership();
        let mut tx = WriteTransaction::new("moving credits into a team's wallet");
        self.book(&mut tx, &funding.transfer.out)?;
        self.book(&mut tx, &funding.transfer.into)?;
        tx.add(Part::Team, self.check_team(&member.team));
        tx.add(Part::Member, self.check_member(member));
        tx.add(Part::Account, self.check_good_standing(&member.user, None));
        if let Some(key) = funding.capped_key {
            let amount = funding.transfer.out.entry.amount;
            tx.add(
                Part::ApiKey,
                self.spend_from_key(key, amount, record.at, false),
            );
        }
        if let Some(once) = funding.once {
            let entry = &funding.transfer.out.entry;
            tx.add(Part::IdempotencyKey, self.put_once(once, entry, record.at)?);
        }
        let sent = self.commit_recorded(tx, &record).await?;
        sent.try_map(|written| {
            let Err(mut refused) = written else {
                return Ok(Funded::Done);
            };
            if let Some(item) = refused.item(Part::IdempotencyKey) {
                return Ok(Funded::KeyUsed(items::read::<OnceItem>(item)?.try_into()?));
            }
            Ok(match refused {
                _ if refused.has(Part::Account) => Funded::CallerGone,
                _ => Funded::Stale,
            })
        })
    }

    /// Ends a team, all or nothing. It deletes the team's record and its owner's membership; `home` moves
    /// the credits of the team's wallet to its owner. It requires that no job of the team's wallet is
    /// running. No job can begin afterwards, because there are no credits and no member left. A note asks
    /// for the deletion of the team's remaining data.
    ///
    /// # Errors
    /// A [`Fault`] if it is not known to be written.
    pub async fn end_team(
        &self,
        team: &Team,
        owner: &Membership,
        wallet: &Wallet,
        home: Option<&Transfer>,
        record: AuditRecord,
    ) -> Result<Recorded<TeamEndOutcome>, Fault> {
        let mut tx = WriteTransaction::new("ending a team");
        tx.add(Part::Team, self.delete_team(team));
        tx.add(Part::Member, self.delete_owner(owner));
        tx.add(Part::MemberCount, self.count_teams(&team.owner, -1, -1));
        match home {
            Some(home) => {
                self.book(&mut tx, &home.out)?;
                self.book(&mut tx, &home.into)?;
            }
            None => tx.add(Part::Wallet, self.check_wallet(wallet)),
        }
        let note = Erasure {
            tenant: Tenant::from(&team.id),
            began_at: record.at,
        };
        tx.add(Part::ErasureNote, self.note_erasure(&note)?);
        let sent = self.commit_recorded(tx, &record).await?;
        Ok(sent.map(|written| match written {
            Ok(()) => TeamEndOutcome::Done,
            Err(_) => TeamEndOutcome::Stale,
        }))
    }

    /// Builds the condition that a wallet has not changed since it was read.
    fn check_wallet(&self, wallet: &Wallet) -> ConditionCheckBuilder {
        ConditionCheck::builder()
            .table_name(&self.tables.credits)
            .key("tenant", text(wallet.tenant.as_str()))
            .key("entry", text(WALLET))
            .condition_expression("version = :version")
            .expression_attribute_values(":version", number(wallet.version))
    }
}

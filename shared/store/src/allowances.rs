//! The credits of a team that a member has committed in a month. They are counted in the transaction that
//! holds the credits, even while the member has no cap, so that a cap set later applies to them, too. They
//! are given back in the transaction that releases the credits. A job counts in the month in which it was
//! opened, even if it ends in another.

use aws_sdk_dynamodb::types::builders::{ConditionCheckBuilder, UpdateBuilder};
use aws_sdk_dynamodb::types::{ConditionCheck, Update};
use domain::Credits;
use domain::access::Spender;
use domain::generations::Generation;
use domain::ids::{TeamId, Tenant};
use domain::time::Month;

use crate::Store;
use crate::generations::Watched;
use crate::items::{AllowanceItem, MemberItem, number, text};
use crate::teams::team_key;

impl Store {
    /// Builds the condition that a member still has the role and the cap that the opening of a job was
    /// decided with.
    pub(crate) fn check_spender(&self, spender: &Spender) -> ConditionCheckBuilder {
        let member = spender.membership();
        let check = ConditionCheck::builder()
            .table_name(&self.tables.teams)
            .set_key(Some(team_key(
                &member.team,
                &MemberItem::sort(&member.user),
            )))
            .expression_attribute_names("#role", "role")
            .expression_attribute_values(":role", text(member.role.as_str()));
        match member.credit_cap {
            None => {
                check.condition_expression("#role = :role AND attribute_not_exists(credit_cap)")
            }
            Some(cap) => check
                .condition_expression("#role = :role AND credit_cap = :cap")
                .expression_attribute_values(":cap", number(cap.get())),
        }
    }

    /// Builds the update that takes a job's cost from the author's allowance of the month, on condition
    /// that it fits. If the allowance is watched, the condition is that it is unchanged since it was read,
    /// when it did fit.
    pub(crate) fn spend_allowance(
        &self,
        job: &Generation,
        spender: &Spender,
        watched: Option<Watched>,
    ) -> UpdateBuilder {
        let member = spender.membership();
        let spent = self
            .allowance(&member.team, job, job.cost)
            .update_expression("ADD committed :amount");
        if let Some(Watched { committed }) = watched {
            let as_read = if committed == Credits::ZERO {
                "attribute_not_exists(committed) OR committed = :as_read"
            } else {
                "committed = :as_read"
            };
            return spent
                .condition_expression(as_read)
                .expression_attribute_values(":as_read", number(committed.get()));
        }
        let Some(cap) = member.credit_cap else {
            return spent;
        };
        // A cost above the cap fits into no month, not even into one in which nothing was committed.
        let room = cap.minus(job.cost);
        let fits = if room < 0 {
            "committed <= :room"
        } else {
            "attribute_not_exists(committed) OR committed <= :room"
        };
        spent
            .condition_expression(fits)
            .expression_attribute_values(":room", number(room))
    }

    /// Builds the update that gives the credits released by a team's job back to the author's allowance of
    /// that month. Returns `None` for a job that a person pays for.
    pub(crate) fn give_back_allowance(
        &self,
        job: &Generation,
        amount: Credits,
    ) -> Option<UpdateBuilder> {
        let Tenant::Team(team) = &job.tenant else {
            return None;
        };
        Some(
            self.allowance(team, job, amount)
                .update_expression("SET committed = committed - :amount")
                .condition_expression("committed >= :amount"),
        )
    }

    fn allowance(&self, team: &TeamId, job: &Generation, amount: Credits) -> UpdateBuilder {
        let sort = AllowanceItem::sort(Month::from(job.created_at), &job.author);
        Update::builder()
            .table_name(&self.tables.teams)
            .set_key(Some(team_key(team, &sort)))
            .expression_attribute_values(":amount", number(amount.get()))
    }
}

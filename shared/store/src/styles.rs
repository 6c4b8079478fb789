//! Styles. A record is handed out only to a caller who may do the requested action with it.
//!
//! A counter beside the styles holds the number that a tenant has. The transaction that makes or deletes a
//! style also updates it, so the limit holds however many are made at once.

use std::collections::BTreeSet;

use aws::Fault;
use aws_sdk_dynamodb::types::{Delete, Put, Update};
use domain::Refusal;
use domain::access::{self, Action, StyleSeen, Thing};
use domain::ids::{StyleId, Tenant, UserId};
use domain::styles::{STYLES_MAX, Style};
use domain::teams::Membership;

use crate::Store;
use crate::accounts::is_condition;
use crate::cursor::Cursor;
use crate::generations::WriteOutcome;
use crate::items::{self, StyleItem, count_key, number, text};
use crate::overwrite::Overwrite;
use crate::pages::{Index, Page};
use crate::transact::{Commit, Part, WriteTransaction};

/// The outcome of making a style.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StylePut {
    /// The style exists.
    Done,
    /// The tenant has as many styles as it may have.
    Full,
    /// The maker's role in the team has changed since it was read, or other writes were under way. Try
    /// again.
    Stale,
}

impl Store {
    /// Makes a style, and counts it. For a team's style, its maker must still have the role in `member`.
    /// Safe to repeat with the same style.
    ///
    /// # Errors
    /// A [`Fault`] if it is not known to be written.
    pub async fn put_style(
        &self,
        style: &Style,
        member: Option<&Membership>,
    ) -> Result<StylePut, Fault> {
        let put = Put::builder()
            .table_name(&self.tables.styles)
            .set_item(Some(items::write(&StyleItem::from(style))?))
            .condition_expression("attribute_not_exists(id)");
        let count = Update::builder()
            .table_name(&self.tables.styles)
            .key("id", text(count_key(&style.tenant)))
            .update_expression("ADD styles :one")
            .condition_expression("attribute_not_exists(styles) OR styles < :max")
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":max", number(STYLES_MAX));
        let mut tx = WriteTransaction::new("making a style");
        tx.add(Part::Style, put);
        tx.add(Part::StyleCount, count);
        if let Some(member) = member {
            tx.add(Part::Member, self.check_member(member));
            tx.add(Part::Team, self.check_team(&member.team));
        }
        Ok(match self.commit(tx).await? {
            Commit::Done => StylePut::Done,
            Commit::Busy => StylePut::Stale,
            // An earlier attempt was committed, but its answer was lost.
            Commit::Refused(refused) if refused.has(Part::Style) => StylePut::Done,
            Commit::Refused(refused) if refused.has(Part::StyleCount) => StylePut::Full,
            Commit::Refused(_) => StylePut::Stale,
        })
    }

    /// Reads the style with this id, if `caller` may do `action` with it.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be read; inside, the refusal if they may not.
    pub async fn style(
        &self,
        caller: &UserId,
        action: Action,
        id: &StyleId,
    ) -> Result<Result<Style, Refusal>, Fault> {
        let key = [("id", id.as_str())];
        let found = self.item("reading a style", &self.tables.styles, key);
        let Some(item) = found.await? else {
            return Ok(Err(Refusal::NotFound("style")));
        };
        let style: Style = items::read::<StyleItem>(item)?.try_into()?;
        let role = match &style.tenant {
            Tenant::User(_) => None,
            Tenant::Team(team) => {
                let team = BTreeSet::from([team.clone()]);
                self.roles(caller, &team).await?.into_values().next()
            }
        };
        let seen = StyleSeen { style, role };
        Ok(access::check(caller, action, Thing::Style(&seen)).map(|()| seen.style))
    }

    /// Reads a page of the tenant's styles, newest first.
    ///
    /// # Errors
    /// A [`Fault`] if they cannot be read.
    pub async fn styles(
        &self,
        tenant: &Tenant,
        after: Option<Cursor<StyleId>>,
        limit: u32,
    ) -> Result<Page<Style, StyleId>, Fault> {
        let index = Index {
            table: &self.tables.styles,
            name: "by_tenant",
            owner: "tenant",
        };
        let after = after.as_ref().map(|last| last.place().as_str());
        let (found, more) = self
            .newest("listing styles", index, tenant.as_str(), after, limit)
            .await?;
        let styles = found
            .into_iter()
            .map(|item| items::read::<StyleItem>(item)?.try_into())
            .collect::<Result<Vec<Style>, Fault>>()?;
        Ok(Page::new(styles, more, |style| style.id.clone()))
    }

    /// Writes a style's next record, if the style has not changed since it was read.
    ///
    /// # Errors
    /// A [`Fault`] if it was not written.
    pub async fn replace_style(&self, next: &Style) -> Result<WriteOutcome, Fault> {
        let write = Overwrite::by(["id"], &StyleItem::from(next))?;
        let written = write
            .alone(self, &self.tables.styles)
            .condition_expression("version = :before")
            .expression_attribute_values(":before", number(next.version - 1))
            .send()
            .await;
        match written {
            Ok(_) => Ok(WriteOutcome::Done),
            Err(error) if is_condition(&error) => Ok(WriteOutcome::Stale),
            Err(error) => Err(Fault::new("changing a style", error)),
        }
    }

    /// Deletes a style, if it has not changed since it was read, and takes it off the count.
    ///
    /// # Errors
    /// A [`Fault`] if it is not known to be written.
    pub async fn delete_style(&self, style: &Style) -> Result<WriteOutcome, Fault> {
        let doing = "deleting a style";
        let delete = Delete::builder()
            .table_name(&self.tables.styles)
            .key("id", text(style.id.as_str()))
            .condition_expression("version = :version")
            .expression_attribute_values(":version", number(style.version));
        let count = Update::builder()
            .table_name(&self.tables.styles)
            .key("id", text(count_key(&style.tenant)))
            .update_expression("ADD styles :less")
            .condition_expression("styles >= :one")
            .expression_attribute_values(":less", number(-1))
            .expression_attribute_values(":one", number(1));
        let mut tx = WriteTransaction::new(doing);
        tx.add(Part::Style, delete);
        tx.add(Part::StyleCount, count);
        match self.commit(tx).await? {
            Commit::Done => Ok(WriteOutcome::Done),
            Commit::Busy => Ok(WriteOutcome::Stale),
            Commit::Refused(refused) if refused.has(Part::Style) => Ok(WriteOutcome::Stale),
            Commit::Refused(_) => Err(Fault::new(doing, "it was never counted")),
        }
    }
}

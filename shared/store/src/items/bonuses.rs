//! Sign-up bonuses: `bonuses / usr_…` for each bonus that is due, `mailbox#… / bonus` for each mailbox that
//! ever got one, and `bonuses#<day> / count` for the number that a day has given.

use aws::Fault;
use domain::Timestamp;
use domain::bonuses::BonusNote;
use domain::ids::UserId;
use domain::time::Day;
use serde::{Deserialize, Serialize};

use super::broken;

#[derive(Serialize, Deserialize)]
pub(crate) struct BonusNoteItem {
    pub(crate) pk: String,
    pub(crate) sk: String,
    due_at_ms: i64,
}

impl BonusNoteItem {
    /// The hash key of every note.
    pub(crate) const KEY: &str = "bonuses";
}

impl From<&BonusNote> for BonusNoteItem {
    fn from(note: &BonusNote) -> Self {
        Self {
            pk: Self::KEY.to_owned(),
            sk: note.user.to_string(),
            due_at_ms: note.due_at.ms(),
        }
    }
}

impl TryFrom<BonusNoteItem> for BonusNote {
    type Error = Fault;

    fn try_from(item: BonusNoteItem) -> Result<Self, Fault> {
        Ok(Self {
            user: UserId::parse(&item.sk).ok_or_else(|| broken("user"))?,
            due_at: Timestamp::from_ms(item.due_at_ms),
        })
    }
}

/// Returns the hash and sort key of a mailbox that got its bonus. The item outlives accounts and names
/// nobody, because the digest is made with a key.
pub(crate) fn mailbox_key(digest: &str) -> (String, &'static str) {
    (format!("mailbox#{digest}"), "bonus")
}

/// Returns the hash and sort key of a day's count.
pub(crate) fn day_key(day: Day) -> (String, &'static str) {
    (format!("bonuses#{}", day.number()), "count")
}

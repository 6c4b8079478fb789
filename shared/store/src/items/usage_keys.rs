//! Notes of usage-plan keys that are due for a check: `key-notes / <when>#usr_…`, so that they sort oldest
//! first. Two more items count dedicated keys and describe the shared ones: `key-count / dedicated`,
//! `key-count / shared`.

use aws::Fault;
use domain::Timestamp;
use domain::ids::UserId;
use domain::usage_keys::{KeyNote, SharedKeys};
use serde::{Deserialize, Serialize};

use super::broken;

/// The key of the item that counts the dedicated keys that were made.
pub(crate) const KEY_COUNT: (&str, &str) = ("key-count", "dedicated");
/// The key of the item about the keys that plans share.
pub(crate) const SHARED_KEYS: (&str, &str) = ("key-count", "shared");

#[derive(Deserialize)]
pub(crate) struct SharedKeysItem {
    #[serde(default)]
    ready: Option<u32>,
    made: u32,
    made_at_ms: i64,
}

impl From<SharedKeysItem> for SharedKeys {
    fn from(item: SharedKeysItem) -> Self {
        Self {
            ready: item.ready.unwrap_or(Self::FIRST.ready),
            made: item.made,
            made_at: Timestamp::from_ms(item.made_at_ms),
        }
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct KeyNoteItem {
    pub(crate) pk: String,
    pub(crate) sk: String,
    user_id: String,
    due_at_ms: i64,
}

impl KeyNoteItem {
    /// The hash key.
    pub(crate) const KEY: &str = "key-notes";

    /// Returns the prefix of the sort keys of all notes that are due at this moment. Those of earlier notes
    /// are smaller.
    pub(crate) fn sort_at(due_at: Timestamp) -> String {
        format!("{:015}#", due_at.ms())
    }
}

impl From<&KeyNote> for KeyNoteItem {
    fn from(note: &KeyNote) -> Self {
        Self {
            pk: Self::KEY.to_owned(),
            sk: Self::sort_at(note.due_at) + note.user.as_str(),
            user_id: note.user.to_string(),
            due_at_ms: note.due_at.ms(),
        }
    }
}

impl TryFrom<KeyNoteItem> for KeyNote {
    type Error = Fault;

    fn try_from(item: KeyNoteItem) -> Result<Self, Fault> {
        Ok(Self {
            user: UserId::parse(&item.user_id).ok_or_else(|| broken("user_id"))?,
            due_at: Timestamp::from_ms(item.due_at_ms),
        })
    }
}

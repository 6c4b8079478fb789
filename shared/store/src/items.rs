//! The form of items: one struct for each kind, with the conversions from and to the domain's records. A
//! stored item that cannot be read is a fault; no default takes its place.

mod accounts;
mod alerts;
mod api_keys;
mod audit;
mod bonuses;
mod collaborations;
mod due;
mod erasures;
mod files;
mod generations;
mod idempotency;
mod lanes;
mod ledger;
mod models;
mod once;
mod own_addresses;
mod parameters;
mod projects;
mod promos;
mod purchases;
mod quotes;
mod reconciliation;
mod sources;
mod styles;
mod teams;
mod usage_keys;
mod webhook_deliveries;
mod webhook_endpoints;
mod webhook_secrets;

use std::collections::HashMap;

use aws::Fault;
use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(crate) use accounts::{
    CredentialItem, MailedTokenItem, SESSION_SORT_PREFIX, SessionItem, UserItem, email_key,
    paid_plans, session_sort, token_key,
};
pub(crate) use alerts::{AlertNoteItem, WatchItem};
pub(crate) use api_keys::{ApiKeyItem, sort_key as key_sort};
pub(crate) use audit::{HEAD, HeadItem, RecordItem, place};
pub(crate) use bonuses::{BonusNoteItem, day_key, mailbox_key};
pub(crate) use collaborations::{CollaborationItem, SHARE_PREFIX, shared_by, shares_of};
pub(crate) use due::{DueItem, HoldItem, due_shards, is_in_work, kept_shards};
pub(crate) use erasures::ErasureItem;
pub(crate) use files::{FileCountItem, FileItem, FileNoteItem};
pub(crate) use generations::{CountedItem, GenerationItem, shares};
pub(crate) use idempotency::IdempotencyItem;
pub(crate) use lanes::{LaneItem, StateItem, WaitingItem, line};
pub(crate) use ledger::{EntryItem, WALLET, WalletItem, wallet_shards};
pub(crate) use models::{OFFERS, OffersItem};
pub(crate) use once::{CheckoutOnceItem, OnceItem};
pub(crate) use own_addresses::{OwnAddressItem, addressed_in, own_endpoint};
pub(crate) use projects::{ProjectItem, count_key};
pub(crate) use promos::{PROMOS, PromoItem};
pub(crate) use purchases::{CheckoutItem, PaymentItem};
pub(crate) use quotes::QuoteItem;
pub(crate) use reconciliation::{CheckpointItem, LAST, ROLLUP, RUN, RunItem, checkpoint_shard};
pub(crate) use styles::StyleItem;
pub(crate) use teams::{
    AllowanceItem, COUNT, GRANT_PREFIX, GrantItem, INVITATION_PREFIX, InvitationItem, InvitedItem,
    MEMBER_PREFIX, MemberItem, TeamItem,
};
pub(crate) use usage_keys::{KEY_COUNT, KeyNoteItem, SHARED_KEYS, SharedKeysItem};
pub use webhook_deliveries::DueWebhook;
pub(crate) use webhook_deliveries::{DueWebhookItem, WebhookDeliveryItem, told};
pub(crate) use webhook_endpoints::{
    ENDPOINTS, WebhookEndpointItem, hears, named_in, webhook_due_shards,
};
pub(crate) use webhook_secrets::WebhookSecretItem;

/// An item in the SDK's form.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// Builds a string attribute.
pub(crate) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

/// Builds a number attribute.
pub(crate) fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// The version of the forms. Raise it when later code must not meet an item of today's form any more:
/// `jobs-migrate` then writes each record over in its new form. An attribute that is only added, and may be
/// missing, needs no new version. Items of before there were versions have none.
pub const SCHEMA: u32 = 1;
/// The attribute that has the version of the code that wrote an item as a whole.
pub(crate) const SCHEMA_NAME: &str = "schema";

/// Serialises `form` to an item.
pub(crate) fn write(form: &impl Serialize) -> Result<Item, Fault> {
    let mut item: Item = serde_dynamo::to_item(form).map_err(Fault::doing("writing an item"))?;
    item.insert(SCHEMA_NAME.to_owned(), number(SCHEMA));
    Ok(item)
}

/// Deserialises an item.
pub(crate) fn read<Form: DeserializeOwned>(item: Item) -> Result<Form, Fault> {
    serde_dynamo::from_item(item).map_err(Fault::doing("reading an item"))
}

/// Builds the fault for an attribute with an invalid value.
pub(crate) fn broken(what: &'static str) -> Fault {
    Fault::new("reading an item", format!("its {what} is not valid"))
}

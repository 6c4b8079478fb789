//! The circuit breaker in front of the provider: one small item. Each submit reads it; it is written only
//! when the provider fails or works again.

use aws::Fault;
use domain::Timestamp;
use domain::breaker::Breaker;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::accounts::is_condition;
use crate::generations::WriteOutcome;
use crate::items::{self, Item, number};
use crate::overwrite::Overwrite;
use crate::{Store, System};

/// The item's key in the table of generations.
pub(crate) const KEY: &str = "breaker#provider";

#[skip_serializing_none]
#[derive(Serialize, Deserialize)]
struct BreakerItem {
    id: String,
    failures: u32,
    open_until_ms: Option<i64>,
    version: u64,
}

impl Store {
    /// Reads the state of the breaker.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be read.
    pub async fn breaker(&self) -> Result<Breaker, Fault> {
        let found = self
            .item(
                "reading the circuit breaker",
                &self.tables.generations,
                [("id", KEY)],
            )
            .await?;
        state_in(found)
    }

    /// Writes the breaker's next state, unless it changed since it was read.
    ///
    /// # Errors
    /// A [`Fault`] if it was not written.
    pub async fn put_breaker(&self, _: System, next: &Breaker) -> Result<WriteOutcome, Fault> {
        let item = BreakerItem {
            id: KEY.to_owned(),
            failures: next.failures,
            open_until_ms: next.open_until.map(Timestamp::ms),
            version: next.version,
        };
        let before = next.version.saturating_sub(1);
        let write = Overwrite::by(["id"], &item)?.alone(self, &self.tables.generations);
        let write = match before {
            0 => write.condition_expression("attribute_not_exists(id)"),
            before => write
                .condition_expression("version = :before")
                .expression_attribute_values(":before", number(before)),
        };
        match write.send().await {
            Ok(_) => Ok(WriteOutcome::Done),
            Err(error) if is_condition(&error) => Ok(WriteOutcome::Stale),
            Err(error) => Err(Fault::new("writing the circuit breaker", error)),
        }
    }
}

/// Returns the breaker's state by its item. There is no item before the provider first fails.
pub(crate) fn state_in(item: Option<Item>) -> Result<Breaker, Fault> {
    let Some(item) = item else {
        return Ok(Breaker::default());
    };
    let item: BreakerItem = items::read(item)?;
    Ok(Breaker {
        failures: item.failures,
        open_until: item.open_until_ms.map(Timestamp::from_ms),
        version: item.version,
    })
}

//! The deployment that the sweep last found in order: one small item.

use aws::Fault;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::rollout::Rollout;
use serde::Deserialize;

use crate::items::{self, text};
use crate::{Store, System};

/// Returns the item's key among the generations. It has the function's name, because items may be copied
/// into another stack, whose functions have other names.
fn key(function: &str) -> AttributeValue {
    text(format!("rollout#{function}"))
}

#[derive(Deserialize)]
struct RolloutItem {
    settings: String,
    versions: Vec<String>,
}

impl Store {
    /// Reads the deployment that `function` saw when all functions last had the same settings; `None`
    /// before its first look.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be read.
    pub async fn rollout(&self, _: System, function: &str) -> Result<Option<Rollout>, Fault> {
        let found = self
            .client
            .get_item()
            .table_name(&self.tables.generations)
            .key("id", key(function))
            .send()
            .await
            .map_err(Fault::doing("reading what was deployed"))?;
        let item: Option<RolloutItem> = found.item.map(items::read).transpose()?;
        Ok(item.map(|item| Rollout {
            settings: item.settings,
            versions: item.versions,
        }))
    }

    /// Stores the deployment that `function` sees. Two sweeps at the same moment see the same one, so the
    /// last write may win.
    ///
    /// # Errors
    /// A [`Fault`] if it was not written.
    pub async fn put_rollout(
        &self,
        _: System,
        function: &str,
        rollout: &Rollout,
    ) -> Result<(), Fault> {
        let versions = rollout.versions.iter().map(text).collect();
        self.client
            .update_item()
            .table_name(&self.tables.generations)
            .key("id", key(function))
            .update_expression("SET settings = :settings, versions = :versions")
            .expression_attribute_values(":settings", text(&rollout.settings))
            .expression_attribute_values(":versions", AttributeValue::L(versions))
            .send()
            .await
            .map_err(Fault::doing("writing what is deployed"))?;
        Ok(())
    }
}

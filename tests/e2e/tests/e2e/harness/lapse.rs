//! Time that passes at once: what is due, ends or is counted by a month does so now.
//!
//! Owns the changes to items by which a test need not wait. Refuses to know who waits.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::Value;

use super::Cloud;
use super::stored::text;

impl Cloud {
    /// Ends every invitation now, as if its week had passed.
    pub async fn expire_invitations(&self) {
        let dynamodb = self.dynamodb();
        for (table, item) in self.every_item().await {
            if !table.ends_with("teamstable") || !item.contains_key("expires_at_ms") {
                continue;
            }
            dynamodb
                .update_item()
                .table_name(&table)
                .key("team", item["team"].clone())
                .key("item", item["item"].clone())
                .update_expression("SET expires_at_ms = :now")
                .expression_attribute_values(":now", AttributeValue::N("1000".to_owned()))
                .send()
                .await
                .unwrap();
        }
    }

    /// Moves the credits that a team's members committed to another month, as if this one were over.
    pub async fn end_month(&self) {
        let dynamodb = self.dynamodb();
        for (table, mut item) in self.every_item().await {
            let sort = item.get("item").and_then(|sort| sort.as_s().ok()).cloned();
            let Some(sort) = sort.filter(|sort| sort.starts_with("spent#")) else {
                continue;
            };
            let user = sort.rsplit('#').next().unwrap();
            let key = [item["team"].clone(), text(&sort)];
            item.insert("item".to_owned(), text(&format!("spent#2001-01#{user}")));
            dynamodb
                .put_item()
                .table_name(&table)
                .set_item(Some(item))
                .send()
                .await
                .unwrap();
            let [team, sort] = key;
            dynamodb
                .delete_item()
                .table_name(&table)
                .key("team", team)
                .key("item", sort)
                .send()
                .await
                .unwrap();
        }
    }

    /// Moves the spending of an API key to an earlier day or month, as if that were over.
    pub async fn end_period(&self, user: &str, key: &str) {
        self.count_key_in(user, key, "2001-01").await;
    }

    /// Moves it to a later one.
    pub async fn begin_later_period(&self, user: &str, key: &str) {
        self.count_key_in(user, key, "2999-01").await;
    }

    async fn count_key_in(&self, user: &str, key: &str, period: &str) {
        let update = self.dynamodb().update_item();
        let update = update.table_name("velro-local-accountstable");
        let update = update
            .key("pk", text(user))
            .key("sk", text(&format!("key#{key}")));
        let update = update.update_expression("SET counted_in = :period");
        let update = update.condition_expression("attribute_exists(counted_in)");
        let update = update.expression_attribute_values(":period", text(period));
        update.send().await.unwrap();
    }

    /// Makes a job due now, as if the time until then had passed.
    pub async fn hasten(&self, generation_id: &str) {
        let updated = self
            .dynamodb()
            .update_item()
            .table_name("velro-local-generationstable")
            .key("id", AttributeValue::S(generation_id.to_owned()))
            .update_expression("SET due_at_ms = :now")
            .condition_expression("attribute_exists(due_at_ms)")
            .expression_attribute_values(":now", AttributeValue::N("1".to_owned()))
            .send()
            .await;
        // A job at rest has nothing to wait for.
        if let Err(error) = updated {
            let error = error.into_service_error();
            assert!(error.is_conditional_check_failed_exception(), "{error:?}");
        }
    }

    /// The number of looks that wait for a worker.
    async fn looks_waiting(&self) -> u64 {
        let queues = self.local("queues").await;
        let is_looks = |queue: &&Value| queue["name"].as_str().unwrap().ends_with("lookqueue");
        queues.iter().find(is_looks).unwrap()["visible"]
            .as_u64()
            .unwrap()
    }

    /// Makes every job due now that waits for its next look, or for another try. Leaves out jobs in a
    /// worker's hands, and jobs whose outcome nobody can be asked for. While looks wait, it hastens nothing:
    /// the new looks would only wait behind them.
    pub async fn hasten_all(&self) {
        if self.looks_waiting().await > 0 {
            return;
        }
        let dynamodb = self.dynamodb();
        for shard in 0..4 {
            let due = dynamodb
                .query()
                .table_name("velro-local-generationstable")
                .index_name("due")
                .key_condition_expression("due_shard = :shard")
                .expression_attribute_values(":shard", AttributeValue::S(format!("due#{shard}")))
                .send()
                .await
                .unwrap();
            let updates = due.items().iter().map(|item| {
                dynamodb
                    .update_item()
                    .table_name("velro-local-generationstable")
                    .key("id", item["id"].clone())
                    .update_expression("SET due_at_ms = :now")
                    .condition_expression(
                        "attribute_exists(due_at_ms) AND (#state IN (:queued, :running) \
                         OR (#state = :unknown AND attribute_exists(ticket)) \
                         OR (#state = :storing AND due_at_ms < :soon))",
                    )
                    .expression_attribute_names("#state", "state")
                    .expression_attribute_values(":now", AttributeValue::N("1".to_owned()))
                    .expression_attribute_values(":queued", text("queued"))
                    .expression_attribute_values(":running", text("running"))
                    .expression_attribute_values(":unknown", text("unknown"))
                    .expression_attribute_values(":storing", text("storing"))
                    .expression_attribute_values(":soon", AttributeValue::N(in_30_s_ms()))
                    .send()
            });
            for updated in futures::future::join_all(updates).await {
                if let Err(error) = updated {
                    let error = error.into_service_error();
                    assert!(error.is_conditional_check_failed_exception(), "{error:?}");
                }
            }
        }
    }

    /// Forgets the number of letters that were written, as if a day had passed.
    pub async fn forget_letters(&self) {
        let dynamodb = self.dynamodb();
        #[allow(
            clippy::disallowed_methods,
            reason = "the counts have keys that only the functions know"
        )]
        let counts = dynamodb
            .scan()
            .table_name("velro-local-accountstable")
            .filter_expression("begins_with(sk, :letters)")
            .expression_attribute_values(":letters", AttributeValue::S("letters".to_owned()))
            .into_paginator()
            .items()
            .send();
        for item in counts.collect::<Result<Vec<_>, _>>().await.unwrap() {
            let delete = dynamodb
                .delete_item()
                .table_name("velro-local-accountstable");
            let delete = delete
                .key("pk", item["pk"].clone())
                .key("sk", item["sk"].clone());
            delete.send().await.unwrap();
        }
    }
}

/// The time in 30 seconds: a copy under way is leased for longer than that, and one that waits for its next
/// try waits for less.
fn in_30_s_ms() -> String {
    let at = time::OffsetDateTime::now_utc() + Duration::from_secs(30);
    (at.unix_timestamp_nanos() / 1_000_000).to_string()
}

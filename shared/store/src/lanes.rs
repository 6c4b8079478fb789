//! Lanes: the jobs that are handed over, and the line of jobs that wait. Each change is one conditional
//! write, which may safely be done twice. Lanes take no part in transactions, because every job writes to
//! its lane.

use std::collections::HashMap;

use aws::Fault;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::{UpdateItemError, UpdateItemOutput};
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use domain::Timestamp;
use domain::generations::State;
use domain::ids::GenerationId;
use domain::lanes::{Lane, Priority, Waiting};
use domain::turns::Traffic;

use crate::accounts::is_condition;
use crate::items::{self, Item, LaneItem, StateItem, WaitingItem, line, number, text};
use crate::reads::{BATCH_MAX, keys};
use crate::{Store, System};

impl Store {
    /// Reads the traffic of a lane (strongly consistent). The first read creates the lane's item.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be read or made.
    pub async fn traffic(&self, _: System, lane: Lane) -> Result<Traffic, Fault> {
        let doing = "reading a lane";
        let found = self
            .item(
                doing,
                &self.tables.generations,
                [("id", &LaneItem::key(lane))],
            )
            .await?;
        match found {
            Some(item) => items::read::<LaneItem>(item)?.try_into(),
            None => self.make_lane(lane).await,
        }
    }

    /// Creates a lane's item, unless another call has just done so.
    async fn make_lane(&self, lane: Lane) -> Result<Traffic, Fault> {
        let doing = "making a lane";
        let made = self
            .client
            .update_item()
            .table_name(&self.tables.generations)
            .key("id", text(LaneItem::key(lane)))
            .update_expression(LaneItem::MAKING)
            .expression_attribute_values(":none", AttributeValue::M(HashMap::new()))
            .expression_attribute_values(":zero", number(0))
            .return_values(ReturnValue::AllNew)
            .send()
            .await
            .map_err(Fault::doing(doing))?;
        let item = made.attributes.unwrap_or_default();
        items::read::<LaneItem>(item)?.try_into()
    }

    /// Takes a slot of the lane for `job`, which may have one already; returns `false` if all `slots_max`
    /// are taken.
    ///
    /// # Errors
    /// A [`Fault`] if it is not known to be written.
    pub async fn take_slot(
        &self,
        _: System,
        lane: Lane,
        job: &Waiting,
        slots_max: u32,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        // The line advances to this turn; or it is further already, if other jobs overtook this one.
        if self.try_slot(lane, job, slots_max, now, true).await? {
            return Ok(true);
        }
        self.try_slot(lane, job, slots_max, now, false).await
    }

    async fn try_slot(
        &self,
        lane: Lane,
        job: &Waiting,
        slots_max: u32,
        now: Timestamp,
        is_foremost: bool,
    ) -> Result<bool, Fault> {
        let in_a_row = match job.priority {
            Priority::Normal => "normal_in_a_row + :step",
            Priority::Low => ":step",
        };
        let step: u32 = match job.priority {
            Priority::Normal => 1,
            Priority::Low => 0,
        };
        let mut update = format!("SET slots.#id = :now, normal_in_a_row = {in_a_row}");
        let mut condition = "(size(slots) < :max OR attribute_exists(slots.#id))".to_owned();
        if is_foremost {
            update.push_str(", #served = :turn");
            condition.push_str(" AND #served <= :turn");
        }
        let mut taking = self
            .client
            .update_item()
            .table_name(&self.tables.generations)
            .key("id", text(LaneItem::key(lane)))
            .update_expression(update)
            .condition_expression(condition)
            .expression_attribute_names("#id", job.id.as_str())
            .expression_attribute_values(":now", number(now.ms()))
            .expression_attribute_values(":max", number(slots_max))
            .expression_attribute_values(":step", number(step));
        if is_foremost {
            taking = taking
                .expression_attribute_names("#served", LaneItem::served(job.priority))
                .expression_attribute_values(":turn", number(job.turn));
        }
        written("taking a slot", taking.send().await)
    }

    /// Frees a job's slot, if it has one (and took it at `taken_at`, if that is given). Returns the lane's
    /// traffic afterwards, or `None` if there was no such slot.
    ///
    /// # Errors
    /// A [`Fault`] if it is not known to be written.
    pub async fn free_slot(
        &self,
        _: System,
        lane: Lane,
        id: &GenerationId,
        taken_at: Option<Timestamp>,
    ) -> Result<Option<Traffic>, Fault> {
        let freeing = self
            .client
            .update_item()
            .table_name(&self.tables.generations)
            .key("id", text(LaneItem::key(lane)))
            .update_expression("REMOVE slots.#id")
            .expression_attribute_names("#id", id.as_str())
            .return_values(ReturnValue::AllNew);
        let freeing = match taken_at {
            None => freeing.condition_expression("attribute_exists(slots.#id)"),
            Some(at) => freeing
                .condition_expression("slots.#id = :at")
                .expression_attribute_values(":at", number(at.ms())),
        };
        match freeing.send().await {
            Ok(freed) => {
                let item = freed.attributes.unwrap_or_default();
                items::read::<LaneItem>(item)?.try_into().map(Some)
            }
            Err(error) if is_condition(&error) => Ok(None),
            Err(error) => Err(Fault::new("giving a slot back", error)),
        }
    }

    /// Keeps a chance for the next slot that becomes free; returns `false` if a slot is free now.
    ///
    /// # Errors
    /// A [`Fault`] if it is not known to be written.
    pub async fn keep_chance(&self, _: System, lane: Lane, slots_max: u32) -> Result<bool, Fault> {
        let keeping = self
            .client
            .update_item()
            .table_name(&self.tables.generations)
            .key("id", text(LaneItem::key(lane)))
            .update_expression("SET chances = chances + :one")
            .condition_expression("size(slots) >= :max")
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":max", number(slots_max));
        written("keeping a chance", keeping.send().await)
    }

    /// Uses up one of the chances that were kept; returns `false` if there is none.
    ///
    /// # Errors
    /// A [`Fault`] if it is not known to be written.
    pub async fn use_chance(&self, _: System, lane: Lane) -> Result<bool, Fault> {
        let using = self
            .client
            .update_item()
            .table_name(&self.tables.generations)
            .key("id", text(LaneItem::key(lane)))
            .update_expression("SET chances = chances - :one")
            .condition_expression("chances >= :one")
            .expression_attribute_values(":one", number(1));
        written("using a chance", using.send().await)
    }

    /// Raises the number of kept chances to `count`, unless it is that high already.
    ///
    /// # Errors
    /// A [`Fault`] if it is not known to be written.
    pub async fn renew_chances(&self, _: System, lane: Lane, count: usize) -> Result<(), Fault> {
        let renewing = self
            .client
            .update_item()
            .table_name(&self.tables.generations)
            .key("id", text(LaneItem::key(lane)))
            .update_expression("SET chances = :count")
            .condition_expression("chances < :count")
            .expression_attribute_values(":count", number(count));
        written("renewing chances", renewing.send().await).map(drop)
    }

    /// Reads the first `limit` jobs in a line. The answer may be a moment old.
    ///
    /// # Errors
    /// A [`Fault`] if the index cannot be read.
    pub async fn line(
        &self,
        _: System,
        lane: Lane,
        priority: Priority,
        limit: u32,
    ) -> Result<Vec<Waiting>, Fault> {
        let found = self
            .client
            .query()
            .table_name(&self.tables.generations)
            .index_name("waiting")
            .key_condition_expression("waiting_line = :line")
            .expression_attribute_values(":line", text(line(lane, priority)))
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(Fault::doing("reading a line"))?;
        found
            .items
            .unwrap_or_default()
            .into_iter()
            .map(|item| items::read::<WaitingItem>(item)?.in_line(priority))
            .collect()
    }

    /// Reads the states of these jobs (strongly consistent). Jobs that are gone are left out.
    ///
    /// # Errors
    /// A [`Fault`] if they cannot all be read.
    pub async fn states(
        &self,
        _: System,
        ids: &[GenerationId],
    ) -> Result<HashMap<GenerationId, State>, Fault> {
        let doing = "reading the states of jobs";
        let mut states = HashMap::with_capacity(ids.len());
        for batch in ids.chunks(BATCH_MAX) {
            let wanted = batch
                .iter()
                .map(|id| HashMap::from([("id".to_owned(), text(id.as_str()))]));
            let wanted = keys(wanted)
                .projection_expression("id, #state")
                .expression_attribute_names("#state", "state");
            let wanted = [(self.tables.generations.as_str(), wanted)];
            let mut found = self.batch(doing, wanted).await?;
            let items = found.remove(&self.tables.generations);
            for item in items.unwrap_or_default() {
                let (id, state) = items::read::<StateItem>(item)?.try_into()?;
                states.insert(id, state);
            }
        }
        Ok(states)
    }
}

/// Returns whether the condition of an update was met and the update was written.
fn written(
    doing: &'static str,
    sent: Result<UpdateItemOutput, SdkError<UpdateItemError>>,
) -> Result<bool, Fault> {
    match sent {
        Ok(_) => Ok(true),
        Err(error) if is_condition(&error) => Ok(false),
        Err(error) => Err(Fault::new(doing, error)),
    }
}

/// Returns the last turn that was handed over in a line of the lane, by the lane's item.
pub(crate) fn served_in(item: Option<Item>, priority: Priority) -> Result<u64, Fault> {
    let attribute = LaneItem::served(priority);
    let served = item.unwrap_or_default().remove(attribute);
    let Some(served) = served else { return Ok(0) };
    let served = served.as_n().ok().and_then(|served| served.parse().ok());
    served.ok_or_else(|| items::broken("served"))
}

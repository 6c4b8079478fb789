//! The lanes, one item each beside the generations (key `lane#<lane>`), and the attributes that the index
//! `waiting` has of a job.

use std::collections::{BTreeMap, HashMap};

use aws::Fault;
use domain::Timestamp;
use domain::generations::State;
use domain::ids::{GenerationId, Tenant};
use domain::lanes::{Lane, Priority, Waiting};
use domain::turns::Traffic;
use serde::Deserialize;

use super::broken;

/// A lane: its slots, each with the time at which it was taken, and how far its turns have come.
#[derive(Deserialize)]
pub(crate) struct LaneItem {
    slots: HashMap<String, i64>,
    served_normal: u64,
    served_low: u64,
    normal_in_a_row: u32,
    chances: u32,
}

impl LaneItem {
    /// The update that creates an idle lane. It leaves an existing lane unchanged.
    pub(crate) const MAKING: &str = "SET slots = if_not_exists(slots, :none), \
        served_normal = if_not_exists(served_normal, :zero), served_low = if_not_exists(served_low, :zero), \
        normal_in_a_row = if_not_exists(normal_in_a_row, :zero), chances = if_not_exists(chances, :zero)";

    /// Returns the lane's key.
    pub(crate) fn key(lane: Lane) -> String {
        format!("lane#{}", lane.as_str())
    }

    /// Returns the attribute that says how far the turns of a line have come.
    pub(crate) const fn served(priority: Priority) -> &'static str {
        match priority {
            Priority::Normal => "served_normal",
            Priority::Low => "served_low",
        }
    }
}

impl TryFrom<LaneItem> for Traffic {
    type Error = Fault;

    fn try_from(item: LaneItem) -> Result<Self, Fault> {
        let slots = item.slots.into_iter().map(|(id, at_ms)| {
            let id = GenerationId::parse(&id).ok_or_else(|| broken("slots"))?;
            Ok((id, Timestamp::from_ms(at_ms)))
        });
        Ok(Self {
            slots: slots.collect::<Result<BTreeMap<_, _>, Fault>>()?,
            served_normal: item.served_normal,
            served_low: item.served_low,
            normal_in_a_row: item.normal_in_a_row,
            chances: item.chances,
        })
    }
}

/// Returns the hash key of a line in the index.
pub(crate) fn line(lane: Lane, priority: Priority) -> String {
    format!("{}#{}", lane.as_str(), priority.as_str())
}

/// Returns a job's sort key in its line: its turn, padded with zeros so that it sorts as a number, and its
/// id.
pub(crate) fn place(waiting: &Waiting) -> String {
    format!("{:020}#{}", waiting.turn, waiting.id)
}

/// The attributes that the index has of a job in line.
#[derive(Deserialize)]
pub(crate) struct WaitingItem {
    id: String,
    tenant: String,
    waiting_place: String,
    #[serde(default)]
    correlation_id: String,
}

impl WaitingItem {
    /// Converts the item to a waiting job, given the priority of the line that it was found in.
    pub(crate) fn in_line(self, priority: Priority) -> Result<Waiting, Fault> {
        let turn = self.waiting_place.split('#').next();
        Ok(Waiting {
            id: GenerationId::parse(&self.id).ok_or_else(|| broken("id"))?,
            tenant: Tenant::parse(&self.tenant).ok_or_else(|| broken("tenant"))?,
            priority,
            turn: turn
                .and_then(|turn| turn.parse().ok())
                .ok_or_else(|| broken("waiting_place"))?,
            correlation_id: self.correlation_id,
        })
    }
}

/// The part of a generation's item that says whether it holds a slot.
#[derive(Deserialize)]
pub(crate) struct StateItem {
    id: String,
    state: String,
}

impl TryFrom<StateItem> for (GenerationId, State) {
    type Error = Fault;

    fn try_from(item: StateItem) -> Result<Self, Fault> {
        let id = GenerationId::parse(&item.id).ok_or_else(|| broken("id"))?;
        Ok((
            id,
            State::parse(&item.state).ok_or_else(|| broken("state"))?,
        ))
    }
}

#[cfg(test)]
mod tests {
    use domain::ids::UserId;

    use super::*;

    #[test]
    fn places_sort_by_turn_and_then_by_age() {
        let waiting = |turn, ms| Waiting {
            id: GenerationId::new(Timestamp::from_ms(ms), 0),
            tenant: Tenant::User(UserId::new(Timestamp::from_ms(0), 0)),
            priority: Priority::Low,
            turn,
            correlation_id: String::new(),
        };
        let sorted = [
            waiting(2, 9),
            waiting(10, 3),
            waiting(10, 4),
            waiting(u64::MAX, 1),
        ];
        let places = sorted.each_ref().map(place);
        assert!(places.is_sorted(), "{places:?}");
    }
}

//! Fairness of the turns: tenants with many jobs do not hold others up, and nobody waits for ever.

use proptest::prelude::*;

use super::*;
use crate::ids::{Tenant, UserId};

/// The most jobs that a tenant has in flight here.
const IN_FLIGHT_MAX: u32 = 12;
const PLANS: [Plan; 6] = [
    Plan::Free,
    Plan::Free,
    Plan::Free,
    Plan::Basic,
    Plan::Pro,
    Plan::Enterprise,
];

/// A lane with its tenants and the jobs that were handed over so far.
struct Lanes {
    plans: Vec<Plan>,
    slots_max: u32,
    traffic: Traffic,
    line: Vec<Waiting>,
    in_flight: Vec<u32>,
    /// The tenants whose jobs were handed over, in order.
    handed: Vec<usize>,
    jobs: i64,
}

fn tenant(who: usize) -> Tenant {
    let entropy = u128::try_from(who).expect("it is small");
    Tenant::User(UserId::new(Timestamp::from_ms(0), entropy))
}

impl Lanes {
    fn new(plans: &[Plan], slots_max: u32) -> Self {
        Self {
            plans: plans.to_vec(),
            slots_max,
            traffic: Traffic::default(),
            line: Vec::new(),
            in_flight: vec![0; plans.len()],
            handed: Vec::new(),
            jobs: 0,
        }
    }

    fn who(&self, job: &Waiting) -> usize {
        let mut everybody = 0..self.plans.len();
        everybody
            .find(|who| tenant(*who) == job.tenant)
            .expect("they were made here")
    }

    /// A tenant asks for one more job, unless they have too many. Returns the job.
    fn ask(&mut self, who: usize) -> Option<Waiting> {
        if self.in_flight[who] >= IN_FLIGHT_MAX {
            return None;
        }
        let priority = Priority::of(self.plans[who], true);
        let served = self.traffic.served(priority);
        self.jobs += 1;
        let job = Waiting {
            id: GenerationId::new(Timestamp::from_ms(self.jobs), 0),
            tenant: tenant(who),
            priority,
            turn: turn(served, self.in_flight[who], self.plans[who]),
            correlation_id: String::new(),
        };
        self.in_flight[who] += 1;
        self.line.push(job.clone());
        Some(job)
    }

    /// Hands the next job over, if there is a slot. Returns the job.
    fn hand_over(&mut self) -> Option<Waiting> {
        if self.traffic.free(self.slots_max) == 0 {
            return None;
        }
        let job = self.traffic.next(self.line.clone(), 1).pop()?;
        self.line.retain(|other| other.id != job.id);
        let traffic = &mut self.traffic;
        traffic
            .slots
            .insert(job.id.clone(), Timestamp::from_ms(self.jobs));
        match job.priority {
            Priority::Normal => {
                traffic.served_normal = traffic.served_normal.max(job.turn);
                traffic.normal_in_a_row += 1;
            }
            Priority::Low => {
                traffic.served_low = traffic.served_low.max(job.turn);
                traffic.normal_in_a_row = 0;
            }
        }
        self.handed.push(self.who(&job));
        Some(job)
    }

    /// Ends one of the jobs that were handed over.
    fn end(&mut self, running: &mut Vec<Waiting>, which: usize) {
        if running.is_empty() {
            return;
        }
        let job = running.swap_remove(which % running.len());
        self.traffic.slots.remove(&job.id);
        let who = self.who(&job);
        self.in_flight[who] -= 1;
    }
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Ask(usize),
    HandOver,
    End(usize),
}

fn events(people: usize) -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        2 => (0..people).prop_map(Event::Ask),
        1 => Just(Event::HandOver),
        1 => any::<usize>().prop_map(Event::End),
    ];
    prop::collection::vec(event, 0..400)
}

/// The most hand-overs that a job in line can see before its own: see the comments inside.
fn patience(lanes: &Lanes, job: &Waiting) -> u64 {
    let unit = |plan: Plan| turn(0, 0, plan);
    let ahead = job.turn - lanes.traffic.served(job.priority);
    // For each tenant in the same line: as many turns as fit before the job's own, and one more for each
    // job that ended and so let its tenant's count fall behind the turns that were given.
    let of_one = |plan: &Plan| ahead / unit(*plan) + u64::from(2 * lanes.slots_max);
    let in_line = |plan: &&Plan| Priority::of(**plan, true) == job.priority;
    let same: u64 = lanes.plans.iter().filter(in_line).map(of_one).sum();
    // Adds the other line's share.
    match job.priority {
        Priority::Normal => same + same / u64::from(NORMAL_IN_A_ROW_MAX) + 1,
        Priority::Low => same + (same + 1) * u64::from(NORMAL_IN_A_ROW_MAX),
    }
}

proptest! {
    #[test]
    fn nobody_starves(events in events(PLANS.len()), slots_max in 1..5_u32) {
        let mut lanes = Lanes::new(&PLANS, slots_max);
        let mut running = Vec::new();
        let mut limits: BTreeMap<GenerationId, usize> = BTreeMap::new();
        for event in events {
            match event {
                Event::Ask(who) => {
                    if let Some(job) = lanes.ask(who) {
                        let limit = usize::try_from(patience(&lanes, &job)).expect("it is small");
                        limits.insert(job.id, lanes.handed.len() + limit);
                    }
                }
                Event::HandOver => {
                    if let Some(job) = lanes.hand_over() {
                        prop_assert!(lanes.handed.len() <= limits[&job.id] + 1);
                        running.push(job);
                    }
                }
                Event::End(which) => lanes.end(&mut running, which),
            }
            prop_assert!(lanes.traffic.slots.len() <= slots_max as usize);
            for job in &lanes.line {
                prop_assert!(lanes.handed.len() <= limits[&job.id]);
            }
        }
    }

    #[test]
    fn no_flood_of_free_accounts_holds_up_the_job_of_somebody_who_pays(
        before in events(40),
        after in events(40),
        slots_max in 1..5_u32,
    ) {
        let mut plans = vec![Plan::Free; 40];
        plans.push(Plan::Pro);
        let mut lanes = Lanes::new(&plans, slots_max);
        let mut running = Vec::new();
        for event in before {
            match event {
                Event::Ask(who) => drop(lanes.ask(who)),
                Event::HandOver => running.extend(lanes.hand_over()),
                Event::End(which) => lanes.end(&mut running, which),
            }
        }
        let came_at = lanes.handed.len();
        let job = lanes.ask(40).expect("it has none in flight");
        for event in after {
            match event {
                Event::Ask(who) => drop(lanes.ask(who)),
                Event::HandOver => running.extend(lanes.hand_over()),
                Event::End(which) => lanes.end(&mut running, which),
            }
        }
        while lanes.line.contains(&job) {
            lanes.end(&mut running, 0);
            running.extend(lanes.hand_over());
        }
        let place = lanes.handed[came_at..].iter().position(|who| *who == 40);
        prop_assert_eq!(place, Some(0));
    }
}

#[test]
fn whoever_pays_for_more_gets_more_of_a_lane_that_is_full() {
    let mut lanes = Lanes::new(&[Plan::Free, Plan::Basic, Plan::Pro], u32::MAX);
    for _ in 0..IN_FLIGHT_MAX {
        for who in 0..3 {
            lanes.ask(who);
        }
    }
    for _ in 0..15 {
        lanes.hand_over();
    }
    let share = |of: usize| lanes.handed.iter().filter(|who| **who == of).count();
    assert_eq!((share(0), share(1), share(2)), (3, 4, 8));
}

#[test]
fn those_who_ask_again_and_again_for_one_job_hold_nobody_up_for_long() {
    let mut lanes = Lanes::new(
        &[Plan::Enterprise, Plan::Enterprise, Plan::Basic, Plan::Free],
        1,
    );
    let mut running = Vec::new();
    lanes.ask(0);
    running.extend(lanes.hand_over());
    lanes.ask(2);
    lanes.ask(3);
    for _ in 0..12 {
        lanes.ask(0);
        lanes.ask(1);
        lanes.end(&mut running, 0);
        running.extend(lanes.hand_over());
    }
    let place = |of: usize| lanes.handed.iter().position(|who| *who == of);
    assert!(place(2) <= Some(9), "{:?}", lanes.handed);
    assert!(place(3) <= Some(5), "{:?}", lanes.handed);
    assert!(place(2).is_some() && place(3).is_some());
}

#[test]
fn who_has_a_slot_waits_no_longer_and_of_equal_turns_the_oldest_is_first() {
    let mut lanes = Lanes::new(&[Plan::Free; 3], 3);
    let jobs: Vec<Waiting> = (0..3).filter_map(|who| lanes.ask(who)).collect();
    let mut traffic = Traffic::default();
    let reversed = jobs.iter().rev().cloned().collect();
    assert_eq!(traffic.next(reversed, 2), jobs[..2]);
    traffic
        .slots
        .insert(jobs[0].id.clone(), Timestamp::from_ms(1));
    assert_eq!(traffic.next(jobs.clone(), 9), jobs[1..]);
    assert_eq!((traffic.free(3), traffic.free(0)), (2, 0));
}

#[test]
fn a_slot_is_left_behind_by_whoever_is_not_at_the_provider() {
    let (then, soon, late) = (
        Timestamp::from_ms(0),
        Timestamp::from_ms(60_000),
        Timestamp::from_ms(90_000),
    );
    for state in State::ALL {
        let expected = match state {
            State::Queued | State::Submitting | State::Running => false,
            State::Storing
            | State::Succeeded
            | State::Failed
            | State::Canceled
            | State::Unknown => true,
        };
        assert_eq!(is_left_behind(Some(state), then, soon), expected);
    }
    assert!(is_left_behind(None, then, soon));
    // A worker that has not begun within its time never will.
    assert!(is_left_behind(Some(State::Queued), then, late));
}

#[test]
fn only_those_who_pay_and_are_known_are_not_of_low_priority() {
    for plan in Plan::ALL {
        assert_eq!(Priority::of(plan, false), Priority::Low);
        let is_paid = plan != Plan::Free;
        let is_normal = Priority::of(plan, true) == Priority::Normal;
        assert_eq!(is_normal, is_paid);
    }
}

#[test]
fn the_provider_has_the_next_job_at_hand() {
    assert_eq!([1, 2, 3, 40].map(slots_max), [2, 3, 5, 60]);
}

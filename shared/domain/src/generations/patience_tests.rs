//! The times at which a job is stopped, given up as unknown, and left to the policy.

use proptest::prelude::*;

use super::*;
use crate::generations::tests::{queued, ticket};

const PATIENCE: Patience = Patience {
    deadline: Duration::from_secs(3_600),
    cancel: Duration::from_secs(1_800),
    unknown: Duration::from_secs(24 * 3_600),
};
const EXPECTED: Duration = Duration::from_secs(60);

const fn at(seconds: i64) -> Timestamp {
    Timestamp::from_ms(1_000 + seconds * 1_000)
}

fn running() -> Generation {
    queued()
        .begin_submit(at(0), Duration::from_secs(60), String::new())
        .and_then(|job| job.accepted(ticket(7), None, at(0), at(10)))
        .expect("was queued")
}

#[test]
fn a_job_is_stopped_at_its_deadline_and_lost_one_look_later() {
    let job = running();
    assert_eq!(job.need(at(60), PATIENCE, EXPECTED), Need::Wait(at(80)));
    // No look is put off beyond the deadline.
    assert_eq!(
        job.need(at(3_550), PATIENCE, EXPECTED),
        Need::Wait(at(3_600))
    );
    assert!(matches!(
        job.need(at(3_600), PATIENCE, EXPECTED),
        Need::Stop(_)
    ));
    let asked = job.cancel_requested(at(3_600), at(3_605)).expect("runs");
    assert!(matches!(
        asked.need(at(3_605), PATIENCE, EXPECTED),
        Need::LoseTrack(_)
    ));
}

#[test]
fn a_lost_job_is_looked_at_with_growing_pauses_until_the_policy() {
    let mut job = running().lost_track(at(3_605)).expect("runs");
    job.cancel_requested_at = Some(at(3_600));
    let mut now = at(3_605);
    let mut pauses = Vec::new();
    while let Need::Wait(next) = job.need(now, PATIENCE, EXPECTED) {
        assert!(next > now, "it is looked at later");
        pauses.push(next.since(now));
        now = next;
    }
    assert_eq!(job.need(now, PATIENCE, EXPECTED), Need::Policy);
    assert_eq!(now, at(24 * 3_600), "neither earlier nor later");
    assert!(pauses.len() < 100, "{} looks", pauses.len());
    pauses.pop();
    assert!(pauses.is_sorted(), "{pauses:?}");
}

#[test]
fn an_owners_wish_is_passed_on_until_it_is_taken_and_waited_for_half_an_hour() {
    let mut job = running();
    job.cancel_wished_at = Some(at(60));
    assert_eq!(job.need(at(61), PATIENCE, EXPECTED), Need::Stop(at(81)));
    let asked = job.cancel_requested(at(61), at(66)).expect("runs");
    assert!(matches!(
        asked.need(at(66), PATIENCE, EXPECTED),
        Need::Wait(_)
    ));
    assert!(matches!(
        asked.need(at(1_860), PATIENCE, EXPECTED),
        Need::LoseTrack(_)
    ));
    assert!(matches!(
        job.need(at(1_860), PATIENCE, EXPECTED),
        Need::LoseTrack(_)
    ));
}

proptest! {
    #[test]
    fn a_job_that_nobody_ends_is_never_running_past_its_deadline_and_one_look(
        wished_s in proptest::option::of(0..5_000_i64),
        is_stopped in any::<bool>(),
    ) {
        let mut job = running();
        let mut now = at(10);
        for _ in 0..1_000 {
            if job.cancel_wished_at.is_none() && wished_s.is_some_and(|s| at(s) <= now) {
                job.cancel_wished_at = Some(now);
            }
            let next = match job.need(now, PATIENCE, EXPECTED) {
                Need::Wait(next) => job.waits(None, next),
                Need::Stop(_) if is_stopped => {
                    job.cancel_requested(now, now.plus(Duration::from_secs(5))).expect("it is at the provider")
                }
                Need::Stop(retry) => job
                    .lost_track(retry)
                    .filter(|_| job.is_late(now, PATIENCE))
                    .unwrap_or_else(|| job.waits(None, retry)),
                Need::LoseTrack(next) => job.lost_track(next).expect("it runs"),
                Need::Policy => {
                    prop_assert_eq!(job.state, State::Unknown);
                    prop_assert!(now >= at(24 * 3_600));
                    return Ok(());
                }
            };
            job = next;
            prop_assert!(job.state == State::Unknown || now <= at(3_605), "running at {:?}", now);
            now = job.due_at.expect("it is looked at again").max(now);
        }
        prop_assert!(false, "it waits for ever");
    }
}

//! In any order of events, a hold ends at most once and a job at rest stays at rest.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Event {
    BeginSubmit,
    Accepted(u8),
    RefusedForNow,
    InLine,
    LostTrack,
    Made(u8),
    Copied(Vec<bool>),
    Stored,
    Failed(FailureCode),
    CancelRequested,
    Cancel,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        Just(Event::BeginSubmit),
        (0..2_u8).prop_map(Event::Accepted),
        Just(Event::RefusedForNow),
        Just(Event::InLine),
        Just(Event::LostTrack),
        (0..2_u8).prop_map(Event::Made),
        prop::collection::vec(any::<bool>(), 1..4).prop_map(Event::Copied),
        Just(Event::Stored),
        prop::sample::select(FailureCode::ALL.to_vec()).prop_map(Event::Failed),
        Just(Event::CancelRequested),
        Just(Event::Cancel),
    ]
}

pub(super) fn ticket(n: u8) -> Ticket {
    let url = |what: &str| format!("https://provider.example/{n}/{what}");
    Ticket {
        request_id: n.to_string(),
        status_url: url("status"),
        response_url: url(""),
        cancel_url: url("cancel"),
    }
}

pub(crate) fn queued() -> Generation {
    let now = Timestamp::from_ms(1_000);
    let user = UserId::new(now, 1);
    Generation {
        id: GenerationId::new(now, 2),
        tenant: Tenant::User(user.clone()),
        author: user,
        paid_with: None,
        has_own_address: false,
        retention: Retention::Forever,
        media_expires_at: None,
        is_expiry_told: false,
        preview_tries: 0,
        model: "veo3".to_owned(),
        request: GenerationRequest {
            prompt: Some("a lighthouse".to_owned()),
            style: None,
            adapted_prompt: None,
            negative_prompt: None,
            parameters: Vec::new(),
            reference_file: None,
            parent: None,
            intent: Intent::Original,
            change_description: None,
        },
        cost: Credits::of(500),
        state: State::Queued,
        hold: Hold::Open,
        lane: Lane::Video,
        priority: Priority::Low,
        turn: 8,
        in_line: true,
        correlation_id: "a request".to_owned(),
        attempts: 0,
        webhook_digest: String::new(),
        media_secret: None,
        ticket: None,
        sources: Vec::new(),
        outputs: Vec::new(),
        withheld: Vec::new(),
        released: Credits::ZERO,
        refunded: Credits::ZERO,
        failure: None,
        cancel_wished_at: None,
        cancel_requested_at: None,
        due_at: Some(now),
        created_at: now,
        started_at: None,
        made_at: None,
        queue_position: None,
        finished_at: None,
        project: None,
        shares: BTreeMap::new(),
        title: None,
        tags: Tags::default(),
        favorite: false,
        version: 1,
    }
}

fn piece() -> Piece {
    Piece::Made(Media {
        url: "https://media.example/1".to_owned(),
        content_type: None,
        width: None,
        height: None,
    })
}

/// Makes a file that was copied, or one that was withheld.
fn source(is_kept: bool) -> ProviderFile {
    if is_kept {
        ProviderFile::Copied(Output {
            key: "key".to_owned(),
            content_type: "image/png".to_owned(),
            size_bytes: 1,
            sha256: String::new(),
            width: None,
            height: None,
            previews: Previews::None(NoPreviews::Older),
        })
    } else {
        ProviderFile::Withheld(FailureCode::MediaUnavailable)
    }
}

/// Returns the job after all its files were copied or withheld.
fn stored(storing: &Generation, kept: &[bool], now: Timestamp) -> Option<Generation> {
    let sources = kept.iter().copied().map(source).collect();
    storing.copying(sources, now)?.stored(now)
}

fn apply(job: &Generation, event: Event) -> Option<Generation> {
    let now = Timestamp::from_ms(2_000);
    match event {
        Event::BeginSubmit => job.begin_submit(now, Duration::from_secs(60), String::new()),
        Event::Accepted(n) => job.accepted(ticket(n), None, now, now),
        Event::RefusedForNow => job.refused_for_now(now, now),
        Event::InLine => job.in_line_until(now),
        Event::LostTrack => job.lost_track(now),
        Event::Made(n) => job.made(&n.to_string(), &[piece()], now, now),
        Event::Copied(kept) => job.copying(kept.into_iter().map(source).collect(), now),
        Event::Stored => job.stored(now),
        Event::Failed(code) => job.failed(Failure::new(code, "why"), now),
        Event::CancelRequested => job.cancel_requested(now, now),
        Event::Cancel => match job.cancel(now) {
            Cancellation::Over(next) | Cancellation::Wished(next) => Some(*next),
            Cancellation::Pending | Cancellation::Canceled | Cancellation::TooLate => None,
        },
    }
}

proptest! {
    #[test]
    fn a_hold_ends_at_most_once_and_the_money_agrees_with_the_status(events in prop::collection::vec(event(), 0..40)) {
        let mut job = queued();
        let mut ended = 0;
        for event in events {
            let Some(next) = apply(&job, event) else { continue };
            prop_assert_eq!(next.version, job.version + 1);
            ended += u32::from(job.settlement(&next) != Settlement::None);
            job = next;
            prop_assert!(ended <= 1);
            match job.state {
                State::Failed | State::Canceled => prop_assert_eq!(job.hold, Hold::Released),
                State::Succeeded => prop_assert_ne!(job.hold, Hold::Open),
                State::Queued | State::Submitting | State::Running | State::Unknown => {
                    prop_assert_eq!(job.hold, Hold::Open);
                }
                State::Storing => prop_assert_ne!(job.hold, Hold::Captured),
            }
            let is_done = job.state.is_final() && !job.awaits_previews();
            prop_assert_eq!(job.due_at.is_none(), is_done);
        }
    }

    #[test]
    fn a_job_is_handed_over_again_only_after_a_proven_refusal(events in prop::collection::vec(event(), 0..40)) {
        let mut job = queued();
        let mut may_submit = true;
        for event in events {
            let (begins, refused) =
                (matches!(event, Event::BeginSubmit), matches!(event, Event::RefusedForNow));
            let Some(next) = apply(&job, event) else { continue };
            if begins {
                prop_assert!(may_submit, "submitted twice without proof that the first was refused");
                may_submit = false;
            }
            may_submit |= refused;
            job = next;
        }
    }
}

#[test]
fn a_job_that_was_refused_for_now_stands_aside_until_it_is_put_back_in_line() {
    let now = Timestamp::from_ms(5);
    let first = queued();
    let place = first.waiting().expect("it is in line");
    assert_eq!((place.turn, place.priority), (8, Priority::Low));
    let submitting = first.begin_submit(now, Duration::from_secs(60), String::new());
    let submitting = submitting.expect("was queued");
    assert_eq!(submitting.waiting(), None);
    let later = now.plus(Duration::from_secs(4));
    let aside = submitting.refused_for_now(now, later);
    let aside = aside.expect("was submitting");
    assert_eq!(aside.waiting(), None);
    assert!(aside.stands_aside(now) && !aside.stands_aside(later));
    let back = aside.in_line_until(now).expect("is queued");
    assert_eq!(back.waiting(), Some(place));
    assert!(!back.stands_aside(now));
    assert_eq!(submitting.in_line_until(now), None);
}

#[test]
fn a_webhook_that_overtakes_the_submit_answer_delivers_the_job() {
    let now = Timestamp::from_ms(5);
    let submitting = queued()
        .begin_submit(now, Duration::from_secs(60), String::new())
        .expect("was queued");
    let storing = submitting
        .made("7", &[piece()], now, now)
        .expect("no name is known yet");
    assert_eq!(
        storing.accepted(ticket(7), None, now, now),
        None,
        "the late answer changes nothing"
    );
    let done = stored(&storing, &[true], now).expect("was storing");
    assert_eq!(
        (done.state, storing.settlement(&done)),
        (
            State::Succeeded,
            Settlement::Capture {
                released: Credits::ZERO
            }
        )
    );
}

#[test]
fn an_outcome_for_another_request_is_ignored() {
    let now = Timestamp::from_ms(5);
    let submitting = queued()
        .begin_submit(now, Duration::from_secs(60), String::new())
        .expect("was queued");
    let running = submitting
        .accepted(ticket(7), None, now, now)
        .expect("was submitting");
    assert_eq!(running.made("8", &[piece()], now, now), None);
}

#[test]
fn a_success_after_the_refund_is_delivered_free() {
    let now = Timestamp::from_ms(5);
    let submitting = queued()
        .begin_submit(now, Duration::from_secs(60), String::new())
        .expect("was queued");
    let unknown = submitting.lost_track(now).expect("was submitting");
    let refunded = unknown
        .failed(Failure::new(FailureCode::OutcomeUnknown, "policy"), now)
        .expect("was unknown");
    assert_eq!(unknown.settlement(&refunded), Settlement::Release);
    let storing = refunded
        .made("7", &[piece()], now, now)
        .expect("its outcome was unknown");
    let done = stored(&storing, &[true], now).expect("was storing");
    assert_eq!(refunded.settlement(&storing), Settlement::None);
    assert_eq!(
        (done.state, done.hold, storing.settlement(&done)),
        (State::Succeeded, Hold::Released, Settlement::None)
    );
}

#[test]
fn a_cancel_ends_only_what_the_provider_never_heard_of() {
    let now = Timestamp::from_ms(5);
    let Cancellation::Over(canceled) = queued().cancel(now) else {
        panic!("it was queued")
    };
    assert_eq!(
        (canceled.state, canceled.hold),
        (State::Canceled, Hold::Released)
    );
    assert_eq!(canceled.cancel(now), Cancellation::Canceled);

    let submitting = queued()
        .begin_submit(now, Duration::from_secs(60), String::new())
        .expect("was queued");
    let Cancellation::Wished(wished) = submitting.cancel(now) else {
        panic!("a worker has it")
    };
    assert_eq!((wished.state, wished.hold), (State::Submitting, Hold::Open));
    assert_eq!(wished.cancel(now), Cancellation::Pending);
    // A proven refusal ends it. After an acceptance, the provider is asked to stop it at once.
    let refused = wished.refused_for_now(now, now).expect("was submitting");
    assert_eq!(
        (refused.state, refused.hold),
        (State::Canceled, Hold::Released)
    );
    let late = Timestamp::from_ms(60_000);
    let running = wished
        .accepted(ticket(7), None, now, late)
        .expect("was submitting");
    assert!(running.is_to_be_stopped());
    assert_eq!(running.due_at, Some(now));
    // A job that the provider finished anyway is paid for.
    let storing = running
        .made("7", &[piece()], now, now)
        .expect("was running");
    assert_eq!(storing.cancel(now), Cancellation::TooLate);
    let done = stored(&storing, &[true], now).expect("was storing");
    assert_eq!(
        (done.hold, done.cancel(now)),
        (Hold::Captured, Cancellation::TooLate)
    );
}

#[test]
fn of_several_files_those_that_are_withheld_are_not_paid_for() {
    let now = Timestamp::from_ms(5);
    let submitting = queued().begin_submit(now, Duration::from_secs(60), String::new());
    let storing = submitting.and_then(|job| job.made("7", &[piece()], now, now));
    let storing = storing.expect("was submitting");
    // 500 credits, a third of them for each file: the remainder is given back.
    let done = stored(&storing, &[true, false, true], now).expect("was storing");
    let released = Credits::of(167);
    assert_eq!(
        (done.state, done.hold, done.released, done.outputs.len()),
        (State::Succeeded, Hold::Captured, released, 2)
    );
    assert_eq!(storing.settlement(&done), Settlement::Capture { released });
    let withheld = [Withheld {
        index: 1,
        code: FailureCode::MediaUnavailable,
    }];
    assert_eq!(done.withheld, withheld);

    let none = stored(&storing, &[false, false], now).expect("was storing");
    assert_eq!((none.state, none.hold), (State::Failed, Hold::Released));
    assert_eq!(storing.settlement(&none), Settlement::Release);
}

#[test]
fn a_file_that_was_paid_for_and_never_made_is_withheld() {
    let now = Timestamp::from_ms(5);
    let mut job = queued();
    job.request.parameters = vec![(crate::catalogue::NUM_IMAGES.to_owned(), Value::Integer(3))];
    let submitting = job.begin_submit(now, Duration::from_secs(60), String::new());
    let storing = submitting.and_then(|job| job.made("7", &[piece()], now, now));
    let sources = storing.expect("was submitting").sources;
    assert_eq!(sources.len(), 3);
    assert_eq!(
        sources[1..],
        vec![ProviderFile::Withheld(FailureCode::NoMedia); 2]
    );
}

#[test]
fn a_job_that_is_still_being_copied_is_not_delivered() {
    let now = Timestamp::from_ms(5);
    let submitting = queued().begin_submit(now, Duration::from_secs(60), String::new());
    let storing = submitting.and_then(|job| job.made("7", &[piece()], now, now));
    assert_eq!(storing.expect("was submitting").stored(now), None);
}

/// Makes a job of several pictures that the provider has finished, and the same job after it ended at
/// `now`.
fn ended(cost: u32, sources: Vec<ProviderFile>, now: Timestamp) -> (Generation, Generation) {
    let mut job = queued();
    job.cost = Credits::of(cost);
    let submitting = job.begin_submit(now, Duration::from_secs(60), String::new());
    let storing = submitting.and_then(|job| job.made("7", &[piece()], now, now));
    let storing = storing.and_then(|job| job.copying(sources, now));
    let storing = storing.expect("was submitting");
    let done = storing.stored(now).expect("nothing is on its way");
    (storing, done)
}

#[test]
fn a_price_below_the_number_of_files_is_given_back_and_the_file_is_delivered() {
    let now = Timestamp::from_ms(5);
    let sources = vec![source(true), source(false), source(false)];
    let (storing, done) = ended(1, sources, now);
    let released = Credits::of(1);
    assert_eq!((done.state, done.outputs.len()), (State::Succeeded, 1));
    assert_eq!(storing.settlement(&done), Settlement::Capture { released });
    let parts = Parts {
        held: Credits::ZERO,
        captured: Credits::ZERO,
        released,
    };
    assert_eq!(done.parts(), parts);
}

proptest! {
    #[test]
    fn what_becomes_of_a_price_is_the_price(cost in 1..10_000_u32, kept in prop::collection::vec(any::<bool>(), 1..9)) {
        let sources = kept.iter().copied().map(source).collect();
        let (storing, done) = ended(cost, sources, Timestamp::from_ms(5));
        for job in [storing, done] {
            let Parts { held, captured, released } = job.parts();
            prop_assert_eq!(held.get() + captured.get() + released.get(), i64::from(cost));
            prop_assert!(held == Credits::ZERO || captured == Credits::ZERO && released == Credits::ZERO);
        }
    }
}

#[test]
fn only_what_is_refused_for_its_content_counts_as_that_on_the_day_that_it_ends() {
    let now = Timestamp::from_ms(3 * 24 * 3_600_000 + 7);
    let day = Some(Day::from_number(3));
    for code in FailureCode::ALL {
        let failed = queued().failed(Failure::new(code, "why"), now);
        let counts = failed.expect("was queued").content_refused_on();
        let is_refusal = matches!(
            code,
            FailureCode::ContentPolicyViolation | FailureCode::ContentFlagged
        );
        assert_eq!(counts, day.filter(|_| is_refusal), "{code:?}");
    }
    let flagged = ProviderFile::Withheld(FailureCode::ContentFlagged);
    for (sources, counts) in [
        (vec![source(true), source(true)], None),
        (vec![source(true), source(false)], None),
        (vec![source(true), flagged.clone()], day),
        (vec![source(false), flagged], day),
    ] {
        let (storing, done) = ended(100, sources, now);
        assert_eq!(storing.content_refused_on(), None, "it has not ended");
        assert_eq!(done.content_refused_on(), counts, "{:?}", done.withheld);
    }
}

#[test]
fn a_job_is_expected_when_those_before_it_and_itself_are_done_and_then_when_it_is_looked_at() {
    let at = |seconds: i64| Timestamp::from_ms(1_000 + seconds * 1_000);
    let seconds = |count| Some(Duration::from_secs(count));
    let usual = Duration::from_secs(60);
    let queued = queued();
    assert_eq!(queued.expected_in(at(0), usual), seconds(60));
    let submitting = queued.begin_submit(at(0), usual, String::new());
    let submitting = submitting.expect("was queued");
    let accepted = |position| {
        let accepted = submitting.accepted(ticket(7), position, at(0), at(80));
        accepted.expect("was submitting")
    };
    let waiting = accepted(Some(3));
    assert_eq!(
        (waiting.status(), waiting.place_in_queue()),
        ("queued", Some(3))
    );
    assert_eq!(waiting.expected_in(at(50), usual), seconds(240));
    assert_eq!(waiting.progress_percent(at(50), usual), 0);

    let running = accepted(Some(0));
    assert_eq!(
        (running.status(), running.place_in_queue()),
        ("running", None)
    );
    assert_eq!(running.expected_in(at(50), usual), seconds(10));
    assert_eq!(running.expected_in(at(70), usual), seconds(10));
    assert_eq!(running.expected_in(at(90), usual), seconds(0));
    let unknown = running.lost_track(at(500)).expect("was running");
    assert_eq!(unknown.expected_in(at(100), usual), seconds(400));

    let made = running.made("7", &[piece()], at(60), at(210));
    let storing = made.expect("was running");
    assert_eq!(storing.expected_in(at(62), usual), seconds(2));
    let done = stored(&storing, &[true], at(63)).expect("was storing");
    assert_eq!(done.expected_in(at(63), usual), None);
}

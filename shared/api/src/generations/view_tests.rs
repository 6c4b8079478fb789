//! The view of a generation, for different readers.

use std::collections::BTreeMap;

use domain::Credits;
use domain::events::{EventKind, ShownSubject, Subject, WebhookEvent};
use domain::generations::{FailureCode, GenerationRequest, Intent, Retention};
use domain::ids::{EventId, GenerationId, Tenant, UserId};
use domain::labels::Tags;
use domain::lanes::{Lane, Priority};
use serde_json::json;

use super::*;

/// Returns the generation of a picture that is being made.
fn running(cost: u32) -> Generation {
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
        model: "flux-dev".to_owned(),
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
        cost: Credits::of(cost),
        state: State::Running,
        hold: Hold::Open,
        lane: Lane::Image,
        priority: Priority::Low,
        turn: 8,
        in_line: false,
        correlation_id: String::new(),
        attempts: 1,
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
        started_at: Some(now),
        made_at: None,
        queue_position: None,
        finished_at: None,
        project: None,
        shares: BTreeMap::new(),
        title: None,
        tags: Tags::default(),
        favorite: false,
        version: 3,
    }
}

/// Returns the view at `now`, without addresses.
fn view(generation: &Generation, shows_costs: bool, now: Timestamp) -> GenerationView {
    let shown = ShownGeneration {
        generation: generation.clone(),
        shows_costs,
        shows_author: true,
        addresses: Some(Vec::new()),
        expires_at: now,
        now,
    };
    GenerationView::new(&shown, "https://api.example.org/v1")
}

#[test]
fn a_receipt_is_told_its_owner_alone_and_its_parts_are_the_price() {
    let now = Timestamp::from_ms(2_000);
    let shown = |generation: &Generation, shows_costs| {
        let view = view(generation, shows_costs, now);
        serde_json::to_value(view).expect("JSON")
    };
    let mut generation = running(100);
    assert_eq!(shown(&generation, false)["receipt"], json!(null));
    let held = json!({"quoted": 100, "held": 100, "captured": 0, "released": 0, "refunded": 0, "reason": null});
    assert_eq!(shown(&generation, true)["receipt"], held);

    (generation.state, generation.hold) = (State::Succeeded, Hold::Captured);
    generation.released = Credits::of(50);
    let codes = [FailureCode::ContentFlagged, FailureCode::MediaUnavailable];
    generation.withheld = (1..)
        .zip(codes)
        .map(|(index, code)| Withheld { index, code })
        .collect();
    let done = shown(&generation, true);
    let divided = json!({
        "quoted": 100, "held": 0, "captured": 50, "released": 50, "refunded": 0, "reason": "content_flagged",
    });
    assert_eq!(done["receipt"], divided);
    let withheld = json!([
        {"index": 1, "code": "content_flagged"}, {"index": 2, "code": "media_unavailable"},
    ]);
    assert_eq!(done["withheld"], withheld);

    (generation.hold, generation.released) = (Hold::Released, Credits::ZERO);
    let free = shown(&generation, true);
    assert_eq!(free["receipt"]["released"], 100);
    assert_eq!(free["receipt"]["reason"], "delivered_free");
}

#[test]
fn a_place_in_the_queue_is_shown_while_it_waits_and_lengthens_the_pause_until_the_next_look() {
    let start = Timestamp::from_ms(1_000);
    let mut generation = running(25);
    let shown = |generation: &Generation| view(generation, true, start);
    let pause = |generation: &Generation, after_s| {
        poll_after(generation, start.plus(Duration::from_secs(after_s)))
    };
    let seconds = |count| Some(Duration::from_secs(count));
    // The model usually takes eight seconds.
    assert_eq!(
        (shown(&generation).queue_position, pause(&generation, 3)),
        (None, seconds(5))
    );
    assert_eq!(pause(&generation, 60), seconds(1));
    for (position, after) in [(1, 16), (2, 24), (7, 30), (u64::MAX, 30)] {
        generation.queue_position = Some(position);
        let view = shown(&generation);
        assert_eq!(
            (view.status.as_str(), view.queue_position),
            ("queued", Some(position))
        );
        assert_eq!(pause(&generation, 3), seconds(after));
    }
    generation.state = State::Unknown;
    assert_eq!(shown(&generation).queue_position, None);
    generation.state = State::Failed;
    assert_eq!(pause(&generation, 3), None);
}

#[test]
fn a_webhook_names_a_generation_that_is_too_long_to_be_sent() {
    let now = Timestamp::from_ms(2_000);
    let body = |generation: &Generation| {
        let shown = ShownGeneration {
            generation: generation.clone(),
            shows_costs: true,
            shows_author: true,
            addresses: Some(Vec::new()),
            expires_at: now,
            now,
        };
        let event = WebhookEvent {
            id: EventId::new(now, 1),
            kind: EventKind::GenerationFailed,
            subject: Subject::Generation(generation.id.clone()),
            at: now,
        };
        let shown = ShownSubject::Generation(Box::new(shown));
        crate::events::body(&event, &shown, "https://api.example.org/v1")
    };
    let read = |body: &[u8]| serde_json::from_slice::<serde_json::Value>(body).expect("JSON");
    let mut generation = running(25);
    let short = read(&body(&generation));
    assert_eq!(short["type"], "generation.failed");
    assert_eq!(short["data"]["prompt"], "a lighthouse");
    // The longest allowed texts, in the characters that take the most bytes.
    generation.request.prompt = Some("🦊".repeat(2_000));
    generation.request.negative_prompt = Some("🦊".repeat(2_000));
    generation.request.change_description = Some("🦊".repeat(1_000));
    let long = body(&generation);
    assert!(long.len() <= 20_000, "{} bytes", long.len());
    let named = json!({
        "object": "generation",
        "id": generation.id.as_str(),
        "status": "running",
        "truncated": true,
    });
    assert_eq!(read(&long)["data"], named);
}

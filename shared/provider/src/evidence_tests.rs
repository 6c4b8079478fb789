//! The table of answers and stages.

use serde_json::json;

use super::*;

/// The evidence of an answer, without its details.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Proof {
    Accepted,
    Working,
    Made,
    Refused,
    NotAccepted,
    NotYet,
}

use Proof::{Accepted as A, Made as M, NotAccepted as N, NotYet as Y, Refused as R, Working as W};

fn proof(evidence: &Evidence) -> Proof {
    match evidence {
        Evidence::Accepted { .. } => A,
        Evidence::Working { .. } => W,
        Evidence::Made(_) => M,
        Evidence::Refused(_) => R,
        Evidence::NotAccepted(_) => N,
        Evidence::NotYet(_) => Y,
    }
}

fn answer(status: u16, body: impl Into<Vec<u8>>) -> ProviderAnswer {
    ProviderAnswer {
        status,
        body: body.into(),
        error_type: None,
    }
}

fn submit(answer: &ProviderAnswer) -> Proof {
    proof(&of_submit(answer, |url| url.starts_with("https://fal/")))
}

fn status(answer: &ProviderAnswer) -> Option<Proof> {
    match of_status(answer) {
        Status::Said(evidence) => Some(proof(&evidence)),
        Status::Ended => None,
    }
}

fn result(answer: &ProviderAnswer) -> Proof {
    proof(&of_result(answer))
}

const HTML: &str = "<html><body>502 Bad Gateway</body></html>";
const PLAIN: &str = r#"{"detail":"User is locked. Reason: Exhausted balance."}"#;
const TYPED: &str = r#"{"detail":[{"loc":["body"],"msg":"no","type":"content_policy_violation"}]}"#;
const PLATFORM: &str = r#"{"detail":"it broke","error_type":"runner_disconnected"}"#;

/// Every answer that may be temporary, with its evidence about a submit. It proves nothing about status,
/// result or cancel.
const PASSING: [(u16, &str, Proof); 27] = [
    (401, PLAIN, N),
    (403, PLAIN, N),
    (404, PLAIN, N),
    (408, PLAIN, N),
    (409, PLAIN, N),
    (425, PLAIN, N),
    (429, PLAIN, N),
    (400, PLAIN, N),
    (422, PLAIN, N),
    (451, "", N),
    (500, PLAIN, Y),
    (500, "", Y),
    (502, HTML, Y),
    (503, PLAIN, N),
    (503, HTML, N),
    (504, PLAIN, Y),
    (504, "", Y),
    (520, HTML, Y),
    (301, "", N),
    (302, HTML, N),
    (303, "", Y),
    (307, "", N),
    (200, "", Y),
    (200, HTML, Y),
    (200, "null", Y),
    (200, r#"{"request_id":"1","status_u"#, Y),
    (200, PLAIN, N),
];

#[test]
fn what_may_pass_ends_nothing_at_any_stage() {
    for (code, body, at_submit) in PASSING {
        let answer = answer(code, body);
        assert_eq!(submit(&answer), at_submit, "submit: {code} {body}");
        assert_eq!(status(&answer), Some(Y), "status: {code} {body}");
        assert_eq!(result(&answer), Y, "result: {code} {body}");
        let cancel = of_cancel(&answer);
        let is_taken = cancel == Cancel::Requested;
        assert_eq!(is_taken, code < 300, "cancel: {code} {body}");
        assert_ne!(cancel, Cancel::TooLate, "cancel: {code} {body}");
    }
}

#[test]
fn a_typed_error_is_the_models_own_word_wherever_the_model_speaks() {
    for code in [200, 400, 403, 404, 422, 500, 502, 503, 504] {
        assert_eq!(result(&answer(code, TYPED)), R, "{code}");
        assert_eq!(result(&answer(code, PLATFORM)), R, "{code}");
    }
    // An answer about our rights or our rate says nothing about the job.
    for code in [401, 425, 429] {
        assert_eq!(result(&answer(code, PLATFORM)), Y, "{code}");
    }
    for code in [400, 403, 422, 200] {
        assert_eq!(submit(&answer(code, TYPED)), R, "{code}");
    }
    // Nothing was accepted, or it is unknown. A model that never ran has not answered.
    assert_eq!(submit(&answer(403, PLATFORM)), N);
    assert_eq!(submit(&answer(429, PLATFORM)), N);
    assert_eq!(submit(&answer(503, PLATFORM)), N);
    assert_eq!(submit(&answer(500, PLATFORM)), Y);
    let by_header = ProviderAnswer {
        error_type: Some("startup_timeout".to_owned()),
        ..answer(504, "")
    };
    assert_eq!(result(&by_header), R);
}

#[test]
fn a_final_status_word_of_any_spelling_ends_a_job() {
    let said = |word: &str| status(&answer(200, json!({"status": word}).to_string()));
    for word in [
        "FAILED",
        "failed",
        "Error",
        "CANCELED",
        "cancelled",
        "timed out",
    ] {
        assert_eq!(said(word), Some(R), "{word}");
    }
    for word in ["COMPLETED", "completed", "OK", "SUCCEEDED", "done"] {
        assert_eq!(said(word), None, "{word}");
    }
    for word in ["IN_QUEUE", "IN_PROGRESS", "in-progress", "queued"] {
        assert_eq!(said(word), Some(W), "{word}");
    }
    for word in ["", "NOT_FOUND", "HIBERNATING"] {
        assert_eq!(said(word), Some(Y), "{word}");
    }
    let typed = json!({"status": "COMPLETED", "error": "x", "error_type": "runner_disconnected"});
    assert_eq!(status(&answer(200, typed.to_string())), Some(R));
}

#[test]
fn a_place_in_the_queue_is_told() {
    let body = json!({"status": "IN_QUEUE", "queue_position": 7}).to_string();
    let expected = Evidence::Working {
        queue_position: Some(7),
    };
    assert_eq!(of_status(&answer(202, body)), Status::Said(expected));
}

#[test]
fn a_submit_is_accepted_only_with_addresses_that_are_the_providers() {
    let accepted = |origin: &str| {
        let url = format!("{origin}/requests/1");
        let body = json!({
            "request_id": "1", "status_url": url, "response_url": url, "cancel_url": url,
        });
        submit(&answer(200, body.to_string()))
    };
    assert_eq!(accepted("https://fal"), A);
    assert_eq!(accepted("https://evil"), Y);
}

#[test]
fn a_result_is_made_only_in_the_form_of_an_output() {
    let made = json!({"images": [{"url": "https://media/1"}]}).to_string();
    assert_eq!(result(&answer(200, made.clone())), M);
    assert_eq!(
        result(&answer(500, made)),
        Y,
        "an output comes with a success"
    );
    assert_eq!(result(&answer(200, r#"{"images":[]}"#)), R);
}

#[test]
fn a_job_that_ended_before_its_cancel_is_told_as_such() {
    let body = json!({"status": "ALREADY_COMPLETED"}).to_string();
    assert_eq!(of_cancel(&answer(400, body)), Cancel::TooLate);
}

#[test]
fn a_webhook_ends_a_job_by_its_word_or_has_it_asked_for() {
    let webhook = |body: Value| {
        let body: WebhookBody = serde_json::from_value(body).expect("a webhook");
        match of_webhook(&body) {
            Some(Outcome::Made(_)) => M,
            Some(Outcome::Refused(_)) => R,
            None => Y,
        }
    };
    let of = |status: &str, payload: Value| json!({"request_id": "1", "status": status, "payload": payload, "error": "Invalid status code: 504"});
    let output = json!({"video": {"url": "https://media/1"}});
    let typed: Value = serde_json::from_str(TYPED).expect("JSON");
    assert_eq!(webhook(of("OK", output.clone())), M);
    assert_eq!(webhook(of("OK", Value::Null)), Y);
    assert_eq!(webhook(of("OK", json!("<html>"))), Y);
    assert_eq!(webhook(of("OK", typed.clone())), R);
    assert_eq!(webhook(of("ERROR", typed)), R);
    assert_eq!(webhook(of("ERROR", json!({"detail": "slow"}))), R);
    assert_eq!(webhook(of("WHATEVER", output)), Y);
}

//! Requests that are refused, and the fields that their refusals name.

use super::*;
use domain::catalogue;

fn check(model: &str, body: &str) -> Result<Draft, Refusal> {
    let body: CreateGeneration = crate::body::parse(body.as_bytes())?;
    body.check(catalogue::find(model).expect("a model"))
}

fn fields(model: &str, body: &str) -> Vec<(String, FieldCode)> {
    match check(model, body) {
        Err(Refusal::Invalid(errors)) => errors.into_iter().map(|e| (e.field, e.code)).collect(),
        other => panic!("{body}: {other:?}"),
    }
}

#[test]
fn everything_wrong_with_a_request_is_named_at_once() {
    let body = r#"{"prompt":"","negative_prompt":"fog","parameters":{"num_images":9,"fps":3},
                   "intent":"remix","max_credits":-1}"#;
    let named: Vec<_> = fields("flux-dev", body)
        .into_iter()
        .map(|(field, _)| field)
        .collect();
    assert_eq!(
        named,
        [
            "prompt",
            "negative_prompt",
            "parameters.fps",
            "parameters.num_images",
            "intent",
            "max_credits"
        ]
    );
}

#[test]
fn a_field_of_the_wrong_type_or_name_is_refused() {
    assert_eq!(
        fields("veo3", r#"{"prompt":5}"#),
        [("prompt".to_owned(), FieldCode::WrongType)]
    );
    assert_eq!(
        fields("veo3", r#"{"prompt":"a","parameters":[]}"#),
        [("parameters".to_owned(), FieldCode::WrongType)]
    );
    assert_eq!(
        fields("veo3", r#"{"prompt":"a","promt":"b"}"#),
        [("promt".to_owned(), FieldCode::Unknown)]
    );
}

#[test]
fn a_model_that_is_told_nothing_to_be_seen_takes_no_style() {
    let body = r#"{"prompt":"rain","style_id":"sty_01J00000000000000000000000"}"#;
    let refused = [("style_id".to_owned(), FieldCode::Unsupported)];
    assert_eq!(fields("audio-gen", body), refused);
    let draft = check("veo3", body).expect("it takes styles");
    assert!(draft.request.style.is_some());
    let plain = check("veo3", r#"{"prompt":"rain"}"#).expect("fine");
    assert_ne!(draft.fingerprint, plain.fingerprint);
    assert_ne!(draft.order_fingerprint, plain.order_fingerprint);
}

#[test]
fn an_id_that_names_nothing_is_not_found_by_its_field() {
    let gone = |body: &str| match check("veo3", body) {
        Err(Refusal::NoSuch { field, .. }) => field,
        other => panic!("{body}: {other:?}"),
    };
    assert_eq!(
        gone(r#"{"prompt":"a","reference_file_id":"usr_1"}"#),
        "reference_file_id"
    );
    assert_eq!(
        gone(r#"{"prompt":"a","project_id":"gen_01J00000000000000000000000"}"#),
        "project_id"
    );
    assert_eq!(gone(r#"{"prompt":"a","team_id":"x"}"#), "team_id");
    assert_eq!(gone(r#"{"prompt":"a","style_id":"x"}"#), "style_id");
}

#[test]
fn the_same_request_has_the_same_fingerprint_in_any_order_and_another_has_another() {
    let print = |model: &str, body: &str| check(model, body).expect("valid").fingerprint;
    let one = print(
        "flux-dev",
        r#"{"prompt":"a","parameters":{"seed":1,"num_images":2}}"#,
    );
    let two = print(
        "flux-dev",
        r#"{"parameters":{"num_images":2,"seed":1},"prompt":"a"}"#,
    );
    assert_eq!(one, two);
    assert_ne!(
        one,
        print(
            "flux-dev",
            r#"{"prompt":"a","parameters":{"seed":2,"num_images":2}}"#
        )
    );
    assert_ne!(
        print("veo3", r#"{"prompt":"a"}"#),
        print("wan-pro", r#"{"prompt":"a"}"#)
    );
}

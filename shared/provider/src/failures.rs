//! fal's errors, translated to the domain's by their `type`. An unknown type is searched for signs of
//! refused content, together with its text; else the status decides. Model errors have the form
//! `{"detail":[{"type","msg",…}]}`, infrastructure errors `{"detail":"…","error_type":"…"}`.

use domain::generations::{Failure, FailureCode};
use serde_json::Value;

/// Returns the failure that a model's own error describes: a list of errors, each with a type.
pub(crate) fn of_model(status: u16, body: &Value) -> Option<Failure> {
    let first = body.get("detail")?.as_array()?.first()?;
    let field = |name: &str| first.get(name).and_then(Value::as_str);
    let kind = field("type").filter(|kind| !kind.is_empty())?;
    let text = field("msg").unwrap_or_default();
    Some(by_type_or(kind, text, by_status(status)))
}

/// Returns the failure that an error of the platform describes; such an error has a type of its own.
pub(crate) fn of_platform(body: &Value) -> Option<Failure> {
    let kind = body.get("error_type").and_then(Value::as_str);
    let kind = kind.filter(|kind| !kind.is_empty())?;
    let text = body.get("detail").and_then(Value::as_str);
    Some(by_type(kind, text.unwrap_or_default()))
}

/// Returns the failure of a type.
pub(crate) fn by_type(kind: &str, text: &str) -> Failure {
    by_type_or(kind, text, FailureCode::ProviderError)
}

/// Returns the failure of a type, with the code `otherwise` if the type is unknown.
pub(crate) fn by_type_or(kind: &str, text: &str, otherwise: FailureCode) -> Failure {
    let code = match kind {
        "content_policy_violation" => FailureCode::ContentPolicyViolation,
        "no_media_generated" => FailureCode::NoMedia,
        "generation_timeout" | "request_timeout" | "startup_timeout" => {
            FailureCode::ProviderTimeout
        }
        "client_cancelled" | "client_disconnected" => FailureCode::Canceled,
        "image_too_small"
        | "image_too_large"
        | "image_load_error"
        | "file_download_error"
        | "face_detection_error"
        | "file_too_large"
        | "greater_than"
        | "greater_than_equal"
        | "less_than"
        | "less_than_equal"
        | "multiple_of"
        | "sequence_too_short"
        | "sequence_too_long"
        | "one_of"
        | "feature_not_supported"
        | "unsupported_image_format"
        | "unsupported_audio_format"
        | "unsupported_video_format"
        | "bad_request" => FailureCode::InvalidInput,
        "internal_server_error"
        | "internal_error"
        | "downstream_service_error"
        | "downstream_service_unavailable" => FailureCode::ProviderError,
        kind if kind.starts_with("runner_") => FailureCode::ProviderError,
        kind if refuses_content(kind) || refuses_content(text) => {
            FailureCode::ContentPolicyViolation
        }
        _ => otherwise,
    };
    of(code, text)
}

/// Returns whether a type that fal's list does not have, or its text, means that content was refused.
/// Models of other makers behind fal use their own words for it.
fn refuses_content(text: &str) -> bool {
    const SIGNS: [&str; 9] = [
        "content_policy",
        "content policy",
        "content_filter",
        "moderation",
        "nsfw",
        "safety_check",
        "safety filter",
        "safety system",
        "sensitive content",
    ];
    let text = text.to_ascii_lowercase();
    SIGNS.into_iter().any(|sign| text.contains(sign))
}

/// Returns the code of a failure that has no type, by its status code.
pub(crate) fn by_status(status: u16) -> FailureCode {
    match status {
        400 | 422 => FailureCode::InvalidInput,
        408 | 504 => FailureCode::ProviderTimeout,
        499 => FailureCode::Canceled,
        _ => FailureCode::ProviderError,
    }
}

/// Builds a failure. It includes the provider's own text only if that helps the client to correct its
/// request and contains no address.
pub(crate) fn of(code: FailureCode, text: &str) -> Failure {
    let ours = match code {
        FailureCode::ContentPolicyViolation => {
            "the provider refused this as against its content policy"
        }
        FailureCode::InvalidInput => "the provider finds the input wrong",
        FailureCode::NoMedia => "the provider made nothing",
        FailureCode::ProviderTimeout => "the provider took too long",
        FailureCode::Canceled => "the provider stopped the job",
        FailureCode::ContentFlagged => "the result was flagged as unsafe and is withheld",
        FailureCode::MediaUnavailable
        | FailureCode::ProviderError
        | FailureCode::OutcomeUnknown => "the provider failed to make it",
        FailureCode::ProviderUnavailable => {
            "we could not hand this to the provider; the trouble is ours, try again later"
        }
    };
    let helps = code == FailureCode::InvalidInput && !text.is_empty() && !text.contains("://");
    Failure::new(
        code,
        if helps {
            format!("{ours}: {text}")
        } else {
            ours.to_owned()
        },
    )
}

/// Returns the failure of a result that was flagged as unsafe.
pub(crate) fn flagged() -> Failure {
    of(FailureCode::ContentFlagged, "")
}

/// Returns the failure of a result without any file.
pub(crate) fn nothing() -> Failure {
    of(FailureCode::NoMedia, "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn model(kind: &str, msg: &str) -> Value {
        json!({"detail": [{"loc": ["body", "prompt"], "type": kind, "msg": msg}]})
    }

    #[test]
    fn an_error_is_told_by_its_type_and_never_shows_an_address() {
        use FailureCode as Code;
        let cases = [
            (
                422,
                model("content_policy_violation", "no"),
                Code::ContentPolicyViolation,
            ),
            (
                422,
                model("sequence_too_long", "at most 10"),
                Code::InvalidInput,
            ),
            (
                422,
                model("some_new_type", "see https://fal.ai/x"),
                Code::InvalidInput,
            ),
            (
                422,
                model("moderation_blocked", "no"),
                Code::ContentPolicyViolation,
            ),
            (
                400,
                model("value_error", "flagged by our safety system"),
                Code::ContentPolicyViolation,
            ),
            (
                500,
                model("internal_server_error", "boom"),
                Code::ProviderError,
            ),
            (500, model("some_new_type", "boom"), Code::ProviderError),
            (
                504,
                model("generation_timeout", "slow"),
                Code::ProviderTimeout,
            ),
        ];
        for (status, body, code) in cases {
            let failure = of_model(status, &body).expect("an error body");
            assert_eq!(failure.code, code, "{body}");
            assert!(!failure.message.contains("://"), "{}", failure.message);
        }
        for (kind, code) in [
            ("startup_timeout", Code::ProviderTimeout),
            ("runner_disconnected", Code::ProviderError),
            ("client_cancelled", Code::Canceled),
            ("bad_request", Code::InvalidInput),
            ("a_new_one", Code::ProviderError),
        ] {
            let body = json!({"detail": "x", "error_type": kind});
            assert_eq!(
                of_platform(&body).map(|failure| failure.code),
                Some(code),
                "{kind}"
            );
        }
    }

    #[test]
    fn words_without_a_type_tell_of_no_failure() {
        for body in [
            Value::Null,
            json!({}),
            json!({"detail": 5}),
            json!({"detail": []}),
            json!({"detail": "plain text"}),
            json!({"detail": [{"msg": "no type"}]}),
            json!({"error_type": ""}),
        ] {
            assert_eq!(of_model(500, &body), None, "{body}");
            assert_eq!(of_platform(&body), None, "{body}");
        }
    }
}

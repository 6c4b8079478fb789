//! fal's errors in the domain's words: by their `type`, never by their text. Model errors come as
//! `{"detail":[{"type","msg",…}]}`, infrastructure errors as `{"detail":"…","error_type":"…"}`.

use domain::generations::{Failure, FailureCode};
use serde_json::Value;

/// The failure that an error body tells of, if it tells of one.
pub(crate) fn from_body(status: u16, body: &Value) -> Option<Failure> {
    let detail = body.get("detail")?;
    if let Some(kind) = body.get("error_type").and_then(Value::as_str) {
        return Some(by_type(kind, detail.as_str().unwrap_or_default()));
    }
    let (kind, text) = match detail {
        Value::Array(errors) => {
            let first = errors.first()?;
            let field = |name: &str| first.get(name).and_then(Value::as_str).unwrap_or_default();
            (field("type"), field("msg"))
        }
        Value::String(text) => ("", text.as_str()),
        _ => return None,
    };
    if kind.is_empty() {
        return Some(failure(by_status(status), text));
    }
    Some(by_type_or(kind, text, by_status(status)))
}

/// The failure of a stated type.
pub(crate) fn by_type(kind: &str, text: &str) -> Failure {
    by_type_or(kind, text, FailureCode::ProviderError)
}

fn by_type_or(kind: &str, text: &str, otherwise: FailureCode) -> Failure {
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
        _ => otherwise,
    };
    failure(code, text)
}

fn by_status(status: u16) -> FailureCode {
    match status {
        400 | 422 => FailureCode::InvalidInput,
        408 | 504 => FailureCode::ProviderTimeout,
        499 => FailureCode::Canceled,
        _ => FailureCode::ProviderError,
    }
}

/// The provider's own words only where they help the client mend its request, and only if they hold no address.
fn failure(code: FailureCode, text: &str) -> Failure {
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
        | FailureCode::ProviderUnavailable
        | FailureCode::OutcomeUnknown => "the provider failed to make it",
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

/// The result was flagged as unsafe.
pub(crate) fn flagged() -> Failure {
    failure(FailureCode::ContentFlagged, "")
}

/// The result holds nothing.
pub(crate) fn nothing() -> Failure {
    failure(FailureCode::NoMedia, "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_error_is_told_by_its_type_and_never_shows_an_address() {
        let model = |kind: &str, msg: &str| json!({"detail": [{"loc": ["body", "prompt"], "type": kind, "msg": msg}]});
        let cases = [
            (
                422,
                model("content_policy_violation", "no"),
                FailureCode::ContentPolicyViolation,
            ),
            (
                422,
                model("sequence_too_long", "at most 10"),
                FailureCode::InvalidInput,
            ),
            (
                422,
                model("some_new_type", "see https://fal.ai/x"),
                FailureCode::InvalidInput,
            ),
            (
                500,
                model("internal_server_error", "boom"),
                FailureCode::ProviderError,
            ),
            (
                504,
                json!({"detail": "slow", "error_type": "startup_timeout"}),
                FailureCode::ProviderTimeout,
            ),
            (
                503,
                json!({"detail": "x", "error_type": "runner_disconnected"}),
                FailureCode::ProviderError,
            ),
            (
                499,
                json!({"detail": "x", "error_type": "client_cancelled"}),
                FailureCode::Canceled,
            ),
            (
                422,
                json!({"detail": "plain text"}),
                FailureCode::InvalidInput,
            ),
        ];
        for (status, body, code) in cases {
            let failure = from_body(status, &body).expect("an error body");
            assert_eq!(failure.code, code, "{body}");
            assert!(!failure.message.contains("://"), "{}", failure.message);
        }
        for body in [
            Value::Null,
            json!({}),
            json!({"detail": 5}),
            json!({"detail": []}),
        ] {
            assert_eq!(from_body(500, &body), None, "{body}");
        }
    }
}

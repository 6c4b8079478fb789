//! The output of a model: the addresses of its files, in all the forms that models use.

use domain::generations::{FailureCode, Media, Outcome, Piece};
use serde_json::Value;

use crate::failures;

/// The most files that one job can make.
const MEDIA_MAX: usize = 8;
/// The fields that models use for a single file. Some models give the same file in two of them.
const SINGLE: [&str; 4] = ["image", "video", "audio", "audio_file"];

/// Reads a model's output; `None` if the body does not have the form of one.
pub(crate) fn read(body: &Value) -> Option<Outcome> {
    let mut pieces = match body.get("images") {
        Some(Value::Array(images)) => images.iter().take(MEDIA_MAX).map(piece).collect(),
        Some(_) | None => Vec::new(),
    };
    let has_list = body.get("images").is_some_and(Value::is_array);
    let mut seen: Vec<Piece> = Vec::new();
    for name in SINGLE {
        let Some(file @ Value::Object(_)) = body.get(name) else {
            continue;
        };
        let found = piece(file);
        if !seen.contains(&found) {
            seen.push(found);
        }
    }
    if !has_list && seen.is_empty() {
        return None;
    }
    pieces.append(&mut seen);
    withhold_flagged(&mut pieces, body);
    Some(judge(pieces))
}

/// Withholds pictures that are marked as unsafe. Flux answers 200 for them, with one mark for each picture,
/// in their order. If the number of marks differs from that of the pictures and any mark is set, all
/// pictures are withheld, because it is unclear which one is meant.
fn withhold_flagged(pieces: &mut [Piece], body: &Value) {
    let marks = body.get("has_nsfw_concepts").and_then(Value::as_array);
    let Some(marks) = marks else { return };
    let is_set = |mark: &Value| mark.as_bool() == Some(true);
    if marks.len() == pieces.len() {
        for (piece, _) in pieces.iter_mut().zip(marks).filter(|(_, m)| is_set(m)) {
            *piece = Piece::Withheld(FailureCode::ContentFlagged);
        }
    } else if marks.iter().any(is_set) {
        pieces.fill(Piece::Withheld(FailureCode::ContentFlagged));
    }
}

/// Returns the outcome. A success that delivers nothing is a failure.
fn judge(pieces: Vec<Piece>) -> Outcome {
    let is_made = |piece: &Piece| matches!(piece, Piece::Made(_));
    let is_flagged = |piece: &Piece| *piece == Piece::Withheld(FailureCode::ContentFlagged);
    if pieces.iter().any(is_made) {
        Outcome::Made(pieces)
    } else if pieces.iter().any(is_flagged) {
        Outcome::Refused(failures::flagged())
    } else {
        Outcome::Refused(failures::nothing())
    }
}

/// Reads one file. An address that cannot be fetched, such as a data URI, counts as missing.
fn piece(value: &Value) -> Piece {
    let url = value.get("url").and_then(Value::as_str);
    let Some(url) = url.filter(|url| url.starts_with("http")) else {
        return Piece::Withheld(FailureCode::MediaUnavailable);
    };
    let pixels = |name: &str| {
        value
            .get(name)
            .and_then(Value::as_u64)
            .and_then(|n| u32::try_from(n).ok())
    };
    Piece::Made(Media {
        url: url.to_owned(),
        content_type: value
            .get("content_type")
            .and_then(Value::as_str)
            .map(str::to_owned),
        width: pixels("width"),
        height: pixels("height"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn urls(body: &Value) -> Vec<String> {
        let Some(Outcome::Made(pieces)) = read(body) else {
            panic!("{body} is an output");
        };
        let url = |piece| match piece {
            Piece::Made(media) => media.url,
            Piece::Withheld(code) => code.as_str().to_owned(),
        };
        pieces.into_iter().map(url).collect()
    }

    #[test]
    fn every_models_form_of_output_is_read() {
        assert_eq!(
            urls(&json!({"images": [{"url": "https://a/1"}, {"url": "https://a/2"}]})),
            ["https://a/1", "https://a/2"]
        );
        assert_eq!(
            urls(&json!({"video": {"url": "https://a/v", "content_type": null}})),
            ["https://a/v"]
        );
        assert_eq!(
            urls(&json!({"image": {"url": "https://a/i"}, "images": []})),
            ["https://a/i"]
        );
        assert_eq!(
            urls(&json!({"audio": {"url": "https://a/s"}, "audio_file": {"url": "https://a/s"}})),
            ["https://a/s"]
        );
    }

    #[test]
    fn what_is_flagged_or_has_no_address_is_withheld_and_the_rest_is_not() {
        let images = json!([{"url": "https://a/0"}, {"url": "https://a/1"}, {"url": null}]);
        let body = json!({"images": images, "has_nsfw_concepts": [false, true, false]});
        assert_eq!(
            urls(&body),
            ["https://a/0", "content_flagged", "media_unavailable"]
        );
    }

    #[test]
    fn a_success_without_anything_to_deliver_is_a_failure() {
        let code = |body: &Value| match read(body) {
            Some(Outcome::Refused(failure)) => failure.code,
            other => panic!("{other:?}"),
        };
        for body in [
            json!({"images": []}),
            json!({"video": {"url": "data:video/mp4;base64,AA"}}),
        ] {
            assert_eq!(code(&body), FailureCode::NoMedia, "{body}");
        }
        for flags in [json!([true]), json!([false, true])] {
            let flagged = json!({"images": [{"url": "https://a/1"}], "has_nsfw_concepts": flags});
            assert_eq!(code(&flagged), FailureCode::ContentFlagged);
        }
    }

    #[test]
    fn what_is_no_output_says_nothing() {
        for body in [
            json!({}),
            json!(null),
            json!("<html>"),
            json!({"images": null, "video": null}),
            json!({"detail": "Request is still in progress"}),
        ] {
            assert_eq!(read(&body), None, "{body}");
        }
    }
}

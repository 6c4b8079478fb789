//! What a model answered when it was done: the addresses of what it made, wherever that model puts them.

use domain::generations::{Media, Outcome};
use serde_json::Value;

use crate::failures;

/// The most files that one job can make.
const MEDIA_MAX: usize = 8;

/// Reads a model's output.
pub(crate) fn read(body: &Value) -> Outcome {
    // Flux marks unsafe pictures while still answering 200; such a "success" cannot be delivered.
    let flags = body.get("has_nsfw_concepts").and_then(Value::as_array);
    if flags.is_some_and(|flags| flags.iter().any(|flag| flag.as_bool() == Some(true))) {
        return Outcome::Failed(failures::flagged());
    }
    let many = body
        .get("images")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let single = ["image", "video", "audio", "audio_file"]
        .into_iter()
        .filter_map(|name| body.get(name));
    let mut media: Vec<Media> = Vec::new();
    for found in many.chain(single).filter_map(file).take(MEDIA_MAX) {
        if media.iter().all(|known| known.url != found.url) {
            media.push(found);
        }
    }
    if media.is_empty() {
        Outcome::Failed(failures::nothing())
    } else {
        Outcome::Succeeded(media)
    }
}

fn file(value: &Value) -> Option<Media> {
    let url = value
        .get("url")?
        .as_str()
        .filter(|url| url.starts_with("http"))?;
    let pixels = |name: &str| {
        value
            .get(name)
            .and_then(Value::as_u64)
            .and_then(|n| u32::try_from(n).ok())
    };
    Some(Media {
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
    use domain::generations::FailureCode;
    use serde_json::json;

    fn urls(body: &Value) -> Vec<String> {
        match read(body) {
            Outcome::Succeeded(media) => media.into_iter().map(|media| media.url).collect(),
            Outcome::Failed(failure) => panic!("{failure:?}"),
        }
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
    fn a_success_without_anything_to_deliver_is_a_failure() {
        let code = |body: &Value| match read(body) {
            Outcome::Failed(failure) => failure.code,
            Outcome::Succeeded(media) => panic!("{media:?}"),
        };
        for body in [
            json!({}),
            json!(null),
            json!({"images": []}),
            json!({"video": {"url": "data:video/mp4;base64,AA"}}),
        ] {
            assert_eq!(code(&body), FailureCode::NoMedia, "{body}");
        }
        let flagged = json!({"images": [{"url": "https://a/1"}], "has_nsfw_concepts": [true]});
        assert_eq!(code(&flagged), FailureCode::ContentFlagged);
    }
}

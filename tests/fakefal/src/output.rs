//! The answers of each kind of model: the addresses of its files, or its error.
//!
//! Owns the forms of results and errors as fal documents them. Refuses to make the files.

use serde_json::{Value, json};

use crate::store::Kept;

/// The kind of files that a model makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Images,
    Image,
    Video,
    Audio,
}

/// The format of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Picture {
    Jpeg,
    Png,
    Webp,
}

impl Kind {
    /// Tells the kind from the endpoint's name, which reveals it in all of fal's own names.
    pub(crate) fn of(model: &str) -> Self {
        let has = |part: &str| model.contains(part);
        if has("audio") || has("music") || has("speech") {
            Self::Audio
        } else if has("video") || has("veo") || has("hailuo") || has("wan-") {
            Self::Video
        } else if has("face-swap") || has("upscaler") {
            Self::Image
        } else {
            Self::Images
        }
    }
}

impl Picture {
    pub(crate) fn of(input: &Value) -> Self {
        match input.get("output_format").and_then(Value::as_str) {
            Some("png") => Self::Png,
            Some("webp") => Self::Webp,
            _ => Self::Jpeg,
        }
    }

    pub(crate) const fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpeg",
            Self::Png => "png",
            Self::Webp => "webp",
        }
    }
}

/// The size of a picture or video of the ratio that was asked for.
pub(crate) fn size_pixels(input: &Value, kind: Kind) -> (u32, u32) {
    let text = |name: &str| input.get(name).and_then(Value::as_str);
    let ratio = text("aspect_ratio").or_else(|| text("image_size"));
    let (width, height) = match ratio.unwrap_or("16:9") {
        "1:1" | "square" | "square_hd" => (768, 768),
        "9:16" | "portrait_16_9" => (576, 1024),
        "4:3" | "landscape_4_3" => (1024, 768),
        "3:4" | "portrait_4_3" => (768, 1024),
        "3:2" => (960, 640),
        "2:3" => (640, 960),
        "21:9" => (1024, 448),
        "9:21" => (448, 1024),
        _ => (1024, 576),
    };
    match kind {
        // Small videos are quick to draw, and as real as large ones.
        Kind::Video => (width / 2 + width / 8, height / 2 + height / 8),
        Kind::Images | Kind::Image | Kind::Audio => (width, height),
    }
}

/// A finished job's result: status and body of the GET, and the webhook's payload.
pub(crate) fn result(job: &Kept, origin: &str) -> (u16, Value) {
    match &job.failure {
        Some(kind) => failure(kind),
        None => (200, success(job, origin)),
    }
}

fn success(job: &Kept, origin: &str) -> Value {
    let directives = job.directives();
    let kind = Kind::of(&job.model);
    let url = |number: u64, extension: &str| {
        let folder = if directives.bad_media || directives.missing.contains(&number) {
            "missing"
        } else {
            "files"
        };
        format!("{origin}/{folder}/{}/{number}.{extension}", job.request_id)
    };
    let seed = job.input.get("seed").and_then(Value::as_u64).unwrap_or(42);
    let picture = |number: u64| {
        let format = Picture::of(&job.input);
        let (width, height) = size_pixels(&job.input, kind);
        json!({
            "url": url(number, format.extension()),
            "content_type": format!("image/{}", format.extension()),
            "width": width,
            "height": height,
        })
    };
    let mut body = match kind {
        Kind::Images => {
            let count = job.input.get("num_images").and_then(Value::as_u64);
            let count = count.unwrap_or(1).clamp(1, 8);
            let is_flagged = |number| directives.nsfw || directives.flagged.contains(&number);
            json!({
                "images": (0..count).map(picture).collect::<Vec<_>>(),
                "has_nsfw_concepts": (0..count).map(is_flagged).collect::<Vec<_>>(),
                "timings": {},
                "seed": seed,
                "prompt": job.prompt(),
            })
        }
        Kind::Image => json!({ "image": picture(0), "seed": seed }),
        Kind::Video => json!({ "video": {
            "url": url(0, "mp4"), "content_type": "video/mp4", "file_name": "output.mp4", "file_size": null,
        } }),
        Kind::Audio => json!({ "audio": {
            "url": url(0, "wav"), "content_type": "audio/wav", "file_name": "output.wav", "file_size": null,
        } }),
    };
    // A file made alone is number 0. `[[nsfw]]` without numbers flags everything that was made.
    let is_alone = kind != Kind::Images && directives.flagged.contains(&0);
    if is_alone || (directives.nsfw && directives.flagged.is_empty()) {
        body["has_nsfw_concepts"] = json!([true]);
    }
    body
}

/// An error, in the form that its type has.
pub(crate) fn failure(kind: &str) -> (u16, Value) {
    let status = match kind {
        "internal_server_error" | "internal_error" | "runner_server_error" => 500,
        "runner_incomplete_response" => 502,
        "downstream_service_error" => 500,
        "downstream_service_unavailable" => 503,
        "generation_timeout" | "request_timeout" | "startup_timeout" => 504,
        "client_cancelled" | "client_disconnected" => 499,
        "bad_request" => 400,
        kind if kind.starts_with("runner_") => 503,
        _ => 422,
    };
    let is_platform = kind.starts_with("runner_")
        || matches!(
            kind,
            "request_timeout"
                | "startup_timeout"
                | "internal_error"
                | "client_cancelled"
                | "client_disconnected"
                | "bad_request"
        );
    let body = match is_platform {
        true => platform_error(kind),
        false => model_error(kind),
    };
    (status, body)
}

/// An error of the platform, as fal documents it.
pub(crate) fn platform_error(kind: &str) -> Value {
    json!({ "detail": format!("the request failed: {kind}"), "error_type": kind })
}

/// An error of a model, as fal documents it.
pub(crate) fn model_error(kind: &str) -> Value {
    json!({ "detail": [{
        "loc": ["body"],
        "msg": format!("the model failed: {kind}"),
        "type": kind,
        "url": format!("https://docs.fal.ai/errors/#{kind}"),
    }] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_models_kind_is_told_by_its_name() {
        for (model, kind) in [
            ("fal-ai/flux-pro/v1.1-ultra", Kind::Images),
            ("fal-ai/nano-banana-pro", Kind::Images),
            ("fal-ai/veo3", Kind::Video),
            ("fal-ai/minimax/hailuo-02/pro/image-to-video", Kind::Video),
            ("fal-ai/wan-pro/text-to-video", Kind::Video),
            ("fal-ai/face-swap", Kind::Image),
            ("fal-ai/clarity-upscaler", Kind::Image),
            ("fal-ai/stable-audio-25/text-to-audio", Kind::Audio),
        ] {
            assert_eq!(Kind::of(model), kind, "{model}");
        }
    }

    #[test]
    fn a_videos_size_is_even_for_every_ratio() {
        for ratio in ["1:1", "9:16", "16:9", "21:9", "4:3", "3:2"] {
            let (width, height) = size_pixels(&json!({ "aspect_ratio": ratio }), Kind::Video);
            assert!(
                width % 2 == 0 && height % 2 == 0,
                "{ratio} {width}x{height}"
            );
        }
    }
}

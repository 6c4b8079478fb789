//! What a generation delivered, as it is shown.

use domain::generations::{Output, Previews, ShownGeneration, SignedAddress, Thumbnail};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{media, schema, time};

/// One delivered file.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Media")]
pub struct MediaView {
    /// Leads to it until `expires_at`, whoever follows it; null for who may look at the generation and not
    /// fetch its media.
    #[schemars(with = "Option<schema::Url>")]
    pub url: Option<String>,
    /// Its media type.
    #[schemars(example = &"image/jpeg")]
    pub content_type: String,
    /// Its width in pixels, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = 1024)]
    pub width: Option<u32>,
    /// Its height in pixels, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = 768)]
    pub height: Option<u32>,
    /// Its size in bytes.
    #[schemars(with = "schema::Count")]
    pub size: u64,
    /// SHA-256 of its bytes, hexadecimal.
    #[schemars(with = "schema::Sha256")]
    pub sha256: String,
    /// Small pictures of it, the smallest first; null while they are being made, which takes a moment.
    pub thumbnails: Option<Vec<ThumbnailView>>,
    /// Leads to the first picture of a video, as `url` does to the video; null if it has none.
    #[schemars(with = "Option<schema::Url>", extend("examples" = [null]))]
    pub poster: Option<String>,
    /// The reason why there are no small pictures; null if there are, or while they are being made.
    #[schemars(with = "Option<schema::MissingThumbnails>", extend("examples" = [null]))]
    pub thumbnails_missing: Option<String>,
    /// The time at which the URLs stop working.
    #[schemars(with = "schema::Time")]
    pub expires_at: String,
}

/// A small picture of a delivered file: WebP.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Thumbnail")]
pub struct ThumbnailView {
    /// The longest side that it was made for: 256, 512 or 1024 pixels. One that is smaller was not scaled up.
    #[schemars(example = 256)]
    pub size: u32,
    /// Its width in pixels.
    #[schemars(example = 256)]
    pub width: u32,
    /// Its height in pixels.
    #[schemars(example = 192)]
    pub height: u32,
    /// Leads to it as the file's own `url` does.
    #[schemars(with = "Option<schema::Url>")]
    pub url: Option<String>,
}

/// What a generation delivered, each with its URL at `base_url`; without them for who may not fetch it.
#[must_use]
pub fn outputs(shown: &ShownGeneration, base_url: &str) -> Vec<MediaView> {
    let ShownGeneration {
        generation,
        addresses,
        expires_at,
        ..
    } = shown;
    let view = |(n, output): (usize, &Output)| {
        let addresses = addresses.as_ref().and_then(|all| all.get(n));
        let url = |signed: &SignedAddress| media::url(signed, base_url);
        let poster = addresses.and_then(|it| it.poster.as_ref());
        let (thumbnails, missing) = match &output.previews {
            Previews::Pending => (None, None),
            Previews::Made { thumbnails, .. } => {
                let thumbnails = thumbnails.iter().enumerate();
                let thumbnail = |(n, it): (usize, &Thumbnail)| ThumbnailView {
                    size: it.side,
                    width: it.width,
                    height: it.height,
                    url: addresses.and_then(|all| all.thumbnails.get(n)).map(url),
                };
                (Some(thumbnails.map(thumbnail).collect()), None)
            }
            Previews::None(why) => (Some(Vec::new()), Some(why.as_str().to_owned())),
        };
        MediaView {
            url: addresses.map(|it| url(&it.file)),
            content_type: output.content_type.clone(),
            width: output.width,
            height: output.height,
            size: output.size_bytes,
            sha256: output.sha256.clone(),
            thumbnails,
            poster: poster.map(url),
            thumbnails_missing: missing,
            expires_at: time::format(*expires_at),
        }
    };
    generation.outputs.iter().enumerate().map(view).collect()
}

//! The media that a generation delivered, as clients see them.

use domain::generations::{Output, Previews, ShownGeneration, SignedAddress, Thumbnail};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{media, schema, time};

/// One delivered file.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Media")]
pub struct MediaView {
    /// A URL of the file. It works for everybody until `expires_at`. It is null for clients that may see
    /// the generation and not fetch its media.
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
    /// A URL of the first picture of a video, which works like `url`; null if there is none.
    #[schemars(with = "Option<schema::Url>", extend("examples" = [null]))]
    pub poster: Option<String>,
    /// The reason why there are no small pictures; null if there are some, or while they are being made.
    #[schemars(with = "Option<schema::MissingThumbnails>", extend("examples" = [null]))]
    pub thumbnails_missing: Option<String>,
    /// The time at which the URLs stop working.
    #[schemars(with = "schema::Time")]
    pub expires_at: String,
}

/// A small picture of a delivered file, in WebP.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Thumbnail")]
pub struct ThumbnailView {
    /// The longest side that it was made for: 256, 512 or 1024 pixels. A smaller original was not scaled
    /// up.
    #[schemars(example = 256)]
    pub size: u32,
    /// Its width in pixels.
    #[schemars(example = 256)]
    pub width: u32,
    /// Its height in pixels.
    #[schemars(example = 192)]
    pub height: u32,
    /// A URL of the picture, which works like the file's own `url`.
    #[schemars(with = "Option<schema::Url>")]
    pub url: Option<String>,
}

/// Returns the media that a generation delivered, with URLs at `base_url`, or with none if the client may
/// not fetch them.
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

//! The files of a job inside its record: on their way, delivered or withheld.

use aws::Fault;
use domain::generations::{
    CopyProgress, FailureCode, Media, NoPreviews, Output, Previews, ProviderFile, Thumbnail,
    Withheld,
};
use serde::{Deserialize, Serialize};

use super::broken;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum SourceItem {
    Pending {
        media: MediaItem,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        progress: Option<ProgressItem>,
    },
    Copied(OutputItem),
    Withheld(String),
}

#[derive(Serialize, Deserialize)]
pub(super) struct MediaItem {
    url: String,
    content_type: Option<String>,
    width: Option<u32>,
    height: Option<u32>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "CopyProgress")]
struct CopyProgressForm {
    key: String,
    content_type: String,
    upload_id: String,
    etags: Vec<String>,
    copied_bytes: u64,
    digest: String,
    source_etag: Option<String>,
    source_bytes: Option<u64>,
    is_whole: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct ProgressItem(#[serde(with = "CopyProgressForm")] CopyProgress);

#[derive(Serialize, Deserialize)]
pub(super) struct OutputItem {
    key: String,
    content_type: String,
    size_bytes: u64,
    sha256: String,
    width: Option<u32>,
    height: Option<u32>,
    /// Absent in records from before previews existed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previews: Option<PreviewsItem>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum PreviewsItem {
    Pending,
    Made {
        thumbnails: Vec<ThumbnailItem>,
        has_poster: bool,
    },
    None(String),
}

#[derive(Serialize, Deserialize)]
struct ThumbnailItem {
    side: u32,
    width: u32,
    height: u32,
}

#[derive(Serialize, Deserialize)]
pub(super) struct WithheldItem {
    index: u32,
    code: String,
}

impl From<ProviderFile> for SourceItem {
    fn from(source: ProviderFile) -> Self {
        match source {
            ProviderFile::Pending { media, progress } => Self::Pending {
                media: media.into(),
                progress: progress.map(ProgressItem),
            },
            ProviderFile::Copied(output) => Self::Copied(output.into()),
            ProviderFile::Withheld(code) => Self::Withheld(code.as_str().to_owned()),
        }
    }
}

impl TryFrom<SourceItem> for ProviderFile {
    type Error = Fault;

    fn try_from(item: SourceItem) -> Result<Self, Fault> {
        Ok(match item {
            SourceItem::Pending { media, progress } => Self::Pending {
                media: media.into(),
                progress: progress.map(|ProgressItem(progress)| progress),
            },
            SourceItem::Copied(output) => Self::Copied(output.try_into()?),
            SourceItem::Withheld(code) => Self::Withheld(code_of(&code)?),
        })
    }
}

impl From<&Withheld> for WithheldItem {
    fn from(withheld: &Withheld) -> Self {
        Self {
            index: withheld.index,
            code: withheld.code.as_str().to_owned(),
        }
    }
}

impl TryFrom<WithheldItem> for Withheld {
    type Error = Fault;

    fn try_from(item: WithheldItem) -> Result<Self, Fault> {
        Ok(Self {
            index: item.index,
            code: code_of(&item.code)?,
        })
    }
}

fn code_of(text: &str) -> Result<FailureCode, Fault> {
    FailureCode::parse(text).ok_or_else(|| broken("code"))
}

impl From<Media> for MediaItem {
    fn from(
        Media {
            url,
            content_type,
            width,
            height,
        }: Media,
    ) -> Self {
        Self {
            url,
            content_type,
            width,
            height,
        }
    }
}

impl From<MediaItem> for Media {
    fn from(
        MediaItem {
            url,
            content_type,
            width,
            height,
        }: MediaItem,
    ) -> Self {
        Self {
            url,
            content_type,
            width,
            height,
        }
    }
}

impl From<Output> for OutputItem {
    fn from(
        Output {
            key,
            content_type,
            size_bytes,
            sha256,
            width,
            height,
            previews,
        }: Output,
    ) -> Self {
        Self {
            key,
            content_type,
            size_bytes,
            sha256,
            width,
            height,
            previews: Some(previews.into()),
        }
    }
}

impl TryFrom<OutputItem> for Output {
    type Error = Fault;

    fn try_from(
        OutputItem {
            key,
            content_type,
            size_bytes,
            sha256,
            width,
            height,
            previews,
        }: OutputItem,
    ) -> Result<Self, Fault> {
        Ok(Self {
            key,
            content_type,
            size_bytes,
            sha256,
            width,
            height,
            previews: match previews {
                Some(previews) => previews.try_into()?,
                None => Previews::None(NoPreviews::Older),
            },
        })
    }
}

impl From<Previews> for PreviewsItem {
    fn from(previews: Previews) -> Self {
        let item = |it: Thumbnail| ThumbnailItem {
            side: it.side,
            width: it.width,
            height: it.height,
        };
        match previews {
            Previews::Pending => Self::Pending,
            Previews::Made {
                thumbnails,
                has_poster,
            } => Self::Made {
                thumbnails: thumbnails.into_iter().map(item).collect(),
                has_poster,
            },
            Previews::None(why) => Self::None(why.as_str().to_owned()),
        }
    }
}

impl TryFrom<PreviewsItem> for Previews {
    type Error = Fault;

    fn try_from(item: PreviewsItem) -> Result<Self, Fault> {
        let thumbnail = |it: ThumbnailItem| Thumbnail {
            side: it.side,
            width: it.width,
            height: it.height,
        };
        Ok(match item {
            PreviewsItem::Pending => Self::Pending,
            PreviewsItem::Made {
                thumbnails,
                has_poster,
            } => Self::Made {
                thumbnails: thumbnails.into_iter().map(thumbnail).collect(),
                has_poster,
            },
            PreviewsItem::None(why) => {
                let why = NoPreviews::parse(&why);
                Self::None(why.ok_or_else(|| broken("previews"))?)
            }
        })
    }
}

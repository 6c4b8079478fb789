//! Small pictures of a generation's media: thumbnails, and the poster of a video.
//!
//! Owns which small pictures there are, their names, and the number of tries to make them. Refuses to know
//! how they are made. A file is delivered even if no small picture of it can be made.

use std::time::Duration;

use super::names::MediaName;
use super::{Generation, Output, State};
use crate::time::Timestamp;

/// The time after which another message is sent, if the small pictures are still missing.
const CHECK: Duration = Duration::from_secs(10 * 60);
/// The most further messages for one generation.
const TRIES_MAX: u32 = 3;

/// A small picture of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thumbnail {
    /// The longest side that it was made for: 256, 512 or 1024 pixels.
    pub side: u32,
    /// Its width in pixels.
    pub width: u32,
    /// Its height in pixels.
    pub height: u32,
}

/// The small pictures of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Previews {
    /// They are being made.
    Pending,
    /// They are there.
    Made {
        /// The thumbnails, the smallest first.
        thumbnails: Vec<Thumbnail>,
        /// Whether there is a picture to show before a video plays.
        has_poster: bool,
    },
    /// There are none, for this reason.
    None(NoPreviews),
}

/// The reason why a file has no small pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoPreviews {
    /// It was delivered before small pictures were made.
    Older,
    /// No small picture can be made of its kind of file.
    Unsupported,
    /// It is too large to be read.
    TooLarge,
    /// Its content does not fit its type.
    Damaged,
    /// They could not be made, because of a fault of ours.
    Unavailable,
}

impl NoPreviews {
    /// Every reason.
    pub const ALL: [Self; 5] = [
        Self::Older,
        Self::Unsupported,
        Self::TooLarge,
        Self::Damaged,
        Self::Unavailable,
    ];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Older => "older",
            Self::Unsupported => "unsupported",
            Self::TooLarge => "too_large",
            Self::Damaged => "damaged",
            Self::Unavailable => "unavailable",
        }
    }

    /// Returns the reason with this name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|why| why.as_str() == text)
    }
}

/// The result of making the small pictures of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Previewed {
    /// Its place among the outputs.
    pub place: usize,
    /// Its small pictures.
    pub previews: Previews,
    /// Its width and height in pixels as it is displayed, if they were measured.
    pub size: Option<(u32, u32)>,
}

impl Output {
    /// Whether small pictures can be made of its type.
    #[must_use]
    pub fn is_seen(&self) -> bool {
        self.is_still() || self.content_type.starts_with("video/")
    }

    /// Whether it is a still picture.
    #[must_use]
    pub fn is_still(&self) -> bool {
        self.content_type.starts_with("image/")
    }

    /// The name of its thumbnail for this side.
    #[must_use]
    pub fn thumbnail_name(&self, side: u32) -> MediaName {
        self.name().beside(&side.to_string())
    }

    /// The name of its poster.
    #[must_use]
    pub fn poster_name(&self) -> MediaName {
        self.name().beside("poster")
    }

    /// The output at delivery: its small pictures are pending, if its type has any.
    pub(super) fn delivered(&self) -> Self {
        let previews = match self.is_seen() {
            true => Previews::Pending,
            false => Previews::None(NoPreviews::Unsupported),
        };
        Self {
            previews,
            ..self.clone()
        }
    }
}

impl Generation {
    /// Whether small pictures of its outputs are being made.
    #[must_use]
    pub fn awaits_previews(&self) -> bool {
        let is_pending = |output: &Output| output.previews == Previews::Pending;
        self.state == State::Succeeded && self.outputs.iter().any(is_pending)
    }

    /// Returns when somebody must look at a generation that has just been delivered, if small pictures of
    /// it are being made.
    pub(super) fn look_at_previews(outputs: &[Output], now: Timestamp) -> Option<Timestamp> {
        let mut outputs = outputs.iter();
        let is_pending = |output: &Output| output.previews == Previews::Pending;
        outputs.any(is_pending).then(|| now.plus(CHECK))
    }

    /// Returns the generation with these small pictures. Earlier ones stay. `None` if it awaits none.
    #[must_use]
    pub fn previewed(&self, made: &[Previewed]) -> Option<Self> {
        if !self.awaits_previews() {
            return None;
        }
        let mut outputs = self.outputs.clone();
        for one in made {
            let output = outputs.get_mut(one.place);
            let Some(output) = output.filter(|it| it.previews == Previews::Pending) else {
                continue;
            };
            output.previews = one.previews.clone();
            if let Some((width, height)) = one.size {
                (output.width, output.height) = (Some(width), Some(height));
            }
        }
        let next = Self {
            outputs,
            ..self.next()
        };
        let due_at = match next.awaits_previews() {
            true => self.due_at,
            false => Self::first_notice(self.media_expires_at),
        };
        Some(Self { due_at, ..next })
    }

    /// Returns the generation for which another message is sent, because the last one had no effect. After
    /// three more messages it has no small pictures.
    #[must_use]
    pub fn previews_again(&self, now: Timestamp) -> Option<Self> {
        if !self.awaits_previews() {
            return None;
        }
        if self.preview_tries < TRIES_MAX {
            return Some(Self {
                preview_tries: self.preview_tries + 1,
                due_at: Some(now.plus(CHECK)),
                ..self.next()
            });
        }
        let given_up = |place| Previewed {
            place,
            previews: Previews::None(NoPreviews::Unavailable),
            size: None,
        };
        let all: Vec<_> = (0..self.outputs.len()).map(given_up).collect();
        self.previewed(&all)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::queued;
    use super::super::{ProviderFile, Retention};
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3_600);

    fn at(days: u32) -> Timestamp {
        Timestamp::from_ms(0).plus(DAY * days)
    }

    fn output(name: &str, content_type: &str) -> ProviderFile {
        ProviderFile::Copied(Output {
            key: format!("gen_1/{name}"),
            content_type: content_type.to_owned(),
            size_bytes: 1,
            sha256: String::new(),
            width: None,
            height: None,
            previews: Previews::None(NoPreviews::Older),
        })
    }

    fn delivered(sources: Vec<ProviderFile>) -> Generation {
        let storing = Generation {
            state: State::Storing,
            sources,
            retention: Retention::Days(30),
            ..queued()
        };
        storing.stored(at(0)).expect("it is stored")
    }

    fn made() -> Previews {
        let thumbnails = vec![Thumbnail {
            side: 256,
            width: 256,
            height: 128,
        }];
        Previews::Made {
            thumbnails,
            has_poster: false,
        }
    }

    #[test]
    fn what_can_be_seen_awaits_small_pictures_and_then_its_expiry() {
        let job = delivered(vec![
            output("0.jpg", "image/jpeg"),
            output("1.mp4", "video/mp4"),
        ]);
        assert!(job.awaits_previews());
        assert_eq!(job.due_at, Some(at(0).plus(CHECK)));
        let one = |place, size| Previewed {
            place,
            previews: made(),
            size,
        };
        let half = job
            .previewed(&[one(0, Some((512, 256)))])
            .expect("one of two");
        assert!(half.awaits_previews());
        assert_eq!(half.due_at, job.due_at);
        let (width, height) = (half.outputs[0].width, half.outputs[0].height);
        assert_eq!((width, height), (Some(512), Some(256)));
        let whole = half.previewed(&[one(0, None), one(1, None), one(2, None)]);
        let whole = whole.expect("the other");
        assert!(!whole.awaits_previews());
        assert_eq!(whole.due_at, Some(at(23)));
        assert_eq!(whole.previewed(&[one(0, None)]), None);
    }

    #[test]
    fn sound_has_none_and_waits_for_none() {
        let job = delivered(vec![output("0.wav", "audio/wav")]);
        assert!(!job.awaits_previews());
        assert_eq!(job.due_at, Some(at(23)));
        let previews = &job.outputs[0].previews;
        assert_eq!(*previews, Previews::None(NoPreviews::Unsupported));
    }

    #[test]
    fn after_three_messages_there_are_none() {
        let mut job = delivered(vec![output("0.jpg", "image/jpeg")]);
        for _ in 0..TRIES_MAX {
            job = job.previews_again(at(1)).expect("another");
            assert!(job.awaits_previews());
        }
        let job = job.previews_again(at(1)).expect("the end");
        let previews = &job.outputs[0].previews;
        assert_eq!(*previews, Previews::None(NoPreviews::Unavailable));
        assert_eq!(job.due_at, Some(at(23)));
        assert_eq!(job.previews_again(at(1)), None);
    }
}

//! The limits of models on pictures to start from. A picture that the model's maker would refuse minutes
//! later is refused at once.

use crate::files::File;
use crate::refusal::{FieldCode, FieldError};

/// A model's limits on a picture that it starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PictureLimits {
    /// The least length of the shorter side, in pixels.
    pub side_px_min: u32,
    /// The highest ratio of the longer side to the shorter.
    pub ratio_max: (u32, u32),
    /// The largest size of the file, if that is less than the limit of uploads.
    pub size_bytes_max: Option<u64>,
}

const MEBIBYTE: u64 = 1024 * 1024;

/// MiniMax's reference of video generation (`first_frame_image`, `last_frame_image`), read in 2026: the
/// shorter side above 300 pixels, from 2:5 to 5:2, below 20 MB, which is also the limit of uploads.
pub(super) const HAILUO_PICTURES: PictureLimits = PictureLimits {
    side_px_min: 301,
    ratio_max: (5, 2),
    size_bytes_max: None,
};
/// Kling's reference of image2video, read in 2026: 300 pixels a side, from 1:2.5 to 2.5:1, 10 MB. fal
/// states the same limits for Kling 2.5 and later.
pub(super) const KLING_PICTURES: PictureLimits = PictureLimits {
    side_px_min: 300,
    ratio_max: (5, 2),
    size_bytes_max: Some(10 * MEBIBYTE),
};

impl PictureLimits {
    /// Checks `file` against the limits; `field` is the field that names it. A file that was uploaded
    /// before pictures were measured passes the limits of its sides.
    ///
    /// # Errors
    /// The problem with it.
    pub fn check(&self, field: &str, file: &File) -> Result<(), FieldError> {
        let problem = |message| Err(FieldError::new(field, FieldCode::OutOfRange, message));
        if let Some(most) = self.size_bytes_max.filter(|most| file.size_bytes > *most) {
            let mebibytes = most / MEBIBYTE;
            return problem(format!("must be at most {mebibytes} MiB for this model"));
        }
        let Some(picture) = file.picture else {
            return Ok(());
        };
        let (width, height) = (picture.width, picture.height);
        let (shorter, longer) = (width.min(height), width.max(height));
        if shorter < self.side_px_min {
            let least = self.side_px_min;
            let message = format!(
                "is {width} × {height} pixels; this model takes none with a side below {least}"
            );
            return problem(message);
        }
        let (most, to) = self.ratio_max;
        if u64::from(longer) * u64::from(to) > u64::from(shorter) * u64::from(most) {
            let message = format!(
                "is {width} × {height} pixels; for this model, a side must be at most {most}:{to} of the other"
            );
            return problem(message);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;
    use crate::files::{ContentType, FilePurpose, FileState, Picture, Sha256Hex};
    use crate::ids::{FileId, Tenant, UserId};

    const LIMITS: PictureLimits = PictureLimits {
        side_px_min: 300,
        ratio_max: (5, 2),
        size_bytes_max: Some(10 * MEBIBYTE),
    };

    fn file(size_bytes: u64, size: Option<(u32, u32)>) -> File {
        let now = Timestamp::from_ms(1);
        File {
            id: FileId::new(now, 1),
            tenant: Tenant::from(&UserId::new(now, 1)),
            purpose: FilePurpose::Reference,
            content_type: ContentType::Png,
            size_bytes,
            sha256: Sha256Hex::parse(&"0".repeat(64)).expect("a digest"),
            state: FileState::Ready,
            picture: size.map(|(width, height)| Picture { width, height }),
            created_at: now,
        }
    }

    #[test]
    fn a_picture_is_taken_up_to_each_limit_and_not_beyond() {
        let check = |bytes, size| LIMITS.check("image", &file(bytes, size)).is_ok();
        for size in [(300, 300), (300, 750), (750, 300), (4_000, 1_600)] {
            assert!(check(10 * MEBIBYTE, Some(size)), "{size:?}");
        }
        for size in [
            (299, 300),
            (300, 299),
            (300, 751),
            (751, 300),
            (16_384, 300),
        ] {
            assert!(!check(1, Some(size)), "{size:?}");
        }
        assert!(!check(10 * MEBIBYTE + 1, Some((300, 300))));
        assert!(check(1, None));
    }
}

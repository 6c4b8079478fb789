//! The kind of a file, by its first bytes. The sender's claim does not count.

/// The kind of a file, by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// image/png
    Png,
    /// image/jpeg
    Jpeg,
    /// image/webp
    Webp,
    /// image/gif
    Gif,
    /// video/mp4
    Mp4,
    /// video/webm
    Webm,
    /// audio/wav
    Wav,
    /// audio/mpeg
    Mp3,
    /// audio/flac
    Flac,
    /// audio/ogg
    Ogg,
}

impl FileKind {
    /// Returns the kind of a file that starts with `first`, if it is a known one.
    #[must_use]
    pub fn of(first: &[u8]) -> Option<Self> {
        let at = |from: usize, to: usize| first.get(from..to).unwrap_or_default();
        let kind = if first.starts_with(b"\x89PNG\r\n\x1a\n") {
            Self::Png
        } else if first.starts_with(&[0xFF, 0xD8, 0xFF]) {
            Self::Jpeg
        } else if first.starts_with(b"RIFF") && at(8, 12) == b"WEBP" {
            Self::Webp
        } else if first.starts_with(b"RIFF") && at(8, 12) == b"WAVE" {
            Self::Wav
        } else if first.starts_with(b"GIF8") {
            Self::Gif
        } else if at(4, 8) == b"ftyp" {
            Self::Mp4
        } else if first.starts_with(&[0x1A, 0x45, 0xDF, 0xA3]) {
            Self::Webm
        } else if first.starts_with(b"ID3")
            || matches!(first, [0xFF, second, ..] if second & 0xE0 == 0xE0)
        {
            Self::Mp3
        } else if first.starts_with(b"fLaC") {
            Self::Flac
        } else if first.starts_with(b"OggS") {
            Self::Ogg
        } else {
            return None;
        };
        Some(kind)
    }

    /// Returns the media type.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
            Self::Gif => "image/gif",
            Self::Mp4 => "video/mp4",
            Self::Webm => "video/webm",
            Self::Wav => "audio/wav",
            Self::Mp3 => "audio/mpeg",
            Self::Flac => "audio/flac",
            Self::Ogg => "audio/ogg",
        }
    }

    /// Returns the usual extension of a file name.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::Webp => "webp",
            Self::Gif => "gif",
            Self::Mp4 => "mp4",
            Self::Webm => "webm",
            Self::Wav => "wav",
            Self::Mp3 => "mp3",
            Self::Flac => "flac",
            Self::Ogg => "ogg",
        }
    }
}

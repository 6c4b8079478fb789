//! Hostile files: each gets an answer, without a panic, an endless loop, or a read beyond the bounds.

use std::sync::LazyLock;

use image::DynamicImage;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::samples::{
    ANIMATED_WEBP, CMYK, PROGRESSIVE, boxed, jpeg, lossless_webp, lossy_webp, mp4, png, quarters,
    search,
};
use crate::stills;

static STILLS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let picture = quarters(64, 48);
    let whole = DynamicImage::ImageRgb8(picture.clone());
    let seen = DynamicImage::ImageRgba8(whole.to_rgba8());
    vec![
        jpeg(&picture, 6),
        CMYK.to_vec(),
        PROGRESSIVE.to_vec(),
        png(&whole, 6),
        png(&DynamicImage::ImageRgba16(whole.to_rgba16()), 1),
        lossless_webp(&whole),
        lossy_webp(&whole),
        lossy_webp(&seen),
        ANIMATED_WEBP.to_vec(),
    ]
});
static VIDEOS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let picture = quarters(64, 48);
    vec![mp4(&picture, true), mp4(&picture, false)]
});

/// Changes some bytes of a file, and may cut its end off.
fn changed(mut file: Vec<u8>, changes: &[(Index, u8)], kept: Option<Index>) -> Vec<u8> {
    for (place, byte) in changes {
        let place = place.index(file.len());
        file[place] = *byte;
    }
    if let Some(kept) = kept {
        file.truncate(kept.index(file.len() + 1));
    }
    file
}

fn changes() -> impl Strategy<Value = Vec<(Index, u8)>> {
    let byte = prop_oneof![any::<u8>(), Just(0), Just(1), Just(0x7F), Just(0xFF)];
    vec((any::<Index>(), byte), 1..8)
}

proptest! {
    #[test]
    fn random_bytes_are_answered(bytes in vec(any::<u8>(), 0..2000), start in 0..6_usize) {
        const STARTS: [&[u8]; 6] = [
            b"",
            b"\xFF\xD8\xFF",
            b"\x89PNG\r\n\x1a\n",
            b"RIFF\xFF\xFF\0\0WEBPVP8X\x0a\0\0\0",
            b"RIFF\xFF\xFF\0\0WEBPVP8L",
            b"\0\0\0\x08ftyp",
        ];
        let file = [STARTS[start], &bytes].concat();
        // It is not called through `crate::decode`, which would hide a panic.
        let _ = stills::decode(&file);
        let _ = search(&file);
    }

    #[test]
    fn a_changed_still_is_answered(
        still in any::<Index>(),
        changes in changes(),
        kept in proptest::option::weighted(0.2, any::<Index>()),
    ) {
        let file = changed(still.get(&STILLS).clone(), &changes, kept);
        if let Ok(frame) = stills::decode(&file) {
            frame.poster().unwrap();
            prop_assert!(!frame.thumbnails().unwrap().is_empty());
        }
    }

    #[test]
    fn a_changed_video_is_answered(
        video in any::<Index>(),
        changes in changes(),
        kept in proptest::option::weighted(0.2, any::<Index>()),
    ) {
        let file = changed(video.get(&VIDEOS).clone(), &changes, kept);
        if let Ok(frame) = search(&file).0 {
            frame.poster().unwrap();
            prop_assert!(!frame.thumbnails().unwrap().is_empty());
        }
    }

    #[test]
    fn an_index_of_random_boxes_is_answered(
        names in vec(0..12_usize, 0..16),
        bodies in vec(vec(any::<u8>(), 0..24), 16),
    ) {
        const NAMES: [&[u8; 4]; 12] = [
            b"trak", b"mdia", b"minf", b"stbl", b"hdlr", b"stsd", b"avc1", b"avcC", b"stss",
            b"stsz", b"stsc", b"stco",
        ];
        // Each box contains the next one and some bytes of its own, in which small and large numbers are
        // likely.
        let body = names.iter().zip(bodies).fold(Vec::new(), |inner, (name, own)| {
            let own = own.iter().map(|byte| match byte % 4 {
                0 | 1 => 0,
                2 => 1,
                _ => *byte,
            });
            boxed(NAMES[*name], &[inner, own.collect()].concat())
        });
        let _ = search(&boxed(b"moov", &body));
    }
}

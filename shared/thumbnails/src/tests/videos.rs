//! The results for videos.

use image::metadata::Orientation;

use super::samples::{
    BLUE, GREEN, RED, WHITE, boxed, is_about, mp4, place, quarter, quarters, search,
};
use crate::track::Track;
use crate::{INDEX_BYTES_MAX, SearchStep, Unsuitable, VideoSearch, h264};

fn refused(file: &[u8]) -> Unsuitable {
    search(file).0.err().unwrap()
}

/// Writes a number at a place of the file's index.
fn write(file: &mut [u8], at: usize, number: u32) {
    file[at..at + 4].copy_from_slice(&number.to_be_bytes());
}

#[test]
fn a_video_gives_its_first_frame_wherever_its_index_is() {
    for is_index_first in [true, false] {
        let file = mp4(&quarters(1280, 720), is_index_first);
        let is_first = place(&file, b"moov") < place(&file, b"mdat");
        assert_eq!(is_first, is_index_first);
        let (frame, reads) = search(&file);
        let frame = frame.unwrap();
        assert!(reads.len() <= 3, "{reads:?}");
        assert_eq!(frame.size(), (1280, 720));
        let poster = frame.poster().unwrap();
        assert_eq!(
            (poster.side, poster.width, poster.height),
            (1024, 1024, 576)
        );
        let thumbnails = frame.thumbnails().unwrap();
        let sides = thumbnails.iter().map(|thumbnail| thumbnail.side);
        assert_eq!(sides.collect::<Vec<_>>(), [256, 512, 1024]);
        for thumbnail in thumbnails.iter().chain([&poster]) {
            for (place, color) in (0..).zip([RED, GREEN, BLUE, WHITE]) {
                let pixel = quarter(thumbnail, place);
                assert!(is_about(pixel, color), "{pixel:?} {color:?}");
            }
        }
    }
}

#[test]
fn a_small_video_is_not_scaled_up() {
    let frame = search(&mp4(&quarters(200, 356), true)).0.unwrap();
    let poster = frame.poster().unwrap();
    assert_eq!((poster.width, poster.height), (200, 356));
    let thumbnails = frame.thumbnails().unwrap();
    let sizes = thumbnails.iter().map(|made| (made.width, made.height));
    assert_eq!(sizes.collect::<Vec<_>>(), [(144, 256)]);
}

#[test]
fn a_long_video_takes_four_reads() {
    // The boxes in between put the index last, beyond the first read.
    let file = mp4(&quarters(320, 240), false);
    let index = place(&file, b"moov");
    let mut long = file[..index].to_vec();
    long.extend(boxed(b"free", &[0; 300_000]));
    let mut tracks = file[index + 8..].to_vec();
    tracks.extend(boxed(b"udta", &[0; 200_000]));
    long.extend(boxed(b"moov", &tracks));
    let (frame, reads) = search(&long);
    assert_eq!(frame.unwrap().size(), (320, 240));
    assert!(reads.len() <= 4, "{reads:?}");
}

#[test]
fn a_video_is_turned_as_its_track_says() {
    const ONE: u32 = 0x1_0000;
    const MINUS: u32 = ONE.wrapping_neg();
    let turned = [
        ([0, ONE, MINUS, 0], (480, 640), BLUE),
        ([MINUS, 0, 0, MINUS], (640, 480), WHITE),
        ([0, MINUS, ONE, 0], (480, 640), GREEN),
        ([ONE / 2, 7, 7, ONE], (640, 480), RED),
    ];
    let original = mp4(&quarters(640, 480), true);
    for ([a, b, c, d], size, color) in turned {
        let mut file = original.clone();
        let matrix = place(&file, b"tkhd") + 8 + 40;
        for (place, part) in [(0, a), (1, b), (3, c), (4, d)] {
            write(&mut file, matrix + 4 * place, part);
        }
        let frame = search(&file).0.unwrap();
        assert_eq!(frame.size(), size);
        let poster = frame.poster().unwrap();
        assert_eq!((poster.width, poster.height), size);
        assert!(is_about(quarter(&poster, 0), color));
    }
}

#[test]
fn long_sizes_and_the_end_of_the_file_are_understood() {
    let file = mp4(&quarters(64, 48), false);
    let (data, index) = (place(&file, b"mdat"), place(&file, b"moov"));
    // A 64-bit length of the media moves them by eight bytes.
    let mut long = file[..data].to_vec();
    long.extend(1_u32.to_be_bytes());
    long.extend(b"mdat");
    long.extend((index as u64 - data as u64 + 8).to_be_bytes());
    long.extend(&file[data + 8..]);
    let starts = place(&long, b"stco") + 16;
    let start = u32::from_be_bytes(long[starts..starts + 4].try_into().unwrap());
    write(&mut long, starts, start + 8);
    assert!(search(&long).0.is_ok());
    // The index extends to the end of the file.
    let index = place(&long, b"moov");
    write(&mut long, index, 0);
    assert!(search(&long).0.is_ok());
    write(&mut long, index, 1_000_000);
    assert_eq!(refused(&long), Unsuitable::Damaged);
    write(&mut long, index, 7);
    assert_eq!(refused(&long), Unsuitable::Damaged);
}

#[test]
fn another_codec_is_unknown_and_a_video_without_frames_has_none() {
    let original = mp4(&quarters(64, 48), true);
    for codec in [b"hvc1", b"av01", b"encv"] {
        let mut file = original.clone();
        let entry = place(&file, b"avc1");
        file[entry + 4..entry + 8].copy_from_slice(codec);
        assert_eq!(refused(&file), Unsuitable::UnknownCodec);
    }
    let mut high = original.clone();
    let parameters = place(&high, b"avcC") + 8 + 8;
    high[parameters + 1] = 110;
    assert_eq!(refused(&high), Unsuitable::UnknownCodec);
    for (table, at) in [(b"stsz", 16), (b"stsc", 12), (b"stco", 12)] {
        for count in [0, u32::MAX] {
            let mut file = original.clone();
            let at = place(&file, table) + at;
            write(&mut file, at, count);
            assert_eq!(refused(&file), Unsuitable::NoFrame, "{table:?} {count}");
        }
    }
    let mut sound = original;
    let handler = place(&sound, b"hdlr") + 16;
    sound[handler..handler + 4].copy_from_slice(b"soun");
    assert_eq!(refused(&sound), Unsuitable::NoFrame);
    assert_eq!(refused(&boxed(b"ftyp", b"isom")), Unsuitable::NoFrame);
}

#[test]
fn what_is_too_large_is_not_read() {
    let mut file = mp4(&quarters(64, 48), true);
    let entry = place(&file, b"avc1") + 8 + 24;
    file[entry..entry + 2].copy_from_slice(&4097_u16.to_be_bytes());
    assert_eq!(refused(&file), Unsuitable::TooLarge);

    let mut file = mp4(&quarters(64, 48), true);
    let size = place(&file, b"stsz") + 20;
    write(&mut file, size, 9 * 1024 * 1024);
    assert_eq!(refused(&file), Unsuitable::TooLarge);
    write(&mut file, size, 1024 * 1024);
    assert_eq!(refused(&file), Unsuitable::Damaged);

    let bytes = u32::try_from(INDEX_BYTES_MAX).unwrap() + 9;
    let file = [&bytes.to_be_bytes(), &b"moov"[..], &[0; 100]].concat();
    let mut search = VideoSearch::new(u64::from(bytes));
    assert!(matches!(search.next(&[]), Ok(SearchStep::Read(_))));
    let mut look = file;
    look.resize(64 * 1024, 0);
    assert_eq!(search.next(&look).err(), Some(Unsuitable::TooLarge));
}

#[test]
fn a_file_of_boxes_without_end_is_given_up() {
    let file = boxed(b"ftyp", &[0; 100_000]).repeat(20);
    let (frame, reads) = search(&file);
    assert_eq!(frame.err(), Some(Unsuitable::NoFrame));
    assert_eq!(reads.len(), 16);
}

#[test]
fn a_search_wants_what_it_asked_for_and_ends_once() {
    let file = mp4(&quarters(64, 48), true);
    let size = file.len() as u64;
    let mut search = VideoSearch::new(size);
    assert!(matches!(search.next(&[]), Ok(SearchStep::Read(_))));
    assert_eq!(search.next(&file[1..]).err(), Some(Unsuitable::Damaged));
    assert_eq!(search.next(&file).err(), Some(Unsuitable::Damaged));
    let mut empty = VideoSearch::new(0);
    assert_eq!(empty.next(&[]).err(), Some(Unsuitable::NoFrame));
    assert_eq!(refused(b"no video at all"), Unsuitable::UnknownFormat);
}

/// Returns the error for parameters of that size which refer to that many frames.
fn parameters(wide: u32, high: u32, references: u32, frames: &str) -> Option<Unsuitable> {
    // The id, the length of frame numbers, the order of pictures, references, no gaps, the size,
    // progressive or not.
    let mut bits = String::new();
    for count in [0, 0, 2, references] {
        bits += &golomb(count);
    }
    bits += "0";
    bits += &golomb(wide / 16 - 1);
    bits += &golomb(high / 16 - 1);
    bits += frames;
    let bits = format!("{bits:0<96}");
    let bytes = bits.as_bytes().chunks(8);
    let bytes = bytes.map(|byte| u8::from_str_radix(str::from_utf8(byte).unwrap(), 2).unwrap());
    let mut avc = vec![1, 66, 0, 40, 0xFF, 0xE1, 0, 16, 0x67, 66, 0, 40];
    avc.extend(bytes);
    avc.push(0);
    let track = Track {
        avc,
        orientation: Orientation::NoTransforms,
        sample: 0..1,
    };
    h264::decode(&track, &[]).err()
}

/// Writes a number as an Exp-Golomb code (ITU-T H.264, 9.1).
fn golomb(count: u32) -> String {
    let digits = format!("{:b}", count + 1);
    format!("{digits:0>width$}", width = 2 * digits.len() - 1)
}

#[test]
fn a_video_that_would_take_too_much_memory_is_refused_without_being_decoded() {
    let fits = [(1_920, 1_088, 16), (2_560, 1_440, 8), (3_840, 2_160, 3)];
    for (wide, high, references) in fits {
        let found = parameters(wide, high, references, "1");
        assert_eq!(found, Some(Unsuitable::NoFrame), "{wide} × {high}");
    }
    let too_large = [
        (3_840, 2_160, 4),
        (4_112, 64, 1),
        (16_400, 16, 1),
        (64, 64, 17),
    ];
    for (wide, high, references) in too_large {
        let found = parameters(wide, high, references, "1");
        assert_eq!(found, Some(Unsuitable::TooLarge), "{wide} × {high}");
    }
    let interlaced = parameters(1_920, 1_088, 4, "0");
    assert_eq!(interlaced, Some(Unsuitable::UnknownCodec));
}

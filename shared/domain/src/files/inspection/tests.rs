//! Real files, complete; and the same files truncated, lengthened, changed.

use std::io::Cursor;

use image::{ImageFormat, RgbImage};
use proptest::prelude::*;

use super::*;

fn drawn(format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let image = RgbImage::from_fn(40, 24, |x, y| {
        image::Rgb([(x * 5) as u8, (y * 9) as u8, 80])
    });
    image.write_to(&mut bytes, format).expect("memory");
    bytes.into_inner()
}

/// Makes a GIF of this many frames of one pixel, each with one block of data.
fn gif(frames: usize) -> Vec<u8> {
    let mut bytes = b"GIF89a\x28\0\x18\0\x80\0\0\0\0\0\xFF\xFF\xFF".to_vec();
    bytes.extend(b"\x21\xF9\x04\0\0\0\0\0");
    for _ in 0..frames {
        bytes.extend(b"\x2C\0\0\0\0\x28\0\x18\0\0\x02\x02\x4C\x01\0");
    }
    bytes.push(0x3B);
    bytes
}

fn in_box(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let size = u32::try_from(body.len() + 8).expect("small");
    [&size.to_be_bytes()[..], name, body].concat()
}

fn mp4() -> Vec<u8> {
    let boxes = [
        in_box(b"ftyp", b"isom\0\0\0\0"),
        in_box(b"moov", b"....."),
        in_box(b"mdat", b"..."),
    ];
    boxes.concat()
}

fn webm() -> Vec<u8> {
    [
        &b"\x1A\x45\xDF\xA3\x82.."[..],
        b"\x18\x53\x80\x67\x40\x05.....",
    ]
    .concat()
}

/// A whole file of each type.
fn whole() -> Vec<(ContentType, Vec<u8>)> {
    vec![
        (ContentType::Jpeg, drawn(ImageFormat::Jpeg)),
        (ContentType::Png, drawn(ImageFormat::Png)),
        (ContentType::Webp, drawn(ImageFormat::WebP)),
        (ContentType::Gif, gif(1)),
        (ContentType::Mp4, mp4()),
        (ContentType::Webm, webm()),
    ]
}

const SIZE: Picture = Picture {
    width: 40,
    height: 24,
};

#[test]
fn a_whole_file_is_taken_and_its_picture_measured() {
    for (of, bytes) in whole() {
        let expected = of.is_image().then_some(SIZE);
        assert_eq!(inspect(of, &bytes), Ok(expected), "{of:?}");
    }
}

#[test]
fn a_file_that_is_cut_off_anywhere_is_refused() {
    for (of, bytes) in whole() {
        for count in 0..bytes.len() {
            let found = inspect(of, &bytes[..count]);
            assert!(found.is_err(), "{of:?} of {count} bytes: {found:?}");
        }
        let most = &bytes[..bytes.len() - 1];
        assert_eq!(inspect(of, most), Err(FileDefect::Cut), "{of:?}");
    }
}

#[test]
fn a_file_with_another_behind_it_is_refused() {
    for (of, mut bytes) in whole() {
        bytes.extend(b"PK\x03\x04 and more");
        // In a video, the bytes after the end are read as a box, whose size is too large.
        let expected = if of == ContentType::Mp4 {
            FileDefect::Cut
        } else {
            FileDefect::Trailing
        };
        assert_eq!(inspect(of, &bytes), Err(expected), "{of:?}");
    }
}

#[test]
fn one_type_is_not_taken_for_another() {
    for (of, bytes) in whole() {
        for other in ContentType::ALL.into_iter().filter(|other| *other != of) {
            assert_eq!(inspect(other, &bytes), Err(FileDefect::AnotherType));
        }
    }
}

/// Inserts bytes into a file at a place.
fn with(mut bytes: Vec<u8>, at: usize, more: &[u8]) -> Vec<u8> {
    bytes.splice(at..at, more.iter().copied());
    bytes
}

#[test]
fn a_photograph_is_measured_as_it_was_held() {
    let upright = drawn(ImageFormat::Jpeg);
    for (is_little, orientation, is_turned) in [
        (true, 1, false),
        (true, 6, true),
        (false, 8, true),
        (false, 3, false),
    ] {
        let two = |number: u16| match is_little {
            true => number.to_le_bytes(),
            false => number.to_be_bytes(),
        };
        let four = |number: u32| match is_little {
            true => number.to_le_bytes(),
            false => number.to_be_bytes(),
        };
        let order: &[u8] = if is_little { b"II" } else { b"MM" };
        let exif = [
            b"Exif\0\0",
            order,
            &two(42),
            &four(8),
            &two(1),
            &two(0x0112),
            &two(3),
            &four(1),
            &two(orientation),
            &two(0),
        ]
        .concat();
        let count = u16::try_from(exif.len() + 2).expect("small").to_be_bytes();
        let segment = [b"\xFF\xE1", &count[..], &exif].concat();
        let expected = match is_turned {
            true => Picture {
                width: 24,
                height: 40,
            },
            false => SIZE,
        };
        let held = with(upright.clone(), 2, &segment);
        assert_eq!(inspect(ContentType::Jpeg, &held), Ok(Some(expected)));
    }
}

#[test]
fn what_moves_is_made_of_inks_or_is_too_large_is_refused_by_name() {
    assert_eq!(inspect(ContentType::Gif, &gif(2)), Err(FileDefect::Moving));
    assert_eq!(inspect(ContentType::Gif, &gif(0)), Err(FileDefect::Empty));

    let control = [
        &8_u32.to_be_bytes()[..],
        b"acTL",
        &2_u32.to_be_bytes(),
        &[0; 8],
    ]
    .concat();
    let moving = with(drawn(ImageFormat::Png), 33, &control);
    assert_eq!(inspect(ContentType::Png, &moving), Err(FileDefect::Moving));
    let mut huge = drawn(ImageFormat::Png);
    huge[16..20].copy_from_slice(&20_000_u32.to_be_bytes());
    assert_eq!(inspect(ContentType::Png, &huge), Err(FileDefect::TooLarge));

    let part = |name: &[u8; 4], body: &[u8]| {
        let size = u32::try_from(body.len()).expect("small").to_le_bytes();
        [&name[..], &size, body].concat()
    };
    let parts = [
        part(b"VP8X", b"\x02\0\0\0\x27\0\0\x17\0\0"),
        part(b"ANMF", b".."),
        part(b"ANMF", b".."),
    ]
    .concat();
    let moving = part(b"RIFF", &[b"WEBP", &parts[..]].concat());
    assert_eq!(inspect(ContentType::Webp, &moving), Err(FileDefect::Moving));

    let inks = b"\xFF\xD8\xFF\xC0\x00\x08\x08\x00\x18\x00\x28\x04";
    assert_eq!(inspect(ContentType::Jpeg, inks), Err(FileDefect::Inks));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(
        at in 0..6_usize,
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        keep in 0..64_usize,
    ) {
        let (of, whole) = &whole()[at];
        let mut mixed = whole[..keep.min(whole.len())].to_vec();
        mixed.extend(&bytes);
        let _ = inspect(*of, &mixed);
    }

    #[test]
    fn no_change_of_one_byte_makes_it_panic(at in 0..6_usize, place in 0..2_000_usize, byte in any::<u8>()) {
        let (of, mut bytes) = whole().swap_remove(at);
        let place = place % bytes.len();
        bytes[place] = byte;
        let _ = inspect(of, &bytes);
    }
}

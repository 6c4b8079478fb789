//! The results for still pictures.

use image::{DynamicImage, GrayImage, ImageBuffer, Luma, LumaA, Rgb, RgbImage, Rgba, RgbaImage};

use super::samples::{
    ANIMATED_GIF, ANIMATED_WEBP, BLUE, CMYK, GRAY, GREEN, PROGRESSIVE, RED, WHITE, is_about, jpeg,
    lossless_webp, lossy_webp, mp4, png, quarter, quarters,
};
use crate::{STILL_BYTES_MAX, ThumbnailFile, Unsuitable, decode};

fn thumbnails(file: &[u8]) -> Vec<ThumbnailFile> {
    decode(file).unwrap().thumbnails().unwrap()
}

fn refused(file: &[u8]) -> Unsuitable {
    decode(file).err().unwrap()
}

/// Returns the sides and sizes of a picture's thumbnails.
fn sizes(width: u32, height: u32) -> Vec<(u32, u32, u32)> {
    let picture = DynamicImage::ImageLuma8(GrayImage::new(width, height));
    let thumbnails = thumbnails(&png(&picture, 1));
    let sizes = thumbnails.iter();
    sizes
        .map(|made| (made.side, made.width, made.height))
        .collect()
}

#[test]
fn a_size_is_kept_in_proportion_and_never_scaled_up() {
    let all = [(256, 256, 144), (512, 512, 288), (1024, 1024, 576)];
    assert_eq!(sizes(1920, 1080), all);
    assert_eq!(sizes(1080, 1920)[2], (1024, 576, 1024));
    assert_eq!(sizes(1025, 1025).len(), 3);
    assert_eq!(sizes(1024, 768), [(256, 256, 192), (512, 512, 384)]);
    assert_eq!(sizes(513, 257), [(256, 256, 128), (512, 512, 256)]);
    assert_eq!(sizes(257, 100), [(256, 256, 100)]);
    assert_eq!(sizes(256, 256), [(256, 256, 256)]);
    assert_eq!(sizes(40, 30), [(256, 40, 30)]);
    assert_eq!(sizes(1, 1), [(256, 1, 1)]);
    assert_eq!(sizes(3000, 1)[0], (256, 256, 1));
}

#[test]
fn a_picture_keeps_its_colors_in_every_format() {
    let picture = quarters(600, 400);
    let whole = DynamicImage::ImageRgb8(picture.clone());
    let files = [
        jpeg(&picture, 1),
        png(&whole, 1),
        lossless_webp(&whole),
        lossy_webp(&whole),
    ];
    for file in files {
        let frame = decode(&file).unwrap();
        assert_eq!(frame.size(), (600, 400));
        let poster = frame.poster().unwrap();
        assert_eq!((poster.width, poster.height), (600, 400));
        for thumbnail in frame.thumbnails().unwrap().iter().chain([&poster]) {
            assert!(thumbnail.webp.starts_with(b"RIFF"));
            for (place, color) in (0..).zip([RED, GREEN, BLUE, WHITE]) {
                let pixel = quarter(thumbnail, place);
                assert!(is_about(pixel, color), "{pixel:?} {color:?}");
            }
        }
    }
}

#[test]
fn a_picture_is_turned_as_its_exif_says() {
    let picture = quarters(600, 400);
    let whole = DynamicImage::ImageRgb8(picture.clone());
    // The colours at the top left and at the top right.
    let turned = [
        (1, (RED, GREEN)),
        (2, (GREEN, RED)),
        (3, (WHITE, BLUE)),
        (4, (BLUE, WHITE)),
        (5, (RED, BLUE)),
        (6, (BLUE, RED)),
        (7, (WHITE, GREEN)),
        (8, (GREEN, WHITE)),
    ];
    for (orientation, (left, right)) in turned {
        for file in [jpeg(&picture, orientation), png(&whole, orientation)] {
            let frame = decode(&file).unwrap();
            let is_upright = orientation >= 5;
            let size = if is_upright { (400, 600) } else { (600, 400) };
            assert_eq!(frame.size(), size, "{orientation}");
            let thumbnails = frame.thumbnails().unwrap();
            let small = &thumbnails[0];
            let side = small.width.max(small.height);
            assert_eq!((side, small.width < small.height), (256, is_upright));
            assert!(is_about(quarter(small, 0), left), "{orientation}");
            assert!(is_about(quarter(small, 1), right), "{orientation}");
        }
    }
}

#[test]
fn transparency_survives_and_what_cannot_be_seen_gives_no_color() {
    // Every second column is transparent, and would be green.
    let picture = RgbaImage::from_fn(2048, 1024, |x, y| match (x % 2, y < 512) {
        (_, true) => Rgba([255, 0, 0, 0]),
        (0, false) => Rgba([220, 30, 30, 255]),
        _ => Rgba([0, 255, 0, 0]),
    });
    let picture = DynamicImage::ImageRgba8(picture);
    for file in [png(&picture, 1), lossless_webp(&picture)] {
        let thumbnails = thumbnails(&file);
        assert_eq!(thumbnails.len(), 3);
        for thumbnail in &thumbnails {
            assert_eq!(quarter(thumbnail, 0)[3], 0);
        }
        let [red, green, _, alpha] = quarter(&thumbnails[0], 2);
        assert!(red > 180 && green < 70, "{red} {green}");
        assert!(alpha.abs_diff(128) < 10, "{alpha}");
    }
    let opaque = RgbaImage::from_pixel(300, 300, Rgba([220, 30, 30, 128]));
    let file = lossy_webp(&DynamicImage::ImageRgba8(opaque));
    assert!(quarter(&thumbnails(&file)[0], 0)[3].abs_diff(128) < 3);
}

#[test]
fn sixteen_bits_become_eight() {
    let rgb = ImageBuffer::from_pixel(300, 200, Rgb([0xDC00_u16, 0x1EFF, 0x1E00]));
    let rgba = ImageBuffer::from_pixel(300, 200, Rgba([0xDC00_u16, 0x1EFF, 0x1E00, 0xFFFF]));
    for picture in [
        DynamicImage::ImageRgb16(rgb),
        DynamicImage::ImageRgba16(rgba),
    ] {
        let thumbnails = thumbnails(&png(&picture, 1));
        assert!(is_about(quarter(&thumbnails[0], 3), RED));
    }
}

#[test]
fn grey_stays_grey() {
    let grey = ImageBuffer::from_pixel(300, 200, Luma([90_u8]));
    let deep = ImageBuffer::from_pixel(300, 200, Luma([0x5A00_u16]));
    let seen = ImageBuffer::from_pixel(300, 200, LumaA([90_u8, 255]));
    let deep_seen = ImageBuffer::from_pixel(300, 200, LumaA([0x5A00_u16, 0xFFFF]));
    let pictures = [
        DynamicImage::ImageLuma8(grey),
        DynamicImage::ImageLuma16(deep),
        DynamicImage::ImageLumaA8(seen),
        DynamicImage::ImageLumaA16(deep_seen),
    ];
    for picture in pictures {
        let thumbnails = thumbnails(&png(&picture, 1));
        assert!(is_about(quarter(&thumbnails[0], 1), [90; 3]));
    }
    assert_eq!(thumbnails(GRAY)[0].width, 64);
}

#[test]
fn a_jpeg_in_cmyk_or_in_scans_is_read() {
    for file in [CMYK, PROGRESSIVE] {
        let thumbnails = thumbnails(file);
        let size = (thumbnails[0].width, thumbnails[0].height);
        assert_eq!((size, thumbnails.len()), ((64, 48), 1));
        // The colour changes from red at the top to blue at the bottom.
        let [red, _, blue, _] = quarter(&thumbnails[0], 0);
        assert!(red > blue, "{red} {blue}");
        let [red, _, blue, _] = quarter(&thumbnails[0], 2);
        assert!(red < blue, "{red} {blue}");
    }
}

#[test]
fn an_animated_webp_gives_its_first_picture_and_a_gif_is_unknown() {
    let thumbnails = thumbnails(ANIMATED_WEBP);
    assert!(is_about(quarter(&thumbnails[0], 0), [254, 0, 0]));
    assert_eq!(refused(ANIMATED_GIF), Unsuitable::UnknownFormat);
}

#[test]
fn no_picture_is_unknown_or_damaged() {
    assert_eq!(refused(&[]), Unsuitable::UnknownFormat);
    assert_eq!(refused(&[0; 1000]), Unsuitable::UnknownFormat);
    assert_eq!(refused(b"<svg/>"), Unsuitable::UnknownFormat);
    let video = mp4(&quarters(64, 48), true);
    assert_eq!(refused(&video), Unsuitable::UnknownFormat);
}

#[test]
fn a_file_that_is_cut_is_damaged_or_gives_what_is_there() {
    let picture = DynamicImage::ImageRgb8(quarters(600, 400));
    for file in [
        png(&picture, 1),
        lossless_webp(&picture),
        lossy_webp(&picture),
    ] {
        for kept in [20, file.len() / 2, file.len() - 20] {
            assert_eq!(refused(&file[..kept]), Unsuitable::Damaged, "{kept}");
        }
    }
    // The decoder of JPEGs fills missing parts up with grey.
    let file = jpeg(&quarters(600, 400), 1);
    assert_eq!(refused(&file[..20]), Unsuitable::Damaged);
    let cut = thumbnails(&file[..file.len() / 2]);
    assert!(is_about(quarter(&cut[0], 0), RED));
}

#[test]
fn a_file_that_is_two_things_is_what_it_begins_with() {
    let picture = quarters(600, 400);
    let mut file = jpeg(&picture, 1);
    file.extend(png(&DynamicImage::ImageRgb8(RgbImage::new(10, 10)), 1));
    file.extend(b"<script>alert(1)</script>");
    assert_eq!(decode(&file).unwrap().size(), (600, 400));
    let mut file = b"<script>".to_vec();
    file.extend(jpeg(&picture, 1));
    assert_eq!(refused(&file), Unsuitable::UnknownFormat);
}

#[test]
fn a_picture_of_too_many_pixels_is_refused_without_being_decoded() {
    // If it were decoded, its data would be found damaged.
    let mut header = b"IHDR".to_vec();
    header.extend([20_000_u32.to_be_bytes(), 20_000_u32.to_be_bytes()].concat());
    header.extend([8, 6, 0, 0, 0]);
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    file.extend(chunk(&header));
    file.extend(chunk(&[&b"IDAT"[..], &[7; 50_000]].concat()));
    assert_eq!(refused(&file), Unsuitable::TooLarge);

    let mut file = jpeg(&quarters(600, 400), 1);
    let sizes = file.windows(2).position(|marker| marker == [0xFF, 0xC0]);
    let sizes = sizes.unwrap() + 5;
    file[sizes..sizes + 4].copy_from_slice(&[0xFF; 4]);
    assert_eq!(refused(&file), Unsuitable::TooLarge);
}

/// Makes a chunk of a PNG, with its checksum.
fn chunk(named: &[u8]) -> Vec<u8> {
    let length = u32::try_from(named.len() - 4).unwrap();
    let check = named.iter().fold(u32::MAX, |check, byte| {
        (0..8).fold(check ^ u32::from(*byte), |check, _| {
            (check >> 1) ^ (0xEDB8_8320 & (check & 1).wrapping_neg())
        })
    });
    [&length.to_be_bytes(), named, &(!check).to_be_bytes()].concat()
}

#[test]
fn a_file_of_too_many_bytes_is_refused() {
    let mut file = jpeg(&quarters(64, 48), 1);
    file.resize(STILL_BYTES_MAX, 0);
    assert!(decode(&file).is_ok());
    file.push(0);
    assert_eq!(refused(&file), Unsuitable::TooLarge);
}

#[test]
fn a_jpeg_in_scans_may_have_fewer_pixels() {
    // 20 megapixels are within bounds, but the coefficients of such a picture are not.
    let mut whole = jpeg(&quarters(64, 48), 1);
    let mut scans = PROGRESSIVE.to_vec();
    for (file, marker) in [(&mut whole, 0xC0), (&mut scans, 0xC2)] {
        let sizes = file.windows(2).position(|found| found == [0xFF, marker]);
        let sizes = sizes.unwrap() + 5;
        file[sizes..sizes + 4].copy_from_slice(&[0x0F, 0xA0, 0x13, 0x88]);
    }
    assert_ne!(decode(&whole).err(), Some(Unsuitable::TooLarge));
    assert_eq!(refused(&scans), Unsuitable::TooLarge);
}

#[test]
fn a_webp_is_no_larger_inside_than_outside() {
    let picture = DynamicImage::ImageRgba8(RgbaImage::new(64, 48));
    for mut file in [lossy_webp(&picture), ANIMATED_WEBP.to_vec()] {
        assert!(decode(&file).is_ok());
        let inner = file.windows(4).position(|name| name == b"VP8 ").unwrap();
        file[inner + 14..inner + 18].copy_from_slice(&[0xFF, 0x3F, 0xFF, 0x3F]);
        assert_eq!(refused(&file), Unsuitable::Damaged);
    }
}

//! Sample files. Owns making them; refuses to judge the results.

use std::io::Cursor;
use std::ops::Range;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::{DynamicImage, ImageEncoder, ImageFormat, Rgb, RgbImage, load_from_memory};
use muxide::api::{MuxerBuilder, VideoCodec};
use openh264::OpenH264API;
use openh264::encoder::{Encoder, EncoderConfig, RateControlMode};
use openh264::formats::{RgbSliceU8, YUVBuffer};

use crate::{Frame, READS_MAX, SearchStep, ThumbnailFile, Unsuitable, VideoSearch};

pub(super) const RED: [u8; 3] = [220, 30, 30];
pub(super) const GREEN: [u8; 3] = [30, 220, 30];
pub(super) const BLUE: [u8; 3] = [30, 30, 220];
pub(super) const WHITE: [u8; 3] = [230, 230, 230];

pub(super) const CMYK: &[u8] = include_bytes!("../../tests/files/cmyk.jpg");
pub(super) const PROGRESSIVE: &[u8] = include_bytes!("../../tests/files/progressive.jpg");
pub(super) const GRAY: &[u8] = include_bytes!("../../tests/files/gray.jpg");
pub(super) const ANIMATED_GIF: &[u8] = include_bytes!("../../tests/files/animated.gif");
pub(super) const ANIMATED_WEBP: &[u8] = include_bytes!("../../tests/files/animated.webp");

/// Makes a picture with quarters of red, green, blue and white, from left to right and from top to bottom.
pub(super) fn quarters(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        Rgb(match (x < width / 2, y < height / 2) {
            (true, true) => RED,
            (false, true) => GREEN,
            (true, false) => BLUE,
            (false, false) => WHITE,
        })
    })
}

/// Makes Exif with an orientation and nothing else: TIFF 6.0, one entry of type SHORT.
pub(super) fn exif(orientation: u8) -> Vec<u8> {
    let mut exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
    exif
}

pub(super) fn jpeg(picture: &RgbImage, orientation: u8) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut file, 90);
    encoder.set_exif_metadata(exif(orientation)).unwrap();
    encoder.encode_image(picture).unwrap();
    file
}

pub(super) fn png(picture: &DynamicImage, orientation: u8) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = PngEncoder::new(&mut file);
    encoder.set_exif_metadata(exif(orientation)).unwrap();
    picture.write_with_encoder(encoder).unwrap();
    file
}

pub(super) fn lossless_webp(picture: &DynamicImage) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    picture.write_to(&mut file, ImageFormat::WebP).unwrap();
    file.into_inner()
}

pub(super) fn lossy_webp(picture: &DynamicImage) -> Vec<u8> {
    let (samples, width, height) = (picture.as_bytes(), picture.width(), picture.height());
    let encoder = if picture.color().has_alpha() {
        webp::Encoder::from_rgba(samples, width, height)
    } else {
        webp::Encoder::from_rgb(samples, width, height)
    };
    encoder.encode(90.0).to_vec()
}

/// Makes a video of two frames, with its index first or last.
pub(super) fn mp4(picture: &RgbImage, is_index_first: bool) -> Vec<u8> {
    let (width, height) = picture.dimensions();
    let config = EncoderConfig::new()
        .rate_control_mode(RateControlMode::Off)
        .skip_frames(false);
    let mut encoder = Encoder::with_api_config(OpenH264API::from_source(), config).unwrap();
    let mut muxer = MuxerBuilder::new(Cursor::new(Vec::new()))
        .video(VideoCodec::H264, width, height, 12.0)
        .with_fast_start(is_index_first)
        .build()
        .unwrap();
    let size = (width as usize, height as usize);
    let yuv = YUVBuffer::from_rgb8_source(RgbSliceU8::new(picture.as_raw(), size));
    for frame in 0..2_u8 {
        let encoded = encoder.encode(&yuv).unwrap().to_vec();
        let at_s = f64::from(frame) / 12.0;
        muxer.write_video(at_s, &encoded, frame == 0).unwrap();
    }
    muxer.finish_in_place().unwrap();
    muxer.into_writer().into_inner()
}

/// Makes a box around a body.
pub(super) fn boxed(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 8).unwrap();
    [&length.to_be_bytes(), &name[..], body].concat()
}

/// Returns the place where the box of that name begins, at any depth.
pub(super) fn place(file: &[u8], name: &[u8; 4]) -> usize {
    let found = file.windows(4).position(|window| window == name);
    found.unwrap() - 4
}

/// Searches a file. Returns the result and the reads, after checking their bounds.
pub(super) fn search(file: &[u8]) -> (Result<Frame, Unsuitable>, Vec<Range<u64>>) {
    let size_bytes = u64::try_from(file.len()).unwrap();
    let mut search = VideoSearch::new(size_bytes);
    let mut reads = Vec::new();
    let mut step = search.next(&[]);
    loop {
        match step {
            Ok(SearchStep::Read(range)) => {
                assert!(range.start < range.end && range.end <= size_bytes);
                assert!(range.end - range.start <= 8 * 1024 * 1024);
                reads.push(range.clone());
                assert!(reads.len() <= READS_MAX as usize);
                let (start, end) = (range.start as usize, range.end as usize);
                step = search.next(&file[start..end]);
            }
            Ok(SearchStep::Found(frame)) => return (Ok(frame), reads),
            Err(unsuitable) => return (Err(unsuitable), reads),
        }
    }
}

/// Returns the pixel in the middle of a quarter of a thumbnail: 0 and 1 are at the top, 2 and 3 at the
/// bottom.
pub(super) fn quarter(thumbnail: &ThumbnailFile, quarter: u32) -> [u8; 4] {
    let picture = load_from_memory(&thumbnail.webp).unwrap().to_rgba8();
    assert_eq!(picture.dimensions(), (thumbnail.width, thumbnail.height));
    let x = thumbnail.width * (1 + 2 * (quarter % 2)) / 4;
    let y = thumbnail.height * (1 + 2 * (quarter / 2)) / 4;
    picture.get_pixel(x, y).0
}

/// Whether two colours look the same.
pub(super) fn is_about(pixel: [u8; 4], color: [u8; 3]) -> bool {
    let mut parts = pixel.iter().zip(color);
    parts.all(|(part, wanted)| part.abs_diff(wanted) <= 16)
}

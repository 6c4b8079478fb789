//! The memory that the largest accepted files take, each measured in a process of its own, because making
//! such a file takes more than reading it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::env;
use std::fs;
use std::io::Cursor;
use std::path::Path;
use std::process::Command;

use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
use muxide::api::{MuxerBuilder, VideoCodec};
use openh264::encoder::Encoder;
use openh264::formats::{RgbSliceU8, YUVBuffer};
use thumbnails::{PIXELS_MAX, STILL_BYTES_MAX, SearchStep, VideoSearch};

/// The variable with the path of the file that a process must read.
const FILE: &str = "THUMBNAILS_MEASURED_FILE";
/// The memory that a worker with 200 MiB can spare.
const PEAK_KIB_MAX: u64 = 180 * 1024;

/// The process that is measured. It does nothing unless it is given a file.
#[test]
fn measured() {
    let Ok(path) = env::var(FILE) else {
        return;
    };
    let file = fs::read(&path).unwrap();
    let frame = if path.ends_with("mp4") {
        first_frame(&file)
    } else {
        thumbnails::decode(&file).unwrap()
    };
    frame.poster().unwrap();
    assert_eq!(frame.thumbnails().unwrap().len(), 3);
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find(|line| line.starts_with("VmHWM:"));
    let peak = peak.unwrap().split_whitespace().nth(1).unwrap();
    fs::write(format!("{path}.peak"), peak).unwrap();
}

fn first_frame(file: &[u8]) -> thumbnails::Frame {
    let mut search = VideoSearch::new(file.len() as u64);
    let mut step = search.next(&[]).unwrap();
    loop {
        match step {
            SearchStep::Found(frame) => return frame,
            SearchStep::Read(range) => {
                // A copy of the range, because a worker does not have the whole file.
                let part = file[range.start as usize..range.end as usize].to_vec();
                step = search.next(&part).unwrap();
            }
        }
    }
}

/// Returns the peak memory of a process that reads such a file, in KiB.
fn peak(name: &str, file: &[u8]) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, file).unwrap();
    let path = path.to_str().unwrap();
    let child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "measured", "--test-threads=1", "--nocapture"])
        .env(FILE, path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout).into_owned();
    assert!(child.status.success(), "{said}");
    let peak = fs::read_to_string(Path::new(&format!("{path}.peak"))).unwrap();
    peak.parse().unwrap()
}

/// Asserts that reading a file stays within a worker's memory.
fn assert_fits(name: &str, file: &[u8]) {
    let peak = peak(name, file);
    eprintln!("{name}: {} bytes, peak {} MiB", file.len(), peak / 1024);
    assert!(peak < PEAK_KIB_MAX, "{name}: {peak} KiB");
}

/// Returns a value that looks random, so that files are as large as those of photographs.
fn noise(x: u32, y: u32) -> u8 {
    let mixed =
        (x.wrapping_mul(0x9E37_79B9) ^ y.wrapping_mul(0x85EB_CA6B)).wrapping_mul(0xC2B2_AE35);
    mixed.to_be_bytes()[0] >> 2
}

#[test]
fn the_largest_jpeg_fits() {
    let (width, height) = (6_000, 4_000);
    assert_eq!(u64::from(width * height), PIXELS_MAX);
    let picture = RgbImage::from_fn(width, height, |x, y| Rgb([noise(x, y), noise(y, x), 90]));
    let mut file = Vec::new();
    JpegEncoder::new_with_quality(&mut file, 80)
        .encode_image(&picture)
        .unwrap();
    assert!(file.len() < STILL_BYTES_MAX);
    // A file may be longer than its picture.
    file.resize(STILL_BYTES_MAX, 0);
    assert_fits("largest.jpg", &file);
}

#[test]
fn the_largest_png_fits() {
    let mut picture = RgbaImage::from_pixel(6_000, 4_000, Rgba([20, 90, 200, 128]));
    for (x, y, pixel) in picture.enumerate_pixels_mut().step_by(7) {
        pixel.0[1] = noise(x, y);
    }
    let mut file = Cursor::new(Vec::new());
    let picture = DynamicImage::ImageRgba8(picture);
    picture.write_to(&mut file, ImageFormat::Png).unwrap();
    let mut file = file.into_inner();
    assert!(file.len() < STILL_BYTES_MAX);
    file.resize(STILL_BYTES_MAX, 0);
    assert_fits("largest.png", &file);
}

#[test]
fn the_dearest_webp_fits() {
    // The picture has no transparency, which the decoder removes in a copy.
    let picture = RgbImage::from_fn(4_096, 4_096, |x, y| Rgb([noise(x / 16, y / 16), 90, 200]));
    let mut file = Cursor::new(Vec::new());
    let picture = DynamicImage::ImageRgb8(picture);
    picture.write_to(&mut file, ImageFormat::WebP).unwrap();
    let mut file = file.into_inner();
    assert!(file.len() < STILL_BYTES_MAX);
    file.resize(STILL_BYTES_MAX, 0);
    assert_fits("dearest.webp", &file);
}

#[test]
fn a_video_in_4k_fits() {
    let (width, height) = (3_840, 2_160);
    let picture = RgbImage::from_fn(width, height, |x, y| Rgb([noise(x, y), noise(y, x), 90]));
    let size = (width as usize, height as usize);
    let yuv = YUVBuffer::from_rgb8_source(RgbSliceU8::new(picture.as_raw(), size));
    let frame = Encoder::new().unwrap().encode(&yuv).unwrap().to_vec();
    let mut muxer = MuxerBuilder::new(Cursor::new(Vec::new()))
        .video(VideoCodec::H264, width, height, 12.0)
        .build()
        .unwrap();
    muxer.write_video(0.0, &frame, true).unwrap();
    muxer.finish_in_place().unwrap();
    assert_fits("4k.mp4", &muxer.into_writer().into_inner());
}

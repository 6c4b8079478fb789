//! The files behind a result's addresses, drawn when they are fetched: pictures,
//! videos and sounds of the prompt.
//!
//! Owns the choice of a job's files. The same job always draws the same file.

mod canvas;
mod video;

use std::io::Cursor;

use hyper::body::Bytes;
use image::{DynamicImage, ImageFormat, RgbImage};
use serde_json::Value;

use crate::output::{self, Kind, Picture};
use crate::store::Kept;
use crate::{Error, clock};
use canvas::Label;

const SAMPLE_RATE_HZ: u32 = 16_000;
/// The longest sound that is made, even if more was asked for.
const SECONDS_MAX: u64 = 30;

/// A file; a clone shares its bytes.
#[derive(Clone)]
pub(crate) struct File {
    pub(crate) content_type: &'static str,
    pub(crate) bytes: Bytes,
}

/// Draws the file `number` of `job`.
pub(crate) fn draw(job: &Kept, number: u64) -> Result<File, Error> {
    let kind = Kind::of(&job.model);
    let label = Label {
        prompt: job.prompt(),
        model: &job.model,
        time: &clock::rfc3339_ms(job.submitted_ms),
        number,
    };
    let size = output::size_pixels(&job.input, kind);
    match kind {
        Kind::Images | Kind::Image => picture(canvas::still(size, &label), Picture::of(&job.input)),
        Kind::Video => Ok(File {
            content_type: "video/mp4",
            bytes: video::encode(size, seconds(&job.input), &label)?.into(),
        }),
        Kind::Audio => sound(&job.input),
    }
}

fn picture(drawn: RgbImage, format: Picture) -> Result<File, Error> {
    let (content_type, format) = match format {
        Picture::Jpeg => ("image/jpeg", ImageFormat::Jpeg),
        Picture::Png => ("image/png", ImageFormat::Png),
        Picture::Webp => ("image/webp", ImageFormat::WebP),
    };
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::ImageRgb8(drawn)
        .write_to(&mut bytes, format)
        .map_err(|problem| Error(format!("cannot draw a picture: {problem}")))?;
    Ok(File {
        content_type,
        bytes: bytes.into_inner().into(),
    })
}

/// The length of a video: `"8s"`, `"5"`, or six seconds where the model has no such parameter.
fn seconds(input: &Value) -> u32 {
    let duration = input.get("duration").and_then(Value::as_str).unwrap_or("6");
    let duration = duration.trim_end_matches('s').parse().unwrap_or(6);
    u32::clamp(duration, 1, 10)
}

/// A quiet chord.
fn sound(input: &Value) -> Result<File, Error> {
    let failed = |problem: hound::Error| Error(format!("cannot make a sound: {problem}"));
    let seconds = input.get("seconds_total").and_then(Value::as_u64);
    let seconds = u32::try_from(seconds.unwrap_or(5).min(SECONDS_MAX)).unwrap_or(5);
    let form = hound::WavSpec {
        channels: 1,
        sample_rate: SAMPLE_RATE_HZ,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut bytes = Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut bytes, form).map_err(failed)?;
    for sample in 0..seconds * SAMPLE_RATE_HZ {
        let turns = f64::from(sample) / f64::from(SAMPLE_RATE_HZ) * std::f64::consts::TAU;
        let chord: f64 = [220.0, 277.2, 329.6]
            .iter()
            .map(|hz| (turns * hz).sin())
            .sum();
        #[expect(
            clippy::cast_possible_truncation,
            reason = "three sines times 3,000 fit 16 bits"
        )]
        writer
            .write_sample((chord * 3_000.0) as i16)
            .map_err(failed)?;
    }
    writer.finalize().map_err(failed)?;
    Ok(File {
        content_type: "audio/wav",
        bytes: bytes.into_inner().into(),
    })
}

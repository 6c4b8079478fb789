//! An H.264 video in an MP4 whose index comes first, so that browsers play it while it loads.

use std::io::Cursor;

use image::Rgb;
use muxide::api::{MuxerBuilder, VideoCodec};
use openh264::OpenH264API;
use openh264::encoder::{
    Encoder, EncoderConfig, FrameRate, FrameType, IntraFramePeriod, RateControlMode,
};
use openh264::formats::{RgbSliceU8, YUVBuffer};

use super::canvas::{self, Label};
use crate::Error;

const FRAMES_PER_SECOND: u32 = 12;

/// A video of `seconds`: the label, a moving ground, and a bar that shows how far it has played.
pub(super) fn encode(
    (width, height): (u32, u32),
    seconds: u32,
    label: &Label<'_>,
) -> Result<Vec<u8>, Error> {
    let failed = |problem: &dyn std::fmt::Display| Error(format!("cannot make a video: {problem}"));
    let rate = f32::from(u8::try_from(FRAMES_PER_SECOND).unwrap_or(12));
    let config = EncoderConfig::new()
        .max_frame_rate(FrameRate::from_hz(rate))
        // With every other mode that skips no frames, the encoder warns on standard error that it skips none.
        .rate_control_mode(RateControlMode::Off)
        .skip_frames(false)
        .intra_frame_period(IntraFramePeriod::from_num_frames(FRAMES_PER_SECOND));
    let mut encoder = Encoder::with_api_config(OpenH264API::from_source(), config)
        .map_err(|problem| failed(&problem))?;
    let mut muxer = MuxerBuilder::new(Cursor::new(Vec::new()))
        .video(VideoCodec::H264, width, height, f64::from(rate))
        .with_fast_start(true)
        .build()
        .map_err(|problem| failed(&problem))?;
    let hue = canvas::hue(label);
    let frames = seconds * FRAMES_PER_SECOND;
    for frame in 0..frames {
        let mut picture = canvas::ground((width, height), hue, frame);
        canvas::write_label(&mut picture, label);
        let played = width * frame / frames;
        for left in (0..played).step_by(6) {
            canvas::square(&mut picture, (left, height - 6), 6, Rgb([255, 196, 64]));
        }
        let size = (width as usize, height as usize);
        let yuv = YUVBuffer::from_rgb8_source(RgbSliceU8::new(picture.as_raw(), size));
        let encoded = encoder.encode(&yuv).map_err(|problem| failed(&problem))?;
        let is_key = matches!(encoded.frame_type(), FrameType::IDR);
        let at_s = f64::from(frame) / f64::from(rate);
        muxer
            .write_video(at_s, &encoded.to_vec(), is_key)
            .map_err(|problem| failed(&problem))?;
    }
    muxer
        .finish_in_place()
        .map_err(|problem| failed(&problem))?;
    Ok(muxer.into_writer().into_inner())
}

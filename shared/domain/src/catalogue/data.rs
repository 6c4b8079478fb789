//! The models. Prices and rates are the operator's; parameters, ranges and paths are fal's, from each
//! endpoint's own page (`https://fal.ai/models/<path>/llms.txt`) and the type list of its JavaScript
//! client, read in 2026. Parameters that would turn a safety check off, or return media inline
//! (`sync_mode`), are not offered.

use super::pictures::{HAILUO_PICTURES, KLING_PICTURES};
use super::{Kind, Model, Parameter, Prompt, Reference, Takes, When};
use crate::credits::Credits;

const fn parameter(
    name: &'static str,
    takes: Takes,
    default: Option<&'static str>,
    description: &'static str,
) -> Parameter {
    Parameter {
        name,
        upstream: name,
        takes,
        required: false,
        default,
        description,
        when: When::Always,
    }
}

const fn only(when: When, parameter: Parameter) -> Parameter {
    Parameter { when, ..parameter }
}

/// A seed of fal's: a 32-bit number.
const SEED: Parameter = parameter(
    "seed",
    Takes::Integer {
        min: 0,
        max: 4_294_967_295,
    },
    None,
    "The same seed and prompt make the same picture again.",
);
const NUM_IMAGES: Parameter = parameter(
    "num_images",
    Takes::Integer { min: 1, max: 4 },
    Some("1"),
    "How many pictures; each is paid for.",
);
const OUTPUT_FORMAT: Parameter = parameter(
    "output_format",
    Takes::Choice(&["jpeg", "png"]),
    Some("\"jpeg\""),
    "The file type.",
);
const SAFETY_TOLERANCE: Parameter = parameter(
    "safety_tolerance",
    Takes::Choice(&["1", "2", "3", "4", "5", "6"]),
    Some("\"2\""),
    "How much is let through: 1 is the strictest.",
);
const ENHANCE_PROMPT: Parameter = parameter(
    "enhance_prompt",
    Takes::Boolean,
    Some("false"),
    "Let the model reword the prompt.",
);
const FLUX_RATIO: Parameter = parameter(
    "aspect_ratio",
    Takes::Choice(&[
        "21:9", "16:9", "4:3", "3:2", "1:1", "2:3", "3:4", "9:16", "9:21",
    ]),
    Some("\"16:9\""),
    "Width to height.",
);
const GUIDANCE: Parameter = parameter(
    "guidance_scale",
    Takes::Number {
        min: 1.0,
        max: 20.0,
    },
    Some("3.5"),
    "How closely to follow the prompt.",
);
const PROMPT_OPTIMIZER: Parameter = parameter(
    "prompt_optimizer",
    Takes::Boolean,
    Some("true"),
    "Let the model reword the prompt.",
);

/// The catalogue, in the order in which it is shown.
pub(super) const MODELS: &[Model] = &[
    Model {
        id: "flux-pro-ultra",
        name: "FLUX1.1 [pro] ultra",
        description: "Photographic pictures of up to four megapixels.",
        kind: Kind::Image,
        credits: Credits::of(50),
        expected_s: 15,
        rate_per_minute: 20,
        prompt: Prompt::Required,
        negative_prompt: false,
        reference: Reference::Optional {
            field: "image_url",
            paths: &["fal-ai/flux-pro/v1.1-ultra"],
        },
        parameters: &[
            FLUX_RATIO,
            NUM_IMAGES,
            OUTPUT_FORMAT,
            SAFETY_TOLERANCE,
            SEED,
            ENHANCE_PROMPT,
            parameter(
                "raw",
                Takes::Boolean,
                Some("false"),
                "A less processed look.",
            ),
            only(
                When::WithReference,
                parameter(
                    "image_prompt_strength",
                    Takes::Number { min: 0.0, max: 1.0 },
                    Some("0.1"),
                    "How much the reference image counts.",
                ),
            ),
        ],
        picture_limits: None,
        paths: &["fal-ai/flux-pro/v1.1-ultra"],
    },
    Model {
        id: "flux-pro-kontext",
        name: "FLUX.1 Kontext [max]",
        description: "Edits a reference image as the prompt says.",
        kind: Kind::Image,
        credits: Credits::of(60),
        expected_s: 15,
        rate_per_minute: 15,
        prompt: Prompt::Required,
        negative_prompt: false,
        reference: Reference::Required { field: "image_url" },
        parameters: &[
            Parameter {
                default: None,
                ..FLUX_RATIO
            },
            NUM_IMAGES,
            OUTPUT_FORMAT,
            SAFETY_TOLERANCE,
            SEED,
            ENHANCE_PROMPT,
            GUIDANCE,
        ],
        picture_limits: None,
        paths: &["fal-ai/flux-pro/kontext/max"],
    },
    Model {
        id: "imagen4-ultra",
        name: "Imagen 4 Ultra",
        description: "Detailed pictures with readable text.",
        kind: Kind::Image,
        credits: Credits::of(45),
        expected_s: 20,
        rate_per_minute: 20,
        prompt: Prompt::Required,
        negative_prompt: false,
        reference: Reference::None,
        parameters: &[
            parameter(
                "aspect_ratio",
                Takes::Choice(&["1:1", "16:9", "9:16", "4:3", "3:4"]),
                Some("\"1:1\""),
                "Width to height.",
            ),
            NUM_IMAGES,
            parameter(
                "output_format",
                Takes::Choice(&["jpeg", "png", "webp"]),
                Some("\"png\""),
                "The file type.",
            ),
            parameter(
                "resolution",
                Takes::Choice(&["1K", "2K"]),
                Some("\"1K\""),
                "How large.",
            ),
            Parameter {
                default: Some("\"4\""),
                ..SAFETY_TOLERANCE
            },
            SEED,
        ],
        // Google shut Imagen 4 down in August 2026; its successor on fal takes the same parameters.
        picture_limits: None,
        paths: &["fal-ai/imagen4/preview/ultra", "fal-ai/nano-banana-pro"],
    },
    Model {
        id: "flux-dev",
        name: "FLUX.1 [dev]",
        description: "Quick drafts at a low price.",
        kind: Kind::Image,
        credits: Credits::of(25),
        expected_s: 8,
        rate_per_minute: 25,
        prompt: Prompt::Required,
        negative_prompt: false,
        reference: Reference::None,
        parameters: &[
            parameter(
                "image_size",
                Takes::Choice(&[
                    "square_hd",
                    "square",
                    "portrait_4_3",
                    "portrait_16_9",
                    "landscape_4_3",
                    "landscape_16_9",
                ]),
                Some("\"landscape_4_3\""),
                "Size and shape.",
            ),
            parameter(
                "num_inference_steps",
                Takes::Integer { min: 1, max: 50 },
                Some("28"),
                "More is finer and slower.",
            ),
            GUIDANCE,
            NUM_IMAGES,
            SEED,
            OUTPUT_FORMAT,
            parameter(
                "acceleration",
                Takes::Choice(&["none", "regular", "high"]),
                Some("\"none\""),
                "Faster, a little coarser.",
            ),
        ],
        picture_limits: None,
        paths: &["fal-ai/flux/dev"],
    },
    Model {
        id: "veo3",
        name: "Veo 3",
        description: "Videos of up to eight seconds, with sound.",
        kind: Kind::Video,
        credits: Credits::of(500),
        expected_s: 120,
        rate_per_minute: 5,
        prompt: Prompt::Required,
        negative_prompt: true,
        // Google retired Veo 3.0 in June 2026; 3.1 takes the same parameters.
        reference: Reference::Optional {
            field: "image_url",
            paths: &["fal-ai/veo3/image-to-video", "fal-ai/veo3.1/image-to-video"],
        },
        parameters: &[
            parameter(
                "aspect_ratio",
                Takes::Choice(&["16:9", "9:16"]),
                Some("\"16:9\""),
                "Width to height.",
            ),
            parameter(
                "duration",
                Takes::Choice(&["4s", "6s", "8s"]),
                Some("\"8s\""),
                "How long.",
            ),
            parameter(
                "resolution",
                Takes::Choice(&["720p", "1080p"]),
                Some("\"720p\""),
                "How large.",
            ),
            parameter(
                "generate_audio",
                Takes::Boolean,
                Some("true"),
                "With sound.",
            ),
            parameter(
                "auto_fix",
                Takes::Boolean,
                Some("true"),
                "Reword a prompt that would be refused.",
            ),
            Parameter {
                default: Some("\"4\""),
                ..SAFETY_TOLERANCE
            },
            SEED,
        ],
        picture_limits: None,
        paths: &["fal-ai/veo3", "fal-ai/veo3.1"],
    },
    Model {
        id: "minimax-hailuo",
        name: "MiniMax Hailuo 02 Pro",
        description: "Six-second videos in 1080p.",
        kind: Kind::Video,
        credits: Credits::of(400),
        expected_s: 480,
        rate_per_minute: 6,
        prompt: Prompt::Required,
        negative_prompt: false,
        reference: Reference::Optional {
            field: "image_url",
            paths: &["fal-ai/minimax/hailuo-02/pro/image-to-video"],
        },
        parameters: &[
            PROMPT_OPTIMIZER,
            Parameter {
                name: "end_image_file_id",
                upstream: "end_image_url",
                takes: Takes::Image,
                required: false,
                default: None,
                description: "An uploaded image for the last frame.",
                when: When::WithReference,
            },
        ],
        picture_limits: Some(HAILUO_PICTURES),
        paths: &["fal-ai/minimax/hailuo-02/pro/text-to-video"],
    },
    Model {
        id: "kling-video",
        name: "Kling 2.1 Master",
        description: "Videos of five or ten seconds with strong motion.",
        kind: Kind::Video,
        credits: Credits::of(350),
        expected_s: 240,
        rate_per_minute: 6,
        prompt: Prompt::Required,
        negative_prompt: true,
        reference: Reference::Optional {
            field: "image_url",
            paths: &["fal-ai/kling-video/v2.1/master/image-to-video"],
        },
        parameters: &[
            parameter(
                "duration",
                Takes::Choice(&["5", "10"]),
                Some("\"5\""),
                "How many seconds.",
            ),
            only(
                When::WithoutReference,
                parameter(
                    "aspect_ratio",
                    Takes::Choice(&["16:9", "9:16", "1:1"]),
                    Some("\"16:9\""),
                    "Width to height.",
                ),
            ),
            parameter(
                "cfg_scale",
                Takes::Number { min: 0.0, max: 1.0 },
                Some("0.5"),
                "How closely to follow the prompt.",
            ),
        ],
        picture_limits: Some(KLING_PICTURES),
        paths: &["fal-ai/kling-video/v2.1/master/text-to-video"],
    },
    Model {
        id: "wan-pro",
        name: "Wan 2.1 Pro",
        description: "Six-second videos in 1080p.",
        kind: Kind::Video,
        credits: Credits::of(300),
        expected_s: 240,
        rate_per_minute: 6,
        prompt: Prompt::Required,
        negative_prompt: false,
        reference: Reference::Optional {
            field: "image_url",
            paths: &["fal-ai/wan-pro/image-to-video"],
        },
        parameters: &[SEED],
        picture_limits: None,
        paths: &["fal-ai/wan-pro/text-to-video"],
    },
    Model {
        id: "face-swap",
        name: "Face swap",
        description: "Puts the face of one picture into another.",
        kind: Kind::Image,
        credits: Credits::of(30),
        expected_s: 15,
        rate_per_minute: 15,
        prompt: Prompt::None,
        negative_prompt: false,
        reference: Reference::Required {
            field: "base_image_url",
        },
        parameters: &[Parameter {
            name: "face_file_id",
            upstream: "swap_image_url",
            takes: Takes::Image,
            required: true,
            default: None,
            description: "An uploaded image with the face.",
            when: When::Always,
        }],
        picture_limits: None,
        paths: &["fal-ai/face-swap"],
    },
    Model {
        id: "image-enhance",
        name: "Image enhance",
        description: "Makes a picture larger and finer.",
        kind: Kind::Image,
        credits: Credits::of(20),
        expected_s: 30,
        rate_per_minute: 25,
        prompt: Prompt::Optional,
        negative_prompt: true,
        reference: Reference::Required { field: "image_url" },
        parameters: &[
            parameter(
                "upscale_factor",
                Takes::Number { min: 1.0, max: 4.0 },
                Some("2"),
                "How many times larger.",
            ),
            parameter(
                "creativity",
                Takes::Number { min: 0.0, max: 1.0 },
                Some("0.35"),
                "How much may be invented.",
            ),
            parameter(
                "resemblance",
                Takes::Number { min: 0.0, max: 1.0 },
                Some("0.6"),
                "How much must stay as it is.",
            ),
            parameter(
                "guidance_scale",
                Takes::Number {
                    min: 0.0,
                    max: 20.0,
                },
                Some("4"),
                "How closely to follow the prompt.",
            ),
            parameter(
                "num_inference_steps",
                Takes::Integer { min: 4, max: 50 },
                Some("18"),
                "More is finer and slower.",
            ),
            SEED,
        ],
        picture_limits: None,
        paths: &["fal-ai/clarity-upscaler"],
    },
    Model {
        id: "audio-gen",
        name: "Stable Audio 2.5",
        description: "Music and sound effects of up to three minutes.",
        kind: Kind::Audio,
        credits: Credits::of(40),
        expected_s: 30,
        rate_per_minute: 15,
        prompt: Prompt::Required,
        negative_prompt: false,
        reference: Reference::None,
        parameters: &[
            parameter(
                "seconds_total",
                Takes::Integer { min: 1, max: 190 },
                Some("190"),
                "How long.",
            ),
            parameter(
                "num_inference_steps",
                Takes::Integer { min: 4, max: 8 },
                Some("8"),
                "More is finer and slower.",
            ),
            parameter(
                "guidance_scale",
                Takes::Number {
                    min: 1.0,
                    max: 25.0,
                },
                Some("1"),
                "How closely to follow the prompt.",
            ),
            SEED,
        ],
        picture_limits: None,
        paths: &["fal-ai/stable-audio-25/text-to-audio"],
    },
];

//! The styles that ship with Velro: data, in our own words. They have no owner, so nobody can change them.
//! An id never changes, because generations name it.

use std::collections::BTreeMap;

use super::{
    Block, BlockText, Blocks, Keywords, StyleDescription, StyleDetails, StyleName, StyleTags,
};
use crate::ids::StyleId;
use crate::time::Timestamp;

/// A style that ships with Velro.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preset {
    /// Its id.
    pub id: StyleId,
    /// Its properties.
    pub details: StyleDetails,
}

impl Preset {
    /// When the presets were written: 2026-11-30.
    pub const WRITTEN_AT: Timestamp = Timestamp::from_ms(1_795_996_800_000);
}

/// Lists every preset.
#[must_use]
pub fn presets() -> Vec<Preset> {
    PRESETS.iter().filter_map(PresetData::read).collect()
}

/// Returns the preset with this id.
#[must_use]
pub fn preset(id: &StyleId) -> Option<Preset> {
    let found = PRESETS.iter().find(|preset| preset.id == id.as_str());
    found.and_then(PresetData::read)
}

/// A preset, as it is written here.
struct PresetData {
    id: &'static str,
    name: &'static str,
    description: &'static str,
    blocks: &'static [(Block, &'static str)],
    keywords: &'static [&'static str],
}

impl PresetData {
    /// Makes the preset by the rules of every style. A test makes sure that each preset passes.
    fn read(&self) -> Option<Preset> {
        let text =
            |(block, text): &(Block, &str)| Some((*block, BlockText::parse(*block, text).ok()?));
        let texts: Option<BTreeMap<_, _>> = self.blocks.iter().map(text).collect();
        let keywords: Vec<String> = self
            .keywords
            .iter()
            .map(|word| (*word).to_owned())
            .collect();
        let blocks = Blocks::new(texts?, Keywords::parse(&keywords).ok()?).ok()?;
        Some(Preset {
            id: StyleId::parse(self.id)?,
            details: StyleDetails {
                name: StyleName::parse(self.name).ok()?,
                description: StyleDescription::parse(self.description).ok(),
                blocks,
                tags: StyleTags::default(),
            },
        })
    }
}

const PRESETS: [PresetData; 12] = [
    PresetData {
        id: "sty_01M8MW0N00JP2J77QD4K1C0RZY",
        name: "Film noir",
        description: "Hard shadows in black and white, as in crime films of the forties.",
        blocks: &[
            (
                Block::Style,
                "black-and-white crime film of the 1940s, fine grain",
            ),
            (
                Block::Lighting,
                "one hard key light, deep shadows, light through blinds",
            ),
            (Block::Camera, "low angle, wide lens, deep focus"),
            (
                Block::Motion,
                "slow push in, smoke drifts through the light",
            ),
        ],
        keywords: &["high contrast", "wet asphalt", "mystery"],
    },
    PresetData {
        id: "sty_01M8MW0N00AM8GX6MDYQVPG1JF",
        name: "Golden hour",
        description: "The warm, low sun of the last hour of the day.",
        blocks: &[
            (Block::Style, "natural photograph with warm colours"),
            (
                Block::Lighting,
                "low sun from behind, long shadows, soft flare, glowing edges",
            ),
            (Block::Camera, "50 mm lens, shallow depth of field"),
            (
                Block::Motion,
                "gentle handheld drift, dust moves in the light",
            ),
        ],
        keywords: &["amber", "backlit", "calm"],
    },
    PresetData {
        id: "sty_01M8MW0N00ZJR5JSQB8KGCCXT4",
        name: "Studio product",
        description: "A product on its own, as a catalogue shows it.",
        blocks: &[
            (
                Block::Style,
                "clean commercial product photograph, true colours",
            ),
            (
                Block::Setting,
                "seamless light grey background, soft reflection below",
            ),
            (
                Block::Lighting,
                "two large softboxes, thin rim light, no harsh shadow",
            ),
            (Block::Camera, "85 mm lens, eye level, everything in focus"),
            (
                Block::Motion,
                "slow even turn of the product, camera stands still",
            ),
        ],
        keywords: &["minimal", "sharp detail"],
    },
    PresetData {
        id: "sty_01M8MW0N00Q721E8401S6AGAC4",
        name: "Watercolour",
        description: "Loose washes on rough paper.",
        blocks: &[
            (
                Block::Style,
                "loose watercolour painting on rough paper, wet edges, visible pigment",
            ),
            (
                Block::Lighting,
                "bright, airy, white of the paper left open",
            ),
            (Block::Motion, "colours bloom and run slowly"),
        ],
        keywords: &["soft wash", "paper texture", "delicate"],
    },
    PresetData {
        id: "sty_01M8MW0N00QH6XDJ9Z06MZ31HG",
        name: "Claymation",
        description: "Figures of clay, moved by hand, frame by frame.",
        blocks: &[
            (
                Block::Style,
                "stop-motion figures of modelling clay, fingerprints in the surface",
            ),
            (Block::Setting, "small handmade set of card and wood"),
            (Block::Lighting, "warm table lamps, soft shadows"),
            (
                Block::Camera,
                "close, at the height of the figures, shallow depth of field",
            ),
            (Block::Motion, "slightly jerky, twelve frames a second"),
        ],
        keywords: &["handmade", "playful"],
    },
    PresetData {
        id: "sty_01M8MW0N00MEBDYBAW0PM3RN3D",
        name: "Isometric",
        description: "A small world from above, without perspective.",
        blocks: &[
            (
                Block::Style,
                "isometric illustration, simple shapes, flat pastel colours",
            ),
            (
                Block::Camera,
                "from above at thirty degrees, parallel lines stay parallel",
            ),
            (Block::Lighting, "even light, one soft shadow to the right"),
            (
                Block::Motion,
                "small looping movements, camera stands still",
            ),
        ],
        keywords: &["miniature", "tidy", "vector look"],
    },
    PresetData {
        id: "sty_01M8MW0N005DFASTBGZK6XQ90P",
        name: "Documentary",
        description: "As it was met with, without staging.",
        blocks: &[
            (
                Block::Style,
                "unstaged documentary photograph, honest colours, slight grain",
            ),
            (Block::Lighting, "only the light that is there"),
            (
                Block::Camera,
                "35 mm lens, at eye level, close to the people",
            ),
            (Block::Motion, "handheld, follows what happens"),
        ],
        keywords: &["candid", "real life"],
    },
    PresetData {
        id: "sty_01M8MW0N0001HY4QZ73N7Y5H71",
        name: "Anime",
        description: "Drawn by hand, with clear lines and painted skies.",
        blocks: &[
            (
                Block::Style,
                "hand-drawn anime, clear outlines, two-tone shading, painted background",
            ),
            (
                Block::Lighting,
                "vivid sky light, bright highlights in eyes and hair",
            ),
            (Block::Camera, "dynamic angle, strong foreground"),
            (
                Block::Motion,
                "hair and clothes move in the wind, held poses between movements",
            ),
        ],
        keywords: &["expressive", "vivid colours"],
    },
    PresetData {
        id: "sty_01M8MW0N0035139HG4KYMSK08R",
        name: "Macro",
        description: "Very near, so that small things fill the picture.",
        blocks: &[
            (
                Block::Style,
                "extreme close-up photograph, finest surface detail",
            ),
            (
                Block::Camera,
                "macro lens, razor-thin focus, background dissolves",
            ),
            (Block::Lighting, "soft ring light, tiny reflections"),
            (Block::Motion, "focus travels slowly across the subject"),
        ],
        keywords: &["texture", "dew", "intimate"],
    },
    PresetData {
        id: "sty_01M8MW0N00MRPVWWE2V7K6R3MR",
        name: "Architectural",
        description: "Buildings, upright and calm.",
        blocks: &[
            (
                Block::Style,
                "architectural photograph, clean lines, restrained colours",
            ),
            (Block::Setting, "few people, open sky"),
            (Block::Lighting, "early evening, windows lit from inside"),
            (
                Block::Camera,
                "shift lens, verticals stay vertical, wide view",
            ),
            (Block::Motion, "slow straight slide along the front"),
        ],
        keywords: &["symmetry", "concrete and glass"],
    },
    PresetData {
        id: "sty_01M8MW0N00AYKKR6E883CZKEPD",
        name: "Vintage postcard",
        description: "A printed greeting from long ago.",
        blocks: &[
            (
                Block::Style,
                "coloured postcard of the 1910s, halftone print, faded inks, worn corners",
            ),
            (Block::Lighting, "flat summer light"),
            (Block::Camera, "wide view from a terrace"),
            (Block::Motion, "barely any, flags and water stir"),
        ],
        keywords: &["sepia", "nostalgic", "aged paper"],
    },
    PresetData {
        id: "sty_01M8MW0N00WZRT26TWFQTTDD3V",
        name: "Slow cinematic",
        description: "Wide, patient pictures, as in a long film.",
        blocks: &[
            (
                Block::Style,
                "widescreen film still, muted palette, soft film grain",
            ),
            (Block::Lighting, "motivated light, gentle contrast, haze"),
            (
                Block::Camera,
                "anamorphic lens, wide frame, subject small in it",
            ),
            (
                Block::Motion,
                "very slow dolly forward, long take, nothing hurries",
            ),
        ],
        keywords: &["atmospheric", "teal and amber"],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_is_a_style_and_found_by_its_id() {
        let all = presets();
        assert_eq!(all.len(), PRESETS.len());
        for (at, one) in all.iter().enumerate() {
            assert_eq!(preset(&one.id).as_ref(), Some(one));
            assert!(one.details.description.is_some(), "{:?}", one.details.name);
            let twins = all
                .iter()
                .filter(|other| other.id == one.id || other.details.name == one.details.name);
            assert_eq!(twins.count(), 1, "{at}");
        }
        assert_eq!(preset(&StyleId::new(Preset::WRITTEN_AT, 1)), None);
    }
}

//! The application of a style to a prompt, for each kind of model.

use proptest::prelude::*;

use super::super::tests::blocks;
use super::super::{BlockText, Keywords, presets};
use super::*;
use crate::catalogue::{find, models};
use crate::refusal::FieldError;

const WHOLE: [(Block, &str); 7] = [
    (Block::Description, "a quiet street"),
    (Block::Style, "ink and wash."),
    (Block::Camera, "low angle"),
    (Block::Lighting, "lit by one lamp..."),
    (Block::Setting, "a port town"),
    (Block::Motion, "slow pan"),
    (Block::Text, "Open."),
];

fn adapted(prompt: Option<&str>, blocks: &Blocks, model: &str) -> Result<String, Refusal> {
    adapt(prompt, blocks, find(model).expect("a model"))
}

fn problem(refused: Result<String, Refusal>) -> FieldError {
    match refused {
        Err(Refusal::Invalid(mut problems)) => problems.pop().expect("one"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_still_has_no_motion() {
    let blocks = blocks(&WHOLE, &["grain", "35 mm"]);
    assert_eq!(
        adapted(Some("A red fox"), &blocks, "flux-dev").expect("it fits"),
        "A red fox. a quiet street. Style: ink and wash. Setting: a port town. Lighting: lit by one lamp. \
         Camera: low angle. With the text \"Open\". grain, 35 mm."
    );
}

#[test]
fn a_video_is_told_what_moves() {
    let blocks = blocks(&WHOLE, &[]);
    assert_eq!(
        adapted(Some("A red fox runs! "), &blocks, "veo3").expect("it fits"),
        "A red fox runs! a quiet street. Style: ink and wash. Setting: a port town. Camera: low angle. \
         Motion: slow pan. Lighting: lit by one lamp. With the text \"Open\"."
    );
}

#[test]
fn what_makes_nothing_to_be_seen_or_takes_no_prompt_takes_no_style() {
    let blocks = blocks(&WHOLE, &[]);
    for model in models() {
        let takes = !matches!(model.id, "audio-gen" | "face-swap");
        assert_eq!(takes_style(model), takes, "{}", model.id);
        let adapted = adapt(Some("a fox"), &blocks, model);
        match takes {
            true => assert!(adapted.is_ok(), "{}", model.id),
            false => {
                let problem = problem(adapted);
                assert_eq!(
                    (problem.field.as_str(), problem.code),
                    (FIELD, FieldCode::Unsupported)
                );
            }
        }
    }
}

#[test]
fn a_style_without_a_word_for_a_model_adds_nothing_and_is_no_prompt_of_its_own() {
    let blocks = blocks(&[(Block::Motion, "slow pan"), (Block::Style, "...")], &[]);
    let own = adapted(Some("A red fox"), &blocks, "flux-dev");
    assert_eq!(own.expect("it fits"), "A red fox.");
    let none = problem(adapted(None, &blocks, "image-enhance"));
    assert_eq!(none.code, FieldCode::NotAllowed);
}

#[test]
fn a_style_stands_alone_where_no_prompt_is_needed() {
    let blocks = blocks(&[(Block::Style, "ink")], &[]);
    let alone = adapted(None, &blocks, "image-enhance").expect("it fits");
    assert_eq!(alone, "Style: ink.");
}

#[test]
fn what_does_not_fit_says_how_long_it_is() {
    // " Style: " and "." and the full stop of the prompt are 10 characters.
    let room = PROMPT_CHARS_MAX - 10;
    let of = |chars: usize| blocks(&[(Block::Style, &"🦊".repeat(chars))], &[]);
    let fits = adapted(Some("fox"), &of(room - 3), "veo3").expect("it fits");
    assert_eq!(fits.chars().count(), PROMPT_CHARS_MAX);
    let problem = problem(adapted(Some("fox"), &of(room - 2), "veo3"));
    assert_eq!(
        (problem.field.as_str(), problem.code),
        (FIELD, FieldCode::TooLong)
    );
    assert!(
        problem.message.contains("2001 characters"),
        "{}",
        problem.message
    );
    assert!(
        problem.message.contains("at most 2000"),
        "{}",
        problem.message
    );
}

#[test]
fn every_preset_fits_every_model_that_takes_styles_with_room_for_a_prompt() {
    let prompt = "x".repeat(1_000);
    for preset in presets() {
        for model in models().iter().filter(|model| takes_style(model)) {
            let adapted = adapt(Some(&prompt), &preset.details.blocks, model);
            assert!(adapted.is_ok(), "{:?} {}", preset.details.name, model.id);
        }
    }
}

/// Any text of a block, or none.
fn text() -> impl Strategy<Value = Option<String>> {
    proptest::option::of("[a-z.!?\" \n]{1,700}")
}

proptest! {
    #[test]
    fn the_prompt_comes_first_and_the_whole_fits(
        prompt in "[a-zA-Z.!?] ?[a-z.!? \n]{0,1200}",
        texts in proptest::collection::vec(text(), 7),
        keywords in proptest::collection::hash_set("[a-z]{1,20}", 0..20),
    ) {
        let given = Block::ALL.into_iter().zip(texts);
        let given = given.filter_map(|(block, text)| {
            Some((block, BlockText::parse(block, &text?).ok()?))
        });
        let keywords: Vec<String> = keywords.into_iter().collect();
        let keywords = Keywords::parse(&keywords).expect("fine");
        let Ok(blocks) = Blocks::new(given.collect(), keywords) else {
            return Ok(());
        };
        for model in models().iter().filter(|model| takes_style(model)) {
            let first = adapt(Some(&prompt), &blocks, model);
            prop_assert_eq!(&first, &adapt(Some(&prompt), &blocks, model));
            let Ok(adapted) = first else { continue };
            prop_assert!(adapted.starts_with(prompt.trim_end()));
            prop_assert!(adapted.chars().count() <= PROMPT_CHARS_MAX);
            prop_assert!(model.kind == Kind::Video || !adapted.contains("Motion: "));
            prop_assert!(adapted.ends_with(ENDS));
        }
    }
}

//! The application of a style to a prompt. The author's words come first, then the style's, in the
//! vocabulary and the order for the kind of model. Owns that vocabulary, which is data, and the check that
//! the result fits the model; refuses to know where a style comes from.

use super::{Block, Blocks};
use crate::catalogue::{Kind, Model, PROMPT_CHARS_MAX, Prompt};
use crate::refusal::{FieldCode, Refusal};

/// The field of a request that names a style.
const FIELD: &str = "style_id";
/// The characters that end a sentence.
const ENDS: [char; 7] = ['.', '!', '?', '…', '。', '！', '？'];

/// The wording of a block in a sentence.
struct Wording {
    block: Block,
    before: &'static str,
    after: &'static str,
}

const fn wording(block: Block, before: &'static str) -> Wording {
    let after = "";
    Wording {
        block,
        before,
        after,
    }
}

const WRITTEN: Wording = Wording {
    block: Block::Text,
    before: "With the text \"",
    after: "\"",
};

/// A still picture has no motion.
const IMAGE: [Wording; 6] = [
    wording(Block::Description, ""),
    wording(Block::Style, "Style: "),
    wording(Block::Setting, "Setting: "),
    wording(Block::Lighting, "Lighting: "),
    wording(Block::Camera, "Camera: "),
    WRITTEN,
];
const VIDEO: [Wording; 7] = [
    wording(Block::Description, ""),
    wording(Block::Style, "Style: "),
    wording(Block::Setting, "Setting: "),
    wording(Block::Camera, "Camera: "),
    wording(Block::Motion, "Motion: "),
    wording(Block::Lighting, "Lighting: "),
    WRITTEN,
];

/// The wording for models of this kind. There is none for sound.
const fn vocabulary(kind: Kind) -> Option<&'static [Wording]> {
    match kind {
        Kind::Image => Some(&IMAGE),
        Kind::Video => Some(&VIDEO),
        Kind::Audio => None,
    }
}

/// Whether `model` takes a style: it takes a prompt, and its media are visible.
#[must_use]
pub const fn takes_style(model: &Model) -> bool {
    vocabulary_of(model).is_some()
}

const fn vocabulary_of(model: &Model) -> Option<&'static [Wording]> {
    match model.prompt {
        Prompt::Required | Prompt::Optional => vocabulary(model.kind),
        Prompt::None => None,
    }
}

/// Returns the prompt for `model`: the author's own prompt, then the style's content. The same style and
/// prompt always give the same result.
///
/// # Errors
/// [`Refusal::Invalid`] for `style_id` if the model takes no style, nothing in the style applies to it,
/// or the result is longer than its prompts may be.
pub fn adapt(prompt: Option<&str>, blocks: &Blocks, model: &Model) -> Result<String, Refusal> {
    let Some(vocabulary) = vocabulary_of(model) else {
        let message = format!("{} takes no style", model.id);
        return Err(Refusal::field(FIELD, FieldCode::Unsupported, message));
    };
    let own = prompt.map(|prompt| ended(prompt.trim_end()));
    let texts = vocabulary.iter().filter_map(|wording| {
        let text = blocks.text(wording.block)?;
        sentence(wording.before, text, wording.after)
    });
    let keywords = blocks.keywords().as_slice().join(", ");
    let keywords = sentence("", &keywords, "");
    let adapted: Vec<String> = own.into_iter().chain(texts).chain(keywords).collect();
    if adapted.is_empty() {
        let message = format!("says nothing that {} could use", model.id);
        return Err(Refusal::field(FIELD, FieldCode::NotAllowed, message));
    }
    let adapted = adapted.join(" ");
    match adapted.chars().count() {
        count if count > PROMPT_CHARS_MAX => {
            let message = format!(
                "makes a prompt of {count} characters; {} takes at most {PROMPT_CHARS_MAX}",
                model.id
            );
            Err(Refusal::field(FIELD, FieldCode::TooLong, message))
        }
        _ => Ok(adapted),
    }
}

/// Makes a sentence about `text`, unless that consists of full stops only.
fn sentence(before: &str, text: &str, after: &str) -> Option<String> {
    let said = text.trim_end_matches(|c: char| c == '.' || c.is_whitespace());
    (!said.is_empty()).then(|| ended(&format!("{before}{said}{after}")))
}

/// Returns `text` with a full stop, unless it already ends as a sentence.
fn ended(text: &str) -> String {
    let stop = if text.ends_with(ENDS) { "" } else { "." };
    format!("{text}{stop}")
}

#[cfg(test)]
#[path = "adapt_tests.rs"]
mod tests;

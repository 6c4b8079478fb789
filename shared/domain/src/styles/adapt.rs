//! What a style makes of a prompt: the author's words first, then the style's, in the words and the order of
//! the kind of model that they are for. Owns that vocabulary, which is data, and that the whole fits the
//! model; refuses to know where a style comes from.

use super::{Block, Blocks};
use crate::catalogue::{Kind, Model, PROMPT_CHARS_MAX, Prompt};
use crate::refusal::{FieldCode, Refusal};

/// What a request names a style with.
const FIELD: &str = "style_id";
/// What ends a sentence.
const ENDS: [char; 7] = ['.', '!', '?', '…', '。', '！', '？'];

/// How a block is put into a sentence.
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

/// A still has no motion.
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

/// How styles are worded for models of this kind; nothing in one is about sound.
const fn vocabulary(kind: Kind) -> Option<&'static [Wording]> {
    match kind {
        Kind::Image => Some(&IMAGE),
        Kind::Video => Some(&VIDEO),
        Kind::Audio => None,
    }
}

/// Whether `model` takes a style at all: it takes a prompt, and what it makes can be seen.
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

/// The prompt that `model` is told: the author's own, then what the style says. The same style makes the same
/// of the same prompt each time.
///
/// # Errors
/// [`Refusal::Invalid`] naming `style_id` if the model takes no style, nothing that the style says is for it,
/// or the whole is longer than its prompts may be.
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

/// A sentence about `text`, if there is more to it than full stops.
fn sentence(before: &str, text: &str, after: &str) -> Option<String> {
    let said = text.trim_end_matches(|c: char| c == '.' || c.is_whitespace());
    (!said.is_empty()).then(|| ended(&format!("{before}{said}{after}")))
}

/// `text` with a full stop, unless it ends as a sentence does.
fn ended(text: &str) -> String {
    let stop = if text.ends_with(ENDS) { "" } else { "." };
    format!("{text}{stop}")
}

#[cfg(test)]
#[path = "adapt_tests.rs"]
mod tests;

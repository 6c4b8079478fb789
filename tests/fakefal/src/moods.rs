//! Moods: answers for all of an account, which come before the prompts of single jobs.

use serde::{Deserialize, Serialize};

use crate::answers::{Answer, Stage};

/// The behaviour of fal towards the whole account. A field without a value changes nothing, so the default
/// mood is a good day.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mood {
    /// The answer to every submit; the job is not accepted, unless its prompt says `[[submit-accepted]]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub submit: Option<Answer>,
    /// The answer to every question for a status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Answer>,
    /// The answer to every question for a result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Answer>,
    /// The answer to every cancel; nothing is cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancel: Option<Answer>,
    /// The answer to every request for a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media: Option<Answer>,
    /// The most jobs that may work at a time; the others wait in the queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
}

impl Mood {
    /// Its answer at `stage`.
    pub(crate) const fn answer(&self, stage: Stage) -> Option<&Answer> {
        match stage {
            Stage::Submit => self.submit.as_ref(),
            Stage::Status => self.status.as_ref(),
            Stage::Result => self.result.as_ref(),
            Stage::Cancel => self.cancel.as_ref(),
            Stage::Media => self.media.as_ref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mood_is_written_as_it_was_read_and_what_is_absent_is_as_usual() {
        let text = r#"{"submit":"403/detail","status":"hang","media":"503","concurrency":2}"#;
        let mood: Mood = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&mood).unwrap(), text);
        assert_eq!(mood.answer(Stage::Status), mood.status.as_ref());
        assert_eq!(mood.answer(Stage::Result), None);
        assert_eq!(serde_json::from_str::<Mood>("{}").unwrap(), Mood::default());
    }

    #[test]
    fn a_mood_with_an_unknown_field_or_answer_is_refused() {
        for text in [
            r#"{"sumbit":"504"}"#,
            r#"{"submit":"504:2"}"#,
            r#"{"submit":504}"#,
            r#"{"concurrency":-1}"#,
        ] {
            assert!(serde_json::from_str::<Mood>(text).is_err(), "{text}");
        }
    }
}

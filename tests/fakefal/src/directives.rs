//! `[[directives]]` in a prompt: a test's script for one job.
//!
//! Owns their grammar. An unknown directive is left in the prompt, and does nothing.

use std::collections::BTreeMap;

use crate::answers::{Answer, Script, Stage, split_times};
use crate::units::{bytes, bytes_per_second, duration_ms};

/// The most webhooks that one job can be told to send.
const WEBHOOKS_MAX: u32 = 1_000;

/// The directives of one prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Directives {
    /// `[[delay:5s]]`, `[[delay:250ms]]`: the time that the job takes.
    pub(crate) delay_ms: Option<i64>,
    /// `[[fail]]`, `[[fail:TYPE]]`: the type of the error that it ends with.
    pub(crate) fail: Option<String>,
    /// `[[webhook:10]]`, `[[no-webhook]]`: the number of webhooks that are sent.
    pub(crate) webhooks: u32,
    /// `[[webhook-first]]`: the webhook is sent before the submit is answered.
    pub(crate) webhook_first: bool,
    /// `[[webhook-payload:null]]`: the payload of the webhooks in place of the result.
    pub(crate) webhook_payload: Option<Payload>,
    /// `[[drop-submit]]`: the job is accepted, and the connection closed without an answer.
    pub(crate) drop_submit: bool,
    /// `[[reject:503]]`, `[[reject:503:2]]`: the job is refused, always or this number of times.
    pub(crate) reject: Option<Reject>,
    /// `[[STAGE:ANSWER]]`, `[[STAGE:ANSWER:TIMES]]`: an answer in place of the real one.
    answers: BTreeMap<Stage, Script<Answer>>,
    /// `[[submit-accepted]]`: the job is accepted whatever a scripted answer says.
    pub(crate) submit_accepted: bool,
    /// `[[word:FAILED]]`, `[[word:FAILED:2]]`: the word of a status for the end in place of `COMPLETED`.
    pub(crate) words: Script<String>,
    /// `[[position:7]]`: the job's place in the queue by its status, one less at each look.
    pub(crate) position: Option<u32>,
    /// `[[lost]]`: the job never ends.
    pub(crate) lost: bool,
    /// `[[bad-media]]`: the files cannot be fetched.
    pub(crate) bad_media: bool,
    /// `[[missing:0,2]]`: these files cannot be fetched.
    pub(crate) missing: Vec<u64>,
    /// `[[nsfw]]`: the output is flagged as unsafe.
    pub(crate) nsfw: bool,
    /// `[[flag:1,3]]`: these pictures are flagged as unsafe.
    pub(crate) flagged: Vec<u64>,
    /// The delivery of the files.
    pub(crate) media: Media,
    /// `[[no-cancel]]`: a cancel is accepted, and changes nothing.
    pub(crate) no_cancel: bool,
}

/// The delivery of a job's files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Media {
    /// `[[media-bytes:250MiB]]`: the size that they are padded to.
    pub(crate) bytes: Option<u64>,
    /// `[[media-rate:2MB/s]]`: the speed at which they come.
    pub(crate) bytes_per_second: Option<u64>,
    /// `[[media-delay:40s]]`: the time before the first byte.
    pub(crate) delay_ms: Option<i64>,
    /// `[[media-cut:70kB]]`, `[[media-cut:70kB:2]]`: the number of bytes after which the connection ends.
    pub(crate) cuts: Script<u64>,
    /// `[[no-range]]`: a request for a part gets everything.
    pub(crate) no_range: bool,
}

/// A refusal to accept a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reject {
    pub(crate) status: u16,
    /// The number of refusals; `None` for always.
    pub(crate) times: Option<u32>,
}

/// The payload of a webhook in place of the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Payload {
    /// `null`, and an error that tells the reason.
    Null,
    /// A string of HTML.
    Html,
    /// `{"detail": "plain text"}`
    Plain,
    /// `{}`
    Empty,
}

impl Directives {
    /// Reads the directives in `prompt`.
    pub(crate) fn read(prompt: &str) -> Self {
        let mut found = Self::none();
        for part in prompt.split("[[").skip(1) {
            let Some((directive, _)) = part.split_once("]]") else {
                continue;
            };
            match directive.split_once(':') {
                Some((name, value)) => found.take(name, value),
                None => found.take_bare(directive),
            }
        }
        found
    }

    /// The scripted answers at `stage`, if there are any.
    pub(crate) fn answers(&self, stage: Stage) -> Option<&Script<Answer>> {
        self.answers.get(&stage)
    }

    const fn none() -> Self {
        Self {
            delay_ms: None,
            fail: None,
            webhooks: 1,
            webhook_first: false,
            webhook_payload: None,
            drop_submit: false,
            reject: None,
            answers: BTreeMap::new(),
            submit_accepted: false,
            words: Script::new(),
            position: None,
            lost: false,
            bad_media: false,
            missing: Vec::new(),
            nsfw: false,
            flagged: Vec::new(),
            media: Media {
                bytes: None,
                bytes_per_second: None,
                delay_ms: None,
                cuts: Script::new(),
                no_range: false,
            },
            no_cancel: false,
        }
    }

    fn take_bare(&mut self, name: &str) {
        match name {
            "fail" => self.fail = Some("internal_server_error".to_owned()),
            "no-webhook" => self.webhooks = 0,
            "webhook-first" => self.webhook_first = true,
            "drop-submit" => self.drop_submit = true,
            "submit-accepted" => self.submit_accepted = true,
            "lost" => self.lost = true,
            "bad-media" => self.bad_media = true,
            "nsfw" => self.nsfw = true,
            "no-range" => self.media.no_range = true,
            "no-cancel" => self.no_cancel = true,
            _ => {}
        }
    }

    fn take(&mut self, name: &str, value: &str) {
        let media = &mut self.media;
        match name {
            "delay" => self.delay_ms = duration_ms(value).or(self.delay_ms),
            "fail" => self.fail = Some(value.to_owned()),
            "webhook" => self.webhooks = value.parse().unwrap_or(1).min(WEBHOOKS_MAX),
            "webhook-payload" => {
                self.webhook_payload = Payload::named(value).or(self.webhook_payload);
            }
            "reject" => self.reject = reject(value).or(self.reject),
            "word" => {
                let (word, times) = split_times(value);
                self.words.push(word.to_owned(), times);
            }
            "position" => self.position = value.parse().ok().or(self.position),
            "flag" => self.flagged.extend(numbers(value)),
            "missing" => self.missing.extend(numbers(value)),
            "media-bytes" => media.bytes = bytes(value).or(media.bytes),
            "media-rate" => {
                media.bytes_per_second = bytes_per_second(value).or(media.bytes_per_second);
            }
            "media-delay" => media.delay_ms = duration_ms(value).or(media.delay_ms),
            "media-cut" => {
                let (size, times) = split_times(value);
                if let Some(size) = bytes(size) {
                    media.cuts.push(size, times);
                }
            }
            name => self.take_answer(name, value),
        }
    }

    fn take_answer(&mut self, stage: &str, value: &str) {
        let (answer, times) = split_times(value);
        if let (Some(stage), Ok(answer)) = (Stage::named(stage), answer.parse()) {
            let script = self.answers.entry(stage).or_insert(Script::new());
            script.push(answer, times);
        }
    }
}

impl Payload {
    fn named(name: &str) -> Option<Self> {
        match name {
            "null" => Some(Self::Null),
            "html" => Some(Self::Html),
            "plain" => Some(Self::Plain),
            "empty" => Some(Self::Empty),
            _ => None,
        }
    }
}

fn reject(text: &str) -> Option<Reject> {
    let (status, times) = match text.split_once(':') {
        Some((status, times)) => (status, Some(times.parse().ok()?)),
        None => (text, None),
    };
    let status = status.parse().ok().filter(|s| (400..600).contains(s))?;
    Some(Reject { status, times })
}

/// Reads `1,3`; an empty list if any of it is not a number.
fn numbers(text: &str) -> Vec<u64> {
    let numbers: Result<Vec<u64>, _> = text.split(',').map(|part| part.trim().parse()).collect();
    numbers.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_are_read_wherever_they_stand_and_whatever_their_numbers() {
        let read = Directives::read("a [[delay:5s]] cat [[webhook:10]][[reject:429:2]] [[odd]] [[");
        assert_eq!(read.delay_ms, Some(5_000));
        assert_eq!(read.webhooks, 10);
        assert_eq!(
            read.reject,
            Some(Reject {
                status: 429,
                times: Some(2)
            })
        );
        assert_eq!(
            Directives::read("[[delay:250ms]]").delay_ms,
            Some(250),
            "milliseconds"
        );
        assert_eq!(
            Directives::read("[[fail:no_media_generated]]").fail,
            Some("no_media_generated".to_owned())
        );
        assert_eq!(
            Directives::read("no [directive] here"),
            Directives::read("")
        );
    }

    #[test]
    fn what_is_no_directive_does_nothing() {
        for wrong in [
            "[[delay:-1s]]",
            "[[delay:x]]",
            "[[delay]]",
            "[[reject:200]]",
            "[[reject:x]]",
            "[[lost:1]]",
            "[[submit]]",
            "[[submit:]]",
            "[[submit:odd]]",
            "[[submit:504:x]]",
            "[[settle:504]]",
            "[[position:-1]]",
            "[[webhook-payload:odd]]",
            "[[flag:one]]",
            "[[missing:1,x]]",
            "[[media-bytes:much]]",
            "[[media-rate:2MB]]",
            "[[media-cut:x:2]]",
        ] {
            assert_eq!(Directives::read(wrong), Directives::none(), "{wrong}");
        }
    }

    #[test]
    fn several_answers_of_a_stage_keep_their_order() {
        let read = Directives::read(
            "[[submit:504:1]] [[status:hang]] [[submit:302=http://a:80/b:2]] [[submit:200/cut]]",
        );
        let submit = read.answers(Stage::Submit).unwrap();
        let at = |number| submit.at(number).map(ToString::to_string);
        assert_eq!(at(1).as_deref(), Some("504"));
        assert_eq!(at(2).as_deref(), Some("302=http://a:80/b"));
        assert_eq!(at(3).as_deref(), Some("302=http://a:80/b"));
        assert_eq!(at(4).as_deref(), Some("200/cut"));
        let status = read.answers(Stage::Status).unwrap();
        assert_eq!(status.at(9).map(ToString::to_string).unwrap(), "hang");
        assert_eq!(read.answers(Stage::Result), None);
    }

    #[test]
    fn the_words_of_the_end_and_the_place_in_the_queue_are_read() {
        let read = Directives::read("[[word:FAILED:2]][[word:TIMED OUT]][[position:7]]");
        assert_eq!(read.words.at(2).unwrap(), "FAILED");
        assert_eq!(read.words.at(3).unwrap(), "TIMED OUT");
        assert_eq!(read.position, Some(7));
    }

    #[test]
    fn how_files_come_is_read() {
        let read = Directives::read(
            "[[media-bytes:250MiB]][[media-rate:2MB/s]][[media-delay:40s]][[media-cut:70kB:2]]\
             [[media-cut:1]][[no-range]][[flag:1,3]][[missing:0, 2]][[webhook-payload:html]]",
        );
        assert_eq!(read.media.bytes, Some(250 << 20));
        assert_eq!(read.media.bytes_per_second, Some(2_000_000));
        assert_eq!(read.media.delay_ms, Some(40_000));
        assert_eq!(read.media.cuts.at(2), Some(&70_000));
        assert_eq!(read.media.cuts.at(3), Some(&1));
        assert!(read.media.no_range);
        assert_eq!((read.flagged, read.missing), (vec![1, 3], vec![0, 2]));
        assert_eq!(read.webhook_payload, Some(Payload::Html));
    }

    #[test]
    fn the_readme_describes_no_directive_that_does_nothing() {
        let readme = include_str!("../README.md");
        let mut described = 0;
        for part in readme.split("[[").skip(1) {
            let directive = part.split("]]").next().unwrap();
            if !directive.starts_with("STAGE") {
                let read = Directives::read(&format!("[[{directive}]]"));
                assert_ne!(read, Directives::none(), "{directive}");
                described += 1;
            }
        }
        assert!(described > 30);
    }
}

//! `[[directives]]` in a prompt: what a test wants to become of a job.
//!
//! Owns their grammar. One that is not known is left in the prompt, and does nothing.

/// The most webhooks that one job can be told to send.
const WEBHOOKS_MAX: u32 = 1_000;

/// What a prompt asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Directives {
    /// `[[delay:5s]]`, `[[delay:250ms]]`: how long the job takes.
    pub(crate) delay_ms: Option<i64>,
    /// `[[fail]]`, `[[fail:TYPE]]`: the type of the error that it ends with.
    pub(crate) fail: Option<String>,
    /// `[[webhook:10]]`, `[[no-webhook]]`: how many webhooks are sent.
    pub(crate) webhooks: u32,
    /// `[[webhook-first]]`: the webhook is sent before the submit is answered.
    pub(crate) webhook_first: bool,
    /// `[[drop-submit]]`: the job is accepted, and the connection closed without an answer.
    pub(crate) drop_submit: bool,
    /// `[[reject:503]]`, `[[reject:503:2]]`: the job is not accepted, always or so many times.
    pub(crate) reject: Option<Reject>,
    /// `[[lost]]`: the job never ends.
    pub(crate) lost: bool,
    /// `[[bad-media]]`: what was made is said to be where nothing is ever fetched from.
    pub(crate) bad_media: bool,
    /// `[[nsfw]]`: what was made is flagged as unsafe.
    pub(crate) nsfw: bool,
    /// `[[no-cancel]]`: a cancel is accepted, and changes nothing.
    pub(crate) no_cancel: bool,
}

/// A refusal to accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reject {
    pub(crate) status: u16,
    /// How often; `None` for always.
    pub(crate) times: Option<u32>,
}

impl Directives {
    /// Those in `prompt`.
    pub(crate) fn read(prompt: &str) -> Self {
        let mut found = Self {
            delay_ms: None,
            fail: None,
            webhooks: 1,
            webhook_first: false,
            drop_submit: false,
            reject: None,
            lost: false,
            bad_media: false,
            nsfw: false,
            no_cancel: false,
        };
        for part in prompt.split("[[").skip(1) {
            let Some((directive, _)) = part.split_once("]]") else {
                continue;
            };
            let (name, value) = directive
                .split_once(':')
                .map_or((directive, None), |(name, value)| (name, Some(value)));
            match (name, value) {
                ("delay", Some(value)) => found.delay_ms = duration_ms(value).or(found.delay_ms),
                ("fail", kind) => {
                    found.fail = Some(kind.unwrap_or("internal_server_error").to_owned());
                }
                ("no-webhook", None) => found.webhooks = 0,
                ("webhook", Some(times)) => {
                    found.webhooks = times.parse().unwrap_or(1).min(WEBHOOKS_MAX);
                }
                ("webhook-first", None) => found.webhook_first = true,
                ("drop-submit", None) => found.drop_submit = true,
                ("reject", Some(value)) => found.reject = reject(value).or(found.reject),
                ("lost", None) => found.lost = true,
                ("bad-media", None) => found.bad_media = true,
                ("nsfw", None) => found.nsfw = true,
                ("no-cancel", None) => found.no_cancel = true,
                _ => {}
            }
        }
        found
    }
}

fn duration_ms(text: &str) -> Option<i64> {
    let (number, factor) = match text.strip_suffix("ms") {
        Some(number) => (number, 1),
        None => (text.strip_suffix('s').unwrap_or(text), 1_000),
    };
    let number: i64 = number.parse().ok().filter(|number| *number >= 0)?;
    number.checked_mul(factor)
}

fn reject(text: &str) -> Option<Reject> {
    let (status, times) = match text.split_once(':') {
        Some((status, times)) => (status, Some(times.parse().ok()?)),
        None => (text, None),
    };
    let status = status.parse().ok().filter(|s| (400..600).contains(s))?;
    Some(Reject { status, times })
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
        let plain = Directives::read("no [directive] here");
        assert_eq!(plain, Directives::read(""));
        for wrong in [
            "[[delay:-1s]]",
            "[[delay:x]]",
            "[[reject:200]]",
            "[[reject:x]]",
        ] {
            assert_eq!(Directives::read(wrong), plain, "{wrong}");
        }
    }
}

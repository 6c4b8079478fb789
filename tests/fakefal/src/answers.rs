//! Scripted answers, which the stand-in gives in place of the real answer.
//!
//! Owns their notation (`504`, `502/html`, `422/typed=TYPE`, `302=URL`, `hang`) and the order in which
//! several of them are used up. Refuses to know their form on the wire.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The requests that can be scripted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    Submit,
    Status,
    Result,
    Cancel,
    Media,
}

impl Stage {
    const ALL: [Self; 5] = [
        Self::Submit,
        Self::Status,
        Self::Result,
        Self::Cancel,
        Self::Media,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Submit => "submit",
            Self::Status => "status",
            Self::Result => "result",
            Self::Cancel => "cancel",
            Self::Media => "media",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.name() == name)
    }
}

/// A scripted answer: a status with an optional body, such as `504` or `502/html`, or `hang`. The README of
/// this crate describes all of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Answer {
    text: String,
    act: Act,
}

/// A text that is not an [`Answer`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no answer: one is a status with an optional body, such as 504 or 502/html, or hang"
)]
pub struct UnknownAnswer(String);

/// The effect of a scripted answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// No answer at all.
    Hang,
    /// An answer.
    Reply {
        /// From 200 to 599.
        status: u16,
        body: Body,
        /// The target of a redirect, if the answer names one.
        location: Option<String>,
    },
}

/// The body of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// `{"detail": "plain text"}`
    Detail,
    /// A page of HTML.
    Html,
    /// Nothing.
    Empty,
    /// The beginning of the real answer.
    Cut,
    /// `null`
    Null,
    /// A model's error of this type.
    Typed(String),
    /// The platform's error of this type.
    Error(String),
}

impl Answer {
    pub(crate) const fn act(&self) -> &Act {
        &self.act
    }
}

impl FromStr for Answer {
    type Err = UnknownAnswer;

    fn from_str(text: &str) -> Result<Self, UnknownAnswer> {
        let act = read(text).ok_or_else(|| UnknownAnswer(text.to_owned()))?;
        let text = text.to_owned();
        Ok(Self { text, act })
    }
}

impl TryFrom<String> for Answer {
    type Error = UnknownAnswer;

    fn try_from(text: String) -> Result<Self, UnknownAnswer> {
        text.parse()
    }
}

impl From<Answer> for String {
    fn from(answer: Answer) -> Self {
        answer.text
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

fn read(text: &str) -> Option<Act> {
    if text == "hang" {
        return Some(Act::Hang);
    }
    let (status, rest) = text.split_at_checked(3)?;
    let status = status.parse().ok().filter(|s| (200..600).contains(s))?;
    let (body, location) = if rest.is_empty() {
        let is_error = status >= 400;
        (if is_error { Body::Detail } else { Body::Empty }, None)
    } else if let Some(body) = rest.strip_prefix('/') {
        (read_body(body)?, None)
    } else if (300..400).contains(&status) {
        let address = rest.strip_prefix('=').filter(|address| is_plain(address))?;
        (Body::Empty, Some(address.to_owned()))
    } else {
        return None;
    };
    Some(Act::Reply {
        status,
        body,
        location,
    })
}

fn read_body(text: &str) -> Option<Body> {
    let (name, kind) = match text.split_once('=') {
        Some((name, kind)) => (name, Some(kind).filter(|kind| is_plain(kind))?.to_owned()),
        None => (text, String::new()),
    };
    let or = |usual: &str| match kind.as_str() {
        "" => usual.to_owned(),
        kind => kind.to_owned(),
    };
    Some(match name {
        "typed" => Body::Typed(or("internal_server_error")),
        "error" => Body::Error(or("internal_error")),
        _ if !kind.is_empty() => return None,
        "detail" => Body::Detail,
        "html" => Body::Html,
        "empty" => Body::Empty,
        "cut" => Body::Cut,
        "null" => Body::Null,
        _ => return None,
    })
}

/// Whether a text can stand in a header.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Things that are used up in their order: each a number of times, or for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Script<T>(Vec<(T, Option<u32>)>);

impl<T> Script<T> {
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a thing at the end; without `times` it is for ever.
    pub(crate) fn push(&mut self, thing: T, times: Option<u32>) {
        self.0.push((thing, times));
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Picks the thing for use `number`, counted from 1. `None` when all are used up.
    pub(crate) fn at(&self, number: u32) -> Option<&T> {
        let mut left = number;
        for (thing, times) in &self.0 {
            match times {
                Some(times) if left > *times => left -= times,
                Some(_) | None => return Some(thing),
            }
        }
        None
    }
}

/// Splits `THING:TIMES`. A text without a number at its end is the thing as a whole.
pub(crate) fn split_times(text: &str) -> (&str, Option<u32>) {
    let split = text.rsplit_once(':');
    let split = split.and_then(|(thing, times)| Some((thing, times.parse().ok()?)));
    split.map_or((text, None), |(thing, times)| (thing, Some(times)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn act(text: &str) -> Act {
        text.parse::<Answer>().unwrap().act
    }

    #[test]
    fn an_answer_is_a_status_and_what_it_says() {
        for (text, status, body) in [
            ("504", 504, Body::Detail),
            ("200", 200, Body::Empty),
            ("302", 302, Body::Empty),
            ("502/html", 502, Body::Html),
            ("200/empty", 200, Body::Empty),
            ("200/cut", 200, Body::Cut),
            ("200/null", 200, Body::Null),
            ("403/detail", 403, Body::Detail),
            (
                "422/typed",
                422,
                Body::Typed("internal_server_error".into()),
            ),
            ("422/typed=one_of", 422, Body::Typed("one_of".into())),
            ("500/error", 500, Body::Error("internal_error".into())),
            ("503/error=a_b", 503, Body::Error("a_b".into())),
        ] {
            let expected = Act::Reply {
                status,
                body,
                location: None,
            };
            assert_eq!(act(text), expected, "{text}");
        }
        assert_eq!(act("hang"), Act::Hang);
    }

    #[test]
    fn a_redirect_may_say_where_it_leads() {
        let expected = Act::Reply {
            status: 302,
            body: Body::Empty,
            location: Some("https://example.com/a?b=c".to_owned()),
        };
        assert_eq!(act("302=https://example.com/a?b=c"), expected);
    }

    #[test]
    fn what_is_no_answer_is_told_by_its_text() {
        for text in [
            "",
            "5",
            "50",
            "5040",
            "199",
            "600",
            "+20",
            "abc",
            "504/",
            "504/odd",
            "504/html=x",
            "422/typed=",
            "422/typed=a b",
            "302=",
            "302=a b",
            "200=https://x",
            "hang/html",
            "504:2",
            "é04",
        ] {
            let problem = text.parse::<Answer>().unwrap_err().to_string();
            assert!(problem.starts_with(&format!("`{text}` is no answer")));
        }
    }

    #[test]
    fn an_answer_is_written_as_it_was_read() {
        let answer: Answer = serde_json::from_str("\"422/typed=one_of\"").unwrap();
        assert_eq!(answer.to_string(), "422/typed=one_of");
        let written = serde_json::to_string(&answer).unwrap();
        assert_eq!(written, "\"422/typed=one_of\"");
        assert!(serde_json::from_str::<Answer>("\"odd\"").is_err());
    }

    #[test]
    fn a_script_is_used_up_in_its_order_and_the_last_may_be_for_ever() {
        let mut script = Script::new();
        assert_eq!(script.at(1), None);
        script.push("a", Some(2));
        script.push("never", Some(0));
        script.push("b", Some(1));
        let found: Vec<_> = (1..=4).map(|number| script.at(number).copied()).collect();
        assert_eq!(found, [Some("a"), Some("a"), Some("b"), None]);
        script.push("c", None);
        assert_eq!(
            (script.at(4), script.at(u32::MAX)),
            (Some(&"c"), Some(&"c"))
        );
    }

    #[test]
    fn a_number_at_the_end_says_how_many_times() {
        for (text, expected) in [
            ("504:2", ("504", Some(2))),
            ("504", ("504", None)),
            ("302=http://a:80/b", ("302=http://a:80/b", None)),
            ("302=http://a:80/b:3", ("302=http://a:80/b", Some(3))),
            ("504:x", ("504:x", None)),
            (":2", ("", Some(2))),
        ] {
            assert_eq!(split_times(text), expected, "{text}");
        }
    }
}

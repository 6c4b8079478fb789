//! The texts of letters: plain text and HTML are made of the same lines. Owns the words; refuses to know
//! how a token is made. A letter contains no words of other users: it may go to an address that nobody has
//! verified, and must not carry a stranger's words there.

use std::fmt::Write as _;

/// A letter.
#[derive(Clone, Copy)]
pub enum Letter<'a> {
    /// Asks to verify an e-mail address.
    VerifyEmail {
        /// The token that verifies it.
        token: &'a str,
    },
    /// Invites somebody into a team.
    Invitation {
        /// The token that opens the invitation.
        token: &'a str,
    },
    /// Lets somebody choose another password.
    ResetPassword {
        /// The token that allows it.
        token: &'a str,
    },
    /// Warns somebody that credits run out.
    Warning(Warning<'a>),
    /// Tells somebody that a webhook endpoint was disabled.
    WebhookDisabled(WebhookDisabled<'a>),
}

/// A webhook endpoint that was disabled. The letter does not name its address, which may hold a secret.
#[derive(Clone, Copy)]
pub struct WebhookDisabled<'a> {
    /// Its id.
    pub endpoint: &'a str,
    /// The team, if a team owns it.
    pub team: Option<&'a str>,
    /// Whether it answered that it is gone.
    pub is_gone: bool,
}

/// The subject of a warning. It names ids and amounts, and no words of users.
#[derive(Clone, Copy)]
pub enum Warning<'a> {
    /// A balance fell below a threshold of its owner's.
    BalanceBelow {
        /// The team, if the wallet is a team's.
        team: Option<&'a str>,
        /// The threshold, in credits.
        threshold: i64,
        /// The balance available then.
        available: i64,
    },
    /// A cap is used up to a share.
    CapUsed {
        /// The team, if it is the cap of a member.
        team: Option<&'a str>,
        /// The share, in percent.
        percent: u8,
        /// The cap, in credits.
        cap: i64,
        /// The member, or the API key.
        whose: &'a str,
    },
}

/// A letter in its final form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenderedLetter {
    /// The subject line.
    pub subject: &'static str,
    /// The letter as plain text.
    pub text: String,
    /// The same as HTML.
    pub html: String,
}

/// The advice about an account that a stranger made with the reader's address.
const NOT_YOU: &str =
    "If you did not make this account, decline it with the same token, and it is removed.";

/// A part of a letter.
enum LetterPart {
    Words(String),
    Link(String),
    Token(String),
}

impl Letter<'_> {
    /// Writes the letter. Its link leads to a page below `app_url`; without that, the letter has only the
    /// token.
    #[must_use]
    pub fn write(self, app_url: Option<&str>) -> RenderedLetter {
        let (subject, purpose, page, token, ends) = match self {
            Self::VerifyEmail { token } => (
                "Verify your e-mail address",
                "Please confirm that this e-mail address is yours.",
                "verify-email",
                token,
                "It works once, within 24 hours.",
            ),
            Self::Invitation { token } => (
                "You are invited into a team",
                "Somebody invites you to work with their team. Sign in, or register with this e-mail address, to accept or decline.",
                "invitation",
                token,
                "It works once, within seven days. If you expected no invitation, ignore this message.",
            ),
            Self::ResetPassword { token } => (
                "Choose a new password",
                "Somebody, hopefully you, asked to choose a new password for your account.",
                "reset-password",
                token,
                "It works once, within one hour. If it was not you, ignore this message: nothing has changed.",
            ),
            Self::Warning(warning) => return warning.write(),
            Self::WebhookDisabled(disabled) => return disabled.write(),
        };
        let mut parts = vec![LetterPart::Words(purpose.to_owned())];
        if let Some(app_url) = app_url {
            let base = app_url.trim_end_matches('/');
            parts.push(LetterPart::Link(format!("{base}/{page}?token={token}")));
        }
        parts.push(LetterPart::Token(token.to_owned()));
        parts.push(LetterPart::Words(ends.to_owned()));
        if let Self::VerifyEmail { token } = self {
            parts.push(LetterPart::Words(NOT_YOU.to_owned()));
            if let Some(app_url) = app_url {
                let base = app_url.trim_end_matches('/');
                parts.push(LetterPart::Link(format!(
                    "{base}/decline-email?token={token}"
                )));
            }
        }
        RenderedLetter::new(subject, &parts)
    }
}

impl Warning<'_> {
    fn write(self) -> RenderedLetter {
        let (subject, words) = match self {
            Self::BalanceBelow {
                team,
                threshold,
                available,
            } => {
                let wallet = team.map_or("Your wallet".to_owned(), |team| {
                    format!("The wallet of your team {team}")
                });
                let words = format!(
                    "{wallet} has fallen below {threshold} credits: {available} are available. Running generations are not \
                     affected."
                );
                ("Your credits run low", words)
            }
            Self::CapUsed {
                team,
                percent,
                cap,
                whose,
            } => {
                let whose = match team {
                    Some(team) => format!("The member {whose} of your team {team}"),
                    None => format!("Your API key {whose}"),
                };
                let words = format!("{whose} has used {percent} % of a cap of {cap} credits.");
                ("A cap is nearly used up", words)
            }
        };
        let why = "You asked to be told, and can change at what you are told.".to_owned();
        RenderedLetter::new(subject, &[LetterPart::Words(words), LetterPart::Words(why)])
    }
}

impl WebhookDisabled<'_> {
    fn write(self) -> RenderedLetter {
        let Self {
            endpoint,
            team,
            is_gone,
        } = self;
        let whose = team.map_or("Your webhook endpoint".to_owned(), |team| {
            format!("The webhook endpoint of your team {team},")
        });
        let comma = if team.is_some() { "," } else { "" };
        let why = match is_gone {
            true => "it answered that it is gone (410)",
            false => "nothing reached it for five days",
        };
        let words = format!("{whose} {endpoint}{comma} was disabled: {why}.");
        let what = "What failed is in its list of deliveries. Enable it again once it works; what it missed can be replayed.";
        let parts = [LetterPart::Words(words), LetterPart::Words(what.to_owned())];
        RenderedLetter::new("A webhook endpoint was disabled", &parts)
    }
}

impl RenderedLetter {
    fn new(subject: &'static str, parts: &[LetterPart]) -> Self {
        Self {
            subject,
            text: text(parts),
            html: html(subject, parts),
        }
    }
}

fn text(parts: &[LetterPart]) -> String {
    let lines = parts.iter().map(|part| match part {
        LetterPart::Words(words) => words.clone(),
        LetterPart::Link(url) => url.clone(),
        LetterPart::Token(token) => format!("Token: {token}"),
    });
    let mut text = lines.collect::<Vec<_>>().join("\n\n");
    text.push('\n');
    text
}

fn html(subject: &str, parts: &[LetterPart]) -> String {
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>{}</title></head>\n<body>\n",
        escape(subject)
    );
    for part in parts {
        // Writing to a string cannot fail.
        let _ = match part {
            LetterPart::Words(words) => writeln!(html, "<p>{}</p>", escape(words)),
            LetterPart::Link(url) => {
                let url = escape(url);
                writeln!(html, "<p><a href=\"{url}\">{url}</a></p>")
            }
            LetterPart::Token(token) => {
                writeln!(html, "<p>Token: <code>{}</code></p>", escape(token))
            }
        };
    }
    html.push_str("</body>\n</html>\n");
    html
}

/// Escapes `text` for HTML, as text or in a quoted attribute.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_html_say_the_same_with_and_without_a_page_to_go_to() {
        for letter in [
            Letter::VerifyEmail { token: "abc" },
            Letter::Invitation { token: "abc" },
            Letter::ResetPassword { token: "abc" },
        ] {
            let bare = letter.write(None);
            assert!(bare.text.contains("\nToken: abc\n") && !bare.text.contains("http"));
            assert!(bare.html.contains("<code>abc</code>") && !bare.html.contains("href"));
            let linked = letter.write(Some("https://app.example.org/"));
            let page = match letter {
                Letter::VerifyEmail { .. } => "verify-email",
                Letter::Invitation { .. } => "invitation",
                Letter::ResetPassword { .. } => "reset-password",
                Letter::Warning(_) | Letter::WebhookDisabled(_) => {
                    unreachable!("it has no token")
                }
            };
            let url = format!("https://app.example.org/{page}?token=abc");
            assert!(linked.text.contains(&url), "{}", linked.text);
            assert!(linked.html.contains(&format!("<a href=\"{url}\">")));
        }
    }

    #[test]
    fn a_warning_says_which_wallet_and_how_much() {
        let of_team = Warning::BalanceBelow {
            team: Some("team_1"),
            threshold: 100,
            available: 75,
        };
        let written = Letter::Warning(of_team).write(Some("https://app.example.org"));
        assert_eq!(written.subject, "Your credits run low");
        for part in ["team team_1", "below 100 credits", "75 are available"] {
            assert!(
                written.text.contains(part) && written.html.contains(part),
                "{part}"
            );
        }
        let of_key = Warning::CapUsed {
            team: None,
            percent: 80,
            cap: 500,
            whose: "key_1",
        };
        let written = Letter::Warning(of_key).write(None);
        assert!(
            written
                .text
                .contains("Your API key key_1 has used 80 % of a cap of 500 credits.")
        );
    }

    #[test]
    fn a_disabled_endpoint_is_named_with_its_team_and_why() {
        for (team, is_gone, expected) in [
            (
                None,
                true,
                "Your webhook endpoint whe_1 was disabled: it answered that it is gone (410).",
            ),
            (
                Some("team_1"),
                false,
                "The webhook endpoint of your team team_1, whe_1, was disabled: nothing reached it for five days.",
            ),
        ] {
            let endpoint = "whe_1";
            let disabled = WebhookDisabled {
                endpoint,
                team,
                is_gone,
            };
            let written = Letter::WebhookDisabled(disabled).write(None);
            assert!(written.text.starts_with(expected), "{}", written.text);
        }
    }

    #[test]
    fn nothing_in_a_letter_can_be_markup() {
        let token = "\"><script>alert('x')</script>&";
        let written = Letter::VerifyEmail { token }.write(Some("https://app.example.org"));
        assert!(!written.html.contains("<script") && !written.html.contains("\"\">"));
        assert!(
            written
                .html
                .contains("&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)")
        );
        assert!(written.text.contains(token));
    }
}

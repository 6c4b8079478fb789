//! The bucket's rules for pages of other origins; without rules they may do nothing.
//!
//! A rule says what a browser may do. It does not decide whether a request is allowed: signatures do.

use hyper::{Method, StatusCode};

use super::read::set;
use super::{Fault, empty};
use crate::wire::{Reply, Request};

/// A rule of a bucket. The first that fits a request counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CorsRule {
    /// Origins, each with at most one `*`, which stands for anything.
    pub origins: Vec<String>,
    /// Methods.
    pub methods: Vec<String>,
    /// Headers that a page may send, written as origins are.
    pub headers: Vec<String>,
    /// Headers of answers that a page may read.
    pub exposed: Vec<String>,
    /// The number of seconds for which a browser may remember this.
    pub max_age_s: Option<u32>,
}

impl CorsRule {
    /// The rule's own pattern that fits this origin, if it allows the origin this method.
    fn allows(&self, origin: &str, method: &str) -> Option<&str> {
        let origins = &mut self.origins.iter();
        let allowed = origins.find(|allowed| fits(allowed, origin))?;
        let is_method = self.methods.iter().any(|allowed| allowed == method);
        is_method.then_some(allowed.as_str())
    }

    fn takes(&self, header: &str) -> bool {
        self.headers
            .iter()
            .any(|allowed| fits(&allowed.to_ascii_lowercase(), header))
    }

    fn describe(&self, reply: &mut Reply, allowed: &str, origin: &str) {
        if allowed == "*" {
            set(reply, "access-control-allow-origin", "*");
        } else {
            set(reply, "access-control-allow-origin", origin);
            set(reply, "access-control-allow-credentials", "true");
        }
        set(
            reply,
            "access-control-allow-methods",
            &self.methods.join(", "),
        );
        if !self.exposed.is_empty() {
            let exposed = self.exposed.join(", ");
            set(reply, "access-control-expose-headers", &exposed);
        }
        if let Some(age_s) = self.max_age_s {
            set(reply, "access-control-max-age", &age_s.to_string());
        }
        let vary = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method";
        set(reply, "vary", vary);
    }
}

/// Whether `text` fits `pattern`, in which one `*` stands for anything.
fn fits(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((before, after)) => {
            text.len() >= before.len() + after.len()
                && text.starts_with(before)
                && text.ends_with(after)
        }
    }
}

/// Answers a browser that asks what a page may do.
pub(super) fn preflight(rules: &[CorsRule], request: &Request) -> Result<Reply, Fault> {
    let insufficient = |what: &str| {
        let message = format!("Insufficient information. {what} needed.");
        Fault::bad("BadRequest", message)
    };
    let origin = request.header("origin");
    let origin = origin.ok_or_else(|| insufficient("Origin request header"))?;
    let method = request.header("access-control-request-method");
    let method = method.ok_or_else(|| insufficient("Access-Control-Request-Method"))?;
    let headers = request.header("access-control-request-headers");
    let asked = headers.unwrap_or_default().to_ascii_lowercase();
    let asked: Vec<&str> = asked
        .split(',')
        .map(str::trim)
        .filter(|it| !it.is_empty())
        .collect();
    for rule in rules {
        let Some(allowed) = rule.allows(origin, method) else {
            continue;
        };
        if !asked.iter().all(|header| rule.takes(header)) {
            continue;
        }
        let mut reply = empty(StatusCode::OK);
        rule.describe(&mut reply, allowed, origin);
        if !asked.is_empty() {
            set(
                &mut reply,
                "access-control-allow-headers",
                &asked.join(", "),
            );
        }
        return Ok(reply);
    }
    let why = match rules {
        [] => "CORS is not enabled for this bucket.",
        _ => "This CORS request is not allowed: no rule of the bucket fits it.",
    };
    let message = format!("CORSResponse: {why}");
    Err(Fault::denied("AccessForbidden", message).with("Method", method))
}

/// Tells the page, in the headers of an answer, what it may do with that answer.
pub(super) fn mark(rules: &[CorsRule], request: &Request, reply: &mut Reply) {
    let Some(origin) = request.header("origin") else {
        return;
    };
    let method: &Method = &request.method;
    let mut allowed = rules
        .iter()
        .filter_map(|rule| Some((rule, rule.allows(origin, method.as_str())?)));
    if let Some((rule, allowed)) = allowed.next() {
        rule.describe(reply, allowed, origin);
    }
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn one_star_stands_for_anything() {
        for (pattern, text, expected) in [
            ("*", "null", true),
            ("https://app.example.org", "https://app.example.org", true),
            (
                "https://app.example.org",
                "https://app.example.org.evil",
                false,
            ),
            ("https://*.example.org", "https://app.example.org", true),
            ("https://*.example.org", "https://example.org", false),
            ("x-amz-*", "x-amz-date", true),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }
}

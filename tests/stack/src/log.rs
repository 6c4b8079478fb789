//! The events of the cloud, one line each, and the functions' output, line by line.
//!
//! Owns the destination of lines, and the choice of those that a user of the local cloud wants to see.
//! Refuses to know their origin.

use std::collections::VecDeque;
use std::io::{IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};

/// The destination of the functions' output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Log {
    /// To standard error: one line for each request, batch of messages and scheduled run, and the functions'
    /// complaints.
    Calm,
    /// To standard error: the same, and every line that the functions write, with the function's name before
    /// it.
    Verbose,
    /// Kept in memory, for [`crate::Stack::logs`].
    #[default]
    Buffer,
    /// Thrown away.
    Silent,
}

/// The most lines that are kept; the oldest are dropped first.
const LINES_MAX: usize = 100_000;
/// A longer line is cut into several.
const LINE_SIZE_BYTES_MAX: u64 = 256 * 1024;

/// Takes lines from every function at once.
#[derive(Clone, Debug)]
pub struct Sink {
    mode: Log,
    colour: bool,
    lines: Arc<Mutex<VecDeque<String>>>,
}

impl Sink {
    /// A sink that sends lines to `mode`.
    pub fn new(mode: Log) -> Self {
        let shows = matches!(mode, Log::Calm | Log::Verbose);
        let colour = shows && std::io::stderr().is_terminal();
        Self {
            mode,
            colour,
            lines: Arc::default(),
        }
    }

    /// Takes a line that `function` wrote.
    pub fn line(&self, function: &str, text: &str) {
        match self.mode {
            Log::Verbose => write_line(&format!("{} | {text}", self.dim(function))),
            Log::Calm => {
                if let Some((level, said)) = complaint(text) {
                    let level = self.paint(RED, level);
                    write_line(&format!("{level}: {function}: {said}"));
                }
            }
            Log::Buffer => self.keep(format!("{function} | {text}")),
            Log::Silent => {}
        }
    }

    /// Reports an event: what happened, how it ended, how long it took, and which function did it.
    pub fn happened(&self, what: &str, end: End<'_>, took: Duration, function: &str) {
        if !matches!(self.mode, Log::Calm | Log::Verbose) {
            return;
        }
        let (colour, word) = match end {
            End::Status(status) if status >= 500 => (RED, status.to_string()),
            End::Status(status) if status >= 400 => (YELLOW, status.to_string()),
            End::Status(status) => (PLAIN, status.to_string()),
            End::Done => (PLAIN, "done".to_owned()),
            End::ComesBack => (YELLOW, "back".to_owned()),
            End::Failed(_) => (RED, "failed".to_owned()),
        };
        let word = self.paint(colour, &format!("{word:<6}"));
        let took = format!("{} ms", took.as_millis());
        let function = self.dim(function);
        write_line(&format!("{what:<50}  {word}  {took:>9}  {function}"));
        if let End::Failed(why) = end {
            write_line(&format!("  {why}"));
        }
    }

    fn paint(&self, colour: &str, text: &str) -> String {
        match self.colour && colour != PLAIN {
            true => format!("{colour}{text}\x1b[0m"),
            false => text.to_owned(),
        }
    }

    fn dim(&self, text: &str) -> String {
        self.paint(DIM, text)
    }

    /// Reports a sentence of the local cloud's own, which even a silent sink shows.
    pub fn notice(&self, sentence: &str) {
        match self.mode {
            Log::Calm | Log::Verbose | Log::Silent => write_line(&format!("local: {sentence}")),
            Log::Buffer => self.keep(format!("local: {sentence}")),
        }
    }

    /// Keeps a line in memory that is not printed: users are told of it in another way.
    pub fn keep_line(&self, function: &str, text: &str) {
        if self.mode == Log::Buffer {
            self.keep(format!("{function} | {text}"));
        }
    }

    /// The kept lines.
    pub fn lines(&self) -> Vec<String> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().cloned().collect()
    }

    fn keep(&self, line: String) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LINES_MAX {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    /// Passes on the lines of `output` until it ends, and returns the last line that was not empty.
    pub async fn drain(self, function: String, output: impl AsyncRead + Unpin) -> Option<String> {
        let mut reader = BufReader::new(output);
        let mut line = Vec::new();
        let mut last = None;
        loop {
            line.clear();
            let mut bounded = (&mut reader).take(LINE_SIZE_BYTES_MAX);
            match bounded.read_until(b'\n', &mut line).await {
                Ok(0) | Err(_) => return last,
                Ok(_) => {}
            }
            let text = String::from_utf8_lossy(&line);
            let text = text.trim_end_matches(['\n', '\r']);
            self.line(&function, text);
            if !text.trim().is_empty() {
                last = Some(text.to_owned());
            }
        }
    }
}

/// The end of a request, a batch or a scheduled run.
#[derive(Clone, Copy, Debug)]
pub enum End<'a> {
    /// A request, with this status.
    Status(u16),
    /// Everything succeeded.
    Done,
    /// Some messages will be delivered again.
    ComesBack,
    /// It failed, for this reason.
    Failed(&'a str),
}

/// The complaint of a line, if it has one: a warning, an error, or text that is not a log line, such as a
/// panic's.
fn complaint(line: &str) -> Option<(&'static str, &str)> {
    let line = line.trim();
    let (level, rest) = line.split_once(' ').unwrap_or((line, ""));
    match level {
        "" | "TRACE" | "DEBUG" | "INFO" => None,
        "WARN" | "ERROR" => {
            let level = if level == "WARN" { "warning" } else { "error" };
            // The message follows the spans, and the last span ends with this.
            let said = rest.rsplit_once("}: ").map_or(rest, |(_, said)| said);
            // The authorizer fails with exactly this word, which makes API Gateway answer 401.
            (said != "\"Unauthorized\"").then_some((level, said))
        }
        // Metrics are lines of JSON.
        _ => (!line.starts_with('{')).then_some(("error", line)),
    }
}

const PLAIN: &str = "";
const DIM: &str = "\x1b[2m";
const RED: &str = "\x1b[31m";
const YELLOW: &str = "\x1b[33m";

/// Writes a line to standard error. It may be closed; then nobody is left to tell.
fn write_line(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::complaint;

    #[test]
    fn a_complaint_is_a_warning_an_error_or_the_words_of_a_panic() {
        let fault = r#"ERROR Lambda runtime invoke{requestId="r"}: a fault fault="reading: no""#;
        assert_eq!(
            complaint(fault),
            Some(("error", r#"a fault fault="reading: no""#))
        );
        let panic = "thread 'main' panicked at src/main.rs:1:1:";
        assert_eq!(complaint(panic), Some(("error", panic)));
        for quiet in [
            r#" INFO Lambda runtime invoke{requestId="r"}: refused refusal=no"#,
            r#"ERROR Lambda runtime invoke{requestId="r"}: "Unauthorized""#,
            r#"{"_aws":{"Timestamp":1},"Requests":1}"#,
            "",
        ] {
            assert_eq!(complaint(quiet), None, "{quiet}");
        }
    }
}

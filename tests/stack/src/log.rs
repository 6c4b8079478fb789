//! What the functions write, line by line, each with its function's name.
//!
//! Owns where lines go. Refuses to know what they say: a JSON line stays as it is.

use std::collections::VecDeque;
use std::io::{IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};

/// Where the functions' output goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Log {
    /// Each line to standard error, with the function's name before it.
    Stderr,
    /// Kept in memory, for [`crate::Stack::logs`].
    #[default]
    Buffer,
    /// Thrown away.
    Silent,
}

/// How many lines are kept; the oldest go first.
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
        let colour = mode == Log::Stderr && std::io::stderr().is_terminal();
        Self {
            mode,
            colour,
            lines: Arc::default(),
        }
    }

    /// A line that `function` wrote.
    pub fn line(&self, function: &str, text: &str) {
        match self.mode {
            Log::Stderr if self.colour => write_line(&format!("\x1b[2m{function}\x1b[0m | {text}")),
            Log::Stderr => write_line(&format!("{function} | {text}")),
            Log::Buffer => self.keep(format!("{function} | {text}")),
            Log::Silent => {}
        }
    }

    /// A sentence of the local cloud's own, which even a silent sink shows.
    pub fn notice(&self, sentence: &str) {
        match self.mode {
            Log::Stderr | Log::Silent => write_line(&format!("local: {sentence}")),
            Log::Buffer => self.keep(format!("local: {sentence}")),
        }
    }

    /// Every line that is kept.
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

    /// Passes on what `output` says until it ends, and returns the last line that was not empty.
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

/// Standard error may be closed; there is nobody left to tell then.
fn write_line(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

//! Rules about the text of the sources: what a lint could say, if there were one.

use crate::workspace::{Source, sources};

const FUNCTION_FILE_LINES_MAX: usize = 45;
const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;
/// The formatter breaks code, and no comment.
const COMMENT_COLUMNS_MAX: usize = 110;

/// Calls with hidden input or lasting effect, and the only files of what ships that may make them.
const HOMES: [(&str, &[&str]); 7] = [
    ("SystemTime", &["shared/app/src/clock.rs"]),
    // How old the provider's keys are: a span, never a moment.
    ("Instant", &["shared/provider/src/webhook.rs"]),
    ("env::var", &["shared/entry/src/environment.rs"]),
    (
        "getrandom::",
        &[
            "shared/app/src/clock.rs",
            "shared/auth/src/api_keys.rs",
            "shared/auth/src/keys.rs",
            "shared/auth/src/mailboxes.rs",
            "shared/auth/src/opaque.rs",
            "shared/store/src/reads.rs",
            "shared/store/src/transact.rs",
        ],
    ),
    (
        "sleep(",
        &["shared/app/src/clock.rs", "shared/store/src/reads.rs"],
    ),
    // Nothing goes on after the reply, when Lambda freezes the process: both wait for what they spawn.
    ("tokio::spawn", &["shared/entry/src/sqs.rs"]),
    ("spawn_blocking", &["shared/auth/src/passwords.rs"]),
];

fn shipped() -> Vec<Source> {
    sources(&["functions", "shared"])
}

/// The lines that do something.
fn statements(source: &Source) -> impl Iterator<Item = &str> {
    source
        .code()
        .filter(|line| !line.trim_start().starts_with("//"))
}

#[test]
fn time_randomness_settings_and_tasks_come_from_one_place_each() {
    for (call, homes) in HOMES {
        let mut found: Vec<String> = shipped()
            .into_iter()
            .filter(|source| statements(source).any(|line| line.contains(call)))
            .map(|source| source.path)
            .collect();
        found.sort();
        assert_eq!(found, homes, "who uses {call}");
    }
}

#[test]
fn a_function_is_read_at_a_glance() {
    for source in sources(&["functions"]) {
        let lines = source.text.lines().count();
        assert!(
            lines <= FUNCTION_FILE_LINES_MAX,
            "{}: {lines} lines",
            source.path
        );
    }
}

#[test]
fn no_file_is_too_long_to_keep_in_mind() {
    for source in shipped() {
        let lines = source.code().count();
        assert!(lines <= FILE_LINES_MAX, "{}: {lines} lines", source.path);
    }
}

#[test]
fn no_comment_is_too_wide_to_read() {
    for source in sources(&["functions", "shared", "tests"]) {
        for (place, line) in source.text.lines().enumerate() {
            let comment = line.trim_start();
            // An address cannot be broken.
            let is_breakable = comment.starts_with("//") && !comment.contains("https://");
            let columns = line.chars().count();
            assert!(
                !is_breakable || columns <= COMMENT_COLUMNS_MAX,
                "{}:{}: {columns} columns",
                source.path,
                place + 1
            );
        }
    }
}

#[test]
fn no_function_is_longer_than_a_screen() {
    for source in sources(&["functions", "shared", "tests"]) {
        let lines: Vec<&str> = source.text.lines().collect();
        for (start, line) in lines.iter().enumerate() {
            let Some(indent) = opens_function(line) else {
                continue;
            };
            // The formatter puts the closing brace below the beginning.
            let end = format!("{indent}}}");
            let length = lines[start..].iter().position(|line| **line == end);
            let length = length.map_or(1, |length| length + 1);
            assert!(
                length <= FUNCTION_LINES_MAX,
                "{}:{}: {length} lines",
                source.path,
                start + 1
            );
        }
    }
}

/// The indent of a line that begins a function with a body.
fn opens_function(line: &str) -> Option<&str> {
    let text = line.trim_start();
    let indent = &line[..line.len() - text.len()];
    let mut words = text.split(' ').filter(|word| {
        let is_before = ["async", "const", "unsafe"].contains(word) || word.starts_with("pub");
        !is_before
    });
    let has_body = !text.ends_with(';') && !text.ends_with('}');
    (words.next() == Some("fn") && has_body).then_some(indent)
}

#[test]
fn every_file_opens_with_what_it_is_about() {
    for source in sources(&["functions", "shared", "tests"]) {
        assert!(source.text.starts_with("//! "), "{}", source.path);
    }
}

#[test]
fn what_ships_silences_no_lint() {
    for source in shipped() {
        for line in statements(&source) {
            let silenced = ["#[allow", "#![allow", "#[expect", "#![expect"];
            let silences = silenced.iter().any(|start| line.trim().starts_with(start));
            assert!(!silences, "{}: {line}", source.path);
        }
    }
}

#[test]
fn no_test_is_switched_off() {
    for source in sources(&["functions", "shared", "tests"]) {
        let is_off = source
            .text
            .lines()
            .any(|line| line.trim().starts_with(concat!("#[", "ignore")));
        assert!(!is_off, "{}", source.path);
    }
}

//! Rules about the text of the sources, for which there is no lint.

use crate::workspace::{Source, sources};

const FUNCTION_FILE_LINES_MAX: usize = 45;
const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;
/// The formatter breaks long code, but not comments.
const COMMENT_COLUMNS_MAX: usize = 110;
/// The first words of sentences that leave their subject open.
const RIDDLES: [&str; 8] = [
    "What", "Whatever", "Who", "Whoever", "Whom", "Whose", "Which", "How",
];

/// Calls with hidden input or lasting effect, and the only shipped files that may make them.
const HOMES: [(&str, &[&str]); 7] = [
    ("SystemTime", &["shared/app/src/clock.rs"]),
    // The age of the provider's keys, which is a span and no point in time.
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
    // Nothing goes on after the reply, when Lambda freezes the process: both wait for the tasks that they
    // spawn.
    ("tokio::spawn", &["shared/entry/src/sqs.rs"]),
    ("spawn_blocking", &["shared/auth/src/passwords.rs"]),
];

fn shipped() -> Vec<Source> {
    sources(&["functions", "shared"])
}

/// The lines that are not comments.
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
            // An address cannot be broken into lines.
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

/// A sentence such as "What the caller may see." names its subject last, and is read twice.
#[test]
fn no_comment_begins_with_what_or_who_unless_it_asks() {
    for source in sources(&["functions", "shared", "tests"]) {
        for (place, line) in source.text.lines().enumerate() {
            let is_riddle = comment(line).is_some_and(|text| {
                let first = text.split([' ', ',']).next().unwrap_or_default();
                RIDDLES.contains(&first) && !text.ends_with('?')
            });
            assert!(!is_riddle, "{}:{}: {line}", source.path, place + 1);
        }
    }
}

/// The text of a line that is a comment.
fn comment(line: &str) -> Option<&str> {
    let text = line.trim_start().strip_prefix("//")?;
    Some(text.trim_start_matches(['/', '!', ' ']))
}

#[test]
fn no_function_is_longer_than_a_screen() {
    for source in sources(&["functions", "shared", "tests"]) {
        let lines: Vec<&str> = source.text.lines().collect();
        for (start, line) in lines.iter().enumerate() {
            let Some(indent) = opens_function(line) else {
                continue;
            };
            // The formatter puts the closing brace at the indent of the first line.
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
fn only_a_migration_reads_whole_tables() {
    let scans = shipped()
        .into_iter()
        .filter(|source| source.code().any(|line| line.contains(".scan()")));
    let files: Vec<_> = scans.map(|source| source.path.clone()).collect();
    assert_eq!(files, ["shared/store/src/migrations.rs"]);
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

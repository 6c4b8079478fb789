//! The permitted dependencies between packages. The table in ARCHITECTURE.md is the contract.

use std::collections::{BTreeMap, BTreeSet};

use crate::workspace::{self, built_with, folder, own_folder, shipped};

/// Dependencies that only these crates of ours may name: one crate each, but for the HTTP client of the three
/// services that are not AWS's. Every crate of AWS must be in this list.
const HOMES: [(&str, &[&str]); 23] = [
    ("argon2", &["shared/auth"]),
    ("aws-credential-types", &["shared/aws"]),
    ("aws-sdk-apigateway", &["shared/plans"]),
    ("aws-sdk-dynamodb", &["shared/store"]),
    ("aws-sdk-s3", &["shared/blobs"]),
    ("aws-sdk-sesv2", &["shared/mail"]),
    ("aws-sdk-sqs", &["shared/queue"]),
    ("aws-sdk-ssm", &["shared/secrets"]),
    ("aws-smithy-http-client", &["shared/aws"]),
    ("aws-smithy-runtime-api", &["shared/aws"]),
    ("aws-smithy-types", &["shared/aws"]),
    ("aws-types", &["shared/aws"]),
    ("aws_lambda_events", &["shared/entry"]),
    ("image", &["shared/thumbnails"]),
    ("jsonwebtoken", &["shared/auth"]),
    ("lambda_http", &["shared/entry"]),
    ("lambda_runtime", &["shared/entry"]),
    ("openh264", &["shared/thumbnails"]),
    (
        "reqwest",
        &[
            "shared/challenges",
            "shared/web",
            "shared/payments",
            "shared/provider",
            "shared/receivers",
        ],
    ),
    ("rustls", &["shared/web"]),
    ("serde_dynamo", &["shared/store"]),
    ("ulid", &["shared/domain"]),
    ("webp", &["shared/thumbnails"]),
];
/// The dependencies of the rules, which need no runtime, I/O, serialisation or clock, so that each must be
/// decided on: `sha2` is arithmetic, and chains the ledger where its entries are made.
const DOMAIN_USES: [&str; 5] = ["idna", "sha2", "thiserror", "time", "ulid"];
/// The dependencies of functions besides our own crates: types to answer with, which do nothing by
/// themselves.
const FUNCTIONS_USE: [&str; 2] = ["http", "serde_json"];
/// The table's name for the packages below `functions/`.
const ANY_FUNCTION: &str = "functions/<domain>";

/// A row of the table: its rooms, and the rooms that they may use.
struct Row {
    rooms: Vec<String>,
    may_use: BTreeSet<String>,
}

/// Reads the rows of ARCHITECTURE.md's table of rooms, but for the rooms that never ship.
fn rows() -> Vec<Row> {
    let page = workspace::text("ARCHITECTURE.md");
    let table = page
        .lines()
        .skip_while(|line| *line != "## Rooms")
        .skip_while(|line| !line.starts_with("|---"));
    let rows = table.skip(1).take_while(|line| line.starts_with('|'));
    rows.map(row)
        .filter(|row| !row.rooms.iter().all(|room| room.starts_with("tests/")))
        .collect()
}

fn row(line: &str) -> Row {
    let cells: Vec<&str> = line.split('|').collect();
    let [_, rooms, _, may_use, _] = cells.as_slice() else {
        panic!("not three cells: {line}");
    };
    // The first name of a cell tells the folder of the others.
    let mut parent = String::new();
    let rooms = quoted(rooms).map(|name| match name.split_once('/') {
        Some((folder, _)) => {
            folder.clone_into(&mut parent);
            name.to_owned()
        }
        None => format!("{parent}/{name}"),
    });
    Row {
        rooms: rooms.collect(),
        may_use: quoted(may_use)
            .map(|name| format!("shared/{name}"))
            .collect(),
    }
}

/// The texts between backticks.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// A package's name in the table.
fn room(folder: &str) -> &str {
    if folder.starts_with("functions/") {
        ANY_FUNCTION
    } else {
        folder
    }
}

/// The rooms that each room really uses.
fn used() -> BTreeMap<String, BTreeSet<String>> {
    let mut used: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in shipped() {
        let uses = built_with(package).filter_map(own_folder);
        let known = used.entry(room(&folder(package)).to_owned()).or_default();
        known.extend(uses);
    }
    used
}

#[test]
fn nothing_that_ships_depends_on_the_tests() {
    for package in shipped() {
        for own in built_with(package).filter_map(own_folder) {
            assert!(!own.starts_with("tests/"), "{} uses {own}", folder(package));
        }
    }
}

#[test]
fn no_room_uses_another_than_the_table_says() {
    let (rows, used) = (rows(), used());
    for (room, uses) in &used {
        let row = rows.iter().find(|row| row.rooms.contains(room));
        let row = row.unwrap_or_else(|| panic!("ARCHITECTURE.md has no row for {room}"));
        let wrong: Vec<_> = uses.difference(&row.may_use).collect();
        assert!(wrong.is_empty(), "{room} must not use {wrong:?}");
    }
}

#[test]
fn the_table_allows_no_more_than_is_used() {
    let used = used();
    for row in rows() {
        let mut left = row.may_use;
        for room in &row.rooms {
            let uses = used.get(room);
            let uses = uses.unwrap_or_else(|| panic!("the table's {room} does not exist"));
            left.retain(|may| !uses.contains(may));
        }
        assert!(left.is_empty(), "no room of {:?} uses {left:?}", row.rooms);
    }
}

#[test]
fn the_domain_needs_no_runtime_no_io_no_serialisation_and_no_clock() {
    let domain = shipped().find(|package| folder(package) == "shared/domain");
    let uses: Vec<_> = built_with(domain.unwrap())
        .map(|dependency| dependency.name.as_str())
        .collect();
    assert_eq!(uses, DOMAIN_USES);
}

#[test]
fn every_service_is_named_by_one_crate_alone() {
    let mut named: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for package in shipped() {
        for dependency in built_with(package) {
            let by = named.entry(&dependency.name).or_default();
            by.push(folder(package));
        }
    }
    for (name, homes) in HOMES {
        assert_eq!(named.get(name).unwrap(), homes, "who uses {name}");
    }
    for name in named.keys() {
        let of_aws = ["aws-", "aws_", "lambda_"];
        let is_known = HOMES.iter().any(|(known, _)| known == name);
        assert!(
            is_known || !of_aws.iter().any(|prefix| name.starts_with(prefix)),
            "{name} has no home yet"
        );
    }
}

#[test]
fn functions_name_our_own_crates_and_types_to_answer_with() {
    for package in workspace::functions() {
        for dependency in built_with(package) {
            assert!(
                dependency.path.is_some() || FUNCTIONS_USE.contains(&dependency.name.as_str()),
                "{} uses {}",
                folder(package),
                dependency.name
            );
        }
    }
}

#[test]
fn only_workers_read_queue_messages() {
    let readers = workspace::functions()
        .filter(|package| built_with(package).any(|dependency| dependency.name == "queue"));
    assert_eq!(readers.map(folder).collect::<Vec<_>>(), ["functions/jobs"]);
}

//! The settings that every manifest must have.

use std::collections::BTreeSet;
use std::process::Command;

use cargo_metadata::Package;
use regex_lite::Regex;
use stack::workspace_root;

use crate::template::document;
use crate::workspace::{
    self, Source, built_with, default_folders, folder, packages, shipped, sources,
};

const DEPENDENCY_SECTIONS: [&str; 3] = [
    "[dependencies]",
    "[dev-dependencies]",
    "[build-dependencies]",
];

/// Crates that no function may link, and the reason.
const SLOW: [(&str, &str); 2] = [
    ("aws_config", "it brings STS, IMDS and profiles"),
    (
        "regex_automata",
        "the filter of the log would be a fortieth of each function",
    ),
];

fn manifest(package: &Package) -> String {
    workspace::text(&format!("{}/Cargo.toml", folder(package)))
}

#[test]
fn cargo_builds_what_ships_and_nothing_else_by_default() {
    // SAM builds with the features of the default members: a test package among them would leak its own
    // features into every Lambda.
    let defaults: BTreeSet<String> = default_folders().collect();
    let shipped: BTreeSet<String> = shipped().map(folder).collect();
    assert_eq!(defaults, shipped);
    let root = workspace::text("Cargo.toml");
    assert!(root.contains("\ndefault-members = [\"functions/*\", \"shared/*\"]\n"));
}

#[test]
fn every_package_inherits_the_lints_and_is_never_published() {
    for package in packages() {
        let manifest = manifest(package);
        assert!(
            manifest.contains("\n[lints]\nworkspace = true\n"),
            "{} has lints of its own",
            folder(package)
        );
        assert_eq!(package.publish, Some(Vec::new()), "{}", folder(package));
    }
}

#[test]
fn every_dependency_is_declared_once_at_the_root() {
    for package in packages() {
        let mut in_dependencies = false;
        for line in manifest(package).lines().map(str::trim) {
            if line.starts_with('[') {
                in_dependencies = DEPENDENCY_SECTIONS.contains(&line);
                assert!(
                    in_dependencies || !line.contains("dependencies"),
                    "{}: {line}",
                    folder(package)
                );
            } else if in_dependencies && !line.is_empty() && !line.starts_with('#') {
                assert!(
                    line.contains("workspace = true"),
                    "{}: {line}",
                    folder(package)
                );
            }
        }
    }
}

#[test]
fn every_dependency_of_what_ships_is_used() {
    for package in shipped() {
        let sources = sources(&[&format!("{}/src", folder(package))]);
        for dependency in built_with(package) {
            let name = dependency.rename.as_ref().unwrap_or(&dependency.name);
            assert!(
                sources.iter().any(|source| names(source, name)),
                "{} never names {name}",
                folder(package)
            );
        }
    }
}

#[test]
fn no_function_links_what_would_slow_down_each_start() {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["tree", "--locked", "--edges=normal", "--prefix=none"]);
    let listed = cargo.args(["--format={lib}"]).current_dir(workspace_root());
    let listed = String::from_utf8(listed.output().unwrap().stdout).unwrap();
    let linked: BTreeSet<&str> = listed.lines().collect();
    assert!(linked.contains("lambda_runtime"), "{listed}");
    for (name, reason) in SLOW {
        assert!(!linked.contains(name), "{name} is linked: {reason}");
    }
}

#[test]
fn the_target_of_a_deployment_is_installed_with_the_toolchain() {
    // Otherwise several builds at once would race for installing it.
    let architecture = &document()["Parameters"]["Architecture"]["Default"];
    assert_eq!(architecture, "arm64");
    let toolchain = workspace::text("rust-toolchain.toml");
    assert!(toolchain.contains("\ntargets = [\"aarch64-unknown-linux-gnu\"]"));
}

/// Whether code names a crate, as the first part of a path.
fn names(source: &Source, name: &str) -> bool {
    let name = name.replace('-', "_");
    let path = Regex::new(&format!(r"(^|[^:\w.])(::)?{name}::")).unwrap();
    let mut code = source.code().filter(|line| !line.trim().starts_with("//"));
    code.any(|line| path.is_match(line))
}

#[test]
fn every_binary_is_named_for_its_domain_and_its_file() {
    for package in workspace::functions() {
        for target in &package.targets {
            let (name, domain) = (&target.name, package.name.as_str());
            assert!(target.is_bin(), "{name} is more than a binary");
            assert!(name.starts_with(&format!("{domain}-")), "{name}");
            let file = format!("functions/{domain}/src/bin/{name}.rs");
            assert!(target.src_path.as_str().ends_with(&file), "{name}");
            // Handlers have no unit tests; this keeps `cargo test` from linking each of them a second time.
            assert!(!target.test, "{name} would be linked for tests");
        }
    }
}

#[test]
fn every_file_of_a_function_is_built() {
    for package in workspace::functions() {
        let folder = format!("{}/src", folder(package));
        for source in sources(&[&folder]) {
            let mut targets = package.targets.iter();
            assert!(
                targets.any(|target| target.src_path.as_str().ends_with(&source.path)),
                "no binary is built from {}",
                source.path
            );
        }
    }
}

#[test]
fn a_panic_is_caught_and_never_takes_the_process_with_it() {
    // Without this line in the profile, cargo-lambda chooses abort, and one bad message would then kill a
    // whole batch.
    let root = workspace::text("Cargo.toml");
    let profile = root.split("\n[profile.release]\n").nth(1).unwrap();
    let profile = profile.split("\n[").next().unwrap();
    assert!(profile.contains("panic = \"unwind\""), "{profile}");
}

#[test]
fn sam_never_hashes_the_target_folder() {
    // CodeUri is the whole workspace, so a cached build would read all of target/ first.
    let config = workspace::text("samconfig.toml");
    assert!(config.contains("\ncached = false\n"));
}

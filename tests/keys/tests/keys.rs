//! `cargo keys`, as an operator runs it.

// A test that cannot go on should say where; the lint exempts test functions by itself, and not their
// helpers.
#![allow(clippy::unwrap_used)]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn keys(folder: &Path, action: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keys"));
    command.args(action).arg("--folder").arg(folder);
    command.output().unwrap()
}

/// The output of a run, which must have succeeded.
#[track_caller]
fn done(output: Output) -> String {
    let problem = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{problem}");
    String::from_utf8(output.stdout).unwrap()
}

/// The names of the verifying keys.
fn names(folder: &Path) -> Vec<String> {
    let text = std::fs::read(folder.join("token-public-keys.json")).unwrap();
    let jwks: Value = serde_json::from_slice(&text).unwrap();
    let keys = jwks["keys"].as_array().unwrap();
    assert!(keys.iter().all(|key| key.get("d").is_none()), "{jwks}");
    let name = |key: &Value| key["kid"].as_str().unwrap().to_owned();
    keys.iter().map(name).collect()
}

/// The command that deploys. Without `sam build`, it would upload the sources as the code of each function.
const DEPLOY: &str = "sam build && sam deploy";

#[test]
fn a_key_is_made_rotated_and_retired_in_an_order_that_signs_nobody_out() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    done(keys(folder, &[]));
    let first = names(folder);
    assert_eq!(first.len(), 1);

    let printed = done(keys(folder, &["rotate"]));
    let both = names(folder);
    assert_eq!(both.len(), 2);
    assert_eq!(both[1], first[0], "the key before goes on verifying");
    let at = |text: &str| printed.find(text).unwrap();
    assert!(at("token-public-keys") < at(DEPLOY) && at(DEPLOY) < at("SecureString"));

    let printed = done(keys(folder, &["retire"]));
    assert_eq!(names(folder), both[..1]);
    let at = |text: &str| printed.find(text).unwrap();
    assert!(at("SecureString") < at("token-public-keys") && at("token-public-keys") < at(DEPLOY));
}

#[test]
fn keys_that_are_in_use_are_never_replaced_by_mistake() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let nothing = keys(folder, &["rotate"]);
    assert!(!nothing.status.success());
    let problem = String::from_utf8(nothing.stderr).unwrap();
    assert!(problem.contains("aws ssm get-parameter"), "{problem}");
    done(keys(folder, &["make"]));
    let before = names(folder);
    assert!(!keys(folder, &[]).status.success());
    assert_eq!(names(folder), before);
}

#[test]
fn only_the_owner_may_read_the_files() {
    let folder = tempfile::tempdir().unwrap();
    done(keys(folder.path(), &[]));
    let files = std::fs::read_dir(folder.path()).unwrap();
    let modes = files.map(|file| file.unwrap().metadata().unwrap().permissions().mode() & 0o777);
    assert_eq!(modes.collect::<Vec<u32>>(), [0o600; 3]);
}

#[test]
fn the_parameters_are_those_of_the_template() {
    let folder = tempfile::tempdir().unwrap();
    let template = folder.path().join("other.yaml");
    let named = "Parameters:\n  SigningKeysName: {Default: /other/keys}\n  TokenPublicKeys: {Default: /other/jwks}\n";
    let with = |text: String| {
        std::fs::write(&template, text).unwrap();
        keys(
            &folder.path().join("keys"),
            &["--template", template.to_str().unwrap()],
        )
    };
    let refused = with(named.to_owned());
    let problem = String::from_utf8(refused.stderr).unwrap();
    assert!(
        problem.contains("has no parameter MailboxKeyName"),
        "{problem}"
    );
    assert!(!folder.path().join("keys").exists(), "nothing was made");

    let printed = done(with(format!(
        "{named}  MailboxKeyName: {{Default: /other/mailboxes}}\n"
    )));
    for name in ["/other/keys", "/other/jwks", "/other/mailboxes"] {
        assert!(printed.contains(name), "{printed}");
    }
}

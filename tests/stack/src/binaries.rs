//! Builds the functions, and locates their binaries.
//!
//! Owns the call of cargo. Refuses to know which binaries the template needs.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::Error;

/// The built function binaries, by name.
#[derive(Clone, Debug, Default)]
pub struct Binaries(BTreeMap<String, PathBuf>);

impl Binaries {
    /// The path of a binary.
    pub fn get(&self, name: &str) -> Option<&Path> {
        self.0.get(name).map(PathBuf::as_path)
    }

    /// The path of a binary, which must be runnable; the error names its user.
    pub(crate) fn runnable(&self, name: &str, needed_by: &str) -> Result<PathBuf, Error> {
        let path = self.get(name).ok_or_else(|| {
            Error::new(format!(
                "{needed_by} needs the binary {name}, which no package builds"
            ))
        })?;
        let runnable = path
            .metadata()
            .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0);
        if !runnable {
            let shown = path.display();
            return Err(Error::new(format!(
                "{needed_by} needs {shown}, which cannot be run"
            )));
        }
        Ok(path.to_owned())
    }
}

impl FromIterator<(String, PathBuf)> for Binaries {
    fn from_iter<I: IntoIterator<Item = (String, PathBuf)>>(binaries: I) -> Self {
        Self(binaries.into_iter().collect())
    }
}

/// The root of the workspace that this crate was built in.
pub fn workspace_root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.ancestors().nth(2).unwrap_or(own).to_owned()
}

/// Builds the functions' binaries and returns their paths. Calls `progress` with the number of crates that
/// are done.
pub fn build(release: bool, mut progress: impl FnMut(usize)) -> Result<Binaries, Error> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args([
            "build",
            "--bins",
            "--quiet",
            "--message-format=json-render-diagnostics",
        ])
        .current_dir(workspace_root())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if release {
        command.arg("--release");
    }
    // Cargo sets these for our own package. Build scripts watch some of them, so that with and without them
    // an inner build would count as two different ones.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let own = [
            "CARGO_PKG_",
            "CARGO_MANIFEST_",
            "CARGO_BIN_",
            "CARGO_CRATE_",
            "CARGO_PRIMARY_",
        ];
        if own.iter().any(|prefix| text.starts_with(prefix)) {
            command.env_remove(&name);
        }
    }
    let cannot = |problem| Error::new(format!("cannot run cargo: {problem}"));
    let mut child = command.spawn().map_err(cannot)?;
    // They are read beside the messages, so that neither pipe fills up while the other is read.
    let errors = child.stderr.take();
    let errors = std::thread::spawn(move || {
        let mut text = String::new();
        // A failed read only shortens the report of a failure.
        let _ = errors.map(|mut errors| errors.read_to_string(&mut text));
        text
    });
    let mut binaries = BTreeMap::new();
    let mut done = 0;
    for line in child
        .stdout
        .take()
        .into_iter()
        .flat_map(|output| BufReader::new(output).lines())
    {
        let line = line.map_err(cannot)?;
        let message: Value = serde_json::from_str(&line).unwrap_or_default();
        if message["reason"] == "compiler-artifact" {
            done += 1;
            progress(done);
            binaries.extend(binary(&message));
        }
    }
    let status = child.wait().map_err(cannot)?;
    let errors = errors.join().unwrap_or_default();
    if !status.success() {
        return Err(Error::new(format!(
            "{}\nthe functions do not build",
            errors.trim_end()
        )));
    }
    Ok(Binaries(binaries))
}

fn binary(message: &Value) -> Option<(String, PathBuf)> {
    let target = &message["target"];
    let is_binary = target["kind"].as_array()?.iter().any(|kind| kind == "bin");
    let path = message["executable"].as_str().filter(|_| is_binary)?;
    Some((target["name"].as_str()?.to_owned(), PathBuf::from(path)))
}

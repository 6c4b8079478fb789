//! The workspace as cargo sees it, and the files in it. Owns reading them; refuses to judge.

use std::path::Path;
use std::sync::LazyLock;

use cargo_metadata::{Dependency, DependencyKind, Metadata, MetadataCommand, Package};

static METADATA: LazyLock<Metadata> = LazyLock::new(|| {
    MetadataCommand::new()
        .manifest_path(stack::workspace_root().join("Cargo.toml"))
        .no_deps()
        .exec()
        .unwrap()
});

/// Every package of the workspace.
pub fn packages() -> &'static [Package] {
    &METADATA.packages
}

/// The packages that end up in a Lambda.
pub fn shipped() -> impl Iterator<Item = &'static Package> {
    packages().iter().filter(|package| {
        let folder = folder(package);
        folder.starts_with("functions/") || folder.starts_with("shared/")
    })
}

/// The packages below `functions/`.
pub fn functions() -> impl Iterator<Item = &'static Package> {
    shipped().filter(|package| folder(package).starts_with("functions/"))
}

/// The folders of the packages that cargo takes when none is named.
pub fn default_folders() -> impl Iterator<Item = String> {
    let members = METADATA.workspace_default_members.iter();
    members.map(|id| folder(&METADATA[id]))
}

/// The folder of a package: `shared/domain`.
pub fn folder(package: &Package) -> String {
    relative(package.manifest_path.parent().unwrap().as_std_path())
}

/// The dependencies of a package's own build, without those that only its tests use.
pub fn built_with(package: &Package) -> impl Iterator<Item = &Dependency> {
    let dependencies = package.dependencies.iter();
    dependencies.filter(|dependency| dependency.kind != DependencyKind::Development)
}

/// The folder of a dependency that is one of our own packages.
pub fn own_folder(dependency: &Dependency) -> Option<String> {
    dependency
        .path
        .as_ref()
        .map(|path| relative(path.as_std_path()))
}

/// Reads a file, named from the workspace's root.
pub fn text(path: &str) -> String {
    std::fs::read_to_string(stack::workspace_root().join(path))
        .unwrap_or_else(|problem| panic!("{path}: {problem}"))
}

/// A Rust file.
pub struct Source {
    /// Its path from the workspace's root.
    pub path: String,
    /// Its text.
    pub text: String,
}

impl Source {
    /// The lines that ship, without the unit tests at the end of the file.
    pub fn code(&self) -> impl Iterator<Item = &str> {
        let is_tests = self.path.ends_with("/tests.rs") || self.path.contains("/tests/");
        let lines = if is_tests { "" } else { &self.text }.lines();
        lines.take_while(|line| *line != "#[cfg(test)]")
    }
}

/// Reads every Rust file below these folders.
pub fn sources(folders: &[&str]) -> Vec<Source> {
    let mut found = Vec::new();
    for folder in folders {
        collect(&stack::workspace_root().join(folder), &mut found);
    }
    assert!(!found.is_empty(), "no sources below {folders:?}");
    found
}

fn collect(folder: &Path, found: &mut Vec<Source>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let path = relative(&path);
            found.push(Source { path, text });
        }
    }
}

/// A path from the workspace's root.
pub fn relative(path: &Path) -> String {
    let root = stack::workspace_root();
    let path = path.strip_prefix(&root).unwrap();
    path.to_str().unwrap().to_owned()
}

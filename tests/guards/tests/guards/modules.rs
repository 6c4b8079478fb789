//! Rules about modules: each type has a name of its own, and whatever one module takes from another stands
//! below it.

use std::collections::{BTreeMap, BTreeSet};

use crate::code::Crate;
use crate::workspace::{folder, packages};

/// Every crate of the workspace, tests included, by the folder of its package.
fn crates() -> impl Iterator<Item = (String, Crate)> {
    let targets = packages().iter().flat_map(|package| {
        let targets = package.targets.iter();
        targets.map(|target| (folder(package), target.src_path.as_std_path()))
    });
    targets.map(|(folder, root)| {
        let read = Crate::read(root);
        assert!(!read.modules.is_empty(), "nothing was read of {folder}");
        (folder, read)
    })
}

/// The crates of `shared/`.
fn shared() -> impl Iterator<Item = (String, Crate)> {
    crates().filter(|(folder, _)| folder.starts_with("shared/"))
}

/// The files that each file of a crate takes something from. A module and those inside it are one house, so
/// that whatever passes between them is left out.
fn arrows(read: &Crate) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut arrows: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (place, module) in read.modules.iter().enumerate() {
        let used = read.used_by(place).into_iter();
        let used = used.filter(|it| !read.is_inside(*it, place) && !read.is_inside(place, *it));
        let files = used.map(|it| read.modules[it].file.as_str());
        let files = files.filter(|file| *file != module.file);
        arrows.entry(&module.file).or_default().extend(files);
    }
    arrows
}

/// The shortest way along the arrows from `start` to itself, if there is one.
fn circle<'a>(
    arrows: &BTreeMap<&'a str, BTreeSet<&'a str>>,
    start: &'a str,
) -> Option<Vec<&'a str>> {
    let mut seen = BTreeSet::new();
    let mut ways = vec![vec![start]];
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            for next in arrows.get(way.last()?).into_iter().flatten() {
                let way = [&way[..], &[*next]].concat();
                if *next == start {
                    return Some(way);
                }
                if seen.insert(*next) {
                    longer.push(way);
                }
            }
        }
        ways = longer;
    }
    None
}

#[test]
fn no_type_name_of_shared_is_defined_twice() {
    let mut homes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (_, read) in shared() {
        for module in read.modules {
            for name in module.types {
                homes.entry(name).or_default().push(module.file.clone());
            }
        }
    }
    homes.retain(|_, files| files.len() > 1);
    assert!(homes.is_empty(), "one name for several things: {homes:#?}");
}

#[test]
fn no_module_of_a_crate_imports_itself_by_way_of_others() {
    for (folder, read) in crates() {
        let arrows = arrows(&read);
        for file in arrows.keys() {
            let circle = circle(&arrows, file).map(|way| way.join("\n-> "));
            assert!(
                circle.is_none(),
                "{folder}:\n{}",
                circle.unwrap_or_default()
            );
        }
    }
}

#[test]
fn an_import_is_seen_in_each_of_its_forms() {
    let domain = shared().find(|(folder, _)| folder == "shared/domain");
    let (_, domain) = domain.unwrap();
    let arrows = arrows(&domain);
    for (file, used) in [
        // `use crate::plans::{Plan, Term}`
        ("accounts.rs", "plans.rs"),
        // `use super::names::MediaName`
        ("generations/address.rs", "generations/names.rs"),
        // `use crate::generations::State`, which that module hands on
        ("turns.rs", "generations.rs"),
        ("turns.rs", "generations/state.rs"),
    ] {
        let path = |name: &str| format!("shared/domain/src/{name}");
        let found = &arrows[path(file).as_str()];
        assert!(found.contains(path(used).as_str()), "{file}: {found:?}");
    }
}

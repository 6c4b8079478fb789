//! The modules of a crate, as they are written: the file of each, the types that it defines, and the names
//! that it has from others. Owns reading them, and finding the module that a path leads to; refuses to judge.
//!
//! Code of tests is left out. Types that a macro makes are not seen.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "Rust has many more items and tokens than are looked at"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemMod, ItemUse, Macro, UseTree, Visibility};

use crate::workspace::{relative, text};

/// The most names that lead from one to the next.
const HOPS_MAX: u32 = 16;

/// A crate. Its modules are known by their places, and the first is its root.
pub struct Crate {
    /// Its modules.
    pub modules: Vec<Module>,
}

/// A module.
#[derive(Default)]
pub struct Module {
    /// Its file, from the workspace's root.
    pub file: String,
    /// The types that it defines.
    pub types: Vec<String>,
    parent: Option<usize>,
    children: BTreeMap<String, usize>,
    defined: BTreeSet<String>,
    imports: Vec<Import>,
    /// Each path that its code follows.
    paths: BTreeSet<Vec<String>>,
}

/// A name that a module has from another.
struct Import {
    /// The name, or `*` for all there are.
    name: String,
    path: Vec<String>,
    /// Whether the module only hands it on, and makes no use of it.
    is_handed_on: bool,
}

impl Crate {
    /// The crate whose root this file is.
    pub fn read(root: &Path) -> Self {
        let mut read = Self {
            modules: Vec::new(),
        };
        read.add_file(root, root.parent().unwrap(), None);
        read
    }

    fn add_file(&mut self, file: &Path, folder: &Path, parent: Option<usize>) -> usize {
        let file = relative(file);
        let parsed = syn::parse_file(&text(&file));
        let parsed = parsed.unwrap_or_else(|problem| panic!("{file}: {problem}"));
        self.add(&file, folder, parent, &parsed.items)
    }

    /// Adds a module whose own modules have their files in `folder`; its place.
    fn add(&mut self, file: &str, folder: &Path, parent: Option<usize>, items: &[Item]) -> usize {
        let place = self.modules.len();
        self.modules.push(Module {
            file: file.to_owned(),
            parent,
            ..Module::default()
        });
        for item in items.iter().filter(|item| !is_of_tests(item)) {
            match item {
                Item::Mod(module) => {
                    let child = self.add_child(file, folder, place, module);
                    let name = module.ident.to_string();
                    self.modules[place].children.insert(name, child);
                }
                item => self.modules[place].add(item),
            }
        }
        place
    }

    fn add_child(&mut self, file: &str, folder: &Path, parent: usize, module: &ItemMod) -> usize {
        let name = module.ident.to_string();
        let inner = folder.join(&name);
        if let Some((_, items)) = &module.content {
            return self.add(file, &inner, Some(parent), items);
        }
        let files = [folder.join(format!("{name}.rs")), inner.join("mod.rs")];
        let found = files.iter().find(|file| file.exists());
        let found = found.unwrap_or_else(|| panic!("{file}: no file of the module {name}"));
        self.add_file(found, &inner, Some(parent))
    }

    /// The modules that a module imports from, or follows a path to.
    pub fn used_by(&self, place: usize) -> BTreeSet<usize> {
        let module = &self.modules[place];
        let imports = module.imports.iter().filter(|it| !it.is_handed_on);
        let paths = imports.map(|it| &it.path).chain(&module.paths);
        paths
            .filter_map(|path| self.find(place, path, HOPS_MAX))
            .flatten()
            .collect()
    }

    /// Whether `inner` is somewhere inside `outer`.
    pub fn is_inside(&self, inner: usize, outer: usize) -> bool {
        let parent = |place: &usize| self.modules[*place].parent;
        std::iter::successors(Some(inner), parent).any(|place| place == outer)
    }

    /// The modules that a path leads by: from the one that it names, by those that hand the name on, to the
    /// one that defines it. None if that is in another crate.
    fn find(&self, from: usize, path: &[String], hops: u32) -> Option<Vec<usize>> {
        let hops = hops.checked_sub(1)?;
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => self.find_in(0, rest, hops),
            "self" => self.find_in(from, rest, hops),
            "super" => self.find_above(from, rest, hops),
            _ => self.find_in(from, path, hops),
        }
    }

    fn find_above(&self, place: usize, path: &[String], hops: u32) -> Option<Vec<usize>> {
        let parent = self.modules[place].parent?;
        match path.split_first() {
            Some((first, rest)) if first == "super" => self.find_above(parent, rest, hops),
            _ => self.find_in(parent, path, hops),
        }
    }

    fn find_in(&self, place: usize, path: &[String], hops: u32) -> Option<Vec<usize>> {
        let Some((first, rest)) = path.split_first() else {
            return Some(vec![place]);
        };
        let module = &self.modules[place];
        if let Some(child) = module.children.get(first) {
            return self.find_in(*child, rest, hops);
        }
        if module.defined.contains(first) {
            return Some(vec![place]);
        }
        module.imports.iter().find_map(|import| {
            let left = match import.name.as_str() {
                "*" => path,
                name if name == first => rest,
                _ => return None,
            };
            let further = self.find(place, &[&import.path, left].concat(), hops)?;
            Some([vec![place], further].concat())
        })
    }
}

impl Module {
    fn add(&mut self, item: &Item) {
        let type_name = match item {
            Item::Enum(it) => Some(&it.ident),
            Item::Struct(it) => Some(&it.ident),
            Item::Trait(it) => Some(&it.ident),
            Item::Type(it) => Some(&it.ident),
            Item::Union(it) => Some(&it.ident),
            _ => None,
        };
        self.types.extend(type_name.map(ToString::to_string));
        let name = type_name.or(match item {
            Item::Const(it) => Some(&it.ident),
            Item::Fn(it) => Some(&it.sig.ident),
            Item::Static(it) => Some(&it.ident),
            _ => None,
        });
        self.defined.extend(name.map(ToString::to_string));
        self.visit_item(item);
    }

    fn import(&mut self, path: &[String], tree: &UseTree, is_handed_on: bool) {
        let joined = |name: &syn::Ident| match name.to_string().as_str() {
            "self" => path.to_vec(),
            name => [path, &[name.to_owned()]].concat(),
        };
        let (name, path) = match tree {
            UseTree::Path(part) => {
                return self.import(&joined(&part.ident), &part.tree, is_handed_on);
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.import(path, tree, is_handed_on);
                }
                return;
            }
            UseTree::Name(it) => {
                let path = joined(&it.ident);
                (path.last().cloned().unwrap_or_default(), path)
            }
            UseTree::Rename(it) => (it.rename.to_string(), joined(&it.ident)),
            UseTree::Glob(_) => ("*".to_owned(), path.to_vec()),
        };
        self.imports.push(Import {
            name,
            path,
            is_handed_on,
        });
    }

    /// The paths in what a macro is given, whose form only the macro knows.
    fn follow_tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Punct(sign) if sign.as_char() == ':' => colons += 1,
                TokenTree::Ident(name) => {
                    if colons != 2 {
                        self.paths.insert(std::mem::take(&mut path));
                    }
                    path.push(name.to_string());
                    colons = 0;
                }
                other => {
                    self.paths.insert(std::mem::take(&mut path));
                    colons = 0;
                    if let TokenTree::Group(group) = other {
                        self.follow_tokens(group.stream());
                    }
                }
            }
        }
        self.paths.insert(path);
    }
}

impl<'code> Visit<'code> for Module {
    fn visit_item_use(&mut self, import: &'code ItemUse) {
        // A path that begins with `::` is another crate's.
        if import.leading_colon.is_none() {
            let is_handed_on = !matches!(import.vis, Visibility::Inherited);
            self.import(&[], &import.tree, is_handed_on);
        }
    }

    fn visit_path(&mut self, path: &'code syn::Path) {
        if path.leading_colon.is_none() {
            let names = path.segments.iter().map(|part| part.ident.to_string());
            self.paths.insert(names.collect());
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'code Macro) {
        self.follow_tokens(call.tokens.clone());
        visit::visit_macro(self, call);
    }
}

fn is_of_tests(item: &Item) -> bool {
    let attributes: &[Attribute] = match item {
        Item::Const(it) => &it.attrs,
        Item::Fn(it) => &it.attrs,
        Item::Impl(it) => &it.attrs,
        Item::Mod(it) => &it.attrs,
        Item::Struct(it) => &it.attrs,
        Item::Use(it) => &it.attrs,
        _ => &[],
    };
    attributes.iter().any(|attribute| {
        let condition = attribute.meta.require_list().ok();
        condition.is_some_and(|it| it.path.is_ident("cfg") && it.tokens.to_string() == "test")
    })
}

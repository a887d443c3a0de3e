//! Finds import circles: for every folder, the files and folders in it must import each other in one
//! direction only. A file may import types from the `mod.rs` above it, and `mod.rs` may call it.

use std::collections::{BTreeMap, BTreeSet};

/// A module: its path (`daemon::start`), and its code without tests.
pub(crate) type Modules = BTreeMap<String, String>;

/// One circle for each folder that has some: the neighbours that reach each other.
pub(crate) fn circles(modules: &Modules) -> Vec<String> {
    let imports: Vec<(&str, String)> = modules
        .keys()
        .flat_map(|from| targets(from, modules).map(move |to| (&**from, to)))
        .collect();
    let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (from, to) in &imports {
        let shared = from.split("::").zip(to.split("::")).take_while(|(a, b)| a == b).count();
        let neighbour = |path: &str| {
            let names: Vec<&str> = path.split("::").take(shared + 1).collect();
            (names.len() > shared).then(|| names.join("::"))
        };
        if let (Some(from), Some(to)) = (neighbour(from), neighbour(to)) {
            edges.entry(from).or_default().insert(to);
        }
    }
    let mut found = BTreeSet::new();
    for start in edges.keys() {
        let reached = reachable(start, &edges);
        let back = |other: &&String| *other != start && reachable(other, &edges).contains(start);
        let mut circle: Vec<&str> = reached.iter().filter(back).map(|name| &**name).collect();
        if !circle.is_empty() {
            circle.push(start);
            circle.sort_unstable();
            found.insert(circle.join(" and "));
        }
    }
    found.into_iter().collect()
}

fn reachable(start: &str, edges: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<String> {
    let (mut reached, mut left) = (BTreeSet::new(), vec![start.to_owned()]);
    while let Some(next) = left.pop() {
        for to in edges.get(&next).into_iter().flatten() {
            if reached.insert(to.clone()) {
                left.push(to.clone());
            }
        }
    }
    reached
}

/// The modules that a module imports from, with re-exports followed.
fn targets<'m>(from: &'m str, modules: &'m Modules) -> impl Iterator<Item = String> + 'm {
    let private = uses(from, modules).filter(|(_, is_public)| !is_public);
    private.filter_map(|(path, _)| resolve(&path, modules, 0)).filter(move |to| to != from)
}

/// The module in which the item at `path` is defined.
fn resolve(path: &[String], modules: &Modules, depth: usize) -> Option<String> {
    let length = (1..=path.len()).rev().find(|n| modules.contains_key(&path[..*n].join("::")))?;
    let module = path[..length].join("::");
    let Some(item) = path.get(length).filter(|_| depth < 5) else { return Some(module) };
    let found = uses(&module, modules)
        .find(|(path, is_public)| *is_public && path.last() == Some(item))
        .and_then(|(path, _)| resolve(&path, modules, depth + 1));
    Some(found.unwrap_or(module))
}

/// The imports of a module as paths from the root, and whether each is a re-export.
fn uses<'m>(
    module: &'m str,
    modules: &'m Modules,
) -> impl Iterator<Item = (Vec<String>, bool)> + 'm {
    let code = &modules[module];
    let starts = code.match_indices("use ").filter_map(|(at, _)| {
        let line = code[code[..at].rfind('\n').map_or(0, |end| end + 1)..at].trim();
        let is_statement = line.is_empty() || line.starts_with("pub");
        let tree = code[at + "use ".len()..].split(';').next().unwrap_or_default();
        is_statement.then(|| (tree.split_whitespace().collect::<String>(), !line.is_empty()))
    });
    starts.flat_map(move |(tree, is_public)| {
        let paths = expand(&tree).into_iter().filter_map(|path| absolute(module, &path, modules));
        paths.map(move |path| (path, is_public)).collect::<Vec<_>>()
    })
}

/// `a::{b,c::{d}}` as `a::b` and `a::c::d`.
fn expand(tree: &str) -> Vec<String> {
    let Some((prefix, list)) = tree.split_once('{') else { return vec![tree.to_owned()] };
    let list = list.strip_suffix('}').unwrap_or(list);
    let mut depth = 0;
    let items = list.split(|c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == ',' && depth == 0
    });
    let items = items.filter(|item| !item.is_empty());
    items.flat_map(|item| expand(&format!("{prefix}{item}"))).collect()
}

fn absolute(module: &str, path: &str, modules: &Modules) -> Option<Vec<String>> {
    let mut at: Vec<String> = module.split("::").map(str::to_owned).collect();
    let mut names = path.split("::").peekable();
    match *names.peek()? {
        "crate" => {
            names.next();
            at.clear();
        }
        "self" => drop(names.next()),
        "super" => {
            while names.next_if_eq(&"super").is_some() {
                at.pop();
            }
        }
        first if modules.contains_key(&format!("{module}::{first}")) => {}
        _ => return None,
    }
    at.extend(names.map(str::to_owned));
    Some(at)
}

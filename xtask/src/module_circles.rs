//! Circles among the modules of a crate: there is no order in which a newcomer could read those. Where its `lib.rs` lists
//! the modules in such an order, the list is held against them.
//!
//! A module depends on the module that defines what it names, wherever the name is re-exported from, in signatures and
//! in bodies. `pub use` of a child is such a dependency too, so a parent whose children use what is defined in it is a
//! circle. Test code is not read. It reads paths, not types: a method that is called on a value whose type is nowhere
//! named is not seen.

mod graph;
mod source;

use anyhow::{Result, bail};
use graph::{Edges, circles};
use source::Crate;
use std::path::Path;

/// Reads the crates in `folders`, each named by its `src` below `root`, and tells every circle with the names that close
/// it, between modules and between the folders at the top, and what is wrong with the list in its `lib.rs`.
///
/// # Errors
/// When there is a circle, a list is wrong, or a file cannot be read.
pub fn check(root: &Path, folders: &[&str]) -> Result<()> {
    let (mut n_circles, mut n_faults) = (0, 0);
    for folder in folders {
        let read = Crate::read(&root.join(folder))?;
        let (modules, edges) = (read.modules(), read.edges());
        let at_top = between_tops(&edges);
        for (what, edges) in [("modules", &edges), ("folders", &at_top)] {
            for circle in circles(edges) {
                n_circles += 1;
                eprintln!("{folder}: a circle of {} {what}", circle.len());
                for ((from, to), names) in edges {
                    if circle.contains(from) && circle.contains(to) {
                        let names: Vec<&str> = names.iter().map(String::as_str).collect();
                        eprintln!("    {from} -> {to}: {}", names.join(", "));
                    }
                }
            }
        }
        for fault in list_faults(&read, read.text(), &at_top) {
            n_faults += 1;
            eprintln!("{folder}/lib.rs: {fault}");
        }
        eprintln!("{folder}: {} modules, {} dependencies between them", modules.len(), edges.len());
    }
    match (n_circles, n_faults) {
        (0, 0) => Ok(()),
        (0, _) => bail!("the list of modules in lib.rs is no order in which they can be read: change it"),
        (1, _) => bail!("a circle of modules: move what closes it below all that use it"),
        (n, _) => bail!("{n} circles of modules: move what closes them below all that use it"),
    }
}

/// The dependencies between the modules at the top, each with all that is below it.
fn between_tops(edges: &Edges) -> Edges {
    let top = |module: &str| module.split("::").nth(1).map(str::to_owned);
    let mut found = Edges::new();
    for ((from, to), names) in edges {
        if let (Some(top_from), Some(top_to)) = (top(from), top(to))
            && top_from != top_to
        {
            let names = names.iter().map(|name| format!("{name} in {from}"));
            found.entry((top_from, top_to)).or_default().extend(names);
        }
    }
    found
}

/// What is wrong with the list of modules at the head of `text`, a `lib.rs`: modules that it leaves out, and those that stand
/// before one that they use. `at_top` is what depends on what among the modules at the top. A file without a list promises
/// nothing.
fn list_faults(read: &Crate, text: &str, at_top: &Edges) -> Vec<String> {
    let head = text.lines().map_while(|line| line.strip_prefix("//!"));
    let listed: Vec<String> = head.filter_map(listed_path).filter_map(|path| read.top_of(&path)).collect();
    if listed.is_empty() {
        return Vec::new();
    }
    let place = |module: &str| listed.iter().position(|listed| listed == module);
    let left_out = read.tops().into_iter().filter(|module| place(module).is_none());
    let left_out = left_out.map(|module| format!("{module} is not in the list of modules"));
    let backwards = at_top.iter().filter(|((from, to), _)| place(from) < place(to)).map(|((from, to), names)| {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        format!("{from} is listed before {to}, which it uses: {}", names.join(", "))
    });
    left_out.chain(backwards).collect()
}

/// The path in a line such as ` - [`name`]: …`, ` 3. [`Name`](path::Name): …` or ` - `name`: …`.
fn listed_path(line: &str) -> Option<Vec<String>> {
    let (mark, entry) = line.trim_start().split_once(' ')?;
    let number = mark.strip_suffix('.').unwrap_or_default();
    let is_mark = mark == "-" || (!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()));
    let (name, rest) = entry.trim_start_matches('[').strip_prefix('`').filter(|_| is_mark)?.split_once('`')?;
    let target = rest.strip_prefix("](").and_then(|rest| rest.split_once(')')).map_or(name, |(target, _)| target);
    Some(target.split("::").map(str::to_owned).collect())
}

#[cfg(test)]
mod tests;

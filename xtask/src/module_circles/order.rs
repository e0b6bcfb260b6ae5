//! The list of modules at the head of a `lib.rs`, which says that it is an order in which they can be read.

use super::graph::Edges;
use super::source::Crate;

/// What is wrong with the list in `text`: modules that it leaves out, and those that stand before one that they use.
/// `at_top` is what depends on what among the modules at the top. A file without a list promises nothing.
pub fn faults(read: &Crate, text: &str, at_top: &Edges) -> Vec<String> {
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

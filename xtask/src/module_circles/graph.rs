//! Circles in a graph.

use std::collections::{BTreeMap, BTreeSet};

/// Who names something of whom, and by which names.
pub type Edges = BTreeMap<(String, String), BTreeSet<String>>;

/// The largest sets of nodes that all lead to each other; a node alone is none.
pub fn circles(edges: &Edges) -> Vec<BTreeSet<String>> {
    let mut after: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (from, to) in edges.keys() {
        after.entry(from).or_default().push(to);
    }
    let reached: BTreeMap<&str, BTreeSet<&str>> =
        after.keys().map(|node| (*node, reached_from(node, &after))).collect();
    let leads = |from: &str, to: &str| reached.get(from).is_some_and(|reached| reached.contains(to));
    let mut found: Vec<BTreeSet<String>> = Vec::new();
    for (node, others) in &reached {
        let circle: BTreeSet<String> =
            others.iter().filter(|other| leads(other, node)).map(|other| (*other).to_owned()).collect();
        if circle.len() > 1 && !found.contains(&circle) {
            found.push(circle);
        }
    }
    found
}

/// What can be reached from a node in one step or more.
fn reached_from<'a>(start: &str, after: &BTreeMap<&'a str, Vec<&'a str>>) -> BTreeSet<&'a str> {
    let next = |node: &str| after.get(node).cloned().unwrap_or_default();
    let mut reached = BTreeSet::new();
    let mut waiting = next(start);
    while let Some(node) = waiting.pop() {
        if reached.insert(node) {
            waiting.extend(next(node));
        }
    }
    reached
}

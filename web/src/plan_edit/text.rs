//! A damage in the grammar, as a person would type it.

use super::component::Component;
use super::part::{Coverage, Group, Part};
use shared::corruption::Anatomy;
use std::collections::BTreeMap;

pub(super) fn write(groups: &[Group], anatomy: Anatomy) -> String {
    let steps: Vec<String> = groups.iter().flat_map(|group| steps(group, anatomy)).collect();
    steps.join(";")
}

/// One step for each set of components that parts have in common, in the order of their first part.
fn steps(group: &Group, anatomy: Anatomy) -> Vec<String> {
    let mut by_coverage: BTreeMap<&Coverage, Vec<Part>> = BTreeMap::new();
    for (part, coverage) in &group.parts {
        by_coverage.entry(coverage).or_default().push(*part);
    }
    let mut steps: Vec<(Part, String)> = by_coverage
        .into_iter()
        .map(|(coverage, parts)| {
            let components = match coverage {
                Coverage::Whole => String::new(),
                Coverage::Components(components) => format!("/{}", Component::words(components)),
            };
            (parts[0], format!("{}@{}{components}", group.scheme, selection(&parts, anatomy.n_layers)))
        })
        .collect();
    steps.sort_by_key(|(part, _)| *part);
    steps.into_iter().map(|(_, step)| step).collect()
}

fn selection(parts: &[Part], n_layers: usize) -> String {
    let layers: Vec<usize> = parts
        .iter()
        .filter_map(|part| match part {
            Part::Layer(layer_idx) => Some(*layer_idx),
            _ => None,
        })
        .collect();
    let mut words: Vec<String> = Vec::new();
    words.extend(layer_words(&layers, n_layers));
    let names = [(Part::Embeddings, "embeddings"), (Part::Pooler, "pooler"), (Part::Classifier, "classifier")];
    words.extend(names.iter().filter(|(part, _)| parts.contains(part)).map(|(_, name)| (*name).to_owned()));
    words.join(",")
}

/// `all`, `bottom:0.5`, `top:0.5`, or the layers by number.
fn layer_words(layers: &[usize], n_layers: usize) -> Option<String> {
    let n = layers.len();
    match (layers.first(), layers.last()) {
        (Some(_), Some(_)) if n == n_layers => Some("all".to_owned()),
        (Some(0), Some(last)) if last + 1 == n => Some(format!("bottom:{}", fraction(n, n_layers))),
        (Some(first), Some(last)) if last + 1 == n_layers && first + n == n_layers => {
            Some(format!("top:{}", fraction(n, n_layers)))
        }
        (Some(_), Some(_)) => {
            let runs = layers.chunk_by(|a, b| a + 1 == *b).map(|run| match run {
                [first, .., last] => format!("{first}-{last}"),
                _ => run[0].to_string(),
            });
            Some(format!("layers:{}", runs.collect::<Vec<_>>().join(".")))
        }
        _ => None,
    }
}

/// The shortest fraction with at most two decimals that means `n` of `n_layers`; whole layers where there is none.
fn fraction(n: usize, n_layers: usize) -> String {
    let exact = n as f64 / n_layers as f64;
    for scale in [10.0, 100.0] {
        let rounded = (exact * scale).round() / scale;
        // The grammar's rule: half up, at least one.
        let means = ((rounded * n_layers as f64 + 0.5 + 1e-9).floor() as usize).max(1);
        if means == n && (rounded - exact).abs() < 0.005 + 1e-9 {
            return rounded.to_string();
        }
    }
    format!("{n}L")
}

//! An experiment file: a grid of runs, written down with its claims before the first of them starts.
//!
//! ```toml
//! name = "trec6-levels"
//! description = "Accuracy against the share of layers damaged, from both ends"
//!
//! [grid]                       # every key takes one value or a list; the cells are all combinations
//! model = "minilm-l3"
//! dataset = "trec6"
//! protocol = "finetuned"
//! scheme = "kaiming"           # with place and level: kaiming@bottom:0.33 and so on
//! place = ["bottom", "top"]
//! level = [0.33, 0.67, 1]
//! seed = "0-5"                 # seeds from 0 to 5
//!
//! [[exclude]]                  # combinations that are left out
//! place = "top"
//! level = 1
//!
//! [[claims]]                   # as in a claims file
//! name = "bottom is worse"
//! family = "primary"
//! question = "bottom-against-top"
//! ```
//!
//! The keys of the grid are the flags of `bert-heal run` with `_` for `-`, and `scheme`, `place` and `level`, of which
//! plans are made; `corrupt` takes plans as they are. A level of 0, like the plan `none`, is a cell without damage.

use std::collections::BTreeMap;

use anyhow::{Context, anyhow, bail};
use serde_json::Value;
use shared::claims::{Claim, ClaimsFile};
use shared::corruption::Plan;
use shared::words::listed;
use toml::Table;

use super::settings::{Settings, canonical};
use crate::exit_code::bad_input;

/// The axes that plans are made of.
const PLAN_AXES: [&str; 3] = ["scheme", "place", "level"];
const CORRUPT: &str = "corrupt";
/// The plan that is none.
const NO_PLAN: &str = "none";
const SEEDS: [&str; 5] = ["seed", "seed_corruption", "seed_head", "seed_data", "seed_split"];
const TOP_KEYS: [&str; 6] = ["name", "description", "alpha", "grid", "exclude", "claims"];
const CLAIM_KEYS: [&str; 11] =
    ["name", "family", "question", "margin_points", "measure", "model", "dataset", "protocol", "plan", "scheme", "end"];

/// An experiment file that was read and holds together.
#[derive(Clone, Debug)]
pub struct Experiment {
    /// What it is called; the sweep's folder has this name where no other is asked for.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// What is asked of its runs.
    pub claims: ClaimsFile,
    /// Each axis with its values, in the order of expansion: the last moves fastest.
    axes: Vec<(String, Vec<Value>)>,
    excluded: Vec<BTreeMap<String, Vec<Value>>>,
}

impl Experiment {
    /// Reads an experiment file. `settings` are the keys that a grid may have beside those that plans are made of;
    /// `overrides` replace axes, as `KEY=VALUE` with TOML's values.
    ///
    /// # Errors
    /// Bad input, with the line and the key, and the nearest key that there is.
    pub fn parse(text: &str, settings: &[String], overrides: &[String]) -> anyhow::Result<Self> {
        let lines = Lines { text };
        let mut file: Table = toml::from_str(text).map_err(|error| bad_input(anyhow!("{error}")))?;
        for key in file.keys() {
            lines.require_known(key, &TOP_KEYS.map(str::to_owned))?;
        }
        let name = required_text(&file, "name")?;
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) {
            return Err(bad_input(anyhow!(
                "name = {name:?}: expected letters, digits, -, _ or ., as a folder may have"
            )));
        }
        let description =
            if file.contains_key("description") { required_text(&file, "description")? } else { String::new() };
        let known: Vec<String> = settings.iter().cloned().chain(PLAN_AXES.map(str::to_owned)).collect();
        let Some(toml::Value::Table(mut grid)) = file.remove("grid") else {
            return Err(bad_input(anyhow!("expected a table [grid] with model, dataset and what else varies")));
        };
        for key in grid.keys() {
            lines.require_known(key, &known)?;
        }
        for text in overrides {
            let (key, value) = override_of(text, &known).map_err(bad_input).with_context(|| format!("--set {text}"))?;
            grid.insert(key, value);
        }
        let axes = axes(grid, &known)?;
        let has = |key: &str| axes.iter().any(|(axis, _)| axis == key);
        for key in ["model", "dataset"] {
            if !has(key) {
                return Err(bad_input(anyhow!("[grid] has no {key}")));
            }
        }
        let n_plan_axes = PLAN_AXES.iter().filter(|key| has(key)).count();
        if n_plan_axes != 0 && n_plan_axes != PLAN_AXES.len() {
            let missing: Vec<&str> = PLAN_AXES.into_iter().filter(|key| !has(key)).collect();
            return Err(bad_input(anyhow!(
                "[grid] makes plans of scheme, place and level, and has no {}",
                listed(&missing, "or")
            )));
        }
        let excluded = excluded(file.remove("exclude"), &axes, &known, &lines)?;
        let claims = claims(&file, &lines)?;
        Ok(Self { name, description, claims, axes, excluded })
    }

    /// The cells, in the order of their numbers. Those of one seed and recipe stand together, whatever their plan, so that
    /// a sweep that is stopped has whole seeds.
    ///
    /// # Errors
    /// Bad input when a plan is none, two cells are the same, an exclusion excludes nothing, or nothing is left.
    pub fn cells(&self) -> anyhow::Result<Vec<Settings>> {
        let mut cells = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        let mut n_excluded = vec![0_usize; self.excluded.len()];
        for combination in combinations(&self.axes) {
            let excluding = self.excluded.iter().position(|exclusion| {
                exclusion.iter().all(|(key, values)| combination.get(key).is_some_and(|value| values.contains(value)))
            });
            if let Some(i) = excluding {
                n_excluded[i] += 1;
                continue;
            }
            let cell = with_plan(combination)?;
            // A cell without damage has no end and no protocol, so it comes up for each of them: it is one.
            if seen.insert(cell.id()) {
                cells.push(cell);
            } else if cell.plan().is_some() {
                bail!(bad_input(anyhow!("[grid] has a cell twice: {}", cell.in_words())));
            }
        }
        if let Some(i) = n_excluded.iter().position(|n| *n == 0) {
            bail!(bad_input(anyhow!("[[exclude]] number {} excludes no cell that is not excluded before", i + 1)));
        }
        if cells.is_empty() {
            bail!(bad_input(anyhow!("[grid] has no cell")));
        }
        Ok(cells)
    }

    /// The values of an axis; empty when the grid does not have it.
    #[must_use]
    pub fn values(&self, key: &str) -> &[Value] {
        self.axes.iter().find(|(axis, _)| axis == key).map_or(&[], |(_, values)| values)
    }
}

/// The text of a file, to say where something stands.
struct Lines<'a> {
    text: &'a str,
}

impl Lines<'_> {
    fn require_known(&self, key: &str, known: &[String]) -> anyhow::Result<()> {
        if known.iter().any(|name| name == key) {
            return Ok(());
        }
        let is_key = |line: &str| line.trim_start().trim_start_matches(['[', '"', '\'']).starts_with(key);
        let line = self.text.lines().position(is_key).map_or(String::new(), |i| format!("line {}: ", i + 1));
        Err(bad_input(anyhow!("{line}unknown key {key:?}{}", nearest(key, known))))
    }
}

/// What was probably meant, as the end of a sentence.
fn nearest(key: &str, known: &[String]) -> String {
    let asked = key.replace('-', "_");
    let best = known.iter().max_by(|a, b| {
        let of = |name: &str| strsim::jaro_winkler(&asked, name);
        of(a).total_cmp(&of(b))
    });
    match best {
        Some(name) if strsim::jaro_winkler(&asked, name) > 0.75 => format!("; did you mean {name:?}?"),
        _ => format!("; expected one of {}", known.join(", ")),
    }
}

fn required_text(file: &Table, key: &str) -> anyhow::Result<String> {
    match file.get(key) {
        Some(toml::Value::String(text)) => Ok(text.trim().to_owned()),
        Some(other) => Err(bad_input(anyhow!("{key}: expected a text, got {}", article(other.type_str())))),
        None => Err(bad_input(anyhow!("expected {key} = \"…\" at the top of the file"))),
    }
}

/// A TOML type's name with its article.
fn article(name: &str) -> String {
    format!("{} {name}", if name.starts_with(['a', 'i']) { "an" } else { "a" })
}

/// `KEY=VALUE`, where a value that is no TOML is a text.
fn override_of(text: &str, known: &[String]) -> anyhow::Result<(String, toml::Value)> {
    let (key, value) = text.split_once('=').ok_or_else(|| anyhow!("expected KEY=VALUE"))?;
    let key = key.trim().replace('-', "_");
    if !known.contains(&key) {
        bail!("unknown key {key:?}{}", nearest(&key, known));
    }
    let table: Result<Table, _> = toml::from_str(&format!("value = {value}"));
    let value = table.ok().and_then(|mut table| table.remove("value"));
    Ok((key, value.unwrap_or_else(|| toml::Value::String(text.split_once('=').expect("it has one").1.to_owned()))))
}

fn axes(grid: Table, known: &[String]) -> anyhow::Result<Vec<(String, Vec<Value>)>> {
    let mut axes = Vec::new();
    for (key, value) in grid {
        let values = values(&key, value).map_err(bad_input)?;
        axes.push((key, values));
    }
    let rank = |key: &str| {
        let group = if SEEDS.contains(&key) {
            1
        } else if key == CORRUPT || PLAN_AXES.contains(&key) {
            2
        } else {
            0
        };
        (group, known.iter().position(|name| name == key))
    };
    axes.sort_by_key(|(key, _)| rank(key));
    Ok(axes)
}

/// The values of an axis: one, a list, or for seeds a range.
fn values(key: &str, value: toml::Value) -> anyhow::Result<Vec<Value>> {
    let values: Vec<Value> = match value {
        toml::Value::String(text) if SEEDS.contains(&key) => seed_range(key, &text)?,
        toml::Value::Array(items) => items.into_iter().map(|item| scalar(key, item)).collect::<anyhow::Result<_>>()?,
        one => vec![scalar(key, one)?],
    };
    if values.is_empty() {
        bail!("{key} = []: expected at least one value");
    }
    if let Some(i) = (1..values.len()).find(|&i| values[..i].contains(&values[i])) {
        bail!("{key} has {} twice", values[i]);
    }
    Ok(values)
}

fn seed_range(key: &str, text: &str) -> anyhow::Result<Vec<Value>> {
    let parse = |part: &str| part.trim().parse::<u64>().ok();
    let range = match text.split_once('-') {
        Some((first, last)) => parse(first).zip(parse(last)),
        None => parse(text).map(|one| (one, one)),
    };
    match range {
        Some((first, last)) if first <= last && last - first < 100_000 => Ok((first..=last).map(Value::from).collect()),
        _ => Err(anyhow!("{key} = {text:?}: expected a number, a list of them, or a range such as \"0-5\"")),
    }
}

fn scalar(key: &str, value: toml::Value) -> anyhow::Result<Value> {
    Ok(match value {
        toml::Value::String(text) => Value::from(text),
        toml::Value::Integer(n) => Value::from(n),
        toml::Value::Boolean(yes) => Value::from(yes),
        toml::Value::Float(x) if x.is_finite() => canonical(x),
        other => bail!("{key}: expected a text, a number, or true or false, got {}", article(other.type_str())),
    })
}

fn excluded(
    value: Option<toml::Value>,
    axes: &[(String, Vec<Value>)],
    known: &[String],
    lines: &Lines<'_>,
) -> anyhow::Result<Vec<BTreeMap<String, Vec<Value>>>> {
    let tables = match value {
        None => return Ok(Vec::new()),
        Some(toml::Value::Array(tables)) => tables,
        Some(_) => return Err(bad_input(anyhow!("exclude: expected tables [[exclude]]"))),
    };
    let mut excluded = Vec::new();
    for table in tables {
        let toml::Value::Table(table) = table else {
            return Err(bad_input(anyhow!("exclude: expected tables [[exclude]]")));
        };
        if table.is_empty() {
            return Err(bad_input(anyhow!("an empty [[exclude]] would exclude everything")));
        }
        let mut exclusion = BTreeMap::new();
        for (key, value) in table {
            lines.require_known(&key, known)?;
            let asked = values(&key, value).map_err(bad_input).context("[[exclude]]")?;
            let of_axis = axes.iter().find(|(axis, _)| *axis == key).map(|(_, values)| values);
            let of_axis = of_axis.ok_or_else(|| bad_input(anyhow!("[[exclude]]: [grid] has no {key}")))?;
            if let Some(other) = asked.iter().find(|value| !of_axis.contains(value)) {
                return Err(bad_input(anyhow!("[[exclude]]: {key} of [grid] has no {other}")));
            }
            exclusion.insert(key, asked);
        }
        excluded.push(exclusion);
    }
    Ok(excluded)
}

fn claims(file: &Table, lines: &Lines<'_>) -> anyhow::Result<ClaimsFile> {
    let known: Vec<String> = CLAIM_KEYS.iter().map(|key| (*key).to_owned()).chain(["level".to_owned()]).collect();
    let mut claims = Vec::new();
    if let Some(value) = file.get("claims") {
        let tables = value.as_array().ok_or_else(|| bad_input(anyhow!("claims: expected tables [[claims]]")))?;
        for table in tables {
            for key in table.as_table().into_iter().flat_map(Table::keys) {
                lines.require_known(key, &known)?;
            }
            let claim: Claim = table.clone().try_into().map_err(|error| bad_input(anyhow!("[[claims]]: {error}")))?;
            claims.push(claim);
        }
    }
    let alpha = match file.get("alpha") {
        None => 0.05,
        Some(toml::Value::Float(alpha)) => *alpha,
        Some(other) => {
            return Err(bad_input(anyhow!(
                "alpha: expected a number between 0 and 1, got {}",
                article(other.type_str())
            )));
        }
    };
    let claims = ClaimsFile { alpha, claims };
    claims.check().map_err(bad_input)?;
    Ok(claims)
}

/// All combinations of one value of each axis; the last axis moves fastest.
fn combinations(axes: &[(String, Vec<Value>)]) -> impl Iterator<Item = BTreeMap<String, Value>> + '_ {
    let n: usize = axes.iter().map(|(_, values)| values.len()).product();
    (0..n).map(move |mut number| {
        let mut combination = BTreeMap::new();
        for (key, values) in axes.iter().rev() {
            combination.insert(key.clone(), values[number % values.len()].clone());
            number /= values.len();
        }
        combination
    })
}

/// The settings of a cell: with one plan for scheme, place and level, in its canonical form, and with a seed of each kind.
fn with_plan(mut combination: BTreeMap<String, Value>) -> anyhow::Result<Settings> {
    let text = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let parts = PLAN_AXES.map(|key| combination.remove(key).map(text));
    let made = match parts {
        [Some(scheme), Some(place), Some(level)] => {
            let is_none = level.parse::<f64>().is_ok_and(|level| level == 0.0);
            Some(if is_none { NO_PLAN.to_owned() } else { format!("{scheme}@{place}:{level}") })
        }
        _ => None,
    };
    let given = combination.remove(CORRUPT).map(text);
    let plan = match (given, made) {
        (Some(given), Some(made)) => {
            return Err(bad_input(anyhow!(
                "[grid] has corrupt ({given}) and scheme, place and level ({made}); expected one of the two"
            )));
        }
        (given, made) => given.or(made).filter(|plan| !plan.trim().is_empty() && plan != NO_PLAN),
    };
    if let Some(plan) = plan {
        let plan = Plan::parse(&plan).map_err(bad_input).with_context(|| format!("plan {plan}"))?;
        combination.insert(CORRUPT.to_owned(), Value::from(plan.to_string()));
    } else {
        combination.remove("protocol");
    }
    Ok(Settings::new(combination))
}

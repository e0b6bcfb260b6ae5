//! How numbers that are huge, infinite or not numbers travel: `golden/damaged.json`, made by `golden/make_damaged.py`.
//!
//! A damaged model may not answer with a number that it has not got. Where everything fits into f32 its logits are
//! those of f64, where something overflows they say so. Classes of rows: see `golden/README.md`.

use std::collections::{BTreeMap, BTreeSet};

use candle_core::DType;
use serde::Deserialize;
use shared::checkpoint::Checkpoint;
use shared::dataset::Batch;
use shared::model::{Architecture, ForwardMode, Kind, Module, ParameterPath, TextClassifier};
use shared::nn::Kernels;

use crate::files::{kernel_sets, read};
use crate::harness::{MODELS, floats, load, model};

/// Relative to the row's largest logit. The script that makes the file refuses rows whose logits move by more than 3e-5
/// when every operation is disturbed by an error as large as one of f32; the rest is for another order of adding.
const RELATIVE_TOLERANCE: f64 = 1e-4;
/// Damages from here on count as huge.
const HUGE: f32 = 1e8;

#[derive(Deserialize)]
struct Grid {
    /// By the name of the model.
    rows: BTreeMap<String, Vec<Row>>,
    cases: Vec<Case>,
}

/// One text without padding.
#[derive(Deserialize)]
struct Row {
    input_ids: Vec<u32>,
    /// Only of BERT.
    token_type_ids: Option<Vec<u32>>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    model: String,
    edits: Vec<Edit>,
    rows: Vec<Outcome>,
}

/// One number of a tensor that is replaced, or one of whose bits is turned over.
#[derive(Deserialize)]
struct Edit {
    tensor: String,
    index: usize,
    /// An f32 in hexadecimal digits.
    bits: Option<String>,
    flipped_bit: Option<u32>,
}

/// What a row's logits have to be.
#[derive(Deserialize)]
struct Outcome {
    class: Class,
    /// Null where there is no finite number.
    logits: Vec<Option<f64>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Class {
    /// Nothing comes near the end of f32's range.
    Finite,
    /// Something overflows for certain, and it shows.
    NonFinite,
    /// Something overflows into a limit that f32 knows exactly: either the limit's logits or none.
    Limit,
    /// Whether f32 overflows depends on the order of operations.
    Excluded,
}

impl Grid {
    fn read() -> Self {
        serde_json::from_slice(&read("damaged.json")).unwrap()
    }

    fn outcomes(&self) -> impl Iterator<Item = &Outcome> {
        self.cases.iter().flat_map(|case| &case.rows)
    }

    fn n_rows(&self, class: Class) -> usize {
        self.outcomes().filter(|outcome| outcome.class == class).count()
    }
}

impl Edit {
    fn value(&self, before: f32) -> f32 {
        match (&self.bits, self.flipped_bit) {
            (Some(bits), None) => f32::from_bits(u32::from_str_radix(bits, 16).unwrap()),
            (None, Some(bit)) => f32::from_bits(before.to_bits() ^ (1 << bit)),
            _ => panic!("{}: an edit has either bits or a flipped bit", self.tensor),
        }
    }
}

impl Row {
    fn batch(&self) -> Batch {
        let n_columns = self.input_ids.len();
        Batch {
            row_indices: vec![0],
            n_rows: 1,
            n_columns,
            input_ids: self.input_ids.clone(),
            attention_mask: vec![1; n_columns],
            token_type_ids: self.token_type_ids.clone().unwrap_or_else(|| vec![0; n_columns]),
            labels: vec![0],
        }
    }
}

/// All rows in one batch, the shorter ones padded.
fn padded(rows: &[Row], pad_token_id: u32) -> Batch {
    let n_columns = rows.iter().map(|row| row.input_ids.len()).max().unwrap();
    let columns = |of_row: &dyn Fn(&Batch) -> Vec<u32>, padding: u32| -> Vec<u32> {
        rows.iter()
            .flat_map(|row| {
                let mut column = of_row(&row.batch());
                column.resize(n_columns, padding);
                column
            })
            .collect()
    };
    Batch {
        row_indices: (0..rows.len()).collect(),
        n_rows: rows.len(),
        n_columns,
        input_ids: columns(&|row| row.input_ids.clone(), pad_token_id),
        attention_mask: columns(&|row| row.attention_mask.clone(), 0),
        token_type_ids: columns(&|row| row.token_type_ids.clone(), 0),
        labels: vec![0; rows.len()],
    }
}

impl Outcome {
    /// What is wrong with these logits.
    fn objection(&self, logits: &[f32]) -> Option<&'static str> {
        let is_finite = logits.iter().all(|logit| logit.is_finite());
        match self.class {
            Class::Excluded => None,
            Class::Limit if !is_finite => None,
            Class::Finite if !is_finite => Some("not finite"),
            Class::Finite | Class::Limit => {
                let largest = self.logits.iter().flatten().fold(0.0, |largest: f64, logit| largest.max(logit.abs()));
                let is_near = self.logits.iter().zip(logits).all(|(expected, logit)| {
                    expected
                        .is_some_and(|expected| (f64::from(*logit) - expected).abs() <= RELATIVE_TOLERANCE * largest)
                });
                (!is_near).then_some("other logits")
            }
            Class::NonFinite => {
                let hides =
                    self.logits.iter().zip(logits).any(|(expected, logit)| expected.is_none() && logit.is_finite());
                hides.then_some("finite")
            }
        }
    }
}

/// A line about a row whose logits are not what they have to be.
fn failure(case: &Case, row_idx: usize, how: &str, logits: &[f32]) -> Option<String> {
    let outcome = &case.rows[row_idx];
    let objection = outcome.objection(logits)?;
    let (class, expected) = (outcome.class, &outcome.logits);
    Some(format!("{}, row {row_idx}, {how}: {objection}: {logits:?}, expected {class:?} {expected:?}", case.name))
}

/// A tiny model with its undamaged values.
struct Subject {
    checkpoint: Checkpoint,
    paths: BTreeMap<String, ParameterPath>,
    /// Every kernel set, each once as evaluation and once as training assembles it.
    models: Vec<(String, TextClassifier)>,
}

impl Subject {
    fn load(name: &str) -> Self {
        let checkpoint = load(name);
        let Checkpoint { config, parameters, .. } = &checkpoint;
        let evaluation =
            |kernels: &Kernels| TextClassifier::for_evaluation(config, parameters, kernels, DType::F32).unwrap();
        let models = kernel_sets()
            .into_iter()
            .flat_map(|(set, kernels)| {
                [
                    (format!("{set}, for evaluation"), evaluation(&kernels)),
                    (format!("{set}, for training"), model(config, parameters, &kernels)),
                ]
            })
            .collect();
        let paths = parameters.paths().map(|path| (path.name(config.architecture), path)).collect();
        Self { checkpoint, paths, models }
    }

    fn path(&self, tensor: &str) -> ParameterPath {
        *self.paths.get(tensor).unwrap_or_else(|| panic!("the model has no {tensor}"))
    }

    /// Applies a case's edits, calls `look` with what was written where, and takes them back.
    fn damaged(&mut self, case: &Case, look: impl FnOnce(&Self, &[(ParameterPath, f32)])) {
        let mut written = Vec::new();
        let mut before = BTreeMap::new();
        for edit in &case.edits {
            let path = self.path(&edit.tensor);
            let mut values = self.checkpoint.parameters.to_vec(path).unwrap();
            before.entry(path).or_insert_with(|| values.clone());
            values[edit.index] = edit.value(values[edit.index]);
            written.push((path, values[edit.index]));
            self.checkpoint.parameters.set(path, values).unwrap();
        }
        look(self, &written);
        for (path, values) in before {
            self.checkpoint.parameters.set(path, values).unwrap();
        }
    }
}

#[test]
fn damaged_models_compute_what_f64_computes_or_say_that_they_cannot() {
    let grid = Grid::read();
    let (mut failures, mut n_evaluations, mut n_saturated) = (Vec::new(), 0, 0);
    for name in MODELS {
        let mut subject = Subject::load(name);
        for case in grid.cases.iter().filter(|case| case.model == name) {
            assert_eq!(case.rows.len(), grid.rows[name].len(), "{}", case.name);
            subject.damaged(case, |subject, _| {
                for (row_idx, (row, outcome)) in grid.rows[name].iter().zip(&case.rows).enumerate() {
                    for (how, model) in &subject.models {
                        let logits = floats(&model.forward(&row.batch(), ForwardMode::Evaluation).unwrap());
                        n_evaluations += 1;
                        let is_finite = logits.iter().all(|logit| logit.is_finite());
                        n_saturated += usize::from(outcome.class == Class::Limit && is_finite);
                        failures.extend(failure(case, row_idx, how, &logits));
                    }
                }
            });
        }
    }
    println!("{} cases, {n_evaluations} evaluations, {n_saturated} of them finite by a limit", grid.cases.len());
    for class in [Class::Finite, Class::NonFinite, Class::Limit, Class::Excluded] {
        println!("{class:?}: {} rows", grid.n_rows(class));
    }
    assert!(failures.is_empty(), "{} of {n_evaluations}:\n{}", failures.len(), failures.join("\n"));
}

/// Padding reads a word, positions and a token type that its row may not have; attention skips its keys.
#[test]
fn damage_in_padding_does_not_reach_the_row() {
    let grid = Grid::read();
    let (mut failures, mut n_evaluations) = (Vec::new(), 0);
    for name in MODELS {
        let mut subject = Subject::load(name);
        let rows = &grid.rows[name];
        for case in grid.cases.iter().filter(|case| case.model == name) {
            subject.damaged(case, |subject, _| {
                let batch = padded(rows, subject.checkpoint.config.pad_token_id);
                for (how, model) in &subject.models {
                    let logits = floats(&model.forward(&batch, ForwardMode::Evaluation).unwrap());
                    let n_labels = logits.len() / rows.len();
                    for (row_idx, logits) in logits.chunks_exact(n_labels).enumerate() {
                        n_evaluations += 1;
                        failures.extend(failure(case, row_idx, how, logits));
                    }
                }
            });
        }
    }
    assert!(failures.is_empty(), "{} of {n_evaluations}:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn grid_of_damages_keeps_its_shares_and_meets_every_kind_of_tensor() {
    let grid = Grid::read();
    let n_cases = grid.cases.len();
    assert!(n_cases >= 48, "{n_cases} cases");
    let n_all = |class| grid.cases.iter().filter(|case| case.rows.iter().all(|row| row.class == class)).count();
    let n_any = |class| grid.cases.iter().filter(|case| case.rows.iter().any(|row| row.class == class)).count();
    assert!(3 * n_all(Class::Finite) >= n_cases, "{} of {n_cases} cases are finite", n_all(Class::Finite));
    assert!(3 * n_any(Class::NonFinite) >= n_cases, "{} of {n_cases} cases are not", n_any(Class::NonFinite));
    let n_rows = grid.outcomes().count();
    for class in [Class::Finite, Class::NonFinite] {
        assert!(3 * grid.n_rows(class) >= n_rows, "{class:?}: {} of {n_rows} rows", grid.n_rows(class));
    }
    assert!(20 * grid.n_rows(Class::Excluded) <= n_rows, "{} of {n_rows} rows excluded", grid.n_rows(Class::Excluded));

    let mut met: BTreeSet<((Module, Kind), &str)> = BTreeSet::new();
    for name in MODELS {
        let mut subject = Subject::load(name);
        for case in grid.cases.iter().filter(|case| case.model == name) {
            subject.damaged(case, |_, written| {
                let damages = written.iter().filter_map(|(path, value)| Some((kind_of_tensor(*path), damage(*value)?)));
                met.extend(damages);
            });
        }
        let n_of_model = grid.cases.iter().filter(|case| case.model == name).count();
        assert!(3 * n_of_model >= n_cases, "{name}: {n_of_model} of {n_cases} cases");
    }
    for kind in ParameterPath::all(Architecture::Bert, 1).into_iter().map(kind_of_tensor) {
        for damage in ["NaN", "infinite", "huge"] {
            assert!(met.contains(&(kind, damage)), "no {damage} number in {kind:?}");
        }
    }
}

/// A parameter's place without the number of its layer.
fn kind_of_tensor(path: ParameterPath) -> (Module, Kind) {
    let module = match path.module {
        Module::Layer(_, module) => Module::Layer(0, module),
        module => module,
    };
    (module, path.kind)
}

fn damage(value: f32) -> Option<&'static str> {
    if value.is_nan() {
        Some("NaN")
    } else if value.is_infinite() {
        Some("infinite")
    } else {
        (value.abs() >= HUGE).then_some("huge")
    }
}

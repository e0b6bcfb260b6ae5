//! A bit whose flip alone breaks the model.

use super::super::evaluate::measure;
use super::super::model::Model;
use super::super::task::{Interruption, Task};
use super::held_out::HeldOut;
use crate::failure::{Failure, computation};
use crate::protocol::{FatalBit, FindFatalBit, Stage, ViewWeight};
use shared::corruption::WeightBit;
use shared::model::{Kind, ModelConfig, ParameterPath};

/// Points of accuracy that a fatal flip costs at least.
const FATAL_POINTS: f64 = 5.0;

/// The bits that are tried, the highest of the exponent first.
const BITS: [u32; 4] = [30, 29, 28, 27];

/// Flips that are tried at most.
const MAX_TRIED: usize = 40;

/// A flip that may be fatal.
struct Candidate {
    path: ParameterPath,
    weight: WeightBit,
    magnitude: f32,
}

pub(super) async fn run(task: &Task<FindFatalBit>, job: HeldOut) -> Result<FatalBit, Interruption> {
    let HeldOut { config, healthy, examples, team } = &job;
    let no_rows = || Failure::NoRows { purpose: "evaluation".to_owned() };
    let accuracy = measure(task, team, healthy, examples).await?.ok_or_else(no_rows)?.value;
    let candidates = candidates(config, healthy).map_err(|e| computation(&e))?;
    let mut found = FatalBit { found: None, n_tried: 0, n_rows: examples.len(), healthy: accuracy, flipped: accuracy };
    for Candidate { path, weight, .. } in candidates.into_iter().take(MAX_TRIED) {
        task.progress(Stage::Rows, found.n_tried as u64, MAX_TRIED as u64);
        let flipped = || {
            let mut parameters = healthy.parameters.fork()?;
            let mut values = parameters.to_vec(path)?;
            if let Some(value) = weight.offset(&config.shape_of(path)).and_then(|at| values.get_mut(at)) {
                *value = weight.flipped(*value);
            }
            parameters.set(path, values)?;
            Ok(parameters)
        };
        let model = Model::new(config, flipped().map_err(|e: shared::Error| computation(&e))?)?;
        found.flipped = measure(task, team, &model, examples).await?.ok_or_else(no_rows)?.value;
        found.n_tried += 1;
        if 100.0 * (accuracy - found.flipped) > FATAL_POINTS {
            let name = path.name(config.architecture);
            let view = ViewWeight { name, row: weight.row, column: weight.column };
            found.found = Some((weight.plan(path), view));
            break;
        }
    }
    Ok(found)
}

/// Of each matrix of the encoder layers the weight in which a flip of each bit does most, the largest of a bit first.
fn candidates(config: &ModelConfig, healthy: &Model) -> shared::Result<Vec<Candidate>> {
    let mut candidates = Vec::new();
    for bit in BITS {
        let from = candidates.len();
        for path in config.parameters() {
            if path.layer_idx().is_none() || path.kind != Kind::Weight {
                continue;
            }
            let shape = config.shape_of(path);
            // A bit that is set already would make the weight smaller.
            let largest = healthy
                .parameters
                .to_vec(path)?
                .into_iter()
                .enumerate()
                .filter(|(_, value)| value.is_finite() && value.to_bits() >> bit & 1 == 0)
                .max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()));
            if let Some((at, value)) = largest {
                candidates.push(Candidate { path, weight: WeightBit::at(at, &shape, bit), magnitude: value.abs() });
            }
        }
        candidates[from..].sort_by(|a, b| b.magnitude.total_cmp(&a.magnitude));
    }
    Ok(candidates)
}

//! What the worker computes: a model drawn from the seed, corrupted by the plan, with the native program's own code.

mod model_view;

use crate::failure::Failure;
use crate::protocol::{ModelView, Request, Response};
use candle_core::Device;
use shared::Parameters;
use shared::checkpoint::{Checkpoint, LoadOptions};
use shared::corruption::Plan;
use shared::model::{ModelConfig, ParameterPath};
use shared::seed::Seed;

/// A BERT small enough to be drawn and corrupted between two pictures: 4 layers of width 128, 0.9 million weights. It
/// stands in for a trained model, which the page does not load yet.
const CONFIG: &[u8] = include_bytes!("../assets/model/config.json");

/// A parameter and its values, row by row.
type Values = (ParameterPath, Vec<f32>);

/// Answers one request of the page.
#[must_use]
pub fn answer(request: &Request) -> Response {
    match request {
        Request::Corrupt { seed, plan } => corrupt(*seed, plan).map_or_else(Response::Failed, Response::Corrupted),
    }
}

fn corrupt(seed: Seed, plan: &str) -> Result<ModelView, Failure> {
    // Read before the model is drawn: most mistakes are typing mistakes.
    let plan = Plan::parse(plan).map_err(|error| Failure::BadPlan { message: error.to_string() })?;
    let config = ModelConfig::from_json(CONFIG).map_err(|error| computation(&error))?;
    let resolved = plan.resolve(config.anatomy()).map_err(|error| Failure::BadPlan { message: error.to_string() })?;

    let options = LoadOptions { label_names: None, head_seed: seed, device: Device::Cpu };
    let Checkpoint { config, mut parameters, .. } =
        Checkpoint::random(&config, &options).map_err(|error| computation(&error))?;
    let before = values(&parameters)?;
    parameters.corrupt(&resolved, seed).map_err(|error| computation(&error))?;
    let after = values(&parameters)?;

    Ok(ModelView {
        seed,
        plan: plan.to_string(),
        description: resolved.describe(),
        fingerprint: model_view::fingerprint(&after),
        parts: model_view::parts(&config, &before, &after),
    })
}

fn values(parameters: &Parameters) -> Result<Vec<Values>, Failure> {
    parameters.paths().map(|path| Ok((path, parameters.to_vec(path).map_err(|error| computation(&error))?))).collect()
}

fn computation(error: &impl std::fmt::Display) -> Failure {
    Failure::Computation { reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    fn view(plan: &str) -> Result<ModelView, Failure> {
        corrupt(Seed(1), plan)
    }

    #[wasm_bindgen_test]
    fn only_the_parts_that_the_plan_names_change() {
        let view = view("kaiming@bottom:0.5").unwrap();
        let changed: Vec<&str> =
            view.parts.iter().filter(|part| part.n_changed > 0).map(|part| part.name.as_str()).collect();
        assert_eq!(changed, ["Layer 0", "Layer 1"]);
        assert!(view.parts.iter().filter(|part| part.n_changed == 0).all(|part| part.before == part.after));
    }

    #[wasm_bindgen_test]
    fn plan_without_effect_keeps_every_bit() {
        let untouched = view("kaiming@none").unwrap();
        assert_eq!(untouched.fingerprint, view("zero:0@all").unwrap().fingerprint);
        assert_ne!(untouched.fingerprint, view("kaiming@all").unwrap().fingerprint);
    }

    #[wasm_bindgen_test]
    fn matrix_that_changed_most_is_the_one_that_is_drawn() {
        let view = view("zero:1@layers:2/ffn.out").unwrap();
        assert_eq!(view.parts[3].parameter, "bert.encoder.layer.2.output.dense.weight");
        assert!(view.parts[3].after.corner.iter().all(|weight| *weight == Some(0.0)));
    }

    #[wasm_bindgen_test]
    fn plan_that_is_mistyped_or_too_tall_for_the_model_is_refused_with_a_caret() {
        for plan in ["kaimin@all", "kaiming@layers:0-9"] {
            let Err(Failure::BadPlan { message }) = view(plan) else { panic!("{plan} was accepted") };
            assert!(message.ends_with('^'), "{message}");
        }
    }
}

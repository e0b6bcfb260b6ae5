//! A cell's settings as the runner takes them.

use shared::checkpoint::OtherClasses;
use shared::nn::Activations;
use shared::record::{Protocol, Seeds};
use shared::training::TrainingArgs;

use super::settings::Settings;
use crate::dataset_request::DatasetRequest;
use crate::device::DeviceChoice;
use crate::open_model::Weights;
use crate::runner::{Models, RunRequest};

/// Makes a request of settings. The command line does it: settings are the flags of `bert-heal run`.
pub type Resolve = fn(&Settings) -> anyhow::Result<CellRequest>;

/// What a cell asks of the runner; see [`RunRequest`].
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each is the field of RunRequest of that name")]
pub struct CellRequest {
    pub model: String,
    pub weights: Weights,
    pub other_classes: OtherClasses,
    pub dataset: DatasetRequest,
    pub corruption: Option<(Protocol, String)>,
    pub training: TrainingArgs,
    pub max_length: Option<usize>,
    pub seeds: Seeds,
    pub device: DeviceChoice,
    pub activations: Activations,
}

impl CellRequest {
    /// The request for the runner. A state is saved once a minute; nothing of a cell is kept but its figures.
    #[must_use]
    pub fn as_run_request(&self) -> RunRequest<'_> {
        RunRequest {
            model: &self.model,
            weights: self.weights,
            other_classes: self.other_classes,
            dataset: &self.dataset,
            corruption: self.corruption.as_ref().map(|(protocol, plan)| (*protocol, plan.as_str())),
            training: self.training.clone(),
            max_length: self.max_length,
            seeds: self.seeds,
            device: self.device,
            activations: self.activations,
            save_steps: usize::MAX,
            dump: None,
            models: Models::Forget,
        }
    }
}

//! Models that are compared part by part, and the rows that they are compared on.

use anyhow::{Context, anyhow};
use candle_core::Device;
use shared::checkpoint::Checkpoint;
use shared::dataset::Split;
use shared::model::ModelConfig;
use shared::random::Seed;
use shared::record::Source;
use shared::surgery::{Named, fit, reorder_classes};
use shared::tokenizer::Tokenizer;

use crate::dataset_request::DatasetRequest;
use crate::exit_code::bad_input;
use crate::open_dataset::{OpenedDataset, Purpose, RowSeeds};
use crate::open_model::{ModelSource, Weights};
use crate::runner::{Encoded, encode, max_length};
use crate::say;

/// Models of one shape with one tokenizer, whose classes are in the first one's order.
pub(super) struct FittingModels {
    /// As they were read, in the order in which they were named.
    pub(super) checkpoints: Vec<Checkpoint>,
    /// Where each was fetched from.
    pub(super) fetched_from: Vec<Option<Source>>,
    /// Of all of them.
    pub(super) tokenizer: Tokenizer,
    own_max_length: Option<usize>,
    name: String,
}

/// Held-out rows as the models read them.
pub(super) struct HeldOut {
    pub(super) dataset: OpenedDataset,
    pub(super) fetched_from: Option<Source>,
    pub(super) split: Split,
    pub(super) rows: Encoded,
    pub(super) max_length: usize,
}

/// Which rows are asked for.
pub(super) struct RowRequest<'a> {
    pub(super) dataset: &'a DatasetRequest,
    pub(super) split: Option<Split>,
    pub(super) seeds: RowSeeds,
    pub(super) max_length: Option<usize>,
}

impl FittingModels {
    /// Opens the models, each named by a flag and its value.
    ///
    /// # Errors
    /// Bad input when one cannot be had, or has another shape, other classes or another tokenizer than the first.
    pub(super) fn open(named: &[(&str, &str)], device: &Device) -> anyhow::Result<Self> {
        let mut checkpoints: Vec<Checkpoint> = Vec::new();
        let mut fetched_from = Vec::new();
        let mut first: Option<(ModelSource, String)> = None;
        let mut tokenizers = Vec::new();
        for (flag, name) in named {
            let called = format!("{flag} {name}");
            let source = ModelSource::open(name, None, Weights::Read).with_context(|| (*flag).to_owned())?;
            let tokenizer = source.tokenizer(&[])?;
            // Without labels of the dataset: a head created on the spot would be compared as if it had been trained.
            let mut checkpoint = source.load(None, Seed(0), device).with_context(|| (*flag).to_owned())?;
            for note in tokenizer.note.iter().chain(&checkpoint.notes) {
                say!("note: {flag}: {note}");
            }
            if let (Some((_, first_called)), Some(other)) = (&first, checkpoints.first()) {
                let reference = Named { name: first_called, config: &other.config };
                let fitted = fit(reference, Named { name: &called, config: &checkpoint.config }, |_| true);
                let fitted = fitted.map_err(bad_input)?;
                if let Some(note) = &fitted.note {
                    say!("note: {note}");
                }
                if let Some(places) = &fitted.places {
                    reorder_classes(&mut checkpoint.parameters, places)?;
                }
                if !tokenizer.reads_as(&tokenizers[0])? {
                    return Err(bad_input(anyhow!(
                        "{first_called} and {called} have different tokenizers: the same text is not the same input for \
                         both; expected copies of one model, such as a run's checkpoint/healthy and checkpoint/corrupted"
                    )));
                }
            }
            fetched_from.push(source.fetched_from.clone());
            checkpoints.push(checkpoint);
            tokenizers.push(tokenizer);
            first.get_or_insert((source, called));
        }
        let (source, _) = first.ok_or_else(|| anyhow!("no model was named"))?;
        Ok(Self {
            checkpoints,
            fetched_from,
            tokenizer: tokenizers.swap_remove(0).tokenizer,
            own_max_length: source.max_length,
            name: source.name,
        })
    }

    /// Sizes and classes of all of them.
    pub(super) fn config(&self) -> &ModelConfig {
        &self.checkpoints[0].config
    }

    /// What names the weights of the model named at `index`.
    ///
    /// # Errors
    /// Never for models that were read.
    pub(super) fn weights_hash(&self, index: usize) -> anyhow::Result<&str> {
        self.checkpoints[index].weights_hash.as_deref().ok_or_else(|| anyhow!("the weights were not hashed"))
    }

    /// Opens held-out rows, with the classes in the models' order.
    ///
    /// # Errors
    /// Bad input when they cannot be had, or have other classes.
    pub(super) fn held_out(&self, request: &RowRequest<'_>) -> anyhow::Result<HeldOut> {
        let config = self.config();
        let max_length = max_length(request.max_length, self.own_max_length, request.dataset.usual_length(), config)?;
        let own_names = Some(config.label_names.clone());
        let (dataset, fetched_from) = request.dataset.open(Purpose::Evaluate, request.seeds, own_names)?;
        let of = format!("model {}", self.name);
        let dataset = dataset.matched_with(&config.label_names, &of).map_err(bad_input)?;
        for note in &dataset.notes {
            say!("note: {note}");
        }
        let split = request.split.unwrap_or(dataset.report_split);
        let rows = dataset.dataset.split(split);
        if rows.is_empty() {
            return Err(bad_input(anyhow!("dataset {} has no {split} rows", dataset.dataset.name)));
        }
        let rows = encode(&self.tokenizer, rows, max_length)?;
        if let Some(note) = rows.cuts_in_words(split.name(), max_length) {
            say!("note: {note}");
        }
        Ok(HeldOut { dataset, fetched_from, split, rows, max_length })
    }
}

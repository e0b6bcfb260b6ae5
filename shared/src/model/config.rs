//! `config.json` of a BERT or `DistilBERT`.

mod fields;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use self::fields::Fields;
use super::family::{Architecture, Family, LayerModule};
use super::head_task::{Declared, HeadTask};
use super::history::{HISTORY_KEY, History};
use super::parameter_path::{Module, ParameterPath};
use crate::error::CheckpointError;
use crate::git_lfs;

/// Sizes no real encoder exceeds; beyond them a config is damaged, and believing it would exhaust memory.
const MAX_SIZE: usize = 1 << 24;
const MAX_LAYERS: usize = 1 << 10;

/// What LayerNorm adds to the variance where a config does not say, in every family.
const LAYER_NORM_EPS: f64 = 1e-12;

/// What decides the shapes and the arithmetic of a model, under the same names for all families.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelConfig {
    /// Which family it is of.
    pub architecture: Architecture,
    /// Rows of the word embeddings.
    pub vocab_size: usize,
    /// Width of hidden states.
    pub hidden_size: usize,
    /// Encoder layers.
    pub n_layers: usize,
    /// Attention heads of a layer.
    pub n_heads: usize,
    /// Width inside the feed-forward network.
    pub intermediate_size: usize,
    /// Longest input in tokens.
    pub max_positions: usize,
    /// Rows of the token-type embeddings; 0 where there are none.
    pub type_vocab_size: usize,
    /// Added to the variance in LayerNorm.
    pub layer_norm_eps: f64,
    /// Dropout of hidden states.
    pub hidden_dropout: f64,
    /// Dropout of attention probabilities.
    pub attention_dropout: f64,
    /// Dropout before the classifier.
    pub classifier_dropout: f64,
    /// Standard deviation of new weights.
    pub initializer_range: f64,
    /// Id of the padding token.
    pub pad_token_id: u32,
    /// Class names in label-id order; empty when the file has no head.
    pub label_names: Vec<String>,
    /// What the head answers.
    pub head_task: HeadTask,
    /// What this program did to the weights so far.
    pub history: History,
    /// What a user should know of how the file was read: what was guessed and what is not heeded.
    pub notes: Vec<String>,
    /// The file as it was read, so that saving keeps fields this crate does not know.
    raw: Map<String, Value>,
}

/// What a plan must know of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anatomy {
    /// It decides the parameters' names, which key the random numbers.
    pub architecture: Architecture,
    /// Number of encoder layers.
    pub n_layers: usize,
    /// Attention heads a layer.
    pub n_heads: usize,
}

impl ModelConfig {
    /// Reads `config.json`.
    ///
    /// # Errors
    /// When it is not JSON, of none of the families, or a field is missing, ill-typed or impossible.
    pub fn from_json(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let raw: Map<String, Value> = serde_json::from_slice(bytes).map_err(|e| match git_lfs::pointer(bytes) {
            Some(reason) => CheckpointError::Config(format!("config.json: {reason}")),
            None => CheckpointError::Config(format!("config.json is not a JSON object: {e}")),
        })?;
        let fields = Fields(&raw);
        let mut notes = Vec::new();
        let architecture = fields.family(&mut notes)?;
        fields.refuse_other_arithmetic()?;
        let Family { keys, position_offset, .. } = architecture.family();
        let n_position_rows: usize = fields.required("max_position_embeddings")?;
        let hidden_dropout = fields.or(keys.hidden_dropout, 0.1)?;
        let label_names = fields.label_names(&mut notes)?;
        let head_task = fields.head_task(architecture, label_names.len(), &mut notes)?;
        let config = Self {
            architecture,
            vocab_size: fields.required("vocab_size")?,
            hidden_size: fields.required(keys.hidden_size)?,
            n_layers: fields.required(keys.n_layers)?,
            n_heads: fields.required(keys.n_heads)?,
            intermediate_size: fields.required(keys.intermediate_size)?,
            max_positions: n_position_rows.saturating_sub(*position_offset),
            type_vocab_size: keys.type_vocab_size.map_or(Ok(0), |(key, default)| fields.or(key, default))?,
            layer_norm_eps: keys.layer_norm_eps.map_or(Ok(LAYER_NORM_EPS), |key| fields.or(key, LAYER_NORM_EPS))?,
            hidden_dropout,
            attention_dropout: fields.or(keys.attention_dropout, 0.1)?,
            classifier_dropout: fields
                .or(keys.classifier_dropout, keys.default_classifier_dropout.unwrap_or(hidden_dropout))?,
            initializer_range: fields.or("initializer_range", 0.02)?,
            pad_token_id: fields.or("pad_token_id", 0)?,
            label_names,
            head_task,
            history: fields.history()?,
            notes,
            raw: raw.clone(),
        };
        let activation: String = fields.or(keys.activation, "gelu".into())?;
        if activation != "gelu" {
            return Err(CheckpointError::Config(format!(
                "config.json: {} is \"{activation}\", only \"gelu\" is supported",
                keys.activation
            )));
        }
        let position: String = fields.or("position_embedding_type", "absolute".into())?;
        if position != "absolute" {
            return Err(CheckpointError::Config(format!(
                "config.json: position_embedding_type is \"{position}\", only \"absolute\" is supported"
            )));
        }
        config.validate()?;
        Ok(config)
    }

    fn validate(&self) -> Result<(), CheckpointError> {
        let sizes = [
            ("the vocabulary", self.vocab_size, MAX_SIZE),
            ("the hidden size", self.hidden_size, MAX_SIZE),
            ("the number of layers", self.n_layers, MAX_LAYERS),
            ("the number of heads", self.n_heads, MAX_SIZE),
            ("the intermediate size", self.intermediate_size, MAX_SIZE),
            ("the number of positions", self.max_positions, MAX_SIZE),
        ];
        for (what, size, max) in sizes {
            if size == 0 || size > max {
                return Err(CheckpointError::Config(format!("config.json: {what} is {size}, expected 1 to {max}")));
            }
        }
        if !self.hidden_size.is_multiple_of(self.n_heads) {
            return Err(CheckpointError::Config(format!(
                "config.json: a hidden size of {} cannot be divided among {} heads",
                self.hidden_size, self.n_heads
            )));
        }
        for (what, p) in [
            ("hidden", self.hidden_dropout),
            ("attention", self.attention_dropout),
            ("classifier", self.classifier_dropout),
        ] {
            if !(0.0..1.0).contains(&p) {
                return Err(CheckpointError::Config(format!(
                    "config.json: {what} dropout is {p}, expected 0 to below 1"
                )));
            }
        }
        if !(self.layer_norm_eps > 0.0 && self.initializer_range >= 0.0) {
            return Err(CheckpointError::Config("config.json: layer_norm_eps must be above 0".into()));
        }
        Ok(())
    }

    /// `config.json` with today's labels and history, ready for `transformers`. Of a model whose head answers something else
    /// than the class of a text, what the file says of the head stays as it was read.
    ///
    /// # Panics
    /// Never: a JSON map can always be written.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut raw = self.raw.clone();
        let Family { class, model_type, .. } = self.architecture.family();
        raw.entry("model_type").or_insert_with(|| (*model_type).into());
        if self.head_task == HeadTask::SingleLabel {
            let by_id: Map<String, Value> =
                self.label_names.iter().enumerate().map(|(id, name)| (id.to_string(), name.clone().into())).collect();
            let by_name: Map<String, Value> =
                self.label_names.iter().enumerate().map(|(id, name)| (name.clone(), id.into())).collect();
            raw.insert("architectures".into(), Value::from(vec![*class]));
            raw.insert("id2label".into(), by_id.into());
            raw.insert("label2id".into(), by_name.into());
            raw.insert("problem_type".into(), "single_label_classification".into());
        }
        raw.shift_remove("torch_dtype");
        if self.head_task == HeadTask::SingleLabel {
            raw.shift_remove("num_labels");
        }
        raw.insert("dtype".into(), "float32".into());
        if !self.history.is_empty() {
            raw.insert(HISTORY_KEY.into(), self.history.to_json());
        }
        let mut bytes = serde_json::to_vec_pretty(&raw).expect("a JSON map can always be written");
        bytes.push(b'\n');
        bytes
    }

    /// The same model for other classes.
    #[must_use]
    pub fn with_labels(&self, label_names: Vec<String>) -> Self {
        Self { label_names, ..self.clone() }
    }

    /// The same model with a head that answers this.
    #[must_use]
    pub fn with_head_task(&self, head_task: HeadTask) -> Self {
        Self { head_task, ..self.clone() }
    }

    /// The same model with a head for these classes of texts, whatever its own answered.
    #[must_use]
    pub fn with_new_head(&self, label_names: Vec<String>) -> Self {
        Self { label_names, head_task: HeadTask::SingleLabel, ..self.clone() }
    }

    /// What in the file tells what the head answers, for messages.
    #[must_use]
    pub fn head_evidence(&self) -> String {
        let class = self.raw.get("architectures").and_then(|classes| classes.get(0)).and_then(Value::as_str);
        let problem = self.raw.get("problem_type").and_then(Value::as_str);
        match (class.map(HeadTask::of_class), problem) {
            (Some(Declared::Task(task)), _) if task != HeadTask::SingleLabel => {
                format!("architectures is {}", class.unwrap_or_default())
            }
            (_, Some(problem)) => format!("problem_type is {problem}"),
            _ => "its head has one output".into(),
        }
    }

    /// `tokenizer_class`, where the file has it.
    #[must_use]
    pub fn tokenizer_class(&self) -> Option<&str> {
        self.raw.get("tokenizer_class")?.as_str()
    }

    /// The same model after other treatments.
    #[must_use]
    pub fn with_history(&self, history: History) -> Self {
        Self { history, ..self.clone() }
    }

    /// The same model with another number of encoder layers.
    #[must_use]
    pub fn with_n_layers(&self, n_layers: usize) -> Self {
        if n_layers == self.n_layers {
            return self.clone();
        }
        let mut raw = self.raw.clone();
        raw.insert(self.architecture.family().keys.n_layers.to_owned(), n_layers.into());
        Self { n_layers, raw, ..self.clone() }
    }

    /// The same model with every dropout probability replaced.
    #[must_use]
    pub fn with_dropout(&self, probability: f64) -> Self {
        Self {
            hidden_dropout: probability,
            attention_dropout: probability,
            classifier_dropout: probability,
            ..self.clone()
        }
    }

    /// What a corruption plan must know of the model.
    #[must_use]
    pub fn anatomy(&self) -> Anatomy {
        Anatomy { architecture: self.architecture, n_layers: self.n_layers, n_heads: self.n_heads }
    }

    /// The shape of a parameter.
    #[must_use]
    pub fn shape_of(&self, path: ParameterPath) -> Vec<usize> {
        let (hidden, inner) = (self.hidden_size, self.intermediate_size);
        let (n_out, n_in) = match path.module {
            Module::WordEmbeddings => (self.vocab_size, hidden),
            Module::PositionEmbeddings => (self.max_positions + self.architecture.family().position_offset, hidden),
            Module::TokenTypeEmbeddings => (self.type_vocab_size, hidden),
            Module::Layer(_, LayerModule::FfnIn) => (inner, hidden),
            Module::Layer(_, LayerModule::FfnOut) => (hidden, inner),
            Module::Classifier => (self.label_names.len(), hidden),
            _ => (hidden, hidden),
        };
        if path.module.is_layer_norm() || path.kind == super::Kind::Bias { vec![n_out] } else { vec![n_out, n_in] }
    }

    /// Every parameter in forward order.
    #[must_use]
    pub fn parameters(&self) -> Vec<ParameterPath> {
        ParameterPath::all(self.architecture, self.n_layers)
    }

    /// Number of scalars in all parameters.
    #[must_use]
    pub fn n_parameters(&self) -> usize {
        self.parameters().into_iter().map(|path| self.shape_of(path).iter().product::<usize>()).sum()
    }
}

/// A built-in config for runs with random weights: `bert-base`, `bert-large` or `distilbert`, with the published sizes
/// (Devlin et al. 2018, table 1; Sanh et al. 2019) and the uncased vocabulary's 30,522 entries.
#[must_use]
pub fn shape_config(name: &str) -> Option<ModelConfig> {
    let bert = |hidden: usize, layers: usize, heads: usize| {
        serde_json::json!({
            "model_type": "bert", "vocab_size": 30522, "hidden_size": hidden, "num_hidden_layers": layers,
            "num_attention_heads": heads, "intermediate_size": 4 * hidden, "max_position_embeddings": 512,
            "type_vocab_size": 2, "hidden_act": "gelu", "layer_norm_eps": 1e-12, "hidden_dropout_prob": 0.1,
            "attention_probs_dropout_prob": 0.1, "initializer_range": 0.02, "pad_token_id": 0
        })
    };
    let json = match name {
        "bert-base" => bert(768, 12, 12),
        "bert-large" => bert(1024, 24, 16),
        "distilbert" => serde_json::json!({
            "model_type": "distilbert", "vocab_size": 30522, "dim": 768, "n_layers": 6, "n_heads": 12,
            "hidden_dim": 3072, "max_position_embeddings": 512, "activation": "gelu", "dropout": 0.1,
            "attention_dropout": 0.1, "seq_classif_dropout": 0.2, "initializer_range": 0.02, "pad_token_id": 0
        }),
        _ => return None,
    };
    ModelConfig::from_json(json.to_string().as_bytes()).ok()
}

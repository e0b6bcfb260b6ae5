//! `adapter_config.json`: what of it is plain LoRA, and the scale and rank of each matrix.

use serde_json::{Map, Value};

use crate::error::CheckpointError;
use crate::git_lfs;
use crate::model::HeadTask;

/// The name of an adapter's config.
pub const ADAPTER_CONFIG: &str = "adapter_config.json";

/// Fields of a LoRA adapter that do not change what is added to a matrix, or are heeded here. Every other field that is set
/// asks for something else than plain LoRA (`LoraConfig` of PEFT 0.21; of a field that PEFT does not know yet nobody can
/// tell).
///
/// `fan_in_fan_out` is for layers that keep their weight transposed; PEFT itself ignores it for those of these models.
const HEEDED: [&str; 26] = [
    "peft_type",
    "task_type",
    "auto_mapping",
    "peft_version",
    "base_model_name_or_path",
    "parent_library",
    "revision",
    "inference_mode",
    "r",
    "lora_alpha",
    "lora_dropout",
    "target_modules",
    "exclude_modules",
    "fan_in_fan_out",
    "use_rslora",
    "modules_to_save",
    "layers_to_transform",
    "layers_pattern",
    "rank_pattern",
    "alpha_pattern",
    "megatron_core",
    "runtime_config",
    "qalora_group_size",
    "ensure_weight_tying",
    "init_lora_weights",
    "bias",
];

/// What makes a LoRA adapter of any kind into plain weights.
const WAY_OUT: &str = "merge it in PEFT with merge_and_unload() and save the model without it";

/// What decides the product that is added.
#[derive(Debug)]
pub(super) struct Settings {
    rank: usize,
    alpha: f64,
    is_stabilised: bool,
    ranks: Vec<(String, f64)>,
    alphas: Vec<(String, f64)>,
    targets: Option<Vec<String>>,
    base: Option<String>,
    /// What a head that the adapter brings answers; none where the adapter does not say.
    pub(super) head_task: Option<HeadTask>,
}

impl Settings {
    /// # Errors
    /// When it is no JSON, or not that of a plain LoRA adapter.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let file: Map<String, Value> = serde_json::from_slice(bytes)
            .map_err(|e| refused(git_lfs::pointer(bytes).unwrap_or_else(|| format!("it is not a JSON object: {e}"))))?;
        let text = |name: &str| file.get(name).and_then(Value::as_str);
        let number = |name: &str| file.get(name).and_then(Value::as_f64);
        match text("peft_type") {
            Some("LORA") => {}
            Some(other) => return Err(not_plain(&format!("peft_type is {other}"))),
            None => return Err(refused("field peft_type is missing, expected \"LORA\"".into())),
        }
        if let Some(bias) = text("bias").filter(|bias| *bias != "none") {
            return Err(not_plain(&format!("bias is {bias}")));
        }
        // Of the other starts some change the base weights, too.
        if let Some(start) = file
            .get("init_lora_weights")
            .filter(|start| !(start.is_null() || start.is_boolean() || **start == "gaussian"))
        {
            return Err(not_plain(&format!("init_lora_weights is {start}")));
        }
        let is_set = |value: &Value| match value {
            Value::Null | Value::Bool(false) => false,
            Value::Array(values) => !values.is_empty(),
            Value::Object(values) => !values.is_empty(),
            _ => true,
        };
        if let Some((name, value)) = file.iter().find(|(name, value)| !HEEDED.contains(&name.as_str()) && is_set(value))
        {
            return Err(not_plain(&format!("{name} is {value}")));
        }
        let rank = file.get("r").and_then(Value::as_u64).and_then(|rank| usize::try_from(rank).ok());
        let rank = rank.filter(|rank| *rank > 0).ok_or_else(|| refused("r: expected the rank, above 0".into()))?;
        let alpha = number("lora_alpha").ok_or_else(|| refused("lora_alpha: expected a number".into()))?;
        Ok(Self {
            rank,
            alpha,
            is_stabilised: file.get("use_rslora") == Some(&Value::Bool(true)),
            ranks: pattern(&file, "rank_pattern")?,
            alphas: pattern(&file, "alpha_pattern")?,
            // A single string is a regular expression, "all-linear" or the like: which modules it meant is in the file.
            targets: file
                .get("target_modules")
                .and_then(Value::as_array)
                .map(|names| names.iter().filter_map(Value::as_str).map(str::to_owned).collect()),
            base: text("base_model_name_or_path").filter(|base| !base.is_empty()).map(str::to_owned),
            head_task: match text("task_type") {
                Some("SEQ_CLS") => Some(HeadTask::SingleLabel),
                Some("TOKEN_CLS") => Some(HeadTask::TokenLabels),
                Some("QUESTION_ANS") => Some(HeadTask::AnswerSpan),
                _ => None,
            },
        })
    }

    /// The rank of what is added to `module`.
    pub(super) fn rank_of(&self, module: &str) -> Result<usize, CheckpointError> {
        match first_match(&self.ranks, module) {
            None => Ok(self.rank),
            Some(rank) if rank >= 1.0 && rank.fract() == 0.0 => Ok(rank as usize),
            Some(rank) => Err(refused(format!("rank_pattern: expected a rank for {module}, got {rank}"))),
        }
    }

    /// s of W + s·B·A.
    pub(super) fn scale_of(&self, module: &str, rank: usize) -> Result<f64, CheckpointError> {
        let alpha = first_match(&self.alphas, module).unwrap_or(self.alpha);
        let divisor = if self.is_stabilised { (rank as f64).sqrt() } else { rank as f64 };
        let scale = alpha / divisor;
        if scale.is_finite() { Ok(scale) } else { Err(refused(format!("the scale of {module} is {scale}"))) }
    }

    /// # Errors
    /// When `module` is not among those that the adapter says it is for: PEFT would leave it out.
    pub(super) fn require_target(&self, module: &str) -> Result<(), CheckpointError> {
        let Some(targets) = &self.targets else { return Ok(()) };
        if targets.iter().any(|target| is_meant(target, module)) {
            return Ok(());
        }
        Err(refused(format!(
            "target_modules is {}, and the adapter's weights have some for {module}: the two files do not belong together",
            targets.join(", ")
        )))
    }

    pub(super) fn in_words(&self) -> String {
        let stabilised = if self.is_stabilised { ", stabilised by rank" } else { "" };
        format!("r {}, alpha {}{stabilised}", self.rank, self.alpha)
    }

    pub(super) fn base_in_words(&self) -> String {
        self.base.as_ref().map_or(String::new(), |base| format!("; it was trained on {base}"))
    }
}

/// A field of values for some of the modules, in the order of the file.
///
/// # Errors
/// When it is no such object, or names modules by a regular expression.
fn pattern(file: &Map<String, Value>, field: &str) -> Result<Vec<(String, f64)>, CheckpointError> {
    let Some(values) = file.get(field).filter(|values| !values.is_null()) else { return Ok(Vec::new()) };
    let values = values.as_object().ok_or_else(|| refused(format!("{field}: expected an object")))?;
    values
        .iter()
        .map(|(name, value)| {
            if name.contains(|c: char| "^$*+?()[]{}|\\".contains(c)) {
                return Err(not_plain(&format!("{field} names modules by the regular expression {name}")));
            }
            let value = value.as_f64().ok_or_else(|| refused(format!("{field}: expected a number for {name}")))?;
            Ok((name.clone(), value))
        })
        .collect()
}

fn first_match(pattern: &[(String, f64)], module: &str) -> Option<f64> {
    pattern.iter().find(|(name, _)| is_meant(name, module)).map(|(_, value)| *value)
}

/// Whether `name` is `module` or the end of its path, as PEFT matches names.
fn is_meant(name: &str, module: &str) -> bool {
    module.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

fn refused(reason: String) -> CheckpointError {
    CheckpointError::Adapter { file: ADAPTER_CONFIG.into(), reason }
}

fn not_plain(what: &str) -> CheckpointError {
    refused(format!("{what}: only plain LoRA adapters are read; {WAY_OUT}"))
}

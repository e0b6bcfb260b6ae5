//! A plan and a selection as they are meant for a certain model: fractions become layers, ranges are checked.

use std::ops::RangeInclusive;

use super::plan::Plan;
use super::scheme::Scheme;
use super::selection::{Amount, Component, IndexRange, Place, Selection};
use crate::error::PlanError;
use crate::model::{Anatomy, Kind, LayerModule, Module, ParameterPath};

/// A plan that fits a certain model.
#[derive(Clone, Debug, PartialEq)]
pub struct ResolvedPlan {
    pub(super) steps: Vec<ResolvedStep>,
    pub(super) anatomy: Anatomy,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct ResolvedStep {
    pub(super) scheme: Scheme,
    pub(super) selection: ResolvedSelection,
}

/// A selection that fits a certain model.
#[derive(Clone, Debug, PartialEq)]
pub struct ResolvedSelection {
    /// For each encoder layer, from the bottom, whether it is selected.
    pub(super) layers: Vec<bool>,
    pub(super) embeddings: bool,
    pub(super) pooler: bool,
    pub(super) classifier: bool,
    pub(super) components: Vec<Component>,
}

/// How much of a parameter is selected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Coverage {
    Nothing,
    Whole,
    /// Rows, or for the attention's output weight columns, of these heads.
    Heads(Vec<RangeInclusive<usize>>),
}

impl Plan {
    /// Works out which parameters of a certain model the plan means.
    ///
    /// # Errors
    /// [`PlanError`] when the model has not got a layer or a head that the plan names.
    pub fn resolve(&self, anatomy: Anatomy) -> Result<ResolvedPlan, PlanError> {
        ResolvedPlan::new(self, anatomy)
    }

    /// Checks that the plan fits a model.
    ///
    /// # Errors
    /// As [`Plan::resolve`].
    pub fn validate(&self, anatomy: Anatomy) -> Result<(), PlanError> {
        self.resolve(anatomy).map(drop)
    }

    /// The parameters of a certain model that any step selects, in the order of a forward pass: those that a caller has
    /// to hand to [`Plan::apply`].
    ///
    /// # Errors
    /// As [`Plan::resolve`].
    pub fn touched(&self, anatomy: Anatomy) -> Result<Vec<ParameterPath>, PlanError> {
        Ok(self.resolve(anatomy)?.touched())
    }
}

impl Selection {
    /// Works out which layers are meant in a certain model.
    ///
    /// # Errors
    /// [`PlanError`] when a layer or a head is out of range.
    pub fn resolve(&self, anatomy: Anatomy) -> Result<ResolvedSelection, PlanError> {
        ResolvedSelection::new(self, anatomy)
    }
}

impl ResolvedPlan {
    fn new(plan: &Plan, anatomy: Anatomy) -> Result<Self, PlanError> {
        let mut steps = Vec::with_capacity(plan.steps.len());
        for step in &plan.steps {
            let selection = step.selection.resolve(anatomy)?;
            if step.scheme == Scheme::Permute && selection.layer_indices().len() == 1 {
                return Err(PlanError {
                    message: "permute needs at least two layers to swap, but only one is selected".to_owned(),
                    position: step.at.0,
                    input: plan.input.0.clone(),
                });
            }
            steps.push(ResolvedStep { scheme: step.scheme, selection });
        }
        Ok(Self { steps, anatomy })
    }

    /// Whether any step selects the parameter or a part of it.
    #[must_use]
    pub fn touches(&self, path: ParameterPath) -> bool {
        self.steps.iter().any(|step| step.selection.contains(path))
    }

    /// The share of the parameter's values that any step selects, 0 to 1: heads may be a part of it. A scheme that takes
    /// a fraction changes fewer.
    #[must_use]
    pub fn share_touched(&self, path: ParameterPath) -> f64 {
        let mut is_touched = vec![false; self.anatomy.n_heads];
        for step in &self.steps {
            match step.selection.extent(path) {
                Coverage::Nothing => {}
                Coverage::Whole => return 1.0,
                Coverage::Heads(ranges) => ranges.into_iter().for_each(|heads| is_touched[heads].fill(true)),
            }
        }
        is_touched.iter().filter(|is_touched| **is_touched).count() as f64 / self.anatomy.n_heads.max(1) as f64
    }

    /// The parameters that any step selects, in the order of a forward pass.
    #[must_use]
    pub fn touched(&self) -> Vec<ParameterPath> {
        let Anatomy { architecture, n_layers, .. } = self.anatomy;
        ParameterPath::all(architecture, n_layers).into_iter().filter(|path| self.touches(*path)).collect()
    }
}

impl ResolvedSelection {
    fn new(selection: &Selection, anatomy: Anatomy) -> Result<Self, PlanError> {
        let error =
            |position: usize, message: String| PlanError { message, position, input: selection.input.0.clone() };
        let Anatomy { n_layers, n_heads, .. } = anatomy;
        let mut resolved = Self {
            layers: vec![false; n_layers],
            embeddings: false,
            pooler: false,
            classifier: false,
            components: selection.components.clone(),
        };
        // Canonical order puts plain parts before those that take away.
        for part in &selection.parts {
            let is_selected = !part.is_negated;
            match &part.place {
                Place::None => {}
                Place::All => resolved.layers.fill(is_selected),
                Place::Alternate => resolved.layers.iter_mut().step_by(2).for_each(|layer| *layer = is_selected),
                Place::Bottom(amount) => {
                    let n = layer_count(*amount, n_layers).map_err(|(position, message)| error(position, message))?;
                    resolved.layers[..n].fill(is_selected);
                }
                Place::Top(amount) => {
                    let n = layer_count(*amount, n_layers).map_err(|(position, message)| error(position, message))?;
                    resolved.layers[n_layers - n..].fill(is_selected);
                }
                Place::Layers(ranges) => {
                    for &IndexRange { first, last, at } in ranges {
                        if last >= n_layers {
                            return Err(error(at.0, out_of_range("layer", last, n_layers)));
                        }
                        resolved.layers[first..=last].fill(is_selected);
                    }
                }
                Place::Embeddings => resolved.embeddings = is_selected,
                Place::Pooler => resolved.pooler = is_selected,
                Place::Classifier => resolved.classifier = is_selected,
            }
        }
        if let Some(heads) = selection.heads().find(|heads| heads.last >= n_heads) {
            return Err(error(heads.at.0, out_of_range("head", heads.last, n_heads)));
        }
        Ok(resolved)
    }

    /// Whether the parameter, or a part of it, is selected.
    #[must_use]
    pub fn contains(&self, path: ParameterPath) -> bool {
        self.extent(path) != Coverage::Nothing
    }

    /// The selected encoder layers, from the bottom.
    #[must_use]
    pub fn layer_indices(&self) -> Vec<usize> {
        (0..self.layers.len()).filter(|layer_idx| self.layers[*layer_idx]).collect()
    }

    pub(super) fn extent(&self, path: ParameterPath) -> Coverage {
        let is_in_parts = match path.module {
            Module::WordEmbeddings
            | Module::PositionEmbeddings
            | Module::TokenTypeEmbeddings
            | Module::EmbeddingsLayerNorm => self.embeddings,
            Module::Layer(layer_idx, _) => self.layers.get(layer_idx).copied().unwrap_or(false),
            Module::Pooler => self.pooler,
            Module::Classifier => self.classifier,
        };
        if !is_in_parts {
            return Coverage::Nothing;
        }
        if self.components.is_empty() || self.components.iter().any(|component| component.contains(path)) {
            return Coverage::Whole;
        }
        let heads: Vec<_> = self.components.iter().filter_map(Component::heads).map(|r| r.first..=r.last).collect();
        if has_heads(path) && !heads.is_empty() { Coverage::Heads(heads) } else { Coverage::Nothing }
    }
}

impl Component {
    /// Whether the whole parameter is in the component.
    fn contains(&self, path: ParameterPath) -> bool {
        let module = match path.module {
            Module::Layer(_, module) => Some(module),
            _ => None,
        };
        match self {
            Self::Attention => matches!(
                module,
                Some(LayerModule::Query | LayerModule::Key | LayerModule::Value | LayerModule::AttentionOutput)
            ),
            Self::Query => module == Some(LayerModule::Query),
            Self::Key => module == Some(LayerModule::Key),
            Self::Value => module == Some(LayerModule::Value),
            Self::Output => module == Some(LayerModule::AttentionOutput),
            Self::Heads(_) => false,
            Self::Ffn => matches!(module, Some(LayerModule::FfnIn | LayerModule::FfnOut)),
            Self::FfnIn => module == Some(LayerModule::FfnIn),
            Self::FfnOut => module == Some(LayerModule::FfnOut),
            Self::LayerNorm => path.module.is_layer_norm(),
            Self::Weight => path.kind == Kind::Weight,
            Self::Bias => path.kind == Kind::Bias,
        }
    }
}

/// Whether single heads own rows or columns of the parameter. The output's bias belongs to all heads together.
fn has_heads(path: ParameterPath) -> bool {
    match path.module {
        Module::Layer(_, LayerModule::Query | LayerModule::Key | LayerModule::Value) => true,
        Module::Layer(_, LayerModule::AttentionOutput) => path.kind == Kind::Weight,
        _ => false,
    }
}

/// How many of `n_layers` layers are meant, or where and why that cannot be.
fn layer_count(amount: Amount, n_layers: usize) -> Result<usize, (usize, String)> {
    match amount {
        Amount::Fraction(fraction) => Ok(layers_in(fraction, n_layers)),
        Amount::Layers(n, _) if n <= n_layers => Ok(n),
        Amount::Layers(n, at) => Err((at.0, format!("{n} layers are out of range: the model has {n_layers}"))),
    }
}

/// How many layers a fraction of them is: rounded half up, and at least one unless it is 0.
pub(crate) fn layers_in(fraction: f64, n_layers: usize) -> usize {
    if fraction == 0.0 || n_layers == 0 {
        return 0;
    }
    // Half up, of the number that was typed: 0.29 of 50 is 14.5, which in binary is 14.499999999999998.
    let n = (fraction * n_layers as f64 + 0.5 + 1e-9).floor() as usize;
    n.clamp(1, n_layers)
}

fn out_of_range(what: &str, index: usize, n: usize) -> String {
    match n {
        0 => format!("{what} {index} is out of range: the model has none"),
        _ => format!("{what} {index} is out of range: the model has {what}s 0 to {}", n - 1),
    }
}

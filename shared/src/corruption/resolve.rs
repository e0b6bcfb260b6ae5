//! A plan and a selection as they are meant for a certain model: fractions become layers, ranges are checked.

use std::ops::RangeInclusive;

use super::plan::Plan;
use super::scheme::Scheme;
use super::selection::{Amount, Component, IndexRange, Modules, Place, Selection};
use super::weight_bit::{self, WeightBit};
use crate::error::PlanError;
use crate::model::{Anatomy, Kind, LayerModule, ModelConfig, Module, ParameterPath};
use crate::words::listed;

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
    /// The tensor that `flip` means.
    pub(super) only: Option<ParameterPath>,
    /// Layers that the plan's step selects as well and that an earlier one has deleted.
    pub(super) left_out: Vec<usize>,
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
    /// One value.
    One(WeightBit),
}

impl Plan {
    /// Works out which parameters of a certain model the plan means.
    ///
    /// # Errors
    /// [`PlanError`] when the model has not got a layer or a head that the plan names.
    pub fn resolve(&self, anatomy: Anatomy) -> Result<ResolvedPlan, PlanError> {
        ResolvedPlan::new(self, anatomy)
    }

    /// As [`Plan::resolve`], and checks the places of single weights against the model's shapes.
    ///
    /// # Errors
    /// As [`Plan::resolve`], or when a tensor has no such weight.
    pub fn resolve_for(&self, config: &ModelConfig) -> Result<ResolvedPlan, PlanError> {
        let resolved = self.resolve(config.anatomy())?;
        for (step, resolved) in self.steps.iter().zip(&resolved.steps) {
            let (Some(path), Some(weight)) = (resolved.only, step.scheme.entry().weight) else { continue };
            let shape = config.shape_of(path);
            if weight.offset(&shape).is_none() {
                let name = path.name(config.architecture);
                let message = format!("{} is out of range: {name} has the shape {shape:?}", weight.place());
                return Err(PlanError { message, position: step.at.0, input: self.input.0.clone() });
            }
        }
        Ok(resolved)
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
        let mut is_removed = vec![false; anatomy.n_layers];
        for step in &plan.steps {
            let error = |message| PlanError { message, position: step.at.0, input: plan.input.0.clone() };
            let mut selection = step.selection.resolve(anatomy)?;
            let left_out = selection.leave_out(&is_removed);
            if !left_out.is_empty() && selection.is_empty() {
                let layers: Vec<String> = left_out.iter().map(ToString::to_string).collect();
                let (noun, verb) = if left_out.len() == 1 { ("layer", "is") } else { ("layers", "are") };
                let what = format!("{noun} {} {verb} deleted by an earlier step", listed(&layers, "and"));
                return Err(error(format!("{what}, and nothing else is selected")));
            }
            if step.scheme == Scheme::Permute && selection.layer_indices().len() == 1 {
                return Err(error("permute needs at least two layers to swap, but only one is selected".to_owned()));
            }
            if step.scheme == Scheme::Skip {
                for layer_idx in selection.layer_indices() {
                    is_removed[layer_idx] = true;
                }
                if anatomy.n_layers > 0 && is_removed.iter().all(|is_removed| *is_removed) {
                    let message = format!("skip would delete all {} layers: one at least must stay", anatomy.n_layers);
                    return Err(error(message));
                }
            }
            let only = step.scheme.entry().weight.map(|weight| only_tensor(weight, &selection, anatomy)).transpose();
            steps.push(ResolvedStep { scheme: step.scheme, selection, only: only.map_err(error)?, left_out });
        }
        Ok(Self { steps, anatomy })
    }

    /// The encoder layers that are no part of the model after the plan, from the bottom.
    #[must_use]
    pub fn removed_layers(&self) -> Vec<usize> {
        let skips = self.steps.iter().filter(|step| step.scheme == Scheme::Skip);
        let mut removed: Vec<usize> = skips.flat_map(|step| step.selection.layer_indices()).collect();
        removed.sort_unstable();
        removed
    }

    /// Whether any step selects the parameter or a part of it.
    #[must_use]
    pub fn touches(&self, path: ParameterPath) -> bool {
        self.steps.iter().any(|step| step.extent(path) != Coverage::Nothing)
    }

    /// The share of the parameter's values that any step selects, 0 to 1: heads may be a part of it. A scheme that takes
    /// a fraction changes fewer. For a single weight, whose share depends on the shape, it is the least above 0.
    #[must_use]
    pub fn share_touched(&self, path: ParameterPath) -> f64 {
        let mut is_touched = vec![false; self.anatomy.n_heads];
        let mut least = 0.0;
        for step in &self.steps {
            match step.extent(path) {
                Coverage::One(_) => least = f64::EPSILON,
                Coverage::Nothing => {}
                Coverage::Whole => return 1.0,
                Coverage::Heads(ranges) => ranges.into_iter().for_each(|heads| is_touched[heads].fill(true)),
            }
        }
        let n_touched = is_touched.iter().filter(|is_touched| **is_touched).count();
        (n_touched as f64 / self.anatomy.n_heads.max(1) as f64).max(least)
    }

    /// The parameters that any step selects, in the order of a forward pass.
    #[must_use]
    pub fn touched(&self) -> Vec<ParameterPath> {
        let Anatomy { architecture, n_layers, .. } = self.anatomy;
        ParameterPath::all(architecture, n_layers).into_iter().filter(|path| self.touches(*path)).collect()
    }
}

impl ResolvedStep {
    /// How much of a parameter the step changes.
    pub(super) fn extent(&self, path: ParameterPath) -> Coverage {
        match (self.only, self.scheme.entry().weight) {
            (Some(only), Some(weight)) if only == path => Coverage::One(weight),
            (Some(_), _) => Coverage::Nothing,
            (None, _) => self.selection.extent(path),
        }
    }
}

/// The tensor that has a certain weight: the only one selected, or the only one of them with as many dimensions.
fn only_tensor(weight: WeightBit, selection: &ResolvedSelection, anatomy: Anatomy) -> Result<ParameterPath, String> {
    const SHOWN: usize = 4;
    let all = ParameterPath::all(anatomy.architecture, anatomy.n_layers).into_iter();
    let (fit, others): (Vec<_>, Vec<_>) =
        all.filter(|path| selection.contains(*path)).partition(|path| path.is_vector() == weight.column.is_none());
    let names = |paths: &[ParameterPath]| {
        let mut names: Vec<String> = paths.iter().take(SHOWN).map(|path| weight_bit::selection_of(*path)).collect();
        if paths.len() > SHOWN {
            names.push(format!("{} more", paths.len() - SHOWN));
        }
        names
    };
    match (fit.as_slice(), others.as_slice()) {
        ([path], _) => Ok(*path),
        ([], []) => Err("flip changes one weight of one tensor, and no tensor is selected".to_owned()),
        ([], others) => {
            let (indices, takes) = match weight.column {
                Some(_) => ("a row and a column, and a vector takes one number", "flip:3,bit30"),
                None => ("one number, and a matrix takes a row and a column", "flip:3.17,bit30"),
            };
            let names = listed(&names(others), "and");
            Err(format!("{} is {indices}, such as {takes}: selected is {names}", weight.place()))
        }
        (fit, _) => {
            let names = listed(&names(fit), "or");
            Err(format!("flip changes one weight of one tensor, and {} are selected: expected {names}", fit.len()))
        }
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

    /// Takes these layers away and returns those that were selected.
    fn leave_out(&mut self, is_removed: &[bool]) -> Vec<usize> {
        let left_out: Vec<usize> =
            self.layer_indices().into_iter().filter(|layer_idx| is_removed[*layer_idx]).collect();
        for layer_idx in &left_out {
            self.layers[*layer_idx] = false;
        }
        left_out
    }

    /// Whether no part of the network is selected.
    fn is_empty(&self) -> bool {
        !(self.embeddings || self.pooler || self.classifier || self.layers.contains(&true))
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
        self.kind.is_none_or(|kind| kind == path.kind) && self.modules.contains(path.module)
    }
}

impl Modules {
    fn contains(self, module: Module) -> bool {
        let of_layer = match module {
            Module::Layer(_, module) => Some(module),
            _ => None,
        };
        match self {
            Self::Attention => matches!(
                of_layer,
                Some(LayerModule::Query | LayerModule::Key | LayerModule::Value | LayerModule::AttentionOutput)
            ),
            Self::Query => of_layer == Some(LayerModule::Query),
            Self::Key => of_layer == Some(LayerModule::Key),
            Self::Value => of_layer == Some(LayerModule::Value),
            Self::Output => of_layer == Some(LayerModule::AttentionOutput),
            Self::Heads(_) => false,
            Self::Ffn => matches!(of_layer, Some(LayerModule::FfnIn | LayerModule::FfnOut)),
            Self::FfnIn => of_layer == Some(LayerModule::FfnIn),
            Self::FfnOut => of_layer == Some(LayerModule::FfnOut),
            Self::LayerNorm => module.is_layer_norm(),
            Self::AttentionLayerNorm => of_layer == Some(LayerModule::AttentionLayerNorm),
            Self::FfnLayerNorm => of_layer == Some(LayerModule::FfnLayerNorm),
            Self::Word => module == Module::WordEmbeddings,
            Self::Position => module == Module::PositionEmbeddings,
            Self::TokenType => module == Module::TokenTypeEmbeddings,
            Self::All => true,
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

//! A plan for a certain model: read from its text, changed by clicks, written back.

use super::component::Component;
use super::part::{Coverage, Group, Part};
use super::text;
use shared::corruption::{Anatomy, Plan, PlanError, Reach, ResolvedSelection, Scheme};
use shared::model::{LayerModule, Module, ParameterPath};
use std::collections::{BTreeMap, BTreeSet};

/// A plan for a certain model, ready to be changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Damage {
    /// In the order in which they are applied; steps that follow one another with the same scheme are one group.
    pub groups: Vec<Group>,
    anatomy: Anatomy,
}

impl Damage {
    /// Reads a plan.
    ///
    /// # Errors
    /// [`PlanError`] when the text is no plan or does not fit the model.
    ///
    /// # Panics
    /// Never: a group is there once it was pushed.
    pub fn read(plan: &str, anatomy: Anatomy) -> Result<Self, PlanError> {
        if plan.trim().is_empty() {
            return Ok(Self { groups: Vec::new(), anatomy });
        }
        let plan = Plan::parse(plan)?;
        // What a selection alone does not tell, such as a permutation of one layer.
        plan.validate(anatomy)?;
        let mut groups: Vec<Group> = Vec::new();
        for step in plan.steps() {
            let components = components(&step.selection().to_string());
            let resolved = step.selection().resolve(anatomy)?;
            let parts = parts(&resolved, anatomy);
            // Flips of the same place in several tensors are no flip of one.
            let is_of_one = step.scheme().entry().reach == Reach::OneTensor;
            let is_same = !is_of_one && groups.last().is_some_and(|group| group.scheme == step.scheme());
            if !is_same {
                groups.push(Group { scheme: step.scheme(), parts: BTreeMap::new() });
            }
            let group = groups.last_mut().expect("a group was pushed when there was none");
            for part in parts {
                group.add(part, &components);
            }
        }
        Ok(Self { groups, anatomy })
    }

    /// The plan in the grammar; empty without any damage.
    #[must_use]
    pub fn to_text(&self) -> String {
        text::write(&self.groups, self.anatomy)
    }

    /// The group that clicks change: the last one, which is made when there is none.
    ///
    /// # Panics
    /// Never: a group is there once it was pushed.
    pub fn active(&mut self) -> &mut Group {
        if self.groups.is_empty() {
            self.groups.push(Group { scheme: Scheme::Kaiming, parts: BTreeMap::new() });
        }
        self.groups.last_mut().expect("a group was pushed when there was none")
    }

    /// Whether the last group damages the whole part.
    #[must_use]
    pub fn is_whole(&self, part: Part) -> bool {
        self.groups.last().is_some_and(|group| group.parts.get(&part) == Some(&Coverage::Whole))
    }

    /// Whether the last group damages the component of the part, by name or because it damages all of it.
    #[must_use]
    pub fn has(&self, part: Part, component: Component) -> bool {
        self.groups.last().and_then(|group| group.parts.get(&part)).is_some_and(|coverage| match coverage {
            Coverage::Whole => true,
            Coverage::Components(components) => components.contains(&component) || component.is_within(components),
        })
    }

    /// Whether the last group damages anything of the part.
    #[must_use]
    pub fn touches(&self, part: Part) -> bool {
        self.groups.last().is_some_and(|group| group.parts.contains_key(&part))
    }

    /// The parts of which any step damages anything, each with whether one damages all of it.
    #[must_use]
    pub fn touched(&self) -> BTreeMap<Part, bool> {
        let mut touched = BTreeMap::new();
        for (part, coverage) in self.groups.iter().flat_map(|group| &group.parts) {
            *touched.entry(*part).or_insert(false) |= *coverage == Coverage::Whole;
        }
        touched
    }

    /// What is damaged, for people who know no plans: “layers 0 and 2, parts of the classifier”. Nothing when nothing is.
    #[must_use]
    pub fn in_words(&self) -> Option<String> {
        let touched = self.touched();
        let n_layers = self.anatomy.n_layers;
        let describe = |whole: bool| {
            let parts = touched.iter().filter(|(_, is_whole)| **is_whole == whole).map(|(part, _)| *part);
            let (layers, others): (Vec<Part>, Vec<Part>) = parts.partition(|part| matches!(part, Part::Layer(_)));
            let numbers: Vec<String> = layers
                .iter()
                .filter_map(|part| match part {
                    Part::Layer(layer_idx) => Some(layer_idx.to_string()),
                    _ => None,
                })
                .collect();
            let layers = match &numbers[..] {
                [] => None,
                [_] if n_layers == 1 => Some("its only layer".to_owned()),
                all if all.len() == n_layers => Some(format!("all {n_layers} layers")),
                [one] => Some(format!("layer {one}")),
                [firsts @ .., last] => Some(format!("layers {} and {last}", firsts.join(", "))),
            };
            let others = others.into_iter().map(|part| match part {
                Part::Embeddings => "the embeddings".to_owned(),
                Part::Pooler => "the pooler".to_owned(),
                _ => "the classifier".to_owned(),
            });
            layers.into_iter().chain(others).collect::<Vec<_>>().join(", ")
        };
        match (describe(true), describe(false)) {
            (whole, parts) if whole.is_empty() && parts.is_empty() => None,
            (whole, parts) if parts.is_empty() => Some(whole),
            (whole, parts) if whole.is_empty() => Some(format!("parts of {parts}")),
            (whole, parts) => Some(format!("{whole}, and parts of {parts}")),
        }
    }

    /// Damages the whole part, or nothing of it when all of it was damaged.
    pub fn toggle_part(&mut self, part: Part) {
        let is_whole = self.is_whole(part);
        let parts = &mut self.active().parts;
        if is_whole {
            parts.remove(&part);
        } else {
            parts.insert(part, Coverage::Whole);
        }
    }

    /// Adds the component of the part to the damage, or takes it away.
    pub fn toggle_component(&mut self, part: Part, component: Component) {
        let n_heads = self.anatomy.n_heads;
        let whole = match part {
            Part::Layer(_) => Component::all_of_layer(),
            Part::Embeddings | Part::Pooler | Part::Classifier => Component::all_of_plain_part(),
        };
        let group = self.active();
        let mut components = match group.parts.remove(&part) {
            None => BTreeSet::new(),
            Some(Coverage::Whole) => whole.clone(),
            Some(Coverage::Components(components)) => components,
        };
        if components.contains(&component) || component.is_within(&components) {
            component.remove_from(&mut components, n_heads);
        } else {
            component.insert_into(&mut components);
        }
        if components == whole {
            group.parts.insert(part, Coverage::Whole);
        } else if !components.is_empty() {
            group.parts.insert(part, Coverage::Components(components));
        }
    }

    /// Damages so many whole layers from the bottom and from the top; embeddings, pooler and classifier stay as they are.
    pub fn set_ends(&mut self, n_bottom: usize, n_top: usize) {
        let n_layers = self.anatomy.n_layers;
        let parts = &mut self.active().parts;
        parts.retain(|part, _| !matches!(part, Part::Layer(_)));
        for layer_idx in (0..n_bottom.min(n_layers)).chain(n_layers.saturating_sub(n_top)..n_layers) {
            parts.insert(Part::Layer(layer_idx), Coverage::Whole);
        }
    }

    /// How many whole layers are damaged from the bottom on without a gap, and from the top on. When all are, they count
    /// from the bottom.
    #[must_use]
    pub fn ends(&self) -> (usize, usize) {
        let n_layers = self.anatomy.n_layers;
        let n_bottom = (0..n_layers).take_while(|layer_idx| self.is_whole(Part::Layer(*layer_idx))).count();
        if n_bottom == n_layers {
            return (n_bottom, 0);
        }
        (n_bottom, (0..n_layers).rev().take_while(|layer_idx| self.is_whole(Part::Layer(*layer_idx))).count())
    }

    /// Changes how the last group damages.
    pub fn set_scheme(&mut self, scheme: Scheme) {
        self.active().scheme = scheme;
    }
}

/// The components of a selection in its canonical form.
fn components(selection: &str) -> BTreeSet<Component> {
    let words = selection.split_once('/').map_or("", |(_, components)| components).split(',');
    words.filter(|word| !word.is_empty()).flat_map(Component::from_word).collect()
}

/// The parts of which anything is selected.
fn parts(selection: &ResolvedSelection, anatomy: Anatomy) -> Vec<Part> {
    let contains = |module: Module| {
        selection.contains(ParameterPath::weight(module))
            || (!module.is_embedding() && selection.contains(ParameterPath::bias(module)))
    };
    let mut parts = Vec::new();
    let has_types = anatomy.architecture.family().has_token_types();
    if [Module::WordEmbeddings, Module::PositionEmbeddings, Module::EmbeddingsLayerNorm].into_iter().any(contains)
        || (has_types && contains(Module::TokenTypeEmbeddings))
    {
        parts.push(Part::Embeddings);
    }
    let layers = selection.layer_indices().into_iter();
    parts.extend(
        layers
            .filter(|layer_idx| LayerModule::ALL.iter().any(|module| contains(Module::Layer(*layer_idx, *module))))
            .map(Part::Layer),
    );
    for (part, module) in [(Part::Pooler, Module::Pooler), (Part::Classifier, Module::Classifier)] {
        if contains(module) {
            parts.push(part);
        }
    }
    parts
}

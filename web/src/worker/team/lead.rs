//! The helpers of a worker.

use super::super::browser::{global, property};
use super::super::model::{Model, next_id};
use super::line::{Health, Line};
use super::order::{NAME, Order};
use super::values;
use js_sys::JsString;
use shared::dataset::EncodedExample;
use shared::model::{ModelConfig, ParameterPath};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use wasm_bindgen::JsCast as _;

/// Workers at most: each has the model once more, and more of them mostly wait for memory.
const MAX_WORKERS: usize = 4;

/// Models beside the healthy one, and sets of rows, that a helper keeps.
const KEPT: usize = 2;

/// The workers of a team, helpers included, and what all of them know.
pub(in super::super) struct Team {
    n_workers: usize,
    /// Where the helpers' script is; none where there can be no helpers.
    script: Option<String>,
    config: ModelConfig,
    healthy: Rc<Model>,
    members: RefCell<Option<Vec<Rc<Member>>>>,
}

/// A helper, and what it knows.
pub(super) struct Member {
    pub(super) line: Line,
    knows_healthy: Cell<bool>,
    models: RefCell<VecDeque<u64>>,
    rows: RefCell<VecDeque<(u64, Arc<Vec<EncodedExample>>)>>,
    /// The training that it has a replica of, and the steps which that has made.
    pub(super) training: Cell<Option<(u64, usize)>>,
}

/// Workers that this machine is good for: as many as it has processors, as a power of two, of which the helpers wait
/// until they are needed. A page with `?workers=1` has it said in the worker's name.
pub(in super::super) fn wanted_workers() -> usize {
    let name = global("name").and_then(|name| name.as_string()).unwrap_or_default();
    // Tests run in a page, which is no worker's script.
    let is_worker = global("WorkerGlobalScope").is_some();
    let asked = name.strip_prefix("workers=").and_then(|n| n.parse().ok());
    let navigator = global("navigator");
    let number = |key: &str| navigator.as_ref().and_then(|navigator| property(navigator, key)?.as_f64());
    let n_processors = number("hardwareConcurrency").unwrap_or(1.0) as usize;
    // In gigabytes, where the browser tells.
    let for_memory = match number("deviceMemory") {
        Some(memory) if memory < 2.0 => 1,
        Some(memory) if memory < 4.0 => 2,
        _ => MAX_WORKERS,
    };
    let wanted = asked.unwrap_or(n_processors.min(for_memory)).clamp(1, MAX_WORKERS);
    if is_worker { 1 << wanted.ilog2() } else { 1 }
}

impl Team {
    /// A team of up to `n_workers`, the one that calls included. Nobody is started yet.
    pub(in super::super) fn new(n_workers: usize, config: &ModelConfig, healthy: &Rc<Model>) -> Rc<Self> {
        let href = global("location").and_then(|location| property(&location, "href")?.dyn_into::<JsString>().ok());
        Self::with_script(n_workers, href.map(String::from), config, healthy)
    }

    /// A team whose helpers have the script at this address.
    pub(in super::super) fn with_script(
        n_workers: usize,
        script: Option<String>,
        config: &ModelConfig,
        healthy: &Rc<Model>,
    ) -> Rc<Self> {
        let (config, healthy) = (config.clone(), Rc::clone(healthy));
        Rc::new(Self { n_workers, script, config, healthy, members: RefCell::new(None) })
    }

    /// Starts the helpers, unless they were started: their programs arrive while the caller goes on alone.
    pub(in super::super) fn start(&self) {
        let mut members = self.members.borrow_mut();
        if members.is_some() {
            return;
        }
        let lines = (1..self.n_workers).filter_map(|_| Line::start(self.script.as_ref()?, NAME).ok());
        let member = |line| {
            Rc::new(Member {
                line,
                knows_healthy: Cell::new(false),
                models: RefCell::default(),
                rows: RefCell::default(),
                training: Cell::new(None),
            })
        };
        *members = Some(lines.map(member).collect());
    }

    /// Whether helpers were started that are neither ready nor lost.
    pub(in super::super) fn is_starting(&self) -> bool {
        let members = self.members.borrow();
        members.iter().flatten().any(|member| member.line.health() == Health::Starting)
    }

    /// The helpers that can be asked now; they know the healthy model.
    pub(super) fn ready(&self) -> Vec<Rc<Member>> {
        let members = self.members.borrow();
        let ready = members.iter().flatten().filter(|member| member.line.health() == Health::Ready);
        ready.filter(|member| self.tell_healthy(member).is_ok()).map(Rc::clone).collect()
    }

    /// Workers that would share now.
    pub(in super::super) fn n_ready(&self) -> usize {
        1 + self.ready().len()
    }

    fn tell_healthy(&self, member: &Member) -> shared::Result<()> {
        if member.knows_healthy.replace(true) {
            return Ok(());
        }
        let config = String::from_utf8_lossy(&self.config.to_json()).into_owned();
        let values = values::of_parameters(&self.healthy.parameters, &self.config.parameters())?;
        member.line.order(Order::Base { id: self.healthy.id, config }, Some(values), &[]);
        Ok(())
    }

    /// Lets a helper know a model, unless it does.
    pub(super) fn tell_model(&self, member: &Member, model: &Model) -> shared::Result<()> {
        let mut known = member.models.borrow_mut();
        if model.id == self.healthy.id || known.contains(&model.id) {
            return Ok(());
        }
        let (mut changed, mut paths) = (Vec::new(), Vec::new());
        for (place, path) in self.config.parameters().into_iter().enumerate() {
            if model.parameters.get(path)?.id() != self.healthy.parameters.get(path)?.id() {
                changed.push(place);
                paths.push(path);
            }
        }
        let values = values::of_parameters(&model.parameters, &paths)?;
        let forget = if known.len() == KEPT { known.pop_front() } else { None };
        known.push_back(model.id);
        member.line.order(Order::Model { id: model.id, changed, forget }, Some(values), &[]);
        Ok(())
    }

    /// Lets a helper know rows, unless it does: their number.
    pub(super) fn tell_rows(member: &Member, examples: &Arc<Vec<EncodedExample>>) -> u64 {
        let mut known = member.rows.borrow_mut();
        if let Some((id, _)) = known.iter().find(|(_, rows)| Arc::ptr_eq(rows, examples)) {
            return *id;
        }
        let id = next_id();
        let forget = if known.len() == KEPT { known.pop_front().map(|(id, _)| id) } else { None };
        known.push_back((id, Arc::clone(examples)));
        let rows = examples.iter().map(|row| (row.input_ids.clone(), row.n_second, row.label)).collect();
        member.line.order(Order::Rows { id, rows, forget }, None, &[]);
        id
    }

    /// Where parameters stand in forward order.
    pub(super) fn places(&self, paths: &[ParameterPath]) -> Vec<usize> {
        let all = self.config.parameters();
        (0..all.len()).filter(|place| paths.contains(&all[*place])).collect()
    }

    /// A training has ended: helpers give its memory back.
    pub(in super::super) fn end(&self, training: u64) {
        for member in self.members.borrow().iter().flatten() {
            if member.training.get().is_some_and(|(id, _)| id == training) {
                member.training.set(None);
                member.line.order(Order::End { training }, None, &[]);
            }
        }
    }

    pub(super) fn config(&self) -> &ModelConfig {
        &self.config
    }
}

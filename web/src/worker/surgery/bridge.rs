//! Whether weights came back: the straight lines between the models, and how far each part is from the healthy one.

use super::super::model::Model;
use super::super::rows::Rows;
use super::super::session::Session;
use super::super::task::{Interruption, Task};
use super::super::team::logits;
use super::held_out::HeldOut;
use crate::failure::{Failure, computation};
use crate::protocol::{AskReturn, ReturnView, Stage};
use shared::Condition;
use shared::evaluation::{Prediction, evaluate};
use shared::inspection::scars;
use shared::surgery::{BRIDGE_POINTS, BridgePoint, bridge_places, interpolate};
use std::rc::Rc;

pub(super) struct Job {
    held_out: HeldOut,
    rows: Rc<Rows>,
    corrupted: Rc<Model>,
    healed: Rc<Model>,
}

impl Job {
    pub(super) fn new(session: &Session, request: AskReturn) -> Result<Self, Failure> {
        let held_out = HeldOut::of(session, request.max_rows)?;
        Ok(Self {
            held_out,
            rows: session.rows.clone().ok_or(Failure::NoRows { purpose: "evaluation".to_owned() })?,
            corrupted: session.existing_model(Condition::Corrupted)?,
            healed: session.existing_model(Condition::Healed)?,
        })
    }
}

pub(super) async fn run(task: &Task<AskReturn>, job: Job) -> Result<ReturnView, Interruption> {
    let (healthy, n_rows) = (&job.held_out.healthy, job.held_out.examples.len());
    let scars = scars(&healthy.parameters, &job.corrupted.parameters, &job.healed.parameters);
    let mut scars = scars.map_err(|e| computation(&e))?;
    scars.retain(|scar| scar.component.is_none());
    let mut lines = Vec::new();
    for (line_idx, from) in [healthy, &job.corrupted].into_iter().enumerate() {
        let mut points = Vec::with_capacity(BRIDGE_POINTS);
        for (point_idx, t) in bridge_places().into_iter().enumerate() {
            let n_before = (line_idx * BRIDGE_POINTS + point_idx) * n_rows;
            let told = |done| task.progress(Stage::Rows, n_before as u64 + done, (2 * BRIDGE_POINTS * n_rows) as u64);
            points.push(point(task, &job, from, t, told).await?);
        }
        lines.push(points);
    }
    let from_corrupted = lines.pop().unwrap_or_default();
    Ok(ReturnView { scars, from_healthy: lines.pop().unwrap_or_default(), from_corrupted, n_rows })
}

async fn point(
    task: &Task<AskReturn>,
    job: &Job,
    from: &Model,
    t: f64,
    told: impl FnMut(u64),
) -> Result<BridgePoint, Interruption> {
    let HeldOut { config, healthy, examples, team } = &job.held_out;
    let made = || {
        let mut parameters = healthy.parameters.fork()?;
        interpolate(&mut parameters, &from.parameters, &job.healed.parameters, t)?;
        Ok(parameters)
    };
    let model = Model::new(config, made().map_err(|e: shared::Error| computation(&e))?)?;
    let outputs = logits(task, team, &model, examples, told).await?;
    let predictions = Prediction::of_rows(outputs, examples, &job.rows.held_out_hashes()[..examples.len()]);
    let metrics = evaluate(&predictions, config.label_names.len()).map_err(|e| computation(&e))?;
    Ok(BridgePoint::new(t, &metrics))
}

//! Which part of a damaged model is to blame, by all workers.

use super::super::browser::now_ms;
use super::super::inspect::encode_one;
use super::super::model::Model;
use super::super::session::Session;
use super::super::task::{Interruption, Task};
use super::super::team::{Counting, count_mixes};
use super::held_out::HeldOut;
use crate::failure::{Failure, computation};
use crate::protocol::{AskBlame, BlameView, Stage};
use shared::Condition;
use shared::dataset::{Batch, EncodedExample};
use shared::evaluation::predicted_class;
use shared::random::Seed;
use shared::surgery::{Blame, Design, MAX_LAYERS, Mix, Mixture, Players, Rest, margin};
use std::collections::BTreeMap;
use std::rc::Rc;

/// Pairs of orders for models that are too deep for all mixes.
const N_PAIRS: usize = 8;

pub(super) struct Job {
    held_out: HeldOut,
    condition: Condition,
    damaged: Rc<Model>,
    sentence: Option<EncodedExample>,
}

impl Job {
    pub(super) fn new(session: &Session, request: &AskBlame) -> Result<Self, Failure> {
        let text = request.text.trim();
        Ok(Self {
            held_out: HeldOut::of(session, request.max_rows)?,
            condition: request.damaged,
            damaged: session.existing_model(request.damaged)?,
            sentence: if text.is_empty() { None } else { Some(encode_one(session, text)?.0) },
        })
    }
}

pub(super) async fn run(task: &Task<AskBlame>, job: Job) -> Result<BlameView, Interruption> {
    let Job { held_out, condition, damaged, sentence } = job;
    let HeldOut { config, healthy, examples, team } = held_out;
    if config.n_layers > MAX_LAYERS {
        return Err(Failure::BadSetting {
            setting: "The model's number of layers".to_owned(),
            expected: format!("at most {MAX_LAYERS} to share out blame"),
            got: config.n_layers.to_string(),
        }
        .into());
    }
    let began_ms = now_ms();
    let players = Players { n_layers: config.n_layers, rest: Rest::Player };
    let design = Design::new(players, N_PAIRS, Seed(0));
    let mixes = design.mixes();
    let of = (&healthy.classifier, &healthy.parameters);
    let mixture = Mixture::new(players, of, (&damaged.classifier, &damaged.parameters)).map_err(|e| computation(&e))?;
    let sentence = sentence.as_ref().map(|example| of_sentence(&mixture, &design, example, config.pad_token_id));
    let (label, margin) = sentence.transpose().map_err(|e| computation(&e))?.unwrap_or_default();
    let pad_token_id = config.pad_token_id;
    let work = Counting { mixture: &mixture, damaged: &damaged, mixes: &mixes, examples: &examples, pad_token_id };
    let n_rows = examples.len();
    let counts = count_mixes(task, &team, &work, |done| task.progress(Stage::Rows, done, n_rows as u64)).await?;
    let accuracy = design.blame(|mix| counts.accuracy(mix)).ok_or(Failure::NoRows { purpose: "blame".to_owned() })?;
    Ok(BlameView {
        damaged: condition,
        n_rows,
        accuracy,
        margin,
        label,
        is_same: (0..players.count()).map(|part| mixture.is_same(part)).collect(),
        n_mixes: mixes.len(),
        n_passes: mixture.n_passes(&mixes),
        secs: (now_ms() - began_ms) / 1e3,
    })
}

/// The class that the healthy model gives the sentence, and the blame for what became of its margin; none where a mix has no
/// finite margin.
fn of_sentence(
    mixture: &Mixture<'_>,
    design: &Design,
    example: &EncodedExample,
    pad_token_id: u32,
) -> shared::Result<(Option<u32>, Option<Blame>)> {
    let batch = Batch::new(std::slice::from_ref(example), &[0], pad_token_id);
    let logits = mixture.logits(&batch, &design.mixes(), &mut || true)?.unwrap_or_default();
    let logits: BTreeMap<Mix, Vec<f32>> =
        logits.into_iter().filter_map(|(mix, rows)| Some((mix, rows.into_iter().next()?))).collect();
    let label = logits.get(&Mix::default()).and_then(|logits| predicted_class(logits));
    let worth = |class: u32| move |mix: Mix| logits.get(&mix).map_or(f64::NAN, |logits| margin(logits, class as usize));
    Ok((label, label.and_then(|class| design.blame(worth(class)))))
}

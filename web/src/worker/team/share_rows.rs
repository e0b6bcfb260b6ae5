//! Evaluation, a batch at a time, by everyone.

use super::super::model::Model;
use super::super::task::{Interruption, Pending};
use super::lead::{Member, Team};
use super::line::Answer;
use super::order::{Order, Report};
use crate::failure::computation;
use futures_channel::oneshot;
use shared::dataset::{Batch, EncodedExample, evaluation_batches};
use shared::model::{ForwardMode, RowOutput};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

/// Rows of a forward pass: more would keep the thread busy for longer than a visitor waits without noticing.
pub(in super::super) const BATCH_SIZE: usize = 32;

/// Batches that wait at a helper: this worker hands out the next one only between two of its own.
const IN_HAND: usize = 2;

/// A batch that a helper works on.
struct Lent {
    member: Rc<Member>,
    rows: Vec<usize>,
    answer: oneshot::Receiver<Answer>,
}

/// Logits of all examples in their order, giving way after every batch; `on_rows` hears how many are done.
///
/// # Errors
/// [`Interruption::Cancelled`] when the task is no longer wanted.
pub(in super::super) async fn logits(
    task: &Pending,
    team: &Team,
    model: &Model,
    examples: &Arc<Vec<EncodedExample>>,
    mut on_rows: impl FnMut(u64),
) -> Result<Vec<RowOutput>, Interruption> {
    let pad = team.config().pad_token_id;
    let lengths: Vec<usize> = examples.iter().map(|example| example.input_ids.len()).collect();
    let mut waiting = VecDeque::from(evaluation_batches(&lengths, BATCH_SIZE));
    if waiting.len() > 1 {
        team.start();
    }
    let mut lent: Vec<Lent> = Vec::new();
    let mut outputs = vec![RowOutput { logits: Vec::new(), is_saturated: false }; examples.len()];
    let mut n_done = 0;
    let mut take = |rows: &[usize], of_rows: Vec<RowOutput>| {
        for (row, output) in rows.iter().zip(of_rows) {
            outputs[*row] = output;
        }
        n_done += rows.len() as u64;
        on_rows(n_done);
    };
    loop {
        for member in team.ready() {
            let n_in_hand = lent.iter().filter(|lent| Rc::ptr_eq(&lent.member, &member)).count();
            for _ in n_in_hand..IN_HAND {
                // The last one is this worker's own.
                if waiting.len() > 1 && team.tell_model(&member, model).is_ok() {
                    lent.extend(waiting.pop_front().map(|rows| lend(&member, model, examples, rows)));
                }
            }
        }
        if let Some(rows) = waiting.pop_front() {
            let batch = Batch::new(examples, &rows, pad);
            take(&rows, model.classifier.evaluate(&batch).map_err(|e| computation(&e))?);
            task.give_way().await?;
        } else if lent.is_empty() {
            break;
        } else {
            let Lent { member, rows, answer } = lent.remove(0);
            give_back(&member, rows, answer.await.ok(), &mut take, &mut waiting);
            task.check()?;
        }
        let mut still_lent = Vec::with_capacity(lent.len());
        for mut batch in lent {
            match batch.answer.try_recv() {
                Ok(None) => still_lent.push(batch),
                answer => give_back(&batch.member, batch.rows, answer.ok().flatten(), &mut take, &mut waiting),
            }
        }
        lent = still_lent;
    }
    Ok(outputs)
}

/// The healthy encoder's last hidden state for rows of equal length, of each worker's share; what a helper could not do is
/// an error.
///
/// # Errors
/// As the encoder, or when a helper is lost.
pub(in super::super) async fn encode(
    team: &Team,
    healthy: &Model,
    examples: &Arc<Vec<EncodedExample>>,
    pad_token_id: u32,
) -> shared::Result<Vec<Vec<f32>>> {
    let members = team.ready();
    let per_worker = examples.len().div_ceil(1 + members.len());
    let mut shares = (0..examples.len()).collect::<Vec<_>>();
    let mut own = shares.split_off(shares.len().min(per_worker));
    std::mem::swap(&mut own, &mut shares);
    let ask = |(indices, member): (&[usize], &Rc<Member>)| {
        let rows = Team::tell_rows(member, examples);
        member.line.ask(Order::Encode { rows, indices: indices.to_vec() })
    };
    let answers: Vec<_> = shares.chunks(per_worker).zip(&members).map(ask).collect();
    let batch = Batch::new(examples, &own, pad_token_id);
    let hidden = healthy.classifier.encoder().forward(&batch, ForwardMode::Evaluation)?;
    let mut all = vec![hidden.flatten_all()?.to_vec1()?];
    for answer in answers {
        match answer.await {
            Ok((Report::Hidden, values)) => all.push(values.to_vec()),
            _ => return Err(shared::Error::Training("a helper was lost".to_owned())),
        }
    }
    Ok(all)
}

fn lend(member: &Rc<Member>, model: &Model, examples: &Arc<Vec<EncodedExample>>, rows: Vec<usize>) -> Lent {
    let of_rows = Team::tell_rows(member, examples);
    let order = Order::Classify { model: model.id, rows: of_rows, indices: rows.clone() };
    Lent { member: Rc::clone(member), rows, answer: member.line.ask(order) }
}

/// Takes what a helper made of rows; what it could not do waits again.
fn give_back(
    member: &Member,
    rows: Vec<usize>,
    answer: Option<Answer>,
    take: &mut impl FnMut(&[usize], Vec<RowOutput>),
    waiting: &mut VecDeque<Vec<usize>>,
) {
    match answer {
        Some((Report::Logits { is_saturated }, values)) if is_saturated.len() == rows.len() => {
            let values = values.to_vec();
            let n_labels = values.len() / rows.len().max(1);
            let of_rows = values.chunks(n_labels.max(1)).zip(is_saturated);
            take(
                &rows,
                of_rows.map(|(logits, is_saturated)| RowOutput { logits: logits.to_vec(), is_saturated }).collect(),
            );
        }
        _ => {
            member.line.lose();
            waiting.push_front(rows);
        }
    }
}

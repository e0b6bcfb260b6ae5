//! Work on rows, a batch at a time, by everyone.

use super::super::model::Model;
use super::super::task::{Interruption, Pending};
use super::lead::{Member, Team};
use super::line::Answer;
use super::order::{MixOrder, Order, Report};
use crate::failure::computation;
use futures_channel::oneshot;
use shared::dataset::{Batch, EncodedExample, evaluation_batches};
use shared::model::{ForwardMode, RowOutput};
use shared::surgery::{Mix, MixCounts, Mixture};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

/// Rows of a forward pass: more would keep the thread busy for longer than a visitor waits without noticing.
pub(in super::super) const BATCH_SIZE: usize = 32;

/// Rows that go through all mixes of two models at once, which are many passes.
const MIX_BATCH_SIZE: usize = 8;

/// Batches that wait at a helper: this worker hands out the next one only between two of its own.
const IN_HAND: usize = 2;

/// Something that is computed of a batch of rows, by this worker or by a helper.
trait Work {
    /// What comes of a batch.
    type Done;

    /// Computes it here.
    fn compute(&self, rows: &[usize]) -> shared::Result<Self::Done>;

    /// Asks a helper for it.
    fn ask(&self, team: &Team, member: &Member, rows: &[usize]) -> shared::Result<oneshot::Receiver<Answer>>;

    /// What a helper answered; none when that is no answer to what it was asked.
    fn read(&self, rows: &[usize], answer: Answer) -> Option<Self::Done>;
}

/// A batch that a helper works on.
struct Lent {
    member: Rc<Member>,
    rows: Vec<usize>,
    answer: oneshot::Receiver<Answer>,
}

/// Has all batches worked on, giving way after each of this worker's own; `take` hears what came of each batch, in any order.
///
/// # Errors
/// [`Interruption::Cancelled`] when the task is no longer wanted.
async fn share_out<W: Work>(
    task: &Pending,
    team: &Team,
    batches: Vec<Vec<usize>>,
    work: &W,
    mut take: impl FnMut(&[usize], W::Done),
) -> Result<(), Interruption> {
    let mut waiting = VecDeque::from(batches);
    if waiting.len() > 1 {
        team.start();
    }
    let mut lent: Vec<Lent> = Vec::new();
    loop {
        for member in team.ready() {
            let n_in_hand = lent.iter().filter(|lent| Rc::ptr_eq(&lent.member, &member)).count();
            for _ in n_in_hand..IN_HAND {
                // The last one is this worker's own.
                let next = if waiting.len() > 1 { waiting.pop_front() } else { None };
                let Some(rows) = next else { break };
                match work.ask(team, &member, &rows) {
                    Ok(answer) => lent.push(Lent { member: Rc::clone(&member), rows, answer }),
                    // Whatever is wrong with it, this worker will see for itself.
                    Err(_) => waiting.push_front(rows),
                }
            }
        }
        if let Some(rows) = waiting.pop_front() {
            take(&rows, work.compute(&rows).map_err(|e| computation(&e))?);
            task.give_way().await?;
        } else if lent.is_empty() {
            break;
        } else {
            let mut oldest = lent.remove(0);
            let answer = (&mut oldest.answer).await.ok();
            waiting.extend(oldest.settle(answer, work, &mut take));
            task.check()?;
        }
        let mut still_lent = Vec::with_capacity(lent.len());
        for mut batch in lent {
            match batch.answer.try_recv() {
                Ok(None) => still_lent.push(batch),
                answer => waiting.extend(batch.settle(answer.ok().flatten(), work, &mut take)),
            }
        }
        lent = still_lent;
    }
    Ok(())
}

impl Lent {
    /// Takes what the helper made of the rows; those with which it could do nothing come back.
    fn settle<W: Work>(
        self,
        answer: Option<Answer>,
        work: &W,
        take: &mut impl FnMut(&[usize], W::Done),
    ) -> Option<Vec<usize>> {
        if let Some(done) = answer.and_then(|answer| work.read(&self.rows, answer)) {
            take(&self.rows, done);
            return None;
        }
        self.member.line.lose();
        Some(self.rows)
    }
}

/// Logits of rows by a model.
struct Classify<'a> {
    model: &'a Model,
    examples: &'a Arc<Vec<EncodedExample>>,
    pad_token_id: u32,
}

impl Work for Classify<'_> {
    type Done = Vec<RowOutput>;

    fn compute(&self, rows: &[usize]) -> shared::Result<Self::Done> {
        self.model.classifier.evaluate(&Batch::new(self.examples, rows, self.pad_token_id))
    }

    fn ask(&self, team: &Team, member: &Member, rows: &[usize]) -> shared::Result<oneshot::Receiver<Answer>> {
        team.tell_model(member, self.model)?;
        let of_rows = Team::tell_rows(member, self.examples);
        Ok(member.line.ask(Order::Classify { model: self.model.id, rows: of_rows, indices: rows.to_vec() }))
    }

    fn read(&self, rows: &[usize], answer: Answer) -> Option<Self::Done> {
        match answer {
            (Report::Logits { is_saturated }, values) if is_saturated.len() == rows.len() => {
                let values = values.to_vec();
                let n_labels = (values.len() / rows.len().max(1)).max(1);
                let of_rows = values.chunks(n_labels).zip(is_saturated);
                Some(
                    of_rows.map(|(logits, is_saturated)| RowOutput { logits: logits.to_vec(), is_saturated }).collect(),
                )
            }
            _ => None,
        }
    }
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
    let work = Classify { model, examples, pad_token_id: team.config().pad_token_id };
    let mut outputs = vec![RowOutput { logits: Vec::new(), is_saturated: false }; examples.len()];
    let mut n_done = 0;
    share_out(task, team, batches(examples, BATCH_SIZE), &work, |rows, of_rows| {
        for (row, output) in rows.iter().zip(of_rows) {
            outputs[*row] = output;
        }
        n_done += rows.len() as u64;
        on_rows(n_done);
    })
    .await?;
    Ok(outputs)
}

fn batches(examples: &[EncodedExample], batch_size: usize) -> Vec<Vec<usize>> {
    let lengths: Vec<usize> = examples.iter().map(|example| example.input_ids.len()).collect();
    evaluation_batches(&lengths, batch_size)
}

/// Two models, and the mixes of them that are counted.
pub(in super::super) struct Counting<'a> {
    /// Of the healthy model and `damaged`.
    pub(in super::super) mixture: &'a Mixture<'a>,
    pub(in super::super) damaged: &'a Model,
    pub(in super::super) mixes: &'a [Mix],
    pub(in super::super) examples: &'a Arc<Vec<EncodedExample>>,
    pub(in super::super) pad_token_id: u32,
}

impl Work for Counting<'_> {
    type Done = MixCounts;

    fn compute(&self, rows: &[usize]) -> shared::Result<MixCounts> {
        count(self.mixture, &Batch::new(self.examples, rows, self.pad_token_id), self.mixes)
    }

    fn ask(&self, team: &Team, member: &Member, rows: &[usize]) -> shared::Result<oneshot::Receiver<Answer>> {
        team.tell_model(member, self.damaged)?;
        let of_rows = Team::tell_rows(member, self.examples);
        let (players, distinct) = (self.mixture.players(), self.mixture.distinct());
        Ok(member.line.ask(Order::Mix(Box::new(MixOrder {
            damaged: self.damaged.id,
            players,
            distinct,
            mixes: self.mixes.to_vec(),
            rows: of_rows,
            indices: rows.to_vec(),
        }))))
    }

    fn read(&self, rows: &[usize], answer: Answer) -> Option<MixCounts> {
        let is_of_these = |counts: &MixCounts| {
            counts.n_rows == rows.len() as u64
                && counts.mixes.iter().map(|count| count.mix).eq(self.mixes.iter().copied())
        };
        match answer {
            (Report::Mixed(counts), _) => Some(counts).filter(is_of_these),
            _ => None,
        }
    }
}

/// Counts what all mixes get right of a batch.
pub(super) fn count(mixture: &Mixture<'_>, batch: &Batch, mixes: &[Mix]) -> shared::Result<MixCounts> {
    let counts = mixture.count_batch(batch, mixes, &mut || true)?;
    Ok(counts.unwrap_or_else(|| MixCounts::new(mixes)))
}

/// Counts what mixes, in ascending order, get right of all examples, giving way after every batch; `on_rows` hears how many
/// are done.
///
/// # Errors
/// [`Interruption::Cancelled`] when the task is no longer wanted.
pub(in super::super) async fn count_mixes(
    task: &Pending,
    team: &Team,
    work: &Counting<'_>,
    mut on_rows: impl FnMut(u64),
) -> Result<MixCounts, Interruption> {
    let mut counts = MixCounts::new(work.mixes);
    share_out(task, team, batches(work.examples, MIX_BATCH_SIZE), work, |_, of_batch| {
        counts.add(&of_batch);
        on_rows(counts.n_rows);
    })
    .await?;
    Ok(counts)
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

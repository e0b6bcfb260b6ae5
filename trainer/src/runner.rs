//! One run of the experiment: fine-tune a healthy model, corrupt and fine-tune a copy, judge all of them. Under protocol
//! `finetuned` the healthy model is also fine-tuned once more without damage, as a control.
//!
//! A run is a sequence of parts, each of which is durable before the next starts: a part that is there is not made
//! again, so the same command on the same folder goes on where it was stopped, however that happened.

mod cell;
mod dump;
mod fine_tune;
mod judge;
mod parts;
mod prepare;
mod reuse;
mod text_length;

use shared::Condition;
use shared::Parameters;
use shared::record::{Protocol, RunRecord, RunStatus};

use parts::{Progress, corrupted, fine_tuned, phase_file, record, reused};

pub use cell::{CellOutcome, UndamagedModel, UndamagedOutcome, cell, undamaged_model};
pub use dump::BatchDump;
pub use fine_tune::{Outcome, fine_tune};
pub use judge::{Judged, predictions_of};
pub use prepare::{Encoded, Models, Prepared, RunRequest, checkpoint_files, encode};
pub use text_length::{DEFAULT_MAX_LENGTH, cuts_in_words, max_length};

use crate::atomic;
use crate::environment::command;
use crate::interrupt::Interrupt;
use crate::run_dir::{self, RunDir, predictions};
use crate::say;
use shared::card::{CARD, MadeBy, card};

/// Carries the run out in its folder, and returns its record. A run that is already finished returns the record it has.
///
/// # Errors
/// When the user interrupts, or the disk fails. A fine-tuning that diverges is no error but a record with that status.
pub fn run(prepared: &Prepared, run_dir: &RunDir, interrupt: &Interrupt) -> anyhow::Result<RunRecord> {
    if let Some(record) = run_dir.read_record()? {
        say!("{}: already finished; nothing to compute", run_dir.path().display());
        // The process that finished it may have been killed before it came to this.
        run_dir.append_to_results(&record)?;
        return Ok(record);
    }
    let mut progress = Progress::default();
    let healthy = healthy(prepared, run_dir, interrupt, &mut progress)?;
    if let (Some(plan), Some(healthy)) = (&prepared.plan, healthy) {
        let undamaged = undamaged(prepared, run_dir, interrupt, healthy, &mut progress)?;
        let corrupted = corrupted(prepared, plan, run_dir, undamaged, &mut progress)?;
        fine_tuned(prepared, run_dir, interrupt, &mut progress, Condition::Healed, || Ok(corrupted))?;
    }
    keep_texts(prepared, run_dir)?;
    run_dir.write_json(run_dir::COMMAND, &command())?;
    let record = record(prepared, progress)?;
    write_cards(prepared, run_dir, &record)?;
    run_dir.write_record(&record)?;
    run_dir.append_to_results(&record)?;
    for phase in Condition::FINE_TUNED {
        if !matches!(&record.status, RunStatus::Failed { phase: failed, .. } if *failed == phase) {
            run_dir.states().clear(phase.as_str())?;
        }
    }
    Ok(record)
}

/// Says in each checkpoint which of the models it is and what came of it.
fn write_cards(prepared: &Prepared, run_dir: &RunDir, record: &RunRecord) -> anyhow::Result<()> {
    for which in Condition::ALL {
        let folder = run_dir.checkpoint_path(which);
        if folder.is_dir() {
            atomic::write_file(
                &folder.join(CARD),
                card(&prepared.config_of(which), Some(MadeBy { record, place: which })).as_bytes(),
            )?;
        }
    }
    Ok(())
}

/// The healthy model; none when its fine-tuning diverged.
fn healthy(
    prepared: &Prepared,
    run_dir: &RunDir,
    interrupt: &Interrupt,
    progress: &mut Progress,
) -> anyhow::Result<Option<Parameters>> {
    if prepared.dump.is_none() {
        take_over(prepared, run_dir, Condition::Healthy, progress)?;
    }
    fine_tuned(prepared, run_dir, interrupt, progress, Condition::Healthy, || prepared.load())
}

/// What the protocol corrupts. Under `finetuned` that is the healthy model, and the control is made on the way: the healthy
/// model fine-tuned once more as the corrupted one will be, only without the damage.
///
/// What a fine-tuning starts from is read again after it rather than kept beside it: a model more in memory for all of a
/// fine-tuning costs more than reading a file.
fn undamaged(
    prepared: &Prepared,
    run_dir: &RunDir,
    interrupt: &Interrupt,
    healthy: Parameters,
    progress: &mut Progress,
) -> anyhow::Result<Parameters> {
    match prepared.spec.protocol {
        Protocol::Pretrained => {
            drop(healthy);
            prepared.load()
        }
        Protocol::Finetuned => {
            // It is still there when the healthy model was made earlier.
            prepared.forget_read();
            take_over(prepared, run_dir, Condition::Control, progress)?;
            fine_tuned(prepared, run_dir, interrupt, progress, Condition::Control, || Ok(healthy))?;
            prepared.load_checkpoint(Condition::Healthy, &run_dir.checkpoint_path(Condition::Healthy))
        }
    }
}

fn take_over(
    prepared: &Prepared,
    run_dir: &RunDir,
    condition: Condition,
    progress: &mut Progress,
) -> anyhow::Result<()> {
    if let Some(summary) = reuse::take_over(prepared, run_dir, condition)? {
        progress.notes.push(reused(condition, summary.reused_from.as_ref()));
        run_dir.write_json(&phase_file(condition), &summary)?;
    }
    Ok(())
}

/// Keeps the texts of the reported rows, which predictions name only by their hash.
fn keep_texts(prepared: &Prepared, run_dir: &RunDir) -> anyhow::Result<()> {
    predictions::write(&run_dir.path().join(run_dir::TEXTS), prepared.report_texts.iter())
}

//! The healed model as a folder in Hugging Face's layout, packed into a zip that the page hands to its visitor.
//!
//! Config, weights and card tell what was done to the weights, as those that the native program writes.

use super::session::{Healed, Session};
use super::task::{Interruption, Task};
use super::zip_blob::ZipBlob;
use crate::failure::{Failure, computation};
use crate::fetch;
use crate::protocol::{ExportHealed, Exported, HealedOrigin};
use gloo_file::{Blob, ObjectUrl};
use gloo_timers::future::TimeoutFuture;
use shared::Condition;
use shared::bundle::{BaseModel, NOTICE};
use shared::card::{Background, Base, CARD, MadeBy, card_with};
use shared::checkpoint::{Treatment, write_weights};
use shared::model::ModelConfig;
use shared::record::RunRecord;
use std::io::Write as _;
use std::rc::Rc;
use wasm_bindgen_futures::spawn_local;

/// How long the address of a file is good: its download begins at once, and holds the bytes by itself.
const GOOD_FOR_MS: u32 = 60_000;

/// All that a folder is made of, but for what has to be fetched.
struct Job {
    healed: Healed,
    /// With what was done to the healed weights.
    config: ModelConfig,
    tokenizer: Vec<(String, Vec<u8>)>,
    base: Option<BaseModel>,
    notice_url: Option<String>,
    record: Option<RunRecord>,
    facts: Vec<String>,
}

/// Packs the healed model.
pub(super) async fn export(task: &Task<ExportHealed>) -> Result<Exported, Interruption> {
    let job = task.context().with_session(|session| prepare(session))?;
    let notice = match &job.base {
        Some(base) => Some(notice(base, job.notice_url.as_deref()).await),
        None => None,
    };
    task.check()?;
    let folder = folder_name(&job);
    let zip = pack(&job, &folder, notice.as_deref()).map_err(|reason| Failure::Computation { reason })?;
    let size_bytes = zip.size() as u64;
    let url = ObjectUrl::from(Blob::from(zip));
    let exported = Exported { url: url.to_string(), name: format!("{folder}.zip"), size_bytes };
    spawn_local(async move {
        TimeoutFuture::new(GOOD_FOR_MS).await;
        drop(url);
    });
    Ok(exported)
}

fn prepare(session: &Session) -> Result<Job, Failure> {
    if session.healing.is_some() {
        return Err(Failure::AlreadyHealing);
    }
    let healed = session.healed.clone().ok_or_else(|| Failure::NoSuchModel {
        model: "healed".to_owned(),
        remedy: "heal the damaged one first".to_owned(),
    })?;
    let history = healed.history.clone().ok_or_else(|| {
        let reason = "an earlier version of the page kept it without the name of its run: heal again";
        Failure::wrong_file("This snapshot", reason)
    })?;
    let record = session.recorded.as_ref().filter(|(_, of)| std::ptr::eq(of.as_ptr(), Rc::as_ptr(&healed.model)));
    Ok(Job {
        config: session.config.with_history(history),
        tokenizer: session.origin.tokenizer.clone(),
        base: session.origin.base.clone(),
        notice_url: session.origin.notice_url.clone(),
        record: record.map(|(record, _)| (**record).clone()),
        facts: facts(session, &healed),
        healed,
    })
}

/// What is to be said of a healing of the page beside its record.
fn facts(session: &Session, healed: &Healed) -> Vec<String> {
    let HealedOrigin::Live { healing, step, .. } = &healed.origin else { return Vec::new() };
    let planned = session.budget.as_ref().filter(|budget| budget.name == *healing);
    let planned = planned.map_or(String::new(), |budget| format!(" of {}", budget.settings.n_steps));
    let version = env!("CARGO_PKG_VERSION");
    vec![format!(
        "Healed in a browser, by the page of bert-heal {version}: these weights are those after step {step}{planned}."
    )]
}

/// The base model's licence as it lies beside the bundle, or what its manifest says of it.
async fn notice(base: &BaseModel, url: Option<&str>) -> Vec<u8> {
    let fetched = match url {
        Some(url) => fetch::bytes(url).await.ok().flatten(),
        None => None,
    };
    fetched.unwrap_or_else(|| {
        let BaseModel { name, licence, notice } = base;
        format!("{notice}\nThe licence of {name} is {licence}: https://spdx.org/licenses/{licence}.html\n").into_bytes()
    })
}

/// `healed-` and the run, so that folders of several healings can lie beside one another.
fn folder_name(job: &Job) -> String {
    let run = job.config.history.treatments().iter().rev().find_map(|treatment| match treatment {
        Treatment::FineTuned { run } | Treatment::FineTunedAgain { run } => Some(run.as_str()),
        Treatment::Corrupted { .. } | Treatment::Transplanted { .. } => None,
    });
    let step = match &job.healed.origin {
        HealedOrigin::Live { step, .. } => format!("-step-{step}"),
        HealedOrigin::Native { .. } => String::new(),
    };
    format!("healed-{}{step}", run.unwrap_or("model"))
}

fn pack(job: &Job, folder: &str, notice: Option<&[u8]>) -> Result<web_sys::Blob, String> {
    let base = job.base.as_ref().map(|base| Base { name: &base.name, licence: &base.licence, notice: &base.notice });
    let background = Background { base, facts: job.facts.clone() };
    let made_by = job.record.as_ref().map(|record| MadeBy { record, place: Condition::Healed });
    let card = card_with(&job.config, made_by, &background).into_bytes();
    let config = job.config.to_json();
    let mut small = vec![(CARD, card.as_slice()), ("config.json", config.as_slice())];
    small.extend(job.tokenizer.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())));
    small.extend(notice.map(|notice| (NOTICE, notice)));
    let mut zip = ZipBlob::new();
    for (name, bytes) in small {
        zip.begin_file(&format!("{folder}/{name}"))?.write_all(bytes).map_err(|error| error.to_string())?;
    }
    let weights = zip.begin_file(&format!("{folder}/model.safetensors"))?;
    write_weights(&job.healed.model.parameters, &job.config.history, weights)
        .map_err(|error| computation(&error).to_string())?;
    zip.finish()
}

//! Models: the page's bundles, and what the visitor brings.

use super::handle::Store;
use super::known_healing::Heal;
use super::newest::{Newest, Turn};
use super::preview::Preview;
use crate::build::address_of;
use crate::failure::Failure;
use crate::fetch;
use crate::protocol::{FileEntry, Load, LoadRows, Loaded, LookUpStorage, Progress, Purge, Response, RowsLoaded, Stage};
use crate::state::{Given, State};
use leptos::prelude::*;
use shared::bundle::{self, BundleIndex};
use std::sync::Arc;
use web_sys::File;

/// Where the bundles lie, relative to the page.
const BUNDLES: &str = "bundles";

/// The sentence that nobody has chosen, which a bundle that is opened may replace by its own first one; none when the visitor
/// or the link has one.
type Unchosen = Option<String>;

impl Store {
    /// Opens the bundle that the address names, or the page's first.
    pub(super) fn open_first_bundle(&self) {
        let store = *self;
        let is_given = Given::by_hash(&location_hash().unwrap_or_default()).has("text");
        let text = State::default().text;
        let unchosen = (!is_given && self.state.with_untracked(|state| state.text == text)).then_some(text);
        leptos::task::spawn_local(async move {
            let url = format!("{BUNDLES}/index.json");
            let index = match fetch::bytes(&address_of(&url)).await {
                Ok(Some(bytes)) => BundleIndex::parse(&bytes).map_err(|error| error.to_string()),
                // A page that was built without models: the status line says where to bring one.
                Ok(None) => return store.is_opening.set(false),
                Err(reason) => Err(reason),
            };
            match index {
                Ok(index) => {
                    store.bundles.set(index.bundles);
                    store.open_bundle(unchosen).await;
                }
                Err(reason) => {
                    store.is_opening.set(false);
                    store.fail(Failure::Transfer { file: url, reason });
                }
            }
        });
    }

    /// Opens another of the page's bundles, whole: a plan need not fit it, nor a sentence that came with the bundle before.
    pub fn switch_bundle(&self, name: &str) {
        let store = *self;
        let text = self.state.with_untracked(|state| state.text.clone());
        let is_sample =
            self.preview.with_untracked(|preview| preview.as_ref().is_some_and(|of| of.sample(&text).is_some()));
        let unchosen = (is_sample || text == State::default().text).then_some(text);
        self.choose(|state| {
            name.clone_into(&mut state.bundle);
            state.plan.clear();
        });
        self.preview.set(None);
        self.is_opening.set(true);
        leptos::task::spawn_local(async move { store.open_bundle(unchosen).await });
    }

    async fn open_bundle(&self, unchosen: Unchosen) {
        let wanted = self.state.with_untracked(|state| state.bundle.clone());
        let bundles = self.bundles.get_untracked();
        let entry = bundles.iter().find(|entry| entry.name == wanted).or(bundles.first());
        let Some(entry) = entry else { return self.is_opening.set(false) };
        if !wanted.is_empty() && entry.name != wanted {
            let title = &entry.title;
            self.refusals.update(|refusals| {
                refusals.push(format!("This page has no bundle called “{wanted}”: using “{title}” instead."));
            });
        }
        let url = format!("{BUNDLES}/{}", entry.name);
        let turn = self.begin_load();
        let file = format!("{url}/{}", bundle::MANIFEST);
        // Of another model's manifest nothing must be shown, nor its damage taken, should it arrive after this one's.
        let Some(manifest) = turn.unless_outdated(fetch::bytes(&address_of(&file))).await else { return };
        let manifest = manifest.ok().flatten().and_then(|bytes| String::from_utf8(bytes).ok());
        if let Some(manifest) = &manifest {
            match Preview::read(&entry.name, manifest.as_bytes()) {
                Ok(preview) => self.show_preview(preview, unchosen.as_ref()),
                Err(reason) => self.fail(Failure::Transfer { file, reason }),
            }
        }
        // The worker fetches the weights while the page already shows what the manifest tells.
        self.load(turn, Load::Bundle { url, manifest }, &[]);
    }

    fn show_preview(&self, preview: Preview, unchosen: Option<&String>) {
        let first = preview.samples.first().map(|sample| sample.text.clone());
        let is_foreign =
            self.state.with_untracked(|state| Some(&state.text) == unchosen && preview.sample(&state.text).is_none());
        if let Some(first) = first.filter(|_| is_foreign) {
            self.state.update(|state| state.text = first);
        }
        self.preview.set(Some(Arc::new(preview)));
    }

    /// Loads files of the visitor: a checkpoint, a bundle or a run.
    pub fn load_files(&self, files: Vec<(FileEntry, File)>) {
        let (entries, files): (Vec<FileEntry>, Vec<File>) = files.into_iter().unzip();
        self.load(self.begin_load(), Load::Files(entries), &files);
    }

    /// Takes a table of labelled texts for healing and evaluation.
    pub fn load_rows(&self, entry: FileEntry, file: &File) {
        let store = *self;
        let name = entry.path.clone();
        self.failure.set(None);
        let on_answer = self.answered::<LoadRows>(move |RowsLoaded { rows, note }| {
            store.loaded.update(|loaded| {
                if let Some(loaded) = loaded {
                    Arc::make_mut(loaded).rows = Some(rows);
                }
            });
            store.announcement.set(format!("{name}: {} rows for healing, {} held out.", rows.n_train, rows.n_held_out));
            // What was left out is worth being seen as well.
            store.refusals.set(note.into_iter().collect());
        });
        self.bridge.with_value(|bridge| bridge.ask(LoadRows { file: entry }, std::slice::from_ref(file), on_answer));
    }

    /// A model was chosen: the one that is on its way is no longer wanted.
    fn begin_load(&self) -> Turn {
        self.failure.set(None);
        self.cancel(self.loading);
        self.loading.set(None);
        self.loads.with_value(Newest::begin)
    }

    fn load(&self, turn: Turn, request: Load, files: &[File]) {
        let store = *self;
        let id = self.bridge.with_value(|bridge| {
            bridge.ask(request, files, move |response| match response {
                // It is what the worker has, until the next one arrives.
                Response::Answer(loaded) => {
                    if turn.is_newest() {
                        store.loading.set(None);
                    }
                    store.take_over(loaded);
                }
                _ if !turn.is_newest() => {}
                Response::Progress(now) => store.loading.update(|loading| {
                    if let Some((_, progress)) = loading {
                        *progress = now;
                    }
                }),
                Response::Cancelled => store.loading.set(None),
                Response::Failed(failure) => {
                    store.loading.set(None);
                    store.fail(failure);
                }
            })
        });
        batch(|| {
            self.loading.set(Some((id, Progress { stage: Stage::Transfer, done: 0, total: 0 })));
            self.is_opening.set(false);
        });
    }

    /// A model is there: forget what belonged to the one before.
    fn take_over(&self, loaded: Loaded) {
        self.note_replaced_run();
        self.heals.with_value(Newest::begin);
        batch(|| {
            self.failure.set(None);
            self.damage.set(None);
            self.said.set(None);
            self.tensor.set(None);
            self.attention.set(None);
            self.drift.set(None);
            self.attribution.set(None);
            self.evaluation.set(None);
            self.control.set(None);
            self.fingerprint.set(None);
            self.heal.set(Heal::default());
            self.healed.set(loaded.healed.clone());
            if let Some((plan, seed)) = loaded.damage.clone() {
                self.state.update(|state| (state.plan, state.seed) = (plan, seed));
            }
            self.announcement.set(format!("{} has loaded.", loaded.model.name));
            self.loaded.set(Some(Arc::new(loaded)));
        });
        self.raise_revision();
        self.refresh_moments();
        self.refresh_storage();
    }

    /// Starts the worker again after it stopped, and loads the bundle anew.
    pub fn restart(&self) {
        self.failure.set(None);
        self.loaded.set(None);
        self.damage.set(None);
        self.said.set(None);
        self.controlling.set(None);
        self.heal.set(Heal::default());
        self.is_opening.set(true);
        self.bridge.with_value(crate::bridge::Bridge::restart);
        let store = *self;
        leptos::task::spawn_local(async move { store.open_bundle(None).await });
    }

    /// Looks up what is kept in the browser.
    pub fn refresh_storage(&self) {
        let store = *self;
        self.ask(LookUpStorage, move |storage| store.storage.set(Some(storage)));
    }

    /// Deletes what is kept in the browser.
    pub fn purge(&self, what: Purge) {
        let store = *self;
        self.ask(what, move |storage| {
            store.storage.set(Some(storage));
            store.refresh_moments();
            store.announcement.set("What was stored in this browser has been deleted.".to_owned());
        });
    }
}

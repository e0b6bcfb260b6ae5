//! The visitor's own model: files that are dropped or picked, and stay on this machine.

use crate::failure::Failure;
use crate::protocol::FileEntry;
use crate::store::Store;
use leptos::{ev, leptos_dom::helpers::WindowListenerHandle, prelude::*};
use shared::dataset::{FileKind, unpacked_endings};
use shared::model::Architecture;
use shared::words;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{File, FileSystemDirectoryEntry, FileSystemEntry, FileSystemFileEntry};

/// The most files of a dropped folder: a run's folder has dozens, a home directory would have millions.
const MAX_FILES: usize = 500;

/// Three ways in: files, a folder, a table of labelled texts; or all of it dropped.
#[component]
pub(super) fn OwnModel() -> impl IntoView {
    let store = Store::get();
    let take = move |files: Vec<(FileEntry, File)>| match sorted(files) {
        Chosen::Nothing => {}
        Chosen::Table(entry, file) => store.load_rows(entry, &file),
        Chosen::Tables(names) => store.fail(Failure::wrong_file(
            &words::listed(&names, "and"),
            "these are tables without a model: choose the one whose rows are to be used",
        )),
        Chosen::Model(files) => store.load_files(files),
    };
    let choose = move |event: ev::Event| {
        take(listed(chosen(&event)));
    };
    let choose_rows = move |event: ev::Event| {
        if let Some((entry, file)) = listed(chosen(&event)).into_iter().next() {
            store.load_rows(entry, &file);
        }
    };
    let drop_files = move |event: ev::DragEvent| {
        let Some(data) = event.data_transfer() else { return };
        // Entries have to be taken before this event is over.
        let items = data.items();
        let entries: Vec<FileSystemEntry> = (0..items.length())
            .filter_map(|i| items.get(i).and_then(|item| item.webkit_get_as_entry().ok().flatten()))
            .collect();
        let plain = listed(all(data.files()));
        leptos::task::spawn_local(async move {
            let mut files = Vec::new();
            for entry in entries {
                if let Err(reason) = walk(entry, &mut files).await {
                    store.fail(Failure::wrong_file("The folder", &reason));
                    return;
                }
            }
            take(if files.is_empty() { plain } else { files });
        });
    };
    view! {
        <section class="panel stack" aria-labelledby="own-title">
            <h2 id="own-title">"Your own model"</h2>
            <p class="small quiet">
                "Any small "{words::listed(&Architecture::ALL.map(|known| known.family().name), "or")}" in Hugging Face format: config.json, model.safetensors and tokenizer.json (or vocab.txt). The folder of a bert-heal run, or a bundle, works as well. Names and sizes are checked before anything is read, and nothing leaves your machine."
            </p>
            <DropZone on_drop=drop_files>
                <p>"Drop a model's folder or files, or a table of labelled texts here, or choose them:"</p>
                <div class="field">
                    <label for="load-files">"Files"</label>
                    <input type="file" id="load-files" data-testid="load-files" multiple=true on:change=choose />
                </div>
                <div class="field">
                    <label for="load-folder">"A folder"</label>
                    <input
                        type="file"
                        id="load-folder"
                        data-testid="load-folder"
                        prop:webkitdirectory=true
                        on:change=choose
                    />
                </div>
                <div class="field">
                    <label for="load-rows">{format!("Labelled texts for healing and evaluation ({})", unpacked_endings())}</label>
                    <input type="file" id="load-rows" data-testid="load-rows" on:change=choose_rows />
                </div>
            </DropZone>
            <details>
                <summary>"Where to get one"</summary>
                <p class="small quiet">
                    "On huggingface.co, open “Files and versions” of a small text classifier (such as a fine-tuned MiniLM, BERT-mini or DistilBERT) and download these three files. A model without a classification head gets a random one, and the page says so."
                </p>
            </details>
        </section>
    }
}

/// What files are, by their names.
enum Chosen {
    /// A dialogue was closed.
    Nothing,
    /// One table of labelled texts.
    Table(FileEntry, File),
    /// Several, by their names.
    Tables(Vec<String>),
    /// A model, with whatever came along.
    Model(Vec<(FileEntry, File)>),
}

fn sorted(files: Vec<(FileEntry, File)>) -> Chosen {
    // Of a model's own files several are JSON.
    let is_of_model = |name: &str| name.contains("config") || name.contains("token") || name == "manifest.json";
    let is_table = |(entry, _): &(FileEntry, File)| {
        let name = entry.path.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
        FileKind::of(&name).is_some() && !is_of_model(&name)
    };
    if files.is_empty() || !files.iter().all(is_table) {
        return if files.is_empty() { Chosen::Nothing } else { Chosen::Model(files) };
    }
    let names = files.iter().map(|(entry, _)| entry.path.clone()).collect();
    match <[_; 1]>::try_from(files) {
        Ok([(entry, file)]) => Chosen::Table(entry, file),
        Err(_) => Chosen::Tables(names),
    }
}

/// A place that files are dropped on.
#[component]
pub(super) fn DropZone(on_drop: impl Fn(ev::DragEvent) + 'static, children: Children) -> impl IntoView {
    let is_over = RwSignal::new(false);
    view! {
        <div
            class="drop stack"
            data-testid="drop"
            class:over=move || is_over.get()
            on:dragover=move |event: ev::DragEvent| {
                event.prevent_default();
                is_over.set(true);
            }
            on:dragleave=move |_| is_over.set(false)
            on:drop=move |event: ev::DragEvent| {
                event.prevent_default();
                is_over.set(false);
                on_drop(event);
            }
        >
            {children()}
        </div>
    }
}

/// Keeps a file that is dropped beside such a place from taking the page's place in its tab.
pub(super) fn refuse_other_drops() {
    let refuse = |event: ev::DragEvent| {
        let Some(data) = event.data_transfer() else { return };
        // What a place takes, it has prevented already; and text may be dropped into any field.
        if !event.default_prevented() && data.types().includes(&"Files".into(), 0) {
            event.prevent_default();
            data.set_drop_effect("none");
        }
    };
    let listeners = [window_event_listener(ev::dragover, refuse), window_event_listener(ev::drop, refuse)];
    on_cleanup(move || listeners.into_iter().for_each(WindowListenerHandle::remove));
}

/// The files that were chosen in the `<input>` of an event, which is empty again, so that the same file can be chosen once
/// more when it was corrected.
pub(super) fn chosen(event: &ev::Event) -> Vec<File> {
    let input: web_sys::HtmlInputElement = event_target(event);
    let files = all(input.files());
    input.set_value("");
    files
}

fn all(files: Option<web_sys::FileList>) -> Vec<File> {
    let files = files.map(gloo_file::FileList::from);
    files.iter().flat_map(|files| files.iter()).map(|file| AsRef::<File>::as_ref(file).clone()).collect()
}

/// Files with their paths in the folder that was chosen, or their names.
fn listed(files: Vec<File>) -> Vec<(FileEntry, File)> {
    let file = |file: File| {
        let path = js_sys::Reflect::get(&file, &"webkitRelativePath".into()).ok().and_then(|path| path.as_string());
        let path = path.filter(|path| !path.is_empty()).unwrap_or_else(|| file.name());
        (FileEntry { path, size_bytes: file.size() as u64 }, file)
    };
    files.into_iter().take(MAX_FILES).map(file).collect()
}

/// Adds the files below an entry that was dropped.
async fn walk(root: FileSystemEntry, files: &mut Vec<(FileEntry, File)>) -> Result<(), String> {
    let mut waiting = vec![root];
    while let Some(entry) = waiting.pop() {
        if files.len() >= MAX_FILES {
            return Err(format!("it contains more than {MAX_FILES} files: drop only the model's own folder"));
        }
        let path = entry.full_path().trim_start_matches('/').to_owned();
        if entry.is_file() {
            let entry: FileSystemFileEntry = entry.unchecked_into();
            let file: File = called_back(|resolve, reject| {
                entry.file_with_callback_and_callback(resolve.unchecked_ref(), reject.unchecked_ref());
            })
            .await?
            .unchecked_into();
            files.push((FileEntry { path, size_bytes: file.size() as u64 }, file));
        } else {
            let folder: FileSystemDirectoryEntry = entry.unchecked_into();
            let reader = folder.create_reader();
            // The browser hands out a hundred entries at a time, and none when there are no more.
            loop {
                let entries = called_back(|resolve, reject| {
                    // What goes wrong comes through the second callback.
                    let _ =
                        reader.read_entries_with_callback_and_callback(resolve.unchecked_ref(), reject.unchecked_ref());
                })
                .await?;
                let entries: js_sys::Array = entries.unchecked_into();
                if entries.length() == 0 {
                    break;
                }
                waiting.extend(entries.iter().map(JsCast::unchecked_into));
            }
        }
    }
    Ok(())
}

/// Waits for one of two callbacks.
async fn called_back(call: impl Fn(&js_sys::Function, &js_sys::Function)) -> Result<JsValue, String> {
    let promise = js_sys::Promise::new(&mut |resolve, reject| call(&resolve, &reject));
    JsFuture::from(promise).await.map_err(|_| "the browser could not read it".to_owned())
}

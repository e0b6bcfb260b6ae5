//! Files that the page hands to its visitor.

use super::Page;
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

impl Page {
    /// Lets the browser save files in `folder` without asking.
    pub async fn save_files_in(&self, folder: &Path) {
        let parameters = json!({ "behavior": "allow", "downloadPath": folder });
        self.devtools("Browser.setDownloadBehavior", parameters).await;
    }

    /// Presses a button that saves a file in `folder`; the file's path once it is whole.
    pub async fn saved_by(&self, id: &str, folder: &Path) -> PathBuf {
        let files = || -> Vec<PathBuf> {
            fs::read_dir(folder).expect("the folder is there").map(|entry| entry.expect("it is read").path()).collect()
        };
        let before = files();
        self.click(id).await;
        // A file that is not whole yet has another name.
        let is_new = |path: &PathBuf| {
            let is_whole = !path.to_string_lossy().ends_with(".crdownload")
                && !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
            is_whole && !before.contains(path)
        };
        for _ in 0..600 {
            if let Some(path) = files().into_iter().find(is_new) {
                return path;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("no file was saved within a minute; there are {:?}", files());
    }

    /// The run id of a run of the page, once it has its record.
    pub async fn record_of_run(&self, number: usize) -> String {
        let script = format!(
            "return document.querySelector('[data-testid={}]')?.dataset.record !== undefined",
            format_args!("run-{number}")
        );
        self.wait_until(&script, "").await;
        self.attribute(&format!("run-{number}"), "data-record").await.expect("it is there")
    }
}

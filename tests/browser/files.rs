//! Files as visitors have them: dropped anywhere, chosen again, from a spreadsheet, too many, in two tabs.

use crate::fixture::Fixture;
use crate::session::with_page;
use std::fs;
use std::path::Path;

/// A file of the visitor's with this text; its path.
fn file(name: &str, text: &str) -> String {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("page-visitor").join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// A table as a spreadsheet writes it where the comma separates decimals.
fn semicolons(n_rows: usize) -> String {
    let row = |i: usize| format!("{};\"a {} film, number {i}\"\r\n", i % 2, ["bad", "good"][i % 2]);
    format!("label;text\r\n{}", (0..n_rows).map(row).collect::<String>())
}

#[test]
fn tables_are_taken_wherever_they_are_put_and_once_more_when_they_were_corrected() {
    with_page("#view=model", async |page| {
        page.model_is_ready().await;
        // Beside the box nothing happens; by default browsers go to the file, and the page is gone.
        let table = file("mine.csv", "colour;size\nred;4\n");
        assert!(page.drop_files("[data-testid=storage]", std::slice::from_ref(&table)).await);
        assert_eq!(page.failure().await, "");

        assert!(page.drop_files("[data-testid=drop]", std::slice::from_ref(&table)).await);
        let failure = page.failure_with("expected a column").await;
        assert!(
            failure.starts_with("mine.csv cannot be used") && failure.matches("mine.csv").count() == 1,
            "{failure}"
        );
        assert!(!failure.ends_with(".."), "{failure}");
        file("mine.csv", &semicolons(20));
        assert!(page.drop_files("[data-testid=drop]", std::slice::from_ref(&table)).await);
        page.text_with("model-facts", "16 for healing, 4 held out").await;
        page.text_with("refusals", "separated by a semicolon").await;
        assert_eq!(page.failure().await, "");

        // The same file again: the browser tells of it only when the field was emptied.
        for (n_rows, counts) in [(30, "24 for healing, 6 held out"), (40, "32 for healing, 8 held out")] {
            file("mine.csv", &semicolons(n_rows));
            page.choose_in_dialogue("load-rows", &table).await;
            page.text_with("model-facts", counts).await;
        }

        let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 90868376\n";
        let weights = file("pointer/model.safetensors", pointer);
        let others = ["config.json", "tokenizer.json"].map(|name| Fixture::get().file(name));
        page.choose_files("load-files", &[&others[..], &[weights]].concat()).await;
        page.failure_with("it is a git-lfs pointer, not the file of 90868376 bytes").await;
    });
}

#[test]
fn imports_say_what_found_no_room_and_lose_nothing_that_was_there() {
    with_page("#view=measure", async |page| {
        page.model_is_ready().await;
        page.choose_in_dialogue("import-sentences", &file("mine.csv", "id;text\r\n1;\"one film; lovely\"\r\n")).await;
        page.text_with("import-note", "1 sentence was added").await;
        page.text_with("history", "one film; lovely").await;
        let lines = (0..1_000).map(|i| format!("the film was good {i}")).collect::<Vec<_>>().join("\n");
        page.choose_in_dialogue("import-sentences", &file("many.txt", &lines)).await;
        page.text_with("import-note", "199 sentences were added. 801 were left out").await;
        page.text_with("history", "one film; lovely").await;
        assert_eq!(page.count("[data-testid=history] tbody tr").await, 200);
    });
}

#[test]
fn two_tabs_keep_each_others_sentences() {
    with_page("", async |page| {
        page.model_is_ready().await;
        let here = page.open_tab("#view=operate").await;
        page.model_is_ready().await;
        let there = page.switch_to_tab(here).await;
        for text in ["a lovely play", "a dull song"] {
            page.type_into("text", text).await;
        }
        page.go_to("#view=measure").await;
        page.text_with("history", "a dull song").await;
        page.click_on("[aria-label='Pin: a lovely play']").await;

        let here = page.switch_to_tab(there).await;
        page.type_into("text", "the ending was poor").await;
        page.switch_to_tab(here).await;
        page.reload().await;
        for text in ["a lovely play", "a dull song", "the ending was poor"] {
            page.text_with("history", text).await;
        }
        assert_eq!(page.count("[data-testid=history] input:checked").await, 1);
    });
}

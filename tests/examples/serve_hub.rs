//! The hub of the tests as a program of its own, for real weights and for other clients.
//!
//! ```text
//! cargo build --locked --workspace --exclude web --example serve_hub
//! target/debug/examples/serve_hub models/org/model=MODEL_FOLDER datasets/org/rows=DATA_FOLDER &
//! export HF_ENDPOINT=… HF_HOME=$(mktemp -d)          the first line that it prints is the endpoint
//! bert-heal run --model org/model --dataset org/rows
//! ```
//!
//! It serves until its standard input ends, and then prints on stderr what was asked.

#![expect(clippy::unwrap_used, reason = "a tool for tests may end in a panic")]

#[path = "../cli/hub/server.rs"]
#[expect(dead_code, reason = "the tests look at more than this does")]
mod server;

use std::collections::VecDeque;
use std::io::Read;
use std::path::Path;

use clap::Parser;
use server::{Hub, Repository};

#[derive(Parser)]
struct Args {
    /// Repositories such as models/org/name=FOLDER
    #[arg(required = true)]
    repositories: Vec<String>,

    /// A header that answers about files lack
    #[arg(long)]
    omit: Vec<String>,

    /// The token without which there is nothing
    #[arg(long)]
    required: Option<String>,

    /// The status of every answer of the hub
    #[arg(long)]
    status: Option<u16>,

    /// The byte of a large file at which the first answer breaks off
    #[arg(long)]
    cut_at: Option<usize>,

    /// The byte of a large file at which every answer breaks off
    #[arg(long)]
    truncate_at: Option<usize>,

    /// The byte of every file that is sent wrong
    #[arg(long)]
    flip: Option<usize>,
}

fn main() {
    let args = Args::parse();
    let repositories = args.repositories.iter().map(|repository| {
        let (path, folder) = repository.split_once('=').expect("KIND/ID=FOLDER");
        Repository::of_folder(path, Path::new(folder))
    });
    let hub = Hub::start(repositories.collect());
    hub.with(|faults| {
        faults.omitted = args.omit.into_iter().map(|name| &*name.leak()).collect();
        faults.required = args.required.map(|token| format!("Bearer {token}"));
        faults.statuses = args.status.map_or_else(VecDeque::new, |status| vec![status; 10_000].into());
        (faults.cut_at, faults.truncate_at, faults.flip) = (args.cut_at, args.truncate_at, args.flip);
    });
    println!("{}", hub.endpoint);
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    for asked in hub.log() {
        eprintln!("{asked:?}");
    }
}

//! `cargo xtask demo`: from a fresh checkout to a page in the browser.

use crate::shell::{Shell, display};
use crate::{page, sentences, tools};
use anyhow::{Context as _, Result, bail};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// Options of `cargo xtask demo`.
#[derive(clap::Args)]
pub struct DemoArgs {
    /// The port on 127.0.0.1 to serve at.
    #[arg(long, default_value_t = 8080)]
    port: u16,
}

/// How often the server is looked after while the demo runs.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Sets up the tools, builds the page and serves it until Ctrl-C.
///
/// # Errors
/// When the port is taken or a step fails.
pub fn run(mut shell: Shell, args: &DemoArgs) -> Result<()> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, args.port));
    // Asked now, since it would be a pity to learn it after minutes of building.
    TcpListener::bind(address)
        .with_context(|| format!("cannot serve at {address}; choose another port with `--port`"))?;

    eprintln!("[1/4] Tools for WebAssembly (first time only: about 6 minutes on 2 cores)");
    tools::ensure_page_tools(&mut shell)?;

    eprintln!("[2/4] Sentences to heal with (first time only: builds bert-heal, a few minutes on 2 cores)");
    sentences::fetch(&shell)?;

    // Built on its own first: `trunk serve` would go on and serve nothing after a failed build.
    eprintln!("[3/4] Building the page (about 5 minutes on 2 cores the first time, seconds after that)");
    page::build(&shell, &[])?;

    eprintln!("[4/4] Serving the page on this machine only (seconds)");
    let port = args.port.to_string();
    let serve = ["serve", "--release", "--offline", "--address", "127.0.0.1", "--port", &port];
    let mut command = shell.command("trunk", serve)?;
    // Only the address goes to stdout.
    command.stdout(io::stderr());
    eprintln!("$ {}", display(&command));

    let stop = Arc::new(AtomicBool::new(false));
    let stop_on_signal = Arc::clone(&stop);
    ctrlc::set_handler(move || stop_on_signal.store(true, Ordering::Relaxed)).context("cannot listen for Ctrl-C")?;
    let mut server = command.spawn().context("cannot start trunk")?;
    let result = attend(&mut server, address, &stop);
    // Already gone when it stopped by itself or got the same Ctrl-C, so failing to end it means nothing.
    let _ = server.kill();
    server.wait().context("cannot wait for trunk")?;
    result
}

/// Says where the page is once the server answers, then waits for `stop`.
fn attend(server: &mut Child, address: SocketAddr, stop: &AtomicBool) -> Result<()> {
    let mut is_announced = false;
    while !stop.load(Ordering::Relaxed) {
        if let Some(status) = server.try_wait()? {
            // Ctrl-C reaches trunk as well, and it may be the faster one.
            thread::sleep(POLL_INTERVAL);
            if stop.load(Ordering::Relaxed) {
                break;
            }
            bail!("trunk failed: {status}");
        }
        // Trunk listens once the first build is done.
        if !is_announced && TcpStream::connect_timeout(&address, POLL_INTERVAL).is_ok() {
            is_announced = true;
            eprintln!("\nOpen the page (Ctrl-C stops the server):");
            println!("http://{address}/");
        }
        thread::sleep(POLL_INTERVAL);
    }
    Ok(())
}

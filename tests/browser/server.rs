//! The built page on loopback.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::Response;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use tokio::net::TcpListener;
use tokio::runtime;
use tokio::sync::oneshot;
use tower_http::services::ServeDir;

/// A server that remembers what it could not answer. It has a thread of its own, so that stopping it closes every
/// connection, as pulling the plug would.
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    failures: Arc<Mutex<Vec<String>>>,
    running: Mutex<Option<(oneshot::Sender<()>, JoinHandle<()>)>>,
}

impl Server {
    /// Serves the files of `overlay`, those of `dir` where it has none, and the tiny models under `golden/`, at a free
    /// port until it is stopped or dropped.
    pub fn start(dir: &Path, overlay: &Path) -> Self {
        let failures: Arc<Mutex<Vec<String>>> = Arc::default();
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
        let app = Router::new()
            .nest_service("/golden", ServeDir::new(golden))
            .fallback_service(ServeDir::new(overlay).fallback(ServeDir::new(dir)))
            .layer(middleware::from_fn_with_state(Arc::clone(&failures), remember_failure));
        let (address_sender, address) = std::sync::mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
            runtime.block_on(async move {
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("loopback has a free port");
                let address = listener.local_addr().expect("a bound socket has an address");
                address_sender.send(address).expect("whoever started it waits for the address");
                tokio::select! {
                    _ = axum::serve(listener, app) => {}
                    _ = stopped => {}
                }
            });
            // Dropping the runtime ends its connections.
        });
        let address = address.recv().expect("the server says where it listens");
        Self { address, failures, running: Mutex::new(Some((stop, thread))) }
    }

    /// Goes away: from now on nothing answers.
    pub fn stop(&self) {
        if let Some((stop, thread)) = self.running.lock().expect("no holder panics").take() {
            // It may have ended by itself.
            let _ = stop.send(());
            let _ = thread.join();
        }
    }

    /// The requests that were not answered with a success, with their status.
    pub fn failures(&self) -> Vec<String> {
        self.failures.lock().expect("no holder panics").clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn remember_failure(State(failures): State<Arc<Mutex<Vec<String>>>>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let response = next.run(request).await;
    let status = response.status();
    // A file that the browser still has unchanged is no failure.
    if !status.is_success() && status != StatusCode::NOT_MODIFIED {
        failures.lock().expect("no holder panics").push(format!("{path}: {status}"));
    }
    response
}

//! The built page on loopback.

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tower_http::services::ServeDir;

/// A server that remembers what it could not answer.
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    failures: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Serves the files of `dir`, and the tiny models under `golden/`, at a free port for as long as the runtime lives.
    pub async fn start(dir: &Path) -> Self {
        let failures = Arc::default();
        let app = Router::new()
            .nest_service("/golden", ServeDir::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("golden")))
            .fallback_service(ServeDir::new(dir))
            .layer(middleware::from_fn_with_state(Arc::clone(&failures), remember_failure));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { address, failures }
    }

    /// The requests that were not answered with a success, with their status.
    pub fn failures(&self) -> Vec<String> {
        self.failures.lock().expect("no holder panics").clone()
    }
}

async fn remember_failure(State(failures): State<Arc<Mutex<Vec<String>>>>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let response = next.run(request).await;
    let status = response.status();
    if !status.is_success() {
        failures.lock().expect("no holder panics").push(format!("{path}: {status}"));
    }
    response
}

//! The built page on loopback: on a server of these tests, which can be told to misbehave, or on nginx.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime;
use tokio::sync::oneshot;
use tower_http::services::ServeDir;

/// How a server answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// As it should.
    Well,
    /// It takes every connection and never answers.
    Silent,
    /// It never answers requests for files whose names end so.
    SilentAbout(&'static [&'static str]),
    /// It answers that it cannot now.
    Unavailable,
}

/// What servers add to files on their own.
#[derive(Clone, Copy, Debug, Default)]
pub struct Headers {
    /// `Cache-Control`. Python's server and nginx as it is installed send none, GitHub Pages `max-age=600`.
    pub cache_control: Option<&'static str>,
    /// The `Content-Type` of scripts, where it is a wrong one.
    pub script_type: Option<&'static str>,
}

/// A server that remembers what it could not answer. Stopping it closes every connection, as pulling the plug would.
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    manner: Arc<Manner>,
    running: Mutex<Option<Running>>,
}

/// What answers.
enum Running {
    /// A thread of the test's own.
    Thread(oneshot::Sender<()>, JoinHandle<()>),
    /// A process of nginx, with the folder of its configuration.
    Nginx(Child, TempDir),
}

/// How long nginx may take to listen.
const NGINX_LIMIT: Duration = Duration::from_secs(20);

/// What every answer goes by.
#[derive(Debug)]
struct Manner {
    headers: Headers,
    behaviour: Mutex<Behaviour>,
    failures: Mutex<Vec<String>>,
}

impl Server {
    /// Serves the files of `overlay`, those of `dir` where it has none, and the tiny models under `golden/`, at a free
    /// port until it is stopped or dropped.
    pub fn start(dir: &Path, overlay: &Path) -> Self {
        Self::start_with(dir, overlay, Headers::default())
    }

    /// As [`Server::start`], with headers of its own beside `Last-Modified`, which it always sends.
    pub fn start_with(dir: &Path, overlay: &Path, headers: Headers) -> Self {
        let manner = Manner { headers, behaviour: Mutex::new(Behaviour::Well), failures: Mutex::default() };
        let manner = Arc::new(manner);
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
        let app = Router::new()
            .nest_service("/golden", ServeDir::new(golden))
            .fallback_service(ServeDir::new(overlay).fallback(ServeDir::new(dir)))
            .layer(middleware::from_fn_with_state(Arc::clone(&manner), answer));
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
        Self { address, manner, running: Mutex::new(Some(Running::Thread(stop, thread))) }
    }

    /// As [`Server::start`], by nginx with the headers and types of files that it sends as it is installed; `None` where it
    /// is not. It always behaves well.
    pub fn nginx(dir: &Path, overlay: &Path) -> Option<Self> {
        let types = Path::new("/etc/nginx/mime.types");
        let is_installed = Command::new("nginx").arg("-v").stderr(Stdio::null()).status().is_ok();
        if !is_installed || !types.is_file() {
            return None;
        }
        // Free a moment ago.
        let free = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
        let address = free.expect("loopback has a free port");
        let folder = tempfile::tempdir().expect("a folder can be made");
        let (own, dir, overlay) = (folder.path().display(), dir.display(), overlay.display());
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {own}/{kind};\n"))
            .concat();
        let configuration = format!(
            "daemon off;\nmaster_process off;\npid {own}/pid;\nevents {{}}\nhttp {{\n{temporary}access_log off;\n\
             include {};\ndefault_type application/octet-stream;\nsendfile on;\ngzip on;\nserver {{\nlisten {address};\n\
             location / {{ root \"{overlay}\"; try_files $uri @page; }}\nlocation @page {{ root \"{dir}\"; }}\n}}\n}}\n",
            types.display()
        );
        let file = folder.path().join("nginx.conf");
        std::fs::write(&file, configuration).expect("the folder can be written");
        let log = format!("{own}/error.log");
        let mut nginx = Command::new("nginx")
            .args(["-e".as_ref(), log.as_ref(), "-c".as_ref(), file.as_os_str()])
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx starts");
        let started = Instant::now();
        while TcpStream::connect(address).is_err() {
            let ended = nginx.try_wait().expect("nginx is a child of this process");
            let said = || std::fs::read_to_string(&log).unwrap_or_default();
            assert!(ended.is_none() && started.elapsed() < NGINX_LIMIT, "nginx does not listen: {}", said());
            std::thread::sleep(Duration::from_millis(20));
        }
        let manner =
            Manner { headers: Headers::default(), behaviour: Mutex::new(Behaviour::Well), failures: Mutex::default() };
        Some(Self { address, manner: Arc::new(manner), running: Mutex::new(Some(Running::Nginx(nginx, folder))) })
    }

    /// Goes away: from now on nothing answers.
    pub fn stop(&self) {
        // Either may have ended by itself.
        match self.running.lock().expect("no holder panics").take() {
            Some(Running::Thread(stop, thread)) => {
                let _ = stop.send(());
                let _ = thread.join();
            }
            Some(Running::Nginx(mut nginx, _folder)) => {
                let _ = nginx.kill();
                let _ = nginx.wait();
            }
            None => {}
        }
    }

    /// Answers in another way from now on; what waits for an answer goes on waiting.
    pub fn behave(&self, behaviour: Behaviour) {
        *self.manner.behaviour.lock().expect("no holder panics") = behaviour;
    }

    /// The requests that were not answered with a success, with their status.
    pub fn failures(&self) -> Vec<String> {
        self.manner.failures.lock().expect("no holder panics").clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn answer(State(manner): State<Arc<Manner>>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let behaviour = *manner.behaviour.lock().expect("no holder panics");
    match behaviour {
        Behaviour::Silent => std::future::pending().await,
        Behaviour::SilentAbout(names) if names.iter().any(|name| path.ends_with(name)) => std::future::pending().await,
        Behaviour::Unavailable => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Behaviour::Well | Behaviour::SilentAbout(_) => {}
    }
    let mut response = next.run(request).await;
    let status = response.status();
    // A file that the browser still has unchanged is no failure.
    if !status.is_success() && status != StatusCode::NOT_MODIFIED {
        manner.failures.lock().expect("no holder panics").push(format!("{path}: {status}"));
    }
    let Headers { cache_control, script_type } = manner.headers;
    let is_script = Path::new(&path).extension().is_some_and(|extension| extension == "js");
    let script_type = script_type.filter(|_| is_script && status.is_success());
    for (name, value) in [(header::CACHE_CONTROL, cache_control), (header::CONTENT_TYPE, script_type)] {
        if let Some(value) = value {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
    }
    response
}

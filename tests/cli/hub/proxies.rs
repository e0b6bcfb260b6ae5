//! A mirror without TLS, and proxies that may be in between.

use super::{MODEL, Machine, assert_success, hub};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A proxy that forwards what comes in absolute form, and allows no tunnel.
struct Proxy {
    address: String,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&heads);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let noted = Arc::clone(&noted);
                std::thread::spawn(move || forward(client.unwrap(), &noted));
            }
        });
        Self { address, heads }
    }

    fn first_lines(&self) -> Vec<String> {
        self.heads.lock().unwrap().iter().map(|head| head.lines().next().unwrap_or_default().to_owned()).collect()
    }
}

/// One request a connection.
fn forward(mut client: TcpStream, noted: &Mutex<Vec<String>>) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if client.read(&mut byte).unwrap_or(0) == 0 {
            return;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    noted.lock().unwrap().push(head.clone());
    let target = head.split(' ').nth(1).unwrap();
    let Some((server, path)) = target.strip_prefix("http://").and_then(|rest| rest.split_once('/')) else {
        client.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n").unwrap();
        return;
    };
    let head = head.replacen(target, &format!("/{path}"), 1).replacen("\r\n", "\r\nConnection: close\r\n", 1);
    let mut server = TcpStream::connect(server).unwrap();
    server.write_all(head.as_bytes()).unwrap();
    std::io::copy(&mut server, &mut client).unwrap();
}

#[test]
fn an_http_mirror_is_asked_in_absolute_form_through_its_proxy_and_never_by_a_tunnel() {
    let (hub, proxy) = (hub(), Proxy::start());
    let machine = Machine::at(&hub.endpoint);
    let url = format!("http://user:p%40ss@{}", proxy.address);
    assert_success(&machine.command().env("HTTP_PROXY", &url).args(["fetch", MODEL]).output().unwrap());
    let lines = proxy.first_lines();
    assert_eq!(lines.len(), hub.log().len(), "{lines:?}");
    let is_absolute = |line: &String| line.starts_with("GET http://127.0.0.1:") || line.starts_with("HEAD http://127.");
    assert!(lines.iter().all(is_absolute), "{lines:?}");
    let heads = proxy.heads.lock().unwrap().join("").to_lowercase();
    assert_eq!(heads.matches("proxy-authorization: basic dxnlcjpwqhnz").count(), lines.len(), "{heads}");
    let host = hub.endpoint.trim_start_matches("http://");
    assert!(heads.contains(&format!("host: {host}\r\n")), "{heads}");
}

#[test]
fn an_http_mirror_is_asked_directly_when_the_proxy_is_for_others() {
    for variables in [
        &["HTTPS_PROXY"][..],
        &["https_proxy"],
        &["HTTP_PROXY", "NO_PROXY"],
        &["http_proxy", "no_proxy"],
        &["ALL_PROXY", "NO_PROXY"],
    ] {
        let (hub, proxy) = (hub(), Proxy::start());
        let machine = Machine::at(&hub.endpoint);
        let mut command = machine.command();
        for variable in variables {
            let is_exception = variable.eq_ignore_ascii_case("NO_PROXY");
            let value =
                if is_exception { "localhost,127.0.0.1".to_owned() } else { format!("http://{}", proxy.address) };
            command.env(variable, value);
        }
        assert_success(&command.args(["fetch", MODEL]).output().unwrap());
        assert_eq!(proxy.first_lines(), Vec::<String>::new(), "{variables:?}");
    }
}

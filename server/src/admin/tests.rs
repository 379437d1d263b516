//! The endpoints over real sockets.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;

use exuvia::{Expiry, Store};
use tokio::sync::mpsc;

use super::{bind, start};
use crate::flags::Settings;
use crate::gate::Reasons;
use crate::place::Place;
use crate::server::{Server, Shared};

/// A server that loads, and where its endpoints are.
fn serve() -> (Shared, SocketAddr) {
    let (requests, _) = mpsc::unbounded_channel();
    let store = Store::in_memory();
    let place = Place::Local(PathBuf::new());
    let server = Arc::new(Server::new(store, Settings::default(), place, Arc::default(), requests));
    let listeners = bind(&["127.0.0.1:0".parse::<SocketAddr>().unwrap()]).unwrap();
    let address = listeners[0].local_addr().unwrap();
    start(listeners, &server).unwrap();
    (server, address)
}

/// Sends `request` and returns all that comes back.
fn ask(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}

fn get(address: SocketAddr, path: &str) -> String {
    ask(address, format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes())
}

#[test]
fn health_is_503_until_the_data_is_loaded() {
    let (server, address) = serve();
    assert!(get(address, "/healthz").starts_with("HTTP/1.1 503 "));
    assert!(get(address, "/metrics").contains("\nexuvia_loading 1\n"));
    server.gate.lower(Reasons::LOADING);
    let healthy = get(address, "/healthz");
    assert!(healthy.starts_with("HTTP/1.1 200 OK\r\n") && healthy.ends_with("\r\n\r\nok\n"));
    assert!(get(address, "/metrics").contains("\nexuvia_loading 0\n"));
}

#[test]
fn metrics_follow_the_server_and_are_declared_once() {
    let (server, address) = serve();
    server.store.database(2).unwrap().set(b"moth", b"luna", Expiry::Never).unwrap();
    let loaded = Ok::<_, exuvia::Error>(exuvia::LoadReport::default());
    server.shared.loads.asked(&loaded);
    let buffer = exuvia::format::storage::Buffer::new(12_345 << 12);
    let response = get(address, "/metrics");
    let body = response.split_once("\r\n\r\n").unwrap().1;
    let buffers = body.lines().find_map(|line| line.strip_prefix("exuvia_snapshot_buffer_bytes "));
    assert!(buffers.unwrap().parse::<usize>().unwrap() >= buffer.capacity());
    for line in [
        "exuvia_keys{db=\"0\"} 0",
        "exuvia_keys{db=\"2\"} 1",
        "exuvia_loads_total{result=\"ok\"} 1",
        "exuvia_loads_total{result=\"failed\"} 0",
        "exuvia_save_in_progress 0",
        "exuvia_last_save_ok 1",
        "exuvia_snapshot_buffer_limit_bytes 67108864",
        "exuvia_changes_since_last_save 1",
        "exuvia_connected_clients 0",
    ] {
        assert!(body.lines().any(|found| found == line), "{line} in {body}");
    }
    let mut declared = std::collections::HashSet::new();
    for line in body.lines() {
        if let Some(kind) = line.strip_prefix("# TYPE ") {
            assert!(declared.insert(kind.split(' ').next().unwrap()), "{line} twice");
        } else if !line.starts_with('#') {
            let name = line.split(['{', ' ']).next().unwrap();
            assert!(declared.contains(name), "{line} is not declared");
            let value = line.rsplit(' ').next().unwrap();
            assert!(value.parse::<f64>().is_ok(), "{line}");
        }
    }
    assert!(declared.len() > 25, "{declared:?}");
}

#[test]
fn what_is_no_request_for_them_is_refused_and_disturbs_nobody() {
    let (_, address) = serve();
    let silent = TcpStream::connect(address).unwrap();
    assert!(get(address, "/").starts_with("HTTP/1.1 404 "));
    assert!(ask(address, b"POST /metrics HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405 "));
    assert!(ask(address, b"\x16\x03\x01 tls\r\n\r\n").starts_with("HTTP/1.1 400 "));
    let endless = [b"GET /metrics HTTP/1.1\r\nX: ".as_slice(), &[b'x'; 8166]].concat();
    assert!(ask(address, &endless).starts_with("HTTP/1.1 431 "));
    drop(silent);
}

//! Sockets of every kind, and clients with bad manners.

use std::io::{BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::frame::Frame;
use crate::resp::{Reply, encode};
use crate::server::{Server, eventually, info};

fn ask(stream: &mut (impl Read + Write), command: &[&[u8]]) -> std::io::Result<Frame> {
    stream.write_all(&encode(command))?;
    stream.flush()?;
    let mut one = [0];
    stream.read_exact(&mut one)?;
    // One byte at a time, so that nothing of the next reply is lost.
    Ok(Frame::read(&mut BufReader::with_capacity(1, (&one[..]).chain(stream))))
}

#[test]
fn a_unix_socket_serves_and_leaves_nothing_behind() {
    let dir = tempfile::TempDir::new().unwrap();
    let path = dir.path().join("socket");
    // What a server that was killed left there.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let flag = format!("--unixsocket={}", path.display());
    let server = Server::start(&[&flag, "--unixsocketperm=0750"]);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o750);
    let mut stream = UnixStream::connect(&path).unwrap();
    let value = vec![b'x'; 300_000];
    assert_eq!(ask(&mut stream, &[b"SET", b"k", &value]).unwrap().head, "+OK");
    assert_eq!(ask(&mut stream, &[b"GET", b"k"]).unwrap().body, value);
    let mut client = server.client();
    let list = client.run("CLIENT LIST").text();
    let address = format!("{}:0", path.display());
    assert!(list.contains(&format!("addr={address} laddr={address} ")), "{list}");
    assert!(list.contains("flags=U "), "{list}");
    assert_eq!(client.run(&format!("CLIENT KILL ADDR {address}")), Reply::Integer(1));
    assert!(ask(&mut stream, &[b"PING"]).is_err());
    server.stop();
    assert!(!path.exists());
}

#[test]
fn a_unix_socket_replaces_no_file_and_no_living_server() {
    let dir = tempfile::TempDir::new().unwrap();
    let path = dir.path().join("socket");
    let flag = format!("--unixsocket={}", path.display());
    let first = Server::start(&[&flag]);
    let fails = || {
        let output = std::process::Command::new(crate::server::binary())
            .args(["--port=0", &flag])
            .current_dir(dir.path())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    let line = fails();
    assert!(line.contains("another process") && line.contains("--unixsocket"), "{line}");
    first.stop();
    std::fs::write(&path, "mine").unwrap();
    assert!(fails().contains("there is a file already"));
    assert_eq!(std::fs::read(&path).unwrap(), b"mine");
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("server/tls").join(name)
}

fn tls_flags(mutual: bool) -> Vec<String> {
    let mut flags = vec![
        "--tls".to_owned(),
        format!("--tls_cert_file={}", file("server.pem").display()),
        format!("--tls_key_file={}", file("server.key").display()),
    ];
    if mutual {
        flags.push(format!("--tls_ca_cert_file={}", file("root.pem").display()));
    }
    flags
}

fn start_tls(mutual: bool) -> Server {
    let flags = tls_flags(mutual);
    Server::start(&flags.iter().map(String::as_str).collect::<Vec<_>>())
}

type TlsClient = StreamOwned<ClientConnection, TcpStream>;

fn connect_tls(address: SocketAddr, with_certificate: bool) -> TlsClient {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(file("root.pem")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = if with_certificate {
        let chain = vec![CertificateDer::from_pem_file(file("client.pem")).unwrap()];
        let key = PrivateKeyDer::from_pem_file(file("client.key")).unwrap();
        builder.with_client_auth_cert(chain, key).unwrap()
    } else {
        builder.with_no_client_auth()
    };
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    StreamOwned::new(connection, stream)
}

#[test]
fn clients_speak_tls() {
    let server = start_tls(false);
    let mut client = connect_tls(server.address(), false);
    assert_eq!(ask(&mut client, &[b"PING"]).unwrap().head, "+PONG");
    let value: Vec<u8> = (0..3_000_000_u32).map(|at| (at * 7 % 251) as u8).collect();
    assert_eq!(ask(&mut client, &[b"SET", b"k", &value]).unwrap().head, "+OK");
    assert_eq!(ask(&mut client, &[b"GET", b"k"]).unwrap().body, value);
    // A pipeline whose replies do not fit into the socket.
    let pipeline = encode(&["GET", "k"]).repeat(10);
    client.write_all(&pipeline).unwrap();
    client.flush().unwrap();
    let mut reader = BufReader::new(&mut client);
    for _ in 0..10 {
        assert!(Frame::read(&mut reader).body == value);
    }
    drop(reader);
    assert_eq!(ask(&mut client, &[b"QUIT"]).unwrap().head, "+OK");
    assert_eq!(client.read(&mut [0]).unwrap(), 0, "a proper end, not a broken one");
}

#[test]
fn plain_text_gets_nothing_from_a_tls_port_and_costs_others_nothing() {
    let server = start_tls(false);
    let mut silent = TcpStream::connect(server.address()).unwrap();
    let mut plain = TcpStream::connect(server.address()).unwrap();
    plain.write_all(b"PING\r\n").unwrap();
    let mut answer = Vec::new();
    // An alert, or just the end.
    let _ = plain.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"+"), "{answer:?}");
    let mut client = connect_tls(server.address(), false);
    assert_eq!(ask(&mut client, &[b"PING"]).unwrap().head, "+PONG");
    silent.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    assert_eq!(silent.read(&mut [0]).unwrap(), 0, "who never shakes hands is sent away");
}

#[test]
fn clients_without_a_certificate_are_refused_where_one_is_wanted() {
    let server = start_tls(true);
    let mut client = connect_tls(server.address(), true);
    assert_eq!(ask(&mut client, &[b"PING"]).unwrap().head, "+PONG");
    let mut other = connect_tls(server.address(), false);
    assert!(ask(&mut other, &[b"PING"]).is_err());
}

#[test]
fn a_pipeline_of_ten_thousand_is_answered_in_few_writes() {
    let server = Server::start(&[]);
    let mut client = server.client();
    let before: u64 = info(&mut client, "total_writes_processed").parse().unwrap();
    let mut pipeline = Vec::new();
    for number in 0..10_000 {
        pipeline.extend(encode(&["SET", &format!("key:{number}"), "value"]));
    }
    client.send_raw(&pipeline);
    for _ in 0..10_000 {
        assert_eq!(client.read(), Reply::ok());
    }
    let after: u64 = info(&mut client, "total_writes_processed").parse().unwrap();
    let writes = after - before;
    // At most one for each piece that the network delivered.
    assert!(writes < 200, "{writes} writes for {} bytes of commands", pipeline.len());
}

/// Connections that find no room in the queue of the listening socket try again after a second.
#[test]
fn a_burst_of_connections_waits_until_it_is_accepted() {
    let server = Server::start(&[]);
    server.signal("STOP");
    let begin = Instant::now();
    let mut streams: Vec<TcpStream> =
        (0..2000).map(|_| TcpStream::connect(server.address()).unwrap()).collect();
    assert!(begin.elapsed() < Duration::from_millis(900), "{:?}", begin.elapsed());
    server.signal("CONT");
    for stream in &mut streams {
        assert_eq!(ask(stream, &[b"PING"]).unwrap().head, "+PONG");
    }
}

#[test]
fn garbage_without_an_end_and_promises_without_a_body_cost_little() {
    let server = Server::start(&[]);
    let mut admin = server.client();
    admin.run("PING");
    let before = server.resident_bytes();
    let mut held = Vec::new();
    for _ in 0..50 {
        let mut client = server.client();
        client.send_raw(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\n");
        held.push(client);
        let mut garbage = server.client();
        garbage.send_raw(&vec![b'A'; (64 << 10) + 1]);
        let error = garbage.read();
        assert_eq!(error.error(), "ERR Protocol error: too big inline request");
        assert!(garbage.is_closed());
    }
    eventually("the end of the garbage", || {
        admin.run("CLIENT LIST").text().lines().count() == held.len() + 1
    });
    let grown = server.resident_bytes().saturating_sub(before);
    assert!(grown < 64 << 20, "{grown} bytes for promises");
    assert_eq!(admin.run("PING").text(), "PONG");
}

#[test]
fn an_idle_client_is_sent_away_and_a_subscriber_is_not() {
    let server = Server::start(&["--timeout=1"]);
    let mut idle = server.client();
    idle.run("PING");
    let mut subscriber = server.client();
    subscriber.run("SUBSCRIBE ch");
    assert!(idle.is_closed());
    assert_eq!(server.client().run("PUBLISH ch hi"), Reply::Integer(1));
    assert_eq!(subscriber.read().to_string(), "[\"message\", \"ch\", \"hi\"]");
}

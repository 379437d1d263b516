//! A real `MinIO` server, as `.ci/run` installs it.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::resp::Reply;
use crate::server::{Server, eventually};

const USER: &str = "exuvia-root";
const PASSWORD: &str = "exuvia-secret";
const CREDENTIALS: [(&str, &str); 2] =
    [("AWS_ACCESS_KEY_ID", USER), ("AWS_SECRET_ACCESS_KEY", PASSWORD)];

/// A `MinIO` server over a directory, killed when it is dropped.
struct Minio {
    child: Child,
    address: SocketAddr,
    data: TempDir,
}

impl Drop for Minio {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Minio {
    /// Starts a server as [`try_start`](Self::try_start) does, on a free port.
    fn start(certificates: Option<&Path>) -> Self {
        // Somebody else may take the port between its choice and its use.
        let mut attempts = (0..5).filter_map(|_| Self::try_start(free_address(), certificates));
        attempts.next().expect("MinIO starts on a free port")
    }

    /// Starts a server at `address` with a bucket `acme-backups`; with TLS if `certificates` is a
    /// directory with a key and a certificate. `None` if it ends at once.
    fn try_start(address: SocketAddr, certificates: Option<&Path>) -> Option<Self> {
        let data = TempDir::new().unwrap();
        // A directory at the top becomes a bucket.
        std::fs::create_dir(data.path().join("acme-backups")).unwrap();
        let mut command = Command::new(binary());
        command.arg("server").arg(data.path()).args(["--address", &address.to_string()]);
        if let Some(certificates) = certificates {
            command.arg("--certs-dir").arg(certificates);
        }
        let mut child = command
            .env("MINIO_ROOT_USER", USER)
            .env("MINIO_ROOT_PASSWORD", PASSWORD)
            .env("MINIO_BROWSER", "off")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut ended = false;
        eventually("MinIO", || {
            ended = child.try_wait().unwrap().is_some();
            ended || TcpStream::connect(address).is_ok()
        });
        (!ended).then_some(Self { child, address, data })
    }

    /// Names of what is in the bucket below `prefix`: each object is a directory there.
    fn names(&self, prefix: &str) -> Vec<String> {
        let dir = self.data.path().join("acme-backups").join(prefix);
        let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Uploads that nobody completed or aborted.
    fn unfinished(&self) -> usize {
        let dir = self.data.path().join(".minio.sys/multipart");
        std::fs::read_dir(dir).map_or(0, Iterator::count)
    }
}

fn binary() -> PathBuf {
    match std::env::var_os("EXUVIA_MINIO_BINARY") {
        Some(path) => path.into(),
        None => "minio".into(),
    }
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Saves 40 MB, crashes, and finds everything again; then once more with an exit.
fn save_and_restart(minio: &Minio, prefix: &str, flags: &[&str], environment: &[(&str, &str)]) {
    let start = || {
        let server = Server::launch(flags, environment);
        server.wait_for_line("ready to accept commands");
        server
    };
    let server = start();
    let mut client = server.client();
    client.run("DEBUG POPULATE 40000 key 1000 RAND");
    client.run("SET moth luna");
    assert_eq!(client.run("SAVE"), Reply::ok(), "{}", server.log());
    server.kill();
    let server = start();
    let mut client = server.client();
    assert_eq!(client.run("DBSIZE"), Reply::Integer(40_001));
    assert_eq!(client.run("GET moth").text(), "luna");
    client.run("SET moth atlas");
    let listed = client.run("SNAPSHOT LIST");
    assert_eq!(listed.elements().len(), 1, "{listed:?}");
    server.stop();
    let server = start();
    assert_eq!(server.client().run("GET moth").text(), "atlas");
    assert!(minio.names(prefix).len() >= 4, "{:?}", minio.names(prefix));
    assert_eq!(minio.unfinished(), 0);
}

#[test]
#[ignore = "needs minio, and the port 9000"]
fn the_example_of_the_manual_works_letter_for_letter() {
    let minio = Minio::try_start("127.0.0.1:9000".parse().unwrap(), None);
    let minio = minio.expect("the port 9000 is free");
    let flags = ["--dir", "s3://acme-backups", "--s3_endpoint", "localhost:9000"];
    save_and_restart(&minio, "", &flags, &CREDENTIALS);
}

#[test]
#[ignore = "needs minio"]
fn every_way_of_signing_and_checking_is_taken() {
    let minio = Minio::start(None);
    let endpoint = format!("--s3_endpoint=http://{}", minio.address);
    for (prefix, flag) in [
        ("a b+c%", "--s3_part_size=5MiB"),
        ("crc", "--s3_checksum=crc32c"),
        ("unsigned", "--nos3_sign_payload"),
        ("path", "--s3_addressing=path"),
    ] {
        let dir = format!("--dir=s3://acme-backups/{prefix}/");
        save_and_restart(&minio, prefix, &[&dir, &endpoint, flag], &CREDENTIALS);
    }
}

#[test]
#[ignore = "needs minio and openssl"]
fn tls_from_a_self_made_authority_is_trusted_through_a_bundle() {
    let certificates = TempDir::new().unwrap();
    let bundle = authority(certificates.path());
    let minio = Minio::start(Some(certificates.path()));
    let endpoint = format!("--s3_endpoint=localhost:{}", minio.address.port());
    let flags = ["--dir=s3://acme-backups/tls", &endpoint];
    for variable in ["AWS_CA_BUNDLE", "SSL_CERT_FILE"] {
        let dir = format!("--dir=s3://acme-backups/{variable}");
        let environment = [&CREDENTIALS[..], &[(variable, bundle.to_str().unwrap())]].concat();
        save_and_restart(&minio, variable, &[&dir, &endpoint], &environment);
    }
    let plain = format!("--s3_endpoint=http://localhost:{}", minio.address.port());
    for (flags, words) in [
        (flags, "its certificate is not accepted"),
        (["--dir=s3://acme-backups/tls", &plain], "the service speaks TLS; use https://"),
    ] {
        let mut server = Server::launch(&flags, &CREDENTIALS);
        server.wait_for_line(words);
        server.signal("TERM");
        server.wait();
    }
}

/// Makes an authority, and a key and a certificate by it for this machine, named as `MinIO` wants
/// them. Returns the authority's certificate.
fn authority(dir: &Path) -> PathBuf {
    let openssl = |arguments: &str| {
        let status = Command::new("openssl")
            .args(arguments.split(' '))
            .current_dir(dir)
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success(), "openssl {arguments}");
    };
    openssl(
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.pem",
    );
    openssl("req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout private.key -out server.csr");
    std::fs::write(dir.join("names"), "subjectAltName=DNS:localhost,IP:127.0.0.1\n").unwrap();
    openssl(
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names \
         -out public.crt",
    );
    dir.join("ca.pem")
}

#[test]
#[ignore = "needs minio"]
fn two_servers_share_a_bucket_a_prefix_and_a_schedule() {
    let minio = Minio::start(None);
    let endpoint = format!("--s3_endpoint=http://{}", minio.address);
    let flags = ["--dir=s3://acme-backups/shared", &endpoint, "--snapshot_retain=3"];
    let servers = [0, 1].map(|number: u8| {
        let server = Server::launch(&flags, &CREDENTIALS);
        server.wait_for_line("ready to accept commands");
        server.client().run(&format!("SET who {number}"));
        server
    });
    for _ in 0..4 {
        let mut clients = servers.each_ref().map(Server::client);
        for client in &mut clients {
            client.send(&["SAVE"]);
        }
        for client in &mut clients {
            assert_eq!(client.read(), Reply::ok());
        }
    }
    let mut client = servers[0].client();
    let listed = client.run("SNAPSHOT LIST");
    assert!(listed.elements().len() >= 3, "{listed:?}");
    assert!(!format!("{listed:?}").contains("damaged"), "{listed:?}");
    assert_eq!(minio.unfinished(), 0);
}

#[test]
#[ignore = "needs minio"]
fn the_tool_retention_and_files_in_redis_format_work_too() {
    let minio = Minio::start(None);
    let endpoint = format!("--s3_endpoint=http://{}", minio.address);
    let place = "s3://acme-backups/a b/é";
    let dir = format!("--dir={place}");
    let server = Server::launch(&[&dir, &endpoint, "--snapshot_retain=1"], &CREDENTIALS);
    server.wait_for_line("ready to accept commands");
    let mut client = server.client();
    client.run("DEBUG POPULATE 20000 key 1000 RAND");
    client.run("SET moth luna");
    for _ in 0..2 {
        assert_eq!(client.run("SAVE"), Reply::ok(), "{}", server.log());
        assert_eq!(client.run("SAVE RDB dump"), Reply::ok(), "{}", server.log());
    }
    let manifests = || {
        let names = minio.names("a b/é");
        names.into_iter().filter(|name| name.ends_with("-summary.dfs")).collect::<Vec<_>>()
    };
    eventually("retention", || manifests().len() == 1);
    client.run("FLUSHALL");
    assert_eq!(client.run("DFLY LOAD dump.rdb"), Reply::ok());
    assert_eq!(client.run("DBSIZE"), Reply::Integer(20_001));
    let name = manifests().remove(0).replace("-summary.dfs", "");
    let tool = |words: &[&str]| {
        let output = Command::new(crate::server::binary())
            .arg("snapshot")
            .args(words)
            .arg(&endpoint)
            .env_clear()
            .envs(CREDENTIALS)
            .output()
            .unwrap();
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(tool(&["list", place]).contains("complete"));
    assert!(tool(&["verify", place]).contains("sound, 20001 keys"));
    assert_eq!(tool(&["get", &format!("{place}/{name}"), "moth"]), "luna");
    assert_eq!(tool(&["export", place]).lines().count(), 20_001);
    assert!(tool(&["prune", place, "--keep", "1"]).contains("kept"));
    assert_eq!(minio.unfinished(), 0);
}

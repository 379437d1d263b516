//! The same conversations with Redis, and clients made for it.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::resp::Client;
use crate::script;
use crate::server::{Server, eventually};

pub(crate) struct Redis(Child);

impl Drop for Redis {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Redis {
    /// Starts `redis-server` in `dir` and waits until it listens.
    pub(crate) fn start(dir: &Path) -> (Self, SocketAddr) {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let child = Command::new("redis-server")
            .args(["--port", &address.port().to_string(), "--save", "", "--dir"])
            .arg(dir)
            .args(["--enable-debug-command", "yes"])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let redis = Self(child);
        eventually("redis-server", || TcpStream::connect(address).is_ok());
        (redis, address)
    }
}

#[test]
#[ignore = "needs redis-server 7.0"]
fn redis_gives_the_replies_that_the_scripts_expect() {
    let dir = tempfile::TempDir::new().unwrap();
    let (_redis, address) = Redis::start(dir.path());
    let differences = script::differences(&mut Client::connect(address), &script::SCRIPTS);
    assert!(differences.is_empty(), "Redis says, and is expected to:\n{}", differences.join("\n"));
}

#[test]
#[ignore = "needs redis-server 7.0"]
fn redis_gives_the_same_replies_in_the_newer_protocol() {
    let dir = tempfile::TempDir::new().unwrap();
    let (_redis, address) = Redis::start(dir.path());
    let server = Server::start(&[]);
    let [theirs, ours] = [address, server.address()].map(|address| {
        let mut client = Client::connect(address);
        client.run("HELLO 3");
        script::replies(&mut client, &script::SCRIPTS)
    });
    for (theirs, ours) in theirs.into_iter().zip(ours) {
        assert_eq!(ours, theirs, "ours, and theirs");
    }
}

fn succeeds(server: &Server, program: &str, arguments: &[&str]) -> String {
    let port = server.address().port().to_string();
    let output = Command::new(program)
        .args(arguments.iter().map(|argument| argument.replace("{port}", &port)))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program}: {text}{errors}");
    text
}

#[test]
#[ignore = "needs redis-cli and redis-benchmark"]
fn the_tools_of_redis_work() {
    let server = Server::start(&[]);
    let text = succeeds(&server, "redis-cli", &["-p", "{port}", "-3", "hello"]);
    assert!(text.contains("proto"), "{text}");
    let text = succeeds(
        &server,
        "redis-benchmark",
        &["-p", "{port}", "-q", "-n", "20000", "-P", "16", "-t", "ping,set,get,incr,mset"],
    );
    assert!(text.contains("GET:") && !text.contains("WARNING"), "{text}");
    let text = succeeds(&server, "redis-cli", &["-p", "{port}", "--bigkeys"]);
    assert!(text.contains("Biggest string"), "{text}");
}

#[test]
#[ignore = "needs python3 with redis-py"]
fn a_client_library_works() {
    let server = Server::start(&[]);
    let program = r"
import redis, sys
for protocol in (2, 3):
    r = redis.Redis(port=int(sys.argv[1]), protocol=protocol, decode_responses=True)
    r.flushall()
    assert r.set('k', 'v', ex=100, nx=True) is True
    assert r.get('k') == 'v' and 0 < r.ttl('k') <= 100
    with r.pipeline(transaction=True) as p:
        assert p.incr('n').incr('n').get('n').execute() == [1, 2, '2']
    with r.pipeline(transaction=False) as p:
        for i in range(10000): p.set(f'key:{i}', 'x' * 100)
        for i in range(10000): p.get(f'key:{i}')
        replies = p.execute()
        assert replies[:10000] == [True] * 10000 and replies[10000:] == ['x' * 100] * 10000
    assert len(set(r.scan_iter(match='key:*', count=500))) == 10000
    assert r.mget('k', 'nope') == ['v', None]
    assert r.info()['redis_version'] and r.config_get('maxmemory') == {'maxmemory': '0'}
    s = r.pubsub(); s.subscribe('ch'); assert s.get_message(timeout=5)['type'] == 'subscribe'
    assert r.publish('ch', 'hi') == 1
    assert s.get_message(timeout=5)['data'] == 'hi'
    assert r.save() and r.lastsave() and r.client_list() and r.command_count() > 70
    assert r.command()['get']['arity'] == 2
    def add(p):
        n = int(p.get('n')); p.multi(); p.set('n', n + 1)
    r.transaction(add, 'n'); assert r.get('n') == '3'
    try: r.execute_command('NOSUCH'); assert False
    except redis.ResponseError: pass
print('done')
";
    assert!(succeeds(&server, "python3", &["-c", program, "{port}"]).contains("done"));
}

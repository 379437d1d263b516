//! Client libraries that others made, each with a small conversation of its own.

use std::process::Command;

use fred::interfaces::{ClientLike, HashesInterface, KeysInterface, TransactionInterface};
use redis::Commands;

use crate::server::Server;

#[test]
fn the_crate_redis_works() {
    let server = Server::start(&[]);
    for protocol in ["", "?protocol=resp3"] {
        let client = redis::Client::open(format!("redis://{}/{protocol}", server.address()));
        let mut connection = client.unwrap().get_connection().unwrap();
        let _: () = redis::cmd("FLUSHALL").query(&mut connection).unwrap();
        let _: () = connection.set("k", "v").unwrap();
        assert_eq!(connection.get::<_, String>("k").unwrap(), "v");
        assert_eq!(connection.get::<_, Option<String>>("nope").unwrap(), None);
        let (n, k): (i64, String) = redis::pipe()
            .atomic()
            .incr("n", 41)
            .ignore()
            .incr("n", 1)
            .get("k")
            .query(&mut connection)
            .unwrap();
        assert_eq!((n, k.as_str()), (42, "v"));
        let incremented: (i64,) =
            redis::transaction(&mut connection, &["n"], |connection, pipe| {
                let n: i64 = connection.get("n")?;
                pipe.set("n", n + 1).ignore().get("n").query(connection)
            })
            .unwrap();
        assert_eq!(incremented, (43,));
        let _: () = connection.hset_multiple("h", &[("a", "1"), ("b", "2")]).unwrap();
        let hash: std::collections::BTreeMap<String, i64> = connection.hgetall("h").unwrap();
        assert_eq!(hash.into_values().sum::<i64>(), 3);
        let _: () = connection.zadd_multiple("z", &[(2.5, "two"), (1.5, "one")]).unwrap();
        let members: Vec<(String, f64)> = connection.zrange_withscores("z", 0, -1).unwrap();
        assert_eq!(members, [("one".to_owned(), 1.5), ("two".to_owned(), 2.5)]);
        for number in 0..1000 {
            let _: () = connection.set(format!("scan:{number}"), number).unwrap();
        }
        let found = connection.scan_match::<_, String>("scan:*").unwrap();
        let found: std::collections::BTreeSet<String> = found.map(Result::unwrap).collect();
        assert_eq!(found.len(), 1000);
        let wrong = connection.lpush::<_, _, i64>("k", 1).unwrap_err();
        assert_eq!(wrong.code(), Some("WRONGTYPE"));
    }
}

#[test]
fn the_crate_fred_works() {
    let server = Server::start(&[]);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for query in ["", "?version=3"] {
            let url = format!("redis://{}/0{query}", server.address());
            let config = fred::types::config::Config::from_url(&url).unwrap();
            let client = fred::clients::Client::new(config, None, None, None);
            client.init().await.unwrap();
            client.flushall::<()>(false).await.unwrap();
            client.set::<(), _, _>("k", "v", None, None, false).await.unwrap();
            assert_eq!(client.get::<String, _>("k").await.unwrap(), "v");
            let transaction = client.multi();
            transaction.incr::<(), _>("n").await.unwrap();
            transaction.incr_by::<(), _>("n", 41).await.unwrap();
            assert_eq!(transaction.exec::<(i64, i64)>(true).await.unwrap(), (1, 42));
            client.hset::<(), _, _>("h", vec![("a", 1), ("b", 2)]).await.unwrap();
            let hash: std::collections::HashMap<String, i64> = client.hgetall("h").await.unwrap();
            assert_eq!(hash["a"] + hash["b"], 3);
            client.quit().await.unwrap();
        }
    });
}

/// The folder of npm's modules, where `.ci/run` puts what a test needs.
const MODULES: &str = "EXUVIA_NODE_MODULES";

#[test]
#[ignore = "needs node, and ioredis in the folder that EXUVIA_NODE_MODULES names"]
fn the_package_ioredis_works() {
    let server = Server::start(&[]);
    let program = r"
const Redis = require('ioredis');
const assert = require('assert');
(async () => {
  const r = new Redis(Number(process.argv[1]), { showFriendlyErrorStack: true });
  await r.flushall();
  assert.equal(await r.set('k', 'v', 'EX', 100), 'OK');
  assert.equal(await r.get('k'), 'v');
  assert.deepEqual(await r.multi().incr('n').incrby('n', 41).exec(), [[null, 1], [null, 42]]);
  const pipeline = r.pipeline();
  for (let i = 0; i < 10000; i++) pipeline.set('p:' + i, i);
  assert.equal((await pipeline.exec()).every(([error, reply]) => !error && reply === 'OK'), true);
  let seen = new Set();
  for await (const keys of r.scanStream({ match: 'p:*', count: 500 })) keys.forEach(k => seen.add(k));
  assert.equal(seen.size, 10000);
  await r.hset('h', { a: 1, b: 2 });
  assert.deepEqual(await r.hgetall('h'), { a: '1', b: '2' });
  const s = r.duplicate();
  const heard = new Promise(resolve => s.on('message', (channel, text) => resolve(text)));
  await s.subscribe('ch');
  assert.equal(await r.publish('ch', 'hi'), 1);
  assert.equal(await heard, 'hi');
  await assert.rejects(r.lpush('k', 1), /WRONGTYPE/);
  r.disconnect(); s.disconnect();
  console.log('done');
})().catch(error => { console.error(error); process.exit(1); });
";
    let output = Command::new("node")
        .args(["-e", program, &server.address().port().to_string()])
        .env("NODE_PATH", std::env::var_os(MODULES).expect("the folder of the modules is named"))
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    assert_eq!(output.stdout, b"done\n", "{errors}");
}

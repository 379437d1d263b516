//! A data set with every type, in every encoding that a server's thresholds bring about.

use super::peer::{Kind, Peer};

/// Thresholds that make the same data take other encodings.
pub(crate) const THRESHOLDS: [&[&str]; 3] = [
    &[],
    &[
        "--hash-max-listpack-entries",
        "0",
        "--zset-max-listpack-entries",
        "0",
        "--set-max-intset-entries",
        "0",
        "--list-max-listpack-size",
        "2",
        "--stream-node-max-entries",
        "3",
        "--rdbcompression",
        "no",
    ],
    &[
        "--hash-max-listpack-entries",
        "5000",
        "--zset-max-listpack-entries",
        "5000",
        "--hash-max-listpack-value",
        "100000",
        "--zset-max-listpack-value",
        "100000",
        "--set-max-intset-entries",
        "5000",
        "--list-max-listpack-size",
        "1000",
        "--list-compress-depth",
        "1",
        "--stream-node-max-entries",
        "0",
    ],
];

/// Commands that fill a server. The numbers make values large, small and integers.
pub(crate) fn fill(peer: &mut Peer, kind: Kind) {
    for words in [
        "SET str:empty |",
        "SET str:small 5",
        "SET str:neg -129",
        "SET str:int 2147483648",
        "SET str:min -9223372036854775808",
        "SETRANGE str:hole 100 x",
        "SET str:ttl v PXAT 4102444800123",
        "RPUSH list:small a b 1 -5 70000 8000000000",
        "SADD set:int 1 2 -3 70000 8000000000",
        "SADD set:mixed 1 two 3.0",
        "SADD set:ttl a",
        "HSET hash:small f v n 42 neg -1",
        "ZADD zset:small 1 a 2.5 b -inf c +inf d 1e300 e",
        "PEXPIREAT set:ttl 4102444800123",
    ] {
        let args: Vec<&str> =
            words.split(' ').map(|word| if word == "|" { "" } else { word }).collect();
        peer.call(&args).unwrap();
    }
    peer.call(&[b"SET".as_slice(), b"\xff\x00 key", b"\x00\xfe"]).unwrap();
    peer.call(&["SET", "str:lzf", &"abcdefgh".repeat(4000)]).unwrap();
    peer.call(&["RPUSH", "list:plain", &"z".repeat(20_000), "small"]).unwrap();
    peer.call(&["HSET", "hash:long", "f", &"y".repeat(9_000)]).unwrap();
    for i in 0..600_u32 {
        let (n, text) = (i.to_string(), format!("element {i}"));
        let big = u64::from(i) * 7_919 * 1_000_003;
        peer.call(&["RPUSH", "list:big", &text, &big.to_string()]).unwrap();
        peer.call(&["SADD", "set:big", &text]).unwrap();
        peer.call(&["SADD", "set:ints", &n]).unwrap();
        peer.call(&["HSET", "hash:big", &text, &n]).unwrap();
        peer.call(&["ZADD", "zset:big", &format!("{}", f64::from(i) / 7.0), &text]).unwrap();
        let id = format!("{}-{}", 1000 + i / 3, i % 3 + 1);
        peer.call(&["XADD", "stream:big", &id, "n", &n, "text", &text]).unwrap();
        if i % 51 == 50 {
            peer.call(&["XADD", "stream:big", &format!("{}-9", 1000 + i / 3), "other", "x"])
                .unwrap();
        }
    }
    groups(peer);
    if kind == Kind::Valkey {
        peer.run("HSET hash:expiring a 1 b 2 c 3");
        peer.run("HPEXPIREAT hash:expiring 4102444800123 FIELDS 1 b");
    }
    peer.run("SELECT 9");
    peer.run("SET other database");
    peer.run("SELECT 0");
}

fn groups(peer: &mut Peer) {
    for words in [
        "XADD stream:small 1-1 a 1",
        "XADD stream:small 2-2 a 2 b 3",
        "XADD stream:small 3-3 c 4",
        "XADD stream:small 18446744073709551615-18446744073709551615 last 1",
        "XGROUP CREATE stream:small g1 0",
        "XGROUP CREATE stream:small g2 $",
        "XGROUP CREATE stream:small g3 2-0",
        "XGROUP CREATECONSUMER stream:small g2 idle",
        "XREADGROUP GROUP g1 alice COUNT 2 STREAMS stream:small >",
        "XREADGROUP GROUP g1 bob COUNT 1 STREAMS stream:small >",
        "XCLAIM stream:small g1 alice 0 3-3 RETRYCOUNT 7",
        "XDEL stream:small 2-2",
        "XADD stream:empty 5-5 a b",
        "XDEL stream:empty 5-5",
        "XGROUP CREATE stream:big g 0",
        "XREADGROUP GROUP g c COUNT 300 STREAMS stream:big >",
        "XDEL stream:big 1000-1 1001-2 1190-1",
        "XTRIM stream:big MAXLEN 550",
    ] {
        peer.run(words);
    }
}

/// What a server says of every key: as much as it has commands for.
pub(crate) fn describe(peer: &mut Peer) -> Vec<String> {
    let mut lines = Vec::new();
    for database in ["0", "9"] {
        peer.run(&format!("SELECT {database}"));
        let mut keys = peer.run("KEYS *");
        keys.sort();
        for key in keys {
            let kind = String::from_utf8(peer.call(&[b"TYPE", key.as_slice()]).unwrap().remove(0));
            let kind = kind.unwrap();
            let mut line = format!("{database} {} {kind}", key.escape_ascii());
            for command in commands(&kind) {
                let mut args: Vec<&[u8]> = command.split(' ').map(str::as_bytes).collect();
                for arg in args.iter_mut().filter(|arg| **arg == b"KEY") {
                    *arg = &key;
                }
                let mut reply = peer.call(&args).unwrap();
                if *command == "SMEMBERS KEY" {
                    reply.sort();
                }
                if *command == "HGETALL KEY" {
                    let mut pairs: Vec<_> = reply.chunks(2).map(<[_]>::concat).collect();
                    pairs.sort();
                    reply = pairs;
                }
                let reply: Vec<_> =
                    reply.iter().map(|text| text.escape_ascii().to_string()).collect();
                line = format!("{line}\n  {command}: {}", without_times(&reply).join(" "));
            }
            lines.push(line);
        }
    }
    peer.run("SELECT 0");
    lines
}

/// Drops what depends on how the server keeps a stream, and on when it is asked.
fn without_times(reply: &[String]) -> Vec<String> {
    let dropped = ["radix-tree-keys", "radix-tree-nodes", "active-time", "seen-time"];
    let mut kept = Vec::new();
    let mut skip = false;
    for text in reply {
        if skip {
            skip = false;
        } else if dropped.contains(&text.as_str()) {
            skip = true;
        } else {
            kept.push(text.clone());
        }
    }
    kept
}

fn commands(kind: &str) -> &'static [&'static str] {
    match kind {
        "string" => &["PEXPIRETIME KEY", "GET KEY"],
        "list" => &["PEXPIRETIME KEY", "LRANGE KEY 0 -1"],
        "set" => &["PEXPIRETIME KEY", "SMEMBERS KEY"],
        "zset" => &["PEXPIRETIME KEY", "ZRANGE KEY 0 -1 WITHSCORES"],
        "hash" => &["PEXPIRETIME KEY", "HGETALL KEY"],
        "stream" => &["PEXPIRETIME KEY", "XRANGE KEY - +", "XINFO STREAM KEY FULL COUNT 0"],
        other => panic!("{other}"),
    }
}

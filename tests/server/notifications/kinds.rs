//! Every command on keys of every kind, whose events are those of Redis itself.

use std::net::SocketAddr;

use super::Ears;
use crate::interop::Redis;
use crate::server::Server;

/// What there is before each command: a key of each type, and one of some that is not alone.
const BEFORE: &str = "
    FLUSHALL; SET s 5; RPUSH l a b; HSET h f 1 g 2; SADD t a b; SADD t2 b c; ZADD z 1 a 2 b;
    ZADD z2 1 b; XADD x 1-1 f v; XGROUP CREATE x g 0";

/// The kinds of key that stand for `%`: one that is missing, and one of each type.
const KINDS: [&str; 7] = ["n", "s", "l", "h", "t", "z", "x"];

const COMMANDS: &str = "
    GET %; GETRANGE % 0 1; SUBSTR % 0 1; STRLEN %; GETSET % v; GETDEL %; GETEX %;
    GETEX % EX 100; GETEX % PERSIST; MGET %; MGET % n2; SET % v GET; SET % v NX; SET % v NX GET;
    SET % v XX; SET % v XX GET; SET % v XX KEEPTTL; SETNX % v; SETEX % 100 v; PSETEX % 100000 v;
    MSETNX % 1 n3 2; APPEND % v; SETRANGE % 1 x; INCR %; DECR %; INCRBY % 2; DECRBY % 2;
    INCRBYFLOAT % 1; LCS % s; LCS s %; LCS % n2; SETBIT % 1 1; SETBIT % 1 0; GETBIT % 1;
    BITCOUNT %; BITCOUNT % 0 1; BITPOS % 1; BITPOS % 0; BITFIELD % GET u8 0;
    BITFIELD % SET u8 0 1; BITFIELD % GET u8 0 SET u8 0 1; BITFIELD_RO % GET u8 0;
    BITOP AND d % s; BITOP OR d s %; BITOP NOT d %; BITOP OR d % n2; BITOP OR d l %;
    BITOP OR d % l; DEL %; DEL % n2; UNLINK %; EXISTS %; EXISTS % n2 s; TOUCH % n2 s; TYPE %;
    TTL %; PTTL %; EXPIRETIME %; PEXPIRETIME %; PERSIST %; EXPIRE % 100; EXPIRE % -1;
    EXPIRE % 100 NX; EXPIRE % 100 XX; PEXPIRE % 10000; EXPIREAT % 4000000000; DUMP %;
    RENAME % d; RENAMENX % d; RENAMENX % s; RENAME s %; RENAMENX s %; COPY % d; COPY s %;
    COPY s % REPLACE; COPY % d DB 3; MOVE % 3; OBJECT ENCODING %; OBJECT REFCOUNT %;
    OBJECT IDLETIME %; OBJECT FREQ %; MEMORY USAGE %; RANDOMKEY; SCAN 0; KEYS *; LPUSH % v;
    RPUSH % v; LPUSHX % v; RPUSHX % v; LPOP %; RPOP %; LPOP % 1; LPOP % 0; RPOP % 2; LLEN %;
    LRANGE % 0 -1; LINDEX % 0; LSET % 0 v; LINSERT % BEFORE a b; LREM % 0 a; LTRIM % 0 0;
    LPOS % a; LPOS % a COUNT 0; LMOVE % l LEFT LEFT; LMOVE l % LEFT LEFT; LMOVE % n2 LEFT LEFT;
    LMOVE s % LEFT LEFT; RPOPLPUSH % l; RPOPLPUSH l %; LMPOP 2 % l LEFT; LMPOP 2 % n2 LEFT;
    LMPOP 2 % s LEFT; HSET % f v; HSETNX % f v; HMSET % f v; HGET % f; HGET % nof; HMGET % f;
    HGETALL %; HKEYS %; HVALS %; HLEN %; HSTRLEN % f; HEXISTS % f; HDEL % f; HINCRBY % f 1;
    HINCRBYFLOAT % f 1; HRANDFIELD %; HRANDFIELD % 2; HRANDFIELD % -2 WITHVALUES; HSCAN % 0;
    SADD % a; SREM % a; SPOP %; SPOP % 1; SPOP % 0; SRANDMEMBER %; SRANDMEMBER % 2; SCARD %;
    SISMEMBER % a; SMISMEMBER % a b; SMEMBERS %; SMOVE % t a; SMOVE t % a; SMOVE t % nom;
    SMOVE % n2 a; SMOVE % s a; SMOVE s % a; SSCAN % 0; SINTER %; SINTER % t; SINTER t %;
    SINTER % n2; SINTER % s; SINTER s %; SINTER t s %; SINTER % t s; SINTERCARD 1 %;
    SINTERCARD 2 % t; SINTERCARD 2 t %; SINTERCARD 2 % s; SINTERCARD 2 s %; SINTERCARD 3 t % s;
    SINTERSTORE d %; SINTERSTORE d % t; SINTERSTORE d t %; SINTERSTORE d % s; SINTERSTORE d s %;
    SINTERSTORE s %; SINTERSTORE d t % s; SINTERSTORE % t t2; SUNION %; SUNION % t;
    SUNION t % n2; SUNION % s; SUNION s %; SUNIONSTORE d %; SUNIONSTORE d % t;
    SUNIONSTORE d % s; SUNIONSTORE d s %; SUNIONSTORE % t; SDIFF %; SDIFF % t; SDIFF t %;
    SDIFF t % n2; SDIFF % s; SDIFF s %; SDIFF % n2 t; SDIFFSTORE d %; SDIFFSTORE d t %;
    SDIFFSTORE d % s; SDIFFSTORE d s %; ZADD % 1 a; ZADD % XX 1 a; ZADD % INCR 1 a;
    ZADD % XX INCR 1 a; ZADD % GT 5 a; ZINCRBY % 1 a; ZREM % a; ZCARD %; ZSCORE % a;
    ZMSCORE % a b; ZRANK % a; ZREVRANK % a; ZCOUNT % 0 1; ZLEXCOUNT % - +; ZRANGE % 0 -1;
    ZRANGE % 0 1 BYSCORE; ZREVRANGE % 0 -1; ZRANGEBYSCORE % 0 1; ZREVRANGEBYSCORE % 1 0;
    ZRANGEBYLEX % - +; ZREVRANGEBYLEX % + -; ZRANGESTORE d % 0 -1; ZRANGESTORE % z 0 -1;
    ZREMRANGEBYRANK % 0 0; ZREMRANGEBYSCORE % 0 1; ZREMRANGEBYLEX % - +; ZPOPMIN %; ZPOPMAX %;
    ZPOPMIN % 2; ZPOPMIN % 0; ZMPOP 2 % z MIN; ZMPOP 2 % n2 MIN; ZMPOP 2 % s MIN; ZRANDMEMBER %;
    ZRANDMEMBER % 2; ZRANDMEMBER % -2; ZSCAN % 0; ZUNION 1 %; ZUNION 2 % z; ZUNION 2 z %;
    ZUNION 2 % s; ZUNION 2 s %; ZINTER 2 % z; ZINTER 2 z %; ZINTER 2 % s; ZINTER 2 s %;
    ZINTERCARD 2 % z; ZINTERCARD 2 z %; ZINTERCARD 2 % s; ZDIFF 2 % z; ZDIFF 2 z %; ZDIFF 2 % s;
    ZDIFF 2 s %; ZUNIONSTORE d 1 %; ZUNIONSTORE d 2 % z; ZUNIONSTORE d 2 z %;
    ZUNIONSTORE d 2 % s; ZUNIONSTORE d 2 % t; ZINTERSTORE d 2 % z; ZINTERSTORE d 2 z %;
    ZINTERSTORE d 2 s %; ZDIFFSTORE d 2 % z; ZDIFFSTORE d 2 z %; ZDIFFSTORE d 2 s %;
    XADD % * f v; XADD % NOMKSTREAM * f v; XLEN %; XRANGE % - +; XREVRANGE % + -;
    XREAD STREAMS % 0; XREAD STREAMS % $; XREAD STREAMS % x 0 0; XREAD STREAMS x % 0 0;
    XREAD STREAMS % s 0 0; XREAD STREAMS s % 0 0; XREADGROUP GROUP g c STREAMS % >;
    XREADGROUP GROUP g c STREAMS % x > >; XREADGROUP GROUP g c STREAMS x % > >;
    XREADGROUP GROUP g c STREAMS x % 0 0; XREADGROUP GROUP g c STREAMS s % > >;
    XREADGROUP GROUP nog c STREAMS % >; XACK % g 1-1; XACK % nog 1-1; XDEL % 1-1;
    XTRIM % MAXLEN 0; XTRIM % MAXLEN ~ 10; XSETID % 5-5; XPENDING % g; XPENDING % nog;
    XPENDING % g - + 10; XCLAIM % g c 0 1-1; XCLAIM % nog c 0 1-1; XAUTOCLAIM % g c 0 0;
    XAUTOCLAIM % nog c 0 0; XINFO STREAM %; XINFO STREAM % FULL; XINFO GROUPS %;
    XINFO CONSUMERS % g; XINFO CONSUMERS % nog; XGROUP CREATE % g2 0; XGROUP CREATE % g2 $;
    XGROUP CREATE % g2 0 MKSTREAM; XGROUP CREATE % g2 $ MKSTREAM; XGROUP SETID % g 0;
    XGROUP SETID % nog 0; XGROUP SETID % g $; XGROUP DESTROY % g; XGROUP DESTROY % nog;
    XGROUP CREATECONSUMER % g c; XGROUP CREATECONSUMER % nog c; XGROUP DELCONSUMER % g c;
    XGROUP DELCONSUMER % nog c; WATCH %; FLUSHDB; SWAPDB 0 3; PING; DBSIZE";

/// The commands of a text.
fn commands(text: &str) -> impl Iterator<Item = &str> {
    text.split(';').map(str::trim)
}

/// Each command, alone and in a transaction, with the events that followed it.
fn heard(address: SocketAddr) -> Vec<(String, String)> {
    let mut ears = Ears::new(address, "AKEnm");
    let mut all = Vec::new();
    for command in commands(COMMANDS) {
        let kinds = if command.contains('%') { &KINDS[..] } else { &[""] };
        for (kind, in_transaction) in kinds.iter().flat_map(|kind| [(kind, false), (kind, true)]) {
            for preparation in commands(BEFORE) {
                ears.client.run(preparation);
            }
            ears.heard();
            let command = command.replace('%', kind);
            let events = if in_transaction {
                ears.client.run("MULTI");
                ears.client.run(&command);
                ears.run("EXEC")
            } else {
                ears.run(&command)
            };
            ears.client.run("UNWATCH");
            let how = if in_transaction { " in a transaction" } else { "" };
            all.push((format!("{command}{how}"), events.join(", ")));
        }
    }
    all
}

#[test]
#[ignore = "needs redis-server 7.0"]
fn redis_tells_the_same_of_every_command_on_every_kind_of_key() {
    let dir = tempfile::TempDir::new().unwrap();
    let (_redis, address) = Redis::start(dir.path());
    let server = Server::start(&[]);
    let (ours, theirs) = (heard(server.address()), heard(address));
    let pairs = ours.iter().zip(&theirs).filter(|(ours, theirs)| ours != theirs);
    let differences: Vec<_> = pairs
        .map(|((command, ours), (_, theirs))| format!("{command}: Redis '{theirs}', we '{ours}'"))
        .collect();
    assert!(differences.is_empty(), "\n{}", differences.join("\n"));
    assert!(ours.len() > 4000, "{} are not all", ours.len());
}

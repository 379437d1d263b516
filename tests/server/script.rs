//! Conversations with a server: commands, and the replies that Redis 7 gives.
//!
//! The same scripts run against this server in every test run, and against `redis-server` where
//! that is installed, so that what they expect is not a matter of opinion.

mod hash_fields;
mod sorted_sets;
mod streams;

use self::hash_fields::{HASH_FIELDS, HASH_FIELDS_EXTENDED};
use self::sorted_sets::SORTED_SETS;
use self::streams::STREAMS;
use crate::resp::Client;

/// A line is a command, ` => `, and its reply; a line without it wants only that nothing fails.
/// Arguments with blanks stand in single quotes; `\xHH` in a quoted argument is a byte.
pub(crate) const SCRIPTS: [(&str, &str); 15] = [
    ("strings", STRINGS),
    ("set options", SET_OPTIONS),
    ("counters", COUNTERS),
    ("ranges", RANGES),
    ("bits", BITS),
    ("common subsequences", SUBSEQUENCES),
    ("expiry", EXPIRY),
    ("hashes", HASHES),
    ("sets", SETS),
    ("lists", LISTS),
    ("keys", KEYS),
    ("transactions", TRANSACTIONS),
    ("errors", ERRORS),
    ("sorted sets", SORTED_SETS),
    ("streams", STREAMS),
];

/// Conversations about what Redis 7.0 does not know.
pub(crate) const LATER_SCRIPTS: [(&str, &str); 2] =
    [("fields that expire", HASH_FIELDS), ("values with expiry", HASH_FIELDS_EXTENDED)];

const STRINGS: &str = r"
SET k v => OK
GET k => 'v'
GET nope => nil
STRLEN k => 1
STRLEN nope => 0
SET k '' => OK
GET k => ''
SET k 'a\x00b\r\n\xff' => OK
GET k => 'a\x00b\r\n\xff'
GETSET k new => 'a\x00b\r\n\xff'
GETSET other x => nil
GETDEL k => 'new'
GETDEL k => nil
EXISTS k => 0
MSET a 1 b 2 a 3 => OK
MGET a b nope a => ['3', '2', nil, '3']
MSETNX b 5 c 6 => 0
EXISTS c => 0
MSETNX c 6 d 7 => 1
MGET c d => ['6', '7']
MSET a => (error) ERR wrong number of arguments for 'mset' command
MSET a 1 b => (error) ERR wrong number of arguments for 'mset' command
MSETNX a 1 b => (error) ERR wrong number of arguments for 'msetnx' command
SETNX s 1 => 1
SETNX s 2 => 0
GET s => '1'
GETEX s => '1'
GETEX s EX 100 => '1'
TTL s => 100
GETEX s PERSIST => '1'
TTL s => -1
GETEX s EX 0 => (error) ERR invalid expire time in 'getex' command
GETEX s EX => (error) ERR syntax error
GETEX s PERSIST 5 => (error) ERR syntax error
GETEX nope EX 5 => nil
GETEX s PXAT 1 => '1'
EXISTS s => 0
";

const SET_OPTIONS: &str = r"
SET k v NX => OK
SET k w NX => nil
SET k w XX => OK
SET nope v XX => nil
EXISTS nope => 0
SET k x GET => 'w'
SET new x GET => nil
SET k y NX GET => 'x'
GET k => 'x'
SET k z XX GET => 'x'
GET k => 'z'
SET k v EX 100 => OK
TTL k => 100
SET k v KEEPTTL => OK
TTL k => 100
SET k v => OK
TTL k => -1
SET k v px 100000 => OK
TTL k => 100
SET k v EXAT 33177117420 => OK
EXPIRETIME k => 33177117420
SET k v PXAT 33177117420000 => OK
PEXPIRETIME k => 33177117420000
SET k v XX KEEPTTL GET => 'v'
PEXPIRETIME k => 33177117420000
SET k v NX XX => (error) ERR syntax error
SET k v EX 10 PX 10 => (error) ERR syntax error
SET k v EX 10 KEEPTTL => (error) ERR syntax error
SET k v EX => (error) ERR syntax error
SET k v FOO => (error) ERR syntax error
SET k v EX 0 => (error) ERR invalid expire time in 'set' command
SET k v EX -5 => (error) ERR invalid expire time in 'set' command
SET k v EX 9223372036854775807 => (error) ERR invalid expire time in 'set' command
SET k v PX 9223372036854775807 => (error) ERR invalid expire time in 'set' command
SET k v EX abc => (error) ERR value is not an integer or out of range
SETEX k 100 w => OK
TTL k => 100
SETEX k 0 w => (error) ERR invalid expire time in 'setex' command
PSETEX k 100000 w => OK
TTL k => 100
PSETEX k -1 w => (error) ERR invalid expire time in 'psetex' command
GET k => 'w'
";

const COUNTERS: &str = r"
INCR n => 1
INCR n => 2
DECR n => 1
INCRBY n 41 => 42
DECRBY n 2 => 40
GET n => '40'
SET n 9223372036854775806 => OK
INCR n => 9223372036854775807
INCR n => (error) ERR increment or decrement would overflow
GET n => '9223372036854775807'
SET n -9223372036854775808 => OK
DECR n => (error) ERR increment or decrement would overflow
DECRBY n -9223372036854775808 => (error) ERR decrement would overflow
INCRBY n abc => (error) ERR value is not an integer or out of range
INCRBY n 9223372036854775808 => (error) ERR value is not an integer or out of range
SET n ' 11' => OK
INCR n => (error) ERR value is not an integer or out of range
SET n '11 ' => OK
INCR n => (error) ERR value is not an integer or out of range
SET n 1e2 => OK
INCR n => (error) ERR value is not an integer or out of range
SET t 5 EX 100 => OK
INCR t => 6
TTL t => 100
INCRBYFLOAT f 1 => '1'
INCRBYFLOAT f 0.25 => '1.25'
INCRBYFLOAT f -1.1 => '0.15'
SET f 3.0e3 => OK
INCRBYFLOAT f 200 => '3200'
INCRBYFLOAT f abc => (error) ERR value is not a valid float
INCRBYFLOAT f +inf => (error) ERR increment would produce NaN or Infinity
SET f abc => OK
INCRBYFLOAT f 1 => (error) ERR value is not a valid float
INCRBYFLOAT t 0.5 => '6.5'
TTL t => 100
";

const RANGES: &str = r"
APPEND k hello => 5
APPEND k ' world' => 11
GET k => 'hello world'
GETRANGE k 0 4 => 'hello'
GETRANGE k -5 -1 => 'world'
GETRANGE k 0 -1 => 'hello world'
GETRANGE k 5 3 => ''
GETRANGE k 100 200 => ''
GETRANGE k -100 2 => 'hel'
SUBSTR k 6 8 => 'wor'
GETRANGE nope 0 1 => ''
GETRANGE k a 1 => (error) ERR value is not an integer or out of range
SETRANGE k 6 redis => 11
GET k => 'hello redis'
SETRANGE pad 3 x => 4
GET pad => '\x00\x00\x00x'
SETRANGE none 5 '' => 0
EXISTS none => 0
SETRANGE k -1 x => (error) ERR offset is out of range
SETRANGE k 536870912 x => (error) ERR string exceeds maximum allowed size (proto-max-bulk-len)
SET e abc EX 100 => OK
APPEND e d => 4
SETRANGE e 0 X => 4
GET e => 'Xbcd'
TTL e => 100
";

const BITS: &str = r"
SETBIT k 7 1 => 0
SETBIT k 7 1 => 1
SETBIT k 7 0 => 1
SETBIT k 20 1 => 0
GET k => '\x00\x00\x08'
SETBIT k 4294967296 1 => (error) ERR bit offset is not an integer or out of range
SETBIT k 0 2 => (error) ERR bit is not an integer or out of range
GETBIT k 20 => 1
GETBIT k 21 => 0
GETBIT k 10000 => 0
GETBIT nope 0 => 0
GETBIT k -1 => (error) ERR bit offset is not an integer or out of range
SET f foobar => OK
BITCOUNT f => 26
BITCOUNT f 0 0 => 4
BITCOUNT f 1 1 => 6
BITCOUNT f 1 -2 => 18
BITCOUNT f 5 30 BIT => 17
BITCOUNT f -2 -5 => 0
BITCOUNT f 0 => (error) ERR syntax error
BITCOUNT f 0 1 FOO => (error) ERR syntax error
BITCOUNT f 0 b FOO => (error) ERR value is not an integer or out of range
BITCOUNT nope => 0
BITPOS f 1 => 1
BITPOS f 0 => 0
BITPOS f 1 2 -1 => 17
BITPOS f 1 2 -1 BIT => 2
BITPOS f 0 b 1 FOO => (error) ERR value is not an integer or out of range
BITPOS f 0 0 b FOO => (error) ERR syntax error
BITPOS f 2 => (error) ERR The bit argument must be 1 or 0.
BITPOS nope 0 => 0
BITPOS nope 1 => -1
SET o '\xff\xff' => OK
BITPOS o 0 => 16
BITPOS o 0 0 => 16
BITPOS o 0 0 -1 => -1
BITPOS o 1 2 => -1
SET e '' => OK
BITPOS e 0 => -1
BITOP AND d f o => 6
GET d => 'fo\x00\x00\x00\x00'
BITOP or d f nope => 6
GET d => 'foobar'
BITOP XOR d f f => 6
GET d => '\x00\x00\x00\x00\x00\x00'
BITOP NOT d o => 2
GET d => '\x00\x00'
BITOP NOT d f o => (error) ERR BITOP NOT must be called with a single source key.
BITOP NAND d f => (error) ERR syntax error
BITOP AND d nope => 0
EXISTS d => 0
BITFIELD b SET u8 0 255 GET u8 0 => [0, 255]
BITFIELD b INCRBY u8 0 1 => [0]
BITFIELD b OVERFLOW SAT INCRBY u8 0 300 OVERFLOW FAIL INCRBY u8 0 1 => [255, nil]
BITFIELD b SET i5 3 -7 GET i5 3 GET u5 3 => [-1, -7, 25]
BITFIELD b SET u4 #1 17 GET u4 #1 => [9, 1]
BITFIELD b SET i64 0 9223372036854775807 OVERFLOW WRAP INCRBY i64 0 1 => [-1080863910568919040, -9223372036854775808]
BITFIELD b SET u63 1 -1 GET u63 1 => [0, 9223372036854775807]
BITFIELD b GET u8 1000 => [0]
BITFIELD b => []
BITFIELD nope GET u8 0 => [0]
EXISTS nope => 0
BITFIELD b GET u64 0 => (error) ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.
BITFIELD b GET u8 => (error) ERR syntax error
BITFIELD b SET u8 0 abc => (error) ERR value is not an integer or out of range
BITFIELD b GET u8 #-1 => (error) ERR bit offset is not an integer or out of range
BITFIELD b OVERFLOW FOO => (error) ERR Invalid OVERFLOW type specified
BITFIELD b FOO => (error) ERR syntax error
BITFIELD_RO b GET u1 0 => [1]
BITFIELD_RO b SET u1 0 1 => (error) ERR BITFIELD_RO only supports the GET subcommand
";

const SUBSEQUENCES: &str = r"
MSET a ohmytext b mynewtext => OK
LCS a b => 'mytext'
LCS a b LEN => 6
LCS a b IDX => ['matches', [[[4, 7], [5, 8]], [[2, 3], [0, 1]]], 'len', 6]
LCS a b IDX MINMATCHLEN 4 WITHMATCHLEN => ['matches', [[[4, 7], [5, 8], 4]], 'len', 6]
LCS a nope => ''
LCS a nope LEN => 0
LCS nope nope IDX => ['matches', [], 'len', 0]
LCS a b LEN IDX => (error) ERR If you want both the length and indexes, please just use IDX.
LCS a b FOO => (error) ERR syntax error
LCS a b MINMATCHLEN => (error) ERR syntax error
LCS a b MINMATCHLEN x => (error) ERR value is not an integer or out of range
";

const HASHES: &str = r"
HSET h a 1 b 2 a 3 => 2
HSET h a 4 c 5 => 1
HGETALL h => ['a', '4', 'b', '2', 'c', '5']
HKEYS h => ['a', 'b', 'c']
HVALS h => ['4', '2', '5']
HMGET h a nope c => ['4', nil, '5']
HMGET nope a b => [nil, nil]
HSET h a => (error) ERR wrong number of arguments for 'hset' command
HSET h a 1 b => (error) ERR wrong number of arguments for 'hset' command
HMSET h a 1 b => (error) ERR wrong number of arguments for 'hmset' command
HMSET h a 1 d 2 => OK
HSETNX h a 9 => 0
HSETNX h e 9 => 1
HEXISTS h e => 1
HEXISTS nope e => 0
HLEN h => 5
HSTRLEN h e => 1
HSTRLEN h nope => 0
HINCRBY h e 3 => 12
HINCRBY h new -3 => -3
HINCRBY h e 9223372036854775807 => (error) ERR increment or decrement would overflow
HINCRBY h e x => (error) ERR value is not an integer or out of range
HSET h text abc => 1
HINCRBY h text 1 => (error) ERR hash value is not an integer
HINCRBYFLOAT h text 1 => (error) ERR hash value is not a float
HINCRBYFLOAT h e 0.5 => '12.5'
HINCRBYFLOAT h e x => (error) ERR value is not a valid float
HINCRBYFLOAT h e inf => (error) ERR value is NaN or Infinity
HRANDFIELD nope => nil
HRANDFIELD nope 5 => []
HRANDFIELD h 0 => []
HRANDFIELD h 1 x => (error) ERR syntax error
HRANDFIELD h 9223372036854775807 WITHVALUES => (error) ERR value is out of range
HSCAN nope 0 x => ['0', []]
HSCAN h x => (error) ERR invalid cursor
HSCAN h 0 COUNT 0 => (error) ERR syntax error
HSCAN h 0 MATCH te* => ['0', ['text', 'abc']]
EXPIRE h 1000 => 1
HDEL h a b nope a => 2
TTL h => 1000
TYPE h => hash
HDEL h c d e new text => 5
EXISTS h => 0
SET s v => OK
HSET s a 1 => (error) WRONGTYPE Operation against a key holding the wrong kind of value
HGET s a => (error) WRONGTYPE Operation against a key holding the wrong kind of value
HSET h a 1 => 1
GET h => (error) WRONGTYPE Operation against a key holding the wrong kind of value
INCR h => (error) WRONGTYPE Operation against a key holding the wrong kind of value
SET h v => OK
GET h => 'v'
HSET other x 1 => 1
COPY other copied => 1
HSET copied x 2 => 0
HGET other x => '1'
RENAME copied again => OK
HGET again x => '2'
WATCH other => OK
HSET other x 3 => 0
MULTI => OK
HGET other x => QUEUED
EXEC => nil
MULTI => OK
HSET other x 4 y 5 => QUEUED
HGETALL other => QUEUED
HGET again x 1 => (error) ERR wrong number of arguments for 'hget' command
EXEC => (error) EXECABORT Transaction discarded because of previous errors.
MULTI => OK
HSET other x 4 y 5 => QUEUED
HGETALL other => QUEUED
GET other => QUEUED
EXEC => [1, ['x', '4', 'y', '5'], (error) WRONGTYPE Operation against a key holding the wrong kind of value]
";

const SETS: &str = r"
SADD s a b a => 2
SADD s b => 0
SCARD s => 2
SCARD nope => 0
SISMEMBER s a => 1
SMISMEMBER s a x b => [1, 0, 1]
SMISMEMBER nope a => [0]
SREM s x a => 1
SMEMBERS s => ['b']
SMEMBERS nope => []
SMOVE s t b => 1
EXISTS s => 0
SMOVE t t b => 1
SMOVE t u x => 0
SPOP t => 'b'
SPOP t => nil
SPOP t 3 => []
SPOP t -1 => (error) ERR value is out of range, must be positive
SADD t a => 1
SRANDMEMBER t => 'a'
SRANDMEMBER t -3 => ['a', 'a', 'a']
SRANDMEMBER t 3 => ['a']
SRANDMEMBER nope => nil
SRANDMEMBER nope 2 => []
SADD u a b c => 3
SINTER t u => ['a']
SINTER t nope => []
SUNION t nope => ['a']
SDIFF t u => []
SINTERCARD 2 t u => 1
SINTERCARD 1 u LIMIT 2 => 2
SINTERCARD 0 t => (error) ERR numkeys should be greater than 0
SINTERCARD 3 t u => (error) ERR Number of keys can't be greater than number of args
SINTERCARD 1 u LIMIT -1 => (error) ERR LIMIT can't be negative
EXPIRE u 100 => 1
SDIFFSTORE u u t => 2
TTL u => -1
SUNIONSTORE into t u => 3
SINTERSTORE into t nope => 0
EXISTS into => 0
SET str v => OK
SUNION t str => (error) WRONGTYPE Operation against a key holding the wrong kind of value
SUNIONSTORE str t => 1
TYPE str => set
SSCAN str 0 => ['0', ['a']]
SSCAN str 0 NOVALUES => (error) ERR syntax error
MULTI => OK
SADD m a => QUEUED
SUNIONSTORE n m t => QUEUED
SINTER m n t => QUEUED
SPOP m 5 => QUEUED
EXEC => [1, 1, ['a'], ['a']]
EXISTS m => 0
";

const LISTS: &str = r"
RPUSH l b c => 2
LPUSH l a z => 4
LRANGE l 0 -1 => ['z', 'a', 'b', 'c']
LRANGE l -2 100 => ['b', 'c']
LRANGE nope 0 -1 => []
LPUSHX nope x => 0
RPUSHX l d => 5
LLEN l => 5
LINDEX l -1 => 'd'
LINDEX l 5 => nil
LSET l 0 y => OK
LSET l 9 y => (error) ERR index out of range
LSET nope 0 y => (error) ERR no such key
LINSERT l BEFORE b x => 6
LINSERT l AFTER d e => 7
LINSERT l AFTER nope e => -1
LINSERT nope AFTER b e => 0
LINSERT l beside b e => (error) ERR syntax error
LPOS l x => 2
LPOS l nope => nil
LPOS l x COUNT 0 => [2]
LPOS l x RANK 0 => (error) ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list
LPOS l x MAXLEN 2 => nil
LTRIM l 1 -2 => OK
LRANGE l 0 -1 => ['a', 'x', 'b', 'c', 'd']
RPUSH l x x => 7
LREM l -1 x => 1
LREM l 0 x => 2
LPOP l => 'a'
RPOP l 2 => ['d', 'c']
LPOP l 0 => []
LPOP nope 2 => nil
LPOP l -1 => (error) ERR value is out of range, must be positive
LPOP l 1 2 => (error) ERR wrong number of arguments for 'lpop' command
LMOVE l m LEFT RIGHT => 'b'
EXISTS l => 0
LMOVE l m LEFT RIGHT => nil
RPUSH m c => 2
RPOPLPUSH m m => 'c'
LRANGE m 0 -1 => ['c', 'b']
LMPOP 2 nope m LEFT COUNT 5 => ['m', ['c', 'b']]
LMPOP 2 nope m LEFT => nil
LMPOP 0 m LEFT => (error) ERR numkeys should be greater than 0
LMPOP 1 m LEFT COUNT 0 => (error) ERR count should be greater than 0
LMPOP 2 m LEFT => (error) ERR syntax error
RPUSH l a => 1
EXPIRE l 100 => 1
RPUSH l b => 2
TTL l => 100
GET l => (error) WRONGTYPE Operation against a key holding the wrong kind of value
SET s v => OK
LPUSH s a => (error) WRONGTYPE Operation against a key holding the wrong kind of value
LMOVE l s LEFT LEFT => (error) WRONGTYPE Operation against a key holding the wrong kind of value
LLEN l => 2
MULTI => OK
LPOP l => QUEUED
LPOP l => QUEUED
RPUSH l c => QUEUED
EXEC => ['a', 'b', 1]
TTL l => -1
";

const EXPIRY: &str = r"
SET k v => OK
TTL k => -1
PTTL k => -1
EXPIRETIME k => -1
PEXPIRETIME k => -1
TTL nope => -2
PTTL nope => -2
EXPIRETIME nope => -2
EXPIRE nope 10 => 0
EXPIRE k 100 => 1
TTL k => 100
PERSIST k => 1
PERSIST k => 0
PERSIST nope => 0
PEXPIRE k 100000 => 1
TTL k => 100
EXPIREAT k 33177117420 => 1
EXPIRETIME k => 33177117420
PEXPIREAT k 33177117420123 => 1
PEXPIRETIME k => 33177117420123
EXPIRE k 100 NX => 0
EXPIRE k 200 XX => 1
EXPIRE k 100 GT => 0
EXPIRE k 300 GT => 1
EXPIRE k 400 LT => 0
EXPIRE k 250 LT => 1
TTL k => 250
PERSIST k => 1
EXPIRE k 100 XX => 0
EXPIRE k 100 GT => 0
EXPIRE k 100 LT => 1
PERSIST k => 1
EXPIRE k 100 NX => 1
EXPIRE k 100 NX XX => (error) ERR NX and XX, GT or LT options at the same time are not compatible
EXPIRE k 100 GT LT => (error) ERR GT and LT options at the same time are not compatible
EXPIRE k 100 FOO => (error) ERR Unsupported option FOO
EXPIRE k abc => (error) ERR value is not an integer or out of range
EXPIRE k 9223372036854775807 => (error) ERR invalid expire time in 'expire' command
PEXPIRE k 9223372036854775807 => (error) ERR invalid expire time in 'pexpire' command
EXPIREAT k 9223372036854775807 => (error) ERR invalid expire time in 'expireat' command
EXPIRE k -1 => 1
EXISTS k => 0
SET k v => OK
EXPIREAT k 1 => 1
GET k => nil
SET k v PXAT 1 => OK
GET k => nil
";

const KEYS: &str = r"
MSET a 1 b 2 c 3 => OK
EXISTS a b nope a => 3
TOUCH a nope => 1
TYPE a => string
TYPE nope => none
DEL a nope => 1
UNLINK b c => 2
DBSIZE => 0
RANDOMKEY => nil
SET a 1 => OK
RANDOMKEY => 'a'
RENAME a b => OK
RENAME a b => (error) ERR no such key
GET b => '1'
RENAME b b => OK
SET t x EX 100 => OK
RENAME t b => OK
TTL b => 100
SET c 1 => OK
RENAMENX b c => 0
RENAMENX b d => 1
RENAMENX nope d => (error) ERR no such key
RENAMENX d d => 0
TTL d => 100
COPY d e => 1
TTL e => 100
COPY d c => 0
COPY d c REPLACE => 1
GET c => 'x'
COPY d d => (error) ERR source and destination objects are the same
COPY d d DB 1 => 1
COPY d d DB 16 => (error) ERR DB index is out of range
COPY d e DB => (error) ERR syntax error
COPY nope x => 0
MOVE d 1 => 0
MOVE c 1 => 1
MOVE c 0 => (error) ERR source and destination objects are the same
MOVE c 99 => (error) ERR DB index is out of range
SELECT 1 => OK
GET c => 'x'
GET d => 'x'
SELECT 16 => (error) ERR DB index is out of range
SELECT -1 => (error) ERR DB index is out of range
SELECT a => (error) ERR value is not an integer or out of range
SWAPDB 0 1 => OK
EXISTS e => 1
SWAPDB 0 99 => (error) ERR DB index is out of range
SWAPDB a 1 => (error) ERR invalid first DB index
SWAPDB 0 a => (error) ERR invalid second DB index
FLUSHDB => OK
DBSIZE => 0
SELECT 0 => OK
DBSIZE => 2
FLUSHALL ASYNC => OK
DBSIZE => 0
FLUSHALL FOO => (error) ERR syntax error
SET i 123 => OK
HSET packed f 'twelve bytes' => 1
OBJECT ENCODING packed => 'listpack'
CONFIG SET hash-max-ziplist-value 11 stream-node-max-entries 2 => OK
CONFIG GET hash-max-listpack-value => ['hash-max-listpack-value', '11']
HSET packed f 'twelve bytes' => 0
OBJECT ENCODING packed => 'hashtable'
CONFIG SET hash-max-listpack-value 64 => OK
XADD nodes 1-1 f v => '1-1'
XADD nodes 1-2 f v => '1-2'
XADD nodes 1-3 f v => '1-3'
XTRIM nodes MAXLEN ~ 1 => 2
CONFIG SET stream-node-max-entries 100 => OK
DEL packed nodes => 2
CONFIG SET maxmemory 1000000000 MaxMemory 2000000000 => (error) ERR CONFIG SET failed (possibly related to argument 'MaxMemory') - duplicate parameter
CONFIG GET maxmemory => ['maxmemory', '0']
FUNCTION FLUSH => OK
FUNCTION LIST => []
FUNCTION FLUSH now => (error) ERR FUNCTION FLUSH only supports SYNC|ASYNC option
OBJECT ENCODING i => 'int'
OBJECT REFCOUNT nope => nil
OBJECT FREQ nope => nil
SET s abc => OK
OBJECT ENCODING s => 'embstr'
SETRANGE s 50 x => 51
OBJECT ENCODING s => 'raw'
KEYS 'i*' => ['i']
KEYS nope => []
SCAN 0 MATCH 'i*' COUNT 100 => ['0', ['i']]
SCAN 0 COUNT 0 => (error) ERR syntax error
SCAN 0 COUNT a => (error) ERR value is not an integer or out of range
SCAN a => (error) ERR invalid cursor
SCAN 0 MATCH => (error) ERR syntax error
SCAN 0 TYPE hash COUNT 100 => ['0', []]
";

const TRANSACTIONS: &str = r"
MULTI => OK
SET k 1 => QUEUED
INCR k => QUEUED
GET k => QUEUED
EXEC => [OK, 2, '2']
EXEC => (error) ERR EXEC without MULTI
DISCARD => (error) ERR DISCARD without MULTI
MULTI => OK
MULTI => (error) ERR MULTI calls can not be nested
SET k 5 => QUEUED
DISCARD => OK
GET k => '2'
MULTI => OK
NOSUCHCOMMAND => (error) ERR unknown command 'NOSUCHCOMMAND', with args beginning with: 
SET k 5 => QUEUED
EXEC => (error) EXECABORT Transaction discarded because of previous errors.
GET k => '2'
MULTI => OK
SET k => (error) ERR wrong number of arguments for 'set' command
EXEC => (error) EXECABORT Transaction discarded because of previous errors.
MULTI => OK
SET k abc => QUEUED
INCR k => QUEUED
SET l 1 => QUEUED
EXEC => [OK, (error) ERR value is not an integer or out of range, OK]
MGET k l => ['abc', '1']
WATCH k => OK
SET k changed => OK
MULTI => OK
SET k 6 => QUEUED
EXEC => nil
GET k => 'changed'
WATCH k nope => OK
MULTI => OK
SET nope 1 => QUEUED
EXEC => [OK]
WATCH k => OK
SET k again => OK
UNWATCH => OK
MULTI => OK
WATCH k => (error) ERR WATCH inside MULTI is not allowed
GET k => QUEUED
EXEC => ['again']
WATCH k => OK
EXPIRE k 1000 => 1
MULTI => OK
PING => QUEUED
EXEC => nil
WATCH k => OK
DEL k => 1
MULTI => OK
PING => QUEUED
EXEC => nil
WATCH gone => OK
FLUSHALL => OK
MULTI => OK
PING => QUEUED
EXEC => [PONG]
SET same 1 => OK
WATCH same => OK
SET same 1 => OK
MULTI => OK
PING => QUEUED
EXEC => nil
WATCH same => OK
SETRANGE same 0 '' => 1
SETBIT same 0 0 => 0
DEL nope => 0
PERSIST same => 0
MULTI => OK
PING => QUEUED
EXEC => [PONG]
WATCH same => OK
SETRANGE same 0 1 => 1
MULTI => OK
EXEC => nil
WATCH same gone => OK
MSET same 1 => OK
MULTI => OK
EXEC => nil
WATCH same => OK
SWAPDB 1 2 => OK
MULTI => OK
EXEC => []
WATCH same => OK
SWAPDB 0 0 => OK
MULTI => OK
EXEC => []
RPUSH unmoved a b => 2
WATCH unmoved => OK
LREM unmoved 0 c => 0
LREM unmoved -1 c => 0
MULTI => OK
EXEC => []
DEL unmoved => 1
WATCH same => OK
SWAPDB 0 1 => OK
SWAPDB 0 1 => OK
MULTI => OK
EXEC => nil
WATCH same => OK
FLUSHDB => OK
SET same 1 => OK
MULTI => OK
EXEC => nil
WATCH same => OK
MULTI => OK
SET same 1 => QUEUED
EXEC => [OK]
MULTI => OK
EXEC => []
MULTI => OK
SET a 1 => QUEUED
PUBLISH ch a => QUEUED
GET a => QUEUED
CLIENT GETNAME => QUEUED
INCR a => QUEUED
EXEC => [OK, 0, '1', nil, 2]
MULTI => OK
FLUSHALL => QUEUED
MSET a 1 b 2 => QUEUED
MGET a b => QUEUED
RENAME a c => QUEUED
DBSIZE => QUEUED
LCS b c LEN => QUEUED
INCR nope x => (error) ERR wrong number of arguments for 'incr' command
EXEC => (error) EXECABORT Transaction discarded because of previous errors.
MULTI => OK
FLUSHALL => QUEUED
MSET a 1 b 2 => QUEUED
MGET a b => QUEUED
RENAME a c => QUEUED
RENAME a c => QUEUED
DBSIZE => QUEUED
LCS b c LEN => QUEUED
EXEC => [OK, OK, ['1', '2'], OK, (error) ERR no such key, 2, 0]
FLUSHALL => OK
MULTI => OK
SET a 1 => QUEUED
SELECT 1 => QUEUED
SET a 2 => QUEUED
DBSIZE => QUEUED
SELECT 0 => QUEUED
GET a => QUEUED
FLUSHALL => QUEUED
DBSIZE => QUEUED
SET b 1 => QUEUED
KEYS '*' => QUEUED
EXEC => [OK, OK, OK, 1, OK, '1', OK, 0, OK, ['b']]
MULTI => OK
EXEC => []
MULTI => OK
MSET x 1 y 2 => QUEUED
RENAME x z => QUEUED
APPEND z 5 => QUEUED
SET z t XX GET => QUEUED
GETDEL y => QUEUED
EXISTS x y z => QUEUED
EXPIRE z 100 => QUEUED
TTL z => QUEUED
EXEC => [OK, OK, 2, '15', '2', 1, 1, 100]
";

const ERRORS: &str = r"
NOSUCH => (error) ERR unknown command 'NOSUCH', with args beginning with: 
nosuch a 'b c' => (error) ERR unknown command 'nosuch', with args beginning with: 'a' 'b c' 
GET => (error) ERR wrong number of arguments for 'get' command
get a b => (error) ERR wrong number of arguments for 'get' command
CONFIG => (error) ERR wrong number of arguments for 'config' command
CONFIG GET => (error) ERR wrong number of arguments for 'config|get' command
CLIENT NOSUCH => (error) ERR unknown subcommand 'NOSUCH'. Try CLIENT HELP.
CLIENT KILL 1.2.3.4:5 => (error) ERR No such client
CLIENT KILL ID abc => (error) ERR client-id should be greater than 0
CLIENT KILL FOO bar => (error) ERR syntax error
CLIENT SETNAME 'a b' => (error) ERR Client names cannot contain spaces, newlines or special characters.
CLIENT SETNAME ab => OK
CLIENT GETNAME => 'ab'
CLIENT NO-EVICT ON => OK
CLIENT REPLY FOO => (error) ERR syntax error
CLIENT UNPAUSE => OK
CLIENT PAUSE abc => (error) ERR timeout is not an integer or out of range
CLIENT PAUSE -1 => (error) ERR timeout is negative
CLIENT LIST TYPE foo => (error) ERR Unknown client type 'foo'
CLIENT LIST ID abc => (error) ERR Invalid client ID
AUTH pw => (error) ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?
AUTH default pw => OK
AUTH other pw => (error) WRONGPASS invalid username-password pair or user is disabled.
AUTH a b c => (error) ERR syntax error
HELLO 4 => (error) NOPROTO unsupported protocol version
HELLO abc => (error) ERR Protocol version is not an integer or out of range
HELLO 2 FOO => (error) ERR Syntax error in HELLO option 'FOO'
ECHO hi => 'hi'
PING => PONG
PING hi => 'hi'
PING a b => (error) ERR wrong number of arguments for 'ping' command
COMMAND GETKEYS MSET a 1 b 2 => ['a', 'b']
COMMAND GETKEYS GET => (error) ERR wrong number of arguments for 'command|getkeys' command
COMMAND GETKEYS GET a b => (error) ERR Invalid number of arguments specified for command
COMMAND GETKEYS PING a => (error) ERR The command has no key arguments
COMMAND GETKEYS NOSUCH a => (error) ERR Invalid command specified
COMMAND INFO nosuch => [nil]
DEBUG OBJECT nope => (error) ERR no such key
DEBUG ERROR 'MOVED 1 host' => (error) MOVED 1 host
OBJECT ENCODING nope => nil
PUBLISH ch msg => 0
PUBSUB NUMPAT => 0
PUBSUB CHANNELS => []
PUBSUB NUMSUB a b => ['a', 0, 'b', 0]
WAIT 0 0 => 0
WAIT 1 1 => 0
WAIT a 1 => (error) ERR value is not an integer or out of range
WAIT 1 -1 => (error) ERR timeout is negative
ROLE => ['master', 0, []]
ACL WHOAMI => 'default'
ACL CAT foo => (error) ERR Unknown category 'foo'
ACL LIST => ['user default on nopass ~* &* +@all']
ACL USERS => ['default']
ACL GETUSER default => ['flags', ['on', 'nopass'], 'passwords', [], 'commands', '+@all', 'keys', '~*', 'channels', '&*', 'selectors', []]
ACL GETUSER foo => nil
ACL LOG RESET => OK
ACL LOG => []
CLIENT GETREDIR => -1
CLIENT TRACKINGINFO => ['flags', ['off'], 'redirect', -1, 'prefixes', []]
CLIENT TRACKING OFF => OK
CLIENT TRACKING foo => (error) ERR syntax error
CLIENT UNBLOCK 999999 => 0
CLIENT UNBLOCK a => (error) ERR value is not an integer or out of range
CLUSTER INFO => (error) ERR This instance has cluster support disabled
READONLY => (error) ERR This instance has cluster support disabled
MODULE LIST => []
LATENCY LATEST => []
LATENCY HISTORY foo => []
LATENCY RESET => 0
SLOWLOG GET -2 => (error) ERR count should be greater than or equal to -1
SLOWLOG GET a => (error) ERR count should be greater than or equal to -1
SLOWLOG RESET => OK
SLOWLOG GET => []
SLOWLOG LEN => 0
PUBSUB SHARDCHANNELS => []
PUBSUB SHARDNUMSUB a => ['a', 0]
SPUBLISH ch msg => 0
COMMAND GETKEYSANDFLAGS SET a b => [['a', [OW, update]]]
COMMAND GETKEYSANDFLAGS SET a b GET => [['a', [RW, access, update]]]
COMMAND GETKEYSANDFLAGS BITFIELD a GET u8 0 => [['a', [RO, access]]]
COMMAND GETKEYSANDFLAGS BITOP AND a b => [['a', [OW, update]], ['b', [RO, access]]]
COMMAND GETKEYS BITOP AND a b c => ['a', 'b', 'c']
COMMAND GETKEYS SINTERCARD 2 a b LIMIT 1 => ['a', 'b']
COMMAND GETKEYS SINTERCARD 3 a => (error) ERR Invalid arguments specified for command
COMMAND GETKEYS LMPOP 2 a b LEFT COUNT 2 => ['a', 'b']
MEMORY USAGE k SAMPLES -1 => (error) ERR syntax error
MEMORY USAGE k SAMPLES => (error) ERR syntax error
SHUTDOWN ABORT => (error) ERR No shutdown in progress.
SHUTDOWN FOO => (error) ERR syntax error
SHUTDOWN SAVE NOSAVE => (error) ERR syntax error
RESET => RESET
";

/// Runs scripts; returns the commands with the replies they got and those expected.
pub(crate) fn replies(
    client: &mut Client,
    scripts: &[(&str, &'static str)],
) -> Vec<(String, String, &'static str)> {
    let mut replies = Vec::new();
    for (title, script) in scripts {
        assert_eq!(client.run("FLUSHALL").text(), "OK");
        for line in script.lines().filter(|line| !line.is_empty()) {
            let (command, expected) = line.split_once(" => ").unwrap();
            let got = client.call(&words(command)).to_string().replace('"', "'");
            replies.push((format!("{title}: {command}"), got, expected));
        }
        client.run("SELECT 0");
    }
    replies
}

/// Runs scripts; returns what differs from what is expected.
pub(crate) fn differences(client: &mut Client, scripts: &[(&str, &'static str)]) -> Vec<String> {
    let differs = |(command, got, expected): (String, String, &str)| {
        (got != expected).then(|| format!("{command}\n   {got}\n   {expected}"))
    };
    replies(client, scripts).into_iter().filter_map(differs).collect()
}

/// Splits a command into arguments.
fn words(command: &str) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    let mut rest = command;
    while !rest.is_empty() {
        let (word, behind) = if let Some(quoted) = rest.strip_prefix('\'') {
            let (word, behind) = quoted.split_once('\'').unwrap();
            (unescape(word), behind)
        } else {
            let (word, behind) = rest.split_at(rest.find(' ').unwrap_or(rest.len()));
            (word.as_bytes().to_vec(), behind)
        };
        words.push(word);
        rest = behind.strip_prefix(' ').unwrap_or(behind);
    }
    words
}

fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        let (byte, used) = match (byte, behind.first()) {
            (b'\\', Some(b'r')) => (b'\r', 2),
            (b'\\', Some(b'n')) => (b'\n', 2),
            (b'\\', Some(b'x')) => {
                (u8::from_str_radix(std::str::from_utf8(&behind[1..3]).unwrap(), 16).unwrap(), 4)
            }
            (byte, _) => (byte, 1),
        };
        bytes.push(byte);
        rest = &rest[used..];
    }
    bytes
}

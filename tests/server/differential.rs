//! Random commands sent to this server and to Redis, every reply compared byte for byte.

mod collections;
mod sorted_sets;
mod streams;

use std::collections::VecDeque;
use std::time::Duration;

use exuvia_tests::seed::Seed;
use fastrand::Rng;

use crate::frame::Frame;
use crate::interop::Redis;
use crate::notifications::Ears;
use crate::resp::Client;
use crate::server::Server;

/// Commands of one run, unless `EXUVIA_COMMANDS` says otherwise.
const COMMANDS: usize = 30_000;
/// Commands shown with a difference, unless `EXUVIA_SHOWN` says otherwise.
const SHOWN: usize = 40;
/// Clients of each server.
const CLIENTS: usize = 3;

type Command = Vec<Vec<u8>>;

/// How the replies to a command are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Exact,
    /// Elements of lists have no order.
    Unordered,
    /// The two servers looked at the clock at different moments; so many units may lie between.
    Clock(i64),
}

/// Makes commands.
struct Maker {
    rng: Rng,
}

impl Maker {
    fn key(&mut self) -> Vec<u8> {
        self.pick(&["a", "b", "c", "d", "e", "{x}y", ""]).into()
    }

    fn pick<'a>(&mut self, words: &[&'a str]) -> &'a str {
        self.rng.choice(words).copied().unwrap()
    }

    fn integer(&mut self) -> Vec<u8> {
        let number = match self.rng.u32(..10) {
            0 => i64::MAX - self.rng.i64(0..3),
            1 => i64::MIN + self.rng.i64(0..3),
            2 => self.rng.i64(-100_000..100_000),
            _ => self.rng.i64(-8..12),
        };
        number.to_string().into_bytes()
    }

    fn decimal(&mut self) -> Vec<u8> {
        match self.rng.u32(..6) {
            0 => self
                .pick(&["0", "-0", "1e3", "3.0e-2", "+5", "inf", "-inf", "nan", "1.", ".5"])
                .into(),
            1 => self.integer(),
            _ => format!("{}.{}", self.rng.i32(-50..50), self.rng.u32(..1000)).into_bytes(),
        }
    }

    fn value(&mut self) -> Vec<u8> {
        match self.rng.u32(..12) {
            0 => Vec::new(),
            1..=4 => self.integer(),
            5 => self.decimal(),
            6 => self
                .pick(&[
                    "abc",
                    "foobar",
                    " 1",
                    "1 ",
                    "01",
                    "0x1",
                    "1e2",
                    "-0",
                    "9".repeat(25).as_str(),
                ])
                .into(),
            7 => vec![0xff; self.rng.usize(1..5)],
            8 => {
                let bytes = self.rng.usize(1..100);
                (0..bytes).map(|_| self.rng.u8(..)).collect()
            }
            9 => vec![b'x'; self.rng.usize(4000..4200)],
            10 => vec![0; self.rng.usize(1..20)],
            _ => "the quick brown fox".into(),
        }
    }

    /// A time to live, or a time, that does not pass during the test. It may be wrong or past.
    fn time(&mut self, unit: &str) -> Vec<u8> {
        let millis = unit.to_ascii_lowercase().starts_with('p');
        let at = unit.to_ascii_lowercase().ends_with("at");
        let seconds: i64 = match self.rng.u32(..12) {
            0 => return self.pick(&["-5", "007", "1e3", "", "1.5", "9223372036854775"]).into(),
            1 => return self.pick(&["0", "-1", "abc", "9223372036854775807"]).into(),
            2 if at => 1,
            _ if at => 33_177_117_420 + self.rng.i64(0..1000),
            _ => self.rng.i64(2000..9000),
        };
        (if millis { seconds * 1000 } else { seconds }).to_string().into_bytes()
    }

    fn words(&mut self, choices: &[&str], most: usize) -> Command {
        (0..self.rng.usize(..=most)).map(|_| self.pick(choices).into()).collect()
    }

    fn set_options(&mut self) -> Command {
        let mut options = Vec::new();
        for _ in 0..self.rng.usize(..4) {
            match self.rng.u32(..8) {
                0 => options.push(b"NX".to_vec()),
                1 => options.push(b"xx".to_vec()),
                2 | 3 => options.push(b"GET".to_vec()),
                4 => options.push(b"KEEPTTL".to_vec()),
                _ => {
                    let unit = self.pick(&["EX", "px", "EXAT", "PXAT"]);
                    options.push(unit.into());
                    options.push(self.time(unit));
                }
            }
        }
        options
    }

    fn bitfield(&mut self) -> Command {
        let mut words = Vec::new();
        for _ in 0..self.rng.usize(..4) {
            let kind = match self.rng.u32(..8) {
                0 => self.pick(&["u64", "i65", "u0", "x8", "i", "i64", "u63"]).to_owned(),
                1..=4 => format!("u{}", self.rng.u32(1..64)),
                _ => format!("i{}", self.rng.u32(1..65)),
            };
            let at = match self.rng.u32(..6) {
                0 => format!("#{}", self.rng.u32(..6)),
                1 => self.pick(&["-1", "#-1", "x", "99999999999"]).to_owned(),
                _ => self.rng.u32(..200).to_string(),
            };
            let verb = self.pick(&["GET", "SET", "INCRBY", "OVERFLOW"]);
            words.push(verb.as_bytes().to_vec());
            match verb {
                "OVERFLOW" => words.push(self.pick(&["WRAP", "sat", "FAIL", "foo"]).into()),
                "GET" => words.extend([kind.into_bytes(), at.into_bytes()]),
                _ => words.extend([kind.into_bytes(), at.into_bytes(), self.integer()]),
            }
        }
        words
    }

    fn several(&mut self, most: usize, mut make: impl FnMut(&mut Self) -> Vec<u8>) -> Command {
        (0..self.rng.usize(1..=most)).map(|_| make(self)).collect()
    }

    fn string_command(&mut self) -> (&'static str, Command) {
        let key = self.key();
        match self.rng.u32(..26) {
            0..=3 => ("SET", [vec![key, self.value()], self.set_options()].concat()),
            4 => ("GET", vec![key]),
            5 => ("GETSET", vec![key, self.value()]),
            6 => ("GETDEL", vec![key]),
            7 => {
                let unit = self.pick(&["EX", "PX", "exat", "PXAT", "PERSIST"]);
                let mut words = vec![key];
                if self.rng.bool() {
                    words.push(unit.into());
                    if unit != "PERSIST" || self.rng.u32(..8) == 0 {
                        words.push(self.time(unit));
                    }
                }
                ("GETEX", words)
            }
            8 => ("MGET", self.several(4, Self::key)),
            9 => ("MSET", self.pairs()),
            10 => ("MSETNX", self.pairs()),
            11 => ("SETNX", vec![key, self.value()]),
            12 => ("SETEX", vec![key, self.time("EX"), self.value()]),
            13 => ("PSETEX", vec![key, self.time("PX"), self.value()]),
            14 => ("INCR", vec![key]),
            15 => ("DECR", vec![key]),
            16 => ("INCRBY", vec![key, self.integer()]),
            17 => ("DECRBY", vec![key, self.integer()]),
            // Not INCRBYFLOAT, since Redis adds in floating point of 80 bits, which shows in sums of
            // more than seventeen digits.
            19 => ("APPEND", vec![key, self.value()]),
            18 | 20 => ("STRLEN", vec![key]),
            21 | 22 => {
                let name = self.pick(&["GETRANGE", "SUBSTR"]);
                (
                    if name == "SUBSTR" { "SUBSTR" } else { "GETRANGE" },
                    vec![key, self.integer(), self.integer()],
                )
            }
            23 => ("SETRANGE", vec![key, self.rng.u32(..300).to_string().into(), self.value()]),
            24 => {
                let options =
                    self.words(&["LEN", "IDX", "WITHMATCHLEN", "MINMATCHLEN", "2", "x"], 4);
                ("LCS", [vec![key, self.key()], options].concat())
            }
            _ => ("SETRANGE", vec![key, self.integer(), self.value()]),
        }
    }

    fn pairs(&mut self) -> Command {
        let mut pairs = self.several(3, Self::key);
        pairs = pairs.into_iter().flat_map(|key| [key, self.value()]).collect();
        pairs
    }

    fn bit_command(&mut self) -> (&'static str, Command) {
        let key = self.key();
        let unit = |maker: &mut Self| maker.words(&["BIT", "byte", "foo"], 1);
        match self.rng.u32(..7) {
            0 => {
                let bit = self.pick(&["0", "1", "1", "2"]).into();
                ("SETBIT", vec![key, self.rng.u32(..300).to_string().into(), bit])
            }
            1 => ("GETBIT", vec![key, self.rng.u32(..300).to_string().into()]),
            2 => {
                let range = self.several(2, Self::integer);
                let range = if self.rng.u32(..4) == 0 { vec![] } else { range };
                ("BITCOUNT", [vec![key], range, unit(self)].concat())
            }
            3 => {
                let bit = self.pick(&["0", "1", "1", "2", "x"]).into();
                let range = self.several(2, Self::integer);
                let range = if self.rng.u32(..4) == 0 { vec![] } else { range };
                ("BITPOS", [vec![key, bit], range, unit(self)].concat())
            }
            4 => {
                let operation = self.pick(&["AND", "or", "XOR", "NOT", "nand"]).into();
                ("BITOP", [vec![operation, key], self.several(3, Self::key)].concat())
            }
            5 => ("BITFIELD", [vec![key], self.bitfield()].concat()),
            _ => ("BITFIELD_RO", [vec![key], self.bitfield()].concat()),
        }
    }

    fn key_command(&mut self) -> (&'static str, Command) {
        let key = self.key();
        match self.rng.u32(..24) {
            0 | 1 => ("DEL", self.several(3, Self::key)),
            2 => ("UNLINK", self.several(3, Self::key)),
            3 => ("EXISTS", self.several(4, Self::key)),
            4 => ("TOUCH", self.several(4, Self::key)),
            6 => ("RENAME", vec![key, self.key()]),
            7 => ("RENAMENX", vec![key, self.key()]),
            8 => {
                let options = self.words(&["REPLACE", "DB", "0", "1", "99", "x"], 3);
                ("COPY", [vec![key, self.key()], options].concat())
            }
            9 => ("MOVE", vec![key, self.pick(&["0", "1", "2", "16", "-1", "x"]).into()]),
            10..=13 => {
                let names = ["EXPIRE", "PEXPIRE", "EXPIREAT", "PEXPIREAT"];
                let name = self.rng.choice(names).unwrap();
                let unit = name.replace("EXPIRE", "X");
                let time = self.time(&unit);
                let options = self.words(&["NX", "xx", "GT", "LT", "foo"], 2);
                (name, [vec![key, time], options].concat())
            }
            14..=17 => {
                (self.rng.choice(["TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME"]).unwrap(), vec![key])
            }
            18 => ("PERSIST", vec![key]),
            19 => ("OBJECT", vec![self.pick(&["REFCOUNT", "FREQ"]).into(), b"nope".to_vec()]),
            20 => ("KEYS", vec![self.pick(&["*", "?", "[ab]", "a*", "nope", "{x}*"]).into()]),
            21 => (
                "SCAN",
                [vec![b"0".to_vec(), b"COUNT".to_vec(), b"1000".to_vec()], self.scan_options()]
                    .concat(),
            ),
            // Not DBSIZE, which counts expired keys until they are swept.
            5 | 22 => ("TYPE", vec![key]),
            _ => ("SELECT", vec![self.pick(&["0", "0", "1", "16", "-1", "x"]).into()]),
        }
    }

    fn scan_options(&mut self) -> Command {
        match self.rng.u32(..6) {
            0 => vec![b"MATCH".to_vec(), b"[a-c]".to_vec()],
            1 => vec![b"TYPE".to_vec(), self.pick(&["string", "STRING", "hash"]).into()],
            2 => vec![self.pick(&["COUNT", "foo", "MATCH"]).into(), b"0".to_vec()],
            _ => vec![],
        }
    }

    fn session_command(&mut self) -> (&'static str, Command) {
        match self.rng.u32(..22) {
            0..=4 => ("MULTI", vec![]),
            5..=10 => ("EXEC", vec![]),
            11 => ("DISCARD", vec![]),
            12..=14 => ("WATCH", self.several(2, Self::key)),
            15 => ("UNWATCH", vec![]),
            16 => ("PING", self.words(&["hi"], 2)),
            17 => ("ECHO", vec![self.value()]),
            18 => (
                self.rng.choice(["FLUSHDB", "FLUSHALL"]).unwrap(),
                self.words(&["ASYNC", "sync", "x"], 1),
            ),
            19 => (
                "SWAPDB",
                vec![
                    self.pick(&["0", "1", "2", "16", "x"]).into(),
                    self.pick(&["0", "1", "2", "16", "x"]).into(),
                ],
            ),
            20 => (
                "COMMAND",
                vec![
                    b"GETKEYS".to_vec(),
                    self.pick(&["get", "set", "mset", "bitop", "nope"]).into(),
                    b"a".to_vec(),
                    b"b".to_vec(),
                    b"c".to_vec(),
                ],
            ),
            _ => ("PUBLISH", vec![b"nobody".to_vec(), self.value()]),
        }
    }

    /// A command, its arguments sometimes damaged, and how its replies are compared.
    fn command(&mut self) -> (Command, Comparison) {
        let (name, mut args) = match self.rng.u32(..20) {
            0..=4 => self.string_command(),
            5 => self.bit_command(),
            6..=12 => self.collection_command(),
            13..=16 => self.key_command(),
            _ => self.session_command(),
        };
        match self.rng.u32(..60) {
            0 => drop(args.pop()),
            1 => args.push(self.value()),
            2 if !args.is_empty() && !is_fragile(name) => {
                let at = self.rng.usize(..args.len());
                args[at] = self.value();
            }
            _ => {}
        }
        if let Some(cursor) = ["SCAN", "HSCAN", "SSCAN"].iter().position(|scan| *scan == name)
            && let Some(cursor) = args.get_mut(cursor.min(1))
        {
            // Where a cursor leads is each server's own affair.
            *cursor = b"0".to_vec();
        }
        if name == "LPOS" {
            // A rank without an opposite overflows in Redis, which then finds anything.
            args.retain(|arg| arg != i64::MIN.to_string().as_bytes());
        }
        if collections::is_random(name) && args.len() == 1 {
            // All there is to pick, since each server picks at random.
            args.push(b"100000".to_vec());
        }
        let comparison = match name {
            "TTL" | "EXPIRETIME" => Comparison::Clock(2),
            "PTTL" | "PEXPIRETIME" => Comparison::Clock(2000),
            _ if collections::is_unordered(name) => Comparison::Unordered,
            "KEYS" | "SCAN" | "EXEC" => Comparison::Unordered,
            _ => Comparison::Exact,
        };
        let name = if self.rng.bool() { name.to_owned() } else { name.to_lowercase() };
        args.insert(0, name.into_bytes());
        (args, comparison)
    }
}

/// Whether an argument must not become any value: a key might then expire while the test runs, at
/// moments of their own on the two servers, a scan end early, where each has its own order, or
/// elements be picked without end.
fn is_fragile(name: &str) -> bool {
    let timed = ["SET", "GETEX", "SETEX", "PSETEX"].contains(&name) || name.contains("EXPIRE");
    timed || name.ends_with("SCAN") || collections::is_random(name)
}

/// Two replies, made alike where they may differ.
fn differ(comparison: Comparison, ours: Frame, theirs: Frame) -> Option<(Frame, Frame)> {
    let close = match comparison {
        Comparison::Exact => ours == theirs,
        Comparison::Unordered => {
            let (ours, theirs) = (ours.clone().sorted(), theirs.clone().sorted());
            is_close(&ours, &theirs, 2000)
        }
        Comparison::Clock(units) => is_close(&ours, &theirs, units),
    };
    (!close).then_some((ours, theirs))
}

/// The first parts of two replies that are not the same.
fn first_difference<'a>(ours: &'a Frame, theirs: &'a Frame) -> (&'a Frame, &'a Frame) {
    let mut children = ours.children.iter().zip(&theirs.children);
    match children.find(|(ours, theirs)| !is_close(ours, theirs, 2000)) {
        Some((ours, theirs)) if ours_length_is(ours, theirs) => first_difference(ours, theirs),
        Some(found) => found,
        None => (ours, theirs),
    }
}

fn ours_length_is(ours: &Frame, theirs: &Frame) -> bool {
    ours.head == theirs.head
}

/// Whether two replies are the same but for large numbers, which are times.
fn is_close(ours: &Frame, theirs: &Frame, units: i64) -> bool {
    match (ours.integer(), theirs.integer()) {
        (Some(ours), Some(theirs)) if ours > 900 => ours.abs_diff(theirs) <= units as u64,
        _ => {
            ours.head == theirs.head
                && ours.body == theirs.body
                && ours.children.len() == theirs.children.len()
                && ours
                    .children
                    .iter()
                    .zip(&theirs.children)
                    .all(|(ours, theirs)| is_close(ours, theirs, units))
        }
    }
}

/// The clients of one server.
struct Side(Vec<Client>);

impl Side {
    fn new(address: std::net::SocketAddr, protocol: &str) -> Self {
        let mut side = Self((0..CLIENTS).map(|_| Client::connect(address)).collect());
        for client in &mut side.0 {
            client.run(&format!("HELLO {protocol}"));
        }
        side
    }

    fn call(&mut self, client: usize, command: &Command) -> Frame {
        self.0[client].send(command);
        Frame::read(self.0[client].reader())
    }
}

/// The number in an environment variable, or what holds without it.
fn number(variable: &str, otherwise: usize) -> usize {
    std::env::var(variable).map_or(otherwise, |text| text.parse().expect("a number"))
}

fn compare(protocol: &str, seed: Seed) {
    compare_made(protocol, seed, Maker::command);
}

/// Compares the replies to the commands that `make` makes.
fn compare_made(protocol: &str, seed: Seed, make: fn(&mut Maker) -> (Command, Comparison)) {
    compare_all(protocol, seed, make, None);
}

/// Compares the replies to the commands that `make` makes, and the events of these classes.
fn compare_all(
    protocol: &str,
    seed: Seed,
    make: fn(&mut Maker) -> (Command, Comparison),
    classes: Option<&str>,
) {
    let dir = tempfile::TempDir::new().unwrap();
    let (_redis, address) = Redis::start(dir.path());
    let server = Server::start(&[]);
    let mut ours = Side::new(server.address(), protocol);
    let mut theirs = Side::new(address, protocol);
    let mut ears =
        classes.map(|classes| [server.address(), address].map(|side| Ears::new(side, classes)));
    let mut maker = Maker { rng: seed.rng(0) };
    let mut history = VecDeque::new();
    let (commands, shown) = (number("EXUVIA_COMMANDS", COMMANDS), number("EXUVIA_SHOWN", SHOWN));
    for number in 0..commands {
        let client = maker.rng.usize(..CLIENTS);
        let (command, comparison) = make(&mut maker);
        let text: Vec<String> =
            command.iter().map(|arg| arg[..arg.len().min(60)].escape_ascii().to_string()).collect();
        let (our, their) = (ours.call(client, &command), theirs.call(client, &command));
        // Scores lose the sign of a zero here, and in Redis only in some of its encodings.
        let (our, their) = (our.with_unsigned_zeros(), their.with_unsigned_zeros());
        history.push_back(format!("{number} client {client}: {} => {their}", text.join(" ")));
        if history.len() > shown {
            history.pop_front();
        }
        if let Some((our, their)) = differ(comparison, our, their) {
            let history: Vec<_> = history.into();
            let (our, their) = first_difference(&our, &their);
            panic!("\n{}\n  ours:   {our}\n  theirs: {their}", history.join("\n"));
        }
        if let Some([our, their]) = ears.as_mut().map(|ears| ears.each_mut().map(Ears::heard)) {
            // When a key is found to have expired is each server's own affair.
            let [our, their] = [our, their].map(|events| {
                events.into_iter().filter(|it| !it.starts_with("expired ")).collect::<Vec<_>>()
            });
            let history: Vec<_> = history.iter().map(String::as_str).collect();
            assert_eq!(our, their, "\n{}\n  events: ours, theirs", history.join("\n"));
        }
        if maker.rng.u32(..2000) == 0 {
            expire_some(&mut maker, &mut ours, &mut theirs);
        }
    }
}

/// Lets keys expire on both sides, seen by nobody in between.
fn expire_some(maker: &mut Maker, ours: &mut Side, theirs: &mut Side) {
    for side in [&mut *ours, &mut *theirs] {
        side.call(0, &vec![b"DISCARD".to_vec()]);
    }
    for _ in 0..2 {
        let command = vec![b"PEXPIRE".to_vec(), maker.key(), b"5".to_vec()];
        assert_eq!(ours.call(0, &command), theirs.call(0, &command));
    }
    std::thread::sleep(Duration::from_millis(20));
}

#[test]
#[ignore = "needs redis-server 7.0"]
fn random_commands_are_followed_by_the_events_of_redis() {
    let seed = Seed::draw("random_commands_are_followed_by_the_events_of_redis");
    for make in [Maker::command, Maker::sorted_set_command, Maker::stream_command] {
        compare_all("2", seed, make, Some("AKEn"));
    }
}

#[test]
#[ignore = "needs redis-server 7.0"]
fn random_commands_get_the_replies_of_redis() {
    compare("2", Seed::draw("random_commands_get_the_replies_of_redis"));
}

#[test]
#[ignore = "needs redis-server 7.0"]
fn random_commands_get_the_replies_of_redis_in_the_newer_protocol() {
    compare("3", Seed::draw("random_commands_get_the_replies_of_redis_in_the_newer_protocol"));
}

#[test]
#[ignore = "needs redis-server 7.0"]
fn random_commands_on_sorted_sets_get_the_replies_of_redis() {
    let seed = Seed::draw("random_commands_on_sorted_sets_get_the_replies_of_redis");
    for protocol in ["2", "3"] {
        compare_made(protocol, seed, Maker::sorted_set_command);
    }
}

#[test]
#[ignore = "needs redis-server 7.0"]
fn random_commands_on_streams_get_the_replies_of_redis() {
    let seed = Seed::draw("random_commands_on_streams_get_the_replies_of_redis");
    for protocol in ["2", "3"] {
        compare_made(protocol, seed, Maker::stream_command);
    }
}

//! Commands on collections of several sizes: CPU time of the server, and memory of an element.

use std::fmt::Write;
use std::thread;
use std::time::Duration;

use fastrand::Rng;

use crate::client::{Client, encode};
use crate::process::Process;

/// Rounds of each figure, in which the servers take turns; the median counts.
const ROUNDS: usize = 5;
/// Operations of a round.
const ROUND: usize = 16_000;
/// Operations of a round where some servers walk the list.
const ROUND_OF_WALKS: usize = 1_600;
/// Commands in flight.
const PIPELINE: usize = 16;
/// Sizes that commands are measured at, and keys of that size, over which they are spread.
const SIZES: [(usize, usize); 5] =
    [(8, 2000), (100, 1000), (1000, 100), (100_000, 1), (1_000_000, 1)];
/// Sizes that memory is measured at.
const MEMORY_SIZES: [usize; 4] = [8, 100, 1000, 1_000_000];
/// Elements that memory is measured with: so many that what a process takes once, for pages of its
/// code and those that its allocator keeps, is little beside them.
const MEMORY_ELEMENTS: usize = 4_000_000;
/// Elements in one command that fills a collection.
const RUN: usize = 100;

/// A type of collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Hash,
    Set,
    SortedSet,
    List,
    Stream,
}

/// What is measured, by the name it has in the table.
const CASES: [(&str, Kind); 10] = [
    ("HSET overwrite", Kind::Hash),
    ("HGET", Kind::Hash),
    ("SADD new + SREM", Kind::Set),
    ("SISMEMBER", Kind::Set),
    ("ZADD change", Kind::SortedSet),
    ("ZRANK", Kind::SortedSet),
    ("ZRANGE of 10", Kind::SortedSet),
    ("LPUSH + RPOP", Kind::List),
    ("LINDEX", Kind::List),
    ("XADD, trimmed", Kind::Stream),
];

/// The figures of one server, in the order of the tables.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures {
    name: String,
    /// Microseconds of a command or a pair, by case and size.
    cpu_micros: Vec<Vec<f64>>,
    /// Bytes of an element, by type and size.
    memory_bytes: Vec<Vec<f64>>,
}

fn key(number: usize) -> Vec<u8> {
    format!("collection:{number}").into_bytes()
}

fn element(number: usize) -> Vec<u8> {
    format!("element:{number:08}").into_bytes()
}

/// Fills `keys` collections with `size` elements each.
fn fill(client: &mut Client, kind: Kind, keys: usize, size: usize) {
    let mut commands = Vec::new();
    let mut waiting = 0;
    for key_number in 0..keys {
        for first in (0..size).step_by(RUN) {
            let numbers = first..(first + RUN).min(size);
            let command = match kind {
                Kind::Hash => "HSET",
                Kind::Set => "SADD",
                Kind::SortedSet => "ZADD",
                Kind::List => "RPUSH",
                Kind::Stream => "XADD",
            };
            let mut words = vec![command.as_bytes().to_vec(), key(key_number)];
            for number in numbers {
                match kind {
                    Kind::Hash => words.extend([element(number), b"a value of 1".to_vec()]),
                    Kind::Set => words.push(element(number)),
                    Kind::SortedSet => {
                        words.extend([number.to_string().into_bytes(), element(number)]);
                    }
                    Kind::List => words.push(format!("an element {number:013}").into_bytes()),
                    Kind::Stream => {
                        let field = [&b"*"[..], b"field", b"a value of 1"];
                        let head = [&words[0][..], &words[1]];
                        encode(&mut commands, &[&head[..], &field[..]].concat());
                        waiting += 1;
                    }
                }
            }
            if kind != Kind::Stream {
                let words: Vec<&[u8]> = words.iter().map(|word| &word[..]).collect();
                encode(&mut commands, &words);
                waiting += 1;
            }
            if waiting >= 100 {
                client.send(&commands).expect("the server reads");
                client.pass(waiting).expect("the server answers");
                commands.clear();
                waiting = 0;
            }
        }
    }
    client.send(&commands).expect("the server reads");
    client.pass(waiting).expect("the server answers");
}

/// Appends one operation of a case; returns how many replies it has, counted as lines and bulks.
fn operation(
    commands: &mut Vec<u8>,
    case: &str,
    (keys, size): (usize, usize),
    rng: &mut Rng,
) -> usize {
    let key = key(rng.usize(..keys));
    let number = rng.usize(..size);
    let known = element(number);
    let text = number.to_string().into_bytes();
    match case {
        "HSET overwrite" => encode(commands, &[b"HSET", &key, &known, b"another valu"]),
        "HGET" => encode(commands, &[b"HGET", &key, &known]),
        "SADD new + SREM" => {
            let new = element(size + number);
            encode(commands, &[b"SADD", &key, &new]);
            encode(commands, &[b"SREM", &key, &new]);
            return 2;
        }
        "SISMEMBER" => encode(commands, &[b"SISMEMBER", &key, &known]),
        "ZADD change" => {
            let score = rng.usize(..size).to_string();
            encode(commands, &[b"ZADD", &key, score.as_bytes(), &known]);
        }
        "ZRANK" => encode(commands, &[b"ZRANK", &key, &known]),
        "ZRANGE of 10" => {
            let first = number.min(size.saturating_sub(10));
            let last = (first + 9).min(size - 1);
            let (first_text, last_text) = (first.to_string(), last.to_string());
            encode(commands, &[b"ZRANGE", &key, first_text.as_bytes(), last_text.as_bytes()]);
            return 2 + last - first;
        }
        "LPUSH + RPOP" => {
            encode(commands, &[b"LPUSH", &key, b"an element of 24 bytes.."]);
            encode(commands, &[b"RPOP", &key]);
            return 2;
        }
        "LINDEX" => encode(commands, &[b"LINDEX", &key, &text]),
        "XADD, trimmed" => {
            let size = size.to_string();
            let words: [&[u8]; 8] =
                [b"XADD", &key, b"MAXLEN", b"~", size.as_bytes(), b"*", b"field", b"a value of 1"];
            encode(commands, &words);
        }
        other => unreachable!("{other} is no case"),
    }
    1
}

/// One server while its commands are measured.
struct Measured {
    process: Process,
    client: Client,
    /// The same operations for all servers.
    rng: Rng,
}

impl Measured {
    fn start(command: &str) -> Self {
        let process = Process::start(command);
        let client = process.client();
        Self { process, client, rng: Rng::with_seed(1) }
    }

    fn run(&mut self, operations: usize, case: &str, shape: (usize, usize)) {
        let mut commands = Vec::new();
        for _ in 0..operations / PIPELINE {
            commands.clear();
            let replies = (0..PIPELINE)
                .map(|_| operation(&mut commands, case, shape, &mut self.rng))
                .sum::<usize>();
            self.client.send(&commands).expect("the server reads");
            self.client.pass(replies).expect("the server answers");
        }
    }

    /// CPU time of an operation in microseconds.
    fn round(&mut self, operations: usize, case: &str, shape: (usize, usize)) -> f64 {
        let before = self.process.cpu_exact();
        self.run(operations, case, shape);
        let took = self.process.cpu_exact().saturating_sub(before);
        took.as_nanos() as f64 / 1000.0 / operations as f64
    }
}

/// CPU time of an operation in microseconds, of each server.
fn cpu(servers: &mut [Measured], case: &str, shape: (usize, usize)) -> Vec<f64> {
    let operations = if case == "LINDEX" && shape.1 > 1000 { ROUND_OF_WALKS } else { ROUND };
    for server in &mut *servers {
        server.run(operations / 2, case, shape);
    }
    let mut figures = vec![Vec::new(); servers.len()];
    for _ in 0..ROUNDS {
        for (server, figures) in servers.iter_mut().zip(&mut figures) {
            figures.push(server.round(operations, case, shape));
        }
    }
    let median = |mut figures: Vec<f64>| {
        figures.sort_by(f64::total_cmp);
        figures[ROUNDS / 2]
    };
    figures.into_iter().map(median).collect()
}

/// Measures servers, given by their names and commands.
pub(crate) fn measure(servers: &[(&str, &str)], quick: bool) -> Vec<Figures> {
    let empty = |(name, _): &(&str, &str)| Figures {
        name: (*name).to_owned(),
        cpu_micros: vec![Vec::new(); CASES.len()],
        ..Figures::default()
    };
    let mut rows: Vec<Figures> = servers.iter().map(empty).collect();
    for &(size, keys) in if quick { &SIZES[..2] } else { &SIZES[..] } {
        let mut running: Vec<_> =
            servers.iter().map(|(_, command)| Measured::start(command)).collect();
        let mut filled = None;
        for (index, (case, kind)) in CASES.iter().enumerate() {
            if filled.replace(*kind) != Some(*kind) {
                for server in &mut running {
                    assert!(server.client.call(&[b"FLUSHALL"]).is_ok());
                    fill(&mut server.client, *kind, keys, size);
                }
            }
            for (row, figure) in rows.iter_mut().zip(cpu(&mut running, case, (keys, size))) {
                row.cpu_micros[index].push(figure);
            }
        }
    }
    let sizes = if quick { &MEMORY_SIZES[..1] } else { &MEMORY_SIZES[..] };
    let elements = if quick { 8_000 } else { MEMORY_ELEMENTS };
    for (row, (_, command)) in rows.iter_mut().zip(servers) {
        let kinds = [Kind::Hash, Kind::Set, Kind::SortedSet, Kind::List];
        row.memory_bytes = kinds
            .map(|kind| sizes.iter().map(|&size| memory(command, kind, size, elements)).collect())
            .into();
    }
    rows
}

/// Bytes of an element by what the process has more of when there are `elements`, keys included.
fn memory(command: &str, kind: Kind, size: usize, elements: usize) -> f64 {
    let process = Process::start(command);
    let mut client = process.client();
    let before = process.memory_bytes();
    fill(&mut client, kind, elements / size, size);
    // What is given back late is not held against anybody.
    thread::sleep(Duration::from_secs(1));
    process.memory_bytes().saturating_sub(before) as f64 / elements as f64
}

/// Prints all figures of a run as tables.
pub(crate) fn print(rows: &[Figures]) {
    println!("\nCPU time of the server per operation or pair, pipelines of {PIPELINE}, in us:\n");
    let sizes: Vec<usize> = SIZES.iter().map(|(size, _)| *size).collect();
    table(rows, &CASES.map(|(case, _)| case), &sizes, |row| &row.cpu_micros);
    println!("\nMemory of an element in bytes, by what the process takes, keys included:\n");
    let kinds = ["hash (28 bytes)", "set (16)", "sorted set (16)", "list (24)"];
    table(rows, &kinds, &MEMORY_SIZES, |row| &row.memory_bytes);
}

fn table(
    rows: &[Figures],
    titles: &[&str],
    sizes: &[usize],
    figures: impl Fn(&Figures) -> &Vec<Vec<f64>>,
) {
    let mut head = "| |".to_owned();
    let mut rule = "|---|".to_owned();
    for size in sizes {
        let _ = write!(head, " {size} |");
        rule.push_str("---|");
    }
    println!("{head}\n{rule}");
    for (index, title) in titles.iter().enumerate() {
        for row in rows {
            let mut line = format!("| {title}, {} |", row.name);
            for (column, figure) in figures(row)[index].iter().enumerate() {
                let ratio = figures(&rows[rows.len() - 1])[index][column];
                let _ = write!(line, " {figure:.2} (x {:.2}) |", figure / ratio);
            }
            println!("{line}");
        }
    }
}

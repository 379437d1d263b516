//! Random commands on streams.

use super::{Command, Comparison, Maker};

const KEYS: [&str; 3] = ["s", "t", "text"];
const GROUPS: [&str; 3] = ["g", "h", "nobody"];
const CONSUMERS: [&str; 3] = ["alice", "bob", "carol"];

impl Maker {
    /// A command on streams. None of them tells a time, of which both servers have their own.
    ///
    /// Keys are not watched: Redis does not count what becomes of groups as a change, which it is.
    pub(super) fn stream_command(&mut self) -> (Command, Comparison) {
        let (name, mut args) = match self.rng.u32(..10) {
            0..=2 => self.log_command(),
            3..=4 => self.log_read(),
            5..=6 => self.group_command(),
            7..=8 => self.group_read(),
            _ => self.stream_companion(),
        };
        match self.rng.u32(..60) {
            0 => drop(args.pop()),
            // Its messages quote bytes that are no text.
            1 if name != "XCLAIM" => args.push(self.value()),
            _ => {}
        }
        args.insert(0, name.as_bytes().to_vec());
        (args, Comparison::Exact)
    }

    fn stream_key(&mut self) -> Vec<u8> {
        self.pick(&KEYS).into()
    }

    fn id(&mut self) -> Vec<u8> {
        match self.rng.u32(..12) {
            0 => self.pick(&["x", "-", "+", "0", "", "1-x", "0-0", "007-1", "(1-1"]).into(),
            1 => self.rng.u32(..40).to_string().into(),
            _ => format!("{}-{}", self.rng.u32(..40), self.rng.u32(..3)).into_bytes(),
        }
    }

    /// An end of a range.
    fn id_bound(&mut self) -> Vec<u8> {
        match self.rng.u32(..6) {
            0 => b"-".to_vec(),
            1 => b"+".to_vec(),
            2 => [b"(".to_vec(), self.id()].concat(),
            _ => self.id(),
        }
    }

    /// Not by `MINID`: Redis 7.0.15 now and then leaves entries that are below it.
    fn trimming(&mut self) -> Command {
        let mark = self.words(&["=", "~"], 1);
        [vec![b"MAXLEN".to_vec()], mark, vec![self.rng.u32(..30).to_string().into()]].concat()
    }

    fn log_command(&mut self) -> (&'static str, Command) {
        let key = self.stream_key();
        match self.rng.u32(..10) {
            0..=5 => {
                let trimming = if self.rng.u32(..4) == 0 { self.trimming() } else { vec![] };
                let make = self.words(&["NOMKSTREAM"], 1);
                let id = match self.rng.u32(..4) {
                    0 => format!("{}-*", self.rng.u32(..40)).into_bytes(),
                    _ => self.id(),
                };
                let fields = (0..self.rng.usize(1..3)).flat_map(|_| [self.id(), self.id()]);
                let fields = fields.collect();
                ("XADD", [vec![key], make, trimming, vec![id], fields].concat())
            }
            6 | 7 => ("XDEL", [vec![key], self.several(3, Self::id)].concat()),
            8 => ("XTRIM", [vec![key], self.trimming()].concat()),
            _ => {
                let mut options = Command::new();
                if self.rng.bool() {
                    let added = self.rng.u32(..50).to_string();
                    options.extend([b"ENTRIESADDED".to_vec(), added.into()]);
                }
                if self.rng.bool() {
                    options.extend([b"maxdeletedid".to_vec(), self.id()]);
                }
                ("XSETID", [vec![key, self.id()], options].concat())
            }
        }
    }

    fn log_read(&mut self) -> (&'static str, Command) {
        let key = self.stream_key();
        let count = self.count_option();
        match self.rng.u32(..6) {
            0..=2 => {
                let name = self.rng.choice(["XRANGE", "XREVRANGE"]).unwrap();
                (name, [vec![key, self.id_bound(), self.id_bound()], count].concat())
            }
            3 => ("XLEN", vec![key]),
            _ => {
                let streams = vec![b"STREAMS".to_vec(), key, self.stream_key()];
                let after = |maker: &mut Self| match maker.rng.u32(..5) {
                    0 => maker.pick(&["$", ">"]).into(),
                    _ => maker.id(),
                };
                let ids = vec![after(self), after(self)];
                ("XREAD", [count, streams, ids].concat())
            }
        }
    }

    fn count_option(&mut self) -> Command {
        match self.rng.u32(..3) {
            0 => vec![b"COUNT".to_vec(), self.rng.i32(-1..4).to_string().into()],
            _ => vec![],
        }
    }

    fn group_command(&mut self) -> (&'static str, Command) {
        let (key, group) = (self.stream_key(), self.pick(&GROUPS).into());
        let position = match self.rng.u32(..3) {
            0 => b"$".to_vec(),
            _ => self.id(),
        };
        let read = match self.rng.u32(..3) {
            0 => vec![b"ENTRIESREAD".to_vec(), self.rng.i32(-2..30).to_string().into()],
            _ => vec![],
        };
        let consumer = self.pick(&CONSUMERS).into();
        let (name, args) = match self.rng.u32(..9) {
            0..=2 => ("CREATE", [vec![key, group, position], read].concat()),
            3 => ("SETID", [vec![key, group, position], read].concat()),
            4 => ("DESTROY", vec![key, group]),
            5 => ("CREATECONSUMER", vec![key, group, consumer]),
            6 => ("DELCONSUMER", vec![key, group, consumer]),
            _ => return ("XINFO", vec![b"GROUPS".to_vec(), key]),
        };
        ("XGROUP", [vec![name.as_bytes().to_vec()], args].concat())
    }

    fn group_read(&mut self) -> (&'static str, Command) {
        let (key, group) = (self.stream_key(), Vec::from(self.pick(&GROUPS)));
        let consumer = Vec::from(self.pick(&CONSUMERS));
        match self.rng.u32(..10) {
            0..=3 => {
                let reader = vec![b"GROUP".to_vec(), group, consumer];
                let (count, ack) = (self.count_option(), self.words(&["NOACK"], 1));
                let after = if self.rng.u32(..3) == 0 { self.id() } else { b">".to_vec() };
                let streams = vec![b"STREAMS".to_vec(), key, after];
                ("XREADGROUP", [reader, count, ack, streams].concat())
            }
            4 | 5 => ("XACK", [vec![key, group], self.several(3, Self::id)].concat()),
            6 => ("XPENDING", vec![key, group]),
            7 => {
                let options = self.words(&["FORCE", "JUSTID", "LASTID", "3-1"], 2);
                let claim = vec![key, group, consumer, b"0".to_vec()];
                ("XCLAIM", [claim, self.several(3, Self::id), options].concat())
            }
            8 => {
                let retry = vec![b"RETRYCOUNT".to_vec(), self.rng.u32(..9).to_string().into()];
                let claim = vec![key, group, consumer, b"0".to_vec(), self.id()];
                ("XCLAIM", [claim, retry].concat())
            }
            _ => {
                let claim = vec![key, group, consumer, b"0".to_vec(), self.id_bound()];
                let options = [self.count_option(), self.words(&["JUSTID"], 1)].concat();
                ("XAUTOCLAIM", [claim, options].concat())
            }
        }
    }

    fn stream_companion(&mut self) -> (&'static str, Command) {
        let key = self.stream_key();
        match self.rng.u32(..11) {
            0 => ("DEL", vec![key]),
            1 => ("TYPE", vec![key]),
            2 => ("SET", vec![b"text".to_vec(), self.value()]),
            3 => ("COPY", vec![key, self.stream_key(), b"REPLACE".to_vec()]),
            4 => ("EXPIRE", vec![key, b"1000".to_vec()]),
            5 => ("MULTI", vec![]),
            6..=8 => ("EXEC", vec![]),
            9 => ("GET", vec![key]),
            _ => ("COMMAND", {
                let streams = ["GETKEYS", "XREAD", "COUNT", "1", "STREAMS"];
                let words = streams.iter().map(|word| Vec::from(*word));
                words.chain(self.several(4, Self::stream_key)).collect()
            }),
        }
    }
}

//! Random commands on hashes, sets and lists.

use super::{Command, Maker};

/// Whether the elements of a reply come in no particular order.
pub(super) fn is_unordered(name: &str) -> bool {
    let names = ["HGETALL", "HKEYS", "HVALS", "HSCAN", "HRANDFIELD", "SMEMBERS", "SSCAN", "SINTER"];
    names.contains(&name) || ["SUNION", "SDIFF", "SRANDMEMBER", "SPOP"].contains(&name)
}

/// Whether a command picks elements at random.
pub(super) fn is_random(name: &str) -> bool {
    ["HRANDFIELD", "SRANDMEMBER", "SPOP"].contains(&name)
}

impl Maker {
    /// A command on a collection. Nothing is left to chance: what is picked at random is all
    /// there is to pick, so that both servers choose the same.
    pub(super) fn collection_command(&mut self) -> (&'static str, Command) {
        match self.rng.u32(..3) {
            0 => self.hash_command(),
            1 => self.set_command(),
            _ => self.list_command(),
        }
    }

    /// A field or a member. There are few, so that they meet.
    fn element(&mut self) -> Vec<u8> {
        match self.rng.u32(..12) {
            0 => self.value(),
            1..=4 => self.rng.i64(-3..40).to_string().into_bytes(),
            _ => self.pick(&["f", "g", "h", "i", "field", "", "a longer name"]).into(),
        }
    }

    fn fields(&mut self) -> Command {
        // Now and then enough to leave the small form behind.
        let count = if self.rng.u32(..50) == 0 { 300 } else { self.rng.usize(1..4) };
        (0..count).flat_map(|_| [self.element(), self.value()]).collect()
    }

    fn hash_command(&mut self) -> (&'static str, Command) {
        let key = self.key();
        match self.rng.u32(..22) {
            0..=3 => ("HSET", [vec![key], self.fields()].concat()),
            4 => ("HMSET", [vec![key], self.fields()].concat()),
            5 => ("HSETNX", vec![key, self.element(), self.value()]),
            6 | 7 => ("HGET", vec![key, self.element()]),
            8 => ("HMGET", [vec![key], self.several(4, Self::element)].concat()),
            9 | 10 => ("HDEL", [vec![key], self.several(5, Self::element)].concat()),
            11 => ("HEXISTS", vec![key, self.element()]),
            12 => ("HLEN", vec![key]),
            13 => ("HSTRLEN", vec![key, self.element()]),
            14 => (self.rng.choice(["HGETALL", "HKEYS", "HVALS"]).unwrap(), vec![key]),
            15 | 16 => ("HINCRBY", vec![key, self.element(), self.integer()]),
            17 => {
                // Sums that are exact in any precision, in a field that nobody else sets.
                let sum = self.pick(&["0.5", "-1.25", "3e2", "x", "", "inf", "nan", " 1", "7"]);
                ("HINCRBYFLOAT", vec![key, b"exact".to_vec(), sum.into()])
            }
            18 | 19 => {
                let options = self.words(&["WITHVALUES", "withvalues", "x"], 2);
                let count = self.pick(&["100000", "0", "-0", "x", "9223372036854775807"]);
                ("HRANDFIELD", [vec![key, count.into()], options].concat())
            }
            _ => {
                let options = self.words(&["MATCH", "COUNT", "10000", "*", "[a-f]*", "x", "0"], 4);
                let all = vec![b"COUNT".to_vec(), b"10000".to_vec()];
                ("HSCAN", [vec![key, b"0".to_vec()], all, options].concat())
            }
        }
    }

    fn set_command(&mut self) -> (&'static str, Command) {
        let key = self.key();
        match self.rng.u32(..20) {
            0..=4 => {
                let count = if self.rng.u32(..30) == 0 { 600 } else { 5 };
                ("SADD", [vec![key], self.several(count, Self::element)].concat())
            }
            5 | 6 => ("SREM", [vec![key], self.several(6, Self::element)].concat()),
            7 => ("SMOVE", vec![key, self.key(), self.element()]),
            8 => ("SISMEMBER", vec![key, self.element()]),
            9 => ("SMISMEMBER", [vec![key], self.several(4, Self::element)].concat()),
            10 => (self.rng.choice(["SCARD", "SMEMBERS"]).unwrap(), vec![key]),
            11 => {
                let count = self.pick(&["100000", "0", "-0", "x", "9223372036854775807"]);
                let options = self.words(&["x"], 1);
                ("SRANDMEMBER", [vec![key, count.into()], options].concat())
            }
            12 => ("SPOP", vec![key, self.pick(&["100000", "0", "-1", "x"]).into()]),
            13 => {
                let options = self.words(&["MATCH", "COUNT", "10000", "[a-f]*", "x", "0"], 4);
                let all = vec![b"COUNT".to_vec(), b"10000".to_vec()];
                ("SSCAN", [vec![key, b"0".to_vec()], all, options].concat())
            }
            14 | 15 => {
                let name = self.rng.choice(["SINTER", "SUNION", "SDIFF"]).unwrap();
                (name, self.several(3, Self::key))
            }
            16 => {
                let keys = self.several(3, Self::key);
                let count = match self.rng.u32(..5) {
                    0 => self.integer(),
                    _ => keys.len().to_string().into_bytes(),
                };
                let options = self.words(&["LIMIT", "2", "0", "-1", "x"], 2);
                ("SINTERCARD", [vec![count], keys, options].concat())
            }
            _ => {
                let name = self.rng.choice(["SINTERSTORE", "SUNIONSTORE", "SDIFFSTORE"]).unwrap();
                (name, self.several(4, Self::key))
            }
        }
    }

    fn end(&mut self) -> Vec<u8> {
        self.pick(&["LEFT", "right", "LEFT", "RIGHT", "left", "x"]).into()
    }

    fn list_command(&mut self) -> (&'static str, Command) {
        let key = self.key();
        match self.rng.u32(..24) {
            0..=4 => {
                let name = self.rng.choice(["LPUSH", "RPUSH", "LPUSHX", "RPUSHX"]).unwrap();
                let count = if self.rng.u32(..40) == 0 { 300 } else { 5 };
                (name, [vec![key], self.several(count, Self::element)].concat())
            }
            5..=7 => {
                let name = self.rng.choice(["LPOP", "RPOP"]).unwrap();
                let count = self.pick(&["0", "1", "2", "100", "-1", "x"]);
                let count = if self.rng.bool() { vec![count.into()] } else { vec![] };
                (name, [vec![key], count].concat())
            }
            8 => ("LLEN", vec![key]),
            9 | 10 => ("LINDEX", vec![key, self.integer()]),
            11 => ("LSET", vec![key, self.integer(), self.element()]),
            12 => {
                let place = self.pick(&["BEFORE", "after", "x"]).into();
                ("LINSERT", vec![key, place, self.element(), self.element()])
            }
            13 | 14 => ("LRANGE", vec![key, self.integer(), self.integer()]),
            15 => ("LTRIM", vec![key, self.integer(), self.integer()]),
            16 => ("LREM", vec![key, self.integer(), self.element()]),
            17 | 18 => {
                let words = ["RANK", "count", "MAXLEN", "1", "-1", "2", "0", "-2", "100", "x"];
                let options = match self.rng.u32(..3) {
                    0 => self.words(&words, 4),
                    1 => vec![self.pick(&words[..3]).into(), self.pick(&words[3..]).into()],
                    _ => vec![],
                };
                ("LPOS", [vec![key, self.element()], options].concat())
            }
            19 | 20 => ("LMOVE", vec![key, self.key(), self.end(), self.end()]),
            21 => ("RPOPLPUSH", vec![key, self.key()]),
            _ => {
                let keys = self.several(3, Self::key);
                let count = match self.rng.u32(..5) {
                    0 => self.integer(),
                    _ => keys.len().to_string().into_bytes(),
                };
                let options = match self.rng.u32(..3) {
                    0 => self.words(&["COUNT", "2", "0", "x"], 3),
                    1 => vec![b"COUNT".to_vec(), b"3".to_vec()],
                    _ => vec![],
                };
                ("LMPOP", [vec![count], keys, vec![self.end()], options].concat())
            }
        }
    }
}

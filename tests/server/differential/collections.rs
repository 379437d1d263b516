//! Random commands on hashes, sets and lists.

use super::{Command, Maker};

/// Whether the elements of a reply come in no particular order.
pub(super) fn is_unordered(name: &str) -> bool {
    ["HGETALL", "HKEYS", "HVALS", "HSCAN", "HRANDFIELD"].contains(&name)
}

/// Whether a command picks elements at random.
pub(super) fn is_random(name: &str) -> bool {
    ["HRANDFIELD", "SRANDMEMBER", "SPOP"].contains(&name)
}

impl Maker {
    /// A command on a collection. Nothing is left to chance: what is picked at random is all
    /// there is to pick, so that both servers choose the same.
    pub(super) fn collection_command(&mut self) -> (&'static str, Command) {
        self.hash_command()
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
}

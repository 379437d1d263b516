//! Random commands on sorted sets.

use super::{Command, Comparison, Maker};

/// Keys that hold whatever commands leave there.
const KEYS: [&str; 5] = ["a", "b", "c", "d", "text"];
/// Keys whose members all have one score, as ranges of members want it.
const LEVEL: [&str; 2] = ["level", "flat"];

impl Maker {
    /// A command on sorted sets, or one that goes with them. Arguments are sometimes damaged.
    pub(super) fn sorted_set_command(&mut self) -> (Command, Comparison) {
        let (name, mut args) = match self.rng.u32(..30) {
            0..=3 => return self.level_command(),
            4..=8 => self.add_command(),
            9..=12 => self.score_command(),
            13..=16 => self.sorted_range(),
            17..=19 => self.removal(),
            20..=23 => self.combination(),
            24..=27 => self.companion(),
            _ => self.picking(),
        };
        // What asks for less than all would leave the choice to chance.
        let is_picking = ["ZRANDMEMBER", "ZSCAN"].contains(&name);
        match self.rng.u32(..60) {
            _ if is_picking => {}
            0 => drop(args.pop()),
            // A longer ZRANK is younger than that Redis.
            1 if !name.ends_with("RANK") => args.push(self.value()),
            2 if args.len() > 1 => {
                let at = self.rng.usize(1..args.len());
                args[at] = self.value();
            }
            _ => {}
        }
        let comparison = match name {
            "ZSCAN" | "ZRANDMEMBER" | "EXEC" => Comparison::Unordered,
            "TTL" => Comparison::Clock(2),
            _ => Comparison::Exact,
        };
        let name = if self.rng.bool() { name.to_owned() } else { name.to_lowercase() };
        args.insert(0, name.into_bytes());
        (args, comparison)
    }

    fn sorted_key(&mut self) -> Vec<u8> {
        self.pick(&KEYS).into()
    }

    fn member(&mut self) -> Vec<u8> {
        match self.rng.u32(..12) {
            0 => self.value(),
            1..=6 => format!("m{}", self.rng.u32(..300)).into_bytes(),
            _ => self.pick(&["a", "b", "c", "aa", "ab", "x", ""]).into(),
        }
    }

    fn score(&mut self) -> Vec<u8> {
        match self.rng.u32(..12) {
            0 => self.decimal(),
            1 => self
                .pick(&["inf", "-inf", "+Inf", "nan", "1e300", "-1e-300", "0x1p4", "1e400", "-0"])
                .into(),
            2 | 3 => format!("{}.{}", self.rng.i32(-50..50), self.rng.u32(..100_000)).into_bytes(),
            4 => (self.rng.i64(..) >> 40).to_string().into_bytes(),
            _ => self.rng.i32(-20..20).to_string().into_bytes(),
        }
    }

    fn add_command(&mut self) -> (&'static str, Command) {
        let key = self.sorted_key();
        if self.rng.u32(..5) == 0 {
            return ("ZINCRBY", vec![key, self.score(), self.member()]);
        }
        let options = if self.rng.bool() {
            Vec::new()
        } else {
            self.words(&["NX", "xx", "GT", "lt", "CH", "INCR"], 2)
        };
        // Now and then enough to leave the small form behind.
        let members = if self.rng.u32(..40) == 0 { 200 } else { self.rng.usize(1..4) };
        let members = if options.contains(&b"INCR".to_vec()) { 1 } else { members };
        let pairs: Command = (0..members).flat_map(|_| [self.score(), self.member()]).collect();
        ("ZADD", [vec![key], options, pairs].concat())
    }

    fn score_command(&mut self) -> (&'static str, Command) {
        let key = self.sorted_key();
        match self.rng.u32(..6) {
            0 => ("ZSCORE", vec![key, self.member()]),
            1 => ("ZMSCORE", [vec![key], self.several(3, Self::member)].concat()),
            2 => ("ZCARD", vec![key]),
            3 => ("ZCOUNT", vec![key, self.bound(), self.bound()]),
            4 => ("ZRANK", vec![key, self.member()]),
            _ => ("ZREVRANK", vec![key, self.member()]),
        }
    }

    /// An end of a range of scores.
    fn bound(&mut self) -> Vec<u8> {
        let open = if self.rng.u32(..4) == 0 { "(" } else { "" };
        let score = match self.rng.u32(..4) {
            0 => self.pick(&["-inf", "+inf", "", " 3", "x", "("]).into(),
            _ => self.score(),
        };
        [open.as_bytes(), &score[..]].concat()
    }

    fn sorted_range(&mut self) -> (&'static str, Command) {
        let key = self.sorted_key();
        let limit = match self.rng.u32(..4) {
            0 => {
                let limit = b"LIMIT".to_vec();
                vec![
                    limit,
                    self.rng.i32(-2..5).to_string().into(),
                    self.rng.i32(-2..9).to_string().into(),
                ]
            }
            _ => Vec::new(),
        };
        let scores = self.words(&["WITHSCORES", "withscores", "REV", "x"], 1);
        match self.rng.u32(..8) {
            0 | 1 => ("ZRANGE", [vec![key, self.integer(), self.integer()], scores].concat()),
            2 => ("ZREVRANGE", [vec![key, self.integer(), self.integer()], scores].concat()),
            3 => {
                let name = self.rng.choice(["ZRANGEBYSCORE", "ZREVRANGEBYSCORE"]).unwrap();
                (name, [vec![key, self.bound(), self.bound()], scores, limit].concat())
            }
            4 | 5 => {
                let kind = vec![self.pick(&["BYSCORE", "byscore"]).into()];
                ("ZRANGE", [vec![key, self.bound(), self.bound()], kind, limit, scores].concat())
            }
            6 => {
                let range = vec![self.sorted_key(), key, self.integer(), self.integer()];
                ("ZRANGESTORE", [range, self.words(&["REV", "WITHSCORES"], 1)].concat())
            }
            _ => {
                let range = vec![self.sorted_key(), key, self.bound(), self.bound()];
                let rev = self.words(&["REV"], 1);
                ("ZRANGESTORE", [range, vec![b"BYSCORE".to_vec()], rev, limit].concat())
            }
        }
    }

    fn removal(&mut self) -> (&'static str, Command) {
        let key = self.sorted_key();
        match self.rng.u32(..7) {
            0 | 1 => ("ZREM", [vec![key], self.several(3, Self::member)].concat()),
            2 => ("ZREMRANGEBYRANK", vec![key, self.integer(), self.integer()]),
            3 => ("ZREMRANGEBYSCORE", vec![key, self.bound(), self.bound()]),
            4 => {
                let count = if self.rng.bool() { vec![] } else { vec![self.small()] };
                (self.rng.choice(["ZPOPMIN", "ZPOPMAX"]).unwrap(), [vec![key], count].concat())
            }
            _ => {
                let end = vec![self.pick(&["MIN", "max", "MAX", "x"]).into()];
                let count =
                    if self.rng.bool() { vec![] } else { vec![b"COUNT".to_vec(), self.small()] };
                ("ZMPOP", [self.numbered(), end, count].concat())
            }
        }
    }

    fn small(&mut self) -> Vec<u8> {
        self.pick(&["1", "2", "3", "0", "-1", "1000", "x"]).into()
    }

    /// Keys with their number in front, which is sometimes wrong.
    fn numbered(&mut self) -> Command {
        let keys = self.several(3, Self::sorted_key);
        let number =
            if self.rng.u32(..12) == 0 { self.small() } else { keys.len().to_string().into() };
        [vec![number], keys].concat()
    }

    fn combination(&mut self) -> (&'static str, Command) {
        let keys = self.numbered();
        let mut options = Command::new();
        if self.rng.u32(..3) == 0 {
            options.push(b"WEIGHTS".to_vec());
            let weight = |_| self.pick(&["1", "2", "0.5", "-1.5", "inf", "0", "x"]).into();
            options.extend((1..keys.len()).map(weight));
        }
        if self.rng.u32(..3) == 0 {
            options.extend([b"aggregate".to_vec(), self.pick(&["SUM", "min", "MAX", "x"]).into()]);
        }
        let scores = self.words(&["WITHSCORES"], 1);
        match self.rng.u32(..7) {
            0 => ("ZUNION", [keys, options, scores].concat()),
            1 => ("ZINTER", [keys, options, scores].concat()),
            2 => ("ZDIFF", [keys, scores].concat()),
            3 => ("ZINTERCARD", [keys, self.words(&["LIMIT", "1", "0", "-1"], 2)].concat()),
            4 => ("ZUNIONSTORE", [vec![self.sorted_key()], keys, options].concat()),
            5 => ("ZINTERSTORE", [vec![self.sorted_key()], keys, options].concat()),
            _ => ("ZDIFFSTORE", [vec![self.sorted_key()], keys].concat()),
        }
    }

    /// Asks for all there is, so that chance has no part in it.
    fn picking(&mut self) -> (&'static str, Command) {
        let key = self.sorted_key();
        if self.rng.bool() {
            let count = self.pick(&["100000", "0", "x", "-9223372036854775808"]).into();
            return (
                "ZRANDMEMBER",
                [vec![key, count], self.words(&["WITHSCORES", "x"], 1)].concat(),
            );
        }
        let options = self.words(&["MATCH", "COUNT", "10000", "m*", "x", "0"], 2);
        let all = vec![b"COUNT".to_vec(), b"10000".to_vec()];
        ("ZSCAN", [vec![key, b"0".to_vec()], all, options].concat())
    }

    /// A command of another family that sees or moves what these leave.
    fn companion(&mut self) -> (&'static str, Command) {
        let key = self.sorted_key();
        match self.rng.u32(..16) {
            0 => ("DEL", vec![key]),
            1 => ("EXISTS", vec![key]),
            2 => ("TYPE", vec![key]),
            3 => ("EXPIRE", vec![key, b"1000".to_vec()]),
            4 => ("TTL", vec![key]),
            5 => ("PERSIST", vec![key]),
            6 => ("RENAME", vec![key, self.sorted_key()]),
            7 => ("COPY", vec![key, self.sorted_key(), b"REPLACE".to_vec()]),
            8 => ("SET", vec![b"text".to_vec(), self.value()]),
            9 => ("GET", vec![key]),
            10 => ("MULTI", vec![]),
            11 | 12 => ("EXEC", vec![]),
            13 => ("WATCH", vec![key]),
            14 => ("COMMAND", {
                let name = self.pick(&["ZADD", "ZUNION", "ZUNIONSTORE", "ZMPOP"]).into();
                [vec![b"GETKEYS".to_vec(), name], self.numbered(), self.numbered()].concat()
            }),
            _ => ("INCR", vec![key]),
        }
    }

    /// A command that asks for the order of members, on sorted sets with one score.
    fn level_command(&mut self) -> (Command, Comparison) {
        let key: Vec<u8> = self.pick(&LEVEL).into();
        let (name, args) = match self.rng.u32(..9) {
            0..=2 => {
                let members = self.several(4, Self::member);
                ("ZADD", members.into_iter().flat_map(|name| [b"0".to_vec(), name]).collect())
            }
            3 => ("ZLEXCOUNT", vec![self.edge(), self.edge()]),
            4 => ("ZRANGEBYLEX", vec![self.edge(), self.edge()]),
            5 => ("ZREVRANGEBYLEX", vec![self.edge(), self.edge()]),
            6 => {
                let limit = vec![b"LIMIT".to_vec(), b"1".to_vec(), self.small()];
                let kind =
                    vec![b"BYLEX".to_vec(), self.pick(&["REV", "bylex", "WITHSCORES"]).into()];
                ("ZRANGE", [vec![self.edge(), self.edge()], kind, limit].concat())
            }
            7 => ("ZREMRANGEBYLEX", vec![self.edge(), self.edge()]),
            _ => ("ZREM", vec![self.member()]),
        };
        ([vec![name.as_bytes().to_vec(), key], args].concat(), Comparison::Exact)
    }

    /// An end of a range of members.
    fn edge(&mut self) -> Vec<u8> {
        match self.rng.u32(..6) {
            0 => self.pick(&["-", "+", "x", "", "++", "[", "("]).into(),
            1 => self.pick(&["-", "+"]).into(),
            2 | 3 => [b"(".to_vec(), self.member()].concat(),
            _ => [b"[".to_vec(), self.member()].concat(),
        }
    }
}

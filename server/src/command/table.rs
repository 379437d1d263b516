//! The table of commands: from a name as the client wrote it to what is known of it.

use std::sync::LazyLock;

use super::FAMILIES;
use super::spec::Spec;

/// Longest name of a command or subcommand.
const NAME_BYTES_MAX: usize = PACKED_BYTES - 1;
const PACKED_BYTES: usize = 24;
/// Slots of the hash table, several for each command so that a perfect hash is found quickly.
const SLOTS_LOG2: u32 = 11;

/// A name in lower case, padded, with its length: compared and hashed as words.
type Packed = [u64; PACKED_BYTES / 8];

/// Number of a command or subcommand in the table, the same for the life of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct CommandId(u16);

impl CommandId {
    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// All commands, found by a perfect hash of their names.
#[derive(Debug)]
pub(crate) struct Table {
    /// The commands, and behind them their subcommands.
    specs: Vec<&'static Spec>,
    /// Number of the first subcommand of each command.
    first_subcommands: Vec<u16>,
    names: Vec<Packed>,
    /// Number of the command plus one, or zero.
    slots: Vec<u16>,
    multiplier: u64,
    /// Commands that the connection treats on their own.
    pub(crate) get: CommandId,
    pub(crate) exec: CommandId,
}

static TABLE: LazyLock<Table> = LazyLock::new(Table::build);

impl Table {
    /// The one table.
    pub(crate) fn shared() -> &'static Self {
        &TABLE
    }

    fn build() -> Self {
        let mut specs: Vec<&'static Spec> = FAMILIES.iter().copied().flatten().collect();
        let names: Vec<Packed> = specs
            .iter()
            .map(|spec| pack(spec.name.as_bytes()).expect("names of commands are short"))
            .collect();
        // Odd multipliers are tried until no two names share a slot; that takes microseconds.
        let (multiplier, slots) = (1_u64..)
            .map(|round| round.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
            .find_map(|multiplier| Some((multiplier, place(&names, multiplier)?)))
            .expect("distinct names have a perfect hash");
        let mut first_subcommands = Vec::with_capacity(names.len());
        for index in 0..names.len() {
            first_subcommands.push(specs.len() as u16);
            specs.extend(specs[index].subcommands);
        }
        let (get, exec) = (CommandId(0), CommandId(0));
        let mut table = Self { specs, first_subcommands, names, slots, multiplier, get, exec };
        table.get = table.find(b"get").expect("GET is in the table");
        table.exec = table.find(b"exec").expect("EXEC is in the table");
        table
    }

    /// Finds a command by its name in any case.
    #[inline]
    pub(crate) fn find(&self, name: &[u8]) -> Option<CommandId> {
        let packed = pack(name)?;
        let number = self.slots[slot(&packed, self.multiplier)].checked_sub(1)?;
        (self.names[usize::from(number)] == packed).then_some(CommandId(number))
    }

    /// Finds a command by its name as [`find`](Self::find) does, at once if it was among the last.
    #[inline]
    pub(crate) fn find_again(&self, name: &[u8], last: &mut LastFound) -> Option<CommandId> {
        let Some(word) = short_word(name) else { return self.find(name) };
        if let Some(id) = last.get(word) {
            return Some(id);
        }
        let id = self.find(name)?;
        last.push(word, id);
        Some(id)
    }

    /// Finds the subcommand `name`, in any case, of the command `id`.
    #[inline]
    pub(crate) fn subcommand(&self, id: CommandId, name: &[u8]) -> Option<CommandId> {
        let own = |spec: &Spec| {
            let own = &spec.name.as_bytes()[self.specs[id.index()].name.len() + 1..];
            own.eq_ignore_ascii_case(name)
        };
        let position = self.specs[id.index()].subcommands.iter().position(own)?;
        Some(CommandId(self.first_subcommands[id.index()] + position as u16))
    }

    /// What is known of a command or subcommand.
    #[inline]
    pub(crate) fn spec(&self, id: CommandId) -> &'static Spec {
        self.specs[id.index()]
    }

    /// The command of that name, or the subcommand of the name `container|name`.
    pub(crate) fn find_full(&self, name: &[u8]) -> Option<CommandId> {
        match name.iter().position(|byte| *byte == b'|') {
            None => self.find(name),
            Some(bar) => self.subcommand(self.find(&name[..bar])?, &name[bar + 1..]),
        }
    }

    /// Every command with its number.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (CommandId, &'static Spec)> {
        self.all().take(self.len())
    }

    /// Every command and every subcommand.
    pub(crate) fn all(&self) -> impl ExactSizeIterator<Item = (CommandId, &'static Spec)> {
        self.specs.iter().enumerate().map(|(index, spec)| (CommandId(index as u16), *spec))
    }

    /// The command or subcommand of a number that [`CommandId::index`] gave.
    pub(crate) fn at(&self, index: usize) -> Option<&'static Spec> {
        self.specs.get(index).copied()
    }

    /// Number of commands, subcommands left out.
    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }
}

/// Puts every name in its slot; `None` if two fall on the same.
fn place(names: &[Packed], multiplier: u64) -> Option<Vec<u16>> {
    let mut slots = vec![0; 1 << SLOTS_LOG2];
    for (index, name) in names.iter().enumerate() {
        let slot = &mut slots[slot(name, multiplier)];
        if *slot != 0 {
            return None;
        }
        *slot = index as u16 + 1;
    }
    Some(slots)
}

/// The two commands that were found last, of which a pipeline often has nothing else. Names that are
/// zero are none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LastFound {
    names: [u64; 2],
    ids: [CommandId; 2],
}

impl LastFound {
    #[inline]
    fn get(&self, name: u64) -> Option<CommandId> {
        self.names.iter().position(|it| *it == name).map(|at| self.ids[at])
    }

    fn push(&mut self, name: u64, id: CommandId) {
        self.names = [name, self.names[0]];
        self.ids = [id, self.ids[0]];
    }
}

impl Default for LastFound {
    fn default() -> Self {
        Self { names: [0; 2], ids: [CommandId(0); 2] }
    }
}

/// A name of one byte to seven as a number, with its length.
#[inline]
fn short_word(name: &[u8]) -> Option<u64> {
    let len = name.len();
    let word = if let (Some(first), Some(last)) = (name.first_chunk(), name.last_chunk()) {
        let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
        u64::from(first) | u64::from(last) << (8 * (len - 4)).min(32)
    } else {
        name.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
    };
    (1..8).contains(&len).then_some(word | (len as u64) << 56)
}

#[inline]
fn pack(name: &[u8]) -> Option<Packed> {
    if name.len() > NAME_BYTES_MAX {
        return None;
    }
    let mut bytes = [0; PACKED_BYTES];
    bytes[..name.len()].copy_from_slice(name);
    bytes.make_ascii_lowercase();
    // Without its length a name would equal the same name with a NUL behind it.
    bytes[NAME_BYTES_MAX] = name.len() as u8;
    let mut words = [0; PACKED_BYTES / 8];
    for (word, chunk) in words.iter_mut().zip(bytes.as_chunks().0) {
        *word = u64::from_le_bytes(*chunk);
    }
    Some(words)
}

#[inline]
fn slot(name: &Packed, multiplier: u64) -> usize {
    let mixed = name[0] ^ name[1].rotate_left(23) ^ name[2].rotate_left(41);
    (mixed.wrapping_mul(multiplier) >> (64 - SLOTS_LOG2)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_found_in_any_case_and_nothing_else_is() {
        let table = Table::shared();
        for (id, spec) in table.iter() {
            assert_eq!(table.find(spec.name.as_bytes()), Some(id), "{}", spec.name);
            assert_eq!(table.find(spec.name.to_uppercase().as_bytes()), Some(id));
            assert_eq!(spec.name, spec.name.to_lowercase());
        }
        for name in [&b""[..], b"ge", b"gett", b"get\0", b"get ", &[b'g'; 100]] {
            assert_eq!(table.find(name), None, "{}", name.escape_ascii());
        }
    }

    #[test]
    fn subcommands_are_named_after_their_container() {
        let table = Table::shared();
        for (id, spec) in table.iter() {
            for sub in spec.subcommands {
                let (container, name) = sub.name.split_once('|').unwrap();
                assert_eq!(container, spec.name);
                let found = table.subcommand(id, name.to_uppercase().as_bytes()).unwrap();
                assert_eq!(table.spec(found).name, sub.name);
                assert_eq!(table.find_full(sub.name.as_bytes()), Some(found));
                assert!(sub.arity.unsigned_abs() >= 2, "{}", sub.name);
            }
            assert_eq!(table.subcommand(id, b"no-such"), None);
        }
    }

    #[test]
    fn every_command_is_documented() {
        for (_, spec) in Table::shared().iter() {
            assert!(!spec.summary.is_empty(), "{}", spec.name);
            for sub in spec.subcommands {
                assert!(!sub.summary.is_empty(), "{}", sub.name);
            }
        }
    }
}

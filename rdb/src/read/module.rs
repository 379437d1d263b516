//! What modules keep: named to refuse it, or read over.

use std::io::Read;

use super::value::{Key, Values};
use crate::{Fault, RdbError};

/// Parts of a module's data.
mod part {
    pub(super) const END: u64 = 0;
    pub(super) const SIGNED: u64 = 1;
    pub(super) const UNSIGNED: u64 = 2;
    pub(super) const FLOAT: u64 = 3;
    pub(super) const DOUBLE: u64 = 4;
    pub(super) const STRING: u64 = 5;
}

/// The name of a type, from an id that holds it at six bits a letter, above ten of version.
fn type_name(id: u64) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    (0..9).rev().map(|at| char::from(LETTERS[(id >> (10 + 6 * at)) as usize & 63])).collect()
}

impl<R: Read> Values<R> {
    /// Reads over the value of a key.
    pub(super) fn module_value(&mut self, key: Key<'_>) -> Result<(), RdbError> {
        let id = self.input.length()?;
        if !self.skip_unsupported {
            return Err(self.refused(&format!("a value of the module type {}", type_name(id)), key));
        }
        self.module_data()
    }

    /// Reads over what a module keeps beside the keys.
    pub(super) fn module_aux(&mut self) -> Result<(), RdbError> {
        let id = self.input.length()?;
        if !self.skip_unsupported {
            let what = format!("data of the module type {}", type_name(id));
            return Err(self.input.unsupported(what));
        }
        // When the module wants it, in the form of module data, and then the data.
        if self.input.length()? != part::UNSIGNED {
            return Err(self.input.damaged(Fault::Module));
        }
        self.input.length()?;
        self.module_data()
    }

    fn module_data(&mut self) -> Result<(), RdbError> {
        loop {
            match self.input.length()? {
                part::END => return Ok(()),
                part::SIGNED | part::UNSIGNED => {
                    self.input.length()?;
                }
                part::FLOAT => {
                    self.input.array::<4>()?;
                }
                part::DOUBLE => {
                    self.input.array::<8>()?;
                }
                part::STRING => self.input.string(&mut self.compact)?,
                _ => return Err(self.input.damaged(Fault::Module)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::type_name;

    #[test]
    fn a_type_is_named_by_its_id() {
        // ReJSON-RL, version 3, as RedisJSON writes it.
        let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let id = b"ReJSON-RL".iter().fold(0, |id, letter| {
            id << 6 | letters.iter().position(|other| other == letter).unwrap() as u64
        });
        assert_eq!(type_name(id << 10 | 3), "ReJSON-RL");
    }
}

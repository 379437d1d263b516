//! A simulated file.

use std::sync::Arc;
use std::{io, thread};

use super::image::Image;
use super::names::FileId;
use super::script::Fault;
use super::world::{Fate, State, World, fate, no_power};
use crate::disk::file_system::{Completion, Direction, File, FileStat, Transfer};

/// An open file of a simulated machine.
#[derive(Debug)]
pub(in crate::disk) struct SimFile {
    world: Arc<World>,
    id: FileId,
    /// Its name when it was opened, for the log.
    name: String,
    in_flight: Vec<InFlight>,
}

/// A transfer that was submitted.
#[derive(Debug)]
struct InFlight {
    operation: u64,
    transfer: Transfer,
    fault: Option<Fault>,
}

impl SimFile {
    /// The file `id`, opened as `name`.
    pub(super) fn new(world: Arc<World>, id: FileId, name: &str) -> Self {
        Self { world, id, name: name.to_owned(), in_flight: Vec::new() }
    }

    /// Waits for a transfer that nothing stalls, any one of them, and takes it out.
    fn take_any(&mut self) -> io::Result<InFlight> {
        let mut state = self.world.lock();
        loop {
            if state.dead {
                return Err(no_power());
            }
            let everything = state.transfers_stalled_by.is_some_and(|gate| state.stalls(gate));
            let ready: Vec<usize> = (0..self.in_flight.len())
                .filter(|index| match self.in_flight[*index].fault {
                    Some(Fault::Stall(gate)) => !state.stalls(gate),
                    _ => true,
                })
                .collect();
            if !everything && !ready.is_empty() {
                let chosen = ready[state.random.below(ready.len())];
                return Ok(self.in_flight.swap_remove(chosen));
            }
            self.world.notify();
            state = self.world.wait(state);
        }
    }

    fn with_image<T>(&self, state: &mut State, change: impl FnOnce(&mut Image) -> T) -> T {
        let now = state.now_unix_ns();
        let image = state.images.entry(self.id).or_default();
        image.modified_unix_ns = now;
        change(image)
    }

    /// Moves bytes, at most `bytes_max` of them.
    fn transfer(
        &self,
        state: &mut State,
        operation: u64,
        transfer: &mut Transfer,
        bytes_max: usize,
    ) -> io::Result<usize> {
        let position = transfer.position() as usize;
        let wanted = transfer.range.len().min(bytes_max);
        match transfer.direction {
            Direction::Read => {
                let content = state.images.get(&self.id).map_or(&[][..], Image::visible);
                let content = &content[position.min(content.len())..];
                let moved = wanted.min(content.len());
                let range = transfer.range.start..transfer.range.start + moved;
                transfer.buffer.all_mut()[range].copy_from_slice(&content[..moved]);
                Ok(moved)
            }
            Direction::Write => {
                let length = state.images.get(&self.id).map_or(0, |image| image.visible().len());
                let free = state.capacity_bytes.saturating_sub(state.used_bytes());
                let room = (length as u64).saturating_add(free).saturating_sub(position as u64);
                let moved = wanted.min(usize::try_from(room).unwrap_or(usize::MAX));
                self.with_image(state, |image| image.complete_write(operation, moved));
                if moved < wanted && moved == 0 {
                    return Err(io::ErrorKind::StorageFull.into());
                }
                Ok(moved)
            }
        }
    }
}

impl File for SimFile {
    fn submit(&mut self, mut transfer: Transfer) -> io::Result<()> {
        let mut state = self.world.lock();
        let action = match transfer.direction {
            Direction::Read => "read",
            Direction::Write => "write",
        };
        let (operation, fault) = state.count(action, &self.name)?;
        if transfer.direction == Direction::Write {
            let position = transfer.position() as usize;
            let bytes = &transfer.buffer.all_mut()[transfer.range.clone()];
            self.with_image(&mut state, |image| image.begin_write(operation, position, bytes));
        }
        drop(state);
        self.in_flight.push(InFlight { operation, transfer, fault });
        Ok(())
    }

    fn complete(&mut self) -> Completion {
        let InFlight { operation, mut transfer, fault } = self.take_any()?;
        if let Some(Fault::Delay(duration)) = fault {
            thread::sleep(duration);
        }
        let mut state = self.world.lock();
        if state.dead {
            return Err(no_power());
        }
        let result = match fate(fault) {
            Fate::Succeed { bytes_max } => {
                self.transfer(&mut state, operation, &mut transfer, bytes_max)
            }
            Fate::Fail(kind) => Err(kind.into()),
            Fate::Die => {
                drop(state);
                self.world.die();
                return Err(no_power());
            }
        };
        Ok((transfer, result))
    }

    fn preallocate(&mut self, bytes: u64) -> io::Result<()> {
        self.world.operate("preallocate", &self.name, |state| {
            let length = state.images.get(&self.id).map_or(0, |image| image.visible().len());
            let more = bytes.saturating_sub(length as u64);
            if state.used_bytes().saturating_add(more) > state.capacity_bytes {
                return Err(io::ErrorKind::StorageFull.into());
            }
            if more > 0 {
                self.with_image(state, |image| image.set_length(bytes as usize));
            }
            Ok(())
        })
    }

    fn truncate(&mut self, bytes: u64) -> io::Result<()> {
        self.world.operate("truncate", &self.name, |state| {
            self.with_image(state, |image| image.set_length(bytes as usize));
            Ok(())
        })
    }

    fn sync(&mut self) -> io::Result<()> {
        self.world.sync_file(self.id, &self.name)
    }

    fn stat(&self) -> io::Result<FileStat> {
        let state = self.world.lock();
        if state.dead {
            return Err(no_power());
        }
        state.images.get(&self.id).map(Image::stat).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

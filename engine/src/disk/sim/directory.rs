//! The simulated directory.

use std::io;
use std::sync::Arc;

use super::file::SimFile;
use super::image::Image;
use super::names::FileId;
use super::world::World;
use crate::disk::file_system::{Directory, FileStat};
use crate::format::storage::PutMode;

/// The one directory of a simulated machine.
#[derive(Debug)]
pub(in crate::disk) struct SimDirectory {
    world: Arc<World>,
}

impl SimDirectory {
    /// The directory of `world`.
    pub(super) fn new(world: Arc<World>) -> Self {
        Self { world }
    }
}

impl Directory for SimDirectory {
    type File = SimFile;

    fn location(&self) -> String {
        "sim:".to_owned()
    }

    fn path_of(&self, name: &str) -> String {
        format!("sim:{name}")
    }

    fn create(&self, name: &str, _in_flight_max: usize) -> io::Result<SimFile> {
        let file = self.world.operate("create", name, |state| {
            if state.names.visible().contains_key(name) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            let file = FileId(state.new_number());
            let image = Image::settled(Vec::new(), state.now_unix_ns());
            state.images.insert(file, image);
            state.names.add(name, file);
            Ok(file)
        })?;
        Ok(SimFile::new(Arc::clone(&self.world), file, name))
    }

    fn open(&self, name: &str, _in_flight_max: usize) -> io::Result<SimFile> {
        let file = self.world.operate("open", name, |state| {
            let file = state.names.visible().get(name).copied();
            file.ok_or_else(|| io::ErrorKind::NotFound.into())
        })?;
        Ok(SimFile::new(Arc::clone(&self.world), file, name))
    }

    fn exists(&self, name: &str) -> io::Result<bool> {
        let exists = |state: &mut super::world::State| state.names.visible().contains_key(name);
        self.world.operate("look", name, |state| Ok(exists(state)))
    }

    fn rename(&self, from: &str, to: &str, mode: PutMode) -> io::Result<()> {
        self.world.operate("rename", to, |state| {
            let file = state.names.visible().get(from).copied();
            let file = file.ok_or(io::ErrorKind::NotFound)?;
            if mode == PutMode::CreateNew && state.names.visible().contains_key(to) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            state.names.rename(from, to, file);
            Ok(())
        })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.world.operate("remove", name, |state| {
            if !state.names.visible().contains_key(name) {
                return Err(io::ErrorKind::NotFound.into());
            }
            state.names.remove(name);
            Ok(())
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.world.sync_directory()
    }

    fn entries(&self) -> io::Result<Vec<(String, FileStat)>> {
        self.world.operate("list", "", |state| {
            let entries = state.names.visible().iter().map(|(name, file)| {
                (name.clone(), state.images.get(file).map_or(EMPTY, Image::stat))
            });
            Ok(entries.collect())
        })
    }

    fn free_bytes(&self) -> io::Result<u64> {
        self.world.operate("measure", "", |state| {
            Ok(state.capacity_bytes.saturating_sub(state.used_bytes()))
        })
    }
}

/// What a file says of itself that was never written.
const EMPTY: FileStat = FileStat { bytes: 0, modified_unix_ns: 0 };

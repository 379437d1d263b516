//! The storage port's own tests, against every disk.

use std::cell::Cell;

use super::*;
use crate::format::storage::contract;

/// Runs the contract in folders of `place`.
fn run_in(place: &Path, carrier: Carrier, direct: bool) {
    let dir = TempDir::new_in(place).unwrap();
    let storages = Cell::new(0);
    contract::run_all(|| {
        storages.set(storages.get() + 1);
        let path = dir.path().join(storages.get().to_string());
        std::fs::create_dir(&path).unwrap();
        Box::new(Volume::new(OsDirectory { path, carrier, direct, file_mode: 0o600 }))
    });
}

#[test]
fn every_carrier_keeps_the_contract_with_and_without_direct_transfers() {
    for carrier in carriers() {
        for direct in [true, false] {
            run_in(&std::env::temp_dir(), carrier, direct);
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_system_in_memory_keeps_the_contract() {
    for carrier in carriers() {
        run_in("/dev/shm".as_ref(), carrier, true);
    }
}

#[test]
fn the_simulation_keeps_the_contract() {
    let seed = seed();
    contract::run_all(|| Box::new(SimDisk::new(seed)));
}

//! Storages on a server in this process, and objects in them.

use std::time::Duration;

use exuvia::format::storage::{
    Buffer, ObjectMeta, ObjectWriter, SnapshotStorage, StorageError, WriteHint,
};
use exuvia_storage_s3::{S3Options, S3Storage};
use exuvia_tests::s3::{ACCESS_KEY, S3Server, SECRET_KEY};

pub(crate) const MIB: usize = 1 << 20;

/// Enough for two parts of 5 MiB and the buffer that fills them.
pub(crate) const HINT: WriteHint =
    WriteHint { buffer_bytes: MIB, buffers_max: 11, expected_bytes: 0 };

/// Options for a place in `server`, with short patience and the shortest parts.
pub(crate) fn options(server: &S3Server, location: &str) -> S3Options {
    S3Options::new(location)
        .unwrap()
        .endpoint(&server.address().to_string())
        .unwrap()
        .credentials(ACCESS_KEY, SECRET_KEY, None)
        .region("us-east-1")
        .part_bytes(5 << 20)
        .unwrap()
        .request_timeout(Duration::from_secs(2))
        .patience(Duration::from_secs(10))
}

pub(crate) fn open(server: &S3Server, location: &str) -> S3Storage {
    S3Storage::open(options(server, location)).unwrap()
}

/// Bytes of which every block differs from every other.
pub(crate) fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at ^ (at >> 9) ^ ((at >> 18) * 37)) as u8).collect()
}

/// Fills `writer` with `bytes`, without finishing it.
pub(crate) fn fill(writer: &mut dyn ObjectWriter, bytes: &[u8]) -> Result<(), StorageError> {
    for chunk in bytes.chunks(MIB) {
        let mut buffer = writer.reclaim()?;
        assert_eq!(buffer.extend_from_slice(chunk), chunk.len());
        writer.submit(buffer)?;
    }
    Ok(())
}

/// Stores an object through a writer.
pub(crate) fn upload(
    storage: &dyn SnapshotStorage,
    name: &str,
    bytes: &[u8],
) -> Result<ObjectMeta, StorageError> {
    let mut writer = storage.create(name, HINT)?;
    fill(writer.as_mut(), bytes)?;
    writer.finish()
}

/// Reads an object with several reads in flight.
pub(crate) fn download(storage: &dyn SnapshotStorage, name: &str) -> Result<Vec<u8>, StorageError> {
    let mut reader = storage.open(name)?;
    let mut bytes = vec![0; reader.bytes() as usize];
    let offsets: Vec<u64> = (0..reader.bytes()).step_by(MIB).collect();
    for &offset in &offsets {
        reader.submit(offset, Buffer::new(MIB))?;
    }
    for _ in offsets {
        let (offset, buffer) = reader.complete()?;
        bytes[offset as usize..][..buffer.len()].copy_from_slice(buffer.filled());
    }
    Ok(bytes)
}

/// An error with all its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chain(source)),
        None => error.to_string(),
    }
}

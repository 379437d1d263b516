//! The storage port for a bucket and a prefix.

use std::sync::Arc;

use bytes::Bytes;
use exuvia_snapshot_format::storage::{
    BufferNeeds, ObjectMeta, ObjectReader, ObjectWriter, PutMode, SnapshotStorage, StorageError,
    StorageErrorKind, WriteHint,
};

use crate::download::S3Reader;
use crate::fault::{Cause, Fault};
use crate::location::S3Location;
use crate::options::S3Options;
use crate::part_sizes;
use crate::service::Service;
use crate::upload::S3Writer;
use crate::workers::Workers;

/// Snapshots in a bucket, below a prefix.
///
/// It has a few threads of its own, which end when it is dropped. Every call blocks until the
/// service has answered; requests that fail for a reason that may pass are repeated, with growing
/// pauses.
///
/// What is atomic, what a failure leaves, and what is held in memory is said in the
/// [crate's documentation](crate).
#[derive(Debug)]
pub struct S3Storage {
    service: Arc<Service>,
    workers: Arc<Workers>,
}

impl S3Storage {
    /// Opens a place. Asks nothing of the service yet.
    ///
    /// # Errors
    ///
    /// If the storage's threads cannot be started.
    pub fn open(options: S3Options) -> Result<Self, StorageError> {
        let workers = Workers::start(options.on_thread_start).map_err(|error| {
            StorageError::from_io("start the threads of", options.location.to_string(), error)
        })?;
        Ok(Self { service: Arc::new(Service::new(options)), workers: Arc::new(workers) })
    }

    /// Runs requests to their end; `exists` if they demand a free name.
    fn run<T: Send + 'static, F>(
        &self,
        action: &'static str,
        name: &str,
        exists: bool,
        requests: impl FnOnce(Arc<Service>, String) -> F,
    ) -> Result<T, StorageError>
    where
        F: Future<Output = Result<T, Fault>> + Send + 'static,
    {
        self.workers
            .run(requests(Arc::clone(&self.service), name.to_owned()))
            .unwrap_or_else(|| Err(Fault::internal("its task panicked")))
            .map_err(|fault| self.service.error(action, name, fault, exists))
    }

    fn check(&self, action: &'static str, name: &str) -> Result<(), StorageError> {
        S3Location::check_name(name).map_err(|reason| {
            let object = format!("{}/{}", self.location(), name.escape_debug());
            StorageError::new(StorageErrorKind::InvalidInput, action, object, reason)
        })
    }
}

impl SnapshotStorage for S3Storage {
    fn location(&self) -> String {
        self.service.options.location.to_string()
    }

    fn list(&self) -> Result<Vec<ObjectMeta>, StorageError> {
        self.run("list", "", false, |service, _| async move { service.list().await })
    }

    fn create(&self, name: &str, hint: WriteHint) -> Result<Box<dyn ObjectWriter>, StorageError> {
        self.check("create", name)?;
        self.run(
            "create",
            name,
            true,
            |service, name| async move { service.expect_free(&name).await },
        )?;
        let (service, workers) = (Arc::clone(&self.service), Arc::clone(&self.workers));
        Ok(Box::new(S3Writer::new(service, workers, name, PutMode::CreateNew, hint)))
    }

    fn replace(&self, name: &str, hint: WriteHint) -> Result<Box<dyn ObjectWriter>, StorageError> {
        self.check("replace", name)?;
        let (service, workers) = (Arc::clone(&self.service), Arc::clone(&self.workers));
        Ok(Box::new(S3Writer::new(service, workers, name, PutMode::Replace, hint)))
    }

    fn open(&self, name: &str) -> Result<Box<dyn ObjectReader>, StorageError> {
        self.check("open", name)?;
        let head = self.run("open", name, false, |service, name| async move {
            service.head(&name, service.look()).await
        })?;
        let (service, workers) = (Arc::clone(&self.service), Arc::clone(&self.workers));
        Ok(Box::new(S3Reader::new(service, workers, name, head)))
    }

    fn put(&self, name: &str, bytes: &[u8], mode: PutMode) -> Result<(), StorageError> {
        self.check("put", name)?;
        let create_new = mode == PutMode::CreateNew;
        let bytes = Bytes::copy_from_slice(bytes);
        self.run("put", name, create_new, move |service, name| async move {
            if create_new {
                service.expect_free(&name).await?;
            }
            service.put(&name, bytes, create_new, None).await
        })
    }

    fn get(&self, name: &str, bytes_max: u64) -> Result<Vec<u8>, StorageError> {
        self.check("read", name)?;
        self.run("read", name, false, move |service, name| async move {
            service.get(&name, bytes_max).await
        })
    }

    fn remove(&self, name: &str) -> Result<(), StorageError> {
        self.check("remove", name)?;
        self.run("remove", name, false, |service, name| async move {
            service.delete(&name, service.look()).await
        })
    }

    fn buffer_needs(&self, expected_bytes: u64) -> BufferNeeds {
        part_sizes::buffer_needs(self.service.options.part_bytes, expected_bytes)
    }

    fn sweep_unfinished(
        &self,
        is_leftover: &dyn Fn(&ObjectMeta) -> bool,
    ) -> Result<Vec<String>, StorageError> {
        let open = self.run("list the uploads of", "", false, |service, _| async move {
            match service.open_uploads(None, service.look()).await {
                // A service that cannot tell of uploads has to look after them itself.
                Err(fault) if fault.cause == Cause::NotImplemented => Ok(Vec::new()),
                listed => listed,
            }
        })?;
        let mut swept = Vec::new();
        for upload in open {
            let meta = ObjectMeta::new(upload.name.as_str(), 0, upload.begun_unix_ms);
            if !is_leftover(&meta) {
                continue;
            }
            self.run("give up", &upload.name, false, move |service, name| async move {
                service.abort(&name, &upload.id, service.look()).await
            })?;
            swept.push(meta.name);
        }
        Ok(swept)
    }
}

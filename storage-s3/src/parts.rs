//! Multipart uploads: begun, filled, completed, given up.

use std::sync::atomic::{AtomicU32, Ordering};

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;
use exuvia_snapshot_format::storage::PutMode;
use exuvia_snapshot_format::{SnapshotFile, SnapshotFileKind};

use crate::fault::{Cause, Fault};
use crate::retry::Patience;
use crate::service::{Head, MARK, Service, decode, unix_ms};

/// How often an upload is given up whose parts keep arriving.
const ABORTS_MAX: u32 = 3;

/// What a writer makes.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) name: String,
    /// Whether the name may have been another object's before.
    pub(crate) mode: PutMode,
    /// Tells this writer's objects from all others.
    pub(crate) mark: String,
    /// Whether nobody else can have an object of this name: those of a snapshot's parts are random.
    pub(crate) is_unique: bool,
}

impl Target {
    pub(crate) fn new(name: &str, mode: PutMode) -> Self {
        let is_part = SnapshotFile::parse(name)
            .is_some_and(|file| matches!(file.kind, SnapshotFileKind::Part { .. }));
        Self {
            name: name.to_owned(),
            mode,
            mark: format!("{:032x}", fastrand::u128(..)),
            is_unique: is_part && mode == PutMode::CreateNew,
        }
    }

    /// Whether the service is asked to make sure that the name is free: nobody else has a unique
    /// one, and not every service knows such conditions.
    fn demands_free_name(&self) -> bool {
        self.mode == PutMode::CreateNew && !self.is_unique
    }

    /// Whether what was found under the name is of this writer.
    pub(crate) fn made(&self, found: &Head) -> bool {
        match &found.mark {
            Some(mark) => *mark == self.mark,
            // Some services keep no metadata.
            None => self.is_unique,
        }
    }
}

/// An upload that nobody has completed.
#[derive(Clone, Debug)]
pub(crate) struct OpenUpload {
    /// Name of the object.
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) begun_unix_ms: Option<u64>,
}

impl Service {
    /// Begins an upload of the object `target`, and returns its id.
    pub(crate) async fn begin(&self, target: &Target) -> Result<String, Fault> {
        let name = &target.name;
        let key = self.key(name);
        // Relaxed: it is read by the one who counts.
        let attempts = AtomicU32::new(0);
        let begun = self
            .ask("CreateMultipartUpload", &key, self.carry(0), |client| {
                attempts.fetch_add(1, Ordering::Relaxed);
                let request = client
                    .create_multipart_upload()
                    .bucket(self.bucket())
                    .key(&key)
                    .metadata(MARK, &target.mark)
                    .set_checksum_algorithm(self.checksum());
                async move { request.send().await.map_err(|error| Fault::of(&error)) }
            })
            .await?;
        let id = begun.upload_id().filter(|id| !id.is_empty()).map(str::to_owned);
        let id = id.ok_or_else(|| Fault::internal("the service gives the upload no id"))?;
        if attempts.load(Ordering::Relaxed) > 1
            && let Err(fault) = self.abort_siblings(target, Some(&id), self.look()).await
        {
            let path = format!("{}/{name}", self.options.location);
            tracing::warn!("{path} may have a second upload, which a later start removes: {fault}");
        }
        Ok(id)
    }

    /// Gives up all uploads of an object but the one with this id: an upload whose beginning was
    /// asked for twice has a sibling that nobody knows of.
    ///
    /// Uploads under a name that others may have too are left alone.
    pub(crate) async fn abort_siblings(
        &self,
        target: &Target,
        upload_id: Option<&str>,
        patience: Patience,
    ) -> Result<(), Fault> {
        if !target.is_unique {
            return Ok(());
        }
        let found = match self.open_uploads(Some(&target.name), patience).await {
            // A service that cannot tell of uploads has to look after them itself.
            Err(fault) if fault.cause == Cause::NotImplemented => return Ok(()),
            found => found?,
        };
        let mut result = Ok(());
        for sibling in found.iter().filter(|found| Some(found.id.as_str()) != upload_id) {
            result = self.abort(&target.name, &sibling.id, patience).await.and(result);
        }
        result
    }

    /// Uploads part `number`, from 1 on.
    pub(crate) async fn upload_part(
        &self,
        name: &str,
        upload_id: &str,
        number: u32,
        bytes: &Bytes,
    ) -> Result<CompletedPart, Fault> {
        loop {
            match self.upload_part_once(name, upload_id, number, bytes).await {
                Err(fault) if self.adopt_checksum(&fault) => {}
                done => return done,
            }
        }
    }

    async fn upload_part_once(
        &self,
        name: &str,
        upload_id: &str,
        number: u32,
        bytes: &Bytes,
    ) -> Result<CompletedPart, Fault> {
        let key = self.key(name);
        let stored = self
            .ask("UploadPart", &key, self.carry(bytes.len() as u64), |client| {
                let request = client
                    .upload_part()
                    .bucket(self.bucket())
                    .key(&key)
                    .upload_id(upload_id)
                    .part_number(number as i32)
                    .set_checksum_algorithm(self.checksum())
                    .body(ByteStream::from(bytes.clone()));
                let request = request.customize().config_override(self.upload_config());
                let request = if self.options.sign_payload {
                    request
                } else {
                    request.disable_payload_signing()
                };
                async move { request.send().await.map_err(|error| Fault::of(&error)) }
            })
            .await?;
        let etag =
            stored.e_tag().ok_or_else(|| Fault::internal("the service gives the part no ETag"))?;
        Ok(CompletedPart::builder()
            .part_number(number as i32)
            .e_tag(etag)
            .set_checksum_crc32_c(stored.checksum_crc32_c().map(str::to_owned))
            .build())
    }

    /// Makes an object of `bytes` bytes of the parts, and makes sure that it is there.
    pub(crate) async fn complete(
        &self,
        target: &Target,
        upload_id: &str,
        parts: Vec<CompletedPart>,
        bytes: u64,
    ) -> Result<(), Fault> {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let completed = loop {
            let condition = target.demands_free_name() && self.knows_conditions();
            match self.complete_once(target, upload_id, &parts, bytes, condition).await {
                Err(fault) if condition && self.drop_condition(&fault) => {}
                done => break done,
            }
        };
        match completed {
            Ok(()) => self.check_length(&target.name, bytes).await,
            Err(fault) => self.settle(target, bytes, fault).await,
        }
    }

    async fn complete_once(
        &self,
        target: &Target,
        upload_id: &str,
        parts: &CompletedMultipartUpload,
        bytes: u64,
        condition: bool,
    ) -> Result<(), Fault> {
        let key = self.key(&target.name);
        // Putting ten thousand parts together takes a service a while.
        let patience = self.carry(bytes / 64);
        self.ask("CompleteMultipartUpload", &key, patience, |client| {
            let request = client
                .complete_multipart_upload()
                .bucket(self.bucket())
                .key(&key)
                .upload_id(upload_id)
                .set_if_none_match(condition.then(|| "*".to_owned()))
                .multipart_upload(parts.clone());
            async move { request.send().await.map_err(|error| Fault::of(&error)) }
        })
        .await
        .map(drop)
    }

    /// Stores an object of a single request, and makes sure that it is there.
    pub(crate) async fn put_target(&self, target: &Target, bytes: Bytes) -> Result<(), Fault> {
        let length = bytes.len() as u64;
        let create_new = target.demands_free_name();
        match self.put(&target.name, bytes, create_new, Some(&target.mark)).await {
            Ok(()) => self.check_length(&target.name, length).await,
            Err(fault) => self.settle(target, length, fault).await,
        }
    }

    /// Finds out whether an object is there in spite of `fault`: an attempt whose answer was lost
    /// may have made it, and the next one then failed because of that.
    async fn settle(&self, target: &Target, bytes: u64, fault: Fault) -> Result<(), Fault> {
        match self.head(&target.name, self.carry(0)).await {
            Ok(found) if found.bytes == bytes && target.made(&found) => Ok(()),
            _ if fault.cause == Cause::NotFound => {
                let reason = "the service has forgotten the upload".to_owned();
                Err(Fault::new(Cause::Broken(reason)))
            }
            _ => Err(fault),
        }
    }

    /// Makes sure that the object is there in its length.
    pub(crate) async fn check_length(&self, name: &str, bytes: u64) -> Result<(), Fault> {
        let found = self.head(name, self.carry(0)).await?.bytes;
        if found == bytes {
            return Ok(());
        }
        let reason = format!("the service stored {found} bytes of {bytes}");
        Err(Fault::internal(reason))
    }

    /// Gives an upload up, and makes sure that no part of it stays.
    pub(crate) async fn abort(
        &self,
        name: &str,
        upload_id: &str,
        patience: Patience,
    ) -> Result<(), Fault> {
        for _ in 0..ABORTS_MAX {
            match self.abort_once(name, upload_id, patience).await {
                Err(fault) if fault.cause != Cause::NotFound => return Err(fault),
                _ => {}
            }
            // A part that was on its way may have arrived after the end of the upload.
            match self.has_parts(name, upload_id, patience).await {
                Ok(true) => {}
                // None has, or the upload is gone, or the service does not tell.
                Ok(false) | Err(_) => return Ok(()),
            }
        }
        Ok(())
    }

    async fn abort_once(
        &self,
        name: &str,
        upload_id: &str,
        patience: Patience,
    ) -> Result<(), Fault> {
        let key = self.key(name);
        self.ask("AbortMultipartUpload", &key, patience, |client| {
            let request = client
                .abort_multipart_upload()
                .bucket(self.bucket())
                .key(&key)
                .upload_id(upload_id);
            async move { request.send().await.map_err(|error| Fault::of(&error)) }
        })
        .await
        .map(drop)
    }

    async fn has_parts(
        &self,
        name: &str,
        upload_id: &str,
        patience: Patience,
    ) -> Result<bool, Fault> {
        let key = self.key(name);
        let listed = self
            .ask("ListParts", &key, patience, |client| {
                let request = client
                    .list_parts()
                    .bucket(self.bucket())
                    .key(&key)
                    .upload_id(upload_id)
                    .max_parts(1);
                async move { request.send().await.map_err(|error| Fault::of(&error)) }
            })
            .await?;
        Ok(!listed.parts().is_empty())
    }

    /// The uploads that are open in the place, or those of the object called `name` alone.
    pub(crate) async fn open_uploads(
        &self,
        name: Option<&str>,
        patience: Patience,
    ) -> Result<Vec<OpenUpload>, Fault> {
        let prefix = self.options.location.key_prefix() + name.unwrap_or_default();
        let mut found = Vec::new();
        let mut markers: (Option<String>, Option<String>) = (None, None);
        loop {
            let page = self
                .ask("ListMultipartUploads", &prefix, patience, |client| {
                    let request = client
                        .list_multipart_uploads()
                        .bucket(self.bucket())
                        .prefix(&prefix)
                        .set_encoding_type(self.list_encoding())
                        .set_key_marker(markers.0.clone())
                        .set_upload_id_marker(markers.1.clone());
                    async move {
                        request.send().await.map_err(|error| self.list_fault(Fault::of(&error)))
                    }
                })
                .await?;
            let encoded = page.encoding_type().is_some();
            let plain = |key: &str| if encoded { decode(key) } else { Some(key.to_owned()) };
            for upload in page.uploads() {
                let (Some(key), Some(id)) = (upload.key().and_then(plain), upload.upload_id())
                else {
                    continue;
                };
                let Some(found_name) = self.options.location.name(&key) else { continue };
                if name.is_none_or(|name| name == found_name) {
                    found.push(OpenUpload {
                        name: found_name.to_owned(),
                        id: id.to_owned(),
                        begun_unix_ms: unix_ms(upload.initiated()),
                    });
                }
            }
            let next = (
                page.next_key_marker().and_then(plain),
                page.next_upload_id_marker().map(str::to_owned),
            );
            if page.is_truncated() != Some(true) || next == markers {
                return Ok(found);
            }
            markers = next;
        }
    }
}

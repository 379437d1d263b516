//! Multipart uploads: begun, filled, completed, given up.

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;

use crate::fault::{Cause, Fault};
use crate::retry::Patience;
use crate::service::{Service, decode, unix_ms};

/// How often an upload is given up whose parts keep arriving.
const ABORTS_MAX: u32 = 3;

/// An upload that nobody has completed.
#[derive(Clone, Debug)]
pub(crate) struct OpenUpload {
    /// Name of the object.
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) begun_unix_ms: Option<u64>,
}

impl Service {
    /// Begins an upload and returns its id.
    pub(crate) async fn begin(&self, name: &str) -> Result<String, Fault> {
        let key = self.key(name);
        let begun = self
            .ask("CreateMultipartUpload", &key, self.carry(0), |client| {
                let request = client
                    .create_multipart_upload()
                    .bucket(self.bucket())
                    .key(&key)
                    .set_checksum_algorithm(self.checksum());
                async move { request.send().await.map_err(|error| Fault::of(&error)) }
            })
            .await?;
        begun
            .upload_id()
            .filter(|id| !id.is_empty())
            .map(str::to_owned)
            .ok_or_else(|| Fault::internal("the service gives the upload no id"))
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

    /// Makes an object of `bytes` bytes of the parts, and makes sure that it is there. If it
    /// `is_new`, nothing else can be what is found under its name.
    pub(crate) async fn complete(
        &self,
        name: &str,
        upload_id: &str,
        parts: Vec<CompletedPart>,
        bytes: u64,
        is_new: bool,
    ) -> Result<(), Fault> {
        let key = self.key(name);
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        // Putting ten thousand parts together takes a service a while.
        let patience = self.carry(bytes / 64);
        let completed = self
            .ask("CompleteMultipartUpload", &key, patience, |client| {
                let request = client
                    .complete_multipart_upload()
                    .bucket(self.bucket())
                    .key(&key)
                    .upload_id(upload_id)
                    .multipart_upload(parts.clone());
                async move { request.send().await.map_err(|error| Fault::of(&error)) }
            })
            .await;
        let Err(fault) = completed else { return self.check_length(name, bytes).await };
        if !is_new {
            return Err(fault);
        }
        // An attempt whose answer was lost may have completed it: nobody else has its name.
        match self.head(name, self.look()).await {
            Ok(found) if found.bytes == bytes => Ok(()),
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

//! Requests, one method each, repeated while that may help.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::RequestChecksumCalculation;
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{ChecksumAlgorithm, EncodingType};
use bytes::Bytes;
use exuvia_snapshot_format::storage::{ObjectMeta, StorageError};
use tokio::sync::OnceCell;

use crate::connect::{Connection, connect};
use crate::fault::{Cause, Fault};
use crate::options::{ChecksumMode, S3Options};
use crate::retry::{Call, Patience, repeat};

/// How long requests that only look are repeated.
const LOOK_PATIENCE: Duration = Duration::from_secs(8);
/// Bytes a second that a transfer may be as slow as.
const SLOWEST_BYTES_PER_SEC: u64 = 128 << 10;
/// The piece of metadata that tells which writer an object is from.
pub(crate) const MARK: &str = "exuvia-writer";

/// What is known of an object.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) bytes: u64,
    /// Tells this state of the object from every other.
    pub(crate) etag: Option<String>,
    /// The writer that it is from, if it is one of ours and the service keeps metadata.
    pub(crate) mark: Option<String>,
}

/// One place in a service.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) options: S3Options,
    connection: OnceCell<Connection>,
    /// The service has asked for a checksum.
    checksum_demanded: AtomicBool,
    /// The service does not know conditional puts.
    unconditional: AtomicBool,
    /// Lists are not to be understood unless keys are encoded in them.
    encodes_lists: AtomicBool,
}

impl Service {
    pub(crate) fn new(options: S3Options) -> Self {
        Self {
            options,
            connection: OnceCell::new(),
            checksum_demanded: AtomicBool::new(false),
            unconditional: AtomicBool::new(false),
            encodes_lists: AtomicBool::new(false),
        }
    }

    /// The client. Made by the first request, and again by the next one while that fails.
    async fn connection(&self) -> Result<&Connection, Fault> {
        self.connection.get_or_try_init(|| connect(&self.options)).await
    }

    /// Asks something of the service as often as `patience` allows.
    pub(crate) async fn ask<'s, T, F>(
        &'s self,
        operation: &'static str,
        key: &str,
        patience: Patience,
        request: impl Fn(&'s Client) -> F,
    ) -> Result<T, Fault>
    where
        F: Future<Output = Result<T, Fault>> + 's,
    {
        let host = match self.connection.get() {
            Some(connection) => connection.host.clone(),
            None => self.options.endpoint.as_ref().map_or("AWS", |e| e.host()).to_owned(),
        };
        let call = Call { operation, key, host: &host };
        let renew = || {
            if let Some(connection) = self.connection.get() {
                connection.renew_credentials();
            }
        };
        repeat(call, patience, renew, || {
            let request = &request;
            async move { request(&self.connection().await?.client).await }
        })
        .await
    }

    /// Patience of requests that only look: their callers try again themselves.
    pub(crate) fn look(&self) -> Patience {
        let total = LOOK_PATIENCE.min(self.options.patience);
        Patience { attempt: self.options.request_timeout, total }
    }

    /// Patience of requests that carry `bytes`.
    pub(crate) fn carry(&self, bytes: u64) -> Patience {
        let slowest = Duration::from_secs(bytes / SLOWEST_BYTES_PER_SEC);
        let attempt = self.options.request_timeout + slowest;
        Patience { attempt, total: self.options.patience }
    }

    pub(crate) fn bucket(&self) -> String {
        self.options.location.bucket().to_owned()
    }

    pub(crate) fn key(&self, name: &str) -> String {
        self.options.location.key(name)
    }

    /// The failure of `action` on the object `name`; `exists` if it demanded a free name.
    pub(crate) fn error(
        &self,
        action: &'static str,
        name: &str,
        fault: Fault,
        exists: bool,
    ) -> StorageError {
        let location = &self.options.location;
        let object =
            if name.is_empty() { location.to_string() } else { format!("{location}/{name}") };
        StorageError::new(fault.kind(exists), action, object, fault)
    }

    /// The checksum that goes with uploads.
    pub(crate) fn checksum(&self) -> Option<ChecksumAlgorithm> {
        let wanted = match self.options.checksum {
            ChecksumMode::None => false,
            ChecksumMode::Crc32c => true,
            // Relaxed: the flag stands for itself.
            ChecksumMode::Auto => self.checksum_demanded.load(Ordering::Relaxed),
        };
        wanted.then_some(ChecksumAlgorithm::Crc32C)
    }

    /// What requests that carry content do otherwise than others: the SDK works out the checksum
    /// that was asked for only where it is told to.
    pub(crate) fn upload_config(&self) -> aws_sdk_s3::config::Builder {
        let config = aws_sdk_s3::Config::builder();
        match self.checksum() {
            None => config,
            Some(_) => {
                config.request_checksum_calculation(RequestChecksumCalculation::WhenSupported)
            }
        }
    }

    /// Whether a request that failed with `fault` is worth another try with a checksum.
    pub(crate) fn adopt_checksum(&self, fault: &Fault) -> bool {
        let adopts = fault.cause == Cause::ChecksumRequired
            && self.options.checksum == ChecksumMode::Auto
            && !self.checksum_demanded.swap(true, Ordering::Relaxed);
        if adopts {
            tracing::info!("the service demands checksums, so uploads carry CRC-32C");
        }
        adopts
    }

    /// How keys are to be written in lists. As they are, since not every service that says it
    /// encodes them does; but if keys of others hold what XML cannot, encoding is the only way.
    pub(crate) fn list_encoding(&self) -> Option<EncodingType> {
        // Relaxed: the flag stands for itself.
        self.encodes_lists.load(Ordering::Relaxed).then_some(EncodingType::Url)
    }

    /// Takes note of a list that cannot be understood.
    pub(crate) fn list_fault(&self, fault: Fault) -> Fault {
        if matches!(fault.cause, Cause::Unintelligible(_)) {
            self.encodes_lists.store(true, Ordering::Relaxed);
        }
        fault
    }

    /// Lists the objects of the place, without those below it.
    pub(crate) async fn list(&self) -> Result<Vec<ObjectMeta>, Fault> {
        let mut found = Vec::new();
        let mut token = None;
        loop {
            let page = self
                .ask("ListObjectsV2", "", self.look(), |client| {
                    let request = client
                        .list_objects_v2()
                        .bucket(self.bucket())
                        .prefix(self.options.location.key_prefix())
                        .delimiter("/")
                        .set_encoding_type(self.list_encoding())
                        .set_continuation_token(token.clone());
                    async move {
                        let page = request.send().await;
                        let page = page.map_err(|error| self.list_fault(Fault::of(&error)))?;
                        if is_whole(&page) {
                            return Ok(page);
                        }
                        let reason = "the list of objects is cut short".to_owned();
                        Err(Fault::new(Cause::Unintelligible(reason)))
                    }
                })
                .await?;
            let encoded = page.encoding_type().is_some();
            for object in page.contents() {
                let Some(key) = object.key() else { continue };
                let key = if encoded { decode(key) } else { Some(key.to_owned()) };
                // A key that is no text cannot be one of ours.
                let Some(key) = key else { continue };
                let Some(name) = self.options.location.name(&key) else { continue };
                let bytes = object.size().and_then(|size| u64::try_from(size).ok()).unwrap_or(0);
                found.push(ObjectMeta::new(name, bytes, unix_ms(object.last_modified())));
            }
            let next = page.next_continuation_token().map(str::to_owned);
            if page.is_truncated() != Some(true) {
                return Ok(found);
            }
            // A service that repeats itself would be asked for ever.
            if next.is_none() || next == token {
                let reason = "the list of objects has no end".to_owned();
                return Err(Fault::internal(reason));
            }
            token = next;
        }
    }

    /// Looks at the object called `name`.
    pub(crate) async fn head(&self, name: &str, patience: Patience) -> Result<Head, Fault> {
        match self.head_once(name, patience).await {
            // The answer to a HEAD has no body, and so no word about the reason: the answer to a
            // GET has. If that was one that passes, as a token that had to be renewed, it is over.
            Err(fault) if fault.is_mute() => {
                self.touch(name, patience).await?;
                self.head_once(name, patience).await
            }
            answered => answered,
        }
    }

    async fn head_once(&self, name: &str, patience: Patience) -> Result<Head, Fault> {
        let key = self.key(name);
        let head = self
            .ask("HeadObject", &key, patience, |client| {
                let request = client.head_object().bucket(self.bucket()).key(&key);
                async move { request.send().await.map_err(|error| Fault::of(&error)) }
            })
            .await?;
        let bytes = head.content_length().and_then(|length| u64::try_from(length).ok());
        let bytes =
            bytes.ok_or_else(|| Fault::internal("the service tells no length of the object"))?;
        let etag = head.e_tag().map(str::to_owned);
        let mark = head.metadata().and_then(|metadata| metadata.get(MARK)).cloned();
        Ok(Head { bytes, etag, mark })
    }

    /// Asks for the first byte of an object, whose state it takes no note of.
    async fn touch(&self, name: &str, patience: Patience) -> Result<(), Fault> {
        let key = self.key(name);
        self.ask("GetObject", &key, patience, |client| {
            let request = client.get_object().bucket(self.bucket()).key(&key).range("bytes=0-0");
            async move { request.send().await.map_err(|error| Fault::of(&error)) }
        })
        .await
        .map(drop)
    }

    /// Makes sure that nothing is called `name`.
    pub(crate) async fn expect_free(&self, name: &str) -> Result<(), Fault> {
        match self.head(name, self.carry(0)).await {
            Ok(_) => Err(Fault::new(Cause::Precondition)),
            Err(fault) if fault.cause == Cause::NotFound => Ok(()),
            Err(fault) => Err(fault),
        }
    }

    /// Whether a request may demand that nothing has the name it is about.
    pub(crate) fn knows_conditions(&self) -> bool {
        // Relaxed: the flag stands for itself.
        !self.unconditional.load(Ordering::Relaxed)
    }

    /// Whether a request that demanded a free name and failed with `fault` is worth another try
    /// without.
    pub(crate) fn drop_condition(&self, fault: &Fault) -> bool {
        let drops = fault.cause == Cause::NotImplemented;
        if drops && !self.unconditional.swap(true, Ordering::Relaxed) {
            tracing::info!("the service knows no conditional puts; names are only looked up");
        }
        drops
    }

    /// Stores an object whole. With `create_new` only if nothing has its name, as far as the
    /// service can tell. `mark` tells later whose it is.
    pub(crate) async fn put(
        &self,
        name: &str,
        bytes: Bytes,
        create_new: bool,
        mark: Option<&str>,
    ) -> Result<(), Fault> {
        loop {
            let condition = create_new && self.knows_conditions();
            match self.put_once(name, &bytes, condition, mark).await {
                Err(fault) if condition && self.drop_condition(&fault) => {}
                Err(fault) if self.adopt_checksum(&fault) => {}
                done => return done,
            }
        }
    }

    async fn put_once(
        &self,
        name: &str,
        bytes: &Bytes,
        condition: bool,
        mark: Option<&str>,
    ) -> Result<(), Fault> {
        let key = self.key(name);
        self.ask("PutObject", &key, self.carry(bytes.len() as u64), |client| {
            let request = client
                .put_object()
                .bucket(self.bucket())
                .key(&key)
                .set_metadata(mark.map(|mark| HashMap::from([(MARK.into(), mark.into())])))
                .set_checksum_algorithm(self.checksum())
                .set_if_none_match(condition.then(|| "*".to_owned()))
                .body(ByteStream::from(bytes.clone()));
            let request = request.customize().config_override(self.upload_config());
            let request =
                if self.options.sign_payload { request } else { request.disable_payload_signing() };
            async move { request.send().await.map_err(|error| Fault::of(&error)) }
        })
        .await
        .map(drop)
    }

    /// Reads an object whole, if it is not longer than `bytes_max`.
    pub(crate) async fn get(&self, name: &str, bytes_max: u64) -> Result<Vec<u8>, Fault> {
        let key = self.key(name);
        self.ask("GetObject", &key, self.look(), |client| {
            let request = client.get_object().bucket(self.bucket()).key(&key);
            async move {
                let answer = request.send().await.map_err(|error| Fault::of(&error))?;
                let length = answer.content_length().and_then(|length| u64::try_from(length).ok());
                let too_long = |bytes| Fault::new(Cause::TooLong { bytes, bytes_max });
                if let Some(bytes) = length.filter(|bytes| *bytes > bytes_max) {
                    return Err(too_long(bytes));
                }
                let mut body = answer.body;
                let mut found = Vec::with_capacity(length.unwrap_or(0) as usize);
                while let Some(chunk) = body.next().await {
                    let chunk = chunk.map_err(|error| Fault::broken(&error))?;
                    found.extend_from_slice(&chunk);
                    if found.len() as u64 > bytes_max {
                        return Err(too_long(found.len() as u64));
                    }
                }
                if length.is_some_and(|length| length != found.len() as u64) {
                    return Err(Fault::new(Cause::Broken("the answer ended early".to_owned())));
                }
                Ok(found)
            }
        })
        .await
    }

    /// Removes an object, whether it is there or not.
    pub(crate) async fn delete(&self, name: &str, patience: Patience) -> Result<(), Fault> {
        let key = self.key(name);
        let deleted = self
            .ask("DeleteObject", &key, patience, |client| {
                let request = client.delete_object().bucket(self.bucket()).key(&key);
                async move { request.send().await.map_err(|error| Fault::of(&error)) }
            })
            .await;
        match deleted {
            Ok(_) => Ok(()),
            Err(fault) if fault.cause == Cause::NotFound => Ok(()),
            Err(fault) => Err(fault),
        }
    }
}

/// A time as milliseconds since the Unix epoch.
pub(crate) fn unix_ms(time: Option<&DateTime>) -> Option<u64> {
    time.and_then(|time| time.to_millis().ok()).and_then(|ms| u64::try_from(ms).ok())
}

/// A key as it was before it was encoded for a list; `None` if it is no text.
pub(crate) fn decode(encoded: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                (digit(rest.next())? * 16 + digit(rest.next())?) as u8
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

/// Whether a page of a list has all that it says it has. What was cut off on its way is read as if
/// nothing came behind, and a list without our objects must not be taken for an empty place.
fn is_whole(page: &ListObjectsV2Output) -> bool {
    let there = page.contents().len() + page.common_prefixes().len();
    let promised = page.key_count().and_then(|count| usize::try_from(count).ok());
    page.is_truncated().is_some() && promised.is_none_or(|promised| promised <= there)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded_keys_become_what_they_were() {
        for (encoded, key) in [
            ("dump-2026-01-31T23%3A59%3A58-summary.dfs", "dump-2026-01-31T23:59:58-summary.dfs"),
            ("a+b%2Bc%20d", "a b+c d"),
            ("%C3%A9%25", "é%"),
        ] {
            assert_eq!(decode(encoded).as_deref(), Some(key));
        }
        for encoded in ["%", "%4", "%zz", "%ff"] {
            assert_eq!(decode(encoded), None, "{encoded}");
        }
    }
}

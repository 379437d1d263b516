//! How a service is reached and used.

use std::time::Duration;

use aws_credential_types::Credentials;

use crate::{Endpoint, S3Location};

/// Smallest part of a multipart upload that services take.
pub const PART_BYTES_MIN: u64 = 5 << 20;
/// Largest part of a multipart upload that services take.
pub const PART_BYTES_MAX: u64 = 5 << 30;

/// An option with a value that is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{option} '{value}' {reason}")]
pub struct InvalidS3Option {
    option: &'static str,
    value: String,
    reason: String,
}

impl InvalidS3Option {
    pub(crate) fn new(option: &'static str, value: &str, reason: &str) -> Self {
        Self { option, value: value.to_owned(), reason: reason.to_owned() }
    }

    /// Which option it is: `location`, `endpoint`, `part_bytes`.
    pub fn option(&self) -> &'static str {
        self.option
    }

    /// What is wrong with its value and what is accepted, as the end of a sentence.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

/// Where the bucket's name goes in a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Addressing {
    /// Into the host's name at AWS, into the path elsewhere.
    #[default]
    Auto,
    /// Into the path: `https://host/bucket/key`.
    Path,
    /// Into the host's name: `https://bucket.host/key`.
    Virtual,
}

/// Which checksum goes with what is uploaded, besides the signature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ChecksumMode {
    /// None, unless the service asks for one: from then on CRC-32C.
    #[default]
    Auto,
    /// None.
    None,
    /// CRC-32C.
    Crc32c,
}

/// Options of a [`S3Storage`](crate::S3Storage).
///
/// Credentials come from the usual places, in this order: the environment, the shared files with
/// `AWS_PROFILE`, a web identity token, a container's endpoint, and the instance metadata service
/// if [`ec2_metadata`](Self::ec2_metadata) allows it. They are renewed before they expire.
#[derive(Clone, Debug)]
pub struct S3Options {
    pub(crate) location: S3Location,
    pub(crate) endpoint: Option<Endpoint>,
    pub(crate) https: Option<bool>,
    pub(crate) ec2_metadata: bool,
    pub(crate) sign_payload: bool,
    pub(crate) addressing: Addressing,
    pub(crate) checksum: ChecksumMode,
    pub(crate) part_bytes: u64,
    pub(crate) region: Option<String>,
    pub(crate) credentials: Option<Credentials>,
    pub(crate) request_timeout: Duration,
    pub(crate) patience: Duration,
    pub(crate) on_thread_start: Option<fn()>,
}

impl S3Options {
    /// Options for the place `location`: `s3://bucket` or `s3://bucket/prefix`.
    ///
    /// # Errors
    ///
    /// As [`S3Location::parse`].
    pub fn new(location: &str) -> Result<Self, InvalidS3Option> {
        Ok(Self::at(S3Location::parse(location)?))
    }

    /// Options for a place.
    pub fn at(location: S3Location) -> Self {
        Self {
            location,
            endpoint: None,
            https: None,
            ec2_metadata: false,
            sign_payload: true,
            addressing: Addressing::Auto,
            checksum: ChecksumMode::Auto,
            part_bytes: 8 << 20,
            region: None,
            credentials: None,
            request_timeout: Duration::from_secs(15),
            patience: Duration::from_mins(2),
            on_thread_start: None,
        }
    }

    /// The place.
    pub fn location(&self) -> &S3Location {
        &self.location
    }

    /// The same options for another place.
    #[must_use]
    pub fn with_location(mut self, location: S3Location) -> Self {
        self.location = location;
        self
    }

    /// The address of a service that is not AWS.
    ///
    /// # Errors
    ///
    /// As [`Endpoint::parse`].
    pub fn endpoint(mut self, endpoint: &str) -> Result<Self, InvalidS3Option> {
        self.endpoint = Some(Endpoint::parse(endpoint)?);
        Ok(self)
    }

    /// Whether TLS is spoken to an [`endpoint`](Self::endpoint) that names no scheme.
    ///
    /// By default it is, with one exception: an endpoint on this machine that answers TLS with
    /// plain HTTP is spoken to in plain HTTP, with a line in the log.
    #[must_use]
    pub fn use_https(mut self, https: bool) -> Self {
        self.https = Some(https);
        self
    }

    /// Whether the instance metadata service may be asked for credentials and region. Default
    /// `false`.
    #[must_use]
    pub fn ec2_metadata(mut self, asked: bool) -> Self {
        self.ec2_metadata = asked;
        self
    }

    /// Whether the signature covers what is uploaded. Default `true`.
    #[must_use]
    pub fn sign_payload(mut self, signed: bool) -> Self {
        self.sign_payload = signed;
        self
    }

    /// Where the bucket's name goes. Default [`Addressing::Auto`].
    #[must_use]
    pub fn addressing(mut self, addressing: Addressing) -> Self {
        self.addressing = addressing;
        self
    }

    /// Which checksum goes with uploads. Default [`ChecksumMode::Auto`].
    #[must_use]
    pub fn checksum(mut self, checksum: ChecksumMode) -> Self {
        self.checksum = checksum;
        self
    }

    /// Bytes of a part of a multipart upload. Default 8 MiB.
    ///
    /// Parts of one object are equally long, as some services demand; they are longer where the
    /// object is expected to need more than 5,000 of them, and grow on the way where it turns out
    /// longer than expected. They are shorter, down to [`PART_BYTES_MIN`], where a writer is granted
    /// less memory. A shorter object is stored by a single request.
    ///
    /// # Errors
    ///
    /// If it is not from [`PART_BYTES_MIN`] to [`PART_BYTES_MAX`].
    pub fn part_bytes(mut self, bytes: u64) -> Result<Self, InvalidS3Option> {
        if !(PART_BYTES_MIN..=PART_BYTES_MAX).contains(&bytes) {
            let reason = "is not from 5 MiB to 5 GiB";
            return Err(InvalidS3Option::new("part_bytes", &bytes.to_string(), reason));
        }
        self.part_bytes = bytes;
        Ok(self)
    }

    /// The region, instead of the one found in environment and profile.
    #[must_use]
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.region = Some(region.into());
        self
    }

    /// Fixed credentials, instead of those found in the usual places.
    #[must_use]
    pub fn credentials(
        mut self,
        access_key_id: impl Into<String>,
        secret_access_key: impl Into<String>,
        session_token: Option<String>,
    ) -> Self {
        let source = "the program";
        self.credentials =
            Some(Credentials::new(access_key_id, secret_access_key, session_token, None, source));
        self
    }

    /// How long a request may take before it is made again, besides the time that its payload
    /// needs at 128 KiB a second. Default 15 s.
    #[must_use]
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// How long an upload or a download goes on repeating requests that fail for reasons which may
    /// pass. Requests that only look, as listing, give up within ten seconds, since their callers
    /// try again themselves. Default two minutes.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Runs on each thread of the storage's runtime when it starts, as to lower its priority.
    #[must_use]
    pub fn on_thread_start(mut self, run: fn()) -> Self {
        self.on_thread_start = Some(run);
        self
    }
}

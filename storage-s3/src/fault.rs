//! What went wrong with a request, in one sentence.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use exuvia_snapshot_format::storage::StorageErrorKind;

use crate::retry::Call;

/// Bytes of an answer that are searched for what it says.
const BODY_BYTES_MAX: usize = 4096;
/// How the SDK begins to say that it found no credentials in any place.
const NOTHING_SET: &str = "no credentials found in chain";
/// Longest text of a service that is repeated.
const TEXT_BYTES_MAX: usize = 300;

/// Why a request failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// No object, or no upload, of that name.
    NotFound,
    NoBucket,
    /// The object is not as the request demands: it exists, or is another.
    Precondition,
    AccessDenied,
    /// The key or the signature is not known or wrong.
    BadCredentials,
    /// The token's time is over.
    Expired,
    /// There are no credentials, for this reason.
    NoCredentials(String),
    /// The clocks differ too much.
    ClockSkew,
    /// The bucket is in another region, this one if the service says so.
    WrongRegion(Option<String>),
    /// No region is configured.
    NoRegion,
    /// The file of authorities cannot be used.
    Bundle(String),
    /// The service's certificate is not trusted, or the handshake failed.
    Tls(String),
    /// TLS was spoken to a service that speaks plain HTTP.
    PlainService,
    /// Plain HTTP was spoken to a service that speaks TLS.
    TlsService,
    /// Nobody answers there.
    Unreachable(String),
    TimedOut(Duration),
    /// The connection broke.
    Broken(String),
    /// An answer cannot be understood.
    Unintelligible(String),
    /// The service asks for fewer requests.
    Throttled,
    /// The service failed.
    Unavailable,
    /// The request collided with another one on the same object.
    Conflict,
    /// The service does not know this kind of request.
    NotImplemented,
    /// The service demands a checksum.
    ChecksumRequired,
    Full,
    /// The object is longer than the caller allows.
    TooLong {
        bytes: u64,
        bytes_max: u64,
    },
    /// The object is not the one that was opened.
    Changed,
    /// Something on this side.
    Internal(String),
    /// Any other refusal.
    Refused,
}

/// A failed request.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) cause: Cause,
    /// What the service said, if it said anything.
    answer: Option<Box<Answer>>,
}

/// A refusal in the service's own words.
#[derive(Clone, Debug)]
struct Answer {
    status: u16,
    code: Option<String>,
    message: Option<String>,
    request_id: Option<String>,
    retry_after: Duration,
}

impl Fault {
    pub(crate) fn new(cause: Cause) -> Self {
        Self { cause, answer: None }
    }

    /// A fault of this side, described by the end of a sentence.
    pub(crate) fn internal(reason: impl Into<String>) -> Self {
        Self::new(Cause::Internal(reason.into()))
    }

    pub(crate) fn timed_out(after: Duration) -> Self {
        Self::new(Cause::TimedOut(after))
    }

    pub(crate) fn broken(error: &(dyn StdError + 'static)) -> Self {
        Self::new(Cause::Broken(innermost(error)))
    }

    /// What the SDK says of a failed request.
    pub(crate) fn of<E>(error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        match error {
            SdkError::ServiceError(context) => {
                let (code, message) = (context.err().code(), context.err().message());
                let mut fault = Self::of_answer(context.raw(), code, message);
                // No refusal, but an answer that was spoiled on its way.
                let has_code = fault.answer.as_ref().is_some_and(|answer| answer.code.is_some());
                if fault.cause == Cause::Refused && !has_code && context.raw().status().is_success()
                {
                    fault.cause = Cause::Unintelligible(innermost(error));
                }
                fault
            }
            SdkError::ResponseError(context) => {
                // An answer that is no S3 at all still has a status.
                let mut fault = Self::of_answer(context.raw(), None, None);
                if fault.cause == Cause::Refused {
                    fault.cause = if is_from_tls_port(context.raw()) {
                        Cause::TlsService
                    } else {
                        Cause::Unintelligible(innermost(error))
                    };
                }
                fault
            }
            SdkError::TimeoutError(_) => Self::new(Cause::Unreachable("no answer".to_owned())),
            SdkError::ConstructionFailure(_) | SdkError::DispatchFailure(_) => {
                Self::new(cause_without_answer(error))
            }
            _ => Self::internal(innermost(error)),
        }
    }

    fn of_answer(answer: &HttpResponse, code: Option<&str>, message: Option<&str>) -> Self {
        let header = |name: &str| answer.headers().get(name).map(str::to_owned);
        let body = answer.body().bytes().unwrap_or_default();
        let body = String::from_utf8_lossy(&body[..body.len().min(BODY_BYTES_MAX)]);
        let status = answer.status().as_u16();
        let code = code.map(str::to_owned).or_else(|| element(&body, "Code"));
        let message = message.map(str::to_owned).or_else(|| element(&body, "Message"));
        let region = header("x-amz-bucket-region").or_else(|| element(&body, "Region"));
        let retry_after = header("retry-after").and_then(|text| text.parse().ok());
        Self {
            cause: cause_of_answer(status, code.as_deref(), message.as_deref(), &body, region),
            answer: Some(Box::new(Answer {
                status,
                code,
                message: message.map(|text| clip(&text)),
                request_id: header("x-amz-request-id").or_else(|| element(&body, "RequestId")),
                retry_after: Duration::from_secs(retry_after.unwrap_or(0)),
            })),
        }
    }

    /// Whether the same request may succeed in a while.
    pub(crate) fn is_transient(&self) -> bool {
        matches!(
            self.cause,
            Cause::Unreachable(_)
                | Cause::TimedOut(_)
                | Cause::Broken(_)
                | Cause::Unintelligible(_)
                | Cause::Throttled
                | Cause::Unavailable
                | Cause::Conflict
        )
    }

    /// Whether fresh credentials may help.
    pub(crate) fn is_expired(&self) -> bool {
        self.cause == Cause::Expired
    }

    /// Whether the service refused without a word about the reason.
    pub(crate) fn is_mute(&self) -> bool {
        let mute = |answer: &Answer| answer.code.is_none() && matches!(answer.status, 400 | 403);
        self.answer.as_deref().is_some_and(mute)
    }

    /// How long the service asks to wait.
    pub(crate) fn retry_after(&self) -> Duration {
        self.answer.as_ref().map_or(Duration::ZERO, |answer| answer.retry_after)
    }

    /// How callers of the storage port see it; `exists` if the request demanded that nothing has
    /// the name.
    pub(crate) fn kind(&self, exists: bool) -> StorageErrorKind {
        match self.cause {
            Cause::NotFound | Cause::NoBucket => StorageErrorKind::NotFound,
            Cause::Precondition if exists => StorageErrorKind::AlreadyExists,
            Cause::Precondition | Cause::Changed => StorageErrorKind::Changed,
            Cause::AccessDenied
            | Cause::BadCredentials
            | Cause::Expired
            | Cause::NoCredentials(_)
            | Cause::ClockSkew
            | Cause::WrongRegion(_)
            | Cause::NoRegion
            | Cause::Bundle(_) => StorageErrorKind::PermissionDenied,
            Cause::Tls(_)
            | Cause::PlainService
            | Cause::TlsService
            | Cause::Unreachable(_)
            | Cause::TimedOut(_)
            | Cause::Broken(_)
            | Cause::Unintelligible(_)
            | Cause::Throttled
            | Cause::Unavailable
            | Cause::Conflict => StorageErrorKind::Unavailable,
            Cause::NotImplemented => StorageErrorKind::Unsupported,
            Cause::Full => StorageErrorKind::StorageFull,
            Cause::TooLong { .. } => StorageErrorKind::TooLarge,
            Cause::ChecksumRequired | Cause::Internal(_) | Cause::Refused => StorageErrorKind::Io,
        }
    }

    /// Writes a line about a failed attempt.
    pub(crate) fn log(&self, call: Call<'_>, attempt: u32, again: bool) {
        let Call { operation, key, host } = call;
        let answer = self.answer.as_deref();
        let status = answer.map(|answer| answer.status);
        let code = answer.and_then(|answer| answer.code.as_deref());
        let request_id = answer.and_then(|answer| answer.request_id.as_deref());
        // That an object is not there, or is there already, is an answer and no failure.
        if matches!(self.cause, Cause::NotFound | Cause::Precondition | Cause::NotImplemented) {
            tracing::debug!(operation, key, host, status, code, request_id, "{self}");
        } else {
            let next = if again { "; trying again" } else { "" };
            tracing::warn!(
                operation,
                key,
                host,
                status,
                code,
                request_id,
                attempt,
                "S3: {self}{next}"
            );
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            Cause::NotFound => write!(f, "there is no such object")?,
            Cause::NoBucket => write!(f, "there is no such bucket; create it or correct its name")?,
            Cause::Precondition => write!(f, "the object is there already, or is another one")?,
            Cause::AccessDenied => write!(
                f,
                "access is denied: the credentials do not permit this here, see the policies of \
                 user and bucket"
            )?,
            Cause::BadCredentials => write!(
                f,
                "the service does not accept the credentials: check the access key and its secret"
            )?,
            Cause::Expired => write!(f, "the credentials' token has expired; renew it")?,
            Cause::NoCredentials(reason) => {
                write!(
                    f,
                    "there are no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, \
                     or a profile"
                )?;
                // That nothing was set is said already; that something failed is not.
                if !reason.starts_with(NOTHING_SET) {
                    write!(f, " ({reason})")?;
                }
            }
            Cause::ClockSkew => {
                write!(f, "this machine's clock and the service's differ too much; set the clock")?;
            }
            Cause::WrongRegion(Some(region)) => {
                write!(f, "the bucket is in the region {region}; set AWS_REGION={region}")?;
            }
            Cause::WrongRegion(None) => {
                write!(f, "the bucket is in another region; set AWS_REGION to it")?;
            }
            Cause::NoRegion => write!(
                f,
                "no region is known; set AWS_REGION, or a region in the profile, or name an \
                 endpoint"
            )?,
            Cause::Bundle(reason) => write!(f, "AWS_CA_BUNDLE names {reason}")?,
            Cause::Tls(reason) => write!(
                f,
                "no secure connection: {reason}; AWS_CA_BUNDLE names the authorities to trust"
            )?,
            Cause::PlainService => {
                write!(f, "TLS was spoken but the service speaks plain HTTP; use http://")?;
            }
            Cause::TlsService => {
                write!(f, "plain HTTP was spoken but the service speaks TLS; use https://")?;
            }
            Cause::Unreachable(reason) => write!(f, "the service cannot be reached: {reason}")?,
            Cause::TimedOut(after) => {
                write!(f, "the service did not answer within {:.1} s", after.as_secs_f64())?;
            }
            Cause::Broken(reason) => write!(f, "the connection broke: {reason}")?,
            Cause::Unintelligible(reason) => {
                write!(f, "the answer cannot be understood: {reason}")?;
            }
            Cause::Throttled => write!(f, "the service asks to slow down")?,
            Cause::Unavailable => write!(f, "the service failed")?,
            Cause::Conflict => write!(f, "the request collided with another one")?,
            Cause::NotImplemented => write!(f, "the service does not know this request")?,
            Cause::ChecksumRequired => write!(f, "the service demands a checksum")?,
            Cause::Full => write!(f, "the service has no room left")?,
            Cause::TooLong { bytes, bytes_max } => {
                write!(f, "it is {bytes} bytes long, more than the {bytes_max} allowed")?;
            }
            Cause::Changed => write!(f, "the object changed while it was read")?,
            Cause::Internal(reason) => write!(f, "{reason}")?,
            Cause::Refused => write!(f, "the service refused the request")?,
        }
        self.write_details(f)
    }
}

impl Fault {
    /// What helps the service's operator to find the request.
    fn write_details(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(answer) = &self.answer else { return Ok(()) };
        write!(f, " (HTTP {}", answer.status)?;
        if let Some(code) = &answer.code {
            write!(f, ", {code}")?;
        }
        if let (Some(message), Cause::Refused | Cause::Unavailable) = (&answer.message, &self.cause)
        {
            write!(f, ", {message}")?;
        }
        if let Some(id) = &answer.request_id {
            write!(f, ", request {id}")?;
        }
        write!(f, ")")
    }
}

impl StdError for Fault {}

fn cause_of_answer(
    status: u16,
    code: Option<&str>,
    message: Option<&str>,
    body: &str,
    region: Option<String>,
) -> Cause {
    let said = message.unwrap_or_default();
    match code.unwrap_or_default() {
        "NoSuchBucket" => Cause::NoBucket,
        "NoSuchKey" | "NoSuchUpload" | "NotFound" => Cause::NotFound,
        "PreconditionFailed" => Cause::Precondition,
        "AccessDenied" | "AllAccessDisabled" | "AccountProblem" | "Forbidden" => {
            Cause::AccessDenied
        }
        "InvalidAccessKeyId"
        | "SignatureDoesNotMatch"
        | "InvalidToken"
        | "InvalidTokenId"
        | "AuthorizationHeaderMalformed"
            if region.is_none() =>
        {
            Cause::BadCredentials
        }
        "ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired" | "RequestExpired" => {
            Cause::Expired
        }
        "RequestTimeTooSkewed" | "RequestInTheFuture" => Cause::ClockSkew,
        "PermanentRedirect"
        | "TemporaryRedirect"
        | "AuthorizationHeaderMalformed"
        | "IllegalLocationConstraintException" => Cause::WrongRegion(region),
        "SlowDown"
        | "SlowDownRead"
        | "SlowDownWrite"
        | "Throttling"
        | "ThrottlingException"
        | "TooManyRequests"
        | "TooManyRequestsException"
        | "RequestLimitExceeded"
        | "BandwidthLimitExceeded" => Cause::Throttled,
        "InternalError"
        | "ServiceUnavailable"
        | "RequestTimeout"
        | "RequestTimeoutException"
        | "ServerBusy"
        | "Busy"
        | "XMinioServerNotInitialized" => Cause::Unavailable,
        // What arrived is not what was sent.
        "IncompleteBody"
        | "BadDigest"
        | "InvalidDigest"
        | "XAmzContentSHA256Mismatch"
        | "XAmzContentChecksumMismatch" => Cause::Broken("the payload arrived damaged".to_owned()),
        "ConditionalRequestConflict" | "OperationAborted" => Cause::Conflict,
        "NotImplemented" => Cause::NotImplemented,
        "QuotaExceeded"
        | "XMinioStorageFull"
        | "XMinioAdminBucketQuotaExceeded"
        | "InsufficientStorage"
        | "StorageFull" => Cause::Full,
        "MissingContentMD5" => Cause::ChecksumRequired,
        "InvalidRequest" if said.contains("Content-MD5") || said.contains("checksum") => {
            Cause::ChecksumRequired
        }
        "InvalidRange" => Cause::Changed,
        _ => cause_of_status(status, body, region),
    }
}

/// Whether an answer whose body never came is what a TLS server says to plain HTTP before it hangs
/// up: a refusal in plain text or without any headers at all, and without a word of S3.
fn is_from_tls_port(answer: &HttpResponse) -> bool {
    let header = |name: &str| answer.headers().get(name);
    answer.status().as_u16() == 400
        && header("x-amz-request-id").is_none()
        && header("content-type").is_none_or(|kind| kind.starts_with("text/plain"))
}

fn cause_of_status(status: u16, body: &str, region: Option<String>) -> Cause {
    match status {
        // What common servers say when they are spoken to in plain HTTP on their TLS port.
        400 if body.contains("HTTPS server") || body.contains("HTTPS port") => Cause::TlsService,
        301 | 307 | 308 => Cause::WrongRegion(region),
        401 | 403 => Cause::AccessDenied,
        404 => Cause::NotFound,
        408 | 429 => Cause::Throttled,
        409 => Cause::Conflict,
        412 => Cause::Precondition,
        416 => Cause::Changed,
        501 => Cause::NotImplemented,
        507 => Cause::Full,
        500..=599 => Cause::Unavailable,
        _ => Cause::Refused,
    }
}

/// Looks through the causes of a failure that happened before any answer came.
fn cause_without_answer(error: &(dyn StdError + 'static)) -> Cause {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<CredentialsError>() {
            return Cause::NoCredentials(clip(&innermost(error)));
        }
        if let Some(error) = as_tls(error) {
            return cause_of_tls(error);
        }
        next = error.source();
    }
    let reason = innermost(error);
    // A TLS server answers a request in plain HTTP with bytes that are no HTTP.
    if reason.contains("invalid HTTP") {
        return Cause::TlsService;
    }
    Cause::Unreachable(clip(&reason))
}

/// The TLS library's error, however many I/O errors it is wrapped in: what is inside of one is not
/// among its sources, only what is below that.
fn as_tls<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e rustls::Error> {
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return Some(error);
    }
    as_tls(error.downcast_ref::<std::io::Error>()?.get_ref()?)
}

fn cause_of_tls(error: &rustls::Error) -> Cause {
    match error {
        rustls::Error::InvalidMessage(_) => Cause::PlainService,
        rustls::Error::InvalidCertificate(reason) => {
            Cause::Tls(format!("its certificate is not accepted ({reason:?})"))
        }
        error => Cause::Tls(error.to_string()),
    }
}

/// The text of the last cause of an error, which tells most.
fn innermost(error: &(dyn StdError + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    clip(&last.to_string())
}

/// The text of the first element called `name`: a service's errors are flat.
fn element(body: &str, name: &str) -> Option<String> {
    let (_, rest) = body.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    Some(clip(text))
}

/// One line of bounded length, whatever a service sends.
fn clip(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match line.char_indices().find(|(at, _)| *at >= TEXT_BYTES_MAX) {
        Some((at, _)) => format!("{}..", &line[..at]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause(status: u16, code: &str) -> Cause {
        cause_of_answer(status, Some(code), None, "", None)
    }

    #[test]
    fn every_refusal_has_a_sentence_of_its_own() {
        for (cause, words) in [
            (cause(404, "NoSuchBucket"), "no such bucket"),
            (cause(403, "AccessDenied"), "access is denied"),
            (cause(403, "SignatureDoesNotMatch"), "access key and its secret"),
            (cause(400, "ExpiredToken"), "token has expired"),
            (cause(403, "RequestTimeTooSkewed"), "clock"),
            (cause(301, "PermanentRedirect"), "another region"),
            (cause(503, "SlowDown"), "slow down"),
            (cause(200, "InternalError"), "the service failed"),
            (Cause::PlainService, "http://"),
            (Cause::TlsService, "https://"),
            (Cause::Tls("bad".to_owned()), "AWS_CA_BUNDLE"),
            (Cause::NoCredentials("no credentials found in chain: ..".to_owned()), "or a profile"),
            (Cause::NoCredentials("the program failed".to_owned()), "(the program failed)"),
        ] {
            let sentence = Fault::new(cause).to_string();
            assert!(sentence.contains(words) && !sentence.contains('\n'), "{sentence:?}");
        }
    }

    #[test]
    fn a_status_without_a_code_is_understood() {
        for (status, expected) in [
            (403, Cause::AccessDenied),
            (404, Cause::NotFound),
            (412, Cause::Precondition),
            (429, Cause::Throttled),
            (500, Cause::Unavailable),
            (503, Cause::Unavailable),
            (507, Cause::Full),
            (418, Cause::Refused),
        ] {
            assert_eq!(cause_of_answer(status, None, None, "", None), expected, "{status}");
        }
        let plain = "Client sent an HTTP request to an HTTPS server.";
        assert_eq!(cause_of_answer(400, None, None, plain, None), Cause::TlsService);
    }

    #[test]
    fn the_right_region_is_named_when_the_service_names_it() {
        let body = "<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-1</Region>";
        let region = element(body, "Region");
        let cause = cause_of_answer(400, Some("AuthorizationHeaderMalformed"), None, body, region);
        assert!(Fault::new(cause).to_string().contains("AWS_REGION=eu-west-1"));
    }

    #[test]
    fn texts_from_outside_are_one_short_line() {
        let text = clip(&"é\n\u{7}".repeat(500));
        assert!(text.len() < TEXT_BYTES_MAX + 8 && !text.contains(char::is_control));
        assert_eq!(element("<Code>x</Code>", "Code").as_deref(), Some("x"));
        assert_eq!(element("<Code>x", "Code"), None);
    }
}

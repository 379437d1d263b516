//! An S3 server in this process, what is in it, and faults that it is told to have.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

/// The access key that the server knows.
pub const ACCESS_KEY: &str = "exuvia-tests";
/// Its secret.
pub const SECRET_KEY: &str = "not-really-secret";

/// What a server does with a request instead of serving it.
#[derive(Clone, Debug)]
pub enum Trouble {
    /// Answers with this status and an error of this code.
    Refuse(u16, &'static str),
    /// Answers `200 OK`, with an error in the body.
    RefuseInside200(&'static str),
    /// Hangs up after so many bytes of the request's body.
    HangUpAfter(usize),
    /// Serves it, but hangs up after so many bytes of the answer's body.
    CutAnswerAfter(usize),
    /// Serves it, and hangs up instead of answering.
    LoseAnswer,
    /// Serves it after a while.
    Delay(Duration),
    /// Answers `200 OK` with this body.
    Answer(String),
}

/// A request as a plan of faults sees it.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// Its method, path and query: `PUT /bucket/key?partNumber=1&uploadId=..`.
    pub line: String,
    /// Its `Range`.
    pub range: Option<String>,
    /// Whether it carries a checksum.
    pub has_checksum: bool,
    /// The token of temporary credentials that it is signed with.
    pub token: Option<String>,
}

impl Asked {
    /// Whether it carries a part of an upload.
    pub fn is_part(&self) -> bool {
        self.line.starts_with("PUT ") && self.line.contains("uploadId=")
    }

    /// Whether it completes an upload.
    pub fn is_completion(&self) -> bool {
        self.line.starts_with("POST ") && self.line.contains("uploadId=")
    }

    /// Whether it stores a whole object.
    pub fn is_put(&self) -> bool {
        self.line.starts_with("PUT ") && !self.line.contains("uploadId=")
    }

    /// Whether it reads part of an object.
    pub fn is_ranged(&self) -> bool {
        self.line.starts_with("GET ") && self.range.is_some()
    }
}

type Plan = Box<dyn FnMut(&Asked) -> Option<Trouble> + Send>;

/// What was asked of a server, and what it is to do about it.
#[derive(Default)]
struct Script {
    asked: Vec<Asked>,
    plan: Option<Plan>,
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Script").field("asked", &self.asked).finish_non_exhaustive()
    }
}

/// An S3 server over a temporary directory, until it is dropped.
#[derive(Debug)]
pub struct S3Server {
    address: SocketAddr,
    root: TempDir,
    script: Arc<Mutex<Script>>,
    runtime: Option<Runtime>,
}

impl S3Server {
    /// Starts a server on a free port, with these buckets.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub fn start(buckets: &[&str]) -> Self {
        let root = TempDir::new().expect("a temporary directory");
        for bucket in buckets {
            std::fs::create_dir(root.path().join(bucket)).expect("a bucket");
        }
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let service = service(root.path());
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let script = Arc::default();
        runtime.spawn(serve(listener, service, Arc::clone(&script)));
        Self { address, root, script, runtime: Some(runtime) }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Has `plan` decide about every request from now on.
    pub fn plan(&self, plan: impl FnMut(&Asked) -> Option<Trouble> + Send + 'static) {
        lock(&self.script).plan = Some(Box::new(plan));
    }

    /// Serves every request from now on.
    pub fn behave(&self) {
        lock(&self.script).plan = None;
    }

    /// What was asked since the last call.
    pub fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut lock(&self.script).asked)
    }

    /// The directory of a bucket: its objects are files there.
    pub fn bucket(&self, bucket: &str) -> PathBuf {
        self.root.path().join(bucket)
    }

    /// The names in a bucket below a prefix, sorted.
    ///
    /// # Panics
    ///
    /// If the bucket cannot be read.
    pub fn names(&self, bucket: &str, prefix: &str) -> Vec<String> {
        let dir = self.bucket(bucket).join(prefix);
        let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
        let mut names: Vec<String> = entries
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"))
            .collect();
        names.sort();
        names
    }

    /// Everything of uploads that nobody completed or aborted: their marks and their parts.
    ///
    /// # Panics
    ///
    /// If the server's directory cannot be read.
    pub fn unfinished(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.root.path()).expect("the server's directory");
        entries
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"))
            .filter(|name| name.starts_with(".upload"))
            .collect()
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn lock(script: &Mutex<Script>) -> std::sync::MutexGuard<'_, Script> {
    // A plan that panicked has failed its test already.
    script.lock().unwrap_or_else(PoisonError::into_inner)
}

fn service(root: &Path) -> S3Service {
    let files = FileSystem::new(root).expect("a directory for buckets");
    let mut builder = S3ServiceBuilder::new(files);
    builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
    builder.build()
}

async fn serve(listener: TcpListener, service: S3Service, script: Arc<Mutex<Script>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (service, script) = (service.clone(), Arc::clone(&script));
        let handler =
            service_fn(move |request| handle(service.clone(), Arc::clone(&script), request));
        let connection = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), handler);
        // A client that hangs up is no concern of the server's.
        tokio::spawn(async move { drop(connection.await) });
    }
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Answer = Response<UnsyncBoxBody<Bytes, BoxError>>;

async fn handle(
    service: S3Service,
    script: Arc<Mutex<Script>>,
    request: Request<Incoming>,
) -> Result<Answer, BoxError> {
    let range = request.headers().get("range").and_then(|range| range.to_str().ok());
    let line = format!("{} {}", request.method(), request.uri());
    let headers = request.headers();
    let trailer = headers.get("x-amz-trailer").is_some_and(|name| name == "x-amz-checksum-crc32c");
    let has_checksum = trailer || headers.contains_key("x-amz-checksum-crc32c");
    let token = headers.get("x-amz-security-token").and_then(|token| token.to_str().ok());
    let token = token.map(str::to_owned);
    let asked = Asked { line, range: range.map(str::to_owned), has_checksum, token };
    let trouble = {
        let mut script = lock(&script);
        script.asked.push(asked.clone());
        script.plan.as_mut().and_then(|plan| plan(&asked))
    };
    match trouble {
        None => answer(service, request).await,
        Some(Trouble::Refuse(status, code)) => refuse(request, status, code).await,
        Some(Trouble::RefuseInside200(code)) => refuse(request, 200, code).await,
        Some(Trouble::HangUpAfter(bytes)) => {
            let mut body = request.into_body();
            let mut seen = 0;
            while seen < bytes
                && let Some(Ok(frame)) = body.frame().await
            {
                seen += frame.data_ref().map_or(0, Bytes::len);
            }
            Err("hung up".into())
        }
        Some(Trouble::CutAnswerAfter(bytes)) => {
            let (parts, body) = answer(service, request).await?.into_parts();
            Ok(Response::from_parts(parts, Cut { body, left: bytes }.boxed_unsync()))
        }
        Some(Trouble::LoseAnswer) => {
            let answer = answer(service, request).await?;
            drop(answer.into_body().collect().await);
            Err("hung up".into())
        }
        Some(Trouble::Delay(time)) => {
            tokio::time::sleep(time).await;
            answer(service, request).await
        }
        Some(Trouble::Answer(text)) => {
            let body = Full::new(Bytes::from(text)).map_err(|never| match never {}).boxed_unsync();
            Ok(Response::new(body))
        }
    }
}

async fn answer(service: S3Service, request: Request<Incoming>) -> Result<Answer, BoxError> {
    // The server looks for what has the name and then writes: real ones do that in one step.
    static CONDITIONAL: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    let is_conditional = request.headers().contains_key("if-none-match");
    let _one = if is_conditional { Some(CONDITIONAL.lock().await) } else { None };
    let answer = service.call(request.map(s3s::Body::from)).await;
    let answer = answer.map_err(|error| -> BoxError { format!("{error:?}").into() })?;
    Ok(answer.map(|body| body.map_err(Into::into).boxed_unsync()))
}

/// Answers with an error once the whole request is there, so that nobody takes the answer for a
/// connection that broke.
async fn refuse(request: Request<Incoming>, status: u16, code: &str) -> Result<Answer, BoxError> {
    drop(request.into_body().collect().await);
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>as planned\
         </Message><RequestId>4711</RequestId></Error>"
    );
    let body = Full::new(Bytes::from(text)).map_err(|never| match never {}).boxed_unsync();
    let answer = Response::builder().status(status).header("x-amz-request-id", "4711").body(body);
    Ok(answer?)
}

/// A body that breaks after some bytes.
struct Cut {
    body: UnsyncBoxBody<Bytes, BoxError>,
    left: usize,
}

impl hyper::body::Body for Cut {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, BoxError>>> {
        use std::task::Poll;
        if self.left == 0 {
            return Poll::Ready(Some(Err("cut".into())));
        }
        let frame = std::task::ready!(std::pin::Pin::new(&mut self.body).poll_frame(context));
        Poll::Ready(frame.map(|frame| {
            frame.map(|frame| match frame.into_data() {
                Ok(data) => {
                    let kept = data.slice(..data.len().min(self.left));
                    self.left -= kept.len();
                    hyper::body::Frame::data(kept)
                }
                Err(frame) => frame,
            })
        }))
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        self.body.size_hint()
    }
}

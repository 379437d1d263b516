//! An S3 service to measure against: one that the environment names, or a small one in this
//! process, which shows that a benchmark runs but not how fast.

use std::path::Path;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use exuvia_storage_s3::{S3Options, S3Storage};
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

/// Names the address of a service: `127.0.0.1:9000`.
const ENDPOINT: &str = "EXUVIA_BENCH_S3_ENDPOINT";
/// Its bucket, which has to be there.
const BUCKET: &str = "exuvia-bench";
/// Bytes of a part of an upload, for everybody.
pub const PART_BYTES: usize = 8 << 20;

/// A service, and how it is spoken to.
#[derive(Debug)]
pub struct Service {
    /// Runs the peer's requests.
    pub runtime: Runtime,
    /// The official SDK's client, as it comes.
    pub sdk: Client,
    endpoint: String,
    access_key: String,
    secret_key: String,
    _files: Option<TempDir>,
}

impl Service {
    /// The service that `EXUVIA_BENCH_S3_ENDPOINT` names, with the credentials in the environment
    /// and a bucket `exuvia-bench`; without that variable one in this process.
    ///
    /// # Panics
    ///
    /// If it does not start, or the credentials are missing.
    pub fn find() -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let variable = |name: &str| std::env::var(name).expect("credentials in the environment");
        let (endpoint, access_key, secret_key, files) =
            if let Ok(endpoint) = std::env::var(ENDPOINT) {
                let keys = (variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY"));
                (endpoint, keys.0, keys.1, None)
            } else {
                let (key, secret) = ("exuvia-bench".to_owned(), "not-really-secret".to_owned());
                let (endpoint, files) = start(&runtime, &key, &secret);
                (endpoint, key, secret, Some(files))
            };
        let credentials = Credentials::new(&access_key, &secret_key, None, None, "bench");
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .endpoint_url(format!("http://{endpoint}"))
            .region(Region::from_static("us-east-1"))
            .credentials_provider(credentials)
            .force_path_style(true)
            .build();
        let sdk = Client::from_conf(config);
        Self { runtime, sdk, endpoint, access_key, secret_key, _files: files }
    }

    /// A place in the bucket for snapshots.
    ///
    /// # Panics
    ///
    /// If its threads do not start.
    pub fn storage(&self, prefix: &str) -> S3Storage {
        let options = S3Options::new(&format!("s3://{BUCKET}/{prefix}")).expect("a place");
        let options = options
            .endpoint(&format!("http://{}", self.endpoint))
            .and_then(|options| options.part_bytes(PART_BYTES as u64))
            .expect("an address")
            .region("us-east-1")
            .credentials(&self.access_key, &self.secret_key, None);
        S3Storage::open(options).expect("threads")
    }

    /// The bucket.
    pub fn bucket(&self) -> &'static str {
        BUCKET
    }
}

fn start(runtime: &Runtime, key: &str, secret: &str) -> (String, TempDir) {
    let root = TempDir::new().expect("a temporary directory");
    std::fs::create_dir(root.path().join(BUCKET)).expect("a bucket");
    let service = service(root.path(), key, secret);
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    runtime.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service.clone());
            // A client that hangs up is no concern of the server's.
            tokio::spawn(async move { drop(connection.await) });
        }
    });
    (address, root)
}

fn service(root: &Path, key: &str, secret: &str) -> S3Service {
    let files = FileSystem::new(root).expect("a directory for buckets");
    let mut builder = S3ServiceBuilder::new(files);
    builder.set_auth(SimpleAuth::from_single(key, secret));
    builder.build()
}

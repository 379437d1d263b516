//! Accepting connections of scrapers, and answering them.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::sync::Semaphore;

use super::http::{self, HEAD_BYTES_MAX, Status, Target};
use super::metrics::metrics;
use crate::gate::Reasons;
use crate::server::{Server, Shared};

/// Connections at one time; more wait in the system's queue.
const CONNECTIONS_MAX: usize = 32;
/// How long a request and its response may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long accepting pauses when the process has no file descriptor left.
const BACK_OFF: Duration = Duration::from_millis(50);

/// Listens on every address.
///
/// # Errors
///
/// One line that names the address and what is wrong with it.
pub(crate) fn bind(addresses: &[SocketAddr]) -> Result<Vec<StdListener>, String> {
    let bound = addresses.iter().map(|address| {
        let listener = StdListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    bound
        .zip(addresses)
        .map(|(listener, address)| {
            listener.map_err(|error: io::Error| {
                format!("cannot listen on {address} for /metrics: {error}; see --admin_port")
            })
        })
        .collect()
}

/// Answers requests for as long as the process lives, on a thread of its own.
///
/// # Errors
///
/// What kept the system from starting it.
pub(crate) fn start(listeners: Vec<StdListener>, server: &Shared) -> io::Result<()> {
    if listeners.is_empty() {
        return Ok(());
    }
    let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    for listener in listeners {
        let address = listener.local_addr()?;
        let _context = runtime.enter();
        let listener = TcpListener::from_std(listener)?;
        tracing::info!(%address, "serving /metrics and /healthz");
        runtime.spawn(accept(listener, Arc::clone(&permits), Arc::clone(server)));
    }
    std::thread::Builder::new()
        .name("admin".to_owned())
        .spawn(move || runtime.block_on(std::future::pending::<()>()))?;
    Ok(())
}

async fn accept(listener: TcpListener, permits: Arc<Semaphore>, server: Shared) {
    loop {
        // The semaphore is never closed.
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let server = Arc::clone(&server);
                tokio::spawn(async move {
                    let _permit = permit;
                    // A scraper that is slow, or gone, asks again.
                    let _ = tokio::time::timeout(PATIENCE, exchange(stream, &server)).await;
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection on --admin_port");
                tokio::time::sleep(BACK_OFF).await;
            }
        }
    }
}

/// Serves one request.
async fn exchange(mut stream: TcpStream, server: &Server) -> io::Result<()> {
    let mut received = Vec::with_capacity(1024);
    let response = loop {
        if let Some(end) = http::head_end(&received) {
            break respond(&received[..end], server);
        }
        if received.len() >= HEAD_BYTES_MAX {
            let status = Status::HeadTooLarge;
            break http::response(status, &status.body(), false);
        }
        let mut limited = (&mut stream).take((HEAD_BYTES_MAX - received.len()) as u64);
        if limited.read_buf(&mut received).await? == 0 {
            return Ok(());
        }
    };
    stream.write_all(&response).await?;
    stream.shutdown().await
}

fn respond(head: &[u8], server: &Server) -> Vec<u8> {
    match http::parse(head) {
        Ok(request) => {
            let (status, body) = match request.target {
                Target::Metrics => (Status::Ok, metrics(server)),
                Target::Health if server.gate.reasons().any(Reasons::LOADING) => {
                    (Status::Unavailable, "loading\n".to_owned())
                }
                Target::Health => (Status::Ok, "ok\n".to_owned()),
            };
            http::response(status, &body, request.head_only)
        }
        Err(status) => http::response(status, &status.body(), false),
    }
}

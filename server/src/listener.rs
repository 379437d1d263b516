//! Accepting connections, and the threads that serve them.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Handle};
use tokio::task::JoinHandle;

use crate::client::ClientEntry;
use crate::connection::Connection;
use crate::server::{Server, Shared};

/// Threads that wait for disks on behalf of one connection thread.
const BLOCKING_THREADS_MAX: usize = 16;

/// How long accepting pauses when the process has no file descriptor left.
const BACK_OFF: Duration = Duration::from_millis(50);

/// The connection threads. Each runs the connections it was given to their ends.
#[derive(Debug)]
pub(crate) struct Threads {
    threads: Vec<Thread>,
}

#[derive(Debug)]
struct Thread {
    runtime: Handle,
    /// Connections it serves.
    connections: Arc<AtomicUsize>,
}

impl Threads {
    /// Starts `count` threads, which live as long as the process.
    ///
    /// # Errors
    ///
    /// What kept the system from starting one.
    pub(crate) fn start(count: usize) -> io::Result<Self> {
        let threads = (0..count).map(|number| {
            let runtime = Builder::new_current_thread()
                .enable_io()
                .enable_time()
                .max_blocking_threads(BLOCKING_THREADS_MAX)
                .build()?;
            let handle = runtime.handle().clone();
            std::thread::Builder::new()
                .name(format!("connections-{number}"))
                .spawn(move || runtime.block_on(std::future::pending::<()>()))?;
            Ok(Thread { runtime: handle, connections: Arc::default() })
        });
        Ok(Self { threads: threads.collect::<io::Result<_>>()? })
    }

    pub(crate) fn handles(&self) -> Vec<Handle> {
        self.threads.iter().map(|thread| thread.runtime.clone()).collect()
    }

    /// The thread with the fewest connections.
    fn least_loaded(&self) -> (usize, &Thread) {
        let load = |thread: &Thread| thread.connections.load(Ordering::Relaxed);
        let threads = self.threads.iter().enumerate();
        threads.min_by_key(|(_, thread)| load(thread)).expect("there is at least one thread")
    }
}

/// Listens on every address.
///
/// # Errors
///
/// One line that names the address and what is wrong with it.
pub(crate) async fn bind(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, String> {
    let mut listeners = Vec::new();
    let mut port = addresses.first().map_or(0, SocketAddr::port);
    for address in addresses {
        let mut address = *address;
        address.set_port(port);
        let listener = TcpListener::bind(address).await.map_err(|error| {
            let advice = match error.kind() {
                io::ErrorKind::AddrInUse => "; another process listens there, see --port",
                io::ErrorKind::AddrNotAvailable => "; the machine has no such address, see --bind",
                io::ErrorKind::PermissionDenied => "; ports below 1024 need privileges, see --port",
                _ => "",
            };
            format!("cannot listen on {address}: {error}{advice}")
        })?;
        // A free port that was found for the first address is the port of all of them.
        port = listener.local_addr().map_or(port, |local| local.port());
        listeners.push(listener);
    }
    Ok(listeners)
}

/// The listening sockets, each with a task that accepts what comes.
#[derive(Debug)]
pub(crate) struct Doors {
    addresses: Vec<SocketAddr>,
    tasks: Vec<JoinHandle<()>>,
    threads: Arc<Threads>,
}

impl Doors {
    /// Lets clients in.
    pub(crate) fn open(
        listeners: Vec<TcpListener>,
        server: &Shared,
        threads: Arc<Threads>,
    ) -> Self {
        let addresses = listeners.iter().filter_map(|listener| listener.local_addr().ok());
        let mut doors = Self { addresses: addresses.collect(), tasks: Vec::new(), threads };
        for address in &doors.addresses {
            server.set_port(address.port());
            tracing::info!(%address, version = env!("CARGO_PKG_VERSION"), "listening");
        }
        doors.attend(listeners, server);
        doors
    }

    fn attend(&mut self, listeners: Vec<TcpListener>, server: &Shared) {
        for listener in listeners {
            let accept = accept(listener, Arc::clone(server), Arc::clone(&self.threads));
            self.tasks.push(tokio::spawn(accept));
        }
    }

    /// Lets nobody in any more, and gives the port away: another server may wait for it.
    pub(crate) fn close(&self) {
        for task in &self.tasks {
            task.abort();
        }
    }

    /// Lets clients in again, where they were let in before.
    ///
    /// # Errors
    ///
    /// Those of [`bind`].
    pub(crate) async fn reopen(&mut self, server: &Shared) -> Result<(), String> {
        for task in self.tasks.drain(..) {
            // Its socket is closed once it has ended.
            task.abort();
            let _ = task.await;
        }
        let listeners = bind(&self.addresses).await?;
        self.attend(listeners, server);
        Ok(())
    }
}

/// Accepts connections for ever.
async fn accept(listener: TcpListener, server: Shared, threads: Arc<Threads>) {
    let mut failing = false;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                failing = false;
                admit(stream, peer, &server, &threads);
            }
            Err(error) => {
                // Usually a lack of file descriptors, which ends when a client leaves. One line
                // is enough until then.
                if !std::mem::replace(&mut failing, true) {
                    tracing::warn!(%error, "cannot accept connections");
                }
                tokio::time::sleep(BACK_OFF).await;
            }
        }
    }
}

/// Hands a new connection to a thread, unless there are too many.
fn admit(stream: TcpStream, peer: SocketAddr, server: &Shared, threads: &Threads) {
    server.shared.connections.fetch_add(1, Ordering::Relaxed);
    let (maxclients, keepalive) = {
        let settings = server.settings();
        (settings.maxclients(), settings.tcp_keepalive())
    };
    if server.clients.len() >= maxclients {
        server.shared.connections_refused.fetch_add(1, Ordering::Relaxed);
        // The socket's buffer is empty, so the line either fits or the peer is gone.
        let _ = stream.try_write(b"-ERR max number of clients reached\r\n");
        return;
    }
    let _ = stream.set_nodelay(true);
    if let Some(time) = keepalive {
        let probes = TcpKeepalive::new().with_time(time).with_interval(time / 3).with_retries(3);
        let _ = SockRef::from(&stream).set_tcp_keepalive(&probes);
    }
    let (Ok(local), Ok(stream)) = (stream.local_addr(), stream.into_std()) else { return };
    let (number, thread) = threads.least_loaded();
    let entry = ClientEntry::new(server.clients.next_id(), peer, local, number, server.now_ms());
    let entry = Arc::new(entry);
    server.clients.add(&entry);
    thread.connections.fetch_add(1, Ordering::Relaxed);
    let load = Load(Arc::clone(&thread.connections));
    let server = Arc::clone(server);
    thread.runtime.spawn(async move {
        let _load = load;
        serve(stream, entry, server).await;
    });
}

/// One connection in its thread's count, for as long as it lives.
struct Load(Arc<AtomicUsize>);

impl Drop for Load {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn serve(stream: std::net::TcpStream, entry: Arc<ClientEntry>, server: Arc<Server>) {
    let id = entry.id;
    match (TcpStream::from_std(stream), server.store.database(0)) {
        (Ok(stream), Ok(database)) => {
            Connection::new(stream, entry, database, server).serve().await;
        }
        _ => server.clients.remove(id),
    }
}

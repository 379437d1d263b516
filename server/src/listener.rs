//! Accepting connections, and the threads that serve them.

use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::runtime::{Builder, Handle};
use tokio::task::JoinHandle;

use crate::client::{Address, Arrived, ClientEntry};
use crate::connection::{Connection, Stream};
use crate::flags::Settings;
use crate::server::{Server, Shared};
use crate::tls::Tls;

/// Threads that wait for disks on behalf of one connection thread.
const BLOCKING_THREADS_MAX: usize = 16;

/// Connections that the system keeps for us until they are accepted; fewer where its own limit,
/// `net.core.somaxconn`, is lower. One that finds no room waits a second before it tries again, so
/// there has to be room for all that come while other threads have the processors.
pub(crate) const BACKLOG: i32 = 4096;

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

/// A socket that clients connect to.
#[derive(Debug)]
enum Listener {
    Tcp(TcpListener, Option<Tls>),
    Unix(UnixListener, Arc<Path>),
}

/// Where clients can connect.
#[derive(Debug)]
pub(crate) struct Places {
    addresses: Vec<SocketAddr>,
    tls: Option<Tls>,
    /// A Unix socket, and the permissions of its file.
    unix: Option<(Arc<Path>, u32)>,
}

impl Places {
    /// Reads the flags, and the files that they name.
    ///
    /// # Errors
    ///
    /// One line that names the flag.
    pub(crate) fn new(settings: &Settings) -> Result<Self, String> {
        let unix = settings.unix_socket().map(|path| (path.into(), settings.unix_socket_mode()));
        Ok(Self { addresses: settings.addresses(), tls: Tls::new(settings)?, unix })
    }
}

/// Sockets that listen already.
#[derive(Debug)]
pub(crate) struct Listeners(Vec<Listener>);

/// Listens everywhere. A free port that was found for the first address is noted in `places` as
/// the port of all of them.
///
/// # Errors
///
/// One line that names the address and what is wrong with it.
pub(crate) fn bind(places: &mut Places) -> Result<Listeners, String> {
    let mut listeners = Vec::new();
    let mut port = places.addresses.first().map_or(0, SocketAddr::port);
    for address in &mut places.addresses {
        address.set_port(port);
        let listener = listen(*address).map_err(|error| {
            let advice = match error.kind() {
                io::ErrorKind::AddrInUse => "; another process listens there, see --port",
                io::ErrorKind::AddrNotAvailable => "; the machine has no such address, see --bind",
                io::ErrorKind::PermissionDenied => "; ports below 1024 need privileges, see --port",
                _ => "",
            };
            format!("cannot listen on {address}: {error}{advice}")
        })?;
        port = listener.local_addr().map_or(port, |local| local.port());
        address.set_port(port);
        let listener = TcpListener::from_std(listener)
            .map_err(|error| format!("cannot listen on {address}: {error}"))?;
        listeners.push(Listener::Tcp(listener, places.tls.clone()));
    }
    if let Some((path, mode)) = &places.unix {
        let listener = bind_unix(path, *mode).map_err(|error| {
            format!("cannot listen at {}: {error}, see --unixsocket", path.display())
        })?;
        listeners.push(Listener::Unix(listener, Arc::clone(path)));
    }
    Ok(Listeners(listeners))
}

fn listen(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    // Connections of an earlier process that are not quite gone do not hold the port.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Sockets that listen on another port than before, to which nobody attends yet.
#[derive(Debug)]
pub(crate) struct Moved {
    sockets: Vec<(SocketAddr, std::net::TcpListener)>,
}

impl Moved {
    /// Listens on `port` of each of `hosts`; 0 is any that is free.
    ///
    /// # Errors
    ///
    /// What is wrong with an address.
    pub(crate) fn bind(hosts: &[IpAddr], mut port: u16) -> io::Result<Self> {
        let mut sockets = Vec::new();
        for host in hosts {
            let socket = listen(SocketAddr::new(*host, port))?;
            let address = socket.local_addr()?;
            port = address.port();
            sockets.push((address, socket));
        }
        Ok(Self { sockets })
    }

    pub(crate) fn port(&self) -> u16 {
        self.sockets.first().map_or(0, |(address, _)| address.port())
    }
}

/// Listens at a path. The socket of a server that is gone is replaced, nothing else is.
fn bind_unix(path: &Path, mode: u32) -> io::Result<UnixListener> {
    match std::fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is a file already"));
        }
        Ok(_) => match std::os::unix::net::UnixStream::connect(path) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                std::fs::remove_file(path)?;
            }
            _ => {
                let inuse = "another process listens there";
                return Err(io::Error::new(io::ErrorKind::AddrInUse, inuse));
            }
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    Ok(listener)
}

/// The listening sockets, each with a task that accepts what comes.
#[derive(Debug)]
pub(crate) struct Doors {
    places: Places,
    /// The tasks of the port.
    port_tasks: Vec<JoinHandle<()>>,
    /// The tasks of the Unix socket.
    unix_tasks: Vec<JoinHandle<()>>,
    threads: Arc<Threads>,
}

impl Doors {
    /// Lets clients in.
    pub(crate) fn open(
        places: Places,
        listeners: Listeners,
        server: &Shared,
        threads: Arc<Threads>,
    ) -> Self {
        let (port_tasks, unix_tasks) = (Vec::new(), Vec::new());
        let mut doors = Self { places, port_tasks, unix_tasks, threads };
        let version = env!("CARGO_PKG_VERSION");
        for address in &doors.places.addresses {
            server.set_port(address.port());
            tracing::info!(%address, version, "listening");
        }
        if let Some((path, _)) = &doors.places.unix {
            tracing::info!(path = %path.display(), version, "listening");
        }
        doors.attend(listeners, server);
        doors
    }

    fn attend(&mut self, listeners: Listeners, server: &Shared) {
        for listener in listeners.0 {
            let tasks = match listener {
                Listener::Tcp(..) => &mut self.port_tasks,
                Listener::Unix(..) => &mut self.unix_tasks,
            };
            let accept = accept(listener, Arc::clone(server), Arc::clone(&self.threads));
            tasks.push(tokio::spawn(accept));
        }
    }

    /// Lets clients in at another port, and no more at the one before.
    pub(crate) async fn move_to(&mut self, moved: Moved, server: &Shared) {
        end(&mut self.port_tasks).await;
        let mut listeners = Vec::new();
        self.places.addresses.clear();
        for (address, socket) in moved.sockets {
            match TcpListener::from_std(socket) {
                Ok(listener) => {
                    tracing::info!(%address, "listening on another port");
                    listeners.push(Listener::Tcp(listener, self.places.tls.clone()));
                }
                Err(error) => tracing::error!(%address, %error, "cannot accept connections"),
            }
            self.places.addresses.push(address);
        }
        self.attend(Listeners(listeners), server);
    }

    /// Notes another port, for when clients are let in again.
    pub(crate) fn move_later(&mut self, moved: &Moved) {
        self.places.addresses = moved.sockets.iter().map(|(address, _)| *address).collect();
    }

    /// Lets nobody in any more, and gives the port away: another server may wait for it.
    pub(crate) fn close(&self) {
        for task in self.port_tasks.iter().chain(&self.unix_tasks) {
            task.abort();
        }
        if let Some((path, _)) = &self.places.unix {
            // Whoever finds it gone has what is wanted.
            let _ = std::fs::remove_file(path);
        }
    }

    /// Lets clients in again, where they were let in before.
    ///
    /// # Errors
    ///
    /// Those of [`bind`].
    pub(crate) async fn reopen(&mut self, server: &Shared) -> Result<(), String> {
        end(&mut self.port_tasks).await;
        end(&mut self.unix_tasks).await;
        let listeners = bind(&mut self.places)?;
        self.attend(listeners, server);
        Ok(())
    }
}

/// Ends tasks that accept connections; their sockets are closed then.
async fn end(tasks: &mut Vec<JoinHandle<()>>) {
    for task in tasks.drain(..) {
        task.abort();
        let _ = task.await;
    }
}

/// A connection that nobody serves yet, away from any runtime.
enum Accepted {
    Tcp(std::net::TcpStream, Option<Tls>),
    Unix(std::os::unix::net::UnixStream),
}

impl Listener {
    /// The next connection, with the addresses of its two ends.
    async fn next(&self) -> io::Result<(Accepted, Address, Address)> {
        match self {
            Self::Tcp(listener, tls) => loop {
                let (stream, peer) = listener.accept().await?;
                // A client may be gone again already.
                let (Ok(local), Ok(stream)) = (stream.local_addr(), stream.into_std()) else {
                    continue;
                };
                let stream = Accepted::Tcp(stream, tls.clone());
                return Ok((stream, Address::Ip(peer), Address::Ip(local)));
            },
            Self::Unix(listener, path) => {
                let (stream, _) = listener.accept().await?;
                let address = Address::Unix(Arc::clone(path));
                Ok((Accepted::Unix(stream.into_std()?), address.clone(), address))
            }
        }
    }
}

impl Accepted {
    /// Tells a client why it is not served, if it can be told in one piece and at once.
    fn refuse(self, line: &[u8]) {
        // The socket's buffer is empty, so the line either fits or the peer is gone.
        let _ = match self {
            Self::Tcp(mut stream, None) => stream.write(line),
            Self::Unix(mut stream) => stream.write(line),
            // Before the handshake there is no way to tell.
            Self::Tcp(_, Some(_)) => Ok(0),
        };
    }

    /// Number of the socket's file descriptor.
    fn descriptor(&self) -> i32 {
        match self {
            Self::Tcp(stream, _) => stream.as_raw_fd(),
            Self::Unix(stream) => stream.as_raw_fd(),
        }
    }

    /// Sets what concerns the network: no delay, and probes of clients that are silent.
    fn configure(&self, keepalive: Option<Duration>) {
        let Self::Tcp(stream, _) = self else { return };
        let _ = stream.set_nodelay(true);
        if let Some(time) = keepalive {
            let probes =
                TcpKeepalive::new().with_time(time).with_interval(time / 3).with_retries(3);
            let _ = SockRef::from(stream).set_tcp_keepalive(&probes);
        }
    }

    /// The stream to serve, on the runtime that is to serve it; none if the client is gone.
    async fn into_stream(self) -> Option<Stream> {
        match self {
            Self::Unix(stream) => UnixStream::from_std(stream).ok().map(Stream::Unix),
            Self::Tcp(stream, None) => TcpStream::from_std(stream).ok().map(Stream::Tcp),
            Self::Tcp(stream, Some(tls)) => {
                let stream = tls.accept(TcpStream::from_std(stream).ok()?).await?;
                Some(Stream::Tls(Box::new(stream)))
            }
        }
    }
}

/// Accepts connections for ever.
async fn accept(listener: Listener, server: Shared, threads: Arc<Threads>) {
    let mut failing = false;
    loop {
        match listener.next().await {
            Ok((accepted, peer, local)) => {
                failing = false;
                admit(accepted, peer, local, &server, &threads);
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
fn admit(accepted: Accepted, peer: Address, local: Address, server: &Shared, threads: &Threads) {
    server.shared.connections.fetch_add(1, Ordering::Relaxed);
    let (maxclients, keepalive) = {
        let settings = server.settings();
        (settings.maxclients(), settings.tcp_keepalive())
    };
    if server.clients.len() >= maxclients {
        server.shared.connections_refused.fetch_add(1, Ordering::Relaxed);
        accepted.refuse(b"-ERR max number of clients reached\r\n");
        return;
    }
    accepted.configure(keepalive);
    let (number, thread) = threads.least_loaded();
    let (id, descriptor) = (server.clients.next_id(), accepted.descriptor());
    let arrived = Arrived { id, peer, local, descriptor, now_ms: server.now_ms() };
    let entry = Arc::new(ClientEntry::new(arrived, number, Arc::clone(&server.bounds)));
    server.clients.add(&entry);
    thread.connections.fetch_add(1, Ordering::Relaxed);
    let load = Load(Arc::clone(&thread.connections));
    let server = Arc::clone(server);
    thread.runtime.spawn(async move {
        let _load = load;
        serve(accepted, entry, server).await;
    });
}

/// One connection in its thread's count, for as long as it lives.
struct Load(Arc<AtomicUsize>);

impl Drop for Load {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn serve(accepted: Accepted, entry: Arc<ClientEntry>, server: Arc<Server>) {
    let id = entry.id;
    match (accepted.into_stream().await, server.store.database(0)) {
        (Some(stream), Ok(database)) => {
            Connection::new(stream, entry, database, server).serve().await;
        }
        _ => server.clients.remove(id),
    }
}

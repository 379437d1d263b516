//! A way to a server on which bytes are lost, late or changed.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Longest piece that passes at once.
const PIECE_BYTES_MAX: usize = 64 << 10;

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the client to the server.
    Up,
    /// From the server to the client.
    Down,
}

/// Looks at each piece that passes, changes it or waits; `false` cuts the connection there.
type Spoil = Box<dyn FnMut(Way, &mut [u8]) -> bool + Send>;

/// Passes connections on to a server, until it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    ended: Arc<AtomicBool>,
}

impl Proxy {
    /// Listens on a free port for what goes to `server`, and has `spoil` see all of it.
    ///
    /// # Panics
    ///
    /// If no port is free.
    pub fn start(
        server: SocketAddr,
        spoil: impl FnMut(Way, &mut [u8]) -> bool + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let ended = Arc::new(AtomicBool::new(false));
        let spoil: Arc<Mutex<Spoil>> = Arc::new(Mutex::new(Box::new(spoil)));
        let until = Arc::clone(&ended);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                // Relaxed: the flag stands for itself.
                if until.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(server) = TcpStream::connect(server) else { continue };
                connect(&client, &server, &spoil);
            }
        });
        Self { address, ended }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // Its thread waits for a connection; if it cannot be had it has ended already.
        drop(TcpStream::connect(self.address));
    }
}

fn connect(client: &TcpStream, server: &TcpStream, spoil: &Arc<Mutex<Spoil>>) {
    for (way, from, to) in [(Way::Up, client, server), (Way::Down, server, client)] {
        let (Ok(from), Ok(to)) = (from.try_clone(), to.try_clone()) else { return };
        let spoil = Arc::clone(spoil);
        thread::spawn(move || {
            pass(way, &from, &to, &spoil);
            // Either may be closed already.
            let _ = from.shutdown(Shutdown::Both);
            let _ = to.shutdown(Shutdown::Both);
        });
    }
}

fn pass(way: Way, mut from: &TcpStream, mut to: &TcpStream, spoil: &Mutex<Spoil>) {
    let mut piece = vec![0; PIECE_BYTES_MAX];
    while let Ok(bytes) = from.read(&mut piece)
        && bytes > 0
    {
        let piece = &mut piece[..bytes];
        // A check that panicked has failed its test already.
        let passes = spoil.lock().unwrap_or_else(PoisonError::into_inner)(way, piece);
        if !passes || to.write_all(piece).is_err() {
            return;
        }
    }
}

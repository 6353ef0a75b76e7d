//! A fixed bootstrap port in front of the mock cluster, which always listens on a free one.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

/// Bootstrap connections held at a time; further ones are closed at once. Clients use theirs
/// for the first metadata request and keep it idle.
const MAX_CONNECTIONS: usize = 256;

/// Forwards TCP connections from a port of this machine's loopback to one address, with a thread
/// for accepting (two where there is IPv6) and two for each connection.
pub struct Forwarder {
    addresses: Vec<SocketAddr>,
    stopping: Arc<AtomicBool>,
}

impl Forwarder {
    /// Listens on `port` and forwards to `target` (`host:port`) until dropped.
    ///
    /// # Errors
    /// The port is taken, or not allowed.
    pub fn start(port: u16, target: &str) -> io::Result<Forwarder> {
        let mut forwarder =
            Forwarder { addresses: Vec::new(), stopping: Arc::new(AtomicBool::new(false)) };
        let open = Arc::new(AtomicUsize::new(0));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        forwarder.take_connections(listener, target, &open)?;
        // Where localhost is ::1 first, clients would otherwise log a refused connection.
        match TcpListener::bind((Ipv6Addr::LOCALHOST, port)) {
            Ok(listener) => forwarder.take_connections(listener, target, &open)?,
            Err(error) => log::debug!("port {port} is for IPv4 alone: {error}"),
        }
        Ok(forwarder)
    }

    fn take_connections(
        &mut self,
        listener: TcpListener,
        target: &str,
        open: &Arc<AtomicUsize>,
    ) -> io::Result<()> {
        let address = listener.local_addr()?;
        let (target, stopping) = (target.to_owned(), Arc::clone(&self.stopping));
        let open = Arc::clone(open);
        thread::Builder::new()
            .name("forward-accept".to_owned())
            .spawn(move || accept(&listener, &target, &stopping, &open))?;
        self.addresses.push(address);
        Ok(())
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Relaxed);
        for address in &self.addresses {
            // Wakes the accepting thread, which then sees the flag and closes the port.
            if let Err(error) = TcpStream::connect(address) {
                log::debug!("port {address} is closed already: {error}");
            }
        }
    }
}

fn accept(listener: &TcpListener, target: &str, stopping: &AtomicBool, open: &Arc<AtomicUsize>) {
    for connection in listener.incoming() {
        if stopping.load(Ordering::Relaxed) {
            return;
        }
        let forwarded = connection.and_then(|client| forward(client, target, open));
        if let Err(error) = forwarded {
            log::warn!("a bootstrap connection failed: {error}");
        }
    }
}

fn forward(client: TcpStream, target: &str, open: &Arc<AtomicUsize>) -> io::Result<()> {
    let Some(place) = Place::take(open) else {
        return Err(io::Error::other(format!("{MAX_CONNECTIONS} are open already")));
    };
    let broker = TcpStream::connect(target)?;
    let (client_read, broker_write) = (client.try_clone()?, broker.try_clone()?);
    thread::Builder::new().name("forward-in".to_owned()).spawn(move || {
        copy(client_read, broker_write);
        drop(place);
    })?;
    thread::Builder::new().name("forward-out".to_owned()).spawn(move || copy(broker, client))?;
    Ok(())
}

/// Copies until either side ends, then ends both: a bootstrap connection has no half-closed use.
fn copy(mut from: TcpStream, mut to: TcpStream) {
    if let Err(error) = io::copy(&mut from, &mut to) {
        log::debug!("a bootstrap connection ended: {error}");
    }
    for stream in [from, to] {
        if let Err(error) = stream.shutdown(Shutdown::Both) {
            log::debug!("a bootstrap connection was closed already: {error}");
        }
    }
}

/// One of the places for connections; given back when dropped.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(open: &Arc<AtomicUsize>) -> Option<Place> {
        open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| {
            (count < MAX_CONNECTIONS).then_some(count + 1)
        })
        .ok()
        .map(|_| Place(Arc::clone(open)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

//! A TCP proxy that stalls or cuts what goes through it, or closes a connection around an EXEC.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use crate::wait::wait_until;

/// What the proxy does with the bytes it gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Traffic {
    Pass,
    /// Connections stay open, nothing goes through in either direction.
    Stall,
    /// Connections are closed, new ones too.
    Cut,
}

/// What is lost with a connection that is closed around an EXEC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// The EXEC: the server never gets it.
    Exec,
    /// Its reply: the server has run it.
    Reply,
}

struct Valve {
    traffic: Mutex<Traffic>,
    changed: Condvar,
    /// What the next connection that sends an EXEC loses.
    lose: Mutex<Option<Lost>>,
}

/// What the two directions of one connection know of each other.
#[derive(Default)]
struct Link {
    /// Whether the next reply is to be lost.
    is_deaf: AtomicBool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    ToServer,
    ToClient,
}

const EXEC: &[u8] = b"\r\nEXEC\r\n";

/// A proxy in front of one server; ends with the value.
pub struct Proxy {
    valve: Arc<Valve>,
    port: u16,
}

impl Proxy {
    /// Forwards a free port to `target` (a port of 127.0.0.1).
    pub fn start(target: u16) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind the proxy");
        let port = listener.local_addr().expect("the proxy's address").port();
        let valve = Arc::new(Valve {
            traffic: Mutex::new(Traffic::Pass),
            changed: Condvar::new(),
            lose: Mutex::new(None),
        });
        let shared = valve.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                accept(client, target, &shared);
            }
        });
        Proxy { valve, port }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn set(&self, traffic: Traffic) {
        *self.valve.traffic.lock().unwrap() = traffic;
        self.valve.changed.notify_all();
    }

    /// Closes the next connection that sends an EXEC, and waits until that has happened.
    pub fn lose(&self, lost: Lost) {
        *self.valve.lose.lock().unwrap() = Some(lost);
        wait_until("an EXEC to lose", Duration::from_secs(60), || {
            self.valve.lose.lock().unwrap().is_none()
        });
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.set(Traffic::Cut);
    }
}

fn accept(client: TcpStream, target: u16, valve: &Arc<Valve>) {
    if *valve.traffic.lock().unwrap() == Traffic::Cut {
        return;
    }
    let Ok(server) = TcpStream::connect(("127.0.0.1", target)) else {
        return;
    };
    // As proxies do: what is sent bit by bit is not to wait for acknowledgements.
    for side in [&client, &server] {
        side.set_nodelay(true).expect("TCP_NODELAY");
    }
    let link = Arc::new(Link::default());
    let ways = [(&client, &server, Direction::ToServer), (&server, &client, Direction::ToClient)];
    for (from, to, direction) in ways {
        let (from, to) = (from.try_clone().expect("a socket"), to.try_clone().expect("a socket"));
        let (valve, link) = (valve.clone(), link.clone());
        std::thread::spawn(move || forward(from, to, &valve, &link, direction));
    }
}

fn forward(
    mut from: TcpStream,
    mut to: TcpStream,
    valve: &Valve,
    link: &Link,
    direction: Direction,
) {
    from.set_read_timeout(Some(Duration::from_millis(20))).expect("set a time-out");
    let mut buffer = vec![0; 64 * 1024];
    // The end of what went through, for an EXEC that comes in pieces.
    let mut tail = Vec::new();
    let mut has_lost = false;
    while open(valve) {
        let read = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            // The whole reply has come.
            Err(e) if is_time_out(&e) && has_lost => break,
            Err(e) if is_time_out(&e) => continue,
            Err(_) => break,
        };
        if direction == Direction::ToServer {
            tail.extend_from_slice(&buffer[..read]);
            if memchr::memmem::find(&tail, EXEC).is_some() {
                match valve.lose.lock().unwrap().take() {
                    Some(Lost::Exec) => break,
                    Some(Lost::Reply) => link.is_deaf.store(true, Ordering::SeqCst),
                    None => {}
                }
                tail.clear();
            }
            tail.drain(..tail.len().saturating_sub(EXEC.len()));
        } else if link.is_deaf.load(Ordering::SeqCst) {
            has_lost = true;
            continue;
        }
        if !open(valve) || to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

fn is_time_out(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// Waits while the proxy stalls; false when it cuts.
fn open(valve: &Valve) -> bool {
    let traffic = valve.traffic.lock().unwrap();
    let traffic = valve.changed.wait_while(traffic, |t| *t == Traffic::Stall).unwrap();
    *traffic == Traffic::Pass
}

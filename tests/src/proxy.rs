//! A TCP proxy that stalls or cuts what goes through it.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// What the proxy does with the bytes it gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Traffic {
    Pass,
    /// Connections stay open, nothing goes through in either direction.
    Stall,
    /// Connections are closed, new ones too.
    Cut,
}

struct Valve {
    traffic: Mutex<Traffic>,
    changed: Condvar,
}

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
        let valve = Arc::new(Valve { traffic: Mutex::new(Traffic::Pass), changed: Condvar::new() });
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
    for (from, to) in [(&client, &server), (&server, &client)] {
        let (from, to) = (from.try_clone().expect("a socket"), to.try_clone().expect("a socket"));
        let valve = valve.clone();
        std::thread::spawn(move || forward(from, to, &valve));
    }
}

fn forward(mut from: TcpStream, mut to: TcpStream, valve: &Valve) {
    from.set_read_timeout(Some(Duration::from_millis(20))).expect("set a time-out");
    let mut buffer = vec![0; 64 * 1024];
    while open(valve) {
        let read = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => continue,
            Err(_) => break,
        };
        if !open(valve) || to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

/// Waits while the proxy stalls; false when it cuts.
fn open(valve: &Valve) -> bool {
    let traffic = valve.traffic.lock().unwrap();
    let traffic = valve.changed.wait_while(traffic, |t| *t == Traffic::Stall).unwrap();
    *traffic == Traffic::Pass
}

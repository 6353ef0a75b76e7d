//! Everything a server shows to one connection: MONITOR, PSUBSCRIBE.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread::JoinHandle;

use crate::client::Protocol;
use crate::server::RedisServer;

const MARKER: &str = "the-end-of-watching";

/// A connection that collects all it is sent, on a thread of its own.
pub struct Watch {
    seen: JoinHandle<String>,
    marker: [&'static str; 3],
}

impl Watch {
    /// Every command the server runs.
    pub fn monitor(server: &RedisServer) -> Watch {
        Watch::start(server, "MONITOR\r\n", ["PUBLISH", "watch", MARKER])
    }

    /// Every keyevent notification (turns all of them on).
    pub fn keyevents(server: &RedisServer) -> Watch {
        server.ok("CONFIG SET notify-keyspace-events KEA");
        Watch::start(
            server,
            "PSUBSCRIBE __keyevent@*\r\n",
            ["PUBLISH", "__keyevent@0__:end", MARKER],
        )
    }

    fn start(server: &RedisServer, command: &str, marker: [&'static str; 3]) -> Watch {
        let mut socket = TcpStream::connect(("127.0.0.1", server.port())).expect("connect");
        socket.write_all(command.as_bytes()).expect("send");
        let mut first = [0];
        socket.read_exact(&mut first).expect("a reply");
        let seen = std::thread::spawn(move || {
            let mut seen = String::new();
            let mut buffer = [0; 64 * 1024];
            while !seen.contains(MARKER) {
                let read = socket.read(&mut buffer).expect("what the server shows");
                assert!(read > 0, "the server closed a watching connection");
                seen.push_str(&String::from_utf8_lossy(&buffer[..read]));
            }
            seen
        });
        Watch { seen, marker }
    }

    /// All that was shown until now.
    pub fn stop(self, server: &RedisServer) -> String {
        server.connect(Protocol::Resp2).send(&self.marker).expect("send the marker");
        self.seen.join().expect("the watching thread")
    }
}

/// How often [`Watch::keyevents`] saw an event of a key of database 0.
pub fn fired(seen: &str, event: &str, key: &str) -> usize {
    let is_it = |message: &&str| {
        let mut lines = message.split("\r\n");
        (lines.next(), lines.nth(1)) == (Some(event), Some(key))
    };
    seen.split("__keyevent@0__:").filter(is_it).count()
}

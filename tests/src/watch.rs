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
    marker: [String; 3],
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

    /// Every message on these channels, as a plain SUBSCRIBE client gets them.
    pub fn channels(server: &RedisServer, channels: &[&str]) -> Watch {
        let command = format!("SUBSCRIBE {}\r\n", channels.join(" "));
        Watch::start(server, &command, ["PUBLISH", channels[0], MARKER])
    }

    fn start(server: &RedisServer, command: &str, marker: [&str; 3]) -> Watch {
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
        Watch { seen, marker: marker.map(String::from) }
    }

    /// All that was shown until now.
    pub fn stop(self, server: &RedisServer) -> String {
        let marker = self.marker.each_ref().map(String::as_str);
        server.connect(Protocol::Resp2).send(&marker).expect("send the marker");
        self.seen.join().expect("the watching thread")
    }
}

/// What [`Watch::keyevents`] saw in database 0, in order: events and keys.
pub fn events(seen: &str) -> Vec<(&str, &str)> {
    let event = |message| {
        let mut lines = str::split(message, "\r\n");
        lines.next().zip(lines.nth(1))
    };
    let messages = seen.split("__keyevent@0__:").skip(1).filter_map(event);
    messages.filter(|(_, key)| *key != MARKER).collect()
}

/// How often [`Watch::keyevents`] saw an event of a key of database 0.
pub fn fired(seen: &str, event: &str, key: &str) -> usize {
    events(seen).into_iter().filter(|it| *it == (event, key)).count()
}

/// What [`Watch::channels`] saw, in order: channels and messages (of one line).
pub fn messages(seen: &str) -> Vec<(String, String)> {
    let lines: Vec<&str> = seen.split("\r\n").collect();
    // message, $length, channel, $length, payload
    let starts = lines.windows(5).filter(|part| part[0] == "message" && part[1].starts_with('$'));
    let messages = starts.map(|part| (part[2].to_string(), part[4].to_string()));
    messages.filter(|(_, payload)| payload != MARKER).collect()
}

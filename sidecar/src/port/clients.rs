//! Who is connected: CLIENT LIST, and the limit of how many.

use super::answer::Protocol;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

/// What there is to say of one client.
#[derive(Debug, Clone)]
pub struct Client {
    /// Where it comes from.
    pub peer: SocketAddr,
    /// The name it gave itself; empty for none.
    pub name: String,
    /// What its library calls itself, and its version.
    pub library: [String; 2],
    /// The database it chose.
    pub database: i32,
    /// The protocol it chose.
    pub protocol: Protocol,
    /// The last command's name.
    pub command: String,
    /// Since when it is connected.
    pub since: Instant,
    /// When its last command came.
    pub last: Instant,
}

/// All clients; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Clients(Arc<Mutex<Table>>);

#[derive(Debug, Default)]
struct Table {
    last_id: u64,
    connected: BTreeMap<u64, Client>,
}

impl Clients {
    /// Enters a client that has just connected; none where there are `limit` already.
    pub fn enter(&self, peer: SocketAddr, limit: usize) -> Option<Seat> {
        let mut table = self.0.lock();
        if table.connected.len() >= limit {
            return None;
        }
        table.last_id += 1;
        let (id, now) = (table.last_id, Instant::now());
        let client = Client {
            peer,
            name: String::new(),
            library: [String::new(), String::new()],
            database: 0,
            protocol: Protocol::default(),
            command: String::new(),
            since: now,
            last: now,
        };
        table.connected.insert(id, client);
        Some(Seat { clients: self.clone(), id })
    }

    /// How many are connected.
    pub fn count(&self) -> usize {
        self.0.lock().connected.len()
    }

    /// One line a client, in the form of Redis's CLIENT LIST.
    pub fn list(&self) -> String {
        let table = self.0.lock();
        table.connected.iter().map(|(id, client)| line(*id, client)).collect()
    }
}

/// A client's place among all; given up when dropped.
#[derive(Debug)]
pub struct Seat {
    clients: Clients,
    id: u64,
}

impl Seat {
    /// The client's number: never given twice.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Changes what there is to say of the client.
    pub fn update(&self, change: impl FnOnce(&mut Client)) {
        if let Some(client) = self.clients.0.lock().connected.get_mut(&self.id) {
            change(client);
        }
    }

    /// All clients.
    pub fn clients(&self) -> &Clients {
        &self.clients
    }

    /// The client's own line.
    pub fn line(&self) -> String {
        let table = self.clients.0.lock();
        table.connected.get(&self.id).map(|client| line(self.id, client)).unwrap_or_default()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.clients.0.lock().connected.remove(&self.id);
    }
}

fn line(id: u64, client: &Client) -> String {
    let mut line = String::new();
    let [library, version] = &client.library;
    // Writing to a string cannot fail.
    let _ = writeln!(
        line,
        "id={id} addr={} name={} age={} idle={} db={} resp={} cmd={} lib-name={library} lib-ver={version}",
        client.peer,
        client.name,
        client.since.elapsed().as_secs(),
        client.last.elapsed().as_secs(),
        client.database,
        client.protocol.number(),
        client.command,
    );
    line
}

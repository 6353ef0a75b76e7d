//! The command port: Redis's protocol, on which the module's commands are given.
//!
//! All of it runs on one thread, in the runtime it shares with HTTP; commands go to the registry's
//! thread ([`crate::control`]) and are awaited.

mod answer;
mod clients;
mod connection;
mod describe;
mod info;
mod request;
mod session;

use crate::control::Control;
use clients::Clients;
use connection::Connection;
use native_tls::Identity;
use session::Session;
use sha2::{Digest, Sha256};
use socket2::{SockRef, TcpKeepalive};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_native_tls::TlsAcceptor;

/// Connections at once, unless told otherwise.
pub const CLIENTS_DEFAULT: usize = 256;
/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// When a silent peer is asked whether it is still there; Redis's tcp-keepalive.
const KEEPALIVE: Duration = Duration::from_secs(300);
/// How long to wait when the system lacks what another connection needs.
const SHORTAGE: Duration = Duration::from_millis(100);

/// A password, kept as its SHA-256: how long a comparison takes tells of the digest only.
#[derive(Clone)]
pub struct PasswordDigest([u8; 32]);

impl PasswordDigest {
    /// The digest of this password.
    pub fn new(password: &str) -> PasswordDigest {
        PasswordDigest(Sha256::digest(password.as_bytes()).into())
    }

    /// Whether this is the password.
    pub fn is_of(&self, password: &[u8]) -> bool {
        let other: [u8; 32] = Sha256::digest(password).into();
        // Every byte is looked at, whatever the first ones are.
        self.0.iter().zip(other).fold(0, |differs, (own, other)| differs | (own ^ other)) == 0
    }
}

/// What all connections share.
#[derive(Clone)]
pub struct Lobby {
    /// Where commands go.
    pub control: Control,
    /// What clients must know; none lets everyone in.
    pub password: Option<PasswordDigest>,
    /// The URL of the Redis that is written to, without password.
    pub redis: Arc<str>,
    /// Since when the process runs.
    pub since: Instant,
}

/// How the port runs.
pub struct Settings {
    /// What all connections share.
    pub lobby: Lobby,
    /// Certificate and key; with it, only TLS is spoken.
    pub identity: Option<Identity>,
    /// Connections at once.
    pub clients: usize,
}

/// Serves the command port; ends only by being dropped.
///
/// # Errors
/// The certificate cannot be used.
pub async fn serve(listener: TcpListener, settings: Settings) -> Result<(), native_tls::Error> {
    let tls = settings.identity.map(native_tls::TlsAcceptor::new).transpose()?;
    let tls = tls.map(TlsAcceptor::from);
    let clients = Clients::default();
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!("the command port cannot take a connection: {error}");
                tokio::time::sleep(SHORTAGE).await;
                continue;
            }
        };
        match clients.enter(peer, settings.clients) {
            Some(seat) => {
                let session = Session::new(settings.lobby.clone(), seat);
                tokio::spawn(welcome(stream, peer, session, tls.clone()));
            }
            None => turn_away(&stream, tls.as_ref()),
        }
    }
}

async fn welcome(stream: TcpStream, peer: SocketAddr, session: Session, tls: Option<TlsAcceptor>) {
    let served = async {
        stream.set_nodelay(true)?;
        SockRef::from(&stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE))?;
        let Some(tls) = tls else { return Connection::new(stream, session).serve().await };
        let late = |_| io::Error::from(io::ErrorKind::TimedOut);
        let shaken = timeout(HANDSHAKE, tls.accept(stream)).await.map_err(late)?;
        Connection::new(shaken.map_err(io::Error::other)?, session).serve().await
    };
    if let Err(error) = served.await {
        tracing::debug!("command port: {peer}: {error}");
    }
}

/// Says why, where it can be said without waiting.
fn turn_away(stream: &TcpStream, tls: Option<&TlsAcceptor>) {
    const REFUSAL: &[u8] = b"-ERR max number of clients reached\r\n";
    if tls.is_none() {
        // A client that cannot be told is closed all the same.
        let _ = SockRef::from(stream).send(REFUSAL);
    }
}

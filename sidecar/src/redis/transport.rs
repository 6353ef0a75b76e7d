//! The byte stream to a server: TCP, TLS over it, or a Unix socket. All of it blocks, and no wait is
//! without its end.

use super::address::{Tls, Trust};
use super::connection::Patience;
use super::problem::Problem;
use native_tls::{Certificate, Identity, TlsConnector, TlsStream};
use nix::sys::socket::setsockopt;
use nix::{libc, setsockopt_impl, sockopt_impl};
use socket2::{SockRef, TcpKeepalive};
use std::io::{self, IoSlice, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// An idle connection whose other side has gone is noticed within half a minute.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(15);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEPALIVE_RETRIES: u32 = 3;

sockopt_impl!(
    /// How many bytes must have come before whoever waits for some is woken.
    ReceiveLowWater,
    SetOnly,
    libc::SOL_SOCKET,
    libc::SO_RCVLOWAT,
    u32
);

/// A connected byte stream.
pub enum Transport {
    /// Plain text.
    Tcp(TcpStream),
    /// TLS.
    Tls(Box<TlsStream<TcpStream>>),
    /// On this machine.
    Unix(UnixStream),
}

impl Transport {
    /// Connects over TCP, and TLS where it is wanted: every address of the host in turn.
    pub fn tcp(
        host: &str,
        port: u16,
        tls: Option<&Tls>,
        patience: Patience,
    ) -> Result<Transport, Problem> {
        let away = |error: io::Error| Problem::Away(error.to_string());
        let mut last = Problem::Away(format!("the name '{host}' has no address"));
        for address in (host, port).to_socket_addrs().map_err(away)? {
            match TcpStream::connect_timeout(&address, patience.connect) {
                Ok(stream) => {
                    ready(&stream, patience).map_err(away)?;
                    return match tls {
                        None => Ok(Transport::Tcp(stream)),
                        Some(tls) => secure(host, stream, tls),
                    };
                }
                Err(error) => last = away(error),
            }
        }
        Err(last)
    }

    /// Has the next read wait for so many bytes; what comes by the end of a wait is read even if it is
    /// less. Of no effect over a Unix socket, and over TLS, which reads its records in parts: tells
    /// whether it has one.
    pub fn set_low_water(&self, bytes: usize) -> io::Result<bool> {
        let Transport::Tcp(stream) = self else { return Ok(false) };
        setsockopt(stream, ReceiveLowWater, &u32::try_from(bytes).unwrap_or(u32::MAX))?;
        Ok(true)
    }

    /// Connects to a Unix socket.
    pub fn unix(path: &Path, patience: Patience) -> Result<Transport, Problem> {
        let connect = || -> io::Result<UnixStream> {
            let stream = UnixStream::connect(path)?;
            stream.set_read_timeout(Some(patience.answer))?;
            stream.set_write_timeout(Some(patience.answer))?;
            Ok(stream)
        };
        connect().map(Transport::Unix).map_err(|error| Problem::Away(error.to_string()))
    }
}

fn ready(stream: &TcpStream, patience: Patience) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(patience.answer))?;
    stream.set_write_timeout(Some(patience.answer))?;
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE_IDLE)
        .with_interval(KEEPALIVE_INTERVAL)
        .with_retries(KEEPALIVE_RETRIES);
    SockRef::from(stream).set_tcp_keepalive(&keepalive)
}

fn secure(host: &str, stream: TcpStream, tls: &Tls) -> Result<Transport, Problem> {
    let connector = connector(tls).map_err(|problem| Problem::Away(format!("TLS: {problem}")))?;
    let secured = connector.connect(host, stream);
    let secured = secured.map_err(|error| Problem::Away(format!("TLS: {error}")))?;
    Ok(Transport::Tls(Box::new(secured)))
}

fn connector(tls: &Tls) -> Result<TlsConnector, String> {
    let mut builder = TlsConnector::builder();
    let read =
        |path: &Path| std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()));
    match &tls.trust {
        Trust::System => {}
        Trust::Anyone => {
            builder.danger_accept_invalid_certs(true).danger_accept_invalid_hostnames(true);
        }
        Trust::File(path) => {
            let wrong = |error| format!("{}: {error}", path.display());
            builder.disable_built_in_roots(true);
            for authority in Certificate::stack_from_pem(&read(path)?).map_err(wrong)? {
                builder.add_root_certificate(authority);
            }
        }
    }
    if let Some((certificate, key)) = &tls.identity {
        let identity = Identity::from_pkcs8(&read(certificate)?, &read(key)?);
        builder.identity(identity.map_err(|error| format!("{}: {error}", certificate.display()))?);
    }
    builder.build().map_err(|error| error.to_string())
}

impl Read for Transport {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Transport::Tcp(stream) => stream.read(into),
            Transport::Tls(stream) => stream.read(into),
            Transport::Unix(stream) => stream.read(into),
        }
    }
}

impl Write for Transport {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Transport::Tcp(stream) => stream.write(bytes),
            Transport::Tls(stream) => stream.write(bytes),
            Transport::Unix(stream) => stream.write(bytes),
        }
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Transport::Tcp(stream) => stream.write_vectored(parts),
            Transport::Tls(stream) => stream.write_vectored(parts),
            Transport::Unix(stream) => stream.write_vectored(parts),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Transport::Tcp(stream) => stream.flush(),
            Transport::Tls(stream) => stream.flush(),
            Transport::Unix(stream) => stream.flush(),
        }
    }
}

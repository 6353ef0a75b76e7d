//! `redis-kafka health`: asks a running one whether it is ready, for containers without curl.

use crate::cli::{HTTP_DEFAULT, Listen};
use clap::Args;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// How long connecting, asking and answering may each take.
const PATIENCE: Duration = Duration::from_secs(8);

/// The most bytes of an answer that are read.
const ANSWER_MAX: u64 = 64 * 1024;

pub(crate) const HELP: &str = "\
Asks /health/ready, or with --live /health/live, and prints the answer.

Exit codes: 0 it is, 1 it is not or does not answer, 2 wrong command line.";

/// What `redis-kafka health` takes.
#[derive(Debug, Args)]
pub struct HealthArgs {
    /// Where it serves HTTP
    #[arg(long, value_name = "HOST:PORT", env = "REDIS_KAFKA_HTTP", default_value = HTTP_DEFAULT)]
    http: Listen,
    /// Ask whether it runs, not whether it is ready
    #[arg(long)]
    live: bool,
}

/// Why it is not healthy, or may not be.
#[derive(Debug, thiserror::Error)]
pub enum HealthError {
    /// There is nobody to ask.
    #[error("--http is off: there is no health to ask for")]
    Off,
    /// It does not answer.
    #[error("{0} does not answer: {1}")]
    Away(SocketAddr, io::Error),
    /// It answered otherwise.
    #[error("{0}")]
    Not(String),
}

/// Asks, and prints the answer.
///
/// # Errors
/// It is not healthy, or does not answer.
pub fn run(args: &HealthArgs) -> Result<(), HealthError> {
    let address = reachable(args.http.address().ok_or(HealthError::Off)?);
    let path = if args.live { "/health/live" } else { "/health/ready" };
    let answer = ask(address, path).map_err(|error| HealthError::Away(address, error))?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    if head.split(' ').nth(1) == Some("200") {
        println!("{}", body.trim_end());
        return Ok(());
    }
    let status = head.lines().next().unwrap_or_default();
    Err(HealthError::Not(format!("{status}: {}", body.trim_end())))
}

/// Who listens on all addresses is asked on this machine's own.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

/// One request of HTTP/1.0: the answer ends where the connection does.
fn ask(address: SocketAddr, path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(ANSWER_MAX).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

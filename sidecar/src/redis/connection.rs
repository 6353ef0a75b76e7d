//! One blocking connection to the primary.

use super::address::{Address, Login, Place, Tls};
use super::problem::{Problem, Refusal};
use super::reply::{Part, ReadError, Replies};
use super::request::Request;
use super::transport::Transport;
use redis::Value;
use std::io::{self, ErrorKind, IoSlice, Write};
use std::time::Duration;

/// What we call ourselves in CLIENT LIST.
const NAME: &[u8] = b"redis-kafka";

/// How long is waited.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For a connection.
    pub connect: Duration,
    /// For the next byte of an answer, or for room to send: after that the other side counts as gone.
    pub answer: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience { connect: Duration::from_secs(5), answer: Duration::from_secs(10) }
    }
}

/// A connection that is logged in, in its database. Of no use after [`Problem::Away`].
pub struct Connection {
    transport: Transport,
    replies: Replies,
    patience: Patience,
    /// Whether a wait can be for more than a byte.
    gathers: bool,
}

impl Connection {
    /// Connects to the primary, asking Sentinel where there is one. A cluster is refused.
    pub fn open(address: &Address, patience: Patience) -> Result<Connection, Problem> {
        let tls = address.tls.as_ref();
        let mut connection = match &address.place {
            Place::Tcp(host, port) => Connection::tcp((host, *port), tls, patience)?,
            Place::Unix(path) => Connection::over(Transport::unix(path, patience)?, patience),
            Place::Sentinel { sentinels, service, login } => {
                let (host, port) = primary(sentinels, service, (tls, login), patience)?;
                let at = |problem| named(problem, &format!("{host}:{port}"));
                Connection::tcp((&host, port), tls, patience).map_err(at)?
            }
        };
        connection.log_in(&address.login)?;
        if let Place::Sentinel { service, .. } = &address.place {
            connection.check_primary(service)?;
        }
        connection.refuse_cluster()?;
        if address.database != 0 {
            let number = address.database.to_string();
            connection.command(&[b"SELECT", number.as_bytes()])?;
        }
        connection.introduce()?;
        Ok(connection)
    }

    fn tcp(
        (host, port): (&str, u16),
        tls: Option<&Tls>,
        patience: Patience,
    ) -> Result<Connection, Problem> {
        Ok(Connection::over(Transport::tcp(host, port, tls, patience)?, patience))
    }

    fn over(transport: Transport, patience: Patience) -> Connection {
        let gathers = transport.set_low_water(1).unwrap_or_else(|error| {
            // Some sandboxes lack it.
            log::debug!("SO_RCVLOWAT: {error}");
            false
        });
        Connection { transport, replies: Replies::default(), patience, gathers }
    }

    fn log_in(&mut self, login: &Login) -> Result<(), Problem> {
        let Some(password) = &login.password else { return Ok(()) };
        let password = password.reveal().as_bytes();
        match &login.user {
            Some(user) => self.command(&[b"AUTH", user.as_bytes(), password])?,
            None => self.command(&[b"AUTH", password])?,
        };
        Ok(())
    }

    /// A name in CLIENT LIST; a server that does not know the command is no worse for it.
    fn introduce(&mut self) -> Result<(), Problem> {
        match self.command(&[b"CLIENT", b"SETNAME", NAME]) {
            Err(problem @ Problem::Away(_)) => Err(problem),
            Err(problem) => {
                log::debug!("CLIENT SETNAME: {problem}");
                Ok(())
            }
            Ok(_) => Ok(()),
        }
    }

    /// Sentinel may not have heard yet of a primary that was replaced.
    fn check_primary(&mut self, service: &str) -> Result<(), Problem> {
        let reply = self.command(&[b"ROLE"])?;
        let role = match &reply {
            Value::Array(parts) => parts.first().map(text).unwrap_or_default(),
            _ => String::new(),
        };
        match role.as_str() {
            "master" => Ok(()),
            other => Err(Problem::Refused(
                Refusal::ReadOnly,
                format!("Sentinel's primary of '{service}' is a {other} (ROLE)"),
            )),
        }
    }

    fn refuse_cluster(&mut self) -> Result<(), Problem> {
        match self.command(&[b"INFO", b"cluster"]) {
            Ok(info) if text(&info).contains("cluster_enabled:1") => Err(Problem::Refused(
                Refusal::Cluster,
                "this is a Redis Cluster, which redis-kafka does not support yet".to_owned(),
            )),
            // Who may not ask is told by MOVED.
            Ok(_) | Err(Problem::Refused(Refusal::NoCommand | Refusal::Other, _)) => Ok(()),
            Err(problem) => Err(problem),
        }
    }

    /// Sends one command and gives its answer; an error that Redis answers with is a problem.
    pub fn command(&mut self, words: &[&[u8]]) -> Result<Value, Problem> {
        let mut request = Request::default();
        request.command(words);
        self.send(&request)?;
        match self.value()? {
            Value::ServerError(error) => Err(refused(&error)),
            value => Ok(value),
        }
    }

    /// Sends commands; each is answered once, in turn: the answers must be read.
    pub fn send(&mut self, request: &Request) -> Result<(), Problem> {
        self.send_parts(&mut [IoSlice::new(request.bytes())])
    }

    /// Sends commands, and others behind them, as one.
    pub fn send_both(&mut self, first: &Request, second: &Request) -> Result<(), Problem> {
        self.send_parts(&mut [IoSlice::new(first.bytes()), IoSlice::new(second.bytes())])
    }

    fn send_parts(&mut self, parts: &mut [IoSlice<'_>]) -> Result<(), Problem> {
        let sent = write_all(&mut self.transport, parts).and_then(|()| self.transport.flush());
        sent.map_err(|error| Problem::reading(error.into(), self.patience.answer))
    }

    /// Waits until answers of so many bytes are there, in one sleep: Redis sends the answers to what it
    /// reads at once (16 KiB), and to be woken for each such part costs both sides. Answers that prove
    /// shorter are not lost, but read only when [`Patience::answer`] is over.
    pub fn gather(&mut self, bytes: usize) -> Result<(), Problem> {
        let lacking = bytes.saturating_sub(self.replies.unread());
        if !self.gathers || lacking <= 1 {
            return Ok(());
        }
        let gathered = self.gather_more(lacking);
        gathered.map_err(|error| Problem::reading(error, self.patience.answer))
    }

    fn gather_more(&mut self, bytes: usize) -> Result<(), ReadError> {
        self.transport.set_low_water(bytes)?;
        self.replies.read_more(&mut self.transport)?;
        self.transport.set_low_water(1)?;
        Ok(())
    }

    /// The next part of an answer.
    pub fn part(&mut self) -> Result<Part<'_>, Problem> {
        let patience = self.patience.answer;
        self.replies.next(&mut self.transport).map_err(|error| Problem::reading(error, patience))
    }

    /// Passes over answers that are this status, as far as they have come, at most so many; how many
    /// they were.
    pub fn skip_status(&mut self, status: &[u8], most: usize) -> usize {
        self.replies.skip_status(status, most)
    }

    /// Passes over answers that are short strings, as far as they have come, at most so many; how many
    /// they were.
    pub fn skip_short_bulks(&mut self, most: usize) -> usize {
        self.replies.skip_short_bulks(most)
    }

    /// Passes over so many whole answers; whether an error was in one of them.
    pub fn skip(&mut self, answers: usize) -> Result<bool, Problem> {
        let patience = self.patience.answer;
        let skipped = self.replies.skip(&mut self.transport, answers);
        skipped.map_err(|error| Problem::reading(error, patience))
    }

    /// The next answer with all of its parts; an error that Redis answered with is one of its values.
    pub fn value(&mut self) -> Result<Value, Problem> {
        let patience = self.patience.answer;
        self.replies.value(&mut self.transport).map_err(|error| Problem::reading(error, patience))
    }
}

/// As the standard library's `write_all_vectored` would, which is not stable.
fn write_all(transport: &mut Transport, mut parts: &mut [IoSlice<'_>]) -> io::Result<()> {
    IoSlice::advance_slices(&mut parts, 0);
    while !parts.is_empty() {
        match transport.write_vectored(parts) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut parts, written),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The words of an error that Redis answered with.
pub fn refused(error: &redis::ServerError) -> Problem {
    let words = [error.code(), error.details().unwrap_or_default()];
    Problem::refused(words.join(" ").trim_end())
}

/// The text of an answer that is one.
pub fn text(value: &Value) -> String {
    match value {
        Value::BulkString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::SimpleString(text) => text.clone(),
        Value::Okay => "OK".to_owned(),
        Value::Int(number) => number.to_string(),
        _ => String::new(),
    }
}

fn named(problem: Problem, place: &str) -> Problem {
    match problem {
        Problem::Away(text) => Problem::Away(format!("{place}: {text}")),
        refused => refused,
    }
}

/// Where the first Sentinel that answers says that the primary is.
/// <https://redis.io/docs/latest/develop/reference/sentinel-clients/>
fn primary(
    sentinels: &[(String, u16)],
    service: &str,
    (tls, login): (Option<&Tls>, &Login),
    patience: Patience,
) -> Result<(String, u16), Problem> {
    let mut problems = Vec::new();
    for (host, port) in sentinels {
        let ask = || -> Result<Value, Problem> {
            let mut connection = Connection::tcp((host, *port), tls, patience)?;
            connection.log_in(login)?;
            connection.command(&[b"SENTINEL", b"get-master-addr-by-name", service.as_bytes()])
        };
        match ask() {
            Ok(Value::Array(parts)) => {
                let words: Vec<_> = parts.iter().map(text).collect();
                if let [host, port] = words.as_slice()
                    && let Ok(port) = port.parse()
                {
                    return Ok((host.clone(), port));
                }
                problems.push(format!("{host}:{port}: no address in its answer"));
            }
            Ok(_) => problems.push(format!("{host}:{port}: it knows no '{service}'")),
            Err(problem) => problems.push(format!("{host}:{port}: {problem}")),
        }
    }
    Err(Problem::Away(format!("no Sentinel told where '{service}' is: {}", problems.join("; "))))
}

#[cfg(test)]
#[path = "connection_tests.rs"]
mod tests;

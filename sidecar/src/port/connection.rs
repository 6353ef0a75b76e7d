//! One connection: bytes in, answers out, in order, with a limit on all of it.

use super::answer::Answer;
use super::request;
use super::session::{Next, Session};
use bytes::BytesMut;
use std::io;
use std::pin::pin;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};

/// How long a client may take to give the password.
const STRANGER_PATIENCE: Duration = Duration::from_secs(10);
/// How long a command may take to arrive whole, and answers to be taken.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a command goes on when its client has sent its last.
const GRACE: Duration = Duration::from_secs(1);
/// Answers are sent when so many bytes have gathered, or nothing is left to run.
const OUTPUT: usize = 64 * 1024;
/// Room for what is read at once.
const READ: usize = 16 * 1024;
/// The most bytes a client can send ahead while a command of its runs.
const AHEAD: usize = 64 * 1024;

/// Whether a client may send more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Input {
    Open,
    Ended,
}

/// Whether the answers before a command that runs long were sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answers {
    Held,
    Sent,
}

/// A connection, plain or TLS.
pub struct Connection<S> {
    stream: S,
    session: Session,
    buffer: BytesMut,
    output: Vec<u8>,
    input: Input,
    /// When the client connected.
    since: Instant,
    /// When the first bytes of a command came that is not whole yet.
    partial_since: Option<Instant>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// A connection over this stream.
    pub fn new(stream: S, session: Session) -> Connection<S> {
        Connection {
            stream,
            session,
            buffer: BytesMut::new(),
            output: Vec::new(),
            input: Input::Open,
            since: Instant::now(),
            partial_since: None,
        }
    }

    /// Serves the client until it, or this side, closes the connection.
    ///
    /// # Errors
    /// The connection broke, or its time was up.
    pub async fn serve(mut self) -> io::Result<()> {
        loop {
            // A time-out alone would never come to one whose next bytes are always there already.
            if self.deadline().is_some_and(|deadline| deadline <= Instant::now()) {
                return Err(io::ErrorKind::TimedOut.into());
            }
            match request::take(&mut self.buffer, self.session.limits()) {
                Ok(Some(words)) => {
                    let Some(next) = self.run(words).await? else { return Ok(()) };
                    if next == Next::Close {
                        return self.flush().await;
                    }
                    if self.output.len() >= OUTPUT {
                        self.flush().await?;
                    }
                }
                Ok(None) => {
                    self.flush().await?;
                    if self.input == Input::Ended {
                        return Ok(());
                    }
                    self.receive().await?;
                }
                Err(error) => {
                    self.put(&Answer::Error(format!("ERR {error}")));
                    return self.flush().await;
                }
            }
        }
    }

    /// Runs a command, reading ahead, so that it is seen when the client goes away; none then.
    async fn run(&mut self, words: Vec<Vec<u8>>) -> io::Result<Option<Next>> {
        self.partial_since = None;
        let (answer, next) = {
            let mut running = pin!(self.session.run(words));
            let mut answers = Answers::Held;
            loop {
                self.buffer.reserve(READ);
                tokio::select! {
                    biased;
                    done = &mut running => break done,
                    // What runs long is not to hold back the answers before it.
                    () = tokio::task::yield_now(), if answers == Answers::Held => {
                        answers = Answers::Sent;
                        send(&mut self.stream, &mut self.output).await?;
                    }
                    read = self.stream.read_buf(&mut self.buffer),
                        if answers == Answers::Sent
                            && self.input == Input::Open
                            && self.buffer.len() < AHEAD =>
                    {
                        if read? == 0 {
                            self.input = Input::Ended;
                            match timeout(GRACE, &mut running).await {
                                Ok(done) => break done,
                                Err(_) => return Ok(None),
                            }
                        }
                    }
                }
            }
        };
        self.put(&answer);
        Ok(Some(next))
    }

    /// When the client's time is up; none where it may take as long as it likes.
    fn deadline(&self) -> Option<Instant> {
        if self.session.is_known() {
            self.partial_since.map(|since| since + PATIENCE)
        } else {
            Some(self.since + STRANGER_PATIENCE + self.session.pauses().min(PATIENCE))
        }
    }

    fn put(&mut self, answer: &Answer) {
        answer.encode(self.session.protocol(), &mut self.output);
    }

    async fn flush(&mut self) -> io::Result<()> {
        send(&mut self.stream, &mut self.output).await
    }

    /// Reads more bytes: as long as it takes where no command is under way.
    async fn receive(&mut self) -> io::Result<()> {
        if !self.buffer.is_empty() && self.partial_since.is_none() {
            self.partial_since = Some(Instant::now());
        }
        let deadline = self.deadline();
        self.buffer.reserve(READ);
        let reading = self.stream.read_buf(&mut self.buffer);
        let read = match deadline {
            None => reading.await?,
            Some(deadline) => {
                let late = |_| io::Error::from(io::ErrorKind::TimedOut);
                timeout_at(deadline, reading).await.map_err(late)??
            }
        };
        if read == 0 {
            self.input = Input::Ended;
        }
        Ok(())
    }
}

/// Sends what has gathered. A client that does not take it holds nobody but itself.
async fn send<S: AsyncWrite + Unpin>(stream: &mut S, output: &mut Vec<u8>) -> io::Result<()> {
    if output.is_empty() {
        return Ok(());
    }
    let sent = timeout(PATIENCE, async {
        stream.write_all(output).await?;
        stream.flush().await
    });
    sent.await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    output.clear();
    // A great answer is not to hold its memory for as long as the client is connected.
    output.shrink_to(OUTPUT);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::clients::Clients;
    use super::super::{Lobby, PasswordDigest};
    use super::*;
    use crate::control::Control;
    use tokio::io::{DuplexStream, duplex};
    use tokio::task::JoinHandle;

    /// A client's end of a connection, and how the connection ends.
    fn open(password: Option<&str>) -> (DuplexStream, JoinHandle<io::Result<()>>) {
        let (sender, _) = crossbeam_channel::unbounded();
        let lobby = Lobby {
            control: Control::new(sender),
            password: password.map(PasswordDigest::new),
            redis: "redis://h:1".into(),
            since: std::time::Instant::now(),
        };
        let seat = Clients::default().enter(([127, 0, 0, 1], 1).into(), 1).unwrap();
        let (client, server) = duplex(1024);
        (client, tokio::spawn(Connection::new(server, Session::new(lobby, seat)).serve()))
    }

    async fn ends(connection: JoinHandle<io::Result<()>>) -> io::ErrorKind {
        connection.await.unwrap().unwrap_err().kind()
    }

    #[tokio::test(start_paused = true)]
    async fn a_command_that_drips_is_given_up_after_a_minute() {
        let (mut client, connection) = open(None);
        let start = Instant::now();
        client.write_all(b"PING\r\n*1\r\n$100\r\n").await.unwrap();
        let drip = async {
            // Each byte alone would come in time.
            while client.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_secs(20)).await;
            }
        };
        let (kind, ()) = tokio::join!(ends(connection), drip);
        assert_eq!(kind, io::ErrorKind::TimedOut);
        assert!(start.elapsed() < Duration::from_secs(90), "{:?}", start.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_known_may_be_silent_for_ever() {
        let (mut client, connection) = open(None);
        tokio::time::sleep(Duration::from_secs(100_000)).await;
        client.write_all(b"PING\r\n").await.unwrap();
        let mut answer = [0; 7];
        client.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"+PONG\r\n");
        drop(client);
        connection.await.unwrap().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_take_the_answers_is_given_up() {
        let (mut client, connection) = open(None);
        // The pipe holds 1,024 bytes: neither side gets on.
        let sending = client.write_all(&b"ECHO 0123456789\r\n".repeat(10_000)).await;
        assert_eq!(sending.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        assert_eq!(ends(connection).await, io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn guessing_does_not_keep_a_stranger_in() {
        let (mut client, connection) = open(Some("right"));
        let start = Instant::now();
        let guess = async {
            let mut answer = [0; 4096];
            while client.write_all(b"AUTH wrong\r\n").await.is_ok() {
                if client.read(&mut answer).await.unwrap_or(0) == 0 {
                    break;
                }
            }
        };
        let (_, ()) = tokio::join!(connection, guess);
        assert!(start.elapsed() <= Duration::from_secs(90), "{:?}", start.elapsed());
    }
}

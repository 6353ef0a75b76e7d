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
        let deadline = if self.session.is_known() {
            self.partial_since.map(|since| since + PATIENCE)
        } else {
            Some(self.since + STRANGER_PATIENCE + self.session.pauses().min(PATIENCE))
        };
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

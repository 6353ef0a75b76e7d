//! The thread of both ports: the command port and HTTP, in one runtime of their own.

use crate::cli::{Listen, RunArgs, SecretError};
use crate::control::Control;
use crate::http::{self, Site};
use crate::metrics::Metrics;
use crate::port::{self, CLIENTS_DEFAULT, Lobby, PasswordDigest, Settings};
use native_tls::Identity;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// How long connections may go on when the ports end: for answers that are ready.
const FAREWELL: Duration = Duration::from_millis(200);

/// Why the ports cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// An address is taken, or not this machine's.
    #[error("cannot listen on {address}: {error}; choose another {option}, or {option} off")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The option that gave it.
        option: &'static str,
        /// The system's reason.
        error: io::Error,
    },
    /// The password cannot be read.
    #[error("--password: {0}")]
    Password(#[from] SecretError),
    /// A file of the certificate cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// Certificate and key do not belong together, or are no PEM.
    #[error(
        "--tls-cert and --tls-key cannot be used: {0}; they are PEM files, the key in PKCS #8 (openssl pkcs8 -topk8 -nocrypt)"
    )]
    Certificate(native_tls::Error),
    /// There is no thread or no runtime to be had.
    #[error("the ports cannot be served: {0}")]
    Io(#[from] io::Error),
}

/// What the options say of the ports, with secrets and files read: made before anything runs, so
/// that what is wrong is said at once.
pub struct Plan {
    listen: Listen,
    http: Listen,
    password: Option<PasswordDigest>,
    identity: Option<Identity>,
    redis: Arc<str>,
    instance: Arc<str>,
}

impl Plan {
    /// Reads the options.
    ///
    /// # Errors
    /// A secret or a certificate cannot be read or used.
    pub fn new(args: &RunArgs) -> Result<Plan, ServeError> {
        let password = args.password.as_ref().map(|secret| secret.resolve()).transpose()?;
        let identity = match (&args.tls_cert, &args.tls_key) {
            (Some(certificate), Some(key)) => Some(identity(certificate, key)?),
            _ => None,
        };
        if args.listen.is_public() && (password.is_none() || identity.is_none()) {
            tracing::warn!(
                "--insecure: the command port can be reached from other machines without {}",
                if password.is_none() {
                    "a password"
                } else {
                    "TLS: the password can be read on the way"
                }
            );
        }
        Ok(Plan {
            listen: args.listen,
            http: args.http,
            password: password.as_deref().map(PasswordDigest::new),
            identity,
            redis: args.redis.to_string().into(),
            instance: args.instance_id().as_str().into(),
        })
    }
}

fn identity(certificate: &Path, key: &Path) -> Result<Identity, ServeError> {
    let read = |path: &Path| {
        std::fs::read(path).map_err(|error| ServeError::Read { path: path.to_owned(), error })
    };
    Identity::from_pkcs8(&read(certificate)?, &read(key)?).map_err(ServeError::Certificate)
}

/// The open ports; they are closed when this is dropped.
pub struct Ports {
    listen: Option<SocketAddr>,
    http: Option<SocketAddr>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Ports {
    /// Opens the ports and serves them on a thread of their own.
    ///
    /// # Errors
    /// An address cannot be listened on, or there is no thread to be had.
    pub fn open(plan: Plan, control: Control, metrics: Metrics) -> Result<Ports, ServeError> {
        let commands = bind(plan.listen, "--listen")?;
        let pages = bind(plan.http, "--http")?;
        let (listen, http) = (local(commands.as_ref())?, local(pages.as_ref())?);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new().name("ports".to_owned()).spawn(move || {
            let served = runtime.block_on(async {
                tokio::select! {
                    served = serve(commands, pages, plan, control, metrics) => served,
                    _ = stopped => Ok(()),
                }
            });
            if let Err(error) = served {
                tracing::error!("the ports have ended: {error}");
            }
            // Answers that are ready still go out.
            runtime.block_on(async { tokio::time::sleep(FAREWELL).await });
            runtime.shutdown_background();
        })?;
        for (what, address) in [("commands", listen), ("HTTP", http)] {
            match address {
                Some(address) => tracing::info!("{what} on {address}"),
                None => tracing::info!("{what} off"),
            }
        }
        Ok(Ports { listen, http, stop: Some(stop), thread: Some(thread) })
    }

    /// Where commands are taken; none when that is off.
    pub fn listen(&self) -> Option<SocketAddr> {
        self.listen
    }

    /// Where HTTP is served; none when that is off.
    pub fn http(&self) -> Option<SocketAddr> {
        self.http
    }
}

impl Drop for Ports {
    fn drop(&mut self) {
        drop(self.stop.take());
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread of the ports has panicked");
        }
    }
}

fn bind(listen: Listen, option: &'static str) -> Result<Option<TcpListener>, ServeError> {
    let Some(address) = listen.address() else { return Ok(None) };
    let listener = TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    listener.map(Some).map_err(|error| ServeError::Listen { address, option, error })
}

fn local(listener: Option<&TcpListener>) -> io::Result<Option<SocketAddr>> {
    listener.map(TcpListener::local_addr).transpose()
}

/// Serves both ports until one of them cannot go on.
async fn serve(
    commands: Option<TcpListener>,
    pages: Option<TcpListener>,
    plan: Plan,
    control: Control,
    metrics: Metrics,
) -> io::Result<()> {
    let lobby = Lobby {
        control: control.clone(),
        password: plan.password,
        redis: plan.redis.clone(),
        since: Instant::now(),
    };
    let settings = Settings { lobby, identity: plan.identity, clients: CLIENTS_DEFAULT };
    let site = Site { control, metrics, instance: plan.instance, redis: plan.redis };
    let commands = async {
        match commands {
            Some(listener) => {
                let listener = tokio::net::TcpListener::from_std(listener)?;
                port::serve(listener, settings).await.map_err(io::Error::other)
            }
            None => std::future::pending().await,
        }
    };
    let pages = async {
        match pages {
            Some(listener) => http::serve(tokio::net::TcpListener::from_std(listener)?, site).await,
            None => std::future::pending().await,
        }
    };
    tokio::try_join!(commands, pages).map(|_: ((), ())| ())
}

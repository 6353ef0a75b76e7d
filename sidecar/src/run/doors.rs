//! The command port and HTTP, on one thread of their own.

use super::RunError;
use super::appliers::Observer;
use crate::cli::RunArgs;
use crate::control::Control;
use crate::port::{self, CLIENTS_DEFAULT, Lobby, PasswordDigest};
use crate::redis::Address;
use native_tls::Identity;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;
use tokio::runtime;

/// Why they cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum DoorsError {
    /// An address cannot be listened on.
    #[error("{option} {address}: {problem}")]
    Listen {
        /// The option that names it.
        option: &'static str,
        /// The address.
        address: SocketAddr,
        /// The system's words.
        problem: std::io::Error,
    },
    /// A file of the certificate cannot be read.
    #[error("{}: {problem}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// The system's words.
        problem: std::io::Error,
    },
    /// Certificate and key are none, or do not belong together.
    #[error("--tls-cert, --tls-key: {0}")]
    Certificate(#[from] native_tls::Error),
}

/// What is served, on its thread until the process ends.
pub struct Doors {
    observer: Observer,
}

impl Doors {
    /// Listens, and serves from now on; what cannot be listened on is told before anything begins.
    pub fn open(args: &RunArgs, control: Control, redis: &Address) -> Result<Doors, RunError> {
        let port = listen("--listen", args.listen.address())?;
        let lobby = Lobby {
            control,
            password: match &args.password {
                Some(password) => Some(PasswordDigest::new(&password.resolve()?)),
                None => None,
            },
            redis: redis.to_string().into(),
            since: Instant::now(),
        };
        let identity = identity(args)?;
        let settings = port::Settings { lobby, identity, clients: CLIENTS_DEFAULT };
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let serve = async move {
            if let Some(listener) = port {
                let served = tokio::net::TcpListener::from_std(listener);
                match served {
                    Ok(listener) => {
                        if let Err(error) = port::serve(listener, settings).await {
                            log::error!("the command port ended: {error}");
                        }
                    }
                    Err(error) => log::error!("the command port cannot be served: {error}"),
                }
            }
        };
        let thread = std::thread::Builder::new().name("doors".to_owned());
        thread.spawn(move || runtime.block_on(serve))?;
        Ok(Doors { observer: Arc::new(|_, _| {}) })
    }

    /// Who hears how long units take.
    pub fn observer(&self) -> Observer {
        self.observer.clone()
    }
}

fn listen(
    option: &'static str,
    address: Option<SocketAddr>,
) -> Result<Option<TcpListener>, DoorsError> {
    let Some(address) = address else { return Ok(None) };
    let bound = TcpListener::bind(address)
        .and_then(|listener| listener.set_nonblocking(true).map(|()| listener));
    match bound {
        Ok(listener) => {
            log::info!("{option} {}", listener.local_addr().unwrap_or(address));
            Ok(Some(listener))
        }
        Err(problem) => Err(DoorsError::Listen { option, address, problem }),
    }
}

fn identity(args: &RunArgs) -> Result<Option<Identity>, DoorsError> {
    let (Some(certificate), Some(key)) = (&args.tls_cert, &args.tls_key) else { return Ok(None) };
    let read = |file: &Path| {
        std::fs::read(file)
            .map_err(|problem| DoorsError::File { file: file.to_owned(), problem })
    };
    Ok(Some(Identity::from_pkcs8(&read(certificate)?, &read(key)?)?))
}

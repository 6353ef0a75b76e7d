//! The command port and HTTP, on one thread of their own.

use crate::cli::RunArgs;
use crate::control::Control;
use crate::redis::Address;

/// Why they cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum DoorsError {
    /// An address cannot be listened on.
    #[error("--{option} {address}: {problem}")]
    Listen {
        /// Which option names it.
        option: &'static str,
        /// The address.
        address: std::net::SocketAddr,
        /// The system's words.
        problem: std::io::Error,
    },
}

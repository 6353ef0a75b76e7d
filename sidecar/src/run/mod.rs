//! `redis-kafka run`.

use crate::cli::RunArgs;

/// Why `run` ended.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Not there yet.
    #[error("is not built yet")]
    NotBuilt,
}

/// Consumes until a signal.
///
/// # Errors
/// See [`RunError`].
pub fn run(_args: &RunArgs) -> Result<(), RunError> {
    Err(RunError::NotBuilt)
}

//! Blocking connections to Redis: where it is, how commands and replies are written, what goes wrong.

mod address;
mod connection;
mod problem;
mod reply;
mod request;
mod transport;

pub use address::{Address, AddressError, Login, Place, Secret, Tls, Trust};
pub use connection::{Connection, Patience, refused, text};
pub use problem::{Heals, Problem, Refusal};
pub use reply::{MAX_BULK, Part, ReadError, Replies};
pub use request::{Request, put_word};

//! One decoded record: values borrowed from its bytes, and the buffers they live in.
//!
//! A format's decoder fills a [`Row`] with what was [`Wanted`] of it;
//! expressions and targets read it. All buffers are kept between records, so
//! that decoding allocates nothing once the names of a topic have been seen.

mod arena;
mod decimal;
mod names;
mod row;
mod types;
mod value;

pub use arena::Arena;
pub use decimal::{Decimal, MAX_SCALE, write_point};
pub use names::{NameId, Names};
pub use row::{Field, Row, Shape};
pub use types::Type;
pub use value::{Nested, NestedShape, TimeUnit, Value};

mod wanted;
pub use wanted::{Step, Wanted};

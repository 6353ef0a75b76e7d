//! Units applied to a real redis-server over a connection: what is written, and what is not when
//! something is in the way.

mod clashes;
mod faults;
mod feed;
mod guards;
mod kinds;
mod ledgers;
mod lookups;
mod lost;
mod refusals;
mod ways;

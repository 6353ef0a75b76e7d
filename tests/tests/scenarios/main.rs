//! The scenarios: each starts real servers, does one thing to them, and counts.

mod harness;

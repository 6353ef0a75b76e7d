//! Texts of values that have no form of their own.

use std::io::Write as _;

/// Where a duration's text is written.
#[derive(Debug, Default)]
pub struct Buffer([u8; 32]);

/// A duration in seconds with no, three, six or nine digits behind the point,
/// as proto3's JSON mapping has it: `1.500s`.
pub fn duration(seconds: i64, nanos: i32, buffer: &mut Buffer) -> &str {
    let sign = if seconds < 0 || nanos < 0 { "-" } else { "" };
    let (whole, nanos) = (seconds.unsigned_abs(), nanos.unsigned_abs());
    let mut out = buffer.0.as_mut_slice();
    // 1 + 12 + 1 + 9 + 1 bytes at most: they fit.
    let _ = match nanos {
        0 => write!(out, "{sign}{whole}s"),
        _ if nanos % 1_000_000 == 0 => write!(out, "{sign}{whole}.{:03}s", nanos / 1_000_000),
        _ if nanos % 1_000 == 0 => write!(out, "{sign}{whole}.{:06}s", nanos / 1_000),
        _ => write!(out, "{sign}{whole}.{nanos:09}s"),
    };
    let left = out.len();
    let written = buffer.0.len() - left;
    buffer.0.get(..written).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default()
}

//! Answers to commands, as data: each host writes them to its clients in its own way.

/// One answer, or a part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// A status line such as `OK`.
    Simple(String),
    /// An error; it starts with its code (`ERR`).
    Error(String),
    /// A bulk string.
    Text(String),
    /// A number.
    Integer(i64),
    /// A list.
    List(Vec<Reply>),
    /// Pairs in their order; clients of RESP2 get a flat list.
    Map(Vec<(&'static str, Reply)>),
}

//! Answers in the two versions of Redis's protocol
//! (<https://redis.io/docs/latest/develop/reference/protocol-spec/>).

use redis_kafka_engine::control::Reply;

/// What the client asked for with HELLO.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protocol {
    /// RESP2, with which every connection begins.
    #[default]
    Resp2,
    /// RESP3
    Resp3,
}

impl Protocol {
    /// The number in HELLO.
    pub fn number(self) -> i64 {
        match self {
            Protocol::Resp2 => 2,
            Protocol::Resp3 => 3,
        }
    }
}

/// One answer, or a part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A status line.
    Simple(String),
    /// An error; it starts with its code.
    Error(String),
    /// A bulk string.
    Bulk(Vec<u8>),
    /// Text for people: a verbatim string, in RESP2 a bulk string.
    Text(String),
    /// A number.
    Integer(i64),
    /// Nothing; in RESP2 a bulk string of length -1.
    Null,
    /// A list.
    Array(Vec<Answer>),
    /// A set of status lines; in RESP2 a list.
    Set(Vec<Answer>),
    /// Pairs; in RESP2 a flat list.
    Map(Vec<(Answer, Answer)>),
}

impl Answer {
    /// `OK`
    pub fn ok() -> Answer {
        Answer::Simple("OK".to_owned())
    }

    /// A bulk string of text.
    pub fn bulk(text: &str) -> Answer {
        Answer::Bulk(text.as_bytes().to_vec())
    }

    /// Writes it behind what `out` holds.
    pub fn encode(&self, protocol: Protocol, out: &mut Vec<u8>) {
        let is_new = protocol == Protocol::Resp3;
        match self {
            Answer::Simple(line) => write_line(out, b'+', line),
            Answer::Error(line) => write_line(out, b'-', line),
            Answer::Bulk(bytes) => bulk(out, b'$', bytes),
            Answer::Text(text) if is_new => bulk(out, b'=', format!("txt:{text}").as_bytes()),
            Answer::Text(text) => bulk(out, b'$', text.as_bytes()),
            Answer::Integer(number) => head(out, b':', *number),
            Answer::Null if is_new => out.extend(b"_\r\n"),
            Answer::Null => out.extend(b"$-1\r\n"),
            Answer::Array(parts) => all(out, b'*', parts, protocol),
            Answer::Set(parts) => all(out, if is_new { b'~' } else { b'*' }, parts, protocol),
            Answer::Map(pairs) => {
                let (kind, length) =
                    if is_new { (b'%', pairs.len()) } else { (b'*', pairs.len() * 2) };
                head(out, kind, length as i64);
                for (key, value) in pairs {
                    key.encode(protocol, out);
                    value.encode(protocol, out);
                }
            }
        }
    }
}

impl From<Reply> for Answer {
    fn from(reply: Reply) -> Answer {
        match reply {
            Reply::Simple(line) => Answer::Simple(line),
            Reply::Error(line) => Answer::Error(line),
            Reply::Text(text) => Answer::Bulk(text.into_bytes()),
            Reply::Integer(number) => Answer::Integer(number),
            Reply::List(parts) => Answer::Array(parts.into_iter().map(Answer::from).collect()),
            Reply::Map(pairs) => {
                let pair = |(key, value): (&str, Reply)| (Answer::bulk(key), Answer::from(value));
                Answer::Map(pairs.into_iter().map(pair).collect())
            }
        }
    }
}

fn head(out: &mut Vec<u8>, kind: u8, number: i64) {
    out.push(kind);
    out.extend(itoa::Buffer::new().format(number).bytes());
    out.extend(b"\r\n");
}

fn bulk(out: &mut Vec<u8>, kind: u8, bytes: &[u8]) {
    head(out, kind, bytes.len() as i64);
    out.extend(bytes);
    out.extend(b"\r\n");
}

fn all(out: &mut Vec<u8>, kind: u8, parts: &[Answer], protocol: Protocol) {
    head(out, kind, parts.len() as i64);
    parts.iter().for_each(|part| part.encode(protocol, out));
}

/// Line ends and NULs would break the protocol's one-line answers.
fn write_line(out: &mut Vec<u8>, kind: u8, line: &str) {
    out.push(kind);
    out.extend(
        line.bytes().map(|byte| if matches!(byte, 0 | b'\r' | b'\n') { b' ' } else { byte }),
    );
    out.extend(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_have_the_shape_of_each_protocol() {
        let reply = Reply::Map(vec![
            ("lag", Reply::Integer(-1)),
            ("routes", Reply::List(vec![Reply::Text("a\r\n".to_owned())])),
            ("x", Reply::Error("ERR two\r\nlines".to_owned())),
        ]);
        let encoded = |protocol| {
            let mut out = Vec::new();
            Answer::from(reply.clone()).encode(protocol, &mut out);
            String::from_utf8(out).unwrap()
        };
        let body = "$3\r\nlag\r\n:-1\r\n$6\r\nroutes\r\n*1\r\n$3\r\na\r\n\r\n$1\r\nx\r\n-ERR two  lines\r\n";
        assert_eq!(encoded(Protocol::Resp2), format!("*6\r\n{body}"));
        assert_eq!(encoded(Protocol::Resp3), format!("%3\r\n{body}"));
    }

    #[test]
    fn what_resp2_has_no_type_for_is_said_in_its_own() {
        let answer = Answer::Array(vec![
            Answer::Null,
            Answer::Set(vec![Answer::ok()]),
            Answer::Text("t".to_owned()),
        ]);
        let encoded = |protocol| {
            let mut out = Vec::new();
            answer.encode(protocol, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(encoded(Protocol::Resp2), "*3\r\n$-1\r\n*1\r\n+OK\r\n$1\r\nt\r\n");
        assert_eq!(encoded(Protocol::Resp3), "*3\r\n_\r\n~1\r\n+OK\r\n=5\r\ntxt:t\r\n");
    }
}

use super::*;
use proptest::prelude::*;

/// Gives its bytes in pieces of the given sizes, over and over.
struct Pieces<'b> {
    bytes: &'b [u8],
    sizes: Vec<usize>,
    turn: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let size = self.sizes[self.turn % self.sizes.len()].max(1);
        self.turn += 1;
        let taken = size.min(into.len()).min(self.bytes.len());
        into[..taken].copy_from_slice(&self.bytes[..taken]);
        self.bytes = &self.bytes[taken..];
        Ok(taken)
    }
}

fn pieces(bytes: &[u8], sizes: &[usize]) -> Pieces<'static> {
    let bytes: &'static [u8] = Box::leak(bytes.to_vec().into_boxed_slice());
    Pieces { bytes, sizes: sizes.to_vec(), turn: 0 }
}

fn reply() -> impl Strategy<Value = Vec<u8>> {
    let line = |mark: char| {
        proptest::string::string_regex("[ -~]{1,40}")
            .expect("a regex")
            .prop_map(move |text| format!("{mark}{text}\r\n").into_bytes())
    };
    let bulk = prop::collection::vec(any::<u8>(), 0..300)
        .prop_map(|bytes| [format!("${}\r\n", bytes.len()).as_bytes(), &bytes, b"\r\n"].concat());
    let leaf = prop_oneof![
        line('+'),
        Just(b"-ERR no such thing\r\n".to_vec()),
        Just(b"-WRONGTYPE Operation against a key\r\n".to_vec()),
        any::<i64>().prop_map(|number| format!(":{number}\r\n").into_bytes()),
        bulk,
        Just(b"$-1\r\n".to_vec()),
        Just(b"*-1\r\n".to_vec()),
        Just(b"+OK\r\n".to_vec()),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop::collection::vec(inner, 0..6).prop_map(|parts| {
            [format!("*{}\r\n", parts.len()).into_bytes(), parts.concat()].concat()
        })
    })
}

fn short_bulk() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..102)
        .prop_map(|bytes| [format!("${}\r\n", bytes.len()).as_bytes(), &bytes, b"\r\n"].concat())
}

/// What the reader holds once it has read a status in front of it.
fn holding(bytes: &[u8]) -> Replies {
    let mut reader = Replies::default();
    let all = [b"+OK\r\n", bytes].concat();
    assert_eq!(reader.next(&mut pieces(&all, &[all.len()])).unwrap(), Part::Status(b"OK"));
    reader
}

#[test]
fn whole_short_strings_are_passed_over_and_nothing_else() {
    for (bytes, skipped, left) in [
        (&b"$3\r\nabc\r\n$0\r\n\r\n$12\r\ntwelve bytes\r\n"[..], 3, 0),
        (b"$3\r\nabc\r\n$3\r\nab", 1, 6),
        (b"$3\r\nabc\r\n$3\r\nabc\r", 1, 8),
        (b"$3\r\nabcd\r\n", 0, 10),
        (b"$03\r\nabc\r\n", 0, 10),
        (b"$100\r\n", 0, 6),
        (b"$-1\r\n", 0, 5),
        (b":3\r\n", 0, 4),
    ] {
        let mut reader = holding(bytes);
        assert_eq!((reader.skip_short_bulks(9), reader.unread()), (skipped, left), "{bytes:?}");
    }
    assert_eq!(holding(b"$1\r\na\r\n$1\r\nb\r\n").skip_short_bulks(1), 1);
}

#[test]
fn the_buffer_stays_as_it_is_behind_answers_that_come_in_parts() {
    let answers = b"$15\r\n1700000000000-0\r\n".repeat(600);
    let mut source = pieces(&answers.repeat(20), &[answers.len() - 7]);
    let mut reader = Replies::default();
    for _ in 0..20 * 600 {
        reader.next(&mut source).unwrap();
        assert_eq!(reader.buffer.len(), CHUNK);
    }
}

fn has_error_in(value: &Value) -> bool {
    match value {
        Value::Array(parts) => parts.iter().any(has_error_in),
        value => matches!(value, Value::ServerError(_)),
    }
}

proptest! {
    #[test]
    fn replies_read_as_redis_rs_reads_them(
        replies in prop::collection::vec(reply(), 1..8),
        sizes in prop::collection::vec(1..400usize, 1..6),
    ) {
        let mut source = pieces(&replies.concat(), &sizes);
        let mut reader = Replies::default();
        for reply in &replies {
            let expected = redis::parse_redis_value(reply).expect("a reply");
            prop_assert_eq!(reader.value(&mut source).expect("a reply"), expected);
        }
        prop_assert!(matches!(reader.next(&mut source), Err(ReadError::Closed)));
    }

    #[test]
    fn short_strings_are_passed_over_one_by_one(
        replies in prop::collection::vec(prop_oneof![reply(), short_bulk()], 1..20),
        sizes in prop::collection::vec(1..400usize, 1..6),
        most in 0..4usize,
    ) {
        let mut source = pieces(&replies.concat(), &sizes);
        let (mut reader, mut at) = (Replies::default(), 0);
        while at < replies.len() {
            let skipped = reader.skip_short_bulks(most.min(replies.len() - at));
            for reply in &replies[at..at + skipped] {
                let value = redis::parse_redis_value(reply).expect("a reply");
                prop_assert!(matches!(value, Value::BulkString(bytes) if bytes.len() < 100));
            }
            at += skipped;
            if let Some(reply) = replies.get(at) {
                let expected = redis::parse_redis_value(reply).expect("a reply");
                prop_assert_eq!(reader.value(&mut source).expect("a reply"), expected);
                at += 1;
            }
        }
        prop_assert!(matches!(reader.next(&mut source), Err(ReadError::Closed)));
    }

    #[test]
    fn what_is_skipped_is_what_is_read(
        replies in prop::collection::vec(reply(), 1..8),
        sizes in prop::collection::vec(1..400usize, 1..6),
    ) {
        let bytes = [replies.concat(), b":42\r\n".to_vec()].concat();
        let mut source = pieces(&bytes, &sizes);
        let mut reader = Replies::default();
        let has_error = reader.skip(&mut source, replies.len()).expect("replies");
        let shows_error =
            |bytes: &Vec<u8>| has_error_in(&redis::parse_redis_value(bytes).expect("a reply"));
        prop_assert_eq!(has_error, replies.iter().any(shows_error));
        prop_assert_eq!(reader.next(&mut source).expect("the last"), Part::Integer(42));
    }

    #[test]
    fn any_bytes_are_read_or_refused(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        marked in "[-+:$*][0-9-]{0,12}\r\n[a-z]{0,9}",
        sizes in prop::collection::vec(1..50usize, 1..4),
    ) {
        for bytes in [bytes, marked.into_bytes()] {
            let mut reader = Replies::default();
            let mut source = pieces(&bytes, &sizes);
            while reader.next(&mut source).is_ok() {}
            let mut reader = Replies::default();
            let mut source = pieces(&bytes, &sizes);
            while reader.value(&mut source).is_ok() {}
            prop_assert!(reader.buffer.capacity() <= 4 * CHUNK);
        }
    }
}

#[test]
fn a_claim_takes_no_memory() {
    for claim in ["*1000000000\r\n", "$16000000\r\n", "*4294967296\r\n+OK\r\n"] {
        let mut reader = Replies::default();
        let mut source = pieces(claim.as_bytes(), &[7]);
        assert!(matches!(reader.value(&mut source), Err(ReadError::Closed)), "{claim}");
        assert!(reader.buffer.capacity() <= 4 * CHUNK, "{claim}");
    }
    let deep = "*1\r\n".repeat(10_000);
    let mut source = pieces(deep.as_bytes(), &[4096]);
    assert!(matches!(Replies::default().value(&mut source), Err(ReadError::Malformed("depth"))));
}

#[test]
fn a_string_that_is_too_long_is_passed_over() {
    let long = [
        format!("${}\r\n", MAX_BULK + 1).into_bytes(),
        vec![b'x'; MAX_BULK + 1],
        b"\r\n:7\r\n".to_vec(),
    ]
    .concat();
    let mut source = pieces(&long, &[100_000]);
    let mut reader = Replies::default();
    assert_eq!(reader.next(&mut source).expect("a part"), Part::TooLong);
    assert_eq!(reader.next(&mut source).expect("a part"), Part::Integer(7));
    assert!(reader.buffer.capacity() <= 4 * CHUNK);
}

#[test]
fn lines_end_and_numbers_are_numbers() {
    for bytes in ["+OK\n", "\r\n", ":1x\r\n", "$5\r\nabc\r\nxx", "$-2\r\n", "%1\r\n", "\n"] {
        let mut source = pieces(bytes.as_bytes(), &[100]);
        let mut reader = Replies::default();
        assert!(matches!(reader.next(&mut source), Err(ReadError::Malformed(_))), "{bytes:?}");
    }
    let endless = vec![b'+'; MAX_LINE + CHUNK];
    let mut source = pieces(&endless, &[5000]);
    assert!(matches!(Replies::default().next(&mut source), Err(ReadError::Malformed(_))));
}

#[test]
fn statuses_are_skipped_as_far_as_they_have_come_and_are_alike() {
    let bytes = b"+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n-ERR no\r\n+QUEUED\r\n";
    for size in 1..bytes.len() {
        let (mut replies, mut source) = (Replies::default(), pieces(bytes, &[size]));
        let (mut queued, mut errors) = (0, 0);
        while queued + errors < 5 {
            queued += replies.skip_status(b"QUEUED", 5 - queued - errors);
            if queued + errors == 5 {
                break;
            }
            match replies.next(&mut source).unwrap() {
                Part::Status(b"QUEUED") => queued += 1,
                Part::Error(b"ERR no") => errors += 1,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((queued, errors), (4, 1), "read by {size}");
        assert_eq!(replies.skip_status(b"QUEUED", 1), 0);
    }
}

#[test]
fn no_more_statuses_are_skipped_than_are_wanted() {
    let (mut replies, mut source) = (Replies::default(), pieces(b"+OK\r\n+OK\r\n+OK\r\n", &[64]));
    assert!(matches!(replies.next(&mut source), Ok(Part::Status(b"OK"))));
    assert_eq!(replies.skip_status(b"OK", 1), 1);
    assert_eq!(replies.skip_status(b"O", 1), 0);
    assert!(matches!(replies.next(&mut source), Ok(Part::Status(b"OK"))));
}

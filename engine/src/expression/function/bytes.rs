//! Bytes, and texts that write them.

use super::call::short;
use super::{
    Call, Fault, Function, Gather, Group, Returns, TEXT_MAX, binary, call::too_long, text,
};
use crate::record::Value;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

pub(super) const TABLE: &[Function] = &[
    Function::new(
        Group::Bytes,
        "to_bytes",
        &[text("text"), text("encoding")],
        Returns::Bytes,
        |call| decode(call, call.text(0)?, Encoding::of(call.text(1)?)?).map(Value::Bytes),
        "The bytes that a text in `'hex'`, `'utf8'`, `'ascii'` or `'base64'` stands for.",
        &[("to_bytes('48 is hex', 'utf8')", "48 is hex"), ("to_bytes('4869', 'hex')", "Hi")],
    ),
    Function::new(
        Group::Bytes,
        "from_bytes",
        &[binary("bytes"), text("encoding")],
        Returns::Text,
        |call| encode(call, call.bytes(0)?, Encoding::of(call.text(1)?)?, HEX_CAPITALS),
        "Bytes as text in `'hex'` (capitals), `'utf8'`, `'ascii'` or `'base64'`.",
        &[
            ("from_bytes(to_bytes('Hi~z', 'utf8'), 'hex')", "48697E7A"),
            ("from_bytes(to_bytes('Hi', 'utf8'), 'base64')", "SGk="),
        ],
    ),
    Function::new(
        Group::Bytes,
        "encode",
        &[text("text"), text("from"), text("to")],
        Returns::Text,
        |call| {
            let (from, to) = (Encoding::of(call.text(1)?)?, Encoding::of(call.text(2)?)?);
            encode(call, decode(call, call.text(0)?, from)?, to, HEX_SMALL)
        },
        "A text in one encoding in another: `'hex'` (small letters), `'utf8'`, `'ascii'`, `'base64'`.",
        &[
            ("encode('4578616d706c6521', 'hex', 'utf8')", "Example!"),
            ("encode('Hi', 'utf8', 'base64')", "SGk="),
        ],
    ),
    Function::new(
        Group::Bytes,
        "hex",
        &[binary("bytes")],
        Returns::Text,
        |call| encode(call, call.bytes(0)?, Encoding::Hex, HEX_SMALL),
        "Bytes, or a text's UTF-8, as hexadecimal digits in small letters.",
        &[("hex('Hi~z')", "48697e7a"), ("hex('')", "")],
    ),
    Function::new(
        Group::Bytes,
        "unhex",
        &[text("digits")],
        Returns::Bytes,
        |call| decode(call, call.text(0)?, Encoding::Hex).map(Value::Bytes),
        "The bytes that hexadecimal digits write.",
        &[("unhex('48697e7A')", "Hi~z"), ("unhex('0x4869')", "Hi")],
    ),
    Function::new(
        Group::Bytes,
        "base64_encode",
        &[binary("bytes")],
        Returns::Text,
        |call| encode(call, call.bytes(0)?, Encoding::Base64, HEX_SMALL),
        "Bytes, or a text's UTF-8, in base64 (RFC 4648, padded).",
        &[("base64_encode('Hi')", "SGk="), ("base64_encode('')", "")],
    ),
    Function::new(
        Group::Bytes,
        "base64_decode",
        &[text("base64")],
        Returns::Bytes,
        |call| decode(call, call.text(0)?, Encoding::Base64).map(Value::Bytes),
        "The bytes that a base64 text stands for, padded or not.",
        &[("base64_decode('SGk=')", "Hi"), ("base64_decode('SGk')", "Hi")],
    ),
    Function::new(
        Group::Bytes,
        "int_from_bytes",
        &[binary("bytes"), text("order")],
        Returns::Int,
        |call| {
            Ok(number::<4>(call)?
                .map_or(Value::Null, |b| Value::Int(i64::from(i32::from_be_bytes(b)))))
        },
        "The 32-bit integer of 4 bytes, `'BIG_ENDIAN'` (when left out) or `'LITTLE_ENDIAN'`; null \
         for another length or order.",
        &[("int_from_bytes(unhex('000007e5'))", "2021"), ("int_from_bytes(unhex('07'))", "null")],
    )
    .required(1),
    Function::new(
        Group::Bytes,
        "bigint_from_bytes",
        &[binary("bytes"), text("order")],
        Returns::Int,
        |call| Ok(number::<8>(call)?.map_or(Value::Null, |b| Value::Int(i64::from_be_bytes(b)))),
        "The 64-bit integer of 8 bytes; see int_from_bytes.",
        &[
            ("bigint_from_bytes(base64_decode('AAAAASoF8gA='))", "5000000000"),
            ("bigint_from_bytes(unhex('0100000000000000'), 'LITTLE_ENDIAN')", "1"),
        ],
    )
    .required(1),
    Function::new(
        Group::Bytes,
        "double_from_bytes",
        &[binary("bytes"), text("order")],
        Returns::Double,
        |call| Ok(number::<8>(call)?.map_or(Value::Null, |b| Value::Double(f64::from_be_bytes(b)))),
        "The IEEE 754 double of 8 bytes; see int_from_bytes.",
        &[
            ("double_from_bytes(base64_decode('QICm/ZvJ9YI='))", "532.8738323"),
            ("double_from_bytes(unhex('3ff0000000000000'))", "1.0"),
        ],
    )
    .required(1),
];

#[derive(Clone, Copy)]
enum Encoding {
    Hex,
    Utf8,
    Ascii,
    Base64,
}

impl Encoding {
    fn of(name: &str) -> Result<Encoding, Fault> {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        match () {
            () if is("hex") => Ok(Encoding::Hex),
            () if is("utf8") || is("utf-8") => Ok(Encoding::Utf8),
            () if is("ascii") => Ok(Encoding::Ascii),
            () if is("base64") => Ok(Encoding::Base64),
            () => Err(format!(
                "unknown encoding '{}'; 'hex', 'utf8', 'ascii' or 'base64'",
                short(name)
            )
            .into()),
        }
    }
}

fn decode<'a>(call: &Call<'_, 'a>, text: &'a str, encoding: Encoding) -> Result<&'a [u8], Fault> {
    match encoding {
        Encoding::Utf8 => Ok(text.as_bytes()),
        Encoding::Ascii if text.is_ascii() => Ok(text.as_bytes()),
        Encoding::Ascii => Err(Fault::from("not ASCII")),
        Encoding::Hex => unhex(call, text),
        Encoding::Base64 => {
            let text = text.trim_end_matches('=').as_bytes();
            let mut bytes = call.gather();
            bytes.zeros(text.len() / 4 * 3 + 3)?;
            let length = STANDARD_NO_PAD.decode_slice(text, &mut bytes.0);
            bytes.0.truncate(length.map_err(|_| Fault::from("not base64"))?);
            Ok(bytes.slice())
        }
    }
}

impl Gather<'_, u8> {
    fn zeros(&mut self, length: usize) -> Result<(), Fault> {
        if length > TEXT_MAX {
            return Err(too_long());
        }
        self.0.resize(length, 0);
        Ok(())
    }
}

fn unhex<'a>(call: &Call<'_, 'a>, text: &str) -> Result<&'a [u8], Fault> {
    let quoted = text.strip_prefix(['x', 'X']).and_then(|text| text.strip_prefix('\''));
    let digits = match quoted.and_then(|text| text.strip_suffix('\'')) {
        Some(digits) => digits,
        None => text.strip_prefix("0x").unwrap_or(text),
    };
    let mut bytes = call.gather();
    // An odd number of digits begins with a half byte.
    let mut half = if digits.len() % 2 == 1 { Some(0) } else { None };
    for digit in digits.chars() {
        let digit = digit.to_digit(16).ok_or(Fault::from("not hexadecimal digits"))? as u8;
        match half.take() {
            Some(high) => bytes.extend(&[high << 4 | digit])?,
            None => half = Some(digit),
        }
    }
    Ok(bytes.slice())
}

pub(super) const HEX_SMALL: &[u8; 16] = b"0123456789abcdef";
const HEX_CAPITALS: &[u8; 16] = b"0123456789ABCDEF";

fn encode<'a>(
    call: &Call<'_, 'a>,
    bytes: &'a [u8],
    encoding: Encoding,
    digits: &[u8; 16],
) -> Result<Value<'a>, Fault> {
    match encoding {
        Encoding::Hex => hex(call, bytes, digits),
        Encoding::Base64 => {
            let mut text = call.gather();
            text.zeros(base64::encoded_len(bytes.len(), true).unwrap_or(usize::MAX))?;
            let length = STANDARD.encode_slice(bytes, &mut text.0);
            text.0.truncate(length.map_err(|_| too_long())?);
            utf8(text.slice())
        }
        Encoding::Utf8 => utf8(bytes),
        Encoding::Ascii if bytes.is_ascii() => utf8(bytes),
        Encoding::Ascii => Err(Fault::from("not ASCII")),
    }
}

fn utf8(bytes: &[u8]) -> Result<Value<'_>, Fault> {
    let text = std::str::from_utf8(bytes).map_err(|_| Fault::from("not UTF-8"))?;
    Ok(Value::Text(text))
}

/// Bytes as hexadecimal digits.
pub(super) fn hex<'a>(
    call: &Call<'_, 'a>,
    bytes: &[u8],
    digits: &[u8; 16],
) -> Result<Value<'a>, Fault> {
    let digit =
        |half: u8| digits.get(usize::from(half & 15)).map_or('0', |&digit| char::from(digit));
    let mut out = call.builder();
    for byte in bytes {
        out.push_char(digit(byte >> 4))?;
        out.push_char(digit(*byte))?;
    }
    out.done()
}

/// The bytes of a number, the greatest first.
fn number<const N: usize>(call: &Call<'_, '_>) -> Result<Option<[u8; N]>, Fault> {
    let Ok(mut bytes) = <[u8; N]>::try_from(call.bytes(0)?) else {
        return Ok(None);
    };
    let order = if call.arguments.len() > 1 { call.text(1)? } else { "BIG_ENDIAN" };
    match order {
        _ if order.eq_ignore_ascii_case("BIG_ENDIAN") => Ok(Some(bytes)),
        _ if order.eq_ignore_ascii_case("LITTLE_ENDIAN") => {
            bytes.reverse();
            Ok(Some(bytes))
        }
        _ => Ok(None),
    }
}

//! Hashes.

use super::bytes::{HEX_SMALL, hex};
use super::{Function, Group, Returns, binary};
use crate::record::Value;
use md5::Md5;
use sha2::{Digest as _, Sha256, Sha512};

pub(super) const TABLE: &[Function] = &[
    Function::new(
        Group::Hash,
        "md5",
        &[binary("bytes")],
        Returns::Text,
        |call| hex(call, &Md5::digest(call.bytes(0)?), HEX_SMALL),
        "The MD5 of bytes or a text's UTF-8, as 32 hexadecimal digits. Not for secrets.",
        &[
            ("md5('')", "d41d8cd98f00b204e9800998ecf8427e"),
            ("md5('abc')", "900150983cd24fb0d6963f7d28e17f72"),
        ],
    ),
    Function::new(
        Group::Hash,
        "sha256",
        &[binary("bytes")],
        Returns::Text,
        |call| hex(call, &Sha256::digest(call.bytes(0)?), HEX_SMALL),
        "The SHA-256 of bytes or a text's UTF-8, as 64 hexadecimal digits.",
        &[
            ("sha256('abc')", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            ("left(sha256(''), 16)", "e3b0c44298fc1c14"),
        ],
    ),
    Function::new(
        Group::Hash,
        "sha512",
        &[binary("bytes")],
        Returns::Text,
        |call| hex(call, &Sha512::digest(call.bytes(0)?), HEX_SMALL),
        "The SHA-512 of bytes or a text's UTF-8, as 128 hexadecimal digits.",
        &[("left(sha512('abc'), 16)", "ddaf35a193617aba"), ("len(sha512(''))", "128")],
    ),
    Function::new(
        Group::Hash,
        "crc32",
        &[binary("bytes")],
        Returns::Int,
        |call| Ok(Value::Int(i64::from(crc32fast::hash(call.bytes(0)?)))),
        "The CRC-32 (as of gzip) of bytes or a text's UTF-8, from 0 to 4294967295; its remainder \
         spreads keys over shards.",
        &[("crc32('123456789')", "3421780262"), ("crc32('')", "0")],
    ),
];

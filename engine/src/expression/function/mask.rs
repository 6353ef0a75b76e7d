//! Masking of texts that are not for everyone's eyes.

use super::{Call, Fault, Function, Group, Returns, int, text};
use crate::record::Value;

const UPPER: super::Parameter = text("upper");
const LOWER: super::Parameter = text("lower");
const DIGIT: super::Parameter = text("digit");
const OTHER: super::Parameter = text("other");
const SOME: &[super::Parameter] = &[text("text"), int("characters"), UPPER, LOWER, DIGIT, OTHER];

pub(super) const TABLE: &[Function] = &[
    Function::new(
        Group::Text,
        "mask",
        &[text("text"), UPPER, LOWER, DIGIT, OTHER],
        Returns::Text,
        |call| mask(call, 1, |_, _| true),
        "Each character replaced by the mask of its kind: 'X' for capitals, 'x' for small letters, \
         'n' for digits, '-' for others, or those given. A null mask leaves its kind as it is.",
        &[
            ("mask('My Test $123')", "Xx-Xxxx--nnn"),
            ("mask('My Test $123', '*', NULL, '1', NULL)", "*y *est $111"),
        ],
    )
    .required(1)
    .sees_nulls(),
    Function::new(
        Group::Text,
        "mask_left",
        SOME,
        Returns::Text,
        |call| some(call, |at, _, n| at < n),
        "As mask, but only the first characters.",
        &[("mask_left('My Test $123', 4)", "Xx-Xest $123"), ("mask_left('ab', 0)", "ab")],
    )
    .required(2)
    .sees_nulls(),
    Function::new(
        Group::Text,
        "mask_right",
        SOME,
        Returns::Text,
        |call| some(call, |at, all, n| at + n >= all),
        "As mask, but only the last characters.",
        &[("mask_right('My Test $123', 4)", "My Test -nnn"), ("mask_right('ab', 9)", "xx")],
    )
    .required(2)
    .sees_nulls(),
    Function::new(
        Group::Text,
        "mask_keep_left",
        SOME,
        Returns::Text,
        |call| some(call, |at, _, n| at >= n),
        "As mask, but without the first characters.",
        &[("mask_keep_left('My Test $123', 4)", "My Txxx--nnn"), ("mask_keep_left('ab', 9)", "ab")],
    )
    .required(2)
    .sees_nulls(),
    Function::new(
        Group::Text,
        "mask_keep_right",
        SOME,
        Returns::Text,
        |call| some(call, |at, all, n| at + n < all),
        "As mask, but without the last characters.",
        &[
            ("mask_keep_right('My Test $123', 4)", "Xx-Xxxx-$123"),
            ("mask_keep_right('4012888888881881', 4, 'X', 'x', '#')", "############1881"),
        ],
    )
    .required(2)
    .sees_nulls(),
];

fn some<'a>(
    call: &Call<'_, 'a>,
    masked: fn(usize, usize, usize) -> bool,
) -> Result<Value<'a>, Fault> {
    if !call.given(1) {
        return Ok(Value::Null);
    }
    let n = call.int(1)?;
    let n = usize::try_from(n).map_err(|_| Fault::from("a negative number of characters"))?;
    mask(call, 2, |at, all| masked(at, all, n.min(all)))
}

fn mask<'a>(
    call: &Call<'_, 'a>,
    masks: usize,
    masked: impl Fn(usize, usize) -> bool,
) -> Result<Value<'a>, Fault> {
    if !call.given(0) {
        return Ok(Value::Null);
    }
    let text = call.text(0)?;
    let mask = |kind: usize, default: char| match call.arguments.len() > masks + kind {
        false => Ok(Some(default)),
        true if !call.given(masks + kind) => Ok(None),
        true => single(call.text(masks + kind)?).map(Some),
    };
    let (upper, lower, digit, other) = (mask(0, 'X')?, mask(1, 'x')?, mask(2, 'n')?, mask(3, '-')?);
    let all = text.chars().count();
    let mut out = call.builder();
    for (at, character) in text.chars().enumerate() {
        let mask = match character {
            _ if !masked(at, all) => None,
            _ if character.is_uppercase() => upper,
            _ if character.is_lowercase() => lower,
            _ if character.is_numeric() => digit,
            _ => other,
        };
        out.push_char(mask.unwrap_or(character))?;
    }
    out.done()
}

fn single(mask: &str) -> Result<char, Fault> {
    let mut characters = mask.chars();
    match (characters.next(), characters.next()) {
        (Some(mask), None) => Ok(mask),
        _ => Err(format!("a mask is one character, not '{}'", super::call::short(mask)).into()),
    }
}

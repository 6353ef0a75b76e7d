//! EACH: the elements of an array, or the entries of a map, one by one.

use super::convert::{is_map, kind};
use super::{Context, EvaluationError, Program};
use crate::format::nested;
use crate::record::Value;

/// The names of an entry's parts.
pub const ENTRY_KEY: &str = "key";
/// See [`ENTRY_KEY`].
pub const ENTRY_VALUE: &str = "value";

/// What the alias of EACH stands for, in turn: the elements of an array; of a map or a record
/// its entries, with the fields `key` and `value`; nothing for null. Anything else is an error.
pub fn elements<'a>(
    program: &'a Program,
    context: &Context<'a>,
) -> Result<&'a [Value<'a>], EvaluationError> {
    let arena = context.arena;
    let value = program.evaluate(context)?;
    if value.is_null() {
        return Ok(&[]);
    }
    if nested::length(value).is_none() {
        let (source, kind) = (program.source(), kind(value));
        let problem = format!("EACH takes an array or a map, not {kind}: {source}");
        return Err(EvaluationError::Failed(problem));
    }
    let (mut elements, is_map) = (arena.vec(), is_map(value));
    nested::visit(value, arena, &mut |name, element| {
        elements.push(match is_map {
            true => arena.entries(&[(ENTRY_KEY, Value::Text(name)), (ENTRY_VALUE, element)]),
            false => element,
        });
    });
    Ok(elements.into_bump_slice())
}

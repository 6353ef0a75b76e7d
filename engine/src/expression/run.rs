//! Evaluating compiled expressions.

use super::Context;
use super::cast::{Problem, cast};
use super::compare::{plain_text, same, truth};
use super::convert::{self, kind};
use super::function::{Call, Nulls};
use super::like::is_like;
use super::node::{Arithmetic, Comparison};
use super::number::Numeric;
use super::operand::told;
use super::program::{CallOperation, Like, MAX_TEXT, Operation, Operations, Texts};
use crate::format::nested;
use crate::record::{Arena, Value};

/// What a value means where true or false is wanted; none for null.
pub(super) fn truth_of(value: Value<'_>) -> Result<Option<bool>, Problem> {
    match value {
        Value::Boolean(truth) => Ok(Some(truth)),
        Value::Null => Ok(None),
        other => Err(format!("true or false is wanted, not {}", kind(other)).into()),
    }
}

pub(super) fn boolean<'a>(truth: Option<bool>) -> Value<'a> {
    truth.map_or(Value::Null, Value::Boolean)
}

fn and(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    match (a, b) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

fn or(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    and(a.map(|a| !a), b.map(|b| !b)).map(|none| !none)
}

/// The operands of one evaluation, in the record's arena.
struct Stack<'a> {
    values: bumpalo::collections::Vec<'a, Value<'a>>,
}

impl<'a> Stack<'a> {
    #[inline]
    fn pop(&mut self) -> Value<'a> {
        self.values.pop().unwrap_or_default()
    }

    #[inline]
    fn push(&mut self, value: Value<'a>) {
        self.values.push(value);
    }

    fn top(&self) -> Value<'a> {
        self.values.last().copied().unwrap_or_default()
    }

    fn pair(&mut self) -> (Value<'a>, Value<'a>) {
        let second = self.pop();
        (self.pop(), second)
    }

    /// The last `count` values.
    fn last(&self, count: usize) -> &[Value<'a>] {
        self.values.get(self.values.len().saturating_sub(count)..).unwrap_or_default()
    }

    fn drop(&mut self, count: usize) {
        self.values.truncate(self.values.len().saturating_sub(count));
    }
}

impl Operations {
    pub(super) fn run<'a>(
        &'a self,
        context: &Context<'a>,
    ) -> Result<Value<'a>, (&'a str, Problem)> {
        let mut values = context.arena.vec();
        values.reserve(self.height);
        let mut stack = Stack { values };
        let mut at = 0;
        while let Some(operation) = self.list.get(at) {
            match step(operation, context, &mut stack) {
                Ok(None) => at += 1,
                Ok(Some(target)) => at = target,
                Err(problem) => {
                    return Err((self.origins.get(at).map_or("", |text| text), problem));
                }
            }
        }
        Ok(stack.pop())
    }
}

/// Runs one operation; where to go on, unless with the next.
#[inline]
fn step<'a>(
    operation: &'a Operation,
    context: &Context<'a>,
    stack: &mut Stack<'a>,
) -> Result<Option<usize>, Problem> {
    let arena = context.arena;
    let result = match operation {
        Operation::Slot(slot) => context.value.slot(*slot),
        Operation::Leaf(leaf) => leaf.load(context),
        Operation::Constant(constant) => constant.value(),
        Operation::Test(test) => boolean(test.holds(context)?),
        Operation::Not => boolean(truth_of(stack.pop())?.map(|truth| !truth)),
        Operation::And | Operation::Or => {
            let (a, b) = stack.pair();
            let combine = if matches!(operation, Operation::And) { and } else { or };
            boolean(combine(truth_of(a)?, truth_of(b)?))
        }
        Operation::Arithmetic(operator) => {
            let (a, b) = stack.pair();
            arithmetic(*operator, a, b, arena)?
        }
        Operation::Compare(comparison) => {
            let (a, b) = stack.pair();
            boolean(truth(*comparison, a, b, arena).map_err(told)?)
        }
        Operation::Distinct(distinct) => {
            let (a, b) = stack.pair();
            Value::Boolean(same(a, b, arena).map_err(told)? != *distinct)
        }
        Operation::IsNull(negated) => Value::Boolean(stack.pop().is_null() != *negated),
        Operation::Duplicate => stack.top(),
        Operation::Steps(steps) => nested::follow(stack.pop(), steps, arena),
        Operation::Cast(to) => cast(stack.pop(), *to, arena)?,
        Operation::Drop => {
            stack.pop();
            return Ok(None);
        }
        Operation::Jump(_)
        | Operation::JumpIfFalse(_)
        | Operation::JumpIfTrue(_)
        | Operation::JumpUnlessNull(_)
        | Operation::JumpUnlessTrue(_) => return jump(operation, stack),
        _ => large(operation, arena, stack)?,
    };
    stack.push(result);
    Ok(None)
}

#[inline]
fn jump(operation: &Operation, stack: &mut Stack<'_>) -> Result<Option<usize>, Problem> {
    let (jumps, target) = match operation {
        Operation::JumpIfFalse(target) => (truth_of(stack.top())? == Some(false), *target),
        Operation::JumpIfTrue(target) => (truth_of(stack.top())? == Some(true), *target),
        Operation::JumpUnlessTrue(target) => (truth_of(stack.pop())? != Some(true), *target),
        Operation::JumpUnlessNull(target) => {
            let jumps = !stack.top().is_null();
            if !jumps {
                stack.pop();
            }
            (jumps, *target)
        }
        Operation::Jump(target) => (true, *target),
        _ => (false, 0),
    };
    Ok(jumps.then_some(target))
}

/// Operations that do more, apart so that the others stay small.
fn large<'a>(
    operation: &'a Operation,
    arena: &'a Arena,
    stack: &mut Stack<'a>,
) -> Result<Value<'a>, Problem> {
    match operation {
        Operation::Negate => negate(stack.pop(), arena),
        Operation::Between(negated) => between(*negated, arena, stack),
        Operation::In { count, negated } => {
            let found = is_in(*count, arena, stack)?;
            stack.drop(count + 1);
            Ok(boolean(found.map(|found| found != *negated)))
        }
        Operation::InTexts(texts) => texts.contain(stack.pop(), arena),
        Operation::Like(like) => like.run(arena, stack),
        Operation::Concat(count) => concat(*count, arena, stack),
        Operation::Call(call) => call.run(arena, stack),
        Operation::List(count) => {
            let list = arena.list(stack.last(*count));
            stack.drop(*count);
            Ok(list)
        }
        Operation::Map(count) => map(*count, arena, stack),
        Operation::Struct(names) => {
            let mut entries = arena.vec();
            let values = stack.last(names.len());
            entries.extend(names.iter().zip(values).map(|(name, value)| (&**name, *value)));
            stack.drop(names.len());
            Ok(Value::Entries(entries.into_bump_slice()))
        }
        Operation::Element => {
            let (value, index) = stack.pair();
            element(value, index, arena)
        }
        _ => Ok(Value::Null),
    }
}

fn arithmetic<'a>(
    operator: Arithmetic,
    a: Value<'a>,
    b: Value<'a>,
    arena: &'a Arena,
) -> Result<Value<'a>, Problem> {
    if a.is_null() || b.is_null() {
        return Ok(Value::Null);
    }
    let wrong = |value| -> Problem {
        format!("{} takes numbers, not {}", operator.symbol(), kind(value)).into()
    };
    let first = Numeric::of(a).ok_or_else(|| wrong(a))?;
    let second = Numeric::of(b).ok_or_else(|| wrong(b))?;
    Ok(first.arithmetic(operator, second)?.value(arena))
}

fn negate<'a>(value: Value<'a>, arena: &'a Arena) -> Result<Value<'a>, Problem> {
    if value.is_null() {
        return Ok(Value::Null);
    }
    let wrong = || -> Problem { format!("- takes a number, not {}", kind(value)).into() };
    Ok(Numeric::of(value).ok_or_else(wrong)?.negated()?.value(arena))
}

fn between<'a>(
    negated: bool,
    arena: &'a Arena,
    stack: &mut Stack<'a>,
) -> Result<Value<'a>, Problem> {
    let (low, high) = stack.pair();
    let value = stack.pop();
    let above = truth(Comparison::GreaterOrEqual, value, low, arena).map_err(told)?;
    let below = truth(Comparison::LessOrEqual, value, high, arena).map_err(told)?;
    Ok(boolean(and(above, below).map(|inside| inside != negated)))
}

fn is_in<'a>(count: usize, arena: &'a Arena, stack: &Stack<'a>) -> Result<Option<bool>, Problem> {
    let Some((operand, list)) = stack.last(count + 1).split_first() else {
        return Ok(None);
    };
    let mut found = Some(false);
    for value in list {
        found = or(found, truth(Comparison::Equal, *operand, *value, arena).map_err(told)?);
        if found == Some(true) {
            break;
        }
    }
    Ok(found)
}

impl Texts {
    fn contain<'a>(&self, value: Value<'a>, arena: &'a Arena) -> Result<Value<'a>, Problem> {
        if value.is_null() {
            return Ok(Value::Null);
        }
        let found = match plain_text(value, arena) {
            Some(text) => self.texts.binary_search_by(|known| (**known).cmp(text)).is_ok(),
            None => self.compared(value, arena)?,
        };
        let known = if found || !self.null { Some(found) } else { None };
        Ok(boolean(known.map(|found| found != self.negated)))
    }

    /// For what is no text, as a time.
    fn compared<'a>(&self, value: Value<'a>, arena: &'a Arena) -> Result<bool, Problem> {
        for text in &self.texts {
            let text = Value::Text(arena.text(text));
            if truth(Comparison::Equal, value, text, arena).map_err(told)? == Some(true) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Like {
    fn run<'a>(&self, arena: &'a Arena, stack: &mut Stack<'a>) -> Result<Value<'a>, Problem> {
        let pattern = if self.pattern.is_some() { None } else { Some(stack.pop()) };
        let value = stack.pop();
        if value.is_null() || pattern.is_some_and(|pattern| pattern.is_null()) {
            return Ok(Value::Null);
        }
        let wrong = |value| -> Problem { format!("LIKE takes texts, not {}", kind(value)).into() };
        let text = plain_text(value, arena).ok_or_else(|| wrong(value))?;
        let found = match (&self.pattern, pattern) {
            (Some(compiled), _) => compiled.matches(text),
            (None, pattern) => {
                let pattern = pattern.unwrap_or_default();
                let pattern = plain_text(pattern, arena).ok_or_else(|| wrong(pattern))?;
                is_like(text, pattern, self.escape)?
            }
        };
        Ok(Value::Boolean(found != self.negated))
    }
}

fn concat<'a>(count: usize, arena: &'a Arena, stack: &mut Stack<'a>) -> Result<Value<'a>, Problem> {
    if stack.last(count).iter().any(Value::is_null) {
        stack.drop(count);
        return Ok(Value::Null);
    }
    let mut text = arena.string();
    for value in stack.last(count) {
        let wrong = || -> Problem { format!("|| takes texts, not {}", kind(*value)).into() };
        let part = convert::text(*value, arena).ok_or_else(wrong)?;
        if text.len() + part.len() > MAX_TEXT {
            return Err(format!("|| makes a text of at most {MAX_TEXT} bytes").into());
        }
        text.push_str(part);
    }
    stack.drop(count);
    Ok(Value::Text(text.into_bump_str()))
}

impl CallOperation {
    fn run<'a>(&'a self, arena: &'a Arena, stack: &mut Stack<'a>) -> Result<Value<'a>, Problem> {
        let arguments = stack.last(self.count);
        let null = self.function.nulls == Nulls::Propagate && arguments.iter().any(Value::is_null);
        let prepared = self.prepared.as_ref();
        let result = match null {
            true => Ok(Value::Null),
            false => (self.function.call)(&Call { arguments, arena, prepared }),
        };
        stack.drop(self.count);
        result.map_err(|fault| fault.0)
    }
}

fn map<'a>(count: usize, arena: &'a Arena, stack: &mut Stack<'a>) -> Result<Value<'a>, Problem> {
    let mut entries: bumpalo::collections::Vec<'a, (&'a str, Value<'a>)> = arena.vec();
    for pair in stack.last(count * 2).chunks_exact(2) {
        let [key, value] = pair else { continue };
        let wrong = || -> Problem { format!("a map's key is a text, not {}", kind(*key)).into() };
        let key = convert::text(*key, arena).ok_or_else(wrong)?;
        match entries.iter_mut().find(|(known, _)| *known == key) {
            Some(entry) => entry.1 = *value,
            None => entries.push((key, *value)),
        }
    }
    stack.drop(count * 2);
    Ok(Value::Entries(entries.into_bump_slice()))
}

fn element<'a>(value: Value<'a>, index: Value<'a>, arena: &'a Arena) -> Result<Value<'a>, Problem> {
    if value.is_null() || index.is_null() {
        return Ok(Value::Null);
    }
    if let Some(key) = plain_text(index, arena) {
        return Ok(nested::field(value, key, arena));
    }
    match Numeric::of(index).and_then(Numeric::whole) {
        Some(index) => Ok(nested::element(value, index, arena)),
        None => Err(format!("an index is a whole number or a text, not {}", kind(index)).into()),
    }
}

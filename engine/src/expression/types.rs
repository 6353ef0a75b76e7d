//! Static types: what a schema, or the expression itself, tells before any record is read.

use super::ExpressionError;
use super::each::{ENTRY_KEY, ENTRY_VALUE};
use super::function::{self, Function};
use super::node::{Arithmetic, CastType, Expression, Literal, Node};
use super::path::{Metadata, Path, Root};
use crate::format::SINGLE_FIELD;
use crate::nearest::nearest;
use crate::record::{Step, Type};

/// The types of what an expression reads.
#[derive(Debug, Clone, Copy)]
pub struct Types<'t> {
    /// Of the record's value.
    pub value: &'t Type,
    /// Of its key.
    pub key: &'t Type,
    /// Of what aliases stand for.
    pub aliases: &'t [(String, Type)],
}

impl Types<'_> {
    /// Nothing is known.
    pub const UNKNOWN: Types<'static> =
        Types { value: &Type::Unknown, key: &Type::Unknown, aliases: &[] };
}

/// The type of an expression over parts of these types.
///
/// Names that a known record does not have and operands of kinds that an operator
/// or function does not take are errors at their column. Any value may be null.
pub fn check(expression: &Expression, types: &Types<'_>) -> Result<Type, ExpressionError> {
    Checker(types).check(expression)
}

/// Checks an expression that decides: it is to be true or false.
pub fn check_condition(expression: &Expression, types: &Types<'_>) -> Result<(), ExpressionError> {
    Checker(types).truth(expression, "it")
}

/// The type of what EACH's alias stands for, where EACH is an expression of this type.
pub fn element_type(each: Type) -> Result<Type, String> {
    let entry = |value| {
        Type::Record(vec![(ENTRY_KEY.to_owned(), Type::Text), (ENTRY_VALUE.to_owned(), value)])
    };
    match each {
        Type::Unknown => Ok(Type::Unknown),
        Type::List(element) => Ok(*element),
        Type::Map(value) => Ok(entry(*value)),
        Type::Record(_) => Ok(entry(Type::Unknown)),
        other => Err(format!("EACH takes an array or a map, not {}", words(&other))),
    }
}

struct Checker<'t>(&'t Types<'t>);

/// What a type is, for errors.
pub(super) fn words(known: &Type) -> &'static str {
    match known {
        Type::Unknown => "unknown",
        Type::Boolean => "a boolean",
        Type::Int | Type::Double | Type::Decimal => "a number",
        Type::Text => "a text",
        Type::Bytes => "bytes",
        Type::Date => "a date",
        Type::Time => "a time",
        Type::Timestamp => "a timestamp",
        Type::List(_) => "an array",
        Type::Map(_) => "a map",
        Type::Record(_) => "a record",
    }
}

/// Types that compare with each other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    Unknown,
    Boolean,
    Number,
    Text,
    Bytes,
    /// Dates and timestamps.
    Instant,
    TimeOfDay,
    Nested,
}

fn family(known: &Type) -> Family {
    match known {
        Type::Unknown => Family::Unknown,
        Type::Boolean => Family::Boolean,
        Type::Int | Type::Double | Type::Decimal => Family::Number,
        Type::Text => Family::Text,
        Type::Bytes => Family::Bytes,
        Type::Date | Type::Timestamp => Family::Instant,
        Type::Time => Family::TimeOfDay,
        Type::List(_) | Type::Map(_) | Type::Record(_) => Family::Nested,
    }
}

fn comparable(a: &Type, b: &Type) -> bool {
    let is_time = |family| matches!(family, Family::Instant | Family::TimeOfDay);
    let beside_time = |family| matches!(family, Family::Text | Family::Number);
    match (family(a), family(b)) {
        (Family::Unknown, _) | (_, Family::Unknown) => true,
        (a, b) => a == b || is_time(a) && beside_time(b) || beside_time(a) && is_time(b),
    }
}

fn is_number(known: &Type) -> bool {
    matches!(family(known), Family::Number | Family::Unknown)
}

fn error(at: &Expression, problem: String) -> ExpressionError {
    ExpressionError::new(at.place.at, problem)
}

impl Checker<'_> {
    fn check(&self, expression: &Expression) -> Result<Type, ExpressionError> {
        match &*expression.node {
            Node::Literal(literal) => Ok(literal_type(literal)),
            Node::Path(path) => self.path(path).map_err(|problem| error(expression, problem)),
            Node::Negate(operand) => self.number(operand, "-"),
            Node::Arithmetic(operator, left, right) => self.arithmetic(*operator, left, right),
            Node::And(all) => self.truths(all, "AND"),
            Node::Or(all) => self.truths(all, "OR"),
            Node::Not(operand) => self.truths(std::slice::from_ref(operand), "NOT"),
            Node::Concat(all) => self.concat(all),
            Node::IsNull { operand, .. } => self.check(operand).map(|_| Type::Boolean),
            Node::Compare(comparison, left, right) => {
                self.compared(left, [right], comparison.symbol())
            }
            Node::Distinct(_, left, right) => self.compared(left, [right], "IS DISTINCT FROM"),
            Node::In { operand, list, .. } => self.compared(operand, list, "IN"),
            Node::Between { operand, low, high, .. } => {
                self.compared(operand, [low, high], "BETWEEN")
            }
            Node::Like { operand, pattern, .. } => self.like(operand, pattern),
            Node::Case { operand, branches, otherwise } => {
                self.case(operand.as_ref(), branches, otherwise.as_ref())
            }
            Node::Cast(operand, to) => self.check(operand).map(|_| cast_type(*to)),
            Node::Call(name, arguments) => self.call(name, arguments),
            Node::List(all) => self.same(all).map(|element| Type::List(Box::new(element))),
            Node::Map(entries) => {
                for (key, _) in entries {
                    self.check(key)?;
                }
                let element = self.same(entries.iter().map(|(_, value)| value))?;
                Ok(Type::Map(Box::new(element)))
            }
            Node::Struct(fields) => {
                let field = |(name, value): &(String, Expression)| {
                    self.check(value).map(|known| (name.clone(), known))
                };
                fields.iter().map(field).collect::<Result<_, _>>().map(Type::Record)
            }
            Node::Member(operand, steps) => {
                let start = self.check(operand)?;
                follow(&start, steps, &operand.to_string()).map_err(|p| error(expression, p))
            }
            Node::Element(operand, index) => {
                self.check(index)?;
                Ok(match self.check(operand)? {
                    Type::List(element) | Type::Map(element) => *element,
                    _ => Type::Unknown,
                })
            }
        }
    }

    fn path(&self, path: &Path) -> Result<Type, String> {
        if let Some((name, steps)) = path.bare()
            && let Some((_, known)) = self.0.aliases.iter().find(|(alias, _)| alias == name)
        {
            return follow(known, steps, &format!("'{name}'"));
        }
        let start = match path.root() {
            Root::Bare | Root::Value => self.0.value,
            Root::Key => self.0.key,
            Root::Op => return Ok(Type::Text),
            Root::Metadata(Metadata::Topic) => return Ok(Type::Text),
            Root::Metadata(_) => return Ok(Type::Int),
            Root::Before | Root::Source | Root::Header(_) => return Ok(Type::Unknown),
        };
        let steps = match (start, path.steps().split_first()) {
            (Type::Record(_) | Type::Unknown | Type::Map(_), _) => path.steps(),
            (_, Some((Step::Field(name), rest))) if name == SINGLE_FIELD => rest,
            _ => path.steps(),
        };
        follow(start, steps, if *path.root() == Root::Key { "the key" } else { "the value" })
    }

    fn number(&self, operand: &Expression, operator: &str) -> Result<Type, ExpressionError> {
        let known = self.check(operand)?;
        match is_number(&known) {
            true => Ok(known),
            false => {
                let problem = format!("{operator} takes numbers, not {}", words(&known));
                Err(error(operand, problem))
            }
        }
    }

    fn arithmetic(
        &self,
        operator: Arithmetic,
        left: &Expression,
        right: &Expression,
    ) -> Result<Type, ExpressionError> {
        let left = self.number(left, operator.symbol())?;
        let right = self.number(right, operator.symbol())?;
        Ok(match (left, right) {
            (Type::Unknown, _) | (_, Type::Unknown) => Type::Unknown,
            (Type::Double, _) | (_, Type::Double) => Type::Double,
            (Type::Int, Type::Int) => Type::Int,
            _ => Type::Decimal,
        })
    }

    fn truths(&self, all: &[Expression], operator: &str) -> Result<Type, ExpressionError> {
        for one in all {
            self.truth(one, operator)?;
        }
        Ok(Type::Boolean)
    }

    fn truth(&self, one: &Expression, operator: &str) -> Result<(), ExpressionError> {
        let known = self.check(one)?;
        match matches!(family(&known), Family::Boolean | Family::Unknown) {
            true => Ok(()),
            false => {
                let problem = format!("{operator} takes true or false, not {}", words(&known));
                Err(error(one, problem))
            }
        }
    }

    fn concat(&self, all: &[Expression]) -> Result<Type, ExpressionError> {
        for one in all {
            let known = self.check(one)?;
            if matches!(family(&known), Family::Nested | Family::Bytes) {
                return Err(error(one, format!("|| takes texts, not {}", words(&known))));
            }
        }
        Ok(Type::Text)
    }

    fn compared<'e>(
        &self,
        left: &Expression,
        others: impl IntoIterator<Item = &'e Expression>,
        operator: &str,
    ) -> Result<Type, ExpressionError> {
        let known = self.check(left)?;
        for other in others {
            let beside = self.check(other)?;
            if !comparable(&known, &beside) {
                let (known, beside) = (words(&known), words(&beside));
                let problem = format!("{operator} cannot compare {known} with {beside}; use CAST");
                return Err(error(other, problem));
            }
        }
        Ok(Type::Boolean)
    }

    fn like(&self, operand: &Expression, pattern: &Expression) -> Result<Type, ExpressionError> {
        for one in [operand, pattern] {
            let known = self.check(one)?;
            if !matches!(family(&known), Family::Text | Family::Unknown) {
                return Err(error(one, format!("LIKE takes texts, not {}", words(&known))));
            }
        }
        Ok(Type::Boolean)
    }

    fn case(
        &self,
        operand: Option<&Expression>,
        branches: &[(Expression, Expression)],
        otherwise: Option<&Expression>,
    ) -> Result<Type, ExpressionError> {
        for (when, _) in branches {
            match operand {
                Some(operand) => drop(self.compared(operand, [when], "CASE")?),
                None => self.truth(when, "WHEN")?,
            }
        }
        self.same(branches.iter().map(|(_, then)| then).chain(otherwise))
    }

    /// The type that all have, as far as it is one.
    fn same<'e>(
        &self,
        all: impl IntoIterator<Item = &'e Expression>,
    ) -> Result<Type, ExpressionError> {
        let mut known: Option<Type> = None;
        for one in all {
            let next = self.check(one)?;
            if matches!(&*one.node, Node::Literal(Literal::Null)) {
                continue;
            }
            known = match known {
                Some(earlier) if earlier != next => Some(Type::Unknown),
                _ => Some(next),
            };
        }
        Ok(known.unwrap_or(Type::Unknown))
    }

    fn call(&self, name: &str, arguments: &[Expression]) -> Result<Type, ExpressionError> {
        let Some(function) = function::find(name) else {
            return Ok(Type::Unknown);
        };
        let known = arguments.iter().map(|argument| self.check(argument));
        let known: Vec<Type> = known.collect::<Result<_, _>>()?;
        for (place, (argument, given)) in arguments.iter().zip(&known).enumerate() {
            accepts(function, place, given).map_err(|problem| error(argument, problem))?;
        }
        Ok(function.result_type(&known))
    }
}

fn accepts(function: &Function, place: usize, given: &Type) -> Result<(), String> {
    match function.parameter(place) {
        Some(parameter) if !parameter.class.accepts(given) => {
            let (wanted, given) = (parameter.class.words(), words(given));
            let called = function.signature();
            Err(format!("{} takes {wanted}, not {given}: {called}", parameter.name))
        }
        _ => Ok(()),
    }
}

fn follow(start: &Type, steps: &[Step], name: &str) -> Result<Type, String> {
    let mut known = start;
    let mut shown = name.to_owned();
    for step in steps {
        known = match (known, step) {
            (Type::Unknown, _) => return Ok(Type::Unknown),
            (Type::Record(fields), Step::Field(name)) => {
                let found = fields.iter().rev().find(|(field, _)| field == name);
                let Some((_, found)) = found else {
                    return Err(missing(name, &shown, fields));
                };
                found
            }
            (Type::Map(entry), Step::Field(_)) => entry,
            (Type::List(element), Step::Index(_)) => element,
            (other, step) => {
                let part = match step {
                    Step::Field(name) => format!("field '{name}'"),
                    Step::Index(index) => format!("element {index}"),
                };
                return Err(format!("{shown} is {} and has no {part}", words(other)));
            }
        };
        shown = match step {
            Step::Field(name) => format!("'{name}'"),
            Step::Index(index) => format!("[{index}]"),
        };
    }
    Ok(known.clone())
}

/// How many fields an error lists.
const LISTED: usize = 8;

/// That what is named `of` has no field of this name, and which it has.
pub(super) fn missing(name: &str, of: &str, fields: &[(String, Type)]) -> String {
    let known = || fields.iter().map(|(field, _)| field.as_str());
    if let Some(near) = nearest(name, known()) {
        return format!("{of} has no field '{name}'; did you mean '{near}'?");
    }
    let listed: Vec<&str> = known().take(LISTED).collect();
    let more = if fields.len() > LISTED { ", …" } else { "" };
    format!("{of} has no field '{name}'; it has {}{more}", listed.join(", "))
}

fn literal_type(literal: &Literal) -> Type {
    match literal {
        Literal::Null => Type::Unknown,
        Literal::Boolean(_) => Type::Boolean,
        Literal::Int(_) => Type::Int,
        Literal::Decimal(_) => Type::Decimal,
        Literal::Double(_) => Type::Double,
        Literal::Text(_) => Type::Text,
        Literal::Date(_) => Type::Date,
        Literal::Time(..) => Type::Time,
        Literal::Timestamp(..) => Type::Timestamp,
    }
}

fn cast_type(to: CastType) -> Type {
    match to {
        CastType::Int | CastType::BigInt => Type::Int,
        CastType::Double => Type::Double,
        CastType::Decimal { .. } => Type::Decimal,
        CastType::Text => Type::Text,
        CastType::Boolean => Type::Boolean,
        CastType::Bytes => Type::Bytes,
        CastType::Date => Type::Date,
        CastType::Time => Type::Time,
        CastType::Timestamp => Type::Timestamp,
    }
}

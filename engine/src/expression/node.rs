//! Parsed expressions: pure data.

use super::path::Path;
use crate::record::{Decimal, Step, TimeUnit};

/// The tallest tree of an expression, so that walking it needs bounded memory.
pub const MAX_HEIGHT: u16 = 128;

/// A parsed expression. Two are equal when they mean the same, wherever they were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expression {
    pub(super) place: Place,
    pub(super) node: Box<Node>,
}

/// Where an expression was written and how tall its tree is: no part of what it means.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// Byte position of its first word, or of its operator.
    pub at: usize,
    /// One for a leaf.
    pub height: u16,
}

impl PartialEq for Place {
    fn eq(&self, _other: &Place) -> bool {
        true
    }
}

impl Eq for Place {}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    Literal(Literal),
    Path(Path),
    Negate(Expression),
    Not(Expression),
    /// At least two.
    And(Vec<Expression>),
    /// At least two.
    Or(Vec<Expression>),
    /// `||` of at least two.
    Concat(Vec<Expression>),
    Arithmetic(Arithmetic, Expression, Expression),
    Compare(Comparison, Expression, Expression),
    /// `IS [NOT] DISTINCT FROM`; distinct when the truth is true.
    Distinct(bool, Expression, Expression),
    IsNull {
        operand: Expression,
        negated: bool,
    },
    In {
        operand: Expression,
        list: Vec<Expression>,
        negated: bool,
    },
    Between {
        operand: Expression,
        low: Expression,
        high: Expression,
        negated: bool,
    },
    Like {
        operand: Expression,
        pattern: Expression,
        escape: Option<char>,
        negated: bool,
    },
    Case {
        operand: Option<Expression>,
        /// WHEN, THEN; at least one.
        branches: Vec<(Expression, Expression)>,
        otherwise: Option<Expression>,
    },
    Cast(Expression, CastType),
    /// A function by the name in its table.
    Call(&'static str, Vec<Expression>),
    /// `ARRAY[…]`
    List(Vec<Expression>),
    /// `MAP(key := value, …)`
    Map(Vec<(Expression, Expression)>),
    /// `STRUCT(name := value, …)`
    Struct(Vec<(String, Expression)>),
    /// Constant steps behind what is no path; at least one.
    Member(Expression, Vec<Step>),
    /// `[…]` with what is no constant in it.
    Element(Expression, Expression),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Literal {
    Null,
    Boolean(bool),
    Int(i64),
    Decimal(Decimal),
    Double(Bits),
    Text(String),
    Date(i32),
    Time(i64, TimeUnit),
    Timestamp(i64, TimeUnit),
}

/// A double by its bits, so that literals can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bits(pub u64);

/// `+ - * / %`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

/// `= <> < <= > >=`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// What CAST makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CastType {
    /// 32 bits.
    Int,
    /// 64 bits.
    BigInt,
    Double,
    Decimal {
        precision: u8,
        scale: u8,
    },
    Text,
    Boolean,
    Bytes,
    Date,
    Time,
    Timestamp,
}

impl Arithmetic {
    pub(super) fn symbol(self) -> &'static str {
        match self {
            Arithmetic::Add => "+",
            Arithmetic::Subtract => "-",
            Arithmetic::Multiply => "*",
            Arithmetic::Divide => "/",
            Arithmetic::Remainder => "%",
        }
    }
}

impl Comparison {
    pub(super) fn symbol(self) -> &'static str {
        match self {
            Comparison::Equal => "=",
            Comparison::NotEqual => "<>",
            Comparison::Less => "<",
            Comparison::LessOrEqual => "<=",
            Comparison::Greater => ">",
            Comparison::GreaterOrEqual => ">=",
        }
    }

    /// The comparison with its sides swapped.
    pub(super) fn swapped(self) -> Comparison {
        match self {
            Comparison::Less => Comparison::Greater,
            Comparison::LessOrEqual => Comparison::GreaterOrEqual,
            Comparison::Greater => Comparison::Less,
            Comparison::GreaterOrEqual => Comparison::LessOrEqual,
            same => same,
        }
    }
}

impl Expression {
    pub(super) fn new(at: usize, node: Node) -> Expression {
        let mut height = 0;
        node.each(&mut |child| height = child.place.height.max(height));
        Expression { place: Place { at, height: height.saturating_add(1) }, node: Box::new(node) }
    }

    /// The path, when it is nothing but one.
    pub fn as_path(&self) -> Option<&Path> {
        match &*self.node {
            Node::Path(path) => Some(path),
            _ => None,
        }
    }

    /// Shows every path in it, in the order written.
    pub fn paths(&self, visit: &mut dyn FnMut(&Path)) {
        match &*self.node {
            Node::Path(path) => visit(path),
            node => node.each(&mut |child| child.paths(visit)),
        }
    }

    /// The name a selection gives it: its last step.
    pub(super) fn own_name(&self) -> Option<&str> {
        match &*self.node {
            Node::Path(path) => path.own_name(),
            Node::Member(_, steps) => match steps.last() {
                Some(Step::Field(name)) => Some(name),
                _ => None,
            },
            _ => None,
        }
    }
}

impl Node {
    /// Shows the expressions it is made of, in the order written.
    pub(super) fn each<'e>(&'e self, visit: &mut dyn FnMut(&'e Expression)) {
        match self {
            Node::Literal(_) | Node::Path(_) => {}
            Node::Negate(one) | Node::Not(one) | Node::Cast(one, _) | Node::Member(one, _) => {
                visit(one);
            }
            Node::IsNull { operand, .. } => visit(operand),
            Node::And(all)
            | Node::Or(all)
            | Node::Concat(all)
            | Node::Call(_, all)
            | Node::List(all) => all.iter().for_each(visit),
            Node::Arithmetic(_, left, right)
            | Node::Compare(_, left, right)
            | Node::Distinct(_, left, right)
            | Node::Element(left, right)
            | Node::Like { operand: left, pattern: right, .. } => {
                visit(left);
                visit(right);
            }
            Node::In { operand, list, .. } => {
                visit(operand);
                list.iter().for_each(visit);
            }
            Node::Between { operand, low, high, .. } => {
                [operand, low, high].into_iter().for_each(visit);
            }
            Node::Case { operand, branches, otherwise } => {
                operand.iter().for_each(&mut *visit);
                for (when, then) in branches {
                    visit(when);
                    visit(then);
                }
                otherwise.iter().for_each(visit);
            }
            Node::Map(entries) => {
                for (key, value) in entries {
                    visit(key);
                    visit(value);
                }
            }
            Node::Struct(fields) => fields.iter().for_each(|(_, value)| visit(value)),
        }
    }
}

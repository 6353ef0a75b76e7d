//! From parsed expressions to flat lists of operations.

use super::function::{self, Prepared};
use super::like::Pattern;
use super::node::{Comparison, Expression, Literal, Node};
use super::operand::{Constant, Test};
use super::path::{Leaf, Root};
use super::program::{Body, CallOperation, Like, Operation, Operations, Program, Texts};
use super::types::{self, Types};
use super::{Context, ExpressionError, Layout};
use crate::format::NoHeaders;
use crate::record::{Arena, Row};

/// The longest text of an operation's expression in errors, in characters.
const SHOWN: usize = 120;

impl Expression {
    /// Compiles it, and says in `layout` what it reads.
    ///
    /// Kinds that cannot go together are errors, as far as they are known without a schema.
    pub fn compile(&self, layout: &mut Layout) -> Result<Program, ExpressionError> {
        types::check(self, &Types::UNKNOWN)?;
        let body = match &*self.node {
            Node::Path(path) => Body::Leaf(path.compile(layout)),
            _ => body(self, layout)?,
        };
        Ok(Program { body, source: self.to_string().into() })
    }

    /// Whether it needs nothing but the record's key and headers, and these.
    pub fn is_from_key(&self) -> bool {
        let (mut some, mut all) = (false, true);
        self.paths(&mut |path| {
            some = true;
            all &= path.is_from_key();
        });
        some && all
    }

    /// Whether it reads anything of the record's value, which a tombstone does not have.
    pub fn needs_value(&self) -> bool {
        let mut needs = false;
        let known = |root: &Root| matches!(root, Root::Key | Root::Header(_) | Root::Metadata(_));
        self.paths(&mut |path| needs |= !known(path.root()));
        needs
    }

    /// Whether it looks at the record's key.
    pub fn uses_key(&self) -> bool {
        let mut uses = false;
        self.paths(&mut |path| uses |= *path.root() == Root::Key);
        uses
    }

    /// Whether it looks at what is around a row in a change event.
    pub fn uses_envelope(&self) -> bool {
        let mut uses = false;
        let around = |root: &Root| matches!(root, Root::Before | Root::Source | Root::Op);
        self.paths(&mut |path| uses |= around(path.root()));
        uses
    }

    /// Whether it reads what a bare name stands for.
    pub fn reads(&self, name: &str) -> bool {
        let mut reads = false;
        self.paths(&mut |path| reads |= path.bare().is_some_and(|(bare, _)| bare == name));
        reads
    }

    /// Whether it reads nothing of the record.
    pub fn is_constant(&self) -> bool {
        let mut constant = true;
        self.paths(&mut |_| constant = false);
        constant
    }

    /// Its value, when it is constant and has one that is not nested.
    fn folded(&self) -> Option<Constant> {
        if let Node::Literal(literal) = &*self.node {
            return Some(literal.constant());
        }
        if !self.is_constant() {
            return None;
        }
        let operations = Compiler::new(&mut Layout::default(), false).whole(self).ok()?;
        let program = Program { body: Body::Operations(operations), source: "".into() };
        let (row, arena) = (Row::default(), Arena::new());
        let context = Context {
            topic: "",
            partition: 0,
            offset: 0,
            timestamp: None,
            key: &row,
            value: &row,
            envelope: &row,
            headers: &NoHeaders,
            aliases: &[],
            arena: &arena,
        };
        // What fails does so for each record that needs it.
        program.evaluate(&context).ok().and_then(Constant::of)
    }

    /// A comparison of a path with a constant.
    fn test(&self, layout: &mut Layout) -> Option<Test> {
        let Node::Compare(comparison, left, right) = &*self.node else {
            return None;
        };
        let (path, comparison, constant) = match (left.as_path(), right.as_path()) {
            (Some(path), None) => (path, *comparison, right.folded()?),
            (None, Some(path)) => (path, comparison.swapped(), left.folded()?),
            _ => return None,
        };
        // A comparison with null is null, which the others say better.
        let known = constant != Constant::Null;
        known.then(|| Test::new(path.compile(layout), comparison, constant))
    }
}

fn body(expression: &Expression, layout: &mut Layout) -> Result<Body, ExpressionError> {
    if let Some(constant) = expression.folded() {
        return Ok(Body::Constant(constant));
    }
    let parts = match &*expression.node {
        Node::And(all) => all.as_slice(),
        _ => std::slice::from_ref(expression),
    };
    // What the tests do not all become would want slots that nothing reads.
    let mut tried = layout.clone();
    let tests: Option<Box<[Test]>> = parts.iter().map(|part| part.test(&mut tried)).collect();
    if let Some(tests) = tests {
        *layout = tried;
        return Ok(Body::Tests(tests));
    }
    Compiler::new(layout, true).whole(expression).map(Body::Operations)
}

struct Compiler<'l> {
    layout: &'l mut Layout,
    operations: Operations,
    /// Values on the stack at this point of the list.
    height: usize,
    /// Whether constant parts are computed now.
    folds: bool,
}

impl<'l> Compiler<'l> {
    fn new(layout: &'l mut Layout, folds: bool) -> Compiler<'l> {
        Compiler { layout, operations: Operations::default(), height: 0, folds }
    }

    fn whole(mut self, expression: &Expression) -> Result<Operations, ExpressionError> {
        self.expression(expression)?;
        Ok(self.operations)
    }

    /// Adds an operation of `origin`, which takes and makes so many values.
    fn add(&mut self, operation: Operation, takes: usize, makes: usize, origin: &str) -> usize {
        self.height = self.height.saturating_sub(takes) + makes;
        self.operations.height = self.operations.height.max(self.height);
        self.operations.list.push(operation);
        self.operations.origins.push(origin.into());
        self.operations.list.len() - 1
    }

    /// Adds a jump whose target comes later.
    fn jump(&mut self, make: fn(usize) -> Operation, takes: usize, origin: &str) -> usize {
        self.add(make(usize::MAX), takes, 0, origin)
    }

    /// Makes a jump lead to the next operation.
    fn land(&mut self, jump: usize) {
        let here = self.operations.list.len();
        if let Some(
            Operation::Jump(target)
            | Operation::JumpIfFalse(target)
            | Operation::JumpIfTrue(target)
            | Operation::JumpUnlessNull(target)
            | Operation::JumpUnlessTrue(target),
        ) = self.operations.list.get_mut(jump)
        {
            *target = here;
        }
    }

    fn all<'e>(
        &mut self,
        all: impl IntoIterator<Item = &'e Expression>,
    ) -> Result<(), ExpressionError> {
        all.into_iter().try_for_each(|one| self.expression(one))
    }

    fn expression(&mut self, expression: &Expression) -> Result<(), ExpressionError> {
        if self.folds {
            if let Some(constant) = expression.folded() {
                self.add(Operation::Constant(Box::new(constant)), 0, 1, "");
                return Ok(());
            }
            if let Some(test) = expression.test(self.layout) {
                let origin = shown(expression);
                self.add(Operation::Test(Box::new(test)), 0, 1, &origin);
                return Ok(());
            }
        }
        let origin = shown(expression);
        match &*expression.node {
            Node::Literal(literal) => {
                self.add(Operation::Constant(Box::new(literal.constant())), 0, 1, "");
            }
            Node::Path(path) => {
                let operation = match path.compile(self.layout) {
                    Leaf::Value(slot) => Operation::Slot(slot),
                    leaf => Operation::Leaf(Box::new(leaf)),
                };
                self.add(operation, 0, 1, "");
            }
            Node::And(all) => {
                self.chain(all, Operation::JumpIfFalse, || Operation::And, &origin)?;
            }
            Node::Or(all) => self.chain(all, Operation::JumpIfTrue, || Operation::Or, &origin)?,
            Node::Case { operand, branches, otherwise } => {
                self.case(operand.as_ref(), branches, otherwise.as_ref(), &origin)?;
            }
            Node::Call(name, arguments) => self.call(expression, name, arguments, &origin)?,
            Node::In { operand, list, negated } => {
                self.in_list(operand, list, *negated, &origin)?
            }
            Node::Like { operand, pattern, escape, negated } => {
                let at = pattern.place.at;
                self.expression(operand)?;
                let compiled = match pattern.folded() {
                    Some(Constant::Text(text)) => Some(
                        Pattern::new(&text, *escape).map_err(|p| ExpressionError::new(at, p))?,
                    ),
                    _ => None,
                };
                if compiled.is_none() {
                    self.expression(pattern)?;
                }
                let takes = 2 - usize::from(compiled.is_some());
                let like = Like { pattern: compiled, escape: *escape, negated: *negated };
                self.add(Operation::Like(Box::new(like)), takes, 1, &origin);
            }
            node => self.plain(node, &origin)?,
        }
        Ok(())
    }

    /// Nodes whose parts are all evaluated, in order, and then one operation.
    fn plain(&mut self, node: &Node, origin: &str) -> Result<(), ExpressionError> {
        let before = self.height;
        let mut parts = Vec::new();
        node.each(&mut |part| parts.push(part));
        self.all(parts)?;
        let operation = match node {
            Node::Negate(_) => Operation::Negate,
            Node::Not(_) => Operation::Not,
            Node::Concat(all) => Operation::Concat(all.len()),
            Node::Arithmetic(operator, ..) => Operation::Arithmetic(*operator),
            Node::Compare(comparison, ..) => Operation::Compare(*comparison),
            Node::Distinct(distinct, ..) => Operation::Distinct(*distinct),
            Node::IsNull { negated, .. } => Operation::IsNull(*negated),
            Node::Between { negated, .. } => Operation::Between(*negated),
            Node::Cast(_, to) => Operation::Cast(*to),
            Node::List(all) => Operation::List(all.len()),
            Node::Map(entries) => Operation::Map(entries.len()),
            Node::Struct(fields) => {
                Operation::Struct(fields.iter().map(|(name, _)| name.as_str().into()).collect())
            }
            Node::Member(_, steps) => Operation::Steps(steps.clone().into()),
            _ => Operation::Element,
        };
        let takes = self.height - before;
        self.add(operation, takes, 1, origin);
        Ok(())
    }

    /// AND and OR: what decides ends the rest.
    fn chain(
        &mut self,
        all: &[Expression],
        decides: fn(usize) -> Operation,
        combine: fn() -> Operation,
        origin: &str,
    ) -> Result<(), ExpressionError> {
        let mut jumps = Vec::new();
        for (index, one) in all.iter().enumerate() {
            if index > 0 {
                jumps.push(self.jump(decides, 0, origin));
            }
            self.expression(one)?;
            if index > 0 {
                self.add(combine(), 2, 1, origin);
            }
        }
        jumps.into_iter().for_each(|jump| self.land(jump));
        Ok(())
    }

    fn case(
        &mut self,
        operand: Option<&Expression>,
        branches: &[(Expression, Expression)],
        otherwise: Option<&Expression>,
        origin: &str,
    ) -> Result<(), ExpressionError> {
        self.all(operand)?;
        let before = self.height;
        let mut ends = Vec::new();
        for (when, then) in branches {
            match operand {
                Some(_) => {
                    self.add(Operation::Duplicate, 0, 1, "");
                    self.expression(when)?;
                    self.add(Operation::Compare(Comparison::Equal), 2, 1, &shown(when));
                }
                None => self.expression(when)?,
            }
            let next = self.jump(Operation::JumpUnlessTrue, 1, &shown(when));
            self.result(operand.is_some(), Some(then))?;
            ends.push(self.jump(Operation::Jump, 0, origin));
            self.land(next);
            self.height = before;
        }
        self.result(operand.is_some(), otherwise)?;
        ends.into_iter().for_each(|end| self.land(end));
        Ok(())
    }

    /// A branch's value, in place of CASE's operand.
    fn result(&mut self, operand: bool, value: Option<&Expression>) -> Result<(), ExpressionError> {
        if operand {
            self.add(Operation::Drop, 1, 0, "");
        }
        match value {
            Some(value) => self.expression(value),
            None => {
                self.add(Operation::Constant(Box::new(Constant::Null)), 0, 1, "");
                Ok(())
            }
        }
    }

    fn in_list(
        &mut self,
        operand: &Expression,
        list: &[Expression],
        negated: bool,
        origin: &str,
    ) -> Result<(), ExpressionError> {
        self.expression(operand)?;
        let literal = |one: &Expression| match &*one.node {
            Node::Literal(Literal::Null) => Some(None),
            Node::Literal(Literal::Text(text)) => Some(Some(text.as_str().into())),
            _ => None,
        };
        let texts: Option<Vec<Option<Box<str>>>> = list.iter().map(literal).collect();
        if let Some(texts) = texts {
            let null = texts.iter().any(Option::is_none);
            let mut texts: Vec<Box<str>> = texts.into_iter().flatten().collect();
            texts.sort_unstable();
            let texts = Operation::InTexts(Box::new(Texts { texts, null, negated }));
            self.add(texts, 1, 1, origin);
            return Ok(());
        }
        self.all(list)?;
        let count = list.len();
        self.add(Operation::In { count, negated }, count + 1, 1, origin);
        Ok(())
    }

    fn call(
        &mut self,
        expression: &Expression,
        name: &str,
        arguments: &[Expression],
        origin: &str,
    ) -> Result<(), ExpressionError> {
        if name == "coalesce" || name == "ifnull" {
            let mut jumps = Vec::new();
            for (index, argument) in arguments.iter().enumerate() {
                if index > 0 {
                    jumps.push(self.jump(Operation::JumpUnlessNull, 1, origin));
                }
                self.expression(argument)?;
            }
            jumps.into_iter().for_each(|jump| self.land(jump));
            return Ok(());
        }
        let at = expression.place.at;
        let unknown = || ExpressionError::new(at, format!("unknown function '{name}'"));
        let function = function::find(name).ok_or_else(unknown)?;
        let constants: Vec<Option<Constant>> = arguments.iter().map(Expression::folded).collect();
        let values: Vec<_> =
            constants.iter().map(|known| known.as_ref().map(Constant::value)).collect();
        let prepared: Option<Prepared> = match function.prepare {
            Some(prepare) => {
                Some(prepare(&values).map_err(|problem| ExpressionError::new(at, problem))?)
            }
            None => None,
        };
        self.all(arguments)?;
        let count = arguments.len();
        let call = CallOperation { function, count, prepared };
        self.add(Operation::Call(Box::new(call)), count, 1, origin);
        Ok(())
    }
}

/// The text of an expression, shortened, for errors.
fn shown(expression: &Expression) -> String {
    let text = expression.to_string();
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

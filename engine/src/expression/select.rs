//! Selections: `"*, a.*, * EXCEPT (x, y), expr AS name"`.

use super::aggregate::Aggregate;
use super::convert::{is_map, kind};
use super::display::Quoted;
use super::node::{Expression, Place};
use super::parser::Parser;
use super::program::Program;
use super::types::{Types, check, missing};
use super::{Context, EvaluationError, ExpressionError, Layout};
use crate::format::nested;
use crate::record::{Arena, NameId, Names, Row, Shape, Type, Value};
use std::cell::Cell;
use std::fmt;

/// A parsed SELECT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    items: Vec<Item>,
}

/// One item between two commas.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Item {
    /// `*`
    Everything { except: Vec<Left> },
    /// `a.*`
    Fields { of: Expression, except: Vec<Left> },
    /// `expr AS name`
    Named(Expression, String),
    /// `aggregate(…) AS name`
    Aggregate(Aggregate),
}

/// A name of an EXCEPT.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Left {
    name: String,
    place: Place,
}

impl Selection {
    /// Parses a selection; errors name the byte in `text`.
    pub fn parse(text: &str) -> Result<Selection, ExpressionError> {
        let mut parser = Parser::new(text, 0)?;
        let mut items = vec![item(&mut parser)?];
        while parser.take_symbol(",") {
            items.push(item(&mut parser)?);
        }
        parser.end()?;
        let selection = Selection { items };
        selection.check_names()?;
        Ok(selection)
    }

    /// Compiles it, and says in `layout` what it reads.
    pub fn compile(&self, layout: &mut Layout) -> Result<SelectionProgram, ExpressionError> {
        let mut steps = Vec::with_capacity(self.items.len());
        for item in &self.items {
            steps.push(match item {
                Item::Everything { except } => {
                    layout.value.every_field = true;
                    Step::Everything(Excluded::new(except))
                }
                Item::Fields { of, except } => {
                    let except = except.iter().map(|left| left.name.clone());
                    Step::Fields(of.compile(layout)?, except.collect())
                }
                Item::Named(expression, name) => {
                    Step::Named(expression.compile(layout)?, FieldName::new(name))
                }
                Item::Aggregate(_) => continue,
            });
        }
        Ok(SelectionProgram { steps })
    }

    /// Its expressions, without `*`.
    pub fn expressions(&self) -> impl Iterator<Item = &Expression> {
        self.items.iter().flat_map(|item| match item {
            Item::Everything { .. } => &[],
            Item::Fields { of, .. } => std::slice::from_ref(of),
            Item::Named(expression, _) => std::slice::from_ref(expression),
            Item::Aggregate(aggregate) => aggregate.arguments(),
        })
    }

    /// Whether the record decides what some of its fields are named: `*`, `a.*`.
    pub fn spreads(&self) -> bool {
        self.items.iter().any(|item| matches!(item, Item::Everything { .. } | Item::Fields { .. }))
    }

    /// Its aggregates, in the order written. A compiled selection leaves them to the target.
    pub fn aggregates(&self) -> impl Iterator<Item = &Aggregate> {
        self.items.iter().filter_map(|item| match item {
            Item::Aggregate(aggregate) => Some(aggregate),
            _ => None,
        })
    }

    /// Holds the names of its EXCEPTs against the fields they leave out some of, where those are known.
    pub fn check_except(&self, types: &Types<'_>) -> Result<(), ExpressionError> {
        for item in &self.items {
            let (known, of, except) = match item {
                Item::Everything { except } => (types.value.clone(), None, except),
                Item::Fields { of, except } => (check(of, types)?, Some(of), except),
                Item::Named(..) | Item::Aggregate(_) => continue,
            };
            let Type::Record(fields) = &known else { continue };
            let of = of.map_or("the value".to_owned(), |of| format!("'{of}'"));
            let is_field = |left: &&Left| fields.iter().any(|(name, _)| *name == left.name);
            if let Some(left) = except.iter().find(|left| !is_field(left)) {
                let problem = missing(&left.name, &of, fields);
                return Err(ExpressionError::new(left.place.at, problem));
            }
        }
        Ok(())
    }

    /// Two items of one name could not both be kept where one of them is an aggregate.
    fn check_names(&self) -> Result<(), ExpressionError> {
        for (place, item) in self.items.iter().enumerate() {
            let Item::Aggregate(aggregate) = item else { continue };
            let is_same = |(other, item): (usize, &Item)| match item {
                Item::Named(_, name) => *name == aggregate.name,
                Item::Aggregate(second) => other != place && second.name == aggregate.name,
                Item::Everything { .. } | Item::Fields { .. } => false,
            };
            if self.items.iter().enumerate().any(is_same) {
                let problem = format!("a second item is named '{}'", aggregate.name);
                return Err(ExpressionError::new(aggregate.at, problem));
            }
        }
        Ok(())
    }
}

fn item(parser: &mut Parser<'_>) -> Result<Item, ExpressionError> {
    if parser.take_symbol("*") {
        return Ok(Item::Everything { except: except(parser)? });
    }
    if let Some(aggregate) = parser.aggregate()? {
        return Ok(Item::Aggregate(aggregate));
    }
    let expression = parser.expression()?;
    if parser.take_symbol(".") {
        parser.expect_symbol("*")?;
        return Ok(Item::Fields { of: expression, except: except(parser)? });
    }
    if parser.take_word("AS") {
        let name = parser.output()?;
        return Ok(Item::Named(expression, name));
    }
    let at = expression.place.at;
    let unnamed = || ExpressionError::new(at, "give it a name with AS");
    let name = expression.own_name().map(str::to_owned).ok_or_else(unnamed)?;
    Ok(Item::Named(expression, name))
}

fn except(parser: &mut Parser<'_>) -> Result<Vec<Left>, ExpressionError> {
    let mut names = Vec::new();
    if !parser.take_word("EXCEPT") {
        return Ok(names);
    }
    parser.expect_symbol("(")?;
    names.push(left(parser)?);
    while parser.take_symbol(",") {
        names.push(left(parser)?);
    }
    parser.expect_symbol(")")?;
    Ok(names)
}

fn left(parser: &mut Parser<'_>) -> Result<Left, ExpressionError> {
    let place = Place { at: parser.position(), height: 1 };
    Ok(Left { name: parser.output()?, place })
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let write_except = |f: &mut fmt::Formatter<'_>, except: &[Left]| {
            if except.is_empty() {
                return Ok(());
            }
            let names: Vec<String> =
                except.iter().map(|left| Quoted(&left.name).to_string()).collect();
            write!(f, " EXCEPT ({})", names.join(", "))
        };
        for (index, item) in self.items.iter().enumerate() {
            f.write_str(if index > 0 { ", " } else { "" })?;
            match item {
                Item::Everything { except } => {
                    f.write_str("*")?;
                    write_except(f, except)?;
                }
                Item::Fields { of, except } => {
                    let path = of.as_path().is_some();
                    if path {
                        write!(f, "{of}.*")?
                    } else {
                        write!(f, "({of}).*")?
                    }
                    write_except(f, except)?;
                }
                Item::Named(expression, name) => match expression.own_name() == Some(name) {
                    true => write!(f, "{expression}")?,
                    false => write!(f, "{expression} AS {}", Quoted(name))?,
                },
                Item::Aggregate(aggregate) => {
                    write!(f, "{aggregate} AS {}", Quoted(&aggregate.name))?;
                }
            }
        }
        Ok(())
    }
}

/// A compiled selection: belongs to one worker, as it keeps names' numbers.
#[derive(Debug)]
pub struct SelectionProgram {
    steps: Vec<Step>,
}

#[derive(Debug)]
enum Step {
    Everything(Excluded),
    Fields(Program, Box<[String]>),
    Named(Program, FieldName),
}

/// A field's name, and its number once it is known: belongs to one worker.
#[derive(Debug)]
pub struct FieldName {
    name: Box<str>,
    id: Cell<Option<NameId>>,
}

impl FieldName {
    /// A name whose number is not known yet.
    pub fn new(name: &str) -> FieldName {
        FieldName { name: name.into(), id: Cell::new(None) }
    }

    /// Its number.
    #[inline]
    pub fn id(&self, names: &mut Names) -> NameId {
        self.id.get().unwrap_or_else(|| {
            let id = names.known(self.name.as_bytes());
            self.id.set(Some(id));
            id
        })
    }

    /// Forgets the number: to be called after [`Names::shed`] was true.
    pub fn forget(&self) {
        self.id.set(None);
    }
}

#[derive(Debug)]
struct Excluded(Vec<FieldName>);

impl Excluded {
    fn new(names: &[Left]) -> Excluded {
        Excluded(names.iter().map(|left| FieldName::new(&left.name)).collect())
    }
}

impl SelectionProgram {
    /// Fills `out` with the selected fields of a record in order; of two of one
    /// name the last stands, at the place of the first.
    pub fn write<'a>(
        &'a self,
        context: &Context<'a>,
        names: &mut Names,
        out: &mut Row<'a>,
    ) -> Result<(), EvaluationError> {
        out.begin(Shape::Fields, 0);
        for step in &self.steps {
            match step {
                Step::Everything(except) => {
                    for name in &except.0 {
                        name.id(names);
                    }
                    for field in context.value.fields() {
                        let is = |name: &FieldName| name.id.get() == Some(field.name);
                        if !except.0.iter().any(is) {
                            out.push(field.name, field.value);
                        }
                    }
                }
                Step::Fields(program, except) => {
                    let value = program.evaluate(context)?;
                    spread(value, except, context.arena, names, out).map_err(|problem| {
                        EvaluationError::Failed(format!("{problem}: {}.*", program.source()))
                    })?;
                }
                Step::Named(program, name) => {
                    let value = program.evaluate(context)?;
                    out.push(name.id(names), value);
                }
            }
        }
        Ok(())
    }

    /// Forgets the names' numbers: to be called after [`Names::shed`] was true.
    pub fn forget_names(&mut self) {
        for step in &mut self.steps {
            match step {
                Step::Everything(except) => except.0.iter().for_each(|name| name.forget()),
                Step::Named(_, name) => name.forget(),
                Step::Fields(..) => {}
            }
        }
    }
}

/// The fields or entries of a value; nothing of null.
fn spread<'a>(
    value: Value<'a>,
    except: &[String],
    arena: &'a Arena,
    names: &mut Names,
    out: &mut Row<'a>,
) -> Result<(), String> {
    if value.is_null() {
        return Ok(());
    }
    if !is_map(value) {
        return Err(format!("{} has no fields", kind(value)));
    }
    let mut previous = None;
    nested::visit(value, arena, &mut |name, field| {
        let id = names.intern(name.as_bytes(), previous);
        previous = Some(id);
        if !except.iter().any(|excluded| excluded == name) {
            out.push(id, field);
        }
    });
    Ok(())
}

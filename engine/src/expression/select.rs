//! Selections: `"*, a.*, * EXCEPT (x, y), expr AS name"`.

use super::convert::{is_map, kind};
use super::display::Quoted;
use super::lexer::TokenKind;
use super::node::Expression;
use super::parser::Parser;
use super::program::Program;
use super::{Context, EvaluationError, ExpressionError, Layout};
use crate::format::nested;
use crate::record::{Arena, NameId, Names, Row, Shape, Value};
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
    Everything { except: Vec<String> },
    /// `a.*`
    Fields { of: Expression, except: Vec<String> },
    /// `expr AS name`
    Named(Expression, String),
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
        Ok(Selection { items })
    }

    /// Compiles it, and says in `layout` what it reads.
    pub fn compile(&self, layout: &mut Layout) -> Result<SelectionProgram, ExpressionError> {
        let compiled = |item: &Item| {
            Ok(match item {
                Item::Everything { except } => {
                    layout.value.every_field = true;
                    Step::Everything(Excluded::new(except))
                }
                Item::Fields { of, except } => {
                    Step::Fields(of.compile(layout)?, except.clone().into())
                }
                Item::Named(expression, name) => {
                    Step::Named(expression.compile(layout)?, Name::new(name))
                }
            })
        };
        let steps = self.items.iter().map(compiled).collect::<Result<_, ExpressionError>>()?;
        Ok(SelectionProgram { steps })
    }

    /// Its expressions, without `*`.
    pub fn expressions(&self) -> impl Iterator<Item = &Expression> {
        self.items.iter().filter_map(|item| match item {
            Item::Everything { .. } => None,
            Item::Fields { of, .. } => Some(of),
            Item::Named(expression, _) => Some(expression),
        })
    }
}

fn item(parser: &mut Parser<'_>) -> Result<Item, ExpressionError> {
    if parser.take_symbol("*") {
        return Ok(Item::Everything { except: except(parser)? });
    }
    let expression = parser.expression()?;
    if parser.take_symbol(".") {
        parser.expect_symbol("*")?;
        return Ok(Item::Fields { of: expression, except: except(parser)? });
    }
    if parser.take_word("AS") {
        let name = output(parser)?;
        return Ok(Item::Named(expression, name));
    }
    let at = expression.place.at;
    let unnamed = || ExpressionError::new(at, "give it a name with AS");
    let name = expression.own_name().map(str::to_owned).ok_or_else(unnamed)?;
    Ok(Item::Named(expression, name))
}

/// A name of what is selected: bare, or in backticks or single quotes.
fn output(parser: &mut Parser<'_>) -> Result<String, ExpressionError> {
    if let TokenKind::Text(text) = parser.peek().clone() {
        parser.advance();
        return Ok(text);
    }
    parser.name()
}

fn except(parser: &mut Parser<'_>) -> Result<Vec<String>, ExpressionError> {
    let mut names = Vec::new();
    if !parser.take_word("EXCEPT") {
        return Ok(names);
    }
    parser.expect_symbol("(")?;
    names.push(output(parser)?);
    while parser.take_symbol(",") {
        names.push(output(parser)?);
    }
    parser.expect_symbol(")")?;
    Ok(names)
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let write_except = |f: &mut fmt::Formatter<'_>, except: &[String]| {
            if except.is_empty() {
                return Ok(());
            }
            let names: Vec<String> = except.iter().map(|name| Quoted(name).to_string()).collect();
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
    Named(Program, Name),
}

/// A name, and its number once it is known.
#[derive(Debug)]
struct Name {
    name: Box<str>,
    id: Cell<Option<NameId>>,
}

impl Name {
    fn new(name: &str) -> Name {
        Name { name: name.into(), id: Cell::new(None) }
    }

    #[inline]
    fn id(&self, names: &mut Names) -> NameId {
        self.id.get().unwrap_or_else(|| {
            let id = names.known(self.name.as_bytes());
            self.id.set(Some(id));
            id
        })
    }
}

#[derive(Debug)]
struct Excluded(Vec<Name>);

impl Excluded {
    fn new(names: &[String]) -> Excluded {
        Excluded(names.iter().map(|name| Name::new(name)).collect())
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
                        let is = |name: &Name| name.id.get() == Some(field.name);
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
                Step::Everything(except) => except.0.iter().for_each(|name| name.id.set(None)),
                Step::Named(_, name) => name.id.set(None),
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

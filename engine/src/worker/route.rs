//! One route, compiled: whether it takes a record, which fields of it, and what it writes.

use super::RouteSpec;
use super::join::{Halt, Hashes, JoinProgram, Unwritten, join};
use super::plan::Encoders;
use crate::expression::{
    Context, EvaluationError, Expression, ExpressionError, Layout, Program, Reads,
    SelectionProgram, elements,
};
use crate::record::{Row, Shape};
use crate::target::{Making, Occasion, Output, Selected, WriteError, Writer};

/// A compiled route.
pub(super) struct RouteProgram {
    name: String,
    /// EACH
    each: Option<Program>,
    joins: Vec<JoinProgram>,
    needs: Needs,
    condition: Option<Program>,
    /// None: the value's top-level fields as they are.
    selection: Option<SelectionProgram>,
    writer: Box<dyn Writer>,
}

/// Which parts of a route read what is joined: the others can be evaluated without asking.
struct Needs {
    /// WHERE and DELETE WHEN.
    choice: bool,
    /// A removal's key or member.
    removal: bool,
}

/// By a plan's routes in their order, whether one takes no part: it reads these records for itself,
/// at another time.
#[derive(Debug, Clone, Copy)]
pub struct Held<'h>(pub &'h [bool]);

impl Held<'_> {
    /// All routes take part.
    pub const NONE: Held<'static> = Held(&[]);

    #[inline]
    pub(super) fn holds(self, route: usize) -> bool {
        self.0.get(route).copied().unwrap_or(false)
    }
}

/// What routes work with while one record is written.
pub(super) struct Work<'w, 'a> {
    /// A buffer for what is selected.
    pub selected: &'w mut Row<'a>,
    /// Where writes go.
    pub output: Output<'w>,
    /// What is joined.
    pub hashes: Hashes<'w, 'a>,
}

impl RouteProgram {
    /// Compiles a route, and says in `layout` what it reads, in `reads` what it reads of the
    /// hash of each join.
    pub fn compile(
        route: &RouteSpec,
        encoders: &Encoders,
        layout: &mut Layout,
        reads: &mut Vec<Reads>,
    ) -> Result<Self, ExpressionError> {
        let each = route.additions.each.as_ref();
        let elements = each.map(|each| each.elements.compile(layout)).transpose()?;
        if let Some(each) = each {
            layout.aliases.declare(&each.alias);
        }
        let mut joins = JoinProgram::compile(&route.additions.joins, reads.len(), layout)?;
        let condition = route.condition.as_ref().map(|it| it.compile(layout)).transpose()?;
        let selection = route.selection.as_ref();
        let encoder = encoders.get(&route.name);
        let mut making = Making { layout, route: &route.name, selection, encoder };
        let writer = route.target.compile(&mut making)?;
        let selection = selection.map(|it| it.compile(layout)).transpose()?;
        layout.value.every_field |= selection.is_none() && route.target.takes_selection();
        let aliases = std::mem::take(&mut layout.aliases).into_reads();
        for (join, read) in joins.iter_mut().zip(aliases.skip(usize::from(each.is_some()))) {
            join.set_reads(read.clone());
            reads.push(read);
        }
        let (name, needs) = (route.name.clone(), Needs::of(route));
        Ok(RouteProgram { name, each: elements, joins, needs, condition, selection, writer })
    }

    /// The route's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Writes one record into the unit, or nothing where the route does not take it: once, or
    /// for each of its elements. WHERE holds no removal back.
    pub fn write<'a>(
        &'a self,
        context: &Context<'a>,
        occasion: Occasion,
        work: &mut Work<'_, 'a>,
    ) -> Result<(), Halt> {
        let Some(each) = &self.each else { return self.write_joined(context, occasion, work) };
        if occasion != Occasion::Record {
            return Ok(());
        }
        for element in elements(each, context)? {
            let aliases = std::slice::from_ref(element);
            self.write_joined(&Context { aliases, ..*context }, occasion, work)?;
        }
        Ok(())
    }

    fn write_joined<'a>(
        &'a self,
        context: &Context<'a>,
        occasion: Occasion,
        work: &mut Work<'_, 'a>,
    ) -> Result<(), Halt> {
        if self.needs.choice {
            let context = self.joined(context, work)?;
            let Some(chosen) = self.chosen(&context, occasion)? else { return Ok(()) };
            return Ok(self.write_one(&context, chosen, work)?);
        }
        let Some(chosen) = self.chosen(context, occasion)? else { return Ok(()) };
        if !self.is_joined(chosen) {
            return Ok(self.write_one(context, chosen, work)?);
        }
        let context = self.joined(context, work)?;
        Ok(self.write_one(&context, chosen, work)?)
    }

    /// The context with what is joined.
    fn joined<'a>(
        &'a self,
        context: &Context<'a>,
        work: &mut Work<'_, 'a>,
    ) -> Result<Context<'a>, Halt> {
        let unwritten = Unwritten { builder: work.output.builder, names: work.output.names };
        let aliases = join(&self.joins, context, &mut work.hashes, unwritten)?;
        Ok(Context { aliases, ..*context })
    }

    /// Asks for the hashes that a record is joined with, as far as they can be known now.
    pub fn gather<'a>(
        &'a self,
        context: &Context<'a>,
        occasion: Occasion,
        hashes: &mut Hashes<'_, 'a>,
        unwritten: Unwritten<'_>,
    ) -> Result<(), EvaluationError> {
        let mut gather = |context: &Context<'a>| {
            let is_joined = self.needs.choice
                || self.chosen(context, occasion)?.is_some_and(|chosen| self.is_joined(chosen));
            if is_joined {
                // What halts it is met again when the record is written.
                let _ = join(&self.joins, context, hashes, unwritten);
            }
            Ok(())
        };
        match &self.each {
            _ if self.joins.is_empty() => Ok(()),
            None => gather(context),
            Some(_) if occasion != Occasion::Record => Ok(()),
            Some(each) => elements(each, context)?.iter().try_for_each(|element| {
                let aliases = std::slice::from_ref(element);
                gather(&Context { aliases, ..*context })
            }),
        }
    }

    /// Whether what is chosen reads what is joined.
    fn is_joined(&self, chosen: Occasion) -> bool {
        !self.joins.is_empty() && (chosen == Occasion::Record || self.needs.removal)
    }

    /// What the route does with a record; none when WHERE does not take it.
    #[inline]
    fn chosen(
        &self,
        context: &Context<'_>,
        occasion: Occasion,
    ) -> Result<Option<Occasion>, EvaluationError> {
        let occasion = self.writer.occasion(context, occasion)?;
        Ok(match &self.condition {
            Some(condition) if occasion == Occasion::Record && !condition.is_true(context)? => None,
            _ => Some(occasion),
        })
    }

    fn write_one<'a>(
        &'a self,
        context: &Context<'a>,
        chosen: Occasion,
        work: &mut Work<'_, 'a>,
    ) -> Result<(), WriteError> {
        let Work { selected, output, .. } = work;
        let selected = match &self.selection {
            _ if chosen != Occasion::Record => Selected::NOTHING,
            None => Selected { fields: context.value.fields(), shape: context.value.shape() },
            Some(selection) => {
                selection.write(context, output.names, selected)?;
                Selected { fields: selected.fields(), shape: Shape::Fields }
            }
        };
        self.writer.write(context, chosen, selected, output)
    }

    /// Drops every name's number that it keeps.
    pub fn forget_names(&mut self) {
        if let Some(selection) = &mut self.selection {
            selection.forget_names();
        }
        self.writer.forget_names();
    }
}

impl Needs {
    fn of(route: &RouteSpec) -> Needs {
        let joins = &route.additions.joins;
        let reads = |it: &Expression| joins.iter().any(|join| it.reads(&join.alias));
        let place = route.target.place().template();
        let place = place.is_some_and(|key| key.expressions().any(reads));
        // Which of its options decide (DELETE WHEN) and which are written, only the target knows.
        let option = route.target.options().into_iter().any(|(_, it)| reads(it));
        let choice = option || route.condition.as_ref().is_some_and(reads);
        Needs { choice, removal: place || option }
    }
}

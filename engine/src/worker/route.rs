//! One route, compiled: whether it takes a record, which fields of it, and what it writes.

use super::RouteSpec;
use super::plan::Encoders;
use crate::expression::{Context, ExpressionError, Layout, Program, SelectionProgram};
use crate::record::{Row, Shape};
use crate::target::{Making, Occasion, Output, Selected, WriteError, Writer};

/// A compiled route.
pub(super) struct RouteProgram {
    name: String,
    condition: Option<Program>,
    /// None: the value's top-level fields as they are.
    selection: Option<SelectionProgram>,
    writer: Box<dyn Writer>,
}

impl RouteProgram {
    /// Compiles a route, and says in `layout` what it reads.
    pub fn compile(
        route: &RouteSpec,
        encoders: &Encoders,
        layout: &mut Layout,
    ) -> Result<Self, ExpressionError> {
        let condition = route.condition.as_ref().map(|it| it.compile(layout)).transpose()?;
        let selection = route.selection.as_ref();
        let encoder = encoders.get(&route.name);
        let mut making = Making { layout, route: &route.name, selection, encoder };
        let writer = route.target.compile(&mut making)?;
        let selection = selection.map(|it| it.compile(layout)).transpose()?;
        let program = RouteProgram { name: route.name.clone(), condition, selection, writer };
        layout.value.every_field |= program.selection.is_none();
        Ok(program)
    }

    /// The route's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Writes one record into the unit, or nothing where the route does not take it.
    /// WHERE holds no removal back. `selected` is a buffer.
    pub fn write<'a>(
        &'a self,
        context: &Context<'a>,
        occasion: Occasion,
        selected: &mut Row<'a>,
        output: &mut Output<'_>,
    ) -> Result<(), WriteError> {
        let occasion = self.writer.occasion(context, occasion)?;
        if occasion != Occasion::Record {
            return self.writer.write(context, occasion, Selected::NOTHING, output);
        }
        if let Some(condition) = &self.condition
            && !condition.is_true(context)?
        {
            return Ok(());
        }
        let selected = match &self.selection {
            None => Selected { fields: context.value.fields(), shape: context.value.shape() },
            Some(selection) => {
                selection.write(context, output.names, selected)?;
                Selected { fields: selected.fields(), shape: Shape::Fields }
            }
        };
        self.writer.write(context, occasion, selected, output)
    }

    /// Drops every name's number that it keeps.
    pub fn forget_names(&mut self) {
        if let Some(selection) = &mut self.selection {
            selection.forget_names();
        }
        self.writer.forget_names();
    }
}

//! One route, compiled: whether it takes a record, which fields of it, and what it writes.

use super::RouteSpec;
use crate::expression::{Context, ExpressionError, Layout, Program, SelectionProgram};
use crate::record::{Names, Row};
use crate::target::{Occasion, WriteError, Writer};
use crate::unit::Builder;

/// A compiled route.
pub(super) struct RouteProgram {
    name: String,
    condition: Option<Program>,
    /// None: the value's top-level fields as they are.
    selection: Option<SelectionProgram>,
    writer: Writer,
}

impl RouteProgram {
    /// Compiles a route, and says in `layout` what it reads.
    pub fn compile(route: &RouteSpec, layout: &mut Layout) -> Result<Self, ExpressionError> {
        let program = RouteProgram {
            name: route.name.clone(),
            condition: route.condition.as_ref().map(|it| it.compile(layout)).transpose()?,
            selection: route.selection.as_ref().map(|it| it.compile(layout)).transpose()?,
            writer: route.target.compile(layout)?,
        };
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
        names: &mut Names,
        selected: &mut Row<'a>,
        builder: &mut Builder,
    ) -> Result<(), WriteError> {
        if occasion != Occasion::Record {
            return self.writer.write(context, occasion, &[], builder);
        }
        if let Some(condition) = &self.condition
            && !condition.is_true(context)?
        {
            return Ok(());
        }
        let fields = match &self.selection {
            None => context.value.fields(),
            Some(selection) => {
                selection.write(context, names, selected)?;
                selected.fields()
            }
        };
        self.writer.write(context, occasion, fields, builder)
    }

    /// Drops every name's number that it keeps.
    pub fn forget_names(&mut self) {
        if let Some(selection) = &mut self.selection {
            selection.forget_names();
        }
    }
}

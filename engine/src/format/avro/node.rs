//! A schema as a table of nodes: recursion is a number.

use super::MAX_DECIMAL_BYTES;
use super::leaf::Leaf;
use crate::format::schema::SchemaError;
use crate::record::{TimeUnit, Type};
use apache_avro::Schema;
use apache_avro::schema::{Aliases, InnerDecimalSchema, Name, RecordSchema, UuidSchema};
use std::collections::HashMap;

/// A node's place in its table.
pub(super) type NodeId = u32;

/// The greatest scale of a decimal.
pub(super) const MAX_SCALE: usize = crate::format::decimal::LARGEST_SCALE;

/// Fields that take no bytes, at most, in one record and the records within it:
/// a few lines of schema could otherwise make any number of fields from no bytes.
const MAX_HOLLOW_FIELDS: u64 = 4096;

/// Types within each other, beyond which a type is unknown, and types altogether.
const TYPE_DEPTH: u32 = 16;
const TYPES: u32 = 10_000;

#[derive(Debug)]
pub(super) enum Node {
    Leaf(Leaf),
    Record(Box<[FieldNode]>),
    Array(NodeId),
    Map(NodeId),
    Union(Box<[NodeId]>),
}

#[derive(Debug)]
pub(super) struct FieldNode {
    pub name: Box<str>,
    /// What stands before the value in JSON: `{"name":` or `,"name":`.
    pub lead: Box<str>,
    pub node: NodeId,
}

/// How many bytes a node's values take.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Extent {
    /// At least that many.
    pub least: u64,
    /// Exactly that many, whatever the value.
    pub fixed: Option<u64>,
    /// In how many operations a value is passed over; none where that is left
    /// to the walk: recursion, unions of several types, very wide records.
    pub flat: Option<u32>,
    /// How many nodes a value has that takes no bytes.
    hollow: u64,
}

/// Operations that passing over one record may take.
const MAX_FLAT: u32 = 64;

/// An array's or a map's.
const BLOCKS: Extent = Extent { least: 1, fixed: None, flat: Some(1), hollow: 0 };

#[derive(Debug, Default)]
pub(super) struct Nodes {
    nodes: Vec<Node>,
    extents: Vec<Extent>,
    /// The symbols of each enum.
    symbols: Vec<Box<[Box<str>]>>,
}

impl Nodes {
    #[inline]
    pub fn get(&self, id: NodeId) -> &Node {
        self.nodes.get(id as usize).unwrap_or(&Node::Leaf(Leaf::Null))
    }

    #[inline]
    pub fn extent(&self, id: NodeId) -> Extent {
        self.extents.get(id as usize).copied().unwrap_or_default()
    }

    /// Whether a node is Avro's null.
    pub fn is_null(&self, id: NodeId) -> bool {
        matches!(self.get(id), Node::Leaf(Leaf::Null))
    }

    #[inline]
    pub fn symbols(&self, list: u32) -> &[Box<str>] {
        self.symbols.get(list as usize).map_or(&[], |symbols| symbols)
    }

    /// The type of a node's values.
    pub fn value_type(&self, node: NodeId) -> Type {
        self.type_within(node, 0, &mut TYPES.clone())
    }

    fn type_within(&self, node: NodeId, depth: u32, left: &mut u32) -> Type {
        if depth > TYPE_DEPTH || *left == 0 {
            return Type::Unknown;
        }
        *left -= 1;
        let mut inner = |node| self.type_within(node, depth + 1, left);
        match self.get(node) {
            Node::Leaf(leaf) => leaf.value_type(),
            Node::Array(item) => Type::List(Box::new(inner(*item))),
            Node::Map(value) => Type::Map(Box::new(inner(*value))),
            Node::Record(fields) => {
                let field = |field: &FieldNode| (field.name.to_string(), inner(field.node));
                Type::Record(fields.iter().map(field).collect())
            }
            Node::Union(branches) => {
                let known = branches.iter().filter(|id| !self.is_null(**id));
                let mut types = known.map(|id| inner(*id));
                match types.next() {
                    Some(first) if types.all(|other| other == first) => first,
                    _ => Type::Unknown,
                }
            }
        }
    }
}

/// The table of a schema's nodes and its root. `documents`: the schema is the
/// type of the last field of a record made by `schema::parse`.
pub(super) fn build(schema: &Schema, documents: bool) -> Result<(Nodes, NodeId), SchemaError> {
    let mut builder = Builder::default();
    let root = match schema {
        Schema::Record(record) if documents => {
            let mut root = 0;
            for field in &record.fields {
                root = builder.node(&field.schema)?;
            }
            root
        }
        schema => builder.node(schema)?,
    };
    Ok((builder.nodes, root))
}

#[derive(Default)]
struct Builder {
    nodes: Nodes,
    named: HashMap<Name, NodeId>,
}

impl Builder {
    fn add(&mut self, node: Node, extent: Extent) -> NodeId {
        self.nodes.nodes.push(node);
        self.nodes.extents.push(extent);
        (self.nodes.nodes.len() - 1) as NodeId
    }

    fn leaf(&mut self, leaf: Leaf) -> NodeId {
        self.add(Node::Leaf(leaf), leaf.extent())
    }

    fn name(&mut self, name: &Name, aliases: &Aliases, node: NodeId) -> Result<(), SchemaError> {
        if self.named.insert(name.clone(), node).is_some() {
            return Err(SchemaError(format!("{name} is defined twice")));
        }
        for alias in aliases.iter().flatten() {
            let alias = alias.fully_qualified_name(name.namespace()).into_owned();
            self.named.entry(alias).or_insert(node);
        }
        Ok(())
    }

    fn node(&mut self, schema: &Schema) -> Result<NodeId, SchemaError> {
        Ok(match schema {
            Schema::Record(record) => self.record(record)?,
            Schema::Enum(schema) => {
                let list = self.nodes.symbols.len() as u32;
                let symbols = schema.symbols.iter().map(|symbol| symbol.as_str().into());
                self.nodes.symbols.push(symbols.collect());
                let node = self.leaf(Leaf::Enum(list));
                self.name(&schema.name, &schema.aliases, node)?;
                node
            }
            Schema::Array(array) => {
                let item = self.node(&array.items)?;
                self.add(Node::Array(item), BLOCKS)
            }
            Schema::Map(map) => {
                let value = self.node(&map.types)?;
                self.add(Node::Map(value), BLOCKS)
            }
            Schema::Union(union) => {
                let branches = union
                    .variants()
                    .iter()
                    .map(|branch| self.node(branch))
                    .collect::<Result<_, _>>();
                let branches: Box<[NodeId]> = branches?;
                let least = branches.iter().map(|id| self.nodes.extent(*id).least).min();
                let least = least.unwrap_or(0).saturating_add(1);
                let leaf = |id: &NodeId| matches!(self.nodes.get(*id), Node::Leaf(_));
                let null = branches.iter().any(|id| self.nodes.is_null(*id));
                let flat = (branches.len() == 2 && null && branches.iter().all(leaf)).then_some(1);
                self.add(Node::Union(branches), Extent { least, flat, ..Extent::default() })
            }
            Schema::Ref { name } => {
                let known = self.named.get(name).copied();
                known.ok_or_else(|| SchemaError(format!("{name} is not defined")))?
            }
            other => self.unnamed_or_fixed(other)?,
        })
    }

    fn record(&mut self, record: &RecordSchema) -> Result<NodeId, SchemaError> {
        let node = self.add(Node::Record(Box::default()), Extent::default());
        self.name(&record.name, &record.aliases, node)?;
        let mut fields = Vec::with_capacity(record.fields.len());
        let mut extent = Extent { least: 0, fixed: Some(0), flat: Some(1), hollow: 0 };
        for (place, field) in record.fields.iter().enumerate() {
            let inner = self.node(&field.schema)?;
            let of_field = self.nodes.extent(inner);
            extent.least = extent.least.saturating_add(of_field.least);
            extent.fixed = extent.fixed.zip(of_field.fixed).map(|(a, b)| a.saturating_add(b));
            extent.flat = extent.flat.zip(of_field.flat).map(|(a, b)| a + b);
            extent.flat = extent.flat.filter(|&count| count <= MAX_FLAT);
            extent.hollow = extent.hollow.saturating_add(of_field.hollow);
            let lead = format!("{}\"{}\":", if place == 0 { '{' } else { ',' }, field.name);
            fields.push(FieldNode {
                name: field.name.as_str().into(),
                lead: lead.into(),
                node: inner,
            });
        }
        extent.hollow = extent.hollow.saturating_add(u64::from(extent.fixed == Some(0)));
        if extent.hollow > MAX_HOLLOW_FIELDS {
            let name = &record.name;
            return Err(SchemaError(format!("{name} has too many fields that take no bytes")));
        }
        if let (Some(at), Some(of)) =
            (self.nodes.nodes.get_mut(node as usize), self.nodes.extents.get_mut(node as usize))
        {
            *at = Node::Record(fields.into());
            *of = extent;
        }
        Ok(node)
    }

    fn unnamed_or_fixed(&mut self, schema: &Schema) -> Result<NodeId, SchemaError> {
        let fixed = match schema {
            Schema::Fixed(fixed) | Schema::Duration(fixed) => Some(fixed),
            Schema::Uuid(UuidSchema::Fixed(fixed)) => Some(fixed),
            Schema::Decimal(decimal) => match &decimal.inner {
                InnerDecimalSchema::Fixed(fixed) => Some(fixed),
                InnerDecimalSchema::Bytes => None,
            },
            _ => None,
        };
        let node = self.leaf(leaf(schema)?);
        if let Some(fixed) = fixed {
            self.name(&fixed.name, &fixed.aliases, node)?;
        }
        Ok(node)
    }
}

fn leaf(schema: &Schema) -> Result<Leaf, SchemaError> {
    Ok(match schema {
        Schema::Null => Leaf::Null,
        Schema::Boolean => Leaf::Boolean,
        Schema::Int => Leaf::Int,
        Schema::Long => Leaf::Long,
        Schema::Float => Leaf::Float,
        Schema::Double => Leaf::Double,
        Schema::Bytes => Leaf::Bytes,
        Schema::String | Schema::Uuid(UuidSchema::String) => Leaf::Text,
        Schema::Uuid(UuidSchema::Bytes) => Leaf::UuidBytes,
        Schema::Uuid(UuidSchema::Fixed(_)) => Leaf::UuidFixed,
        Schema::Duration(_) => Leaf::Duration,
        Schema::Date => Leaf::Date,
        Schema::TimeMillis => Leaf::TimeMillis,
        Schema::TimeMicros => Leaf::TimeMicros,
        Schema::TimestampMillis => Leaf::Timestamp(TimeUnit::Millis),
        Schema::TimestampMicros => Leaf::Timestamp(TimeUnit::Micros),
        Schema::TimestampNanos => Leaf::Timestamp(TimeUnit::Nanos),
        Schema::LocalTimestampMillis => Leaf::LocalTimestamp(TimeUnit::Millis),
        Schema::LocalTimestampMicros => Leaf::LocalTimestamp(TimeUnit::Micros),
        Schema::LocalTimestampNanos => Leaf::LocalTimestamp(TimeUnit::Nanos),
        Schema::BigDecimal => Leaf::BigDecimal,
        Schema::Fixed(fixed) => match u32::try_from(fixed.size) {
            Ok(size) => Leaf::Fixed(size),
            Err(_) => return Err(SchemaError(format!("{} is too large", fixed.name))),
        },
        Schema::Decimal(decimal) => {
            if decimal.scale > MAX_SCALE {
                let scale = decimal.scale;
                return Err(SchemaError(format!("a decimal's scale is at most 1024, not {scale}")));
            }
            let scale = decimal.scale as u16;
            match &decimal.inner {
                InnerDecimalSchema::Bytes => Leaf::Decimal { scale },
                InnerDecimalSchema::Fixed(fixed)
                    if (1..=MAX_DECIMAL_BYTES).contains(&fixed.size) =>
                {
                    Leaf::FixedDecimal { scale, size: fixed.size as u16 }
                }
                InnerDecimalSchema::Fixed(fixed) => {
                    return Err(SchemaError(format!("{} is no size for a decimal", fixed.name)));
                }
            }
        }
        other => return Err(SchemaError(format!("the type {other} is not known"))),
    })
}

impl Leaf {
    fn extent(self) -> Extent {
        let fixed = |size: u64| Extent { least: size, fixed: Some(size), flat: Some(1), hollow: 0 };
        match self {
            Leaf::Null | Leaf::Fixed(0) => Extent { hollow: 1, ..fixed(0) },
            Leaf::Boolean => fixed(1),
            Leaf::Float => fixed(4),
            Leaf::Double => fixed(8),
            Leaf::Duration => fixed(12),
            Leaf::UuidFixed => fixed(16),
            Leaf::Fixed(size) => fixed(u64::from(size)),
            Leaf::FixedDecimal { size, .. } => fixed(u64::from(size)),
            _ => Extent { least: 1, fixed: None, flat: Some(1), hollow: 0 },
        }
    }

    fn value_type(self) -> Type {
        match self {
            Leaf::Null => Type::Unknown,
            Leaf::Boolean => Type::Boolean,
            Leaf::Int | Leaf::Long => Type::Int,
            Leaf::Float | Leaf::Double => Type::Double,
            Leaf::Bytes | Leaf::Fixed(_) => Type::Bytes,
            Leaf::Text | Leaf::Enum(_) | Leaf::UuidBytes | Leaf::UuidFixed | Leaf::Duration => {
                Type::Text
            }
            Leaf::Date => Type::Date,
            Leaf::TimeMillis | Leaf::TimeMicros => Type::Time,
            Leaf::Timestamp(_) | Leaf::LocalTimestamp(_) => Type::Timestamp,
            Leaf::Decimal { .. } | Leaf::FixedDecimal { .. } | Leaf::BigDecimal => Type::Decimal,
        }
    }
}

//! An Avro schema with annotations, read into what values are drawn from.
//!
//! apache-avro parses and checks the schema, but keeps no attributes of primitive types; so the
//! annotations come from the JSON beside it, walked in step.

use super::annotation::{ANNOTATIONS, Annotations, Length, SchemaError};
use super::iteration::{BooleanIteration, DecimalIteration, IntegralIteration};
use super::number::{Decimal, Integral, IntegralType};
use super::options::{Options, OptionsContext};
use super::text::{Affixes, Text};
use super::union::Choice;
use apache_avro::Schema;
use apache_avro::schema::{RecordSchema, ResolvedSchema, UnionSchema};
use rand::rngs::StdRng;
use serde_json::Value as Json;
use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;

/// How one value of a schema is made. Some keep state between values, in cells: one thread only.
#[derive(Debug)]
pub enum Node {
    /// One of the listed values, of any type.
    Options(Options),
    /// null
    Null,
    /// A boolean, true with this probability.
    Boolean(f64),
    /// true and false in turn.
    BooleanIteration(BooleanIteration),
    /// A whole number.
    Integral(IntegralType, Integral),
    /// Whole numbers that count.
    IntegralIteration(IntegralType, IntegralIteration),
    /// A float or double.
    Decimal(FloatType, Decimal),
    /// Floats or doubles that count.
    DecimalIteration(FloatType, DecimalIteration),
    /// Random bytes.
    Bytes(Length),
    /// As many random bytes.
    Fixed(usize),
    /// A decimal of this precision, in bytes or fixed.
    Unscaled(usize),
    /// A random UUID.
    Uuid,
    /// A random Avro duration (months, days, milliseconds).
    Duration,
    /// A string.
    Text(Text),
    /// Strings that count.
    TextIteration(IntegralIteration, Affixes),
    /// One of the symbols.
    Enum(Vec<String>),
    /// Elements of one schema.
    Array { items: Box<Node>, length: Length },
    /// Keys and values; of equal keys one is kept, so that a map may be shorter than its length.
    Map { keys: Box<Node>, values: Box<Node>, length: Length },
    /// Named fields.
    Record(Vec<(String, Node)>),
    /// One of the branches.
    Union { branches: Vec<Node>, choice: Choice },
    /// A named type where it is defined.
    Named(Rc<Node>),
    /// A named type where it is used again, perhaps within itself.
    Reference(String),
}

/// The two floating-point types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FloatType {
    /// 32 bits.
    Float,
    /// 64 bits.
    Double,
}

impl FloatType {
    fn greatest(self) -> f64 {
        match self {
            FloatType::Float => f64::from(f32::MAX),
            FloatType::Double => f64::MAX,
        }
    }
}

/// A schema ready to draw values from.
#[derive(Debug)]
pub struct AnnotatedSchema {
    /// The schema as it is written.
    pub json: Json,
    /// The schema without its annotations.
    pub avro: Schema,
    /// How a value is made.
    pub root: Node,
    /// The named types, by full name.
    pub named: HashMap<String, Rc<Node>>,
}

impl AnnotatedSchema {
    /// Reads a schema. `directory` is where it came from, for options files; `rng` tells whether
    /// regexes reach their lengths.
    ///
    /// # Errors
    /// It is no JSON, no Avro schema, or an annotation is wrong; the message names the place.
    pub fn parse(
        text: &str,
        directory: Option<&Path>,
        rng: &mut StdRng,
    ) -> Result<AnnotatedSchema, SchemaError> {
        let whole = |error: &dyn std::fmt::Display| SchemaError::new("schema", error);
        let json: Json = serde_json::from_str(text).map_err(|error| whole(&error))?;
        let avro = Schema::parse(&json).map_err(|error| whole(&error))?;
        let resolved = ResolvedSchema::new(&avro).map_err(|error| whole(&error))?;
        let context = OptionsContext { root: &avro, names: resolved.get_names(), directory };
        let mut builder = Builder { context, rng, named: HashMap::new() };
        let root = builder.node(&avro, Place { json: &json, inherited: None, name: "schema" })?;
        let named = builder.named;
        Ok(AnnotatedSchema { json, avro, root, named })
    }
}

/// A place in the schema's JSON.
#[derive(Clone, Copy)]
struct Place<'a> {
    json: &'a Json,
    /// The annotations of the record field whose type this is.
    inherited: Option<&'a Json>,
    name: &'a str,
}

impl<'a> Place<'a> {
    /// The place within `{"type": {…}}` wrappers, with the annotations found on the way.
    fn unwrapped(self) -> Result<Place<'a>, SchemaError> {
        let mut place = self;
        loop {
            if let Some(own) = place.json.get(ANNOTATIONS) {
                if place.inherited.is_some() {
                    let message =
                        format!("{ANNOTATIONS} stands both on the field and on its type; keep one");
                    return Err(SchemaError::new(place.name, message));
                }
                place.inherited = Some(own);
            }
            match place.json.get("type") {
                Some(inner @ (Json::Object(_) | Json::Array(_))) => place.json = inner,
                _ => return Ok(place),
            }
        }
    }

    fn member(self, name: &str) -> Result<&'a Json, SchemaError> {
        self.json
            .get(name)
            .ok_or_else(|| SchemaError::new(self.name, format!("'{name}' is missing")))
    }
}

struct Builder<'a> {
    context: OptionsContext<'a>,
    rng: &'a mut StdRng,
    named: HashMap<String, Rc<Node>>,
}

impl Builder<'_> {
    /// The node of `schema`, whose JSON is at `place`. Recursion is bounded by serde_json's
    /// nesting limit of 128.
    fn node(&mut self, schema: &Schema, place: Place) -> Result<Node, SchemaError> {
        let place = place.unwrapped()?;
        let mut annotations = Annotations::new(place.name, place.inherited)?;
        if let Schema::Ref { name } = schema {
            annotations.finish("a type used by its name; put it where the type is defined")?;
            return Ok(Node::Reference(name.fullname(None)));
        }
        let node = match Options::take(&mut annotations, schema, &self.context)? {
            Some(options) => {
                self.define_parts(schema, place)?;
                Node::Options(options)
            }
            None => self.typed(schema, place, &mut annotations)?,
        };
        annotations.finish(&describe(schema, &node))?;
        Ok(match schema.name() {
            Some(name) => {
                let node = Rc::new(node);
                self.named.insert(name.fullname(None), Rc::clone(&node));
                Node::Named(node)
            }
            None => node,
        })
    }

    /// Named types defined within a type whose values are listed may be used elsewhere.
    fn define_parts(&mut self, schema: &Schema, place: Place) -> Result<(), SchemaError> {
        if matches!(
            schema,
            Schema::Record(_) | Schema::Array(_) | Schema::Map(_) | Schema::Union(_)
        ) {
            let mut none = Annotations::new(place.name, None)?;
            self.typed(schema, place, &mut none)?;
        }
        Ok(())
    }

    fn typed(
        &mut self,
        schema: &Schema,
        place: Place,
        annotations: &mut Annotations,
    ) -> Result<Node, SchemaError> {
        if let Some(kind) = IntegralType::of(schema) {
            let (min, max) = kind.bounds();
            return Ok(match IntegralIteration::take(annotations, min, max)? {
                Some(iteration) => Node::IntegralIteration(kind, iteration),
                None => Node::Integral(kind, Integral::take(annotations, kind)?),
            });
        }
        match schema {
            Schema::Null => Ok(Node::Null),
            Schema::Boolean => boolean(annotations),
            Schema::Float => decimal(annotations, FloatType::Float),
            Schema::Double => decimal(annotations, FloatType::Double),
            Schema::Bytes => Ok(Node::Bytes(annotations.take_length()?.unwrap_or(Length::DEFAULT))),
            Schema::String => self.string(annotations),
            Schema::Uuid(_) => Ok(Node::Uuid),
            Schema::Decimal(decimal) => Ok(Node::Unscaled(decimal.precision)),
            Schema::Duration(_) => Ok(Node::Duration),
            Schema::Fixed(fixed) => Ok(Node::Fixed(fixed.size)),
            Schema::Enum(symbols) => Ok(Node::Enum(symbols.symbols.clone())),
            Schema::Array(array) => {
                let length = annotations.take_length()?.unwrap_or(Length::DEFAULT);
                let name = format!("{}[]", place.name);
                let items = Place { json: place.member("items")?, inherited: None, name: &name };
                Ok(Node::Array { items: Box::new(self.node(&array.items, items)?), length })
            }
            Schema::Map(map) => {
                let length = annotations.take_length()?.unwrap_or(Length::DEFAULT);
                let keys = Box::new(self.map_keys(annotations)?);
                let name = format!("{}{{}}", place.name);
                let values = Place { json: place.member("values")?, inherited: None, name: &name };
                Ok(Node::Map { keys, values: Box::new(self.node(&map.types, values)?), length })
            }
            Schema::Record(record) => self.record(record, place),
            Schema::Union(union) => self.union(union, place, annotations),
            other => Err(annotations.error(format!("the type {other:?} cannot be generated"))),
        }
    }

    fn string(&mut self, annotations: &mut Annotations) -> Result<Node, SchemaError> {
        // As in the reference, a string counts within the bounds of an int.
        match IntegralIteration::take(annotations, i32::MIN.into(), i32::MAX.into())? {
            Some(iteration) => Ok(Node::TextIteration(iteration, Affixes::take(annotations)?)),
            None => Ok(Node::Text(Text::take(annotations, self.rng)?)),
        }
    }

    fn map_keys(&mut self, annotations: &mut Annotations) -> Result<Node, SchemaError> {
        let Some(properties) = annotations.take("keys") else {
            return Ok(Node::Text(Text::single_character()));
        };
        let name = format!("keys of {}", annotations.place());
        let mut keys = Annotations::new(&name, Some(&properties))?;
        let node = match Options::take(&mut keys, &Schema::String, &self.context)? {
            Some(options) => Node::Options(options),
            None => self.string(&mut keys)?,
        };
        keys.finish(&describe(&Schema::String, &node))?;
        Ok(node)
    }

    fn record(&mut self, record: &RecordSchema, place: Place) -> Result<Node, SchemaError> {
        let fields = place.member("fields")?.as_array().map(Vec::as_slice).unwrap_or_default();
        let mut nodes = Vec::with_capacity(record.fields.len());
        for (field, json) in record.fields.iter().zip(fields) {
            let name = match place.name {
                "schema" => format!("field {}", field.name),
                outer => format!("{outer}.{}", field.name),
            };
            let json_type =
                json.get("type").ok_or_else(|| SchemaError::new(&name, "'type' is missing"))?;
            let inherited = json.get(ANNOTATIONS);
            let node =
                self.node(&field.schema, Place { json: json_type, inherited, name: &name })?;
            nodes.push((field.name.clone(), node));
        }
        Ok(Node::Record(nodes))
    }

    fn union(
        &mut self,
        union: &UnionSchema,
        place: Place,
        annotations: &mut Annotations,
    ) -> Result<Node, SchemaError> {
        let choice = Choice::take(annotations, union.variants().len())?;
        let members = place.json.as_array().map(Vec::as_slice).unwrap_or_default();
        let branches = union
            .variants()
            .iter()
            .zip(members)
            .map(|(schema, json)| {
                self.node(schema, Place { json, inherited: None, name: place.name })
            })
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Node::Union { branches, choice })
    }
}

fn boolean(annotations: &mut Annotations) -> Result<Node, SchemaError> {
    match BooleanIteration::take(annotations)? {
        Some(iteration) => Ok(Node::BooleanIteration(iteration)),
        None => Ok(Node::Boolean(annotations.take_probability("odds")?.unwrap_or(0.5))),
    }
}

fn decimal(annotations: &mut Annotations, kind: FloatType) -> Result<Node, SchemaError> {
    match DecimalIteration::take(annotations)? {
        Some(iteration) => Ok(Node::DecimalIteration(kind, iteration)),
        None => Ok(Node::Decimal(kind, Decimal::take(annotations, kind.greatest())?)),
    }
}

/// What an annotation was left over of, for messages.
fn describe(schema: &Schema, node: &Node) -> String {
    let kind = format!("{:?}", apache_avro::schema::SchemaKind::from(schema)).to_lowercase();
    match node {
        Node::Options(_) => format!("{kind} with options"),
        Node::BooleanIteration(_)
        | Node::IntegralIteration(..)
        | Node::DecimalIteration(..)
        | Node::TextIteration(..) => {
            format!("{kind} with iteration")
        }
        Node::Text(_) => "string (or not beside its other annotations)".to_owned(),
        _ => kind,
    }
}

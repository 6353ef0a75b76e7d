//! Schema texts made into descriptors.

use crate::format::schema::{SchemaError, SchemaText};
use hashbrown::HashMap;
use prost_reflect::{DescriptorPool, FileDescriptor, MessageDescriptor};
use protox::Compiler;
use protox::file::{ChainFileResolver, File, FileResolver, GoogleFileResolver};

/// The schema's own file, which has no name in a registry.
const ROOT: &str = "schema.proto";

/// Files that Confluent's serializers import without a reference to them.
const BUILT_IN: &[(&str, &str)] = &[
    ("confluent/meta.proto", include_str!("imports/meta.proto")),
    ("confluent/type/decimal.proto", include_str!("imports/decimal.proto")),
    ("google/type/date.proto", include_str!("imports/date.proto")),
    ("google/type/timeofday.proto", include_str!("imports/timeofday.proto")),
];

/// A schema's file among all that it imports.
#[derive(Debug)]
pub struct Source {
    pub pool: DescriptorPool,
    pub file: FileDescriptor,
}

/// Texts by the name they are imported under.
struct Texts(HashMap<String, String>);

impl FileResolver for Texts {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        let built_in = || BUILT_IN.iter().find(|(known, _)| *known == name).map(|(_, text)| *text);
        match self.0.get(name).map(String::as_str).or_else(built_in) {
            Some(text) => File::from_source(name, text),
            None => Err(protox::Error::file_not_found(name)),
        }
    }
}

impl Source {
    /// Compiles a schema with all that it imports.
    pub fn compile(schema: &SchemaText) -> Result<Source, SchemaError> {
        let (root, texts) = texts(schema)?;
        let mut resolver = ChainFileResolver::new();
        resolver.add(Texts(texts));
        resolver.add(GoogleFileResolver::new());
        let mut compiler = Compiler::with_file_resolver(resolver);
        compiler.include_imports(true);
        compiler.open_file(&root).map_err(|error| SchemaError(error.to_string()))?;
        let pool = compiler.descriptor_pool();
        let file = pool.get_file_by_name(&root);
        let file = file.ok_or_else(|| SchemaError("the schema has no file".into()))?;
        Ok(Source { pool, file })
    }

    /// The message type at a path of indexes: of the file's messages, then of
    /// those declared within, map entries not counted (they stand in no schema's text).
    pub fn at(&self, indexes: &[u32]) -> Option<MessageDescriptor> {
        let (first, rest) = indexes.split_first()?;
        let mut message = self.file.messages().nth(*first as usize)?;
        for &index in rest {
            let child =
                message.child_messages().filter(|child| !child.is_map_entry()).nth(index as usize);
            message = child?;
        }
        Some(message)
    }

    /// The message type of that name: its full name, or its name in the schema's package.
    pub fn named(&self, name: &str) -> Result<MessageDescriptor, SchemaError> {
        let name = name.trim_start_matches('.');
        let in_package = format!("{}.{name}", self.file.package_name());
        let found = self.pool.get_message_by_name(name);
        found.or_else(|| self.pool.get_message_by_name(&in_package)).ok_or_else(|| {
            let known: Vec<String> =
                self.file.messages().map(|message| message.full_name().to_owned()).collect();
            SchemaError(format!("no message '{name}'; the schema has: {}", known.join(", ")))
        })
    }
}

/// The name of the schema's own file, and all texts by name.
fn texts(schema: &SchemaText) -> Result<(String, HashMap<String, String>), SchemaError> {
    let mut texts: HashMap<String, String> = HashMap::new();
    let mut waiting: Vec<&(String, SchemaText)> = schema.references.iter().collect();
    while let Some((name, reference)) = waiting.pop() {
        match texts.get(name) {
            Some(known) if *known != reference.text => {
                return Err(SchemaError(format!("two different schemas are imported as '{name}'")));
            }
            Some(_) => {}
            None => {
                texts.insert(name.clone(), reference.text.clone());
            }
        }
        waiting.extend(&reference.references);
    }
    let mut root = ROOT.to_owned();
    while texts.contains_key(&root) {
        root.insert(0, '_');
    }
    texts.insert(root.clone(), schema.text.clone());
    Ok((root, texts))
}

//! Aliases: the names that a route gives to elements it writes one by one (EACH) and to
//! hashes it adds (JOIN).

use super::parser::is_reserved;
use super::path::{Root, is_word};
use crate::record::Step;

/// The longest alias, in bytes.
const MAX_ALIAS: usize = 64;

/// Which fields are read of what an alias stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reads {
    /// These, in the order first read.
    Fields(Vec<String>),
    /// All of them, or the whole.
    Whole,
}

/// The aliases in scope while a route is compiled, and what is read of each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Aliases(Vec<(String, Reads)>);

impl Aliases {
    /// Brings an alias into scope, behind those that are; it hides a field of its name.
    pub fn declare(&mut self, name: &str) {
        self.0.push((name.to_owned(), Reads::Fields(Vec::new())));
    }

    /// What is read of each, in the order of their declaration.
    pub fn into_reads(self) -> impl Iterator<Item = Reads> {
        self.0.into_iter().map(|(_, reads)| reads)
    }

    /// The number of the alias that a bare name stands for.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|(known, _)| known == name)
    }

    /// Says that the end of `steps` is read of an alias.
    pub(super) fn read(&mut self, number: usize, steps: &[Step]) {
        let Some((_, reads)) = self.0.get_mut(number) else { return };
        match (reads, steps.first()) {
            (Reads::Whole, _) => {}
            (Reads::Fields(fields), Some(Step::Field(field))) => {
                if !fields.contains(field) {
                    fields.push(field.clone());
                }
            }
            (reads, _) => *reads = Reads::Whole,
        }
    }
}

/// Whether `name` can be an alias; otherwise why not.
pub fn check_alias(name: &str) -> Result<(), String> {
    if name.len() > MAX_ALIAS || !is_word(name) {
        return Err(format!(
            "'{name}' is no alias: a letter or _, then letters, digits and _, {MAX_ALIAS} at most"
        ));
    }
    if Root::of(name).is_some() {
        return Err(format!("'{name}' stands for a part of the record; take another alias"));
    }
    if is_reserved(name) {
        return Err(format!("'{name}' is a word of SQL; take another alias"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expression::{Expression, Layout, Leaf, Selection};

    fn layout() -> Layout {
        let mut layout = Layout::default();
        layout.aliases.declare("i");
        layout.aliases.declare("p");
        layout
    }

    fn reads(texts: &[&str]) -> Vec<Reads> {
        let mut layout = layout();
        for text in texts {
            Expression::parse(text, 0).unwrap().compile(&mut layout).unwrap();
        }
        layout.aliases.into_reads().collect()
    }

    #[test]
    fn what_is_read_of_an_alias_is_known_by_field() {
        let fields = |fields: &[&str]| Reads::Fields(fields.iter().map(|f| (*f).into()).collect());
        let texts = ["coalesce(p.name, i.name)", "p.name = 'x' AND p['it''s'].b IS NULL"];
        assert_eq!(reads(&texts), [fields(&["name"]), fields(&["name", "it's"])]);
        assert_eq!(reads(&["p.a || p"]), [fields(&[]), Reads::Whole]);
        assert_eq!(reads(&["p[0]", "p.a"]), [fields(&[]), Reads::Whole]);
        let mut layout = layout();
        Selection::parse("*, p.*").unwrap().compile(&mut layout).unwrap();
        assert_eq!(layout.aliases.into_reads().last(), Some(Reads::Whole));
    }

    #[test]
    fn an_alias_hides_a_field_of_its_name_but_not_from_value() {
        let mut layout = layout();
        let leaf = |text: &str, layout: &mut Layout| {
            Expression::parse(text, 0).unwrap().as_path().unwrap().compile(layout)
        };
        assert_eq!(leaf("p.a", &mut layout), Leaf::Alias(1, [Step::Field("a".into())].into()));
        assert_eq!(leaf("_value['p'].a", &mut layout), Leaf::Value(0));
        assert_eq!(leaf("_value.p.a", &mut layout), Leaf::Value(0));
        assert_eq!(leaf("q.p", &mut layout), Leaf::Value(1));
        assert_eq!(layout.value.paths.len(), 2);
    }

    #[test]
    fn what_an_alias_hides_is_written_so_that_it_is_read_back_alike() {
        for text in ["_value.p.a", "_value['p']", "p.a", "_value['odd name']"] {
            let parsed = Expression::parse(text, 0).unwrap();
            assert_eq!(Expression::parse(&parsed.to_string(), 0).unwrap(), parsed, "{text}");
        }
        let (hidden, bare) = (Expression::parse("_value['p'].a", 0), Expression::parse("p.a", 0));
        assert_ne!(hidden, bare);
    }

    #[test]
    fn an_alias_is_a_plain_name_that_means_nothing_else() {
        for name in ["p", "_p", "Produit2", "é"] {
            assert_eq!(check_alias(name), Ok(()), "{name}");
        }
        for name in ["", "a.b", "2p", "order-id", "_key", "_value", "case", "NULL"] {
            assert!(check_alias(name).is_err(), "{name}");
        }
        assert!(check_alias(&"p".repeat(MAX_ALIAS + 1)).is_err());
    }
}

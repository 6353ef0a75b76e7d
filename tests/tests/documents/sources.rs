//! The workspace's Rust sources as tokens, so that a word in a comment or a
//! string never counts as code.

use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::root;

/// One source file.
pub struct Source {
    /// From the root of the repository.
    pub path: PathBuf,
    pub lines: usize,
    tokens: TokenStream,
}

/// All `.rs` files below `directory` (named from the root of the repository), sorted.
pub fn sources(directory: &str) -> Vec<Source> {
    let mut found = Vec::new();
    collect(&root().join(directory), &mut found);
    assert!(!found.is_empty(), "no Rust source below {directory}");
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn collect(directory: &Path, found: &mut Vec<Source>) {
    for entry in std::fs::read_dir(directory).expect("a directory").flatten() {
        let path = entry.path();
        // Cargo marks what it builds; the engine's targets are a folder of that name, too.
        if path.is_dir() && !path.join("CACHEDIR.TAG").exists() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).expect("UTF-8");
            let tokens = text.parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let path = path.strip_prefix(root()).expect("below the root").to_path_buf();
            found.push(Source { path, lines: text.lines().count(), tokens });
        }
    }
}

impl Source {
    /// Whether the keyword stands anywhere in the code.
    pub fn has_keyword(&self, keyword: &str) -> bool {
        fn search(tokens: &TokenStream, keyword: &str) -> bool {
            tokens.clone().into_iter().any(|token| match token {
                TokenTree::Ident(ident) => ident == keyword,
                TokenTree::Group(group) => search(&group.stream(), keyword),
                _ => false,
            })
        }
        search(&self.tokens, keyword)
    }

    /// The names directly below the crate's root that this file reaches for,
    /// by `crate::name`, `crate::{name, ...}` or a `super::` that climbs that far.
    pub fn reaches(&self, crate_sources: &str) -> Vec<String> {
        let mut names = Vec::new();
        reaches(&self.tokens, self.module_path(crate_sources).len(), &mut names);
        names.sort();
        names.dedup();
        names
    }

    /// `kafka/native.rs` is `["kafka", "native"]`, `kafka/mod.rs` is `["kafka"]`, `lib.rs` is `[]`.
    pub fn module_path(&self, crate_sources: &str) -> Vec<String> {
        let inner = self.path.strip_prefix(crate_sources).expect("a source of this crate");
        let parts = inner.with_extension("");
        let mut parts: Vec<String> =
            parts.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        if matches!(parts.last().map(String::as_str), Some("mod" | "lib" | "main")) {
            parts.pop();
        }
        parts
    }
}

/// `depth`: how many modules below the crate's root these tokens stand.
fn reaches(tokens: &TokenStream, depth: usize, names: &mut Vec<String>) {
    let tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        match token {
            TokenTree::Ident(ident) if ident == "mod" => {
                if let Some(TokenTree::Group(body)) = tokens.get(at + 2) {
                    reaches(&body.stream(), depth + 1, names);
                    at += 2;
                }
            }
            TokenTree::Ident(ident) if ident == "crate" => at = below(&tokens, at, names),
            TokenTree::Ident(ident) if ident == "super" => {
                let mut climbed = 1;
                while is_ident(tokens.get(at + 3), "super") {
                    climbed += 1;
                    at += 3;
                }
                if climbed >= depth {
                    at = below(&tokens, at, names);
                }
            }
            TokenTree::Group(group) => reaches(&group.stream(), depth, names),
            _ => {}
        }
        at += 1;
    }
}

/// Takes the names after `crate ::` (or a `super ::` that means the same) at
/// `at`; returns where its path's first step ends.
fn below(tokens: &[TokenTree], at: usize, names: &mut Vec<String>) -> usize {
    let step =
        |at| matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == ':');
    if !(step(at + 1) && step(at + 2)) {
        return at;
    }
    match tokens.get(at + 3) {
        Some(TokenTree::Ident(name)) => names.push(name.to_string()),
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
            let mut first = true;
            for token in group.stream() {
                match token {
                    TokenTree::Ident(name) if first => names.push(name.to_string()),
                    TokenTree::Punct(punct) if punct.as_char() == ',' => {
                        first = true;
                        continue;
                    }
                    _ => {}
                }
                first = false;
            }
        }
        _ => return at,
    }
    at + 3
}

fn is_ident(token: Option<&TokenTree>, name: &str) -> bool {
    matches!(token, Some(TokenTree::Ident(ident)) if ident == name)
}

#[test]
fn imports_are_found_in_each_form() {
    let text = r#"
        use crate::{alpha::A, beta::{self, crate_of}, gamma};
        use super::super::delta::D;
        use super::sibling;
        /// [`crate::comment`]
        fn f() { let s = "crate::text"; crate::epsilon::g(s) }
        mod tests { use super::*; use super::super::own; use super::super::super::zeta; }
    "#;
    let source = Source {
        path: PathBuf::from("engine/src/kafka/native.rs"),
        lines: 0,
        tokens: text.parse().expect("Rust"),
    };
    let expected = ["alpha", "beta", "delta", "epsilon", "gamma", "zeta"];
    assert_eq!(source.reaches("engine/src"), expected);
    assert!(source.has_keyword("fn") && !source.has_keyword("unsafe"));
}

//! The modules of a crate as its source text has them: what each defines, imports and names.

use super::graph::Edges;
use anyhow::{Context as _, Result, anyhow};
use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The parts of a path, such as `["crate", "random", "Seed"]`.
type Names = Vec<String>;

/// Words before the name of what is defined.
const DEFINING: [&str; 9] = ["fn", "struct", "enum", "union", "trait", "const", "static", "type", "mod"];

/// One module, without its children.
#[derive(Default)]
struct Module {
    children: BTreeSet<String>,
    defined: BTreeSet<String>,
    /// What each `use` binds, `*` included, and the path behind it.
    imported: Vec<(String, Names)>,
    /// Paths of two names or more.
    named: BTreeSet<Names>,
}

/// All modules of a crate, by their path from its root.
pub struct Crate {
    modules: BTreeMap<Names, Module>,
    /// What `lib.rs` or `main.rs` says.
    text: String,
}

impl Crate {
    /// Reads `lib.rs` or `main.rs` in `src`, and every file below that it declares.
    ///
    /// # Errors
    /// When there is neither, or a file cannot be read or is no Rust.
    pub fn read(src: &Path) -> Result<Self> {
        let root = ["lib.rs", "main.rs"].map(|name| src.join(name)).into_iter().find(|file| file.is_file());
        let root = root.with_context(|| format!("{} has neither lib.rs nor main.rs", src.display()))?;
        let text = fs::read_to_string(&root).with_context(|| root.display().to_string())?;
        let mut found = Self { modules: BTreeMap::new(), text };
        found.read_file(&[], &root, src)?;
        Ok(found)
    }

    /// The text of its root.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The modules at the top.
    pub fn tops(&self) -> Vec<String> {
        self.modules.keys().filter(|module| module.len() == 1).map(|module| module[0].clone()).collect()
    }

    /// The module at the top in which what `names`, written in the root, leads to is defined.
    pub fn top_of(&self, names: &[String]) -> Option<String> {
        self.defining(&[], names, &mut Vec::new())?.into_iter().next()
    }

    /// The paths of all modules.
    pub fn modules(&self) -> Vec<String> {
        self.modules.keys().map(|module| shown(module)).collect()
    }

    /// Which module names something of which other one.
    pub fn edges(&self) -> Edges {
        let mut edges = Edges::new();
        for (path, module) in &self.modules {
            for names in module.imported.iter().map(|(_, names)| names).chain(&module.named) {
                if let Some(target) = self.defining(path, names, &mut Vec::new()).filter(|target| target != path) {
                    edges.entry((shown(path), shown(&target))).or_default().insert(names.join("::"));
                }
            }
        }
        edges
    }

    /// The module that defines what `names`, written in `module`, leads to; none outside of the crate.
    fn defining(&self, module: &[String], names: &[String], seen: &mut Vec<(Names, Names)>) -> Option<Names> {
        let asked = (module.to_vec(), names.to_vec());
        if seen.contains(&asked) {
            return None;
        }
        seen.push(asked);
        let mut at = module.to_vec();
        let mut names = names;
        if names.first().is_some_and(|first| first == "crate") {
            (at, names) = (Vec::new(), &names[1..]);
        }
        while let Some(first) = names.first().filter(|first| ["self", "super"].contains(&first.as_str())) {
            if first == "super" {
                at.pop();
            }
            names = &names[1..];
        }
        while let Some(name) = names.first() {
            let here = self.modules.get(&at)?;
            if here.children.contains(name) {
                at.push(name.clone());
                names = &names[1..];
                continue;
            }
            if here.defined.contains(name) {
                return Some(at);
            }
            if let Some((_, target)) = here.imported.iter().find(|(bound, _)| bound == name) {
                // A child of its own name was found above; else the name is another crate's.
                return (target[0] != *name)
                    .then(|| self.defining(&at, &[target, &names[1..]].concat(), seen))
                    .flatten();
            }
            let of_crate = |target: &[String]| {
                ["crate", "self", "super"].contains(&target[0].as_str()) || here.children.contains(&target[0])
            };
            let globs = here.imported.iter().filter(|(bound, target)| bound == "*" && of_crate(target));
            let mut paths = globs.map(|(_, target)| [&target[..target.len() - 1], names].concat());
            return paths.find_map(|path| self.defining(&at, &path, seen));
        }
        Some(at)
    }

    fn read_file(&mut self, path: &[String], file: &Path, folder: &Path) -> Result<()> {
        let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
        let tokens: TokenStream = text.parse().map_err(|error| anyhow!("{}: {error}", file.display()))?;
        self.add(path, tokens, folder)
    }

    /// Adds the module with these tokens, whose children's files are in `folder`.
    fn add(&mut self, path: &[String], tokens: TokenStream, folder: &Path) -> Result<()> {
        let mut module = Module::default();
        let mut inline = Vec::new();
        read_tokens(tokens, &mut module, &mut inline);
        module.children.extend(inline.iter().map(|(name, _)| name.clone()));
        let declared = module.children.clone();
        self.modules.insert(path.to_vec(), module);
        for (name, body) in inline {
            let folder = folder.join(&name);
            self.add(&[path, &[name]].concat(), body, &folder)?;
        }
        for name in declared {
            let child = [path, std::slice::from_ref(&name)].concat();
            let files = [folder.join(format!("{name}.rs")), folder.join(&name).join("mod.rs")];
            // A module in place has been read.
            if let Some(file) = files.iter().find(|file| file.is_file() && !self.modules.contains_key(&child)) {
                self.read_file(&child, file, &folder.join(&name))?;
            }
        }
        Ok(())
    }
}

fn shown(module: &[String]) -> String {
    ["crate"].into_iter().chain(module.iter().map(String::as_str)).collect::<Vec<_>>().join("::")
}

/// Adds to `module` what these tokens define, import and name; `inline` gets the modules that stand among them.
fn read_tokens(tokens: TokenStream, module: &mut Module, inline: &mut Vec<(String, TokenStream)>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut at = 0;
    while at < tokens.len() {
        let rest = &tokens[at..];
        at += match &rest[0] {
            TokenTree::Punct(sign) if sign.as_char() == '#' => attribute(rest),
            TokenTree::Group(group) => {
                read_tokens(group.stream(), module, inline);
                1
            }
            TokenTree::Ident(word) if word == "use" && !is_sign(rest.get(1), '<') => {
                let end = rest.iter().position(|token| is_sign(Some(token), ';')).unwrap_or(rest.len());
                imports(&rest[1..end], &[], &mut module.imported);
                end
            }
            TokenTree::Ident(word) => read_word(word, rest, module, inline),
            TokenTree::Punct(_) | TokenTree::Literal(_) => 1,
        };
    }
}

/// Reads what begins with a word; returns how many tokens that were.
fn read_word(word: &Ident, rest: &[TokenTree], module: &mut Module, inline: &mut Vec<(String, TokenStream)>) -> usize {
    if word == "macro_rules" && is_sign(rest.get(1), '!') {
        module.defined.extend(rest.get(2).map(ToString::to_string));
        return 3;
    }
    if DEFINING.iter().any(|defining| word == defining) {
        let name_at = if is_word(rest.get(1), "mut") { 2 } else { 1 };
        let Some(TokenTree::Ident(name)) = rest.get(name_at) else { return 1 };
        if word != "mod" {
            module.defined.insert(name.to_string());
            // Not past the name: in `const fn name` it is the next word that defines.
            return name_at;
        }
        if let Some(TokenTree::Group(body)) = rest.get(2) {
            inline.push((name.to_string(), body.stream()));
        } else {
            module.children.insert(name.to_string());
        }
        return 3;
    }
    // `pub(in super::super)` says who may see it, not what it uses.
    if word == "pub" && matches!(rest.get(1), Some(TokenTree::Group(group)) if begins_with(group, "in")) {
        return 2;
    }
    let (names, n_tokens) = path(rest);
    if names.len() > 1 {
        module.named.insert(names);
    }
    n_tokens
}

/// The path at the beginning of `tokens`, which is a word, and how many tokens it has.
fn path(tokens: &[TokenTree]) -> (Names, usize) {
    let mut names = vec![tokens[0].to_string()];
    let mut at = 1;
    while is_sign(tokens.get(at), ':')
        && is_sign(tokens.get(at + 1), ':')
        && let Some(TokenTree::Ident(name)) = tokens.get(at + 2)
    {
        names.push(name.to_string());
        at += 3;
    }
    (names, at)
}

/// How many tokens an attribute has, with what it is on where that is for tests alone.
fn attribute(tokens: &[TokenTree]) -> usize {
    // `#[…]`, or `#![…]` for what it stands in.
    let at = if is_sign(tokens.get(1), '!') { 2 } else { 1 };
    let Some(TokenTree::Group(body)) = tokens.get(at) else { return 1 };
    if !is_for_tests(body) {
        return at + 1;
    }
    let is_end = |token: &TokenTree| match token {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        token => is_sign(Some(token), ';'),
    };
    tokens.iter().skip(at + 1).position(is_end).map_or(tokens.len(), |end| at + 1 + end + 1)
}

/// Whether it is `[cfg(test)]`, or `[cfg(all(test, …))]`.
fn is_for_tests(attribute: &Group) -> bool {
    let text: String = attribute.stream().to_string().split_whitespace().collect();
    text == "cfg(test)" || text.starts_with("cfg(all(test,")
}

/// Adds what a `use` tree binds, each with its path.
fn imports(tree: &[TokenTree], prefix: &[String], found: &mut Vec<(String, Names)>) {
    let mut names = prefix.to_vec();
    let mut bound = None;
    let mut at = 0;
    while at < tree.len() {
        match &tree[at] {
            TokenTree::Group(group) => {
                let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                for tree in inner.split(|token| is_sign(Some(token), ',')) {
                    imports(tree, &names, found);
                }
                return;
            }
            TokenTree::Ident(word) if word == "as" => {
                bound = tree.get(at + 1).map(ToString::to_string);
                break;
            }
            // `{self, …}` means what stands before the braces.
            TokenTree::Ident(word) if word == "self" && !names.is_empty() => {}
            TokenTree::Ident(word) => names.push(word.to_string()),
            token if is_sign(Some(token), '*') => names.push("*".to_owned()),
            _ => {}
        }
        at += 1;
    }
    if let Some(last) = names.last().filter(|_| !tree.is_empty()) {
        found.push((bound.unwrap_or_else(|| last.clone()), names));
    }
}

fn begins_with(group: &Group, word: &str) -> bool {
    is_word(group.stream().into_iter().next().as_ref(), word)
}

fn is_sign(token: Option<&TokenTree>, sign: char) -> bool {
    matches!(token, Some(TokenTree::Punct(found)) if found.as_char() == sign)
}

fn is_word(token: Option<&TokenTree>, word: &str) -> bool {
    matches!(token, Some(TokenTree::Ident(found)) if *found == word)
}

use super::*;
use std::collections::BTreeSet;
use std::fs;

/// What depends on what in a crate of these files.
fn edges(name: &str, files: &[(&str, &str)]) -> Edges {
    read(name, files).edges()
}

/// A crate of these files.
fn read(name: &str, files: &[(&str, &str)]) -> Crate {
    let src = std::env::temp_dir().join(format!("bert-heal-modules-{}-{name}", std::process::id()));
    for (path, text) in files {
        let path = src.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let read = Crate::read(&src);
    fs::remove_dir_all(&src).unwrap();
    read.unwrap()
}

/// The pairs of modules, `a -> b`.
fn pairs(edges: &Edges) -> Vec<String> {
    edges.keys().map(|(from, to)| format!("{from} -> {to}")).collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn a_parent_that_defines_what_its_child_uses_is_a_circle_and_one_that_re_exports_is_none() {
    let child = "use super::Limit;\npub fn sum() -> Limit { Limit }\n";
    let defines = edges(
        "defines",
        &[
            ("lib.rs", "pub mod parent;"),
            ("parent.rs", "mod child;\npub use child::sum;\npub struct Limit;"),
            ("parent/child.rs", child),
        ],
    );
    assert_eq!(circles(&defines), [set(&["crate::parent", "crate::parent::child"])]);
    let re_exports = edges(
        "re-exports",
        &[
            ("lib.rs", "pub mod parent;"),
            ("parent.rs", "mod child;\nmod limit;\npub use child::sum;\npub use limit::Limit;"),
            ("parent/child.rs", child),
            ("parent/limit.rs", "pub struct Limit;"),
        ],
    );
    assert_eq!(circles(&re_exports), Vec::<BTreeSet<String>>::new());
    let expected = "crate::parent::child -> crate::parent::limit";
    assert!(pairs(&re_exports).contains(&expected.to_owned()), "{re_exports:?}");
}

#[test]
fn folders_are_a_circle_when_no_two_of_their_modules_are() {
    let edges = edges(
        "folders",
        &[
            ("main.rs", "mod a;\nmod b;"),
            ("a.rs", "pub mod above;\npub mod below;"),
            ("a/above.rs", "pub fn f() { crate::b::middle::g() }"),
            ("a/below.rs", "pub fn h() {}"),
            ("b.rs", "pub mod middle;"),
            ("b/middle.rs", "use crate::a::{self, below::h as last};\npub fn g() { last() }"),
        ],
    );
    // `{self, …}` names the folder itself, which closes a circle of modules only with what the folder names.
    assert_eq!(circles(&edges), Vec::<BTreeSet<String>>::new());
    assert_eq!(circles(&between_tops(&edges)), [set(&["a", "b"])]);
}

#[test]
fn names_in_tests_comments_and_strings_are_none_and_those_in_bodies_and_macros_are() {
    let edges = edges(
        "names",
        &[
            ("lib.rs", "mod a;\nmod b;\nmod c;\nmod d;"),
            (
                "a.rs",
                r#"
            //! See [`crate::b::Thing`].
            #[doc = "crate::b::Thing"]
            pub const TEXT: &str = "crate::b::Thing"; // crate::b::Thing
            #[cfg(test)]
            use crate::b::Thing;
            #[cfg(all(test, unix))]
            mod tests { use crate::b::Thing; fn f() -> impl Sized + use<> { crate::b::Thing } }
        "#,
            ),
            ("b.rs", "pub struct Thing;"),
            ("c.rs", "pub fn f() { println!(\"{}\", crate::d::name()) }"),
            ("d.rs", "pub const fn name() -> u8 { 1 }"),
        ],
    );
    assert_eq!(pairs(&edges), ["crate::c -> crate::d"]);
}

#[test]
fn a_name_leads_to_where_it_is_defined_through_re_exports_globs_and_other_names() {
    let edges = edges(
        "leads",
        &[
            ("lib.rs", "mod a;\nmod b;\nmod c;\npub use b::*;"),
            ("a.rs", "use crate::Thing as Other;\npub fn f() -> Other { Other::new() }"),
            ("b.rs", "pub use crate::c::Thing;\npub use serde::Serialize;"),
            ("c.rs", "pub struct Thing;"),
        ],
    );
    assert_eq!(pairs(&edges), ["crate::a -> crate::c", "crate::b -> crate::c"]);
}

#[test]
fn a_circle_is_an_error_that_says_how_to_end_it() {
    let src = std::env::temp_dir().join(format!("bert-heal-modules-{}-check", std::process::id()));
    fs::create_dir_all(&src).unwrap();
    fs::write(src.join("lib.rs"), "mod a { pub fn f() { super::b::g() } }\nmod b { pub fn g() { super::a::f() } }")
        .unwrap();
    let error = check(&src, &["."]).unwrap_err().to_string();
    fs::write(src.join("lib.rs"), "mod a { pub fn f() { super::b::g() } }\nmod b { pub fn g() {} }").unwrap();
    let clean = check(&src, &["."]);
    fs::remove_dir_all(&src).unwrap();
    assert!(error.starts_with("2 circles of modules: move what closes them"), "{error}");
    clean.unwrap();
}

#[test]
fn a_list_of_modules_names_each_of_them_after_all_that_it_uses() {
    let list = |lines: &str| {
        let lib = format!("//! A crate.\n//!\n{lines}\nmod a;\nmod b;\nmod c;\npub use c::Thing;\n");
        let files = [("lib.rs", lib.as_str()), ("a.rs", "use crate::b::f;"), ("b.rs", "pub fn f() {}")];
        let read = read("list", &[&files[..], &[("c.rs", "pub struct Thing;\nfn g() { crate::a::h() }")]].concat());
        list_faults(&read, read.text(), &between_tops(&read.edges()))
    };
    assert_eq!(list("//! 1. `b`: first.\n//! 2. [`a`]: next.\n//! 10. [`Thing`]: last."), Vec::<String>::new());
    assert_eq!(list("//! - [`b`]: first.\n//! - [`a`]: next."), ["c is not in the list of modules"]);
    let backwards = list("//! - [`a`]\n//! - [`b`]\n//! - [`the thing`](c::Thing)");
    assert_eq!(backwards, ["a is listed before b, which it uses: crate::b::f in crate::a"]);
    assert_eq!(list("//! Without a list - `a` is just a word."), Vec::<String>::new());
}

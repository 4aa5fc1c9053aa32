//! Laws of this repository that neither the compiler nor a lint can say, read from the tree itself.
//!
//! A law is a function from the tree to what offends against it. Each has one test, which first shows it a small tree that breaks
//! the law (a law that never bites is a comment), then holds the repository to it. The message names the place and the remedy.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

mod house;
mod lexer;
mod sources;

/// Path from the top of the repository, with `/`, to text. Bytes that are not UTF-8 are replaced; a link needs only the name.
type Tree = BTreeMap<String, String>;
type Law = fn(&Tree) -> Vec<String>;

/// Made here by a build, and by a run of the fuzzers.
const NOT_KEPT: [&str; 4] = [
    "geofence/no-std-check/Cargo.lock",
    "hil-tests/fuzz/artifacts",
    "hil-tests/fuzz/corpus",
    "hil-tests/fuzz/coverage",
];

fn repository() -> Tree {
    let mut tree = Tree::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("hil-tests/ is in the repository");
    walk(root, "", &mut tree);
    tree
}

fn walk(folder: &Path, prefix: &str, tree: &mut Tree) {
    for entry in fs::read_dir(folder).expect("the tree can be read").map(|entry| entry.expect("so can its entries")) {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        // What git does not keep is nobody's law.
        if [".git", "target"].contains(&name.as_str()) || NOT_KEPT.contains(&path.as_str()) {
            continue;
        }
        if entry.path().is_dir() {
            walk(&entry.path(), &format!("{path}/"), tree);
        } else {
            let bytes = fs::read(entry.path()).expect("a file of the tree can be read");
            tree.insert(path, String::from_utf8_lossy(&bytes).into_owned());
        }
    }
}

fn hold(law: Law, remedy: &str) {
    let found = law(&repository());
    assert!(found.is_empty(), "\n  {}\nremedy: {remedy}", found.join("\n  "));
}

fn bites(law: Law, path: &str, text: &str) {
    assert!(!law(&Tree::from([(path.into(), text.into())])).is_empty(), "the law does not see {path}: {text}");
}

fn spares(law: Law, path: &str, text: &str) {
    assert_eq!(law(&Tree::from([(path.into(), text.into())])), Vec::<String>::new(), "the law is too strict");
}

fn rust(tree: &Tree) -> impl Iterator<Item = (&String, &String)> {
    tree.iter().filter(|(path, _)| path.ends_with(".rs"))
}

fn place(path: &str, text: &str, at: usize, what: &str) -> String {
    let line = text.get(..at).map_or(0, |before| before.matches('\n').count()) + 1;
    format!("{path}:{line}: {what}")
}

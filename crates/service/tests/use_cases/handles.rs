//! Every use case is a method of a handle, and is named in the tests of power.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::common::use_cases::{READS, WITHOUT_CALLER, WRITES};

#[test]
fn every_use_case_is_known_here() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let handles = std::fs::read_to_string(source.join("handles.rs")).unwrap();
    let (_, handles) = handles.split_once("\nhandles! {\n").unwrap();
    let handles: BTreeMap<_, _> = handles
        .lines()
        .filter_map(|line| line.trim().strip_suffix(',')?.split_once(": "))
        .map(|(method, handle)| (handle.to_owned(), method.to_owned()))
        .collect();
    let (mut found, mut without_caller, mut unattended) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    walk(&source, &mut |path, text| {
        for block in text.split("\nimpl ").skip(1) {
            let (of, rest) = block.split_once(" {\n").unwrap();
            let block = rest.split("\n}\n").next().unwrap();
            let handle = of.strip_suffix("<'_>").and_then(|name| handles.get(name));
            for piece in block.split("    pub ").skip(1) {
                let Some((signature, body)) = piece.split_once(" {\n") else { continue };
                let Some(name) = signature.split("fn ").nth(1).map(|name| name.split(['(', '<']).next().unwrap())
                else {
                    continue;
                };
                let asks = signature.contains(": &Caller") || signature.contains("OrganizationAccess");
                let body = body.split("\n    }\n").next().unwrap();
                match handle {
                    Some(handle) if asks => drop(found.insert(format!("{handle}.{name}"))),
                    Some(handle) => drop(without_caller.insert(format!("{handle}.{name}"))),
                    // Whatever takes a caller is a use case, and use cases are methods of handles.
                    None => assert!(!signature.contains(": &Caller"), "{}: {of} {name}", path.display()),
                }
                if asks && body.contains("begin_system") {
                    unattended.push(format!("{of} {name}"));
                }
            }
        }
        let ways = text.matches(".store().begin(").count();
        assert!(ways == 0 || path.ends_with("transaction.rs"), "{} begins a write by itself", path.display());
    });
    let set = |names: &[&[&str]]| names.concat().iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(found, set(&[WRITES, READS]), "say in WRITES or READS what it does");
    assert_eq!(without_caller, set(&[WITHOUT_CALLER]), "say in WITHOUT_CALLER that nobody's power is needed for it");
    // What comes after the organization is gone; see `organizations/delete.rs`.
    assert_eq!(unattended, ["Organizations<'_> delete"]);
}

fn walk(folder: &Path, each: &mut impl FnMut(&Path, &str)) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.path().is_dir() {
            walk(&entry.path(), each);
        } else {
            each(&entry.path(), &std::fs::read_to_string(entry.path()).unwrap());
        }
    }
}

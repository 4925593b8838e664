//! Imports point one way: between crates, and between the folders of the server.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// Which crates of the workspace the sources of each may name.
const CRATES: [(&str, &[&str]); 11] = [
    ("crates/domain", &[]),
    ("proto", &[]),
    ("crates/api-types", &["domain"]),
    ("crates/store", &["domain"]),
    ("crates/service", &["domain", "store"]),
    ("crates/client", &["api_types", "domain"]),
    ("crates/verify", &["api_types", "client", "domain"]),
    ("examples/scans", &["verify"]),
    ("app", &["domain", "service"]),
    ("server", &["api_types", "app", "domain", "proto", "service", "store"]),
    // Measures what is inside, too.
    ("bench", &["api_types", "client", "domain", "service", "store"]),
];
/// What only some parts of the server may name.
const SERVER_ONLY: [(&str, &[&str]); 3] = [("store", &["commands"]), ("app", &["portal"]), ("proto", &["grpc"])];
/// Turn requests into use cases and back: none knows of another.
const TRANSPORTS: [&str; 8] = ["grpc", "mcp", "oauth", "openapi", "operations", "portal", "rest", "verification"];
/// Puts the transports together.
const COMPOSITION: [&str; 3] = ["main", "request_limits", "router"];

/// What can stand before a path that begins with `::`.
const KEYWORDS: [&str; 10] = ["as", "dyn", "else", "for", "impl", "in", "mut", "return", "use", "where"];

/// A source file: its crate, the path of its module, and the text.
struct Source {
    file: String,
    krate: &'static str,
    module: Vec<String>,
    text: String,
}

impl Source {
    fn new(file: &str, text: &str) -> Option<Self> {
        let (krate, rest) =
            CRATES.into_iter().find_map(|(name, _)| Some((name, file.strip_prefix(name)?.strip_prefix("/src/")?)))?;
        let mut module: Vec<_> = rest.strip_suffix(".rs")?.split('/').map(str::to_owned).collect();
        if matches!(module.last().map(String::as_str), Some("mod" | "lib")) {
            module.pop();
        }
        Some(Self { file: file.to_owned(), krate, module, text: text.to_owned() })
    }

    /// Each path that the file names from its root, from above, or from another crate of the workspace.
    fn paths(&self) -> BTreeSet<Vec<String>> {
        let tokens: TokenStream = self.text.parse().unwrap_or_else(|error| panic!("{}: {error}", self.file));
        let mut found = BTreeSet::new();
        collect(&self.module, tokens, &mut found);
        found
    }

    /// The part of the crate that the file belongs to: a file or folder below `src/`.
    fn part(&self) -> &str {
        self.module.first().map_or("lib", String::as_str)
    }
}

/// Puts the paths of tokens into `found`, without those of unit tests.
fn collect(module: &[String], tokens: TokenStream, found: &mut BTreeSet<Vec<String>>) {
    let tokens: Vec<_> = tokens.into_iter().collect();
    let (mut at, mut is_test) = (0, false);
    while let Some(token) = tokens.get(at) {
        match token {
            TokenTree::Ident(_) => {
                let (prefix, group, next) = path(&tokens, at);
                // `mod name { … }`: one level down.
                if let ([.., keyword], Some(TokenTree::Ident(name))) = (prefix.as_slice(), tokens.get(next))
                    && keyword == "mod"
                    && let Some(TokenTree::Group(body)) = tokens.get(next + 1)
                {
                    if !is_test {
                        let inner: Vec<_> = module.iter().cloned().chain([name.to_string()]).collect();
                        collect(&inner, body.stream(), found);
                    }
                    (at, is_test) = (next + 2, false);
                    continue;
                }
                match group {
                    Some(list) => use_list(module, &prefix, list, found),
                    None => add(module, &prefix, found),
                }
                at = next;
            }
            TokenTree::Group(group) => {
                let text = group.to_string().replace(' ', "");
                let is_body = group.delimiter() == Delimiter::Brace;
                if !(is_body && is_test) {
                    collect(module, group.stream(), found);
                }
                // The attribute holds until the end of what it stands before.
                is_test = !is_body && (is_test || text == "[cfg(test)]");
                at += 1;
            }
            TokenTree::Punct(punct) => {
                is_test = is_test && punct.as_char() != ';';
                at += 1;
            }
            TokenTree::Literal(_) => at += 1,
        }
    }
}

/// The names of a path that begins at a place, the braces at its end if there are any, and where it ends.
fn path(tokens: &[TokenTree], from: usize) -> (Vec<String>, Option<TokenStream>, usize) {
    let colon = |at: usize| matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == ':');
    let (mut names, mut at) = (Vec::new(), from);
    while let Some(TokenTree::Ident(name)) = tokens.get(at) {
        names.push(name.to_string());
        at += 1;
        // What follows a keyword begins with `::`, and is no part of a path.
        if !(colon(at) && colon(at + 1)) || KEYWORDS.contains(&names[0].as_str()) {
            break;
        }
        at += 2;
        if let Some(TokenTree::Group(group)) = tokens.get(at)
            && group.delimiter() == Delimiter::Brace
        {
            return (names, Some(group.stream()), at + 1);
        }
    }
    (names, None, at)
}

/// The paths of `prefix::{…}`.
fn use_list(module: &[String], prefix: &[String], list: TokenStream, found: &mut BTreeSet<Vec<String>>) {
    let tokens: Vec<_> = list.into_iter().collect();
    let mut at = 0;
    while at < tokens.len() {
        let (names, group, next) = path(&tokens, at);
        let whole: Vec<_> = prefix.iter().cloned().chain(names.into_iter().filter(|name| name != "self")).collect();
        match group {
            Some(list) => use_list(module, &whole, list, found),
            None => add(module, &whole, found),
        }
        // Past `as name` and the comma.
        at = next.max(at + 1);
        while at < tokens.len() && !matches!(&tokens[at - 1], TokenTree::Punct(punct) if punct.as_char() == ',') {
            at += 1;
        }
    }
}

/// Adds a path, `self` and `super` resolved; others are of this module or of crates outside.
fn add(module: &[String], names: &[String], found: &mut BTreeSet<Vec<String>>) {
    let whole = match names {
        [first, rest @ ..] if first == "crate" && !rest.is_empty() => rest.to_vec(),
        [first, ..] if first.starts_with("latchkey_") => names.to_vec(),
        [first, ..] if first == "super" => {
            let up = names.iter().take_while(|name| *name == "super").count();
            let above = &module[..module.len().saturating_sub(up)];
            above.iter().cloned().chain(names[up..].iter().cloned()).collect()
        }
        _ => return,
    };
    found.insert(whole);
}

/// What is wrong with the imports of sources.
fn faults(sources: &[Source]) -> Vec<String> {
    let mut faults = Vec::new();
    let parts: BTreeSet<_> = sources.iter().filter(|source| source.krate == "server").map(Source::part).collect();
    let mut needs: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for source in sources {
        let (file, part) = (&source.file, source.part());
        let (_, allowed) = CRATES.into_iter().find(|(name, _)| *name == source.krate).unwrap();
        for path in source.paths() {
            let first = path[0].as_str();
            if let Some(other) = first.strip_prefix("latchkey_") {
                let own = source.krate.rsplit('/').next().unwrap().replace('-', "_");
                let is_own = first == format!("latchkey_{own}") || first == format!("latchkey_example_{own}");
                if !is_own && !allowed.contains(&other) {
                    faults.push(format!("{file}: {} does not use {other}: {}", source.krate, path.join("::")));
                }
                let only = SERVER_ONLY.into_iter().find(|(name, _)| *name == other);
                if source.krate == "server" && only.is_some_and(|(_, parts)| !parts.contains(&part)) {
                    faults.push(format!("{file}: {part} does not use {other}: {}", path.join("::")));
                }
            } else if source.krate == "server" && parts.contains(first) && first != part {
                needs.entry(part).or_default().insert(first.to_owned());
                let is_transport = TRANSPORTS.contains(&first);
                if is_transport && !COMPOSITION.contains(&part) {
                    faults.push(format!("{file}: {part} knows of the transport {first}: {}", path.join("::")));
                }
            }
        }
    }
    for part in needs.keys() {
        if let Some(circle) = way(&needs, part, part) {
            faults.push(format!("a circle: {}", circle.join(" -> ")));
        }
    }
    faults
}

/// A way from one part to another, by imports.
fn way(needs: &BTreeMap<&str, BTreeSet<String>>, from: &str, to: &str) -> Option<Vec<String>> {
    let mut ways = vec![vec![from.to_owned()]];
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop() {
        for next in needs.get(way.last()?.as_str()).into_iter().flatten() {
            let longer: Vec<_> = way.iter().cloned().chain([next.clone()]).collect();
            if next == to {
                return Some(longer);
            }
            if seen.insert(next.clone()) {
                ways.push(longer);
            }
        }
    }
    None
}

fn read(folder: &Path, root: &Path, sources: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(&path, root, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let file = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
            sources.extend(Source::new(&file, &fs::read_to_string(&path).unwrap()));
        }
    }
}

#[test]
fn imports_point_one_way() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut sources = Vec::new();
    for (name, _) in CRATES {
        let folder = root.join(name).join("src");
        if folder.is_dir() {
            read(&folder, root, &mut sources);
        }
    }
    assert!(sources.iter().filter(|source| source.krate == "server").count() > 50, "the sources were not found");
    assert_eq!(faults(&sources), Vec::<String>::new());
}

#[test]
fn every_crate_is_in_the_table() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let members = manifest.split("members = [").nth(1).unwrap().split(']').next().unwrap();
    for member in members.split('"').skip(1).step_by(2) {
        assert!(CRATES.iter().any(|(name, _)| *name == member), "{member} is not in the table of crates");
    }
}

/// One that would hold nothing up holds nothing up.
#[test]
fn each_wrong_import_is_found() {
    let of = |files: &[(&str, &str)]| {
        let all: Vec<_> = files.iter().map(|(file, text)| Source::new(file, text).unwrap()).collect();
        faults(&all)
    };
    let others = [("server/src/rest/mod.rs", ""), ("server/src/http/mod.rs", ""), ("server/src/grpc/mod.rs", "")];
    for (file, text, fault) in [
        ("server/src/rest/a.rs", "use latchkey_store::Store;", "rest does not use store"),
        ("server/src/rest/tokens/a.rs", "fn f() { latchkey_store::tokens::get(); }", "rest does not use store"),
        ("server/src/grpc/a.rs", "use latchkey_app::pages;", "grpc does not use app"),
        ("server/src/grpc/a.rs", "use crate::rest;", "grpc knows of the transport rest"),
        ("server/src/grpc/a.rs", "use crate::{http, rest::x};", "grpc knows of the transport rest"),
        ("server/src/grpc/a.rs", "fn f() { x!(crate::rest::x()); }", "grpc knows of the transport rest"),
        ("server/src/grpc/a.rs", "use super::super::rest::x;", "grpc knows of the transport rest"),
        ("server/src/grpc/a.rs", "mod b { use super::super::super::rest::x; }", "grpc knows of the transport rest"),
        ("server/src/http/a.rs", "#[doc(inline)] pub use crate::grpc::x as y;", "http knows of the transport grpc"),
        (
            "server/src/http/a.rs",
            "#[cfg(test)] use x; mod y { use crate::grpc::x; }",
            "http knows of the transport grpc",
        ),
        ("server/src/state.rs", "use crate::rest::x;", "state knows of the transport rest"),
        ("crates/domain/src/a.rs", "use latchkey_service::Error;", "crates/domain does not use service"),
        ("crates/store/src/a.rs", "use latchkey_service::Error;", "crates/store does not use service"),
        ("crates/service/src/a.rs", "use latchkey_server::x;", "crates/service does not use server"),
        ("app/src/a.rs", "use ::latchkey_store::Store;", "app does not use store"),
        (
            "app/src/a.rs",
            "fn f() -> T { return ::latchkey_store::x() as ::latchkey_store::T; }",
            "app does not use store",
        ),
        ("app/src/a.rs", "use latchkey_server::x;", "app does not use server"),
        ("crates/client/src/a.rs", "use latchkey_service::x;", "crates/client does not use service"),
    ] {
        let found = of(&[&others[..], &[(file, text)]].concat());
        assert!(found.iter().any(|found| found.contains(fault)), "{text} in {file}: {found:?}");
    }
    for text in [
        "use crate::http::x; use super::x; use latchkey_service::{Error, x};",
        "//! crate::rest::x\nfn f() { \"latchkey_store::x\"; }",
        "#[cfg(test)] mod tests { use crate::rest::x; }",
        "#[cfg(test)] pub(crate) fn f() { crate::rest::x(); }",
        "use axum::rest; fn f() { rest::x(); let super_rest = 1; }",
    ] {
        let found = of(&[&others[..], &[("server/src/grpc/a.rs", text)]].concat());
        assert!(found.is_empty(), "{text}: {found:?}");
    }
    let circle = [
        ("server/src/http/mod.rs", "use crate::log::x;"),
        ("server/src/log/mod.rs", "use crate::config::x;"),
        ("server/src/config/mod.rs", "use crate::{http::x};"),
    ];
    assert!(of(&circle).iter().any(|found| found.contains("a circle: http -> log -> config -> http")));
}

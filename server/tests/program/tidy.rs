//! The repository keeps its own rules.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Files of the repository, also those that are not committed yet; `None` outside a checkout.
fn files() -> Option<Vec<String>> {
    let arguments = ["ls-files", "--cached", "--others", "--exclude-standard"];
    let output = Command::new("git").args(arguments).current_dir(root()).output().ok()?;
    let listed = String::from_utf8(output.stdout).unwrap();
    let files: Vec<_> = listed.lines().filter(|file| root().join(file).is_file()).map(str::to_owned).collect();
    (output.status.success() && !files.is_empty()).then_some(files)
}

#[test]
fn every_folder_is_on_the_map() {
    let map = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let Some(files) = files() else { return };
    for file in files {
        let Some((folder, rest)) = file.split_once('/') else { continue };
        let folder = match (folder, rest.split_once('/')) {
            ("crates", Some((name, _))) => format!("crates/{name}"),
            _ => folder.to_owned(),
        };
        assert!(folder.starts_with('.') || map.contains(&format!("`{folder}/`")), "{folder} is not in ARCHITECTURE.md");
    }
}

#[test]
fn no_file_is_too_long() {
    let Some(files) = files() else { return };
    let source = |file: &&String| [".rs", ".ts", ".css", ".mjs"].iter().any(|ending| file.ends_with(ending));
    for file in files.iter().filter(source) {
        let lines = fs::read_to_string(root().join(file)).unwrap().lines().count();
        assert!(lines <= 500, "{file} has {lines} lines");
    }
}

/// What a router takes by `route` is not in the document of the API: only what has no operation of its own.
#[test]
fn every_route_of_the_api_is_documented() {
    let Some(files) = files() else { return };
    let of_api = |file: &&String| {
        ["rest", "verification", "operations"].iter().any(|part| file.starts_with(&format!("server/src/{part}")))
    };
    let mut found = Vec::new();
    for file in files.iter().filter(of_api) {
        let text = fs::read_to_string(root().join(file)).unwrap();
        let routes = text.split(".route(").skip(1);
        found.extend(routes.map(|rest| rest.split('"').nth(1).unwrap_or_default().to_owned()));
    }
    found.sort();
    // What is at no address of the API, and Envoy's way to ask at `/forward-auth`.
    assert_eq!(
        found,
        [
            "/api",
            "/api/",
            "/api/{*path}",
            "/forward-auth/",
            "/forward-auth/{*path}",
            "/orgs/{organization}/forward-auth/",
            "/orgs/{organization}/forward-auth/{*path}",
        ]
    );
}

#[test]
fn layers_point_one_way() {
    let manifest = |name: &str| fs::read_to_string(root().join(name).join("Cargo.toml")).unwrap();
    let needs = |name: &str, other: &str| {
        let manifest = manifest(name);
        let dependencies = manifest.split("[dev-dependencies]").next().unwrap().to_owned();
        dependencies.contains(&format!("latchkey-{other}"))
    };
    for (lower, uppers) in [
        ("crates/domain", ["store", "service", "app", "server"].as_slice()),
        ("crates/api-types", &["store", "service", "app", "server", "client"]),
        ("crates/client", &["store", "service", "app", "server"]),
        ("crates/verify", &["store", "service", "app", "server"]),
        ("crates/store", &["service", "app", "server"]),
        ("crates/service", &["app", "server"]),
        ("app", &["store", "server"]),
    ] {
        for upper in uppers.iter().filter(|upper| needs(lower, upper)) {
            // A package names itself.
            assert!(manifest(lower).contains(&format!("name = \"latchkey-{upper}\"")), "{lower} depends on {upper}");
        }
    }
}

//! Settings as an operator gives them: to the program itself, in its environment, its file and its flags.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::common::{PROGRAM, unique};

/// A folder of its own, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let folder = Self(std::env::temp_dir().join(unique()));
        fs::create_dir(&folder.0).unwrap();
        folder
    }

    /// What `latchkey-server users` says where there is no database, with these settings and no others.
    fn run(&self, environment: &[(&str, &str)], flags: &[&str]) -> String {
        let mut command = Command::new(PROGRAM);
        command.arg("users").args(flags).current_dir(&self.0).env_clear().envs(environment.iter().copied());
        let output = command.output().unwrap();
        assert!(!output.status.success() && output.stdout.is_empty());
        String::from_utf8(output.stderr).unwrap()
    }

    /// The reason why a setting is refused, or "accepted".
    fn refused(&self, environment: &[(&str, &str)]) -> String {
        let said = self.run(environment, &[]);
        // Without a log, the reason stands by itself.
        let (_, reason) = said.trim_end().rsplit_once("latchkey-server: ").unwrap();
        if reason.starts_with("there is no database at") { "accepted".to_owned() } else { reason.to_owned() }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn flags_win_over_the_file_and_the_file_over_the_environment() {
    let folder = Folder::new();
    fs::write(folder.0.join("settings.toml"), "database_url = 'sqlite://file.db'\nlog = 'error'\n").unwrap();
    let environment = [
        ("LATCHKEY_CONFIG", "settings.toml"),
        ("LATCHKEY_DATABASE_URL", "sqlite://environment.db"),
        ("LATCHKEY_LOG", "off"),
        ("LATCHKEY_LOG_FORMAT", "json"),
    ];
    let said = folder.run(&environment, &["--database-url", "sqlite://flag.db"]);
    assert!(said.contains("there is no database at flag.db"), "{said}");
    // A line of the log at all is that of the file, and its format that of the environment.
    assert!(said.starts_with('{') && said.contains("\"level\":\"ERROR\""), "{said}");
    assert!(folder.run(&environment, &[]).contains("there is no database at file.db"));
    // An empty variable is none, and its key is a key of the file all the same.
    let empty = [("LATCHKEY_CONFIG", "settings.toml"), ("LATCHKEY_DATABASE_URL", "")];
    assert!(folder.run(&empty, &[]).contains("there is no database at file.db"));
    assert!(folder.run(&environment[1..], &[]).contains("there is no database at environment.db"));
    assert!(folder.run(&[("LATCHKEY_DATABASE_URL", "")], &[]).contains("there is no database at data/latchkey.db"));
}

#[test]
fn what_is_wrong_is_said() {
    let folder = Folder::new();
    let refused = |environment: &[(&str, &str)]| folder.refused(environment);
    assert!(refused(&[("LATCHKEY_ADDR", "3000")]).starts_with("addr is \"3000\""));
    for url in
        ["tokens.example.com", "https://a.example/path", "https://a.example?q", "https://me@a.example", "ftp://a.b"]
    {
        assert!(refused(&[("LATCHKEY_PUBLIC_URL", url)]).starts_with("public_url is"), "{url}");
    }
    assert_eq!(refused(&[("LATCHKEY_PUBLIC_URL", "https://A.example:443/")]), "accepted");
    assert!(refused(&[("LATCHKEY_BOOTSTRAP_ADMIN_EMAIL", "a@b")]).contains("go together"));
    assert!(refused(&[("LATCHKEY_CONFIG", "/nowhere.toml")]).starts_with("can't read /nowhere.toml"));
    assert!(refused(&[("LATCHKEY_API_RATE_LIMIT", "many")]).starts_with("api_rate_limit is \"many\""));
    assert!(refused(&[("LATCHKEY_API_RATE_LIMIT", "1000001")]).starts_with("api_rate_limit is"));
    assert!(refused(&[("LATCHKEY_ORGANIZATION_RATE_LIMIT", "-1")]).starts_with("organization_rate_limit is"));
    assert!(refused(&[("LATCHKEY_MEMORY_MIB", "0")]).starts_with("memory_mib is"));
    assert!(refused(&[("LATCHKEY_TOKENS_PER_ORGANIZATION", "-1")]).starts_with("tokens_per_organization is"));
    assert!(refused(&[("LATCHKEY_MAX_CONNECTIONS", "0")]).starts_with("max_connections is"));
    assert!(refused(&[("LATCHKEY_MAX_CONNECTIONS_PER_ADDRESS", "x")]).starts_with("max_connections_per_address is"));
    assert!(refused(&[("LATCHKEY_TRUSTED_PROXIES", "proxy")]).starts_with("trusted_proxies is"));
    for origins in
        ["*", "null", "console.example.com", "https://a.example/path", "https://a.example, https://b.example:x"]
    {
        assert!(refused(&[("LATCHKEY_CORS_ORIGINS", origins)]).starts_with("cors_origins is"), "{origins}");
    }
    assert_eq!(refused(&[("LATCHKEY_CORS_ORIGINS", "https://a.example, http://localhost:5173")]), "accepted");
    for pin in [",", "Acme Corp", "any,acme", "acme;globex"] {
        let text = refused(&[("LATCHKEY_FORWARD_AUTH_ORGANIZATIONS", pin)]);
        assert!(text.starts_with("forward_auth_organizations is"), "{pin}");
    }
    for pin in ["any", "acme", "acme, 01a20276-c695-74cc-ab86-ccae0efb2eef"] {
        assert_eq!(refused(&[("LATCHKEY_FORWARD_AUTH_ORGANIZATIONS", pin)]), "accepted", "{pin}");
    }
    let text = refused(&[("LATCHKEY_RESTRICTED_ORG_CREATION", "yes")]);
    assert_eq!(text, "restricted_org_creation is \"yes\"; it must be true or false");
    let text = refused(&[("LATCHKEY_LOG_FORMAT", "xml")]);
    assert_eq!(text, "log_format is \"xml\"; it must be text or json");
    assert_eq!(refused(&[("LATCHKEY_LOG_FORMAT", "TEXT")]), "accepted");
    assert_eq!(refused(&[]), "accepted");
}

#[test]
fn an_unknown_key_is_an_error() {
    let folder = Folder::new();
    fs::write(folder.0.join("settings.toml"), "adr = '127.0.0.1:1'").unwrap();
    let text = folder.refused(&[("LATCHKEY_CONFIG", "settings.toml")]);
    assert!(text.starts_with("settings.toml: unknown key `adr`, expected one of addr, public_url"), "{text}");
    // Where, and not what: the line may hold a password.
    fs::write(folder.0.join("settings.toml"), "\nbootstrap_admin_password = \"hunter2 hunter2").unwrap();
    let text = folder.refused(&[("LATCHKEY_CONFIG", "settings.toml")]);
    assert!(text.starts_with("settings.toml: line 2: ") && !text.contains("hunter2"), "{text}");
}

#[test]
fn the_help_names_variables_and_shows_no_value() {
    let folder = Folder::new();
    let secrets = [
        ("LATCHKEY_DATABASE_URL", "postgres://latchkey:hidden@db/latchkey"),
        ("LATCHKEY_REDIS_URL", "redis://:hidden@cache"),
        ("LATCHKEY_BOOTSTRAP_ADMIN_PASSWORD", "hidden by the help"),
    ];
    for arguments in [["--help"].as_slice(), &["serve", "--help"], &["serve", "-h"]] {
        let output =
            Command::new(PROGRAM).args(arguments).current_dir(&folder.0).env_clear().envs(secrets).output().unwrap();
        let help = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && help.contains("[env: LATCHKEY_DATABASE_URL]"), "{help}");
        assert!(!help.contains("hidden"), "{help}");
    }
}

use std::collections::BTreeSet;

use clap::Arg;

use super::*;

const DOCUMENTATION: &str = include_str!("../../../docs/operations.md");

/// Runs `load` with a settings file of that content.
fn with_file(name: &str, content: &str, flags: &[&str]) -> Result<Config, ConfigError> {
    let path = std::env::temp_dir().join(format!("latchkey-config-{name}-{}.toml", std::process::id()));
    std::fs::write(&path, content).unwrap();
    let file = format!("--config={}", path.display());
    let arguments = [["latchkey-server", "doctor", &file].as_slice(), flags].concat();
    let loaded = load(arguments.into_iter().map(OsString::from));
    std::fs::remove_file(path).unwrap();
    loaded.map(|(_, config)| config)
}

#[test]
fn every_setting_has_a_variable_a_flag_a_key_and_a_line_in_the_documentation() {
    let command = command();
    let mut names = BTreeSet::new();
    let of_clap = |arg: &&Arg| !["help", "version"].contains(&arg.get_id().as_str());
    for arg in command.get_arguments().filter(of_clap) {
        let id = arg.get_id().as_str();
        let variable = format!("LATCHKEY_{}", id.to_uppercase());
        assert_eq!(arg.get_env().and_then(|name| name.to_str()), Some(variable.as_str()), "{id}");
        assert_eq!(arg.get_long(), Some(id.replace('_', "-").as_str()));
        assert!(arg.is_hide_env_values_set() && arg.is_global_set(), "{id}");
        let flag = if arg.is_hide_set() { "(none)".to_owned() } else { format!("`--{}`", id.replace('_', "-")) };
        assert!(DOCUMENTATION.contains(&format!("| `{variable}` | {flag} | ")), "{variable} is not documented");
        if id != "config" {
            // Whatever its value may be, the key is known.
            let message = with_file(id, &format!("{id} = []"), &[]).err().unwrap().to_string();
            assert!(message.contains(&format!("{id} must be a string")), "{message}");
        }
        names.insert(variable);
    }
    let documented = DOCUMENTATION.lines().filter_map(|line| line.strip_prefix("| `LATCHKEY_")?.split_once('`'));
    assert_eq!(documented.map(|(name, _)| format!("LATCHKEY_{name}")).collect::<BTreeSet<_>>(), names);
    command.debug_assert();
}

#[test]
fn a_flag_is_taken_before_and_after_the_command() {
    for arguments in
        [["latchkey-server", "--addr=127.0.0.1:1", "doctor"], ["latchkey-server", "doctor", "--addr=127.0.0.1:1"]]
    {
        let (_, config) = load(arguments.iter().map(OsString::from)).ok().unwrap();
        assert_eq!(config.server.addr.port(), 1, "{arguments:?}");
    }
}

#[test]
fn numbers_and_booleans_of_the_file_are_settings() {
    let content = "api_rate_limit = 7\nrestricted_org_creation = true\nlog_format = 'json'\naddr = 'wrong'";
    let config = with_file("numbers", content, &["--addr=127.0.0.1:1"]).ok().unwrap();
    assert_eq!((config.limits.api_rate_limit, config.limits.organization_rate_limit()), (7, 70));
    assert_eq!((config.instance().restricted_organization_creation, config.log.log_format), (true, LogFormat::Json));
    let refused = with_file("number", "addr = 3000", &[]).err().unwrap().to_string();
    assert_eq!(refused, "addr is \"3000\"; it must be an address and port such as 127.0.0.1:3000");
}

#[test]
fn a_password_is_no_flag() {
    let arguments = ["latchkey-server", "serve", "--bootstrap-admin-password=secret"].map(OsString::from);
    assert!(matches!(load(arguments), Err(ConfigError::PasswordFlag)));
    let content = "bootstrap_admin_email = 'a@b.c'\nbootstrap_admin_password = 'of the file'";
    let config = with_file("password", content, &[]).ok().unwrap();
    assert_eq!(config.accounts.bootstrap_admin().ok().flatten().unwrap().password, "of the file");
}

//! A route file, and paths asked of the built-in one: what is found was in plain form.
#![no_main]

use latchkey_domain::Routes;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &str, &str)| {
    let (file, method, target) = input;
    if let Ok(routes) = Routes::from_toml(file) {
        let _ = routes.needed(method, target);
    }
    if let Ok(routes) = Routes::built_in()
        && routes.needed(method, target).is_ok()
    {
        let path = target.split('?').next().unwrap_or_default();
        assert!(path.starts_with("/api/") && !path.contains("//") && !path.contains('\\'));
        assert!(path.split('/').all(|segment| segment != ".." && segment != "."));
    }
});

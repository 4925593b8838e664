//! The places where a proxy's original request may stand: two that differ are never one request.
#![no_main]

use latchkey_domain::OriginalRequest;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|places: Vec<(Option<&str>, &str)>| {
    if let Ok(original) = OriginalRequest::agreed(places.iter().copied()) {
        for (method, target) in places {
            assert_eq!(method, Some(original.method.as_str()));
            assert!(target.ends_with(&original.target) || original.target == "/");
        }
    }
});

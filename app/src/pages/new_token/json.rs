//! The form as JSON, as serde reads and writes it on the server.

use latchkey_domain::{Group, GroupLevel, Preset, Scope, ScopeInfo};
use wasm_bindgen::JsValue;

use super::values::{Expires, FormOptions, FoundRepositories, NamedRef, Values};
use crate::islands::json::{FromJson, ToJson, field, object, readable, writable};

readable!(NamedRef { id, name });
writable!(NamedRef { id, name });
readable!(FoundRepositories { query, repositories, more });
readable!(FormOptions { organization, groups, presets, projects, may_administer, no_repositories, now, creation_key });
readable!(Values {
    name,
    description,
    expires,
    expires_on,
    scopes,
    all_repositories,
    repositories,
    in_project,
    project,
    networks,
});
writable!(Values {
    name,
    description,
    expires,
    expires_on,
    scopes,
    all_repositories,
    repositories,
    in_project,
    project,
    networks,
});
readable!(Preset { name, scopes });

impl FromJson for Group {
    fn from_json(json: &JsValue) -> Self {
        let [name, portal, scopes] = ["name", "portal", "scopes"].map(|name| field(json, name));
        Self {
            name: FromJson::from_json(&name),
            portal: FromJson::from_json(&portal),
            // The form has no others.
            level: GroupLevel::Any,
            scopes: FromJson::from_json(&scopes),
        }
    }
}

impl FromJson for ScopeInfo {
    fn from_json(json: &JsValue) -> Self {
        let name = String::from_json(&field(json, "name"));
        Self { name: Scope::stored(name), allows: FromJson::from_json(&field(json, "allows")) }
    }
}

impl FromJson for Expires {
    fn from_json(json: &JsValue) -> Self {
        match json.as_string().as_deref() {
            Some("OnDate") => Self::OnDate,
            Some("Never") => Self::Never,
            _ => Self::Days(FromJson::from_json(&field(json, "Days"))),
        }
    }
}

impl ToJson for Expires {
    fn to_json(&self) -> JsValue {
        match self {
            Self::Days(days) => object(&[("Days", (*days).into())]),
            Self::OnDate => JsValue::from_str("OnDate"),
            Self::Never => JsValue::from_str("Never"),
        }
    }
}

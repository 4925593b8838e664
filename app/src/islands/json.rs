//! JSON by way of the browser's own reader and writer. Those of serde would be a third of what a browser loads.
//!
//! Types say which fields they have ([`readable`], [`writable`]); what travels is what serde reads and writes on the
//! server.

use std::cell::Cell;

use js_sys::{Array, JSON, Object, Reflect};
use latchkey_domain::Timestamp;
use wasm_bindgen::JsValue;

thread_local! {
    /// Something was missing or of another kind in what is being read.
    static WRONG: Cell<bool> = const { Cell::new(false) };
}

/// What can be read from JSON. What does not fit becomes a default, and is told to [`read`].
pub(crate) trait FromJson {
    fn from_json(json: &JsValue) -> Self;
}

/// What can be written as JSON.
pub(crate) trait ToJson {
    fn to_json(&self) -> JsValue;
}

/// `None` if anything is missing, or of another kind.
pub(crate) fn read<T: FromJson>(json: &JsValue) -> Option<T> {
    WRONG.set(false);
    let read = T::from_json(json);
    (!WRONG.get()).then_some(read)
}

/// What a text holds; `undefined` for what is no JSON.
pub(crate) fn parse(text: &str) -> JsValue {
    JSON::parse(text).unwrap_or_default()
}

/// Notes that something did not fit.
pub(crate) fn wrong<T: Default>() -> T {
    WRONG.set(true);
    T::default()
}

/// A field, or `undefined`.
pub(crate) fn field(json: &JsValue, name: &str) -> JsValue {
    Reflect::get(json, &JsValue::from_str(name)).unwrap_or_default()
}

/// An object of these fields.
pub(crate) fn object(fields: &[(&str, JsValue)]) -> JsValue {
    let object = Object::new();
    for (name, value) in fields {
        let _ = Reflect::set(&object, &JsValue::from_str(name), value);
    }
    object.into()
}

impl FromJson for String {
    fn from_json(json: &JsValue) -> Self {
        json.as_string().unwrap_or_else(wrong)
    }
}

impl FromJson for bool {
    fn from_json(json: &JsValue) -> Self {
        json.as_bool().unwrap_or_else(wrong)
    }
}

impl FromJson for u32 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the server writes an u32 there")]
    fn from_json(json: &JsValue) -> Self {
        json.as_f64().unwrap_or_else(wrong) as Self
    }
}

impl FromJson for u16 {
    #[expect(clippy::cast_possible_truncation, reason = "the server writes an u16 there")]
    fn from_json(json: &JsValue) -> Self {
        u32::from_json(json) as Self
    }
}

impl FromJson for Timestamp {
    #[expect(clippy::cast_possible_truncation, reason = "milliseconds of this century are exact in both")]
    fn from_json(json: &JsValue) -> Self {
        let milliseconds = js_sys::Date::parse(&String::from_json(json));
        Self::from_micros(milliseconds as i64 * 1_000)
    }
}

impl<T: FromJson> FromJson for Vec<T> {
    fn from_json(json: &JsValue) -> Self {
        if !Array::is_array(json) {
            return wrong();
        }
        Array::from(json).iter().map(|one| T::from_json(&one)).collect()
    }
}

impl<T: FromJson> FromJson for Option<T> {
    fn from_json(json: &JsValue) -> Self {
        if json.is_null() { None } else { Some(T::from_json(json)) }
    }
}

impl ToJson for String {
    fn to_json(&self) -> JsValue {
        JsValue::from_str(self)
    }
}

impl ToJson for bool {
    fn to_json(&self) -> JsValue {
        JsValue::from_bool(*self)
    }
}

impl<T: ToJson> ToJson for Vec<T> {
    fn to_json(&self) -> JsValue {
        self.iter().map(T::to_json).collect::<Array>().into()
    }
}

/// Reads a type by its fields. A field that is missing here is an error of the compiler.
macro_rules! readable {
    ($type:ident { $($name:ident),* $(,)? }) => {
        impl $crate::islands::json::FromJson for $type {
            fn from_json(json: &wasm_bindgen::JsValue) -> Self {
                use $crate::islands::json::{FromJson, field};
                Self { $($name: FromJson::from_json(&field(json, stringify!($name)))),* }
            }
        }
    };
}

/// Writes a type by its fields.
macro_rules! writable {
    ($type:ident { $($name:ident),* $(,)? }) => {
        impl $crate::islands::json::ToJson for $type {
            fn to_json(&self) -> wasm_bindgen::JsValue {
                use $crate::islands::json::{ToJson, object};
                let Self { $($name),* } = self;
                object(&[$((stringify!($name), ToJson::to_json($name))),*])
            }
        }
    };
}

pub(crate) use {readable, writable};

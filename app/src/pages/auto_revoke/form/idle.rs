//! [`live`](super::live) on the server, where nothing happens.

use leptos::ev::{MouseEvent, SubmitEvent};

use super::State;

pub(super) fn start(_: State) {}
pub(super) fn typed(_: State) {}
pub(super) fn preset(_: State, _: &str, _: &MouseEvent) {}
pub(super) fn clicked(_: &MouseEvent) {}
pub(super) fn submitted(_: State, _: &SubmitEvent) {}

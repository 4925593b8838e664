//! [`live`](super::live) on the server, where nothing happens.

use leptos::ev::{Event, KeyboardEvent, SubmitEvent};

use super::State;

pub(super) fn start(_: State) {}
pub(super) fn typed(_: State) {}
pub(super) fn submitted(_: State, _: &SubmitEvent) {}
pub(super) fn search(_: State) {}
pub(super) fn key_in_search(_: State, _: &KeyboardEvent) {}
pub(super) fn key_in_results(_: &KeyboardEvent) {}
pub(super) fn picked(_: State, _: &Event) {}
pub(super) fn unpicked(_: State, _: &Event) {}

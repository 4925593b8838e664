//! [`live`](super::live) on the server, where nothing happens.

use leptos::ev::{MouseEvent, SubmitEvent};

use super::form::State;

pub(super) fn start(_: State) {}
pub(super) fn typed(_: State) {}
pub(super) fn clicked(_: State, _: &MouseEvent) {}
pub(super) fn submitted(_: State, _: &SubmitEvent) {}
pub(super) fn cancelled() {}

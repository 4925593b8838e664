use latchkey_domain::ScopeInfo;
use leptos::prelude::*;

use super::{State, problems::error};
use crate::components::sentence;

/// Presets, and the scopes by group.
pub(super) fn scopes(state: State) -> impl IntoView + use<> {
    let (presets, groups, all) = state.options.with_value(|options| {
        let presets: Vec<String> = options.presets.iter().map(|preset| preset.name.clone()).collect();
        let groups: Vec<(String, Vec<ScopeInfo>)> =
            options.groups.iter().map(|group| (group.name.clone(), group.scopes.clone())).collect();
        (presets, groups, options.scopes().count())
    });
    // The preset that the choice is, if it is one.
    let current = move || {
        state.options.with_value(|options| {
            let presets = options.presets.len();
            state
                .values
                .with(|values| (0..presets).find(|index| options.preset(*index).as_ref() == Some(&values.scopes)))
        })
    };
    let count = move || state.values.with(|values| values.scopes.len()).to_string();
    let buttons = presets
        .into_iter()
        .enumerate()
        .map(|(index, name)| preset(name, "preset:".to_owned() + &index.to_string(), move || current() == Some(index)))
        .collect_view();
    let groups =
        groups.into_iter().enumerate().map(|(at, (name, scopes))| group(state, at, name, scopes)).collect_view();
    view! {
        <fieldset class="fieldset" id="scopes" tabindex="-1" aria-describedby="scopes-error">
            <legend>
                <h2>"Scopes"</h2>
                <span class="token-count">{count} " of " {all.to_string()}</span>
            </legend>
            <div class="presets row" role="group" aria-label="Presets of scopes">
                {buttons}
                {preset("Custom".to_owned(), "preset:custom".to_owned(), move || current().is_none())}
            </div>
            {error(state, "scopes")}
            <div class="scope-groups">{groups}</div>
        </fieldset>
    }
}

fn preset(name: String, value: String, pressed: impl Fn() -> bool + Send + 'static) -> impl IntoView {
    view! {
        // Without scripts the answer is a page: it opens where the reader was.
        <button
            class="button small"
            name="action"
            value=value
            formaction="#scopes"
            aria-pressed=move || if pressed() { "true" } else { "false" }>
            {name}
        </button>
    }
}

/// A group, and beside its heading an offer to read what is changed: choosing one never chooses the other in silence.
fn group(state: State, at: usize, name: String, scopes: Vec<ScopeInfo>) -> impl IntoView + use<> {
    let id = "scope-group-".to_owned() + &at.to_string();
    let heading = id.clone();
    let names: Vec<String> = scopes.iter().map(|info| info.name.as_str().to_owned()).collect();
    let missing = move || {
        state.options.with_value(|options| {
            state.values.with(|values| {
                let chosen = names.iter().filter(|name| values.scopes.contains(name));
                chosen.filter_map(|name| options.missing_read(name, &values.scopes)).next()
            })
        })
    };
    let hint = move || {
        missing().map(|read| {
            let value = "add:".to_owned() + &read;
            view! {
                <button class="button small scope-add" name="action" value=value formaction="#scopes">
                    "Add " {read}
                </button>
            }
        })
    };
    let rows = scopes.into_iter().map(|info| scope(state, info)).collect_view();
    view! {
        <div class="scope-group" role="group" aria-labelledby=heading>
            <div class="scope-group-head">
                <h3 class="scope-group-name" id=id>
                    {name}
                </h3>
                {hint}
            </div>
            <div class="scope-rows">{rows}</div>
        </div>
    }
}

fn scope(state: State, info: ScopeInfo) -> impl IntoView + use<> {
    let name = info.name.as_str().to_owned();
    let (value, title) = (name.clone(), name.clone());
    let checked = state.initial(|values| values.scopes.contains(&name));
    view! {
        <label class="choice">
            <input
                type="checkbox"
                name="scopes"
                value=value
                checked=checked
                prop:checked=move || state.values.with(|values| values.scopes.contains(&name))
            />
            <span>
                <span class="choice-title mono">{title}</span>
                <span class="hint">{sentence(&info.allows)}</span>
            </span>
        </label>
    }
}

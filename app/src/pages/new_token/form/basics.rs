//! The plain fields: name and description, level, allowed networks.

use latchkey_domain::{Description, TokenName};
use leptos::prelude::*;

use super::{State, problems::error};
use crate::{components::TextArea, pages::new_token::values::Values};

/// Name, and under a disclosure the description.
pub(super) fn name(state: State) -> impl IntoView + use<> {
    let (name, description) = state.initial(|values| (values.name.clone(), values.description.clone()));
    let open = !description.is_empty()
        || state.problems.with_untracked(|all| all.iter().any(|one| one.field == "description"));
    view! {
        <div class="field">
            <label class="label" for="name">
                "Name"
            </label>
            <input
                class="input"
                type="text"
                id="name"
                name="name"
                value=name
                // A little more than is allowed, so that what was pasted is not cut in silence.
                maxlength=TokenName::BYTES_MAX.to_string()
                autocomplete="off"
                required=true
                aria-describedby="name-hint name-error"
                aria-invalid=move || state.invalid("name")
            />
            <p class="hint" id="name-hint">
                "What it is for, such as “GitHub Actions CI” or “Nightly drift report”."
            </p>
            {error(state, "name")}
        </div>
        <details class="disclosure" id="description-disclosure" open=open>
            <summary>"Description"</summary>
            <div class="field">
                <label class="visually-hidden" for="description">
                    "Description"
                </label>
                <TextArea
                    name="description"
                    value=description
                    maxlength=u16::try_from(Description::BYTES_MAX).unwrap_or(u16::MAX)
                    described_by=Some("description-hint description-error".to_owned())
                    attr:aria-invalid=move || state.invalid("description")
                />
                <p class="hint" id="description-hint">
                    "For whoever finds this token in a year. 500 characters at most."
                </p>
                {error(state, "description")}
            </div>
        </details>
    }
}

/// Organization or project, for those who have the choice; the project alone, for those who have not.
pub(super) fn level(state: State) -> impl IntoView + use<> {
    let (in_project, chosen) = state.initial(|values| (values.in_project, values.project.clone()));
    let (projects, organization, may_administer) = state
        .options
        .with_value(|options| (options.projects.clone(), options.organization.clone(), options.may_administer));
    if projects.is_empty() {
        return None;
    }
    let none = chosen.is_empty();
    let options = projects
        .into_iter()
        .map(|project| {
            let selected = project.id == chosen;
            view! {
                <option value=project.id selected=selected>
                    {project.name}
                </option>
            }
        })
        .collect_view();
    let levels = may_administer.then(|| {
        view! {
            <label class="choice">
                <input type="radio" name="level" value="organization" checked=!in_project />
                <span>
                    <span class="choice-title">"Organization"</span>
                    <span class="hint">"All of " {organization} "."</span>
                </span>
            </label>
            <label class="choice">
                <input type="radio" name="level" value="project" checked=in_project />
                <span>
                    <span class="choice-title">"Project"</span>
                    <span class="hint">"One project, and nothing beside it."</span>
                </span>
            </label>
        }
    });
    let hint = (!may_administer).then(|| {
        view! {
            <p class="hint" id="level-hint">
                "Your role creates tokens of a project. Ask an admin for one of the whole organization."
            </p>
        }
    });
    Some(view! {
        <fieldset class="fieldset token-level" class:has-choice=may_administer>
            <legend>
                <h2>"Level"</h2>
            </legend>
            {levels}
            {hint}
            <div class="field token-project">
                <label class="label" for="project">
                    "Project"
                </label>
                <select
                    class="input"
                    id="project"
                    name="project"
                    aria-describedby="project-error"
                    aria-invalid=move || state.invalid("project")
                >
                    <option value="" selected=none>
                        "Choose a project"
                    </option>
                    {options}
                </select>
                {error(state, "project")}
            </div>
        </fieldset>
    })
}

/// What most tokens go without.
pub(super) fn advanced(state: State) -> impl IntoView + use<> {
    let networks = state.initial(|values| values.networks.clone());
    let open = !networks.is_empty();
    view! {
        <details class="disclosure" id="advanced" open=open>
            <summary>"Advanced"</summary>
            <div class="field">
                <label class="label" for="networks">
                    "Allowed networks"
                </label>
                <p class="hint" id="networks-hint">
                    "Requests from elsewhere are refused. One network or address a line, such as 192.0.2.0/24 or \
                     2001:db8::/32; 50 at most. Empty means everywhere."
                </p>
                <TextArea
                    name="networks"
                    value=networks
                    maxlength=u16::try_from(Values::NETWORKS_MAX).unwrap_or(4_000)
                    described_by=Some("networks-hint networks-error".to_owned())
                    attr:aria-invalid=move || state.invalid("networks")
                    attr:spellcheck="false"
                />
                {error(state, "networks")}
            </div>
        </details>
    }
}

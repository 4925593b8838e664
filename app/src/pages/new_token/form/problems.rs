use leptos::prelude::*;

use super::State;
use crate::{answers::Problem, components::sentence};

/// The field of a problem that is none of the form's: nobody is signed in.
pub(super) const SESSION: &str = "session";

/// Where a problem's link leads: the first control of what it is about.
fn anchor(field: &str) -> Option<&'static str> {
    Some(match field {
        "name" => "#name",
        "description" => "#description",
        "expires" => "#expires_on",
        "scopes" => "#scopes",
        "repositories" => "#find",
        "project" => "#project",
        "networks" => "#networks",
        // In another tab: what was typed stays here.
        SESSION => "/login",
        _ => return None,
    })
}

/// On top of a form that came back: everything that is wrong, with links to the fields. Takes the focus.
///
/// What is mended leaves it without a word: only what is added is announced, and not all of it again.
pub(super) fn error_summary(state: State) -> impl IntoView + use<> {
    move || {
        let problems = state.reported.get();
        if problems.is_empty() {
            return None;
        }
        let title = match problems.len() {
            1 => "One thing needs another look".to_owned(),
            many => many.to_string() + " things need another look",
        };
        let items = problems.into_iter().map(item).collect_view();
        Some(view! {
            <div
                class="notice danger"
                id="problems"
                role="alert"
                aria-atomic="false"
                aria-relevant="additions"
                tabindex="-1"
                autofocus=cfg!(feature = "ssr")
            >
                <div>
                    <p class="notice-title">{title}</p>
                    <ul>{items}</ul>
                </div>
            </div>
        })
    }
}

/// A link to the field; without `href` it is plain text.
fn item(problem: Problem) -> impl IntoView {
    let tab = (problem.field == SESSION).then_some("_blank");
    view! {
        <li>
            <a href=anchor(&problem.field) target=tab>{sentence(&problem.message)}</a>
        </li>
    }
}

/// What is wrong, beside the field.
pub(super) fn error(state: State, field: &'static str) -> impl IntoView + use<> {
    view! {
        <p class="error" id=[field, "-error"].concat() hidden=move || state.problem(field).is_none()>
            {move || state.problem(field).unwrap_or_default()}
        </p>
    }
}

use latchkey_domain::RepositoryAccess;
use leptos::{either::Either, prelude::*};

use super::{State, live, problems::error};
use crate::pages::new_token::values::NamedRef;

/// All repositories, or those that are searched for and chosen.
pub(super) fn access(state: State) -> impl IntoView + use<> {
    let all = state.initial(|values| values.all_repositories);
    let (organization, none) =
        state.options.with_value(|options| (options.organization.clone(), options.no_repositories));
    let picker = if none {
        Either::Left(view! {
            <p class="hint only-these">
                {organization.clone()} " has no repositories yet. A token for all of them reaches those that come later."
            </p>
        })
    } else {
        Either::Right(picker(state))
    };
    view! {
        <fieldset class="fieldset token-access">
            <legend>
                <h2>"Repository access"</h2>
            </legend>
            <label class="choice">
                <input type="radio" name="access" value="all" checked=all />
                <span>
                    <span class="choice-title">"All repositories"</span>
                    <span class="hint">"All of " {organization} ", current and future."</span>
                </span>
            </label>
            <label class="choice">
                <input type="radio" name="access" value="only" checked=!all />
                <span>
                    <span class="choice-title">"Only these"</span>
                    <span class="hint">"A list that you choose; a new repository stays out of reach."</span>
                </span>
            </label>
            {picker}
            {error(state, "repositories")}
        </fieldset>
    }
}

fn picker(state: State) -> impl IntoView + use<> {
    let query = state.found.with_untracked(|found| found.query.clone());
    let searched = move || state.found.with(|found| found.query.clone());
    view! {
        <div class="only-these repository-picker">
            {chosen(state)}
            <label class="label" for="find">
                "Find repositories"
            </label>
            <div class="find">
                <input
                    class="input"
                    type="search"
                    id="find"
                    name="find"
                    value=query
                    maxlength="200"
                    placeholder="acme/api"
                    autocomplete="off"
                    autocapitalize="none"
                    spellcheck="false"
                    aria-describedby="find-status repositories-error"
                    aria-invalid=move || state.invalid("repositories")
                    on:input=move |_| live::search(state)
                    on:keydown=move |event| live::key_in_search(state, &event)
                />
                // Without scripts the answer is a page: it opens where the reader was.
                <button class="button find-button" name="action" value="find" formaction="#find">
                    "Find"
                </button>
            </div>
            // Tells whether Enter was pressed after a change of the search.
            <input type="hidden" name="found" value=searched />
            {results(state)}
        </div>
    }
}

/// The chosen ones: ticked boxes that look like chips, so that unticking removes them without scripts as well.
fn chosen(state: State) -> impl IntoView + use<> {
    let repositories = Memo::new(move |_| state.values.with(|values| values.repositories.clone()));
    let count = move || match repositories.with(Vec::len) {
        0 => "None chosen yet".to_owned(),
        some => [&*some.to_string(), " chosen, ", &RepositoryAccess::MAX.to_string(), " at most"].concat(),
    };
    let chips = move || repositories.get().into_iter().map(chip).collect_view();
    view! {
        <p class="repository-count">{count}</p>
        <ul class="chosen" aria-label="Chosen repositories" on:change=move |event| live::unpicked(state, &event)>
            {chips}
        </ul>
    }
}

fn chip(repository: NamedRef) -> impl IntoView {
    view! {
        <li>
            <label class="chip repository-chip">
                <input
                    class="visually-hidden"
                    type="checkbox"
                    name="repositories"
                    value=repository.id
                    checked=true
                    prop:checked=true
                />
                <span class="ellipsis">{repository.name}</span>
                <span class="chip-x" aria-hidden="true">
                    "×"
                </span>
            </label>
        </li>
    }
}

fn results(state: State) -> impl IntoView + use<> {
    let status = move || {
        state.found.with(|found| match (found.repositories.len(), found.more, found.query.is_empty()) {
            (0, ..) => ["No repository matches “", &found.query, "”."].concat(),
            (many, true, _) => ["The first ", &*many.to_string(), ". Type part of a name to find others."].concat(),
            (1, false, _) => "1 repository".to_owned(),
            (many, false, _) => many.to_string() + " repositories",
        })
    };
    let none = move || {
        let none = state.found.with(|found| found.repositories.is_empty());
        none.then(|| view! { <li class="found-none">"Try a shorter part of the name."</li> })
    };
    let rows = move || state.found.get().repositories.into_iter().map(|found| result(state, found)).collect_view();
    view! {
        <ul
            class="found"
            id="found"
            aria-label="Repositories found"
            on:change=move |event| live::picked(state, &event)
            on:keydown=move |event| live::key_in_results(&event)
        >
            {rows}
            {none}
        </ul>
        <p class="hint" id="find-status" role="status">
            {status}
        </p>
    }
}

fn result(state: State, repository: NamedRef) -> impl IntoView {
    let id = repository.id.clone();
    let is_chosen = move || state.values.with(|values| values.repositories.iter().any(|one| one.id == id));
    let (checked, ticked, locked) = (untrack(&is_chosen), is_chosen.clone(), is_chosen);
    view! {
        <li>
            <label class="found-one">
                <input
                    type="checkbox"
                    name="add"
                    value=repository.id
                    checked=checked
                    prop:checked=ticked
                    // Without scripts a chosen one is unticked above, and would come back from here.
                    disabled=move || !state.live.get() && locked()
                />
                <span class="ellipsis">{repository.name}</span>
            </label>
        </li>
    }
}

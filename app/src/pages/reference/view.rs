use std::sync::Arc;

use leptos::{either::Either, prelude::*};
use serde_json::Value;

use super::curl::curl;
use super::model::{Group, Operation, Parameter, Reference, Response};
use super::schema::{Field, Kind, Shape};
use crate::{
    components::{Icon, ThemeMenu, Wordmark},
    islands::Enhance,
    portal::{Site, Theme},
    shell::{Shell, set_sprite},
};

/// The page.
pub(super) fn page(site: Arc<Site>, theme: Option<Theme>, reference: Arc<Reference>) -> impl IntoView {
    set_sprite(&site);
    let public_url = site.public_url.clone();
    let groups = reference.groups.iter().map(|group| view_group(&public_url, group)).collect_view();
    let shapes = reference.shapes.iter().map(view_shape).collect_view();
    let contents = contents(&reference);
    let (description, version) = (reference.description.clone(), reference.version.clone());
    view! {
        <Shell site theme title="API reference".to_owned() class="reference">
            <a class="skip" href="#page">
                "Skip to content"
            </a>
            <header class="topbar">
                <Wordmark />
                <div class="topbar-end">
                    <a class="button ghost" href="/openapi.yaml">
                        "OpenAPI"
                    </a>
                    <ThemeMenu theme path="/docs/api".to_owned() />
                </div>
            </header>
            <div class="reference-columns">
                {contents}
                <main id="main">
                    <div id="page" tabindex="-1">
                        <header class="page-header">
                            <h1>"API reference"</h1>
                            <p class="page-lead">{plain(&description)}</p>
                            <p class="muted">
                                {["Version ", &version, ". Also for programs: "].concat()}
                                <a href="/openapi.json">"openapi.json"</a>
                                " and "
                                <a href="/openapi.yaml">"openapi.yaml"</a>
                                "."
                            </p>
                        </header>
                        {groups}
                        <section aria-labelledby="schemas">
                            <h2 id="schemas">"Schemas"</h2>
                            {shapes}
                        </section>
                    </div>
                </main>
            </div>
            <p class="visually-hidden" id="announce" role="status"></p>
            <Enhance />
        </Shell>
    }
}

fn contents(reference: &Reference) -> impl IntoView + use<> {
    let groups = reference
        .groups
        .iter()
        .map(|group| {
            let operations = group
                .operations
                .iter()
                .map(|operation| {
                    view! {
                        <li>
                            <a class="nav-link" href=["#", &operation.id].concat()>
                                {operation.summary.trim_end_matches('.').to_owned()}
                            </a>
                        </li>
                    }
                })
                .collect_view();
            view! {
                <li>
                    <a class="nav-link reference-group" href=["#", &group_id(group)].concat()>
                        {group.name.clone()}
                    </a>
                    <ul class="nav-list">{operations}</ul>
                </li>
            }
        })
        .collect_view();
    view! {
        <nav class="reference-contents" aria-label="Contents">
            <ul>
                {groups} <li>
                    <a class="nav-link" href="#schemas">
                        "Schemas"
                    </a>
                </li>
            </ul>
        </nav>
    }
}

fn group_id(group: &Group) -> String {
    ["group-", &group.name.to_lowercase().replace(' ', "-")].concat()
}

fn view_group(public_url: &str, group: &Group) -> impl IntoView + use<> {
    let id = group_id(group);
    let labelled = id.clone();
    let operations = group.operations.iter().map(|operation| view_operation(public_url, operation)).collect_view();
    view! {
        <section aria-labelledby=labelled>
            <h2 id=id>{group.name.clone()}</h2>
            <p class="muted">{plain(&group.description)}</p>
            {operations}
        </section>
    }
}

fn view_operation(public_url: &str, operation: &Operation) -> impl IntoView + use<> {
    let id = operation.id.clone();
    let heading = [&*id, "-title"].concat();
    let labelled = heading.clone();
    let command = curl(public_url, operation);
    let described = (!operation.description.is_empty()).then(|| view! { <p>{plain(&operation.description)}</p> });
    let open = (!operation.secured).then_some("No credential needed.");
    let parameters = (!operation.parameters.is_empty()).then(|| parameters(&operation.parameters));
    let body = operation.body.as_ref().map(|body| {
        let kind = view_kind(&body.kind);
        view! {
            <h4>"Body"</h4>
            <p>{kind}</p>
            {body.example.as_ref().map(example)}
        }
    });
    let responses = operation.responses.iter().map(view_response).collect_view();
    let answer = operation.responses.iter().find_map(|response| response.example.as_ref()).map(example);
    view! {
        <article class="operation" id=id aria-labelledby=labelled>
            <h3 id=heading>{operation.summary.trim_end_matches('.').to_owned()}</h3>
            <p class="operation-path">
                <b class="method">{operation.method.clone()}</b>
                " "
                <code>{operation.path.clone()}</code>
            </p>
            {described}
            {open}
            <div class="code">
                <pre tabindex="0">
                    <code>{command.clone()}</code>
                </pre>
                <button class="button small" type="button" data-copy=command>
                    <Icon name="copy" />
                    <span>"Copy"</span>
                </button>
            </div>
            {parameters}
            {body}
            <h4>"Answers"</h4>
            <table class="table">
                {headings(["Status", "Means", "Body"])}
                <tbody>{responses}</tbody>
            </table>
            {answer}
        </article>
    }
}

fn parameters(parameters: &[Parameter]) -> impl IntoView + use<> {
    let rows = parameters
        .iter()
        .map(|parameter| {
            row(
                &parameter.name,
                Some(parameter.place.clone()),
                parameter.required,
                &parameter.kind,
                &parameter.description,
            )
        })
        .collect_view();
    view! {
        <h4>"Parameters"</h4>
        <table class="table fields">
            {headings(["Name", "In", "Is", "Means"])}
            <tbody>{rows}</tbody>
        </table>
    }
}

fn view_response(response: &Response) -> impl IntoView + use<> {
    view! {
        <tr>
            <th scope="row">
                <code>{response.status.clone()}</code>
            </th>
            <td>{plain(&response.description)}</td>
            <td>{response.kind.as_ref().map(view_kind)}</td>
        </tr>
    }
}

fn view_shape(shape: &Shape) -> impl IntoView + use<> {
    let id = ["schema-", &shape.name].concat();
    let described = (!shape.description.is_empty()).then(|| view! { <p>{plain(&shape.description)}</p> });
    let several = shape.forms.len() > 1;
    let forms = shape
        .forms
        .iter()
        .map(|fields| {
            let rows = fields.iter().map(field).collect_view();
            view! {
                <table class="table fields">
                    {headings(["Field", "Is", "Means"])}
                    <tbody>{rows}</tbody>
                </table>
            }
        })
        .collect_view();
    let value = shape.forms.is_empty().then(|| view! { <p>{view_kind(&shape.kind)}</p> });
    view! {
        <article class="operation" id=id>
            <h3>{shape.name.clone()}</h3>
            {described}
            {several.then_some("Has one of these forms:")}
            {value}
            {forms}
        </article>
    }
}

fn field(field: &Field) -> impl IntoView + use<> {
    row(&field.name, None, field.required, &field.kind, &field.description)
}

fn row(name: &str, place: Option<String>, required: bool, kind: &Kind, description: &str) -> impl IntoView + use<> {
    let required = required.then(|| view! { <span class="chip">"required"</span> });
    view! {
        <tr>
            <th scope="row">
                <code>{name.to_owned()}</code>
                " "
                {required}
            </th>
            {place.map(|place| view! { <td>{place}</td> })}
            <td>{view_kind(kind)}</td>
            <td>{plain(description)}</td>
        </tr>
    }
}

fn view_kind(kind: &Kind) -> impl IntoView + use<> {
    let words = kind.words.clone();
    match &kind.link {
        Some(link) => Either::Left(view! { <a href=["#schema-", link].concat()>{words}</a> }),
        None => Either::Right(words),
    }
}

fn example(value: &Value) -> impl IntoView + use<> {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    view! {
        <pre class="code" tabindex="0">
            <code>{text}</code>
        </pre>
    }
}

/// The description's Markdown knows code only, and that is read as well without its marks.
fn plain(text: &str) -> String {
    text.replace('`', "")
}

fn headings<const COLUMNS: usize>(names: [&'static str; COLUMNS]) -> impl IntoView {
    let cells = names.map(|name| view! { <th scope="col">{name}</th> });
    view! {
        <thead>
            <tr>{cells.into_iter().collect_view()}</tr>
        </thead>
    }
}

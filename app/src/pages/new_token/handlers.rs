//! GET and POST of the form's address. Everything here works without scripts.

use axum::{
    extract::{Path, Query},
    response::Response,
};
use http::{HeaderValue, StatusCode, header};
use latchkey_domain::{RepositoryAccess, words};
use latchkey_service::Error;
use leptos::prelude::*;

use super::{
    check::check,
    form::TokenForm,
    load::{self, Offered},
    other_pages,
    prefill::prefill,
    reveal::RevealPage,
    submitted::{Action, read},
    values::{Choice, Found, Offer, Values},
};
use crate::{
    answers::{Code, Problem},
    components::{Frame, Notice, Section},
    fields::Fields,
    page_request::{LayoutContext, PageRequest},
    paths, render,
    server_fns::failure,
    submission::Submission,
};

/// The form, filled in as the link asks; or, right after creating, what there is to say about that.
pub(crate) async fn show(
    visit: PageRequest,
    Path(organization): Path<String>,
    Query(asked): Query<Fields>,
) -> Response {
    let result = get(&visit, &organization, &asked).await;
    visit.answer(result).await
}

/// Creates the token; or finds repositories, or fills in a preset, and shows the form again.
pub(crate) async fn create(Path(organization): Path<String>, sent: Submission) -> Response {
    let result = post(&organization, &sent).await;
    sent.answer(result).await
}

/// The form as it is to be rendered.
#[derive(Default)]
struct Page {
    values: Values,
    found: Found,
    problems: Vec<Problem>,
    ignored: Vec<&'static str>,
    /// Above the form.
    notice: Option<AnyView>,
}

async fn get(visit: &PageRequest, organization: &str, asked: &Fields) -> Result<Response, Error> {
    let service = &visit.portal.service;
    let here = visit.layout(Some(organization)).await?;
    let (offer, found) = match load::offer(service, &visit.caller, organization).await? {
        Offered::Form(offer, found) => (offer, found),
        Offered::RoleTooLow => return Ok(other_pages::role_too_low(here, organization)),
        Offered::NoProject => return Ok(other_pages::no_project(here, organization)),
    };
    let mut asked = prefill(asked, &offer);
    if let Some(id) = &asked.created {
        // An id that leads nowhere is no reason to withhold the form.
        let access = service.organizations().access(&visit.caller, organization).await?;
        match service.tokens().get(&access, id).await {
            Ok(created) => return Ok(other_pages::created_before(here, organization, created.token)),
            Err(Error::NotFound("token")) => (),
            Err(error) => return Err(error),
        }
    }
    let wanted = std::mem::take(&mut asked.repositories);
    asked.values.repositories = load::repositories(service, &visit.caller, organization, &wanted).await?;
    if asked.values.repositories.len() < wanted.len() {
        asked.ignore("a repository");
    }
    if offer.no_repositories {
        asked.values.all_repositories = true;
    }
    let page = Page { values: asked.values, found, ignored: asked.ignored, ..Page::default() };
    Ok(form(here, *offer, page))
}

async fn post(organization: &str, submission: &Submission) -> Result<Response, Error> {
    let (visit, sent) = (&submission.visit, &submission.fields);
    let service = &visit.portal.service;
    let here = visit.layout(Some(organization)).await?;
    let (mut offer, found) = match load::offer(service, &visit.caller, organization).await? {
        Offered::Form(offer, found) => (offer, found),
        Offered::RoleTooLow => return Ok(other_pages::role_too_low(here, organization)),
        Offered::NoProject => return Ok(other_pages::no_project(here, organization)),
    };
    // The same form stays the same form, however often it comes back.
    if let Some(key) = sent.some("creation_key").filter(|key| key.parse::<latchkey_domain::TokenId>().is_ok()) {
        key.clone_into(&mut offer.creation_key);
    }
    let repositories = chosen(visit, organization, sent).await?;
    let mut values = read(&|name| sent.all(name).map(str::to_owned).collect(), repositories, &offer);
    let query = sent.text("find");
    let found = if query.is_empty() { found } else { load::find(service, &visit.caller, organization, query).await? };

    let action = match Action::parse(sent.text("action")) {
        _ if submission.restored => Action::Check,
        // Enter in the search field asks for repositories, not for a token.
        Action::Enter if query != sent.text("found") => Action::Find,
        Action::Enter => Action::Create,
        action => action,
    };
    action.apply(&mut values, &offer);
    if action != Action::Create {
        return Ok(form(here, *offer, Page { values, found, notice: submission.notice(), ..Page::default() }));
    }
    let problems = check(&values, &offer, offer.now);
    if !problems.is_empty() {
        return Ok(form(here, *offer, Page { values, found, problems, ..Page::default() }));
    }
    match load::create(service, &visit.caller, organization, &offer.creation_key, &values).await {
        Ok(created) => {
            let site = visit.portal.site.clone();
            let organization = organization.to_owned();
            let mut response = render::page(move || {
                view! { <RevealPage here created organization public_url=site.public_url.clone() /> }
            });
            // `no-transform` keeps the compression away, which would let a listener weigh guesses of the secret (BREACH).
            let no_store = HeaderValue::from_static("no-store, no-transform");
            response.headers_mut().insert(header::CACHE_CONTROL, no_store);
            Ok(response)
        }
        Err(Error::AlreadyCreated(id)) => {
            let access = service.organizations().access(&visit.caller, organization).await?;
            let token = service.tokens().get(&access, &id.to_string()).await?;
            Ok(other_pages::already_sent(here, organization, token))
        }
        Err(error) => {
            let failure = failure(&visit.caller, &error);
            if failure.code != Code::Invalid {
                return Err(error);
            }
            Ok(form(here, *offer, Page { values, found, problems: failure.problems, ..Page::default() }))
        }
    }
}

/// The repositories of a form that was sent: those chosen before, and those ticked among the results.
async fn chosen(visit: &PageRequest, organization: &str, sent: &Fields) -> Result<Vec<Choice>, Error> {
    let ids: Vec<String> = sent.all("repositories").chain(sent.all("add")).map(str::to_owned).collect();
    let mut chosen = Vec::new();
    // One look-up takes as many as a token may list; one that is over the limit is told so, with all of its choices.
    for some in ids.chunks(RepositoryAccess::MAX).take(2) {
        chosen.extend(load::repositories(&visit.portal.service, &visit.caller, organization, some).await?);
    }
    let mut seen = std::collections::BTreeSet::new();
    chosen.retain(|repository| seen.insert(repository.id.clone()));
    Ok(chosen)
}

fn form(here: LayoutContext, offer: Offer, page: Page) -> Response {
    let status = if page.problems.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let list = paths::tokens(&offer.organization);
    let mut response = render::page(move || {
        view! {
            <Frame here title="New token" section=Section::Tokens trail=vec![(list.clone(), "API tokens")]>
                <div class="narrow new-token">
                    <header class="page-header" id="new-token-header">
                        <h1>"New token"</h1>
                        <p class="page-lead">
                            "For a pipeline or a script. Give it what it needs, and nothing more."
                        </p>
                    </header>
                    {page.notice}
                    <Ignored what=page.ignored />
                    <TokenForm
                        values=page.values
                        offer
                        problems=page.problems
                        found=page.found
                    />
                </div>
            </Frame>
        }
    });
    *response.status_mut() = status;
    response
}

/// Says quietly what a link asked for and can't have.
#[component]
fn Ignored(what: Vec<&'static str>) -> impl IntoView {
    (!what.is_empty()).then(|| {
        view! {
            <Notice>
                <p>"The link asked for " {words::and_list(&what)} " that can't be chosen here. The rest is filled in."</p>
            </Notice>
        }
    })
}

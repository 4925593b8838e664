//! GET and POST of the form's address. Everything here works without scripts.

use axum::extract::Path;
use http::StatusCode;
use latchkey_domain::{RepositoryAccess, words};
use latchkey_service::Error;
use leptos::prelude::*;

use super::{
    check::check,
    form::{FormFacts, TokenForm},
    load::{self, FormAccess},
    other_pages,
    prefill::prefill,
    reveal::RevealPage,
    submitted::{Action, read},
    values::{FormOptions, FoundRepositories, NamedRef, Values},
};
use crate::{
    answers::{Code, Problem},
    components::{Frame, NavPage, Notice},
    fields::Fields,
    page::{Page, PageError},
    page_request::{LayoutContext, PageRequest},
    server_fns::failure,
    submission::Submission,
};

/// The form as it is to be rendered.
#[derive(Default)]
struct FormPage {
    values: Values,
    found: FoundRepositories,
    problems: Vec<Problem>,
    ignored: Vec<&'static str>,
    /// Above the form.
    notice: Option<AnyView>,
}

/// The form, filled in as the link asks; or, right after creating, what there is to say about that.
pub(crate) async fn show(
    request: PageRequest,
    Path(organization): Path<String>,
    asked: Fields,
) -> Result<Page, PageError> {
    let organization = &*organization;
    let service = &request.portal.service;
    let layout = request.layout(Some(organization)).await?;
    let (options, found) = match load::form_options(service, &request.caller, organization).await? {
        FormAccess::Form(options, found) => (options, found),
        FormAccess::RoleTooLow => return Ok(other_pages::role_too_low(layout, organization)),
        FormAccess::NoProject => return Ok(other_pages::no_project(layout, organization)),
    };
    let mut asked = prefill(&asked, &options);
    if let Some(id) = &asked.created {
        // An id that leads nowhere is no reason to withhold the form.
        let access = service.organizations().access(&request.caller, organization).await?;
        match service.tokens().get(&access, id).await {
            Ok(created) => return Ok(other_pages::created_before(layout, organization, created.token)),
            Err(Error::NotFound("token")) => (),
            Err(error) => return Err(error.into()),
        }
    }
    let wanted = std::mem::take(&mut asked.repositories);
    asked.values.repositories = load::repositories(service, &request.caller, organization, &wanted).await?;
    if asked.values.repositories.len() < wanted.len() {
        asked.ignore("a repository");
    }
    if options.no_repositories {
        asked.values.all_repositories = true;
    }
    let page = FormPage { values: asked.values, found, ignored: asked.ignored, ..FormPage::default() };
    Ok(form(layout, *options, page))
}

/// Creates the token; or finds repositories, or fills in a preset, and shows the form again.
pub(crate) async fn create(Path(organization): Path<String>, submission: Submission) -> Result<Page, PageError> {
    let organization = &*organization;
    let (request, sent) = (&submission.request, &*submission.fields);
    let service = &request.portal.service;
    let layout = request.layout(Some(organization)).await?;
    let (mut options, found) = match load::form_options(service, &request.caller, organization).await? {
        FormAccess::Form(options, found) => (options, found),
        FormAccess::RoleTooLow => return Ok(other_pages::role_too_low(layout, organization)),
        FormAccess::NoProject => return Ok(other_pages::no_project(layout, organization)),
    };
    // The same form stays the same form, however often it comes back.
    if let Some(key) = sent.some("creation_key").filter(|key| key.parse::<latchkey_domain::TokenId>().is_ok()) {
        key.clone_into(&mut options.creation_key);
    }
    let repositories = chosen(request, organization, sent).await?;
    let mut values = read(&|name| sent.all(name).map(str::to_owned).collect(), repositories, &options);
    let query = sent.text("find");
    let found =
        if query.is_empty() { found } else { load::find(service, &request.caller, organization, query).await? };

    let action = match Action::parse(sent.text("action")) {
        _ if submission.restored => Action::Check,
        // Enter in the search field asks for repositories, not for a token.
        Action::Enter if query != sent.text("found") => Action::Find,
        Action::Enter => Action::Create,
        action => action,
    };
    action.apply(&mut values, &options);
    if action != Action::Create {
        return Ok(form(
            layout,
            *options,
            FormPage { values, found, notice: submission.notice(), ..FormPage::default() },
        ));
    }
    let problems = check(&values, &options, options.now);
    if !problems.is_empty() {
        return Ok(form(layout, *options, FormPage { values, found, problems, ..FormPage::default() }));
    }
    match load::create(service, &request.caller, organization, &options.creation_key, &values).await {
        Ok(created) => {
            let site = request.portal.site.clone();
            let organization = organization.to_owned();
            let page = Page::render(move || {
                view! { <RevealPage layout created organization public_url=site.public_url.clone() /> }
            });
            Ok(page.uncompressed())
        }
        Err(Error::AlreadyCreated(id)) => {
            let access = service.organizations().access(&request.caller, organization).await?;
            let token = service.tokens().get(&access, &id.to_string()).await?;
            Ok(other_pages::already_sent(layout, organization, token))
        }
        Err(error) => {
            let failure = failure(&request.caller, &error);
            if failure.code != Code::Invalid {
                return Err(error.into());
            }
            Ok(form(layout, *options, FormPage { values, found, problems: failure.problems, ..FormPage::default() }))
        }
    }
}

/// The repositories of a form that was sent: those chosen before, and those ticked among the results.
async fn chosen(request: &PageRequest, organization: &str, sent: &Fields) -> Result<Vec<NamedRef>, Error> {
    let ids: Vec<String> = sent.all("repositories").chain(sent.all("add")).map(str::to_owned).collect();
    let mut chosen = Vec::new();
    // One look-up takes as many as a token may list; one that is over the limit is told so, with all of its choices.
    for some in ids.chunks(RepositoryAccess::MAX).take(2) {
        chosen.extend(load::repositories(&request.portal.service, &request.caller, organization, some).await?);
    }
    let mut seen = std::collections::BTreeSet::new();
    chosen.retain(|repository| seen.insert(repository.id.clone()));
    Ok(chosen)
}

fn form(layout: LayoutContext, options: FormOptions, page: FormPage) -> Page {
    let status = if page.problems.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let rendered = Page::render(move || {
        view! {
            <Frame layout title="New token" page=NavPage::NewToken>
                <div class="narrow new-token">
                    <header class="page-header" id="new-token-header">
                        <h1>"New token"</h1>
                        <p class="page-lead">
                            "For a pipeline or a script. Give it what it needs, and nothing more."
                        </p>
                    </header>
                    {page.notice}
                    <IgnoredNotice what=page.ignored />
                    <TokenForm facts=FormFacts { values: page.values, options, problems: page.problems, found: page.found } />
                </div>
            </Frame>
        }
    });
    rendered.with_status(status)
}

/// Says quietly what a link asked for and can't have.
#[component]
fn IgnoredNotice(what: Vec<&'static str>) -> impl IntoView {
    (!what.is_empty()).then(|| {
        view! {
            <Notice>
                <p>"The link asked for " {words::and_list(&what)} " that can't be chosen layout. The rest is filled in."</p>
            </Notice>
        }
    })
}

//! The page around the form.

use latchkey_domain::{Timestamp, words};
use latchkey_service::{AutoRevokeSetting, Error, Sweep};
use leptos::{either::Either, prelude::*};

use super::{
    form::{AutoRevokeForm, DAYS_PROBLEM, FormFacts, PreviewFacts, Setting},
    preview::{HAS_GROWN, preview},
    sweep_preview::{SweepPreview, tokens_to_revoke},
};
use crate::{
    components::{Dialog, ErrorSummary, Frame, NavPage, Notice, Problems, RelativeTime, Tone},
    page::Page,
    page_request::PageRequest,
    paths,
};

/// The page as it is to be rendered.
pub(super) struct AutoRevokePage {
    pub current: AutoRevokeSetting,
    pub setting: Setting,
    pub preview: SweepPreview,
    /// The days in the field are not between 1 and 365.
    pub is_invalid: bool,
    /// Just turned on or off.
    pub saved: Option<bool>,
    /// Asks before it saves.
    pub asks: bool,
    /// Was confirmed before, with fewer tokens.
    pub has_grown: bool,
    /// Above the form.
    pub notice: Option<AnyView>,
}

impl AutoRevokePage {
    pub(super) fn new(current: AutoRevokeSetting, setting: Setting, preview: SweepPreview) -> Self {
        Self { current, setting, preview, is_invalid: false, saved: None, asks: false, has_grown: false, notice: None }
    }
}

/// Renders it.
pub(super) async fn page(request: &PageRequest, organization: &str, page: AutoRevokePage) -> Result<Page, Error> {
    let layout = request.layout(Some(organization)).await?;
    let organization = organization.to_owned();
    let now = layout.now;
    let action = paths::auto_revoke(&organization);
    let question = page.asks.then(|| question(&action, &page));
    let problems = Problems::new(page.is_invalid.then(|| ("days", DAYS_PROBLEM.to_owned())));
    let days = page.current.threshold.map_or(0, |threshold| threshold.days());
    let read_only = !page.setting.changeable;
    let facts = FormFacts {
        organization: organization.clone(),
        action,
        setting: page.setting,
        is_invalid: page.is_invalid,
        preview: PreviewFacts { days: page.preview.days, would_revoke: page.preview.would_revoke },
    };
    Ok(Page::render(move || {
        view! {
            <Frame layout title="Auto-revoke" page=NavPage::AutoRevoke>
                // Behind the question nothing can be reached.
                <div class="narrow sweep-page" inert=page.asks>
                    <header class="page-header">
                        <h1>"Auto-revoke"</h1>
                        <p class="page-lead">
                            "A token that nobody uses is a way in that nobody watches. Have the forgotten ones revoked."
                        </p>
                    </header>
                    {page.notice}
                    {page.saved.map(|on| saved(on, days))}
                    {read_only.then(|| only_for_admins(organization.clone()))}
                    <ErrorSummary problems labels=&[("days", "Days without use")] />
                    <AutoRevokeForm facts>{preview(&page.preview, false)}</AutoRevokeForm>
                    <Sweeps now sweeps=page.current.sweeps />
                </div>
                {question}
            </Frame>
        }
    }))
}

fn only_for_admins(organization: String) -> AnyView {
    view! {
        <Notice>
            <p>"Only admins and owners of "<b>{organization}</b>" can change this setting."</p>
        </Notice>
    }
    .into_any()
}

fn saved(on: bool, days: u16) -> AnyView {
    let said = if on {
        ["Auto-revoke is on: tokens without a use for ", &words::count_of(days.into(), "day"), " are revoked."].concat()
    } else {
        "Auto-revoke is off: no token is revoked for not being used.".to_owned()
    };
    view! {
        <Notice tone=Tone::Success role="status">
            <p>{said}</p>
        </Notice>
    }
    .into_any()
}

/// Asked without scripts, or when the number has grown since the page was made.
fn question(action: &str, page: &AutoRevokePage) -> AnyView {
    let many = page.preview.would_revoke;
    let title = ["Revoke ", &tokens_to_revoke(many), "?"].concat();
    let days = page.setting.days.clone();
    let cancel = [action, "?days=", &days].concat();
    let has_grown = page.has_grown.then(|| view! { <p><b>{HAS_GROWN}</b></p> });
    let names = page.preview.tokens.iter().map(|idle| view! { <li>{idle.name.clone()}</li> }).collect_view();
    let others = page.preview.others().map(|others| view! { <li class="muted">{others}</li> });
    let actions = view! {
        <form method="post" action=action.to_owned()>
            <input type="hidden" name="on" value="on" />
            <input type="hidden" name="days" value=days />
            <button class="button danger primary" name="confirm" value=many.to_string() data-busy="Saving…">
                {"Save and revoke ".to_owned() + &tokens_to_revoke(many)}
            </button>
        </form>
    }
    .into_any();
    view! {
        <Dialog title=title.into_any() cancel actions>
            {has_grown}
            <p>
                "The next sweep revokes these tokens. Pipelines that use them will fail from then on. This can't be undone."
            </p>
            <ul class="dialog-names" tabindex="0" aria-label="Tokens">
                {names}
                {others}
            </ul>
        </Dialog>
    }
    .into_any()
}

/// What auto-revoke has done.
#[component]
fn Sweeps(now: Timestamp, sweeps: Vec<Sweep>) -> impl IntoView {
    let content = if sweeps.is_empty() {
        Either::Left(view! {
            <p class="sweep-none">"None yet. With auto-revoke on, one begins with every full hour."</p>
        })
    } else {
        let rows = sweeps
            .into_iter()
            .map(|sweep| {
                view! {
                    <tr>
                        <td>
                            <RelativeTime now at=sweep.started_at />
                        </td>
                        <td class="number">{words::count_of(sweep.threshold_days.into(), "day")}</td>
                        <td class="number">{words::number(sweep.revoked.into())}</td>
                        <td class="number">{took(sweep.started_at, sweep.finished_at)}</td>
                    </tr>
                }
            })
            .collect_view();
        Either::Right(view! {
            <table class="table">
                <thead>
                    <tr>
                        <th scope="col">"When"</th>
                        <th scope="col" class="number">"Threshold"</th>
                        <th scope="col" class="number">"Revoked"</th>
                        <th scope="col" class="number">"Took"</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        })
    };
    view! {
        <section class="sweep-history" aria-labelledby="sweeps-title">
            <h2 id="sweeps-title">"Last sweeps"</h2>
            {content}
        </section>
    }
}

/// "40 ms", "3 s", "2 minutes".
fn took(from: Timestamp, to: Timestamp) -> String {
    let millis = (to.micros() - from.micros()).max(0) / 1_000;
    match millis.unsigned_abs() {
        millis @ ..1_000 => millis.max(1).to_string() + " ms",
        millis @ ..60_000 => (millis / 1_000).to_string() + " s",
        millis => words::count_of(millis / 60_000, "minute"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let from = Timestamp::EPOCH;
        let took = |micros| took(from, Timestamp::from_micros(micros));
        assert_eq!([took(0), took(40_000), took(3_400_000), took(125_000_000)], ["1 ms", "40 ms", "3 s", "2 minutes"]);
    }
}

//! Ending tokens: the question over the list, and the answer.

use axum::extract::Path;
use latchkey_domain::words;
use leptos::{either::Either, prelude::*};

use super::{load::List, query::ListQuery, server::answer};
use crate::{
    components::{Dialog, Notice, Tone},
    page::{Page, PageError},
    paths,
    submission::Submission,
};

/// `POST /orgs/{organization}/settings/tokens/revoke`: `id`s, and the state of the list to go back to.
pub(crate) async fn revoke(Path(organization): Path<String>, sent: Submission) -> Result<Page, PageError> {
    let (request, fields) = (&sent.request, &sent.fields);
    let ids: Vec<_> = fields.all("id").map(str::to_owned).collect();
    let (name, ids) = if sent.restored {
        // Asked once more.
        ("revoke", ids)
    } else {
        ("revoked", answer::revoke_all(request, &organization, &ids).await?.ids)
    };
    let mut list = ListQuery::read(fields).href(&paths::tokens(&organization));
    for (at, id) in ids.iter().enumerate() {
        list.push(if at == 0 && !list.contains('?') { '?' } else { '&' });
        list.push_str(name);
        list.push('=');
        paths::push_encoded(&mut list, id);
    }
    Ok(Page::redirect(&list))
}

/// `GET` of the same address, for whoever asks again for the address that they were at.
pub(crate) async fn back_to_list(Path(organization): Path<String>) -> Result<Page, PageError> {
    Ok(Page::redirect(&paths::tokens(&organization)))
}

/// "Revoked GitHub Actions CI."
pub(super) fn done(list: &List) -> impl IntoView + use<> {
    let names: Vec<_> = list.revoked.iter().map(|detail| detail.token.name.clone()).collect();
    let text = match names.len() {
        0 => return None,
        1..=3 => ["Revoked ", &words::and_list(&names), "."].concat(),
        many => ["Revoked ", &words::count_of(many as u64, "token"), "."].concat(),
    };
    Some(view! {
        <Notice tone=Tone::Success role="status">
            <p data-announce="">{text}</p>
        </Notice>
    })
}

/// The question, if somebody asked to revoke.
pub(super) fn question(list: &List) -> impl IntoView + use<> {
    let asked = list.asked.as_ref()?;
    let cancel = list.query.href(&list.base);
    if asked.is_empty() {
        return Some(Either::Left(view! {
            <Notice tone=Tone::Info role="status">
                <p data-announce="">"Nothing was revoked: these tokens have ended before, or are not yours to revoke."</p>
            </Notice>
        }));
    }
    let names: Vec<_> = asked.iter().map(|detail| detail.token.name.clone()).collect();
    let one = names.len() == 1;
    let title = match names.as_slice() {
        [name] => Either::Left(view! { "Revoke " <em>{name.clone()}</em> "?" }),
        many => Either::Right(["Revoke ", &words::count_of(many.len() as u64, "token"), "?"].concat()),
    };
    let consequence = if one {
        "Pipelines that use it will fail at once. This can't be undone."
    } else {
        "Pipelines that use them will fail at once. This can't be undone."
    };
    let listed = (!one).then(|| {
        let names = names.into_iter().map(|name| view! { <li>{name}</li> }).collect_view();
        view! {
            <ul class="dialog-names" tabindex="0" aria-label="Tokens to revoke">
                {names}
            </ul>
        }
    });
    let ids = asked.iter().map(|detail| hidden("id", detail.token.id.to_string())).collect_view();
    let state = list.query.pairs().into_iter().map(|(name, value)| hidden(name, value)).collect_view();
    let action = [&list.base, "/revoke"].concat();
    let actions = view! {
        <form method="post" action=action>
            {ids}
            {state}
            <button class="button danger primary" data-busy="Revoking…">
                {if one { "Revoke token" } else { "Revoke tokens" }}
            </button>
        </form>
    };
    Some(Either::Right(view! {
        <Dialog title=title.into_any() cancel actions=actions.into_any()>
            <p>{consequence}</p>
            {listed}
        </Dialog>
    }))
}

/// A value that a form carries along.
pub(super) fn hidden(name: &'static str, value: String) -> impl IntoView + use<> {
    view! { <input type="hidden" name=name value=value /> }
}

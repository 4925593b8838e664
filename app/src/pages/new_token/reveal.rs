//! The one screen that shows a secret: the answer to a form that was sent without scripts, and what the island puts in
//! the form's place. The secret is text in this markup and nowhere else: not in an address, in storage, or in what an
//! island takes from the page.

use latchkey_domain::{Timestamp, words};
use leptos::prelude::*;

use super::guard::RevealGuard;
use crate::{
    components::{Frame, NavPage},
    page_request::LayoutContext,
    paths,
};

/// A token that has just been made, on its way to the one screen that shows its secret. It has no `Debug`, so that it
/// can't get into a log.
pub struct Created {
    pub id: String,
    pub name: String,
    pub expires_at: Option<Timestamp>,
    pub secret: String,
}

/// The whole page, for the answer without scripts.
#[component]
pub fn RevealPage(layout: LayoutContext, created: Created, organization: String, public_url: String) -> impl IntoView {
    view! {
        <Frame layout title="Token created" page=NavPage::NewToken>
            <div class="narrow new-token">
                <Reveal created organization public_url autofocus=true />
                <RevealGuard />
            </div>
        </Frame>
    }
}

/// The secret, and what to do with it.
#[component]
pub fn Reveal(created: Created, organization: String, public_url: String, autofocus: bool) -> impl IntoView {
    let list = paths::tokens(&organization);
    let done = [&list, "?new=", &created.id].concat();
    let leave = done.clone();
    let until = match created.expires_at {
        Some(at) => "It expires on ".to_owned() + &words::date(at) + ".",
        None => "It never expires.".to_owned(),
    };
    let uses = uses(&created.secret, &public_url).into_iter().map(usage).collect_view();
    view! {
        <section class="reveal stack" id="reveal" data-token=created.id aria-labelledby="reveal-title">
            <header class="page-header">
                <h1 id="reveal-title" tabindex="-1" autofocus=autofocus>
                    "Token created"
                </h1>
                <p class="page-lead">
                    <b class="named">{created.name}</b>
                    " works from now on. "
                    {until}
                </p>
            </header>
            <div class="card reveal-secret">
                <label class="label" for="secret">
                    "Secret"
                </label>
                <div class="reveal-row">
                    <input
                        class="input mono"
                        type="text"
                        id="secret"
                        value=created.secret
                        readonly=true
                        autocomplete="off"
                        spellcheck="false"
                        aria-describedby="secret-hint"
                    />
                    <button class="button primary" type="button" data-copy-from="secret" data-secret="">
                        "Copy"
                    </button>
                </div>
                <p class="hint" id="secret-hint">
                    "Copy it now and keep it where secrets are kept. It won't be shown again, and Latchkey does not \
                     store it."
                </p>
            </div>
            <h2 class="reveal-uses-title">"Use it"</h2>
            <div class="reveal-uses">{uses}</div>
            <p class="row">
                <a class="button primary" id="done" href=done>
                    "Done"
                </a>
            </p>
            <dialog class="dialog" id="leave" aria-labelledby="leave-title">
                <h2 class="dialog-title" id="leave-title">
                    "Leave without the secret?"
                </h2>
                <div class="dialog-body">
                    <p>
                        "You have not copied it, and it can't be shown again. Without it the token is of no use, and you \
                         would have to create another one."
                    </p>
                </div>
                <div class="dialog-actions">
                    <button class="button primary" type="button" id="stay">
                        "Back to the secret"
                    </button>
                    <a class="button" id="leave-anyway" href=leave>
                        "Leave without it"
                    </a>
                </div>
            </dialog>
        </section>
    }
}

/// One way to use a token.
struct Usage {
    id: &'static str,
    title: &'static str,
    note: &'static str,
    /// Lines to paste.
    code: String,
    /// The secret is among them.
    secret: bool,
}

fn uses(secret: &str, public_url: &str) -> [Usage; 5] {
    let whoami = [public_url, "/api/auth/whoami"].concat();
    let by_variable = ["curl -fsS -H \"Authorization: Bearer $LATCHKEY_TOKEN\" ", &whoami].concat();
    [
        Usage {
            id: "use-curl",
            title: "curl",
            note: "Asks what this token is and what it may do.",
            code: ["curl -H \"Authorization: Bearer ", secret, "\" ", &whoami].concat(),
            secret: true,
        },
        Usage {
            id: "use-github",
            title: "GitHub Actions",
            note: "Add the secret to the repository under Settings, Secrets and variables, Actions, with the name \
                   LATCHKEY_TOKEN. A workflow step then reads it from there.",
            code: [
                "- name: Ask Latchkey\n  env:\n    LATCHKEY_TOKEN: ${{ secrets.LATCHKEY_TOKEN }}\n  run: ",
                &by_variable,
            ]
            .concat(),
            secret: false,
        },
        Usage {
            id: "use-gitlab",
            title: "GitLab CI",
            note: "Add the secret to the project under Settings, CI/CD, Variables, with the key LATCHKEY_TOKEN, masked \
                   and protected. Every job then has it.",
            code: ["ask-latchkey:\n  script:\n    - '", &by_variable, "'"].concat(),
            secret: false,
        },
        Usage {
            id: "use-shell",
            title: "Shell",
            note: "For this session of your shell.",
            code: ["export LATCHKEY_TOKEN=", secret, "\n", &by_variable].concat(),
            secret: true,
        },
        Usage {
            id: "use-env",
            title: ".env file",
            note: "Keep the file out of version control.",
            code: ["LATCHKEY_TOKEN=", secret].concat(),
            secret: true,
        },
    ]
}

/// One at a time is open; the browser sees to that by their common name.
fn usage(usage: Usage) -> impl IntoView {
    let label = ["Copy for ", usage.title].concat();
    view! {
        <details class="usage" name="usage" open=usage.id == "use-curl">
            <summary>{usage.title}</summary>
            <p class="hint">{usage.note}</p>
            <div class="code">
                <pre>
                    <code id=usage.id>{usage.code}</code>
                </pre>
                <button
                    class="button small"
                    type="button"
                    data-copy-from=usage.id
                    data-secret=usage.secret.then_some("")
                    aria-label=label
                >
                    "Copy"
                </button>
            </div>
        </details>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "ci_000000000000000000000000000000000000";

    fn html() -> String {
        let created = Created {
            id: "0193b9a0-0000-7000-8000-000000000001".into(),
            name: "<CI> & friends".into(),
            expires_at: Some("2027-02-20T00:00:00Z".parse().unwrap()),
            secret: SECRET.into(),
        };
        let (organization, public_url) = ("acme".to_owned(), "https://keys.example".to_owned());
        view! { <Reveal created organization public_url autofocus=true /> }.to_html()
    }

    #[test]
    fn the_secret_is_where_it_is_used_and_nowhere_else() {
        let html = html();
        // The field, curl, the shell, the file; stores get the name of a variable.
        assert_eq!(html.matches(SECRET).count(), 4, "{html}");
        assert_eq!(html.matches(&format!("value=\"{SECRET}\"")).count(), 1);
        assert!(html.contains("${{ secrets.LATCHKEY_TOKEN }}"));
    }

    #[test]
    fn the_secret_is_in_no_address_and_no_island() {
        let html = html();
        for island in ["data-props", "data-facts", "leptos-island"] {
            assert!(!html.contains(island), "{island}");
        }
        for address in html.split("href=\"").skip(1) {
            assert!(!address.split('"').next().unwrap().contains("ci_"));
        }
    }

    #[test]
    fn what_is_pasted_is_what_is_shown() {
        let html = html();
        assert!(html.contains(&format!(
            "<code id=\"use-curl\">curl -H \"Authorization: Bearer {SECRET}\" https://keys.example/api/auth/whoami</code>"
        )));
        assert!(html.contains("&lt;CI&gt; &amp; friends"));
    }
}

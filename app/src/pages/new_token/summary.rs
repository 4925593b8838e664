//! The sentence or two that say what the token of the form would be able to do. One function, run on the server and in
//! the browser, so that what is said and what is sent can't differ.

use latchkey_domain::{RepositoryAccess, ScopeInfo, Timestamp, words};

use super::values::{Expires, FormOptions, Values};

/// Text with emphasis: pairs of plain and emphasised text, and plain text at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    pub pieces: Vec<(String, String)>,
    pub rest: String,
}

impl Summary {
    fn plain(&mut self, text: &str) {
        self.rest.push_str(text);
    }

    fn strong(&mut self, text: &str) {
        self.pieces.push((std::mem::take(&mut self.rest), text.to_owned()));
    }
}

/// Says what the form says.
pub fn summary(values: &Values, options: &FormOptions, now: Timestamp) -> Summary {
    let mut said = Summary::default();
    power(&mut said, values, options);
    lifetime(&mut said, values, now);
    networks(&mut said, values);
    said
}

/// What the token can do, and to what.
fn power(said: &mut Summary, values: &Values, options: &FormOptions) {
    let chosen = |info: &&ScopeInfo| values.scopes.iter().any(|scope| scope == info.name.as_str());
    let of = |portal: bool| {
        let groups = options.groups.iter().filter(|group| group.portal == portal);
        clauses(groups.flat_map(|group| &group.scopes).filter(chosen), portal)
    };
    let (guarded, portal) = (of(false), of(true));
    if guarded.is_empty() && portal.is_empty() {
        said.plain("This token ");
        said.strong("can't do anything yet");
        said.plain(": choose at least one scope.");
        return;
    }
    said.plain("This token will be able to ");
    if !guarded.is_empty() {
        say(said, &guarded);
        said.plain(" on ");
        said.strong(&reach(values));
        owner(said, " of ", values, options);
        if values.all_repositories {
            said.plain(", current and future");
        }
        said.plain(".");
        if !portal.is_empty() {
            said.plain(" It can also ");
            say(said, &portal);
            said.plain(".");
        }
        return;
    }
    say(said, &portal);
    owner(said, " in ", values, options);
    said.plain(".");
    if values.scopes.iter().any(|scope| scope == "tokens:manage") {
        said.plain(" Tokens that it creates reach no more than ");
        said.strong(&reach(values));
        said.plain(".");
    }
}

/// " of *acme*", or " of the project *Payments* of *acme*".
fn owner(said: &mut Summary, preposition: &str, values: &Values, options: &FormOptions) {
    said.plain(preposition);
    if values.in_project {
        match options.project(&values.project) {
            Some(project) => {
                said.plain("the project ");
                said.strong(project);
            }
            None => said.strong("a project that you have not chosen yet"),
        }
        said.plain(" of ");
    }
    said.strong(&options.organization);
}

/// "2 repositories", "all repositories".
fn reach(values: &Values) -> String {
    match values.repositories.len() {
        _ if values.all_repositories => "all repositories".to_owned(),
        0 => "no repositories yet".to_owned(),
        1 => "1 repository".to_owned(),
        count @ ..=RepositoryAccess::MAX => words::number(count as u64) + " repositories",
        _ => "more repositories than a token can list".to_owned(),
    }
}

/// What can be done, by verb: ("read", ["scans", "drifts"]), in the order of the form.
fn clauses<'a>(scopes: impl Iterator<Item = &'a ScopeInfo>, portal: bool) -> Vec<(&'a str, Vec<&'a str>)> {
    let mut clauses: Vec<(&str, Vec<&str>)> = Vec::new();
    for scope in scopes {
        let thing = thing(scope.name.resource(), portal);
        match clauses.iter_mut().find(|(verb, _)| *verb == scope.name.action()) {
            Some((_, things)) => things.push(thing),
            None => clauses.push((scope.name.action(), vec![thing])),
        }
    }
    clauses
}

/// What people call a resource; those of other services are called what their scopes call them.
fn thing(resource: &str, portal: bool) -> &str {
    match resource {
        "repos" => "repositories",
        "tokens" if portal => "API tokens",
        "org" if portal => "settings",
        other => other,
    }
}

fn say(said: &mut Summary, clauses: &[(&str, Vec<&str>)]) {
    for (at, (verb, things)) in clauses.iter().enumerate() {
        if at > 0 {
            // Two clauses read well without a comma; of more, each may itself have an "and".
            said.plain(match (at + 1 == clauses.len(), clauses.len()) {
                (true, 2) => " and ",
                (true, _) => ", and ",
                (false, _) => ", ",
            });
        }
        said.strong(verb);
        said.plain(" ");
        said.plain(&words::and_list(things));
    }
}

fn lifetime(said: &mut Summary, values: &Values, now: Timestamp) {
    match values.expires_at(now) {
        Ok(Ok(None)) => {
            said.plain(" It ");
            said.strong("never expires");
        }
        Ok(Ok(Some(_))) if values.expires == Expires::OnDate => {
            said.plain(" It expires at the end of ");
            said.strong(&Timestamp::from_date(&values.expires_on).map(words::date).unwrap_or_default());
            said.plain(" (UTC)");
        }
        Ok(Ok(Some(at))) => {
            said.plain(" It expires on ");
            said.strong(&words::date(at));
        }
        Ok(Err(_)) | Err(_) => {
            said.plain(" It needs ");
            said.strong("a date in the next 10 years");
            said.plain(" to expire on");
        }
    }
    said.plain(".");
}

fn networks(said: &mut Summary, values: &Values) {
    let count = values.network_lines().count();
    if count > 0 {
        said.plain(" It works only from ");
        said.strong(&words::count_of(count as u64, "network"));
        said.plain(".");
    }
}

#[cfg(test)]
#[cfg(feature = "ssr")]
mod tests {
    use super::super::values::tests::{choice, options};
    use super::*;

    /// The summary with emphasis as in Markdown.
    fn said(change: impl FnOnce(&mut Values)) -> String {
        let mut values = Values::default();
        change(&mut values);
        let options = options();
        let summary = summary(&values, &options, options.now);
        let pieces = summary.pieces.iter().map(|(plain, strong)| format!("{plain}**{strong}**"));
        pieces.collect::<String>() + &summary.rest
    }

    fn scopes(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn nothing_chosen() {
        assert_eq!(
            said(|_| ()),
            "This token **can't do anything yet**: choose at least one scope. It expires on **20 February 2027**."
        );
    }

    #[test]
    fn the_sentence_of_the_specification() {
        let said = said(|values| {
            values.scopes = scopes(&["scans:read", "scans:trigger", "drifts:read"]);
            values.repositories = vec![choice("1", "acme/api"), choice("2", "acme/web")];
        });
        assert_eq!(
            said,
            "This token will be able to **read** scans and drifts and **trigger** scans on **2 repositories** of \
             **acme**. It expires on **20 February 2027**."
        );
    }

    #[test]
    fn reach() {
        let reach = |change: fn(&mut Values)| {
            said(|values| {
                values.scopes = scopes(&["scans:read"]);
                values.expires = Expires::Never;
                change(values);
            })
        };
        assert_eq!(
            reach(|_| ()),
            "This token will be able to **read** scans on **no repositories yet** of **acme**. It **never expires**."
        );
        assert_eq!(
            reach(|values| values.repositories = vec![choice("1", "acme/api")]),
            "This token will be able to **read** scans on **1 repository** of **acme**. It **never expires**."
        );
        // The list is kept in the form, and does not count.
        let all = reach(|values| {
            values.repositories = vec![choice("1", "acme/api")];
            values.all_repositories = true;
        });
        assert_eq!(
            all,
            "This token will be able to **read** scans on **all repositories** of **acme**, current and future. It \
             **never expires**."
        );
    }

    #[test]
    fn projects() {
        let project = |id: &str| {
            said(|values| {
                values.scopes = scopes(&["scans:read"]);
                values.all_repositories = true;
                values.in_project = true;
                values.project = id.to_owned();
            })
        };
        assert!(project("p1").contains("on **all repositories** of the project **Payments** of **acme**, current"));
        assert!(project("").contains("of **a project that you have not chosen yet** of **acme**"));
    }

    #[test]
    fn many_verbs_and_the_portal_itself() {
        let said = said(|values| {
            values.scopes = options().preset(2).unwrap();
            values.all_repositories = true;
        });
        assert!(said.starts_with(
            "This token will be able to **read** repositories, scans, drifts and runners, **write** repositories and \
             drifts, **trigger** scans, and **manage** runners on **all repositories** of **acme**, current and \
             future. It can also **read** API tokens and settings, **manage** API tokens, and **introspect** API \
             tokens. It expires"
        ));
    }

    #[test]
    fn only_the_portal() {
        let only = |names: &[&str]| said(|values| values.scopes = scopes(names));
        assert!(only(&["org:read"]).starts_with("This token will be able to **read** settings in **acme**. It"));
        assert!(only(&["tokens:manage"]).starts_with(
            "This token will be able to **manage** API tokens in **acme**. Tokens that it creates reach no more than \
             **no repositories yet**. It"
        ));
    }

    #[test]
    fn dates_and_networks() {
        let on = |date: &str| {
            said(|values| {
                values.expires = Expires::OnDate;
                values.expires_on = date.to_owned();
                values.networks = "\n 10.0.0.0/8 \n192.0.2.7\n".to_owned();
            })
        };
        assert!(
            on("2027-01-31")
                .ends_with("It expires at the end of **31 January 2027** (UTC). It works only from **2 networks**.")
        );
        for unusable in ["", "2020-01-01", "2127-01-01", "31.1.2027"] {
            assert!(on(unusable).contains("It needs **a date in the next 10 years** to expire on."), "{unusable}");
        }
    }

    #[test]
    fn scopes_that_the_form_does_not_offer_are_not_promised() {
        assert!(said(|values| values.scopes = scopes(&["orgs:create"])).contains("can't do anything yet"));
    }
}

//! What a link to the form asks it to be filled in with.

use latchkey_domain::{ProjectName, RepositoryAccess, Timestamp};

use super::values::{Expires, FormOptions, Values};
use crate::fields::Fields;

/// The form as a link wants it. What the link asks for and nobody can have is left out, and said to have been.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Prefill {
    pub values: Values,
    /// Ids or full names of repositories, still to be looked up.
    pub repositories: Vec<String>,
    /// What was left out, for the notice. Never the link's own words: anybody can write a link.
    pub ignored: Vec<&'static str>,
    /// The token that the form has just created.
    pub created: Option<String>,
}

/// Reads the query of the form's address.
pub fn prefill(asked: &Fields, options: &FormOptions) -> Prefill {
    let mut read = Prefill { created: asked.some("created").map(str::to_owned), ..Prefill::default() };
    read.values.in_project = !options.may_administer;
    if let [only] = &*options.projects
        && !options.may_administer
    {
        read.values.project.clone_from(&only.id);
    }
    read.values.name = clean(asked.text("name"), 200, "");
    read.values.description = clean(asked.text("description"), 1_000, "\n");
    read.values.networks = clean(&asked.text("networks").replace(',', "\n"), Values::NETWORKS_MAX, "\n");
    if asked.has("expires") {
        read.expires(asked.text("expires"), options.now);
    }
    read.scopes(asked.text("scopes"), options);
    read.repositories(asked.text("repositories"));
    if let Some(project) = asked.some("project") {
        read.project(project, options);
    }
    read
}

/// The beginning of a text, without what can't be typed.
fn clean(text: &str, max: usize, also: &str) -> String {
    text.chars().filter(|c| !c.is_control() || also.contains(*c)).take(max).collect()
}

impl Prefill {
    /// Remembers that some of what the link asks for was left out.
    pub fn ignore(&mut self, what: &'static str) {
        if !self.ignored.contains(&what) {
            self.ignored.push(what);
        }
    }

    fn expires(&mut self, text: &str, now: Timestamp) {
        if let Some(choice) = Expires::parse(text).filter(|choice| *choice != Expires::OnDate) {
            self.values.expires = choice;
            return;
        }
        let days = text.trim_end_matches('d').parse().ok().filter(|days| (1..=3_650).contains(days));
        let date = match days {
            Some(days) => Some(now.plus_days(days).date()),
            None => Timestamp::from_date(text).is_ok().then(|| text.to_owned()),
        };
        let Some(date) = date else { return self.ignore("an expiration") };
        let asked = Values { expires: Expires::OnDate, expires_on: date, ..Values::default() };
        if matches!(asked.expires_at(now), Ok(Ok(_))) {
            self.values.expires = asked.expires;
            self.values.expires_on = asked.expires_on;
        } else {
            self.ignore("an expiration");
        }
    }

    fn scopes(&mut self, text: &str, options: &FormOptions) {
        let asked: Vec<&str> = text.split([',', ' ']).filter(|scope| !scope.is_empty()).collect();
        self.values.scopes = options.in_order(|scope| asked.contains(&scope));
        if asked.iter().any(|scope| !self.values.scopes.iter().any(|known| known == scope)) {
            self.ignore("a scope");
        }
    }

    fn repositories(&mut self, text: &str) {
        self.values.all_repositories = text == "all";
        if !self.values.all_repositories {
            let asked = text.split(',').map(str::trim).filter(|repository| !repository.is_empty());
            self.repositories = asked.map(str::to_owned).collect();
            if self.repositories.len() > RepositoryAccess::MAX {
                self.repositories.truncate(RepositoryAccess::MAX);
                self.ignore("a repository");
            }
        }
    }

    fn project(&mut self, text: &str, options: &FormOptions) {
        let key = |name| ProjectName::stored(name).key();
        match options.projects.iter().find(|project| project.id == text || key(&project.name) == key(text)) {
            Some(project) => {
                self.values.in_project = true;
                self.values.project.clone_from(&project.id);
            }
            None => self.ignore("a project"),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use axum::extract::Query;

    use super::super::values::tests::options;
    use super::*;

    /// A query string, or a form's body.
    pub(crate) fn fields(query: &str) -> Fields {
        let Query(fields) = Query::try_from_uri(&format!("/?{query}").parse().unwrap()).unwrap();
        fields
    }

    fn read(query: &str) -> Prefill {
        prefill(&fields(query), &options())
    }

    #[test]
    fn nothing_asked_for_is_the_untouched_form() {
        assert_eq!(read(""), Prefill::default());
        assert_eq!(read("utm_source=mail&theme=dark"), Prefill::default());
    }

    #[test]
    fn expirations() {
        let expires = |text: &str| {
            let read = read(&format!("expires={text}"));
            (read.values.expires, read.values.expires_on, read.ignored)
        };
        assert_eq!(expires("30"), (Expires::Days(30), String::new(), vec![]));
        assert_eq!(expires("none"), (Expires::Never, String::new(), vec![]));
        assert_eq!(expires("2027-01-31"), (Expires::OnDate, "2027-01-31".into(), vec![]));
        // 45 days is no button, but a date.
        assert_eq!(expires("45d"), (Expires::OnDate, "2027-01-06".into(), vec![]));
        for bad in ["", "date", "soon", "2020-01-31", "2127-01-31", "2027-02-30", "0", "99999", "-1"] {
            assert_eq!(expires(bad), (Expires::Days(90), String::new(), vec!["an expiration"]), "{bad}");
        }
    }

    #[test]
    fn scopes_are_those_of_the_form_in_its_order() {
        let read = read("scopes=scans:trigger,repos:read,scans:trigger,scans:delete,orgs:create");
        assert_eq!(read.values.scopes, ["repos:read", "scans:trigger"]);
        assert_eq!(read.ignored, ["a scope"]);
    }

    #[test]
    fn repositories() {
        assert!(read("repositories=all").values.all_repositories);
        let some = read("repositories=acme/api,%20acme/web,,");
        assert_eq!(some.repositories, ["acme/api", "acme/web"]);
        assert!(!some.values.all_repositories);
        let many = read(&format!("repositories={}", vec!["acme/api"; 501].join(",")));
        assert_eq!((many.repositories.len(), many.ignored), (500, vec!["a repository"]));
    }

    #[test]
    fn projects_by_id_and_by_name() {
        for text in ["p1", "payments"] {
            let values = read(&format!("project={text}")).values;
            assert_eq!((values.in_project, &*values.project), (true, "p1"), "{text}");
        }
        assert_eq!(read("project=p9").ignored, ["a project"]);
    }

    #[test]
    fn who_may_not_administer_makes_tokens_of_projects() {
        let mut options = options();
        options.may_administer = false;
        let values = prefill(&Fields::default(), &options).values;
        assert_eq!((values.in_project, &*values.project), (true, ""));
        options.projects.truncate(1);
        assert_eq!(prefill(&Fields::default(), &options).values.project, "p1");
    }

    #[test]
    fn texts_are_cut_and_cleaned() {
        let read = read(&format!("name={}%00&description=a%0Ab%07", "n".repeat(300)));
        assert_eq!((read.values.name.len(), &*read.values.description), (200, "a\nb"));
    }
}

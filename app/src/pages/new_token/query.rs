//! The form as the query of its page's address, so that a reload, a link and *Back* keep what was typed.

use super::values::{Expires, FormOptions, Values};
use crate::paths;

/// Longest description that goes into the address, in characters.
const DESCRIPTION_MAX: usize = 200;
/// Most repositories that go into the address: proxies refuse addresses of more than about 8,000 characters.
const REPOSITORIES_MAX: usize = 100;

/// What comes after the `?`; nothing for a form that nobody has touched.
pub fn query(values: &Values, options: &FormOptions) -> String {
    let mut query = Query(String::new());
    query.pair("name", &values.name);
    if values.description.chars().count() <= DESCRIPTION_MAX {
        query.pair("description", &values.description);
    }
    match values.expires {
        Expires::OnDate => query.pair("expires", &values.expires_on),
        Expires::Days(90) => (),
        other => query.pair("expires", other.value()),
    }
    query.pair("scopes", &values.scopes.join(","));
    if values.all_repositories {
        query.pair("repositories", "all");
    } else if values.repositories.len() <= REPOSITORIES_MAX {
        let ids: Vec<&str> = values.repositories.iter().map(|repository| &*repository.id).collect();
        query.pair("repositories", &ids.join(","));
    }
    if values.in_project {
        // The choice is always there for those who have no other.
        let only = !options.may_administer && options.projects.len() == 1;
        query.pair("project", if only { "" } else { &values.project });
    }
    query.pair("networks", &values.network_lines().collect::<Vec<_>>().join(","));
    query.0
}

struct Query(String);

impl Query {
    /// Adds `name=value`, unless the value is empty.
    fn pair(&mut self, name: &str, value: &str) {
        if value.is_empty() {
            return;
        }
        if !self.0.is_empty() {
            self.0.push('&');
        }
        self.0.push_str(name);
        self.0.push('=');
        encode(&mut self.0, value);
    }
}

/// Percent-encodes a value, and leaves the marks that are safe in a query (RFC 3986, section 3.4) to be read.
fn encode(out: &mut String, text: &str) {
    const MARKS: [char; 3] = [',', ':', '/'];
    for part in text.split_inclusive(MARKS) {
        let word = part.strip_suffix(MARKS).unwrap_or(part);
        paths::push_encoded(out, word);
        out.push_str(&part[word.len()..]);
    }
}

#[cfg(test)]
#[cfg(feature = "ssr")]
mod tests {
    use super::super::{
        prefill::{prefill, tests::fields},
        values::tests::{choice, options},
    };
    use super::*;

    #[test]
    fn an_untouched_form_has_a_clean_address() {
        assert_eq!(query(&Values::default(), &options()), "");
    }

    #[test]
    fn what_it_writes_prefill_reads() {
        let values = Values {
            name: "CI & 100% \"deploy\"=ä+b #1".into(),
            description: "two\nlines".into(),
            expires: Expires::OnDate,
            expires_on: "2027-01-31".into(),
            scopes: vec!["scans:read".into(), "scans:trigger".into()],
            all_repositories: true,
            repositories: Vec::new(),
            in_project: true,
            project: "p2".into(),
            networks: "10.0.0.0/8\n2001:db8::/32".into(),
        };
        let read = prefill(&fields(&query(&values, &options())), &options());
        assert_eq!(read.values, values);
        assert!(read.ignored.is_empty());
    }

    #[test]
    fn repositories_are_named_by_id_and_left_out_when_they_are_too_many() {
        let with = |count: usize| {
            let repositories = (0..count).map(|id| choice(&id.to_string(), "acme/api")).collect();
            query(&Values { repositories, ..Values::default() }, &options())
        };
        assert_eq!(with(2), "repositories=0,1");
        assert_eq!(with(101), "");
    }

    #[test]
    fn a_long_description_stays_out() {
        let values = Values { description: "x".repeat(201), ..Values::default() };
        assert_eq!(query(&values, &options()), "");
    }
}

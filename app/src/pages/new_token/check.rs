//! What is wrong with the form, in words for whoever fills it in. The rules are the domain's; the service applies them
//! again to whatever is sent.

use latchkey_domain::{
    Description, ExpiryError, NameError, RepositoryAccess, RepositoryAccessError, Timestamp, TokenName, words,
};

use super::values::{FormOptions, Values};
use crate::answers::Problem;

/// Every field that is wrong, in the order of the form. The networks are left to the service: reading addresses would
/// weigh more in the browser than the round trip.
pub fn check(values: &Values, options: &FormOptions, now: Timestamp) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut wrong = |field: &str, message: &str| problems.push(Problem::new(field, message));
    match TokenName::check(&values.name) {
        Ok(_) => (),
        Err(NameError::Empty) => wrong("name", "Enter a name, such as GitHub Actions CI"),
        Err(NameError::TooLong { .. }) => wrong("name", "Use at most 100 characters for the name"),
        Err(NameError::Unseen) => wrong("name", "Type the name again: it has characters in it that can't be seen"),
        Err(error) => wrong("name", &["The name ", &error.to_string()].concat()),
    }
    match Description::check(&values.description) {
        Ok(_) => (),
        Err(NameError::TooLong { .. }) => wrong("description", "Use at most 500 characters for the description"),
        Err(NameError::Unseen) => {
            wrong("description", "Type the description again: it has characters in it that can't be seen");
        }
        Err(error) => wrong("description", &["The description ", &error.to_string()].concat()),
    }
    match values.expires_at(now) {
        Ok(Ok(_)) => (),
        Err(_) => wrong("expires", "Choose the date that the token expires on"),
        Ok(Err(ExpiryError::TooFar)) => wrong("expires", "Choose a date within 10 years, or no expiration"),
        Ok(Err(_)) => wrong("expires", "Choose a date that is not in the past"),
    }
    if !options.scopes().any(|info| values.scopes.iter().any(|scope| scope == info.name.as_str())) {
        wrong("scopes", "Choose at least one scope");
    }
    let reach = if values.all_repositories {
        Ok(())
    } else {
        match values.repositories.len() {
            0 => Err(RepositoryAccessError::Empty),
            1..=RepositoryAccess::MAX => Ok(()),
            _ => Err(RepositoryAccessError::TooMany),
        }
    };
    match reach {
        Ok(()) => (),
        Err(RepositoryAccessError::TooMany) => {
            let most = words::number(RepositoryAccess::MAX as u64);
            let message = ["Choose at most ", &most, " repositories, or all repositories"].concat();
            wrong("repositories", &message);
        }
        Err(_) => wrong("repositories", "Choose at least one repository, or all repositories"),
    }
    if values.in_project && options.project(&values.project).is_none() {
        wrong("project", "Choose the project that the token belongs to");
    }
    problems
}

#[cfg(test)]
#[cfg(feature = "ssr")]
mod tests {
    use super::super::values::{
        Expires,
        tests::{choice, options},
    };
    use super::*;

    fn good() -> Values {
        Values { name: "CI".into(), scopes: vec!["scans:read".into()], all_repositories: true, ..Values::default() }
    }

    fn wrong(change: impl FnOnce(&mut Values)) -> Vec<String> {
        let mut values = good();
        change(&mut values);
        let options = options();
        check(&values, &options, options.now).into_iter().map(|problem| problem.field).collect()
    }

    #[test]
    fn a_good_form_has_no_problem() {
        assert!(wrong(|_| ()).is_empty());
    }

    #[test]
    fn everything_is_said_at_once_and_in_order() {
        let empty = check(
            &Values { expires: Expires::OnDate, in_project: true, ..Values::default() },
            &options(),
            options().now,
        );
        let fields: Vec<_> = empty.iter().map(|problem| &*problem.field).collect();
        assert_eq!(fields, ["name", "expires", "scopes", "repositories", "project"]);
    }

    #[test]
    fn each_rule() {
        assert_eq!(wrong(|values| values.name = "n".repeat(101)), ["name"]);
        assert_eq!(wrong(|values| values.name = "a\u{202e}b".into()), ["name"]);
        assert_eq!(wrong(|values| values.name = "dep\u{ad}loy".into()), ["name"]);
        assert_eq!(wrong(|values| values.name = "👩\u{200d}💻".repeat(100)), [""; 0]);
        assert_eq!(wrong(|values| values.description = "d".repeat(501)), ["description"]);
        assert_eq!(wrong(|values| values.expires = Expires::OnDate), ["expires"]);
        assert_eq!(wrong(|values| values.scopes = vec!["orgs:create".into()]), ["scopes"]);
        assert_eq!(wrong(|values| values.all_repositories = false), ["repositories"]);
        let many = |count: usize| (0..count).map(|id| choice(&id.to_string(), "acme/api")).collect::<Vec<_>>();
        let list = |count: usize| {
            wrong(|values| {
                values.all_repositories = false;
                values.repositories = many(count);
            })
        };
        assert!(list(500).is_empty());
        assert_eq!(list(501), ["repositories"]);
        assert_eq!(wrong(|values| values.in_project = true), ["project"]);
    }
}

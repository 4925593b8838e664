//! Reads the form as it was sent, or as it stands in the page: one reading, on the server and in the browser.

use super::values::{Expires, FormOptions, NamedRef, Values};

/// Which button sent the form; its value of the field `action`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    Create,
    /// The Enter key in a field: browsers take the form's first button for it.
    Enter,
    Find,
    /// A preset of scopes by its index; `None` clears the choice.
    Preset(Option<usize>),
    /// Adds a scope.
    Add(String),
    /// Renders the page again, with the summary of what is in the form.
    Check,
}

impl Action {
    /// Reads a button's value; no button at all creates, as the Enter key does.
    pub fn parse(value: &str) -> Self {
        match value.split_once(':') {
            Some(("preset", index)) => Self::Preset(index.parse().ok()),
            Some(("add", scope)) => Self::Add(scope.to_owned()),
            _ => match value {
                "create" => Self::Create,
                "find" => Self::Find,
                "check" => Self::Check,
                _ => Self::Enter,
            },
        }
    }

    /// Does to the form what the button says, if that is all it does.
    pub fn apply(&self, values: &mut Values, options: &FormOptions) {
        match self {
            Self::Preset(index) => {
                values.scopes = index.and_then(|index| options.preset(index)).unwrap_or_default();
            }
            Self::Add(scope) => {
                values.scopes =
                    options.in_order(|known| known == scope || values.scopes.iter().any(|one| one == known));
            }
            _ => (),
        }
    }
}

/// The values of a field by its name.
pub type FieldReader<'a> = &'a dyn Fn(&str) -> Vec<String>;

/// Reads everything but the repositories, which are found out where their names are known.
pub fn read(sent: FieldReader<'_>, repositories: Vec<NamedRef>, options: &FormOptions) -> Values {
    let text = |name: &str| sent(name).into_iter().next().unwrap_or_default();
    let scopes = sent("scopes");
    let level = text("level");
    Values {
        name: text("name"),
        description: text("description").replace("\r\n", "\n"),
        expires: Expires::parse(&text("expires")).unwrap_or(Values::default().expires),
        expires_on: text("expires_on"),
        scopes: options.in_order(|scope| scopes.iter().any(|one| one == scope)),
        all_repositories: text("access") == "all",
        repositories,
        // Who has no choice is not asked.
        in_project: !options.may_administer || level == "project",
        project: text("project"),
        networks: text("networks").replace("\r\n", "\n"),
    }
}

#[cfg(test)]
#[cfg(feature = "ssr")]
mod tests {
    use super::{super::prefill::tests::fields, super::values::tests::options, *};

    fn sent(body: &str) -> Values {
        let fields = fields(body);
        read(&|name| fields.all(name).map(str::to_owned).collect(), Vec::new(), &options())
    }

    #[test]
    fn a_form_with_repeated_fields() {
        let values = sent(
            "creation_key=k&name=+CI+&description=a%0D%0Ab&expires=date&expires_on=2027-01-31&scopes=scans%3Atrigger\
             &scopes=scans%3Aread&scopes=scans%3Aread&scopes=bogus%3Ascope&access=only&level=project&project=p1\
             &networks=10.0.0.0%2F8%0D%0A",
        );
        let expected = Values {
            name: "CI".into(),
            description: "a\nb".into(),
            expires: Expires::OnDate,
            expires_on: "2027-01-31".into(),
            scopes: vec!["scans:read".into(), "scans:trigger".into()],
            all_repositories: false,
            repositories: Vec::new(),
            in_project: true,
            project: "p1".into(),
            networks: "10.0.0.0/8".into(),
        };
        assert_eq!(sent(""), Values::default());
        assert_eq!(values, expected);
    }

    #[test]
    fn buttons() {
        assert_eq!(Action::parse(""), Action::Enter);
        assert_eq!(Action::parse("preset:2"), Action::Preset(Some(2)));
        assert_eq!(Action::parse("preset:none"), Action::Preset(None));
        let mut values = sent("scopes=scans:trigger");
        Action::parse("add:scans:read").apply(&mut values, &options());
        assert_eq!(values.scopes, ["scans:read", "scans:trigger"]);
        Action::parse("preset:99").apply(&mut values, &options());
        assert!(values.scopes.is_empty());
    }

    #[test]
    fn who_has_no_choice_of_level_is_in_a_project() {
        let mut options = options();
        options.may_administer = false;
        assert!(read(&|_| Vec::new(), Vec::new(), &options).in_project);
    }
}

//! Between the form and the use cases: what the form offers, and what it asks for.

use latchkey_service::{Caller, CreateToken, Error, ExpiresIn, Repository, Service};

use super::{
    reveal::Created,
    values::{Expires, FOUND_MAX, FormOptions, FoundRepositories, NamedRef, Values},
};

/// Whether somebody gets the form, and if not, why.
pub enum FormAccess {
    /// With the first repositories to choose from.
    Form(Box<FormOptions>, FoundRepositories),
    /// Their role creates no token.
    RoleTooLow,
    /// They may create tokens of projects, and there is no project.
    NoProject,
}

/// What the form offers to the caller.
pub async fn form_options(service: &Service, caller: &Caller, organization: &str) -> Result<FormAccess, Error> {
    let access = service.organizations().access(caller, organization).await?;
    let name = service.organizations().get(&access)?.name.clone();
    let Some(role) = access.role() else { return Ok(FormAccess::RoleTooLow) };
    if !role.creates_project_tokens() {
        return Ok(FormAccess::RoleTooLow);
    }
    let projects = service.projects().options(&access).await?;
    if projects.is_empty() && !role.administers() {
        return Ok(FormAccess::NoProject);
    }
    let found = find(service, caller, organization, "").await?;
    let choice = |project: latchkey_service::Project| NamedRef { id: project.id.to_string(), name: project.name };
    let options = FormOptions {
        organization: name,
        groups: FormOptions::groups_of(service.catalogue(), &service.tokens().withheld_scopes(&access)),
        presets: service.catalogue().presets().to_vec(),
        projects: projects.into_iter().map(choice).collect(),
        may_administer: role.administers(),
        no_repositories: found.repositories.is_empty(),
        now: service.now(),
        creation_key: service.tokens().creation_key().to_string(),
    };
    Ok(FormAccess::Form(Box::new(options), found))
}

/// The first repositories that match; the first of all without a query.
pub async fn find(
    service: &Service,
    caller: &Caller,
    organization: &str,
    query: &str,
) -> Result<FoundRepositories, Error> {
    let query: String = query.trim().chars().take(200).collect();
    // One more than is shown tells whether there are more.
    let limit = u32::try_from(FOUND_MAX).unwrap_or(20) + 1;
    let access = service.organizations().access(caller, organization).await?;
    let page = service.repositories().list(&access, &query, None, limit).await?;
    let more = page.repositories.len() > FOUND_MAX;
    let repositories = page.repositories.into_iter().take(FOUND_MAX).map(repository).collect();
    Ok(FoundRepositories { query, repositories, more })
}

/// Looks repositories up by id or full name; those that are not there are missing in the answer.
pub async fn repositories(
    service: &Service,
    caller: &Caller,
    organization: &str,
    asked: &[String],
) -> Result<Vec<NamedRef>, Error> {
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    let mut found: Vec<NamedRef> = Vec::new();
    let access = service.organizations().access(caller, organization).await?;
    for choice in service.repositories().get_many(&access, asked).await?.into_iter().map(repository) {
        if !found.contains(&choice) {
            found.push(choice);
        }
    }
    Ok(found)
}

fn repository(repository: Repository) -> NamedRef {
    NamedRef { id: repository.id.to_string(), name: repository.name }
}

/// Creates the token that the form asks for.
pub async fn create(
    service: &Service,
    caller: &Caller,
    organization: &str,
    key: &str,
    values: &Values,
) -> Result<Created, Error> {
    let access = service.organizations().access(caller, organization).await?;
    let created = service.tokens().create(&access, asked(key, values)).await?;
    let token = created.detail.token;
    Ok(Created {
        id: token.id.to_string(),
        name: token.name,
        expires_at: token.expires_at,
        secret: created.secret.reveal().to_owned(),
    })
}

fn asked(key: &str, values: &Values) -> CreateToken {
    let repositories = values.repositories.iter().map(|repository| repository.id.clone());
    CreateToken {
        name: values.name.clone(),
        description: values.description.clone(),
        scopes: values.scopes.clone(),
        all_repositories: values.all_repositories,
        repositories: if values.all_repositories { Vec::new() } else { repositories.collect() },
        expires: match values.expires {
            Expires::Days(days) => ExpiresIn::Days(days),
            Expires::OnDate => ExpiresIn::EndOf(values.expires_on.clone()),
            Expires::Never => ExpiresIn::Never,
        },
        // An empty choice must not become a token of the whole organization.
        project: values
            .in_project
            .then(|| Some(&values.project).filter(|id| !id.is_empty()).map_or("-", |id| id).into()),
        allowed_networks: values.network_lines().map(str::to_owned).collect(),
        creation_key: key.parse().ok(),
        ..CreateToken::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_count_is_not_asked_for() {
        let kept = Values {
            all_repositories: true,
            repositories: vec![NamedRef { id: "1".into(), name: "acme/api".into() }],
            project: "p1".into(),
            ..Values::default()
        };
        let asked = asked("no uuid", &kept);
        assert!(asked.repositories.is_empty() && asked.project.is_none() && asked.creation_key.is_none());
    }

    #[test]
    fn a_project_that_was_not_chosen_never_means_the_organization() {
        let asked = asked("", &Values { in_project: true, ..Values::default() });
        assert_eq!(asked.project.as_deref(), Some("-"));
    }
}

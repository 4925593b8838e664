use latchkey_domain::{Level, OrganizationId, RepositoryAccess, RepositoryId, RepositoryName, search_terms};
use latchkey_store::repositories::{self, Repository};
use latchkey_store::{StoreError, Tx};
use serde_json::json;

use crate::authorization::Action;
use crate::idempotency::Keyed;
use crate::page::{Page, check_limit};
use crate::recorder::Happened;
use crate::{Caller, Clash, Denial, Error, FieldError, Once, Service, cursor};

/// A page of repositories, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositoryPage {
    pub repositories: Vec<Repository>,
    /// The cursor to go on after, if there is more.
    pub next: Option<String>,
}

impl Service {
    /// The organization's repositories that the caller reaches, by name; those that match a query when there is one
    /// (the best 100 at most, then without `next`).
    pub async fn repositories(
        &self,
        caller: &Caller,
        organization: &str,
        query: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<RepositoryPage, Error> {
        let access = self.authorize(caller, organization, Action::ReadRepositories).await?;
        check_limit(limit)?;
        let after = cursor::decode_text(after)?;
        let reach = caller.principal.reach();
        if let Some(terms) = search_terms(query) {
            let mut repositories = repositories::search(self.store(), access.id(), &terms, limit).await?;
            repositories.retain(|repository| reach.reaches(repository.id));
            return Ok(RepositoryPage { repositories, next: None });
        }
        let within: Option<Vec<RepositoryId>> = match reach {
            RepositoryAccess::All => None,
            RepositoryAccess::Only(ids) => Some(ids.into_iter().collect()),
        };
        let rows = repositories::list(self.store(), access.id(), within.as_deref(), &after, limit + 1).await?;
        let page = Page::of(rows, limit, |repository| cursor::encode_text(&repository.name));
        Ok(RepositoryPage { repositories: page.items, next: page.next })
    }

    /// One repository.
    pub async fn repository(&self, caller: &Caller, organization: &str, id: &str) -> Result<Repository, Error> {
        let access = self.authorize(caller, organization, Action::ReadRepositories).await?;
        let found = self.find_repositories(access.id(), &[id]).await?.pop().flatten();
        let repository = found.ok_or(Error::NotFound("repository"))?;
        self.needs_repository(&caller.principal, repository.id)?;
        Ok(repository)
    }

    /// Those of `ids` (ids or full names) that the organization has.
    pub async fn repositories_by_id(
        &self,
        caller: &Caller,
        organization: &str,
        ids: &[String],
    ) -> Result<Vec<Repository>, Error> {
        let access = self.authorize(caller, organization, Action::ReadRepositories).await?;
        let ids = &ids[..ids.len().min(RepositoryAccess::MAX)];
        Ok(self.find_repositories(access.id(), ids).await?.into_iter().flatten().collect())
    }

    /// Adds a repository. A token confined to a list can't: it would not reach what it adds.
    pub async fn create_repository(
        &self,
        caller: &Caller,
        organization: &str,
        name: &str,
    ) -> Result<Repository, Error> {
        self.create_repository_once(caller, organization, name, None).await
    }

    /// The same, for a request that may be sent twice.
    pub async fn create_repository_once(
        &self,
        caller: &Caller,
        organization: &str,
        name: &str,
        once: Option<&Once>,
    ) -> Result<Repository, Error> {
        let access = self.authorize(caller, organization, Action::ManageRepositories).await?;
        if caller.principal.reach() != RepositoryAccess::All {
            return Err(Denial::MissingRepository(None).into());
        }
        let keyed = once.map(|once| Keyed::new(caller, format!("repository in {}", access.id()), once));
        let _held = keyed.as_ref().map(|keyed| self.hold(keyed)).transpose()?;
        if let Some(keyed) = &keyed
            && let Some(made) = self.made_repository(access.id(), keyed).await?
        {
            return Ok(made);
        }
        let name = RepositoryName::new(name).map_err(|error| FieldError::new("name", error))?;
        let repository = Repository {
            id: RepositoryId(self.new_id()),
            organization_id: access.id(),
            name: name.as_str().to_owned(),
            created_at: self.now(),
        };
        let mut tx = self.store().begin().await?;
        self.hold_owner(&mut tx, Level::Organization(access.id())).await?;
        if let Some(keyed) = &keyed
            && let Err(error) = self.remember(&mut tx, keyed, self.new_salt(), repository.id.0).await
        {
            drop(tx);
            return match error {
                // Another replica was first with the key: its answer is ours.
                StoreError::Conflict("idempotency key") => {
                    self.made_repository(access.id(), keyed).await?.ok_or(Error::Clash(Clash::UnderWay))
                }
                error => Err(error.into()),
            };
        }
        let inserted = repositories::insert(&mut tx, repository.id, access.id(), &name, repository.created_at).await;
        inserted.map_err(|error| match error {
            StoreError::Conflict(_) => Error::Conflict(FieldError::new("name", "is taken by another repository")),
            error => error.into(),
        })?;
        self.record_repository(&mut tx, caller, "repository.created", &repository).await?;
        tx.commit().await?;
        Ok(repository)
    }

    /// What a request has made before.
    async fn made_repository(&self, organization: OrganizationId, keyed: &Keyed) -> Result<Option<Repository>, Error> {
        let Some(done) = self.remembered(keyed).await? else { return Ok(None) };
        let made = repositories::by_id(self.store(), organization, RepositoryId(done.object)).await?;
        made.map(Some).ok_or(Error::Clash(Clash::Spent))
    }

    /// Removes a repository, also from the lists of tokens. A token that listed nothing else then reaches nothing.
    pub async fn delete_repository(&self, caller: &Caller, organization: &str, id: &str) -> Result<(), Error> {
        let access = self.authorize(caller, organization, Action::ManageRepositories).await?;
        let found = self.find_repositories(access.id(), &[id]).await?.pop().flatten();
        let repository = found.ok_or(Error::NotFound("repository"))?;
        self.needs_repository(&caller.principal, repository.id)?;
        let mut tx = self.store().begin().await?;
        repositories::delete(&mut tx, access.id(), repository.id).await?.ok_or(Error::NotFound("repository"))?;
        self.record_repository(&mut tx, caller, "repository.deleted", &repository).await?;
        Ok(tx.commit().await?)
    }

    /// For each text the repository that it names by id or full name, in the same order.
    pub(crate) async fn find_repositories<S: AsRef<str>>(
        &self,
        organization: OrganizationId,
        texts: &[S],
    ) -> Result<Vec<Option<Repository>>, Error> {
        let ids: Vec<RepositoryId> = texts.iter().filter_map(|text| text.as_ref().parse().ok()).collect();
        let by_id =
            if ids.is_empty() { Vec::new() } else { repositories::by_ids(self.store(), organization, &ids).await? };
        let mut found = Vec::with_capacity(texts.len());
        for text in texts.iter().map(AsRef::as_ref) {
            found.push(match text.parse::<RepositoryId>() {
                Ok(id) => by_id.iter().find(|repository| repository.id == id).cloned(),
                Err(_) => repositories::by_name(self.store(), organization, text).await?,
            });
        }
        Ok(found)
    }

    async fn record_repository(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        action: &'static str,
        repository: &Repository,
    ) -> Result<(), Error> {
        let happened = Happened {
            organization: Some(repository.organization_id),
            action,
            target: ("repository", Some(repository.id.0), &repository.name),
            success: true,
            details: json!({}),
        };
        self.record(tx, &caller.principal.actor(), &caller.origin, happened).await
    }
}

use latchkey_domain::{OrganizationId, RepositoryAccess, RepositoryId, RepositoryName, search_terms};
use latchkey_store::repositories::{self, Repository};
use latchkey_store::{Conflict, StoreError, Tx};
use serde_json::json;

use crate::authorization::{Action, OrganizationAccess};
use crate::idempotency::KeyedRequest;
use crate::page::{Page, check_limit};
use crate::recorder::AuditEntry;
use crate::transaction::Write;
use crate::{AuthorizationError, Caller, Error, FieldError, IdempotentRequest, PreconditionError, Service, cursor};

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
        let within: Option<Vec<RepositoryId>> = match caller.principal.reach() {
            RepositoryAccess::All => None,
            RepositoryAccess::Only(ids) => Some(ids.into_iter().collect()),
        };
        let within = within.as_deref();
        if let Some(terms) = search_terms(query) {
            let repositories = repositories::search(self.store(), access.id(), &terms, within, limit).await?;
            return Ok(RepositoryPage { repositories, next: None });
        }
        let rows = repositories::list(self.store(), access.id(), within, &after, limit + 1).await?;
        let page = Page::of(rows, limit, |repository| cursor::encode_text(&repository.name));
        Ok(RepositoryPage { repositories: page.items, next: page.next })
    }

    /// One repository.
    pub async fn repository(&self, caller: &Caller, organization: &str, id: &str) -> Result<Repository, Error> {
        let access = self.authorize(caller, organization, Action::ReadRepositories).await?;
        self.find_reached(caller, &access, id).await
    }

    /// Those of `ids` (ids or full names) that the organization has and the caller reaches.
    pub async fn repositories_by_id(
        &self,
        caller: &Caller,
        organization: &str,
        ids: &[String],
    ) -> Result<Vec<Repository>, Error> {
        let access = self.authorize(caller, organization, Action::ReadRepositories).await?;
        let ids = &ids[..ids.len().min(RepositoryAccess::MAX)];
        let reach = caller.principal.reach();
        let found = self.find_repositories(access.id(), ids).await?.into_iter().flatten();
        Ok(found.filter(|repository| reach.reaches(repository.id)).collect())
    }

    /// Adds a repository. A token confined to a list can't: it would not reach what it adds.
    pub async fn create_repository(
        &self,
        caller: &Caller,
        organization: &str,
        name: &str,
    ) -> Result<Repository, Error> {
        self.create_repository_idempotent(caller, organization, name, None).await
    }

    /// The same, for a request that may be sent twice.
    pub async fn create_repository_idempotent(
        &self,
        caller: &Caller,
        organization: &str,
        name: &str,
        idempotency: Option<&IdempotentRequest>,
    ) -> Result<Repository, Error> {
        let access = self.authorize(caller, organization, Action::ManageRepositories).await?;
        reaches_new(caller)?;
        let keyed = idempotency.map(|once| KeyedRequest::new(caller, format!("repository in {}", access.id()), once));
        let _held = keyed.as_ref().map(|keyed| self.hold(keyed)).transpose()?;
        if let Some(keyed) = &keyed
            && let Some(made) = self.made_repository(caller, &access, keyed).await?
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
        let Write { mut tx, caller, access } = self.begin_in(caller, &access, Action::ManageRepositories).await?;
        reaches_new(&caller)?;
        if let Some(keyed) = &keyed
            && let Err(error) = self.remember(&mut tx, keyed, self.new_salt(), repository.id.0).await
        {
            drop(tx);
            return match error {
                // Another replica was first with the key: its answer is ours.
                StoreError::Conflict(Conflict::IdempotencyKey) => self
                    .made_repository(&caller, &access, keyed)
                    .await?
                    .ok_or(Error::Precondition(PreconditionError::RequestInProgress)),
                error => Err(error.into()),
            };
        }
        let inserted = repositories::insert(&mut tx, repository.id, access.id(), &name, repository.created_at).await;
        inserted.map_err(|error| match error {
            StoreError::Conflict(_) => Error::Conflict(FieldError::new("name", "is taken by another repository")),
            error => error.into(),
        })?;
        self.record_repository(&mut tx, &caller, "repository.created", &repository).await?;
        tx.commit().await?;
        Ok(repository)
    }

    /// What a request has made before, for a caller who may still make it.
    async fn made_repository(
        &self,
        caller: &Caller,
        access: &OrganizationAccess,
        keyed: &KeyedRequest,
    ) -> Result<Option<Repository>, Error> {
        let Some(done) = self.remembered(keyed).await? else { return Ok(None) };
        let made = repositories::by_id(self.store(), access.id(), RepositoryId(done.object)).await?;
        let made = made.ok_or(Error::Precondition(PreconditionError::Spent))?;
        let Write { caller, .. } = self.begin_in(caller, access, Action::ManageRepositories).await?;
        reaches_new(&caller)?;
        Ok(Some(made))
    }

    /// Removes a repository, also from the lists of tokens. A token that listed nothing else then reaches nothing.
    pub async fn delete_repository(&self, caller: &Caller, organization: &str, id: &str) -> Result<(), Error> {
        let access = self.authorize(caller, organization, Action::ManageRepositories).await?;
        let repository = self.find_reached(caller, &access, id).await?;
        let Write { mut tx, caller, access } =
            self.begin_ending_in(caller, &access, Action::ManageRepositories).await?;
        if !caller.principal.reach().reaches(repository.id) {
            return Err(AuthorizationError::MissingRepository(Some(repository.id)).into());
        }
        repositories::delete(&mut tx, access.id(), repository.id).await?.ok_or(Error::NotFound("repository"))?;
        self.record_repository(&mut tx, &caller, "repository.deleted", &repository).await?;
        Ok(tx.commit().await?)
    }

    /// The repository that a text names by id or full name. Whoever reaches only some learns nothing of the others, not
    /// even whether there are any.
    async fn find_reached(
        &self,
        caller: &Caller,
        access: &OrganizationAccess,
        text: &str,
    ) -> Result<Repository, Error> {
        let found = self.find_repositories(access.id(), &[text]).await?.pop().flatten();
        match (caller.principal.reach(), found) {
            (RepositoryAccess::All, found) => found.ok_or(Error::NotFound("repository")),
            (reach, Some(found)) if reach.reaches(found.id) => Ok(found),
            _ => Err(AuthorizationError::MissingRepository(text.parse().ok()).into()),
        }
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
        let happened = AuditEntry {
            organization: Some(repository.organization_id),
            action,
            target: ("repository", Some(repository.id.0), &repository.name),
            success: true,
            details: json!({}),
        };
        self.record(tx, &caller.principal.actor(), &caller.origin, happened).await
    }
}

/// Whoever is confined to a list would not reach what they add.
fn reaches_new(caller: &Caller) -> Result<(), Error> {
    match caller.principal.reach() {
        RepositoryAccess::All => Ok(()),
        RepositoryAccess::Only(_) => Err(AuthorizationError::MissingRepository(None).into()),
    }
}

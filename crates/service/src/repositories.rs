use latchkey_domain::{AuditAction, OrganizationId, RepositoryAccess, RepositoryId, RepositoryName, search_terms};
use latchkey_store::repositories::{self, Repository};
use latchkey_store::{Conflict, StoreError, Tx};
use serde_json::json;

use crate::authorization::Action;
use crate::idempotency::KeyedRequest;
use crate::page::{Page, check_limit};
use crate::recorder::AuditEntry;
use crate::transaction::Write;
use crate::{
    AuthorizationError, Caller, Error, FieldError, IdempotentRequest, OrganizationAccess, PreconditionError,
    Repositories, cursor,
};

/// A page of repositories, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositoryPage {
    pub repositories: Vec<Repository>,
    /// The cursor to go on after, if there is more.
    pub next: Option<String>,
}

impl Repositories<'_> {
    /// The organization's repositories that the caller reaches, by name; those that match a query when there is one
    /// (the best 100 at most, then without `next`).
    pub async fn list(
        self,
        access: &OrganizationAccess,
        query: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<RepositoryPage, Error> {
        access.allow(Action::ReadRepositories)?;
        check_limit(limit)?;
        let after = cursor::decode_text(after)?;
        let within: Option<Vec<RepositoryId>> = match access.principal().reach() {
            RepositoryAccess::All => None,
            RepositoryAccess::Only(ids) => Some(ids.into_iter().collect()),
        };
        let within = within.as_deref();
        if let Some(terms) = search_terms(query) {
            let repositories = repositories::search(self.service.store(), access.id(), &terms, within, limit).await?;
            return Ok(RepositoryPage { repositories, next: None });
        }
        let rows = repositories::list(self.service.store(), access.id(), within, &after, limit + 1).await?;
        let page = Page::of(rows, limit, |repository| cursor::encode_text(&repository.name));
        Ok(RepositoryPage { repositories: page.items, next: page.next })
    }

    /// One repository.
    pub async fn get(self, access: &OrganizationAccess, id: &str) -> Result<Repository, Error> {
        access.allow(Action::ReadRepositories)?;
        self.find_reached(access, id).await
    }

    /// Those of `ids` (ids or full names) that the organization has and the caller reaches.
    pub async fn get_many(self, access: &OrganizationAccess, ids: &[String]) -> Result<Vec<Repository>, Error> {
        access.allow(Action::ReadRepositories)?;
        let ids = &ids[..ids.len().min(RepositoryAccess::MAX)];
        let reach = access.principal().reach();
        let found = self.find_many(access.id(), ids).await?.into_iter().flatten();
        Ok(found.filter(|repository| reach.reaches(repository.id)).collect())
    }

    /// Adds a repository. A token confined to a list can't: it would not reach what it adds.
    pub async fn create(self, access: &OrganizationAccess, name: &str) -> Result<Repository, Error> {
        self.create_idempotent(access, name, None).await
    }

    /// The same, for a request that may be sent twice.
    pub async fn create_idempotent(
        self,
        access: &OrganizationAccess,
        name: &str,
        idempotency: Option<&IdempotentRequest>,
    ) -> Result<Repository, Error> {
        access.allow(Action::ManageRepositories)?;
        reaches_new(access)?;
        let keyed =
            idempotency.map(|once| KeyedRequest::new(access.caller(), format!("repository in {}", access.id()), once));
        let _held = keyed.as_ref().map(|keyed| self.service.hold(keyed)).transpose()?;
        if let Some(keyed) = &keyed
            && let Some(made) = self.made_repository(access, keyed).await?
        {
            return Ok(made);
        }
        let name = RepositoryName::new(name).map_err(|error| FieldError::new("name", error))?;
        let repository = Repository {
            id: RepositoryId(self.service.new_id()),
            organization_id: access.id(),
            name: name.as_str().to_owned(),
            created_at: self.service.now(),
        };
        let Write { mut tx, access } = self.service.begin_in(access, Action::ManageRepositories).await?;
        reaches_new(&access)?;
        if let Some(keyed) = &keyed
            && let Err(error) = self.service.remember(&mut tx, keyed, self.service.new_salt(), repository.id.0).await
        {
            drop(tx);
            return match error {
                // Another replica was first with the key: its answer is ours.
                StoreError::Conflict(Conflict::IdempotencyKey) => self
                    .made_repository(&access, keyed)
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
        self.record(&mut tx, access.caller(), AuditAction::RepositoryCreated, &repository).await?;
        tx.commit().await?;
        Ok(repository)
    }

    /// What a request has made before, for a caller who may still make it.
    async fn made_repository(
        self,
        access: &OrganizationAccess,
        keyed: &KeyedRequest,
    ) -> Result<Option<Repository>, Error> {
        let Some(done) = self.service.remembered(keyed).await? else { return Ok(None) };
        let made = repositories::by_id(self.service.store(), access.id(), RepositoryId(done.object)).await?;
        let made = made.ok_or(Error::Precondition(PreconditionError::Spent))?;
        let Write { access, .. } = self.service.begin_in(access, Action::ManageRepositories).await?;
        reaches_new(&access)?;
        Ok(Some(made))
    }

    /// Removes a repository, also from the lists of tokens. A token that listed nothing else then reaches nothing.
    pub async fn delete(self, access: &OrganizationAccess, id: &str) -> Result<(), Error> {
        access.allow(Action::ManageRepositories)?;
        let repository = self.find_reached(access, id).await?;
        let Write { mut tx, access } = self.service.begin_ending_in(access, Action::ManageRepositories).await?;
        if !access.principal().reach().reaches(repository.id) {
            return Err(AuthorizationError::MissingRepository(Some(repository.id)).into());
        }
        repositories::delete(&mut tx, access.id(), repository.id).await?.ok_or(Error::NotFound("repository"))?;
        self.record(&mut tx, access.caller(), AuditAction::RepositoryDeleted, &repository).await?;
        Ok(tx.commit().await?)
    }

    /// The repository that a text names by id or full name. Whoever reaches only some learns nothing of the others, not
    /// even whether there are any.
    async fn find_reached(self, access: &OrganizationAccess, text: &str) -> Result<Repository, Error> {
        let found = self.find_many(access.id(), &[text]).await?.pop().flatten();
        match (access.principal().reach(), found) {
            (RepositoryAccess::All, found) => found.ok_or(Error::NotFound("repository")),
            (reach, Some(found)) if reach.reaches(found.id) => Ok(found),
            _ => Err(AuthorizationError::MissingRepository(text.parse().ok()).into()),
        }
    }

    /// For each text the repository that it names by id or full name, in the same order.
    pub(crate) async fn find_many<S: AsRef<str>>(
        self,
        organization: OrganizationId,
        texts: &[S],
    ) -> Result<Vec<Option<Repository>>, Error> {
        let ids: Vec<RepositoryId> = texts.iter().filter_map(|text| text.as_ref().parse().ok()).collect();
        let by_id = if ids.is_empty() {
            Vec::new()
        } else {
            repositories::by_ids(self.service.store(), organization, &ids).await?
        };
        let mut found = Vec::with_capacity(texts.len());
        for text in texts.iter().map(AsRef::as_ref) {
            found.push(match text.parse::<RepositoryId>() {
                Ok(id) => by_id.iter().find(|repository| repository.id == id).cloned(),
                Err(_) => repositories::by_name(self.service.store(), organization, text).await?,
            });
        }
        Ok(found)
    }

    async fn record(
        self,
        tx: &mut Tx,
        caller: &Caller,
        action: AuditAction,
        repository: &Repository,
    ) -> Result<(), Error> {
        let entry = AuditEntry {
            organization: Some(repository.organization_id),
            action,
            target: ("repository", Some(repository.id.0), &repository.name),
            success: true,
            details: json!({}),
        };
        self.service.record_by(tx, caller, entry).await
    }
}

/// Whoever is confined to a list would not reach what they add.
fn reaches_new(access: &OrganizationAccess) -> Result<(), Error> {
    match access.principal().reach() {
        RepositoryAccess::All => Ok(()),
        RepositoryAccess::Only(_) => Err(AuthorizationError::MissingRepository(None).into()),
    }
}

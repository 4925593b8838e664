use latchkey_domain::{AuditAction, Level, ProjectId, ProjectName};
use latchkey_store::{StoreError, Tx, projects, projects::Project};
use serde_json::json;

use crate::authorization::Action;
use crate::page::{Page, check_limit};
use crate::recorder::AuditEntry;
use crate::transaction::Write;
use crate::{Caller, Error, FieldError, OrganizationAccess, Projects, cursor};

/// Projects that a page offers to choose from.
pub(crate) const PROJECTS_MAX: u32 = 200;

const UNKNOWN: Error = Error::NotFound("project");

impl Projects<'_> {
    /// Projects to choose from for a token, by name, 200 at most.
    pub async fn options(self, access: &OrganizationAccess) -> Result<Vec<Project>, Error> {
        access.allow(Action::ReadTokens)?;
        self.visible(access, "", PROJECTS_MAX).await
    }

    /// The organization's projects by name; a project's token sees its own.
    pub async fn list(
        self,
        access: &OrganizationAccess,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page<Project>, Error> {
        access.allow(Action::ReadProjects)?;
        check_limit(limit)?;
        let after = cursor::decode_text(after)?;
        let rows = self.visible(access, &after, limit + 1).await?;
        Ok(Page::of(rows, limit, |project| cursor::encode_text(&project.name)))
    }

    /// Those that the caller may see, by name, after a name.
    pub(crate) async fn visible(
        self,
        access: &OrganizationAccess,
        after: &str,
        limit: u32,
    ) -> Result<Vec<Project>, Error> {
        Ok(match access.principal().project() {
            Some(own) => {
                let own = projects::by_id(self.service.store(), access.id(), own).await?;
                own.into_iter().filter(|own| own.name.as_str() > after).collect()
            }
            None => projects::list(self.service.store(), access.id(), after, limit).await?,
        })
    }

    /// One project, by id or name.
    pub async fn get(self, access: &OrganizationAccess, id: &str) -> Result<Project, Error> {
        access.allow(Action::ReadProjects)?;
        self.find(access, id).await
    }

    /// Adds a project. People only: no scope gives this.
    pub async fn create(self, access: &OrganizationAccess, name: &str) -> Result<Project, Error> {
        access.allow(Action::ManageProjects)?;
        let name = ProjectName::new(name).map_err(|error| FieldError::new("name", error))?;
        let project = Project {
            id: ProjectId(self.service.new_id()),
            organization_id: access.id(),
            name: name.as_str().to_owned(),
            created_at: self.service.now(),
        };
        let Write { mut tx, access } = self.service.begin_in(access, Action::ManageProjects).await?;
        projects::insert(&mut tx, &project, &name).await.map_err(|error| match error {
            StoreError::Conflict(_) => Error::Conflict(FieldError::new("name", "is taken by another project")),
            error => error.into(),
        })?;
        self.record(&mut tx, access.caller(), AuditAction::ProjectCreated, &project).await?;
        tx.commit().await?;
        Ok(project)
    }

    /// Deletes a project that has no tokens but revoked ones. People only.
    pub async fn delete(self, access: &OrganizationAccess, id: &str) -> Result<(), Error> {
        access.allow(Action::ManageProjects)?;
        let project = self.find(access, id).await?;
        let Write { mut tx, access } = self.service.begin_ending_in(access, Action::ManageProjects).await?;
        if !projects::lock_exclusive(&mut tx, access.id(), project.id).await? {
            return Err(UNKNOWN);
        }
        if projects::has_tokens(&mut tx, project.id).await? {
            let tokens = "has tokens that are not revoked; revoke them first";
            return Err(Error::Conflict(FieldError::new("project", tokens)));
        }
        projects::delete(&mut tx, project.id, self.service.now()).await?;
        self.record(&mut tx, access.caller(), AuditAction::ProjectDeleted, &project).await?;
        Ok(tx.commit().await?)
    }

    /// Keeps the project that something of this level belongs to from being deleted until the transaction ends.
    pub(crate) async fn hold_level(self, tx: &mut Tx, level: Level) -> Result<(), Error> {
        if let Level::Project(organization, project) = level
            && !projects::lock_shared(tx, organization, project).await?
        {
            return Err(UNKNOWN);
        }
        Ok(())
    }

    async fn find(self, access: &OrganizationAccess, id: &str) -> Result<Project, Error> {
        let found = match id.parse::<ProjectId>() {
            Ok(id) => projects::by_id(self.service.store(), access.id(), id).await?,
            Err(_) => projects::by_name(self.service.store(), access.id(), id).await?,
        };
        let project = found.ok_or(UNKNOWN)?;
        let within = |level: Level| level.contains(Level::Project(access.id(), project.id));
        if access.principal().level().is_none_or(within) { Ok(project) } else { Err(UNKNOWN) }
    }

    async fn record(self, tx: &mut Tx, caller: &Caller, action: AuditAction, project: &Project) -> Result<(), Error> {
        let entry = AuditEntry {
            organization: Some(project.organization_id),
            action,
            target: ("project", Some(project.id.0), &project.name),
            success: true,
            details: json!({}),
        };
        self.service.record_by(tx, caller, entry).await
    }
}

use latchkey_domain::{Level, ProjectId, ProjectName};
use latchkey_store::{StoreError, Tx, projects, projects::Project};
use serde_json::json;

use crate::authorization::{Action, OrganizationAccess};
use crate::page::{Page, check_limit};
use crate::recorder::AuditEntry;
use crate::transaction::Write;
use crate::{Caller, Error, FieldError, Service, cursor};

/// Projects that a page offers to choose from.
pub(crate) const PROJECTS_MAX: u32 = 200;

const UNKNOWN: Error = Error::NotFound("project");

impl Service {
    /// Projects to choose from for a token, by name, 200 at most.
    pub async fn projects(&self, caller: &Caller, organization: &str) -> Result<Vec<Project>, Error> {
        let access = self.authorize(caller, organization, Action::ReadTokens).await?;
        self.projects_within(caller, &access, "", PROJECTS_MAX).await
    }

    /// The organization's projects by name; a project's token sees its own.
    pub async fn list_projects(
        &self,
        caller: &Caller,
        organization: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page<Project>, Error> {
        let access = self.authorize(caller, organization, Action::ReadProjects).await?;
        check_limit(limit)?;
        let after = cursor::decode_text(after)?;
        let rows = self.projects_within(caller, &access, &after, limit + 1).await?;
        Ok(Page::of(rows, limit, |project| cursor::encode_text(&project.name)))
    }

    /// Those that the caller may see, by name, after a name.
    pub(crate) async fn projects_within(
        &self,
        caller: &Caller,
        access: &OrganizationAccess,
        after: &str,
        limit: u32,
    ) -> Result<Vec<Project>, Error> {
        Ok(match caller.principal.project() {
            Some(own) => {
                let own = projects::by_id(self.store(), access.id(), own).await?;
                own.into_iter().filter(|own| own.name.as_str() > after).collect()
            }
            None => projects::list(self.store(), access.id(), after, limit).await?,
        })
    }

    /// One project, by id or name.
    pub async fn project(&self, caller: &Caller, organization: &str, id: &str) -> Result<Project, Error> {
        let access = self.authorize(caller, organization, Action::ReadProjects).await?;
        self.find_project(caller, &access, id).await
    }

    /// Adds a project. People only: no scope gives this.
    pub async fn create_project(&self, caller: &Caller, organization: &str, name: &str) -> Result<Project, Error> {
        let access = self.authorize(caller, organization, Action::ManageProjects).await?;
        let name = ProjectName::new(name).map_err(|error| FieldError::new("name", error))?;
        let project = Project {
            id: ProjectId(self.new_id()),
            organization_id: access.id(),
            name: name.as_str().to_owned(),
            created_at: self.now(),
        };
        let Write { mut tx, caller, .. } = self.begin_in(caller, &access, Action::ManageProjects).await?;
        projects::insert(&mut tx, &project, &name).await.map_err(|error| match error {
            StoreError::Conflict(_) => Error::Conflict(FieldError::new("name", "is taken by another project")),
            error => error.into(),
        })?;
        self.record_project(&mut tx, &caller, "project.created", &project).await?;
        tx.commit().await?;
        Ok(project)
    }

    /// Deletes a project that has no tokens but revoked ones. People only.
    pub async fn delete_project(&self, caller: &Caller, organization: &str, id: &str) -> Result<(), Error> {
        let access = self.authorize(caller, organization, Action::ManageProjects).await?;
        let project = self.find_project(caller, &access, id).await?;
        let Write { mut tx, caller, .. } = self.begin_ending_in(caller, &access, Action::ManageProjects).await?;
        if !projects::lock_exclusive(&mut tx, access.id(), project.id).await? {
            return Err(UNKNOWN);
        }
        if projects::has_tokens(&mut tx, project.id).await? {
            let tokens = "has tokens that are not revoked; revoke them first";
            return Err(Error::Conflict(FieldError::new("project", tokens)));
        }
        projects::delete(&mut tx, project.id, self.now()).await?;
        self.record_project(&mut tx, &caller, "project.deleted", &project).await?;
        Ok(tx.commit().await?)
    }

    async fn find_project(&self, caller: &Caller, access: &OrganizationAccess, id: &str) -> Result<Project, Error> {
        let found = match id.parse::<ProjectId>() {
            Ok(id) => projects::by_id(self.store(), access.id(), id).await?,
            Err(_) => projects::by_name(self.store(), access.id(), id).await?,
        };
        let project = found.ok_or(UNKNOWN)?;
        let within = |level: Level| level.contains(Level::Project(access.id(), project.id));
        if caller.principal.level().is_none_or(within) { Ok(project) } else { Err(UNKNOWN) }
    }

    async fn record_project(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        action: &'static str,
        project: &Project,
    ) -> Result<(), Error> {
        let happened = AuditEntry {
            organization: Some(project.organization_id),
            action,
            target: ("project", Some(project.id.0), &project.name),
            success: true,
            details: json!({}),
        };
        self.record(tx, &caller.principal.actor(), &caller.origin, happened).await
    }
}

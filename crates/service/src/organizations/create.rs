use latchkey_domain::{AuditAction, MembershipId, OrganizationId, OrganizationName, Role};
use latchkey_store::organizations::{self, Organization};
use latchkey_store::{StoreError, memberships};
use serde_json::json;

use crate::recorder::AuditEntry;
use crate::{Caller, Error, FieldError, Organizations};

impl Organizations<'_> {
    /// Makes an organization whose owner the person becomes who makes it. One that an instance token makes has no
    /// members until somebody accepts an invitation.
    pub async fn create(self, caller: &Caller, name: &str) -> Result<Organization, Error> {
        self.may_create(caller)?;
        let name = OrganizationName::new(name).map_err(|error| FieldError::new("name", error))?;
        let (id, now) = (OrganizationId(self.service.new_id()), self.service.now());
        let (mut tx, caller) = self.service.begin(caller).await?;
        let caller = &caller;
        self.may_create(caller)?;
        organizations::insert(&mut tx, id, &name, now).await.map_err(|error| match error {
            StoreError::Conflict(_) => Error::Conflict(FieldError::new(
                "name",
                "is taken by another organization, or was by one that is deleted",
            )),
            error => error.into(),
        })?;
        if let Some(person) = caller.principal.person() {
            memberships::insert(&mut tx, MembershipId(self.service.new_id()), id, person.id, Role::Owner, now).await?;
        }
        let name = name.as_str().to_owned();
        let entry = AuditEntry {
            organization: Some(id),
            action: AuditAction::OrganizationCreated,
            target: ("organization", Some(id.0), &name),
            success: true,
            details: json!({}),
        };
        self.record_for_both(&mut tx, caller, entry).await?;
        tx.commit().await?;
        Ok(Organization { id, name, threshold: None, created_at: now, updated_at: now })
    }
}

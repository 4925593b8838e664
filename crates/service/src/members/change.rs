use latchkey_domain::Role;
use latchkey_store::Tx;
use latchkey_store::memberships::{self, Member};
use serde_json::json;

use super::UNKNOWN;
use crate::authorization::Action;
use crate::recorder::AuditEntry;
use crate::transaction::{OrganizationLock, Write};
use crate::{AuthorizationError, Caller, Error, FieldError, Service};

impl Service {
    /// Changes a member's role. People only; only owners make and unmake owners, and one of them always stays.
    pub async fn change_role(
        &self,
        caller: &Caller,
        organization: &str,
        id: &str,
        role: Role,
    ) -> Result<Member, Error> {
        let access = self.authorize(caller, organization, Action::ManageMember(role)).await?;
        let member = self.find_member(&access, id).await?;
        let now = self.now();
        let Write { mut tx, caller, access } =
            self.begin_locked(caller, &access, OrganizationLock::Members, &[]).await?;
        let before = memberships::role_locked(&mut tx, access.id(), member.user.id).await?.ok_or(UNKNOWN)?;
        access.allow(&caller, Action::ManageMember(role.max(before)))?;
        if role == before {
            return Ok(member);
        }
        keep_an_owner(&mut tx, &member, before, Some(role)).await?;
        memberships::set_role(&mut tx, access.id(), member.id, role, now).await?;
        let details = json!({ "before": before, "role": role });
        self.record_member(&mut tx, &caller, "member.role_changed", &member, details).await?;
        tx.commit().await?;
        Ok(Member { role, updated_at: now, ..member })
    }

    /// Ends a membership: anybody's for those who manage members, and one's own. What the person has made stays, tokens
    /// above all: they belong to the organization.
    pub async fn remove_member(&self, caller: &Caller, organization: &str, id: &str) -> Result<(), Error> {
        let person = caller.principal.person().ok_or(AuthorizationError::PeopleOnly)?;
        let access = self.access(caller, organization).await?;
        let member = match self.find_member(&access, id).await {
            // Whoever may not remove anybody learns that, and not which ids there are.
            Err(Error::NotFound(_)) => {
                access.allow(caller, Action::ManageMember(Role::Viewer))?;
                return Err(UNKNOWN);
            }
            found => found?,
        };
        let Write { mut tx, caller, access } =
            self.begin_locked(caller, &access, OrganizationLock::Members, &[]).await?;
        let role = memberships::role_locked(&mut tx, access.id(), member.user.id).await?.ok_or(UNKNOWN)?;
        let action = if member.user.id == person.id {
            "member.left"
        } else {
            access.allow(&caller, Action::ManageMember(role))?;
            "member.removed"
        };
        keep_an_owner(&mut tx, &member, role, None).await?;
        memberships::delete(&mut tx, access.id(), member.id).await?;
        self.record_member(&mut tx, &caller, action, &member, json!({ "role": role })).await?;
        Ok(tx.commit().await?)
    }

    async fn record_member(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        action: &'static str,
        member: &Member,
        details: serde_json::Value,
    ) -> Result<(), Error> {
        let happened = AuditEntry {
            organization: Some(member.organization_id),
            action,
            target: ("user", Some(member.user.id.0), &member.user.email),
            success: true,
            details,
        };
        self.record(tx, &caller.principal.actor(), &caller.origin, happened).await
    }
}

/// Refuses what would leave the organization without an owner.
async fn keep_an_owner(tx: &mut Tx, member: &Member, before: Role, after: Option<Role>) -> Result<(), Error> {
    let ends = before.owns() && !after.is_some_and(Role::owns);
    if ends && !memberships::other_owner(tx, member.organization_id, member.id).await? {
        let last = "is that of the last owner; make somebody else an owner first";
        return Err(Error::Conflict(FieldError::new("role", last)));
    }
    Ok(())
}

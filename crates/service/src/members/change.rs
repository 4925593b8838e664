use latchkey_domain::{AuditAction, Role};
use latchkey_store::Tx;
use latchkey_store::memberships::{self, Member};
use serde_json::json;

use super::UNKNOWN;
use crate::authorization::Action;
use crate::recorder::AuditEntry;
use crate::transaction::{OrganizationLock, Write};
use crate::{AuthorizationError, Caller, Error, FieldError, Members, OrganizationAccess};

impl Members<'_> {
    /// Changes a member's role. People only; only owners make and unmake owners, and one of them always stays.
    pub async fn set_role(self, access: &OrganizationAccess, id: &str, role: Role) -> Result<Member, Error> {
        access.allow(Action::ManageMember(role))?;
        let member = self.find(access, id).await?;
        let now = self.service.now();
        let Write { mut tx, access } = self.service.begin_locked(access, OrganizationLock::Members, &[]).await?;
        let before = memberships::role_locked(&mut tx, access.id(), member.user.id).await?.ok_or(UNKNOWN)?;
        access.allow(Action::ManageMember(role.max(before)))?;
        if role == before {
            return Ok(member);
        }
        keep_an_owner(&mut tx, &member, before, Some(role)).await?;
        memberships::set_role(&mut tx, access.id(), member.id, role, now).await?;
        let details = json!({ "before": before, "role": role });
        self.record(&mut tx, access.caller(), AuditAction::MemberRoleChanged, &member, details).await?;
        tx.commit().await?;
        Ok(Member { role, updated_at: now, ..member })
    }

    /// Ends a membership: anybody's for those who manage members, and one's own. What the person has made stays, tokens
    /// above all: they belong to the organization.
    pub async fn remove(self, access: &OrganizationAccess, id: &str) -> Result<(), Error> {
        let person = access.principal().person().ok_or(AuthorizationError::PeopleOnly)?.id;
        let member = match self.find(access, id).await {
            // Whoever may not remove anybody learns that, and not which ids there are.
            Err(Error::NotFound(_)) => {
                access.allow(Action::ManageMember(Role::Viewer))?;
                return Err(UNKNOWN);
            }
            found => found?,
        };
        let Write { mut tx, access } = self.service.begin_locked(access, OrganizationLock::Members, &[]).await?;
        let role = memberships::role_locked(&mut tx, access.id(), member.user.id).await?.ok_or(UNKNOWN)?;
        let action = if member.user.id == person {
            AuditAction::MemberLeft
        } else {
            access.allow(Action::ManageMember(role))?;
            AuditAction::MemberRemoved
        };
        keep_an_owner(&mut tx, &member, role, None).await?;
        memberships::delete(&mut tx, access.id(), member.id).await?;
        self.record(&mut tx, access.caller(), action, &member, json!({ "role": role })).await?;
        Ok(tx.commit().await?)
    }

    async fn record(
        self,
        tx: &mut Tx,
        caller: &Caller,
        action: AuditAction,
        member: &Member,
        details: serde_json::Value,
    ) -> Result<(), Error> {
        let entry = AuditEntry {
            organization: Some(member.organization_id),
            action,
            target: ("user", Some(member.user.id.0), &member.user.email),
            success: true,
            details,
        };
        self.service.record_by(tx, caller, entry).await
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

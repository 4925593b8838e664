use latchkey_domain::{AuditAction, RevocationReason};
use latchkey_store::organizations::{self, Organization};
use latchkey_store::tokens::{self, Revocation};
use latchkey_store::{Tx, invitations, memberships};
use serde_json::json;

use crate::authorization::Action;
use crate::page::{Page, check_limit};
use crate::recorder::AuditEntry;
use crate::transaction::{OrganizationLock, Purpose, Write};
use crate::users::administers_instance;
use crate::{Caller, Error, OrganizationAccess, Organizations, cursor};

/// Rows changed in one transaction: a larger one would keep SQLite's other writers waiting.
const BATCH: u32 = 500;

impl Organizations<'_> {
    /// Deletes an organization for good. Owners only, and people. When this has returned, no replica accepts a token of
    /// it. Its tokens, projects, repositories and audit events are kept, out of sight; memberships and invitations are
    /// not. Its name stays taken, so that nobody can pass for it, until an instance admin frees it.
    pub async fn delete(self, access: &OrganizationAccess) -> Result<(), Error> {
        access.allow(Action::DeleteOrganization)?;
        while !self.delete_batch(access).await? {}
        // Nobody sees these any more: should it stop here, nothing is wrong.
        loop {
            let mut tx = self.service.begin_system(Purpose::Containment).await?;
            let removed = [
                memberships::delete_all(&mut tx, access.id(), BATCH).await?,
                invitations::delete_all(&mut tx, access.id(), BATCH).await?,
            ];
            tx.commit().await?;
            if removed.iter().all(|count| *count < u64::from(BATCH)) {
                return Ok(());
            }
        }
    }

    /// Deleted organizations whose names are still taken, by name. Instance admins only.
    pub async fn list_deleted(
        self,
        caller: &Caller,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page<Organization>, Error> {
        administers_instance(caller)?;
        check_limit(limit)?;
        let rows = organizations::deleted(self.service.store(), &cursor::decode_text(after)?, limit + 1).await?;
        Ok(Page::of(rows, limit, |organization| cursor::encode_text(&organization.name)))
    }

    /// Lets another organization have the name of a deleted one. Whatever still knows that name, a service behind
    /// forward-auth above all, will take the one for the other. Instance admins only.
    pub async fn free_name(self, caller: &Caller, name: &str) -> Result<(), Error> {
        administers_instance(caller)?;
        let (mut tx, caller) = self.service.begin(caller).await?;
        administers_instance(&caller)?;
        let id = organizations::free_name(&mut tx, name, self.service.now()).await?;
        let id = id.ok_or(Error::NotFound("deleted organization"))?;
        let entry = AuditEntry {
            organization: None,
            action: AuditAction::OrganizationNameFreed,
            target: ("organization", Some(id.0), name),
            success: true,
            details: json!({}),
        };
        self.service.record_by(&mut tx, &caller, entry).await?;
        Ok(tx.commit().await?)
    }

    /// Revokes some tokens and, in the transaction of the last of them, deletes the organization; true then. The lock
    /// keeps new ones from being made in between, so that no token outlives its organization.
    async fn delete_batch(self, access: &OrganizationAccess) -> Result<bool, Error> {
        let Write { mut tx, access } = self.service.begin_locked(access, OrganizationLock::Everything, &[]).await?;
        access.allow(Action::DeleteOrganization)?;
        let (id, actor, now) = (access.id(), access.principal().actor(), self.service.now());
        let revocation = Revocation { at: now, by: actor.clone(), reason: RevocationReason::OrganizationDeleted };
        let revoked = tokens::revoke_all(&mut tx, id, &revocation, BATCH).await?;
        let entry = AuditEntry {
            organization: Some(id),
            action: AuditAction::TokenRevoked,
            target: ("token", None, ""),
            success: true,
            details: json!({ "reason": RevocationReason::OrganizationDeleted }),
        };
        self.service.record_for_tokens(&mut tx, &actor, &access.caller().origin, entry, &revoked).await?;
        let last = !tokens::any_unrevoked(&mut tx, id).await?;
        if last {
            organizations::delete(&mut tx, id, now).await?;
            let entry = AuditEntry {
                organization: Some(id),
                action: AuditAction::OrganizationDeleted,
                target: ("organization", Some(id.0), access.name()),
                success: true,
                details: json!({}),
            };
            self.record_for_both(&mut tx, access.caller(), entry).await?;
        }
        tx.commit().await?;
        Ok(last)
    }

    /// Records what concerns an organization and the instance alike: once it is deleted, nobody reads the
    /// organization's own events.
    pub(super) async fn record_for_both(
        self,
        tx: &mut Tx,
        caller: &Caller,
        entry: AuditEntry<'_>,
    ) -> Result<(), Error> {
        let of_instance = AuditEntry { organization: None, details: entry.details.clone(), ..entry };
        self.service.record_by(tx, caller, of_instance).await?;
        self.service.record_by(tx, caller, entry).await
    }
}

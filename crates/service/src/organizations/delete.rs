use latchkey_domain::RevocationReason;
use latchkey_store::organizations::{self, Organization};
use latchkey_store::tokens::{self, Revocation};
use latchkey_store::{Tx, invitations, memberships};
use serde_json::json;

use crate::authorization::{Action, OrganizationAccess};
use crate::page::{Page, check_limit};
use crate::recorder::AuditEntry;
use crate::transaction::{OrganizationLock, Purpose, Write};
use crate::users::administers_instance;
use crate::{Caller, Error, Service, cursor};

/// Rows changed in one transaction: a larger one would keep SQLite's other writers waiting.
const BATCH: u32 = 500;

impl Service {
    /// Deletes an organization for good. Owners only, and people. When this has returned, no replica accepts a token of
    /// it. Its tokens, projects, repositories and audit events are kept, out of sight; memberships and invitations are
    /// not. Its name stays taken, so that nobody can pass for it, until an instance admin frees it.
    pub async fn delete_organization(&self, caller: &Caller, organization: &str) -> Result<(), Error> {
        let access = self.authorize(caller, organization, Action::DeleteOrganization).await?;
        while !self.delete_step(caller, &access).await? {}
        // Nobody sees these any more: should it stop here, nothing is wrong.
        loop {
            let mut tx = self.begin_system(Purpose::Containment).await?;
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
    pub async fn deleted_organizations(
        &self,
        caller: &Caller,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page<Organization>, Error> {
        administers_instance(caller)?;
        check_limit(limit)?;
        let rows = organizations::deleted(self.store(), &cursor::decode_text(after)?, limit + 1).await?;
        Ok(Page::of(rows, limit, |organization| cursor::encode_text(&organization.name)))
    }

    /// Lets another organization have the name of a deleted one. Whatever still knows that name, a service behind
    /// forward-auth above all, will take the one for the other. Instance admins only.
    pub async fn free_name(&self, caller: &Caller, name: &str) -> Result<(), Error> {
        administers_instance(caller)?;
        let (mut tx, caller) = self.begin(caller).await?;
        administers_instance(&caller)?;
        let id = organizations::free_name(&mut tx, name, self.now()).await?;
        let id = id.ok_or(Error::NotFound("deleted organization"))?;
        let happened = AuditEntry {
            organization: None,
            action: "organization.name_freed",
            target: ("organization", Some(id.0), name),
            success: true,
            details: json!({}),
        };
        self.record(&mut tx, &caller.principal.actor(), &caller.origin, happened).await?;
        Ok(tx.commit().await?)
    }

    /// Revokes some tokens and, in the transaction of the last of them, deletes the organization; true then. The lock
    /// keeps new ones from being made in between, so that no token outlives its organization.
    async fn delete_step(&self, caller: &Caller, access: &OrganizationAccess) -> Result<bool, Error> {
        let Write { mut tx, caller, access } =
            self.begin_locked(caller, access, OrganizationLock::Everything, &[]).await?;
        access.allow(&caller, Action::DeleteOrganization)?;
        let (id, actor, now) = (access.id(), caller.principal.actor(), self.now());
        let revocation = Revocation { at: now, by: actor.clone(), reason: RevocationReason::OrganizationDeleted };
        let revoked = tokens::revoke_all(&mut tx, id, &revocation, BATCH).await?;
        let entry = AuditEntry {
            organization: Some(id),
            action: "token.revoked",
            target: ("token", None, ""),
            success: true,
            details: json!({ "reason": RevocationReason::OrganizationDeleted }),
        };
        self.record_for_tokens(&mut tx, &actor, &caller.origin, entry, &revoked).await?;
        let last = !tokens::any_unrevoked(&mut tx, id).await?;
        if last {
            organizations::delete(&mut tx, id, now).await?;
            let happened = AuditEntry {
                organization: Some(id),
                action: "organization.deleted",
                target: ("organization", Some(id.0), &access.organization.name),
                success: true,
                details: json!({}),
            };
            self.record_for_both(&mut tx, &caller, happened).await?;
        }
        tx.commit().await?;
        Ok(last)
    }

    /// Records what concerns an organization and the instance alike: once it is deleted, nobody reads the
    /// organization's own events.
    pub(super) async fn record_for_both(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        happened: AuditEntry<'_>,
    ) -> Result<(), Error> {
        let actor = caller.principal.actor();
        let of_instance = AuditEntry { organization: None, details: happened.details.clone(), ..happened };
        self.record(tx, &actor, &caller.origin, of_instance).await?;
        self.record(tx, &actor, &caller.origin, happened).await
    }
}

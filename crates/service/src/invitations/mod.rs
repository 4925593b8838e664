//! Invitations: an organization asks a person in, by email, and that person accepts.

mod link;

use latchkey_domain::{
    AuditAction, Email, InvitationId, MembershipId, Role, Secret, Timestamp, TokenId, TokenState, UserId,
};
use latchkey_store::invitations::{self, Invitation};
use latchkey_store::{StoreError, Tx, memberships, organizations, tokens, users};
use serde_json::json;

use crate::authorization::Action;
use crate::page::{Page, check_limit};
use crate::recorder::AuditEntry;
use crate::transaction::{OrganizationLock, Write};
use crate::{
    AuthorizationError, Caller, Error, FieldError, Invitations, Membership, OrganizationAccess, PreconditionError,
    cursor,
};

use link::vouches;

/// A new invitation.
#[derive(Debug)]
pub struct Invited {
    pub invitation: Invitation,
    /// Makes the account that the person does not have yet; shown once.
    pub link: Option<Secret>,
}

const UNKNOWN: Error = Error::NotFound("pending invitation");

impl Invitations<'_> {
    /// Invites the person of an email to be a member with a role. Who has an account finds the invitation there; for who
    /// has none, those who act on the whole instance get a link (see [`Service::join`]).
    pub async fn create(self, access: &OrganizationAccess, email: &str, role: Role) -> Result<Invited, Error> {
        access.allow(Action::Invite(role))?;
        let email = Email::new(email).map_err(|error| FieldError::new("email", error))?;
        let invitation = Invitation {
            id: InvitationId(self.service.new_id()),
            organization_id: access.id(),
            organization_name: access.name().to_owned(),
            email: email.as_str().to_owned(),
            role,
            sender: access.principal().actor(),
            created_at: self.service.now(),
            accepted_at: None,
        };
        let link = self.link_for(access.caller(), &email).await?;
        let Write { mut tx, access } = self.service.begin_locked(access, OrganizationLock::Members, &[]).await?;
        access.allow(Action::Invite(role))?;
        if link.is_some() && !vouches(access.caller()) {
            return Err(AuthorizationError::InstanceAdminOnly.into());
        }
        if memberships::has_email(&mut tx, access.id(), email.as_str()).await? {
            return Err(Error::Conflict(FieldError::new("email", "is that of a member")));
        }
        let hash = link.as_ref().map(Secret::hash);
        invitations::insert(&mut tx, &invitation, &email, hash.as_ref()).await.map_err(|error| match error {
            StoreError::Conflict(_) => {
                Error::Conflict(FieldError::new("email", "is invited already; revoke that invitation first"))
            }
            error => error.into(),
        })?;
        self.record(&mut tx, access.caller(), AuditAction::InvitationCreated, &invitation).await?;
        tx.commit().await?;
        Ok(Invited { invitation, link })
    }

    /// The organization's invitations, pending or accepted, newest first.
    pub async fn list_sent(
        self,
        access: &OrganizationAccess,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Page<Invitation>, Error> {
        access.allow(Action::ReadInvitations)?;
        check_limit(limit)?;
        let rows = invitations::sent(self.service.store(), access.id(), cursor::decode_id(before)?, limit + 1).await?;
        Ok(Page::of(rows, limit, |invitation| invitation.id.to_string()))
    }

    /// Takes a pending invitation back.
    pub async fn revoke(self, access: &OrganizationAccess, id: &str) -> Result<(), Error> {
        access.allow(Action::ReadInvitations)?;
        let found = self.find(id).await?.filter(|found| found.organization_id == access.id());
        let invitation = found.ok_or(UNKNOWN)?;
        access.allow(Action::Invite(invitation.role))?;
        let Write { mut tx, access } = self.service.begin_ending_in(access, Action::Invite(invitation.role)).await?;
        if !invitations::delete(&mut tx, invitation.id).await? {
            return Err(UNKNOWN);
        }
        self.record(&mut tx, access.caller(), AuditAction::InvitationRevoked, &invitation).await?;
        Ok(tx.commit().await?)
    }

    /// Pending invitations to the caller's email, newest first.
    pub async fn list_received(
        self,
        caller: &Caller,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Page<Invitation>, Error> {
        let person = caller.principal.person().ok_or(AuthorizationError::PeopleOnly)?;
        check_limit(limit)?;
        let before = cursor::decode_id(before)?;
        let rows = invitations::received(self.service.store(), &person.email, before, limit + 1).await?;
        Ok(Page::of(rows, limit, |invitation| invitation.id.to_string()))
    }

    /// Makes the caller a member, by an invitation to their email. Somebody else's invitation does not exist for them.
    pub async fn accept(self, caller: &Caller, id: &str) -> Result<Membership, Error> {
        let person = caller.principal.person().ok_or(AuthorizationError::PeopleOnly)?;
        let found = self.find(id).await?.filter(|found| found.email == person.email);
        let invitation = found.ok_or(UNKNOWN)?;
        let (organization, now) = (invitation.organization_id, self.service.now());
        let (mut tx, caller) = self.service.begin(caller).await?;
        let caller = &caller;
        self.take(&mut tx, &invitation, now).await?;
        let membership = MembershipId(self.service.new_id());
        let joined = memberships::insert(&mut tx, membership, organization, person.id, invitation.role, now).await;
        joined.map_err(|error| match error {
            StoreError::Conflict(_) => Error::Conflict(FieldError::new("email", "is that of a member")),
            error => error.into(),
        })?;
        self.record(&mut tx, caller, AuditAction::InvitationAccepted, &invitation).await?;
        tx.commit().await?;
        let joined = {
            let organizations = self.service.organizations();
            let access = organizations.access(caller, &invitation.organization_name).await?;
            self.service.memberships().get(&access).await?
        };
        joined.ok_or(Error::NotFound("membership"))
    }

    /// Uses a pending invitation up. It is worth no more than what its sender may still give.
    async fn take(self, tx: &mut Tx, invitation: &Invitation, now: Timestamp) -> Result<(), Error> {
        if !organizations::lock(tx, invitation.organization_id).await?
            || !invitations::accept(tx, invitation.id, now).await?
        {
            return Err(UNKNOWN);
        }
        self.still_invites(tx, invitation).await
    }

    /// Refuses an invitation whose sender could not send it any more.
    async fn still_invites(self, tx: &mut Tx, invitation: &Invitation) -> Result<(), Error> {
        let sender = &invitation.sender;
        let may = match (sender.kind, sender.id) {
            ("user", Some(id)) => match users::lock_shared(tx, UserId(id)).await? {
                Some(user) if user.locked_at.is_some() => false,
                Some(user) if user.instance_admin => true,
                Some(user) => {
                    let role = memberships::role_locked(tx, invitation.organization_id, user.id).await?;
                    role.is_some_and(|role| Action::Invite(invitation.role).is_for(role))
                }
                None => false,
            },
            ("api_token", Some(id)) => {
                let found = tokens::lock(tx, TokenId(id)).await?;
                found.is_some_and(|(token, _)| {
                    let within = token.level.organization().is_none_or(|own| own == invitation.organization_id);
                    let live =
                        TokenState::at(self.service.now(), token.expires_at, token.revocation.map(|ended| ended.at));
                    let action = Action::Invite(invitation.role);
                    within && live == TokenState::Active && action.is_opened_by(&token.scopes)
                })
            }
            _ => false,
        };
        if may { Ok(()) } else { Err(PreconditionError::SenderLost.into()) }
    }

    async fn find(self, id: &str) -> Result<Option<Invitation>, Error> {
        let id: InvitationId = id.parse().map_err(|_| UNKNOWN)?;
        let found = invitations::by_id(self.service.store(), id).await?;
        Ok(found.filter(|invitation| invitation.accepted_at.is_none()))
    }

    async fn record(
        self,
        tx: &mut Tx,
        caller: &Caller,
        action: AuditAction,
        invitation: &Invitation,
    ) -> Result<(), Error> {
        let entry = AuditEntry {
            organization: Some(invitation.organization_id),
            action,
            target: ("invitation", Some(invitation.id.0), &invitation.email),
            success: true,
            details: json!({ "role": invitation.role }),
        };
        self.service.record_by(tx, caller, entry).await
    }
}

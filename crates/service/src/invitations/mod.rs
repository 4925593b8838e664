//! Invitations: an organization asks a person in, by email, and that person accepts.

mod link;

use latchkey_domain::{Email, InvitationId, MembershipId, Role, Secret, Timestamp, TokenId, TokenState, UserId};
use latchkey_store::invitations::{self, Invitation};
use latchkey_store::{StoreError, Tx, memberships, organizations, tokens, users};
use serde_json::json;

use crate::authorization::Action;
use crate::page::{Page, check_limit};
use crate::recorder::AuditEntry;
use crate::transaction::{OrganizationLock, Write};
use crate::{AuthorizationError, Caller, Error, FieldError, Membership, PreconditionError, Service, cursor};

use link::vouches;

/// A new invitation.
#[derive(Debug)]
pub struct Invited {
    pub invitation: Invitation,
    /// Makes the account that the person does not have yet; shown once.
    pub link: Option<Secret>,
}

const UNKNOWN: Error = Error::NotFound("pending invitation");

impl Service {
    /// Invites the person of an email to be a member with a role. Who has an account finds the invitation there; for who
    /// has none, those who act on the whole instance get a link (see [`Service::join`]).
    pub async fn invite(&self, caller: &Caller, organization: &str, email: &str, role: Role) -> Result<Invited, Error> {
        let access = self.authorize(caller, organization, Action::Invite(role)).await?;
        let email = Email::new(email).map_err(|error| FieldError::new("email", error))?;
        let invitation = Invitation {
            id: InvitationId(self.new_id()),
            organization_id: access.id(),
            organization_name: access.organization.name.clone(),
            email: email.as_str().to_owned(),
            role,
            sender: caller.principal.actor(),
            created_at: self.now(),
            accepted_at: None,
        };
        let link = self.link_for(caller, &email).await?;
        let Write { mut tx, caller, access } =
            self.begin_locked(caller, &access, OrganizationLock::Members, &[]).await?;
        access.allow(&caller, Action::Invite(role))?;
        if link.is_some() && !vouches(&caller) {
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
        self.record_invitation(&mut tx, &caller, "invitation.created", &invitation).await?;
        tx.commit().await?;
        Ok(Invited { invitation, link })
    }

    /// The organization's invitations, pending or accepted, newest first.
    pub async fn sent_invitations(
        &self,
        caller: &Caller,
        organization: &str,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Page<Invitation>, Error> {
        let access = self.authorize(caller, organization, Action::ReadInvitations).await?;
        check_limit(limit)?;
        let rows = invitations::sent(self.store(), access.id(), cursor::decode_id(before)?, limit + 1).await?;
        Ok(Page::of(rows, limit, |invitation| invitation.id.to_string()))
    }

    /// Takes a pending invitation back.
    pub async fn revoke_invitation(&self, caller: &Caller, organization: &str, id: &str) -> Result<(), Error> {
        let access = self.authorize(caller, organization, Action::ReadInvitations).await?;
        let found = self.find_invitation(id).await?.filter(|found| found.organization_id == access.id());
        let invitation = found.ok_or(UNKNOWN)?;
        access.allow(caller, Action::Invite(invitation.role))?;
        let Write { mut tx, caller, .. } =
            self.begin_ending_in(caller, &access, Action::Invite(invitation.role)).await?;
        if !invitations::delete(&mut tx, invitation.id).await? {
            return Err(UNKNOWN);
        }
        self.record_invitation(&mut tx, &caller, "invitation.revoked", &invitation).await?;
        Ok(tx.commit().await?)
    }

    /// Pending invitations to the caller's email, newest first.
    pub async fn received_invitations(
        &self,
        caller: &Caller,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Page<Invitation>, Error> {
        let person = caller.principal.person().ok_or(AuthorizationError::PeopleOnly)?;
        check_limit(limit)?;
        let before = cursor::decode_id(before)?;
        let rows = invitations::received(self.store(), &person.email, before, limit + 1).await?;
        Ok(Page::of(rows, limit, |invitation| invitation.id.to_string()))
    }

    /// Makes the caller a member, by an invitation to their email. Somebody else's invitation does not exist for them.
    pub async fn accept_invitation(&self, caller: &Caller, id: &str) -> Result<Membership, Error> {
        let person = caller.principal.person().ok_or(AuthorizationError::PeopleOnly)?;
        let found = self.find_invitation(id).await?.filter(|found| found.email == person.email);
        let invitation = found.ok_or(UNKNOWN)?;
        let (organization, now) = (invitation.organization_id, self.now());
        let (mut tx, caller) = self.begin(caller).await?;
        let caller = &caller;
        self.take_invitation(&mut tx, &invitation, now).await?;
        let membership = MembershipId(self.new_id());
        let joined = memberships::insert(&mut tx, membership, organization, person.id, invitation.role, now).await;
        joined.map_err(|error| match error {
            StoreError::Conflict(_) => Error::Conflict(FieldError::new("email", "is that of a member")),
            error => error.into(),
        })?;
        self.record_invitation(&mut tx, caller, "invitation.accepted", &invitation).await?;
        tx.commit().await?;
        let joined = self.own_membership(caller, &invitation.organization_name).await?;
        joined.ok_or(Error::NotFound("membership"))
    }

    /// Uses a pending invitation up. It is worth no more than what its sender may still give.
    async fn take_invitation(&self, tx: &mut Tx, invitation: &Invitation, now: Timestamp) -> Result<(), Error> {
        if !organizations::lock(tx, invitation.organization_id).await?
            || !invitations::accept(tx, invitation.id, now).await?
        {
            return Err(UNKNOWN);
        }
        self.still_invites(tx, invitation).await
    }

    /// Refuses an invitation whose sender could not send it any more.
    async fn still_invites(&self, tx: &mut Tx, invitation: &Invitation) -> Result<(), Error> {
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
                    let live = TokenState::at(self.now(), token.expires_at, token.revocation.map(|ended| ended.at));
                    let action = Action::Invite(invitation.role);
                    within && live == TokenState::Active && action.is_opened_by(&token.scopes)
                })
            }
            _ => false,
        };
        if may { Ok(()) } else { Err(PreconditionError::SenderLost.into()) }
    }

    async fn find_invitation(&self, id: &str) -> Result<Option<Invitation>, Error> {
        let id: InvitationId = id.parse().map_err(|_| UNKNOWN)?;
        let found = invitations::by_id(self.store(), id).await?;
        Ok(found.filter(|invitation| invitation.accepted_at.is_none()))
    }

    async fn record_invitation(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        action: &'static str,
        invitation: &Invitation,
    ) -> Result<(), Error> {
        let happened = AuditEntry {
            organization: Some(invitation.organization_id),
            action,
            target: ("invitation", Some(invitation.id.0), &invitation.email),
            success: true,
            details: json!({ "role": invitation.role }),
        };
        self.record(tx, &caller.principal.actor(), &caller.origin, happened).await
    }
}

//! Invitations of people who have no account yet: a one-time link makes it.

use latchkey_domain::{AuditAction, Email, Level, MembershipId, Password, Secret, SecretKind, UserId};
use latchkey_store::invitations::{self, Invitation};
use latchkey_store::{StoreError, memberships, users, users::User};
use serde_json::json;

use super::UNKNOWN;
use crate::passwords::Source;
use crate::recorder::AuditEntry;
use crate::sign_in::{Buckets, source_of};
use crate::transaction::Purpose;
use crate::{Browser, Caller, Error, FieldError, Invitations, Origin, Principal, SignedIn};

/// A link works for so long.
const LINK_DAYS: i64 = 7;

/// Whether the caller acts on the whole instance.
pub(super) fn vouches(caller: &Caller) -> bool {
    match &caller.principal {
        Principal::Session(person) | Principal::UserToken(person) => person.instance_admin,
        Principal::ApiToken(token) => token.level == Level::Instance,
    }
}

impl Invitations<'_> {
    /// A link, if the email has no account and the caller acts on the whole instance. Nobody else may vouch for whose an
    /// email is: an organization could make itself an account of somebody's email, and with it accept what others send
    /// there.
    pub(super) async fn link_for(self, caller: &Caller, email: &Email) -> Result<Option<Secret>, Error> {
        if !vouches(caller) || users::by_email(self.service.store(), email.as_str()).await?.is_some() {
            return Ok(None);
        }
        Ok(Some(self.service.new_secret(SecretKind::Invitation)))
    }

    /// The pending invitation of a link, while the link works.
    pub async fn by_link(self, link: &str) -> Result<Option<Invitation>, Error> {
        let secret = Secret::parse(link).ok().filter(|secret| secret.kind() == SecretKind::Invitation);
        let Some(secret) = secret else { return Ok(None) };
        Ok(invitations::by_link(self.service.store(), &secret.hash(), self.service.now().plus_days(-LINK_DAYS)).await?)
    }

    /// Uses a link up: makes the account with the email of the invitation, the membership, and signs the person in.
    /// Authorized by the link.
    pub async fn join(
        self,
        origin: &Origin,
        browser: Browser<'_>,
        link: &str,
        password: &str,
    ) -> Result<SignedIn, Error> {
        // What costs little comes first: nobody without the link has a password hashed.
        let room = self.service.inner.passwords.enter(Source::Network(source_of(origin.address)))?;
        let guess = self.service.count_guess(Buckets::of_link(origin.address)).await?;
        let invitation = self.by_link(link).await?.ok_or(UNKNOWN)?;
        self.service.give_back(&guess).await?;
        let email = Email::stored(&invitation.email);
        let password = Password::chosen(password).map_err(|error| FieldError::new("password", error))?;
        let password_hash =
            self.service.inner.passwords.hash_in(room, password, self.service.inner.random.as_ref()).await?;
        let (id, now, organization) = (UserId(self.service.new_id()), self.service.now(), invitation.organization_id);
        let user =
            User { id, email: invitation.email.clone(), instance_admin: false, created_at: now, locked_at: None };

        let mut tx = self.service.begin_system(Purpose::Request).await?;
        self.take(&mut tx, &invitation, now).await?;
        users::insert(&mut tx, id, &email, Some(&password_hash), false, now).await.map_err(|error| match error {
            StoreError::Conflict(_) => {
                Error::Conflict(FieldError::new("email", "has an account by now; sign in to accept the invitation"))
            }
            error => error.into(),
        })?;
        memberships::insert(&mut tx, MembershipId(self.service.new_id()), organization, id, invitation.role, now)
            .await?;
        let signed_in = self.service.open_session(&mut tx, origin, browser, user.clone(), &password_hash).await?;
        let caller = Caller { principal: Principal::Session(signed_in.person.clone()), origin: origin.clone() };
        let entry = AuditEntry {
            organization: None,
            action: AuditAction::UserCreated,
            target: ("user", Some(id.0), &user.email),
            success: true,
            details: json!({ "invitation": invitation.id }),
        };
        self.service.record_by(&mut tx, &caller, entry).await?;
        self.record(&mut tx, &caller, AuditAction::InvitationAccepted, &invitation).await?;
        tx.commit().await?;
        Ok(signed_in)
    }
}

use latchkey_domain::{AuditAction, CredentialId, Password};
use latchkey_store::{Tx, credentials, tokens::Actor, users, users::User};
use serde_json::json;

use super::{administers_instance, on_user, own_or_any};
use crate::{AuthenticationError, AuthorizationError, Caller, Error, FieldError, Origin, RenewedSession, Users};

impl Users<'_> {
    /// Sets a password, which ends all that the account is signed in with, but for the session or token that asks. For
    /// one's own, the current password is asked for and guesses at it are counted; instance admins set anybody's. A session
    /// that asks for its own password gets a new id.
    pub async fn set_password(
        self,
        caller: &Caller,
        user: &str,
        current: Option<&str>,
        new: &str,
    ) -> Result<Option<RenewedSession>, Error> {
        let person = caller.principal.person().ok_or(AuthorizationError::PeopleOnly)?;
        let id = own_or_any(caller, user)?;
        let own = id == person.id;
        let new = Password::chosen(new).map_err(|error| FieldError::new("newPassword", error))?;
        if own {
            let current = current.ok_or_else(|| FieldError::new("currentPassword", "is missing"))?;
            match self.service.check_password(&caller.origin, &person.email, current).await {
                Err(Error::Unauthenticated(AuthenticationError::Password)) => {
                    return Err(FieldError::new("currentPassword", "is wrong").into());
                }
                checked => checked?,
            };
        }
        let hash = self.service.inner.passwords.hash(new, self.service.inner.random.as_ref()).await?;
        let (mut tx, caller, user) = self.service.begin_on_user(caller, id).await?;
        if !own {
            administers_instance(&caller)?;
        }
        let keep = caller.principal.person().map(|person| person.credential);
        self.replace_password(&mut tx, &caller.principal.actor(), &caller.origin, &user, &hash, keep).await?;
        let renewed = if own { self.service.renew_session(&mut tx, &caller).await? } else { None };
        tx.commit().await?;
        Ok(renewed)
    }

    /// On a user that is locked in the transaction.
    pub(super) async fn replace_password(
        self,
        tx: &mut Tx,
        actor: &Actor,
        origin: &Origin,
        user: &User,
        hash: &str,
        keep: Option<CredentialId>,
    ) -> Result<(), Error> {
        users::set_password(tx, user.id, hash).await?;
        let ended = credentials::end_all(tx, user.id, keep).await?;
        self.service
            .record(tx, actor, origin, on_user(AuditAction::UserPasswordSet, user, json!({ "ended": ended })))
            .await
    }
}

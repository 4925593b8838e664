//! People's accounts: locking them, their passwords, and what they are signed in with. By their owner, by an instance
//! admin, and by the operator's shell.

mod credentials;
mod operator;
mod password;

use latchkey_domain::{AuditAction, UserId};
use latchkey_store::{Tx, credentials as stored, tokens::Actor, users, users::User};
use serde_json::json;

pub use credentials::SignedInWith;
pub use operator::Ended;

use crate::page::{Page, check_limit};
use crate::recorder::AuditEntry;
use crate::transaction::retry_on_deadlock;
use crate::{AuthorizationError, Caller, Error, FieldError, Origin, Users, cursor};

const UNKNOWN: Error = Error::NotFound("user");

impl Users<'_> {
    /// Everybody who has an account, by email. Instance admins only.
    pub async fn list(self, caller: &Caller, after: Option<&str>, limit: u32) -> Result<Page<User>, Error> {
        administers_instance(caller)?;
        check_limit(limit)?;
        let rows = users::list(self.service.store(), &cursor::decode_text(after)?, limit + 1).await?;
        Ok(Page::of(rows, limit, |user| cursor::encode_text(&user.email)))
    }

    /// The caller's own account.
    pub async fn current(self, caller: &Caller) -> Result<User, Error> {
        let person = caller.principal.person().ok_or(AuthorizationError::PeopleOnly)?;
        users::by_id(self.service.store(), person.id).await?.ok_or(UNKNOWN)
    }

    /// One account: the caller's own, or anybody's for instance admins. `me` names the caller.
    pub async fn get(self, caller: &Caller, id: &str) -> Result<User, Error> {
        let id = own_or_any(caller, id)?;
        users::by_id(self.service.store(), id).await?.ok_or(UNKNOWN)
    }

    /// Locks an account, which ends all that its owner is signed in with, or opens it again. Instance admins only, and
    /// not for their own.
    pub async fn set_locked(self, caller: &Caller, id: &str, locked: bool) -> Result<User, Error> {
        administers_instance(caller)?;
        let id = own_or_any(caller, id)?;
        retry_on_deadlock(|| async move {
            let (mut tx, caller, user) = self.service.begin_on_user(caller, id).await?;
            if administers_instance(&caller)? == id {
                return Err(Error::Conflict(FieldError::new("locked", "can't be set for your own account")));
            }
            let user = self.lock_user(&mut tx, &caller.principal.actor(), &caller.origin, user, locked).await?;
            tx.commit().await?;
            Ok(user)
        })
        .await
    }

    /// On a user that is locked in the transaction.
    async fn lock_user(
        self,
        tx: &mut Tx,
        actor: &Actor,
        origin: &Origin,
        user: User,
        locked: bool,
    ) -> Result<User, Error> {
        if user.locked_at.is_some() == locked {
            return Ok(user);
        }
        let locked_at = locked.then(|| self.service.now());
        users::set_locked(tx, user.id, locked_at).await?;
        let ended = if locked { stored::end_all(tx, user.id, None).await? } else { 0 };
        let action = if locked { AuditAction::UserLocked } else { AuditAction::UserUnlocked };
        self.service.record(tx, actor, origin, on_user(action, &user, json!({ "ended": ended }))).await?;
        Ok(User { locked_at, ..user })
    }
}

fn on_user<'a>(action: AuditAction, user: &'a User, details: serde_json::Value) -> AuditEntry<'a> {
    AuditEntry { organization: None, action, target: ("user", Some(user.id.0), &user.email), success: true, details }
}

/// Refuses everybody but instance admins; returns who they are.
pub(crate) fn administers_instance(caller: &Caller) -> Result<UserId, Error> {
    let person = caller.principal.person().ok_or(AuthorizationError::PeopleOnly)?;
    if person.instance_admin { Ok(person.id) } else { Err(AuthorizationError::InstanceAdminOnly.into()) }
}

/// The account that an id or `me` names, if it is the caller's business. Somebody else's does not exist for them.
fn own_or_any(caller: &Caller, id: &str) -> Result<UserId, Error> {
    let person = caller.principal.person().ok_or(AuthorizationError::PeopleOnly)?;
    let id = if id == "me" { person.id } else { id.parse().map_err(|_| UNKNOWN)? };
    if person.instance_admin || person.id == id { Ok(id) } else { Err(UNKNOWN) }
}

use latchkey_domain::{AuditAction, CredentialId};
use latchkey_store::credentials::{self, Credential, CredentialKind, Live};
use latchkey_store::{Tx, tokens::Actor, users, users::User};
use serde_json::json;

use super::{UNKNOWN, on_user, own_or_any};
use crate::page::{Page, check_limit};
use crate::sessions::live_since;
use crate::transaction::retry_on_deadlock;
use crate::{Caller, Credentials, Error, Origin, cursor};

const NO_CREDENTIAL: Error = Error::NotFound("session or user token");

/// One of the things that a person is signed in with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedInWith {
    pub credential: Credential,
    /// The one that asks.
    pub current: bool,
}

impl Credentials<'_> {
    /// The sessions and user tokens that an account is signed in with, newest first: the caller's own, or anybody's for
    /// instance admins.
    pub async fn list(
        self,
        caller: &Caller,
        user: &str,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Page<SignedInWith>, Error> {
        let user = own_or_any(caller, user)?;
        check_limit(limit)?;
        users::by_id(self.service.store(), user).await?.ok_or(UNKNOWN)?;
        let now = self.service.now();
        let since = live_since(now);
        let live = Live { made_since: since.created_at, seen_since: since.last_seen_at, now };
        let before = cursor::decode_id(before)?;
        let rows = credentials::of_user(self.service.store(), user, live, before, limit + 1).await?;
        let page = Page::of(rows, limit, |credential| credential.id.to_string());
        let own = caller.principal.person().map(|person| person.credential);
        Ok(page.map(|credential| SignedInWith { current: own == Some(credential.id), credential }))
    }

    /// Ends a session or user token, at once and for good. `current` names the one that asks.
    pub async fn end(self, caller: &Caller, user: &str, id: &str) -> Result<(), Error> {
        let user = own_or_any(caller, user)?;
        let id = match (id, caller.principal.person()) {
            ("current", Some(person)) if person.id == user => person.credential,
            _ => id.parse().map_err(|_| NO_CREDENTIAL)?,
        };
        retry_on_deadlock(|| async move {
            let (mut tx, caller, user) = self.service.begin_on_user(caller, user).await?;
            own_or_any(&caller, &user.id.to_string())?;
            self.end_one(&mut tx, &caller.principal.actor(), &caller.origin, &user, id).await?;
            Ok(tx.commit().await?)
        })
        .await
    }

    /// Ends all sessions and user tokens of an account, but for the one that asks; returns how many.
    pub async fn end_all(self, caller: &Caller, user: &str) -> Result<u64, Error> {
        let user = own_or_any(caller, user)?;
        retry_on_deadlock(|| async move {
            let (mut tx, caller, user) = self.service.begin_on_user(caller, user).await?;
            own_or_any(&caller, &user.id.to_string())?;
            let own = caller.principal.person().map(|person| person.credential);
            let ended = self.end_all_of(&mut tx, &caller.principal.actor(), &caller.origin, &user, own).await?;
            tx.commit().await?;
            Ok(ended)
        })
        .await
    }

    pub(super) async fn end_one(
        self,
        tx: &mut Tx,
        actor: &Actor,
        origin: &Origin,
        user: &User,
        id: CredentialId,
    ) -> Result<(), Error> {
        let action = match credentials::end(tx, user.id, id).await? {
            Some(CredentialKind::Session) => AuditAction::SessionEnded,
            Some(CredentialKind::UserToken) => AuditAction::UserTokenEnded,
            None => return Err(NO_CREDENTIAL),
        };
        self.service.record(tx, actor, origin, on_user(action, user, json!({ "id": id }))).await
    }

    pub(super) async fn end_all_of(
        self,
        tx: &mut Tx,
        actor: &Actor,
        origin: &Origin,
        user: &User,
        except: Option<CredentialId>,
    ) -> Result<u64, Error> {
        let ended = credentials::end_all(tx, user.id, except).await?;
        self.service
            .record(tx, actor, origin, on_user(AuditAction::UserSignedOut, user, json!({ "ended": ended })))
            .await?;
        Ok(ended)
    }
}
